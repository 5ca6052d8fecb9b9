//! Sign-ins: short session tokens and rotating refresh tokens, both kept as hashes only.
//!
//! Valid sessions are also in memory, because every heartbeat shows one.

use crate::error::PoolError;
use crate::guarded::Guarded;
use crate::users::User;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore;
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

/// SHA-256 of a token.
pub(crate) type TokenHash = [u8; 32];

/// How long a refresh token that was used already still works, so that a lost answer locks nobody out.
const REUSE_GRACE_MS: i64 = 60_000;

/// A new pair of tokens.
#[derive(Clone)]
pub struct Tokens {
    /// Shown with every call.
    pub session: String,
    /// When it ends, in milliseconds since the epoch.
    pub session_expires_ms: i64,
    /// Exchanged for the next pair.
    pub refresh: String,
    /// When it ends, in milliseconds since the epoch.
    pub refresh_expires_ms: i64,
    /// Whose they are.
    pub user: User,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Who a session token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: User,
    pub(crate) family: String,
    expires_ms: i64,
}

/// A token as it is made: the secret, and the hash that is kept.
fn token() -> (String, TokenHash) {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    let text = URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash(&text);
    (text, hash)
}

pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Lives of the two tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives {
    pub(crate) session: Duration,
    pub(crate) refresh: Duration,
}

/// Makes a pair for a new sign-in, or for the family of an older one.
pub(crate) fn issue(
    t: &Transaction<'_>,
    user: &User,
    install_id: &str,
    family: Option<String>,
    lives: Lives,
    now_ms: i64,
) -> Result<(Tokens, TokenHash, Session), PoolError> {
    let family = family.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let (session, session_hash) = token();
    let (refresh, refresh_hash) = token();
    let session_expires_ms = now_ms.saturating_add(crate::clock::ms(lives.session));
    let refresh_expires_ms = now_ms.saturating_add(crate::clock::ms(lives.refresh));
    t.execute("DELETE FROM sessions WHERE expires_ms <= ?1", [now_ms])?;
    t.execute("DELETE FROM refresh_tokens WHERE expires_ms <= ?1", [now_ms])?;
    t.execute(
        "INSERT INTO sessions (hash, family, user_id, expires_ms) VALUES (?1, ?2, ?3, ?4)",
        params![session_hash, family, user.id, session_expires_ms],
    )?;
    t.execute(
        "INSERT INTO refresh_tokens (hash, family, user_id, install_id, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![refresh_hash, family, user.id, install_id, refresh_expires_ms],
    )?;
    let tokens = Tokens { session, session_expires_ms, refresh, refresh_expires_ms, user: user.clone() };
    let known = Session { user: user.clone(), family, expires_ms: session_expires_ms };
    Ok((tokens, session_hash, known))
}

/// What became of a refresh token.
pub(crate) enum Rotation {
    /// The next pair.
    Issued(Box<(Tokens, TokenHash, Session)>),
    /// It was used long ago: somebody has a copy, so the whole sign-in is over.
    Revoked(String),
    /// Unknown, ended, or of another installation.
    Unknown,
}

/// Exchanges a refresh token.
pub(crate) fn rotate(
    t: &Transaction<'_>,
    refresh: &TokenHash,
    install_id: &str,
    lives: Lives,
    now_ms: i64,
) -> Result<Rotation, PoolError> {
    let found = t
        .prepare_cached(
            "SELECT r.family, r.used_ms, u.id, u.username FROM refresh_tokens r JOIN users u ON u.id = r.user_id
             WHERE r.hash = ?1 AND r.install_id = ?2 AND r.expires_ms > ?3",
        )?
        .query_row(params![refresh, install_id, now_ms], |r| {
            let user = User { id: r.get(2)?, username: r.get(3)? };
            Ok((r.get::<_, String>(0)?, r.get::<_, Option<i64>>(1)?, user))
        })
        .optional()?;
    let Some((family, used_ms, user)) = found else { return Ok(Rotation::Unknown) };
    if used_ms.is_some_and(|used| now_ms.saturating_sub(used) > REUSE_GRACE_MS) {
        revoke(t, &family)?;
        return Ok(Rotation::Revoked(family));
    }
    t.execute(
        "UPDATE refresh_tokens SET used_ms = coalesce(used_ms, ?2) WHERE hash = ?1",
        params![refresh, now_ms],
    )?;
    Ok(Rotation::Issued(Box::new(issue(t, &user, install_id, Some(family), lives, now_ms)?)))
}

