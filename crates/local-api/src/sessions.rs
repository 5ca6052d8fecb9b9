//! Which browsers may speak: one-time codes and the sessions they are exchanged for.
//!
//! Everything lives in memory: after a restart of the worker a browser is paired anew. A cookie belongs to a host
//! name, not to a port, so another server on this computer's loopback can see it; its name holds our port to keep two
//! workers apart, and the guard refuses pages of other ports by their origin.

use hivemind_control::{ApiError, ErrorCode, PairingCode};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};
use tokio::time::Instant;

const CODE_LIFE: Duration = Duration::from_secs(120);
const MAX_CODES: usize = 8;
/// Wrong codes after which all open codes are void. A code has 128 bits; this only ends noise.
const MAX_WRONG: u32 = 16;
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const MAX_SESSIONS: usize = 32;

/// Codes and sessions of all browsers.
#[derive(Debug, Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    address: Option<SocketAddr>,
    codes: Vec<Code>,
    wrong: u32,
    sessions: Vec<Session>,
}

// Secrets stay out of logs.
impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("address", &self.address)
            .field("codes", &self.codes.len())
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}

struct Code {
    secret: [u8; 16],
    expires: Instant,
}

struct Session {
    secret: [u8; 32],
    used: Instant,
}

impl Sessions {
    /// No codes and no sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A code that pairs one browser once within two minutes.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] while no browser listener runs (its port was taken), or without random numbers.
    pub fn new_code(&self) -> Result<PairingCode, ApiError> {
        let secret = random::<16>()?;
        let now = Instant::now();
        let mut inner = self.lock();
        let Some(address) = inner.address else {
            return Err(ApiError::new(
                ErrorCode::Internal,
                "The monitor page is not served: its port could not be opened. See the log, or choose another port.",
            ));
        };
        inner.codes.retain(|c| c.expires > now);
        if inner.codes.len() >= MAX_CODES {
            inner.codes.remove(0);
        }
        inner.codes.push(Code { secret, expires: now + CODE_LIFE });
        Ok(PairingCode {
            url: format!("http://{address}/pair?code={}", hex::encode(secret)),
            expires_in_seconds: u32::try_from(CODE_LIFE.as_secs()).unwrap_or(u32::MAX),
        })
    }

    /// A session for a program that reads `/metrics`: the value of `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] without random numbers.
    pub fn new_token(&self) -> Result<String, ApiError> {
        let secret = random::<32>()?;
        let now = Instant::now();
        let mut inner = self.lock();
        inner.sessions.retain(|s| now.duration_since(s.used) < SESSION_IDLE);
        if inner.sessions.len() >= MAX_SESSIONS
            && let Some(oldest) = (0..inner.sessions.len()).min_by_key(|&i| inner.sessions[i].used)
        {
            inner.sessions.swap_remove(oldest);
        }
        inner.sessions.push(Session { secret, used: now });
        Ok(hex::encode(secret))
    }

