//! The pool's proof that a call comes from it: a JWT signed with Ed25519 (RFC 7515, RFC 8037), of one form only.
//!
//! One algorithm, one head, six claims: less than a library for tokens of every kind would accept.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use std::collections::HashMap;

/// The key that the network's own worker is given, as it is published; another one can be set.
pub(crate) const NETWORK_KEY: &str = "MCowBQYDK2VwAyEAfG12U4EBcWCj7yKaZUhlUmPvRtLEAZshKvN2WyL7EPs=";
/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const ROLE: &str = "worker-execution";
/// Largest token that is read.
const MOST_BYTES: usize = 4096;
/// How far clocks may be apart.
const LEEWAY: i64 = 60;
/// Longest life that a token is believed to have; the network's last 300 s.
const LONGEST: i64 = 900;
/// Used tokens that are remembered. Each carries a good signature, so that only the pool can fill this.
const MOST_USED: usize = 4096;

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Doubt {
    #[error("the token cannot be read")]
    Unreadable,
    #[error("the token is not signed with the pool's key")]
    Forged,
    #[error("the token has expired, or the clocks are more than a minute apart")]
    Expired,
    #[error("the token is for something else than running tasks")]
    OtherRole,
    #[error("the token is for another task")]
    OtherTask,
    #[error("the token is for another worker")]
    OtherWorker,
    #[error("the token was used before")]
    Used,
}

/// The pool's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// Proves nothing.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Reads SubjectPublicKeyInfo as PEM, with real or written line ends, or as bare base64.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines = text.trim().replace("\\n", "\n");
        let body: String = lines.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let bytes = STANDARD.decode(body).ok()?;
        let key = bytes.strip_prefix(&SPKI)?;
        Some(Self(key.try_into().ok()?))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    role: Option<String>,
    task_id: Option<String>,
    worker_id: Option<String>,
    iat: i64,
    exp: i64,
}

/// A token that was believed, by its digest.
pub(crate) type Mark = [u8; 32];

/// Checks a token for this task and this worker at `now`, seconds since the Unix epoch.
pub(crate) fn check(
    token: &str,
    key: &Key,
    task: &str,
    worker: &str,
    now: i64,
) -> Result<(Mark, i64), Doubt> {
    if token.len() > MOST_BYTES {
        return Err(Doubt::Unreadable);
    }
    let (signed, proof) = token.rsplit_once('.').ok_or(Doubt::Unreadable)?;
    let (head, claims) = signed.split_once('.').ok_or(Doubt::Unreadable)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Doubt::Unreadable);
    let proof = decode(proof)?;
    let head: Head = serde_json::from_slice(&decode(head)?).map_err(|_| Doubt::Unreadable)?;
    if head.alg != "EdDSA" || head.typ.is_some_and(|typ| typ != "JWT") {
        return Err(Doubt::Unreadable);
    }
    let verified = UnparsedPublicKey::new(&ED25519, &key.0).verify(signed.as_bytes(), &proof);
    verified.map_err(|_| Doubt::Forged)?;
    // Signed by the pool: what follows is about its meaning.
    let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| Doubt::Unreadable)?;
    let life = claims.exp.saturating_sub(claims.iat);
    let timely = now <= claims.exp.saturating_add(LEEWAY)
        && now >= claims.iat.saturating_sub(LEEWAY)
        && (0..=LONGEST).contains(&life);
    if !timely {
        return Err(Doubt::Expired);
    }
    if claims.role.as_deref() != Some(ROLE) {
        return Err(Doubt::OtherRole);
    }
    if claims.task_id.as_deref() != Some(task) {
        return Err(Doubt::OtherTask);
    }
    if claims.worker_id.as_deref() != Some(worker) {
        return Err(Doubt::OtherWorker);
    }
    let mark = digest(&SHA256, token.as_bytes()).as_ref().try_into().map_err(|_| Doubt::Unreadable)?;
    Ok((mark, claims.exp.saturating_add(LEEWAY)))
}

/// Tokens that were used, until they end.
#[derive(Debug, Default)]
pub(crate) struct Used(HashMap<Mark, i64>);

impl Used {
    /// Notes a token; false where it was used before, or where there is no room to remember it.
    pub(crate) fn note(&mut self, mark: Mark, until: i64, now: i64) -> bool {
        if self.0.len() >= MOST_USED {
            self.0.retain(|_, end| *end >= now);
        }
        if self.0.len() >= MOST_USED || self.0.contains_key(&mark) {
            return false;
        }
        self.0.insert(mark, until);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    const NOW: i64 = 1_800_000_000;

    struct Signer(Ed25519KeyPair);

    impl Signer {
        fn new(seed: u8) -> Self {
            Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
        }

        fn key(&self) -> Key {
            Key(self.0.public_key().as_ref().try_into().unwrap())
        }

        fn token(&self, head: &str, claims: &str) -> String {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
            let proof = self.0.sign(signed.as_bytes());
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(proof.as_ref()))
        }
    }

