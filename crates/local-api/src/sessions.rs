//! Which browsers may speak: one-time codes and the sessions they are exchanged for.
//!
//! Everything lives in memory: after a restart of the worker a browser is paired anew. A cookie belongs to a host
//! name, not to a port, so another server on this computer's loopback can see it; its name holds our port to keep two
//! workers apart, and the guard refuses pages of other ports by their origin.
//!
//! A code and its session belong to one door: what was made for the local network opens nothing on the loopback, and
//! the other way round.

use crate::qr;
use crate::surroundings::Surroundings;
use hivemind_control::{ApiError, ErrorCode, PairingCode};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};
use tokio::time::Instant;

const CODE_LIFE: Duration = Duration::from_secs(120);
const MAX_CODES: usize = 8;
/// Wrong codes after which all open codes are void. A code has 128 bits; this only ends noise.
const MAX_WRONG: u32 = 16;
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const MAX_SESSIONS: usize = 32;

/// Through which listener a browser comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// From this computer.
    Loopback,
    /// From the local network.
    Lan,
}

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Call what changes nothing.
    Look,
    /// Call everything that its door admits.
    All,
}

/// Where the local network is served.
#[derive(Debug, Clone)]
pub(crate) struct LanPlace {
    pub(crate) port: u16,
    /// SHA-256 of the certificate.
    pub(crate) fingerprint: String,
    pub(crate) around: Arc<Surroundings>,
}

/// Codes and sessions of all browsers.
#[derive(Debug, Default)]
pub struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    address: Option<SocketAddr>,
    lan: Option<LanPlace>,
    codes: Vec<Code>,
    /// Wrong codes at the loopback and at the local network's door.
    wrong: [u32; 2],
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
    via: Via,
    rights: Rights,
}

struct Session {
    secret: [u8; 32],
    used: Instant,
    via: Via,
    rights: Rights,
}

impl Sessions {
    /// No codes and no sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A code that pairs one browser of this computer once within two minutes, with every right.
    ///
    /// # Errors
    /// As [`Sessions::invite`].
    pub fn new_code(&self) -> Result<PairingCode, ApiError> {
        self.invite(Via::Loopback, Rights::All)
    }

    /// A code that pairs one browser at this door once within two minutes, with these rights.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] while no browser listener runs (its port was taken), or without random numbers;
    /// [`ErrorCode::LanNotServed`] while the local network is not served.
    pub fn invite(&self, via: Via, rights: Rights) -> Result<PairingCode, ApiError> {
        let secret = random::<16>()?;
        let now = Instant::now();
        let mut inner = self.lock();
        let (base, certificate_sha256) = inner.place(via)?;
        inner.codes.retain(|c| c.expires > now);
        if inner.codes.len() >= MAX_CODES {
            inner.codes.remove(0);
        }
        inner.codes.push(Code { secret, expires: now + CODE_LIFE, via, rights });
        let url = format!("{base}/pair?code={}", hex::encode(secret));
        Ok(PairingCode {
            qr: qr::rows(&url).unwrap_or_default(),
            url,
            expires_in_seconds: u32::try_from(CODE_LIFE.as_secs()).unwrap_or(u32::MAX),
            read_only: rights == Rights::Look,
            certificate_sha256,
        })
    }

    /// A session for a program of this computer that reads `/metrics`: the value of `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] without random numbers.
    pub fn new_token(&self) -> Result<String, ApiError> {
        self.new_session(Via::Loopback, Rights::All)
    }

    /// A session at this door with these rights.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] without random numbers.
    pub fn new_session(&self, via: Via, rights: Rights) -> Result<String, ApiError> {
        let secret = random::<32>()?;
        let now = Instant::now();
        let mut inner = self.lock();
        inner.sessions.retain(|s| now.duration_since(s.used) < SESSION_IDLE);
        if inner.sessions.len() >= MAX_SESSIONS
            && let Some(oldest) = (0..inner.sessions.len()).min_by_key(|&i| inner.sessions[i].used)
        {
            inner.sessions.swap_remove(oldest);
        }
        inner.sessions.push(Session { secret, used: now, via, rights });
        Ok(hex::encode(secret))
    }