/// Ends a sign-in.
pub(crate) fn revoke(t: &Transaction<'_>, family: &str) -> Result<(), PoolError> {
    t.execute("DELETE FROM sessions WHERE family = ?1", [family])?;
    t.execute("DELETE FROM refresh_tokens WHERE family = ?1", [family])?;
    Ok(())
}

/// The valid sessions, in memory.
#[derive(Debug, Default)]
pub(crate) struct SessionCache(Guarded<HashMap<TokenHash, Session>>);

impl SessionCache {
    /// Everything that is still valid, after a restart.
    pub(crate) fn load(t: &Transaction<'_>, now_ms: i64) -> Result<Self, PoolError> {
        let mut query = t.prepare(
            "SELECT s.hash, s.family, s.expires_ms, u.id, u.username FROM sessions s
             JOIN users u ON u.id = s.user_id WHERE s.expires_ms > ?1",
        )?;
        let sessions = query
            .query_map([now_ms], |r| {
                let user = User { id: r.get(3)?, username: r.get(4)? };
                Ok((r.get(0)?, Session { user, family: r.get(1)?, expires_ms: r.get(2)? }))
            })?
            .collect::<Result<HashMap<TokenHash, Session>, _>>()?;
        Ok(Self(Guarded::new(sessions)))
    }

    pub(crate) fn insert(&self, hash: TokenHash, session: Session) {
        self.0.with(|sessions| sessions.insert(hash, session));
    }

    pub(crate) fn drop_family(&self, family: &str) {
        self.0.with(|sessions| sessions.retain(|_, s| s.family != family));
    }

    pub(crate) fn drop_ended(&self, now_ms: i64) {
        self.0.with(|sessions| sessions.retain(|_, s| s.expires_ms > now_ms));
    }

    /// Who shows this token. A token that ended stays known until the next sweep, so that its bearer hears that
    /// a refresh will do.
    pub(crate) fn find(&self, token: &str, now_ms: i64) -> Result<Session, PoolError> {
        let found = self.0.with(|sessions| sessions.get(&hash(token)).cloned());
        match found {
            None => Err(PoolError::SignInNeeded),
            Some(session) if session.expires_ms <= now_ms => Err(PoolError::SessionExpired),
            Some(session) => Ok(session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::blank;
    use crate::users;

    const LIVES: Lives = Lives { session: Duration::from_secs(900), refresh: Duration::from_secs(86_400) };

    fn rotated(rotation: Rotation) -> Tokens {
        match rotation {
            Rotation::Issued(issued) => issued.0,
            Rotation::Revoked(_) | Rotation::Unknown => panic!("no new tokens"),
        }
    }

    #[test]
    fn a_refresh_token_rotates_survives_a_lost_answer_and_betrays_a_copy() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let ann = users::insert(&t, "ann", "h", 0, 0).unwrap();
        let (first, ..) = issue(&t, &ann, "i1", None, LIVES, 0).unwrap();
        let second = rotated(rotate(&t, &hash(&first.refresh), "i1", LIVES, 10).unwrap());
        let again = rotated(rotate(&t, &hash(&first.refresh), "i1", LIVES, 1000).unwrap());
        assert_ne!(second.refresh, again.refresh);
        let other = rotate(&t, &hash(&second.refresh), "i2", LIVES, 1000).unwrap();
        assert!(matches!(other, Rotation::Unknown), "bound to the installation");
        let copied = rotate(&t, &hash(&first.refresh), "i1", LIVES, 10 + REUSE_GRACE_MS + 1).unwrap();
        assert!(matches!(copied, Rotation::Revoked(_)));
        let dead = rotate(&t, &hash(&again.refresh), "i1", LIVES, 200_000).unwrap();
        assert!(matches!(dead, Rotation::Unknown), "the whole family is over");
    }

    #[test]
    fn only_hashes_are_stored_and_sessions_come_back() {
        let mut connection = blank();
        let t = connection.transaction().unwrap();
        let ann = users::insert(&t, "ann", "h", 0, 0).unwrap();
        let (tokens, ..) = issue(&t, &ann, "i1", None, LIVES, 0).unwrap();
        let stored: Vec<u8> = t.query_row("SELECT hash FROM sessions", [], |r| r.get(0)).unwrap();
        assert_ne!(stored, tokens.session.as_bytes());
        let cache = SessionCache::load(&t, 0).unwrap();
        assert_eq!(cache.find(&tokens.session, 0).unwrap().user, ann);
        assert!(matches!(cache.find(&tokens.session, 900_000), Err(PoolError::SessionExpired)));
        assert!(matches!(cache.find("other", 0), Err(PoolError::SignInNeeded)));
    }
}