    const HEAD: &str = "{\"typ\":\"JWT\",\"alg\":\"EdDSA\"}";

    fn claims(role: &str, task: &str, worker: &str, iat: i64, exp: i64) -> String {
        format!(
            "{{\"sub\":\"u\",\"user_id\":\"u\",\"role\":\"{role}\",\"task_id\":\"{task}\",\
            \"worker_id\":\"{worker}\",\"iat\":{iat},\"exp\":{exp}}}"
        )
    }

    #[test]
    fn a_token_of_the_pool_is_believed_for_its_task_worker_and_time() {
        let signer = Signer::new(1);
        let good = signer.token(HEAD, &claims(ROLE, "t", "w", NOW, NOW + 300));
        for now in [NOW - LEEWAY, NOW, NOW + 300, NOW + 300 + LEEWAY] {
            assert!(check(&good, &signer.key(), "t", "w", now).is_ok(), "{now}");
        }
        for (doubt, token, task, worker, now) in [
            (Doubt::Expired, good.clone(), "t", "w", NOW + 301 + LEEWAY),
            (Doubt::Expired, good.clone(), "t", "w", NOW - LEEWAY - 1),
            (Doubt::OtherTask, good.clone(), "u", "w", NOW),
            (Doubt::OtherWorker, good.clone(), "t", "v", NOW),
            (Doubt::OtherRole, signer.token(HEAD, &claims("worker", "t", "w", NOW, NOW + 9)), "t", "w", NOW),
            (Doubt::Expired, signer.token(HEAD, &claims(ROLE, "t", "w", NOW, NOW + 901)), "t", "w", NOW),
            (Doubt::Expired, signer.token(HEAD, &claims(ROLE, "t", "w", NOW, NOW - 1)), "t", "w", NOW),
            (Doubt::Expired, signer.token(HEAD, &claims(ROLE, "t", "w", i64::MIN, i64::MAX)), "t", "w", NOW),
            (Doubt::Forged, Signer::new(2).token(HEAD, &claims(ROLE, "t", "w", NOW, NOW + 9)), "t", "w", NOW),
            (
                Doubt::Unreadable,
                signer.token("{\"alg\":\"none\"}", &claims(ROLE, "t", "w", NOW, NOW + 9)),
                "t",
                "w",
                NOW,
            ),
            (
                Doubt::Unreadable,
                signer.token("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", &claims(ROLE, "t", "w", NOW, NOW + 9)),
                "t",
                "w",
                NOW,
            ),
            (
                Doubt::Unreadable,
                signer.token("{\"alg\":\"EdDSA\",\"jwk\":{}}", &claims(ROLE, "t", "w", NOW, NOW + 9)),
                "t",
                "w",
                NOW,
            ),
            (Doubt::Unreadable, signer.token(HEAD, "{}"), "t", "w", NOW),
            (Doubt::Unreadable, String::new(), "t", "w", NOW),
            (Doubt::Unreadable, "..".into(), "t", "w", NOW),
            (Doubt::Unreadable, "a".repeat(5000), "t", "w", NOW),
        ] {
            assert_eq!(check(&token, &signer.key(), task, worker, now).unwrap_err(), doubt, "{token:.60}");
        }
        // Another part of it changed: the signature no longer fits.
        let mut parts: Vec<&str> = good.split('.').collect();
        let other = URL_SAFE_NO_PAD.encode(claims(ROLE, "t", "w", NOW, NOW + 301));
        parts[1] = &other;
        assert_eq!(check(&parts.join("."), &signer.key(), "t", "w", NOW).unwrap_err(), Doubt::Forged);
    }

    #[test]
    fn a_used_token_is_remembered_until_it_ends() {
        let mut used = Used::default();
        assert!(used.note([1; 32], NOW + 10, NOW) && !used.note([1; 32], NOW + 10, NOW));
        for number in 0..10_000_u32 {
            let mut mark = [2; 32];
            mark[..4].copy_from_slice(&number.to_be_bytes());
            used.note(mark, NOW + 10, NOW);
        }
        assert_eq!(used.0.len(), MOST_USED);
        assert!(!used.note([3; 32], NOW + 99, NOW), "no room, no belief");
        assert!(used.note([3; 32], NOW + 99, NOW + 11), "what has ended makes room");
    }

    #[test]
    fn keys_are_read_as_they_are_published() {
        let key = Key::parse(NETWORK_KEY).expect("the network's");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{NETWORK_KEY}\n-----END PUBLIC KEY-----\n");
        assert_eq!(Key::parse(&pem), Some(key.clone()));
        assert_eq!(Key::parse(&pem.replace('\n', "\\n")), Some(key));
        for text in ["", "nonsense", "MCowBQYDK2VwAyEA", &NETWORK_KEY.replace("MCow", "MCox"), "AAAA"] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