    /// Ends every session and voids every code.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.codes.clear();
        inner.sessions.clear();
    }

    /// Exchanges a code for the token of a new session; `None` when the code is wrong, used, too old or another door's.
    pub(crate) fn redeem(&self, via: Via, code: &str) -> Option<String> {
        let now = Instant::now();
        let mut given = [0_u8; 16];
        let shaped = hex::decode_to_slice(code, &mut given).is_ok();
        let rights = {
            let mut inner = self.lock();
            inner.codes.retain(|c| c.expires > now);
            let mut found = None;
            for (index, code) in inner.codes.iter().enumerate().filter(|(_, code)| code.via == via) {
                if bool::from(code.secret.ct_eq(&given) & Choice::from(u8::from(shaped))) {
                    found = Some(index);
                }
            }
            if let Some(index) = found {
                inner.wrong[via as usize] = 0;
                Some(inner.codes.remove(index).rights)
            } else {
                inner.count_wrong(via);
                None
            }
        };
        self.new_session(via, rights?).ok()
    }

    /// What the session may do that `token` names at this door, if it was used within the last 30 days; using it counts.
    pub(crate) fn admit(&self, via: Via, token: &str) -> Option<Rights> {
        let mut given = [0_u8; 32];
        if hex::decode_to_slice(token, &mut given).is_err() {
            return None;
        }
        let now = Instant::now();
        let mut inner = self.lock();
        inner.sessions.retain(|s| now.duration_since(s.used) < SESSION_IDLE);
        let mut admitted = None;
        for session in inner.sessions.iter_mut().filter(|session| session.via == via) {
            if bool::from(session.secret.ct_eq(&given)) {
                session.used = now;
                admitted = Some(session.rights);
            }
        }
        admitted
    }

    pub(crate) fn serve_at(&self, address: Option<SocketAddr>) {
        self.lock().address = address;
    }

    /// Gives codes for this place from now on. Nowhere: whoever came from the network is forgotten.
    pub(crate) fn serve_lan_at(&self, place: Option<LanPlace>) {
        let mut inner = self.lock();
        if place.is_none() {
            inner.codes.retain(|code| code.via != Via::Lan);
            inner.sessions.retain(|session| session.via != Via::Lan);
        }
        inner.lan = place;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Where the door is, and what its certificate's SHA-256 is.
    fn place(&self, via: Via) -> Result<(String, Option<String>), ApiError> {
        match (via, self.address, &self.lan) {
            (Via::Loopback, Some(address), _) => Ok((format!("http://{address}"), None)),
            (Via::Loopback, None, _) => Err(ApiError::new(
                ErrorCode::Internal,
                "The monitor page is not served: its port could not be opened. See the log, or choose another port.",
            )),
            (Via::Lan, _, Some(lan)) => {
                let host = lan.around.reached_at();
                Ok((format!("https://{host}:{}", lan.port), Some(lan.fingerprint.clone())))
            }
            (Via::Lan, _, None) => Err(ApiError::new(
                ErrorCode::LanNotServed,
                "The local network is not served. Switch on monitor_on_lan; Health says what is in the way.",
            )),
        }
    }

    fn count_wrong(&mut self, via: Via) {
        if !self.codes.iter().any(|code| code.via == via) {
            return;
        }
        let wrong = &mut self.wrong[via as usize];
        *wrong += 1;
        if *wrong >= MAX_WRONG {
            tracing::warn!(
                tries = *wrong,
                ?via,
                "too many wrong pairing codes; all open codes of this door are void"
            );
            *wrong = 0;
            self.codes.retain(|code| code.via != via);
        }
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
mod tests;