    /// Ends every session and voids every code.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.codes.clear();
        inner.sessions.clear();
    }

    /// Exchanges a code for the token of a new session; `None` when the code is wrong, used or too old.
    pub(crate) fn redeem(&self, code: &str) -> Option<String> {
        let now = Instant::now();
        let mut given = [0_u8; 16];
        let shaped = hex::decode_to_slice(code, &mut given).is_ok();
        let matched = {
            let mut inner = self.lock();
            inner.codes.retain(|c| c.expires > now);
            let mut found = None;
            for (index, code) in inner.codes.iter().enumerate() {
                if bool::from(code.secret.ct_eq(&given) & Choice::from(u8::from(shaped))) {
                    found = Some(index);
                }
            }
            if let Some(index) = found {
                inner.codes.remove(index);
                inner.wrong = 0;
            } else if !inner.codes.is_empty() {
                inner.wrong += 1;
                if inner.wrong >= MAX_WRONG {
                    tracing::warn!(
                        tries = inner.wrong,
                        "too many wrong pairing codes; all open codes are void"
                    );
                    inner.codes.clear();
                    inner.wrong = 0;
                }
            }
            found.is_some()
        };
        if matched { self.new_token().ok() } else { None }
    }

    /// Whether `token` names a session that was used within the last 30 days; using it counts.
    pub(crate) fn admit(&self, token: &str) -> bool {
        let mut given = [0_u8; 32];
        if hex::decode_to_slice(token, &mut given).is_err() {
            return false;
        }
        let now = Instant::now();
        let mut inner = self.lock();
        inner.sessions.retain(|s| now.duration_since(s.used) < SESSION_IDLE);
        let mut admitted = false;
        for session in &mut inner.sessions {
            if bool::from(session.secret.ct_eq(&given)) {
                session.used = now;
                admitted = true;
            }
        }
        admitted
    }

    pub(crate) fn serve_at(&self, address: Option<SocketAddr>) {
        self.lock().address = address;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|e| {
        ApiError::new(ErrorCode::Internal, format!("The system gives no random numbers: {e}"))
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served() -> Sessions {
        let sessions = Sessions::new();
        sessions.serve_at(Some(([127, 0, 0, 1], 5001).into()));
        sessions
    }

    fn code(sessions: &Sessions) -> String {
        let pairing = sessions.new_code().unwrap();
        pairing.url.strip_prefix("http://127.0.0.1:5001/pair?code=").unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_works_once_within_two_minutes() {
        let sessions = served();
        let first = code(&sessions);
        assert_eq!(first.len(), 32, "128 bits");
        let token = sessions.redeem(&first).unwrap();
        assert!(sessions.admit(&token));
        assert_eq!(sessions.redeem(&first), None, "replayed");
        let second = code(&sessions);
        tokio::time::advance(CODE_LIFE).await;
        assert_eq!(sessions.redeem(&second), None, "expired");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_thirty_idle_days_and_not_before() {
        let sessions = served();
        let token = sessions.new_token().unwrap();
        for _ in 0..3 {
            tokio::time::advance(SESSION_IDLE - Duration::from_secs(1)).await;
            assert!(sessions.admit(&token));
        }
        tokio::time::advance(SESSION_IDLE).await;
        assert!(!sessions.admit(&token));
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_codes_void_the_right_one() {
        let sessions = served();
        let right = code(&sessions);
        for n in 0..MAX_WRONG {
            assert_eq!(sessions.redeem(&format!("{n:032x}")), None);
        }
        assert_eq!(sessions.redeem(&right), None);
        assert!(sessions.redeem(&code(&sessions)).is_some(), "a new code starts anew");
    }

    #[tokio::test(start_paused = true)]
    async fn codes_and_sessions_are_bounded_and_the_oldest_goes_first() {
        let sessions = served();
        let first = code(&sessions);
        let rest: Vec<_> = (0..MAX_CODES).map(|_| code(&sessions)).collect();
        assert_eq!(sessions.redeem(&first), None);
        assert!(sessions.redeem(&rest[0]).is_some());
        let old = sessions.new_token().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let newer: Vec<_> = (0..MAX_SESSIONS - 1).map(|_| sessions.new_token().unwrap()).collect();
        assert!(newer.iter().all(|t| sessions.admit(t)));
        tokio::time::advance(Duration::from_secs(1)).await;
        sessions.new_token().unwrap();
        assert!(!sessions.admit(&old));
        assert_eq!(sessions.lock().sessions.len(), MAX_SESSIONS);
    }

    #[tokio::test]
    async fn without_a_listener_there_is_no_code() {
        assert!(Sessions::new().new_code().is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_the_token_is_admitted(text in "\\PC{0,80}") {
            let sessions = served();
            sessions.new_token().unwrap();
            code(&sessions);
            proptest::prop_assert!(!sessions.admit(&text));
            proptest::prop_assert!(sessions.redeem(&text).is_none());
        }
    }
}
