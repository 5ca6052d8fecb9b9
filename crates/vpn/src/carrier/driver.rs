//! An interface of the system whose packets a driver encrypts: the service is told the keys, and asked how it goes.

use super::{GOODBYE, Surface, network};
use crate::service::Service;
use hivemind_control::ApiError;
use hivemind_netd_protocol::{Keys, Secret, State, Up};
use hivemind_wireguard::{PeerConfig, PeerStatus, PublicKey, TunnelConfig};
use hivemind_worker_core::port::ByteStream;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::timeout;

/// How often is asked: until the first handshake, and from then on.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(1);
/// A handshake of this age is the last whose keys are taken.
const OLDEST: Duration = Duration::from_secs(180);

/// A running one.
#[derive(Clone)]
pub(crate) struct DriverCarrier(Arc<Held>);

struct Held {
    /// The interface stays while this is connected.
    service: tokio::sync::Mutex<Service>,
    surface: Surface,
    public_key: PublicKey,
    endpoint: Option<SocketAddr>,
    seen: Mutex<Seen>,
}

/// What was answered last.
#[derive(Default)]
struct Seen {
    state: Option<State>,
    handshakes: u64,
    ended: bool,
}

impl Seen {
    fn age(&self) -> Option<Duration> {
        self.state.as_ref().and_then(|state| state.handshake_s).map(Duration::from_secs)
    }

    /// A handshake that is younger than the one before is another one.
    fn learn(&mut self, state: State) {
        let before = self.age();
        self.state = Some(state);
        if self.age().is_some_and(|now| before.is_none_or(|before| now < before)) {
            self.handshakes += 1;
        }
    }
}

impl DriverCarrier {
    pub(super) async fn start(
        mut service: Service,
        config: TunnelConfig,
        peer: PeerConfig,
    ) -> Result<Self, ApiError> {
        let keys = Keys {
            private_key: Secret::new(*config.private_key.bytes()),
            public_key: Secret::new(*peer.public_key.as_bytes()),
            preshared: peer.preshared.as_ref().map(|key| Secret::new(*key.as_bytes())),
            listen_port: config.bind.port(),
            keepalive: peer.keepalive,
        };
        service.up(Up { network: network(&config, &peer), keys: Some(keys) }).await?;
        let held = Arc::new(Held {
            service: tokio::sync::Mutex::new(service),
            surface: Surface::of(&config),
            public_key: peer.public_key,
            endpoint: peer.endpoint,
            seen: Mutex::default(),
        });
        watch(Arc::downgrade(&held));
        Ok(Self(held))
    }

    /// The other end, as the driver told it last.
    pub(super) fn peer(&self) -> Option<PeerStatus> {
        let seen = self.0.seen();
        let state = seen.state.as_ref()?;
        Some(PeerStatus {
            public_key: self.0.public_key,
            endpoint: self.0.endpoint,
            handshake_age: seen.age(),
            silent_for: None,
            received: state.received,
            sent: state.sent,
            handshakes: seen.handshakes,
        })
    }

    /// Whether the interface is there and the service still answers.
    pub(super) fn is_up(&self) -> bool {
        let seen = self.0.seen();
        !seen.ended && seen.state.as_ref().is_none_or(|state| state.up)
    }

    /// Whether the last handshake is young enough. A driver begins the next one itself, when it has something to send and
    /// hears nothing. The wait for the service's answer has its own end; cut short, the answer would be taken for the next
    /// question's.
    pub(super) async fn answers(&self) -> bool {
        self.0.ask().await && self.is_up() && self.0.seen().age().is_some_and(|age| age <= OLDEST)
    }

    /// From our address in the tunnel, and so through its interface or not at all: Windows sends nothing from an address
    /// through another interface than that address's own, and has no such address when the interface is gone.
    pub(super) async fn dial(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        self.0.surface.dial(to, |_| Ok(())).await
    }

    pub(super) async fn close(self) {
        match timeout(GOODBYE, async { self.0.service.lock().await.down().await }).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the service did not hear that the tunnel ends"),
            Err(_) => tracing::debug!("the service did not answer that the tunnel ends"),
        }
        self.0.seen().ended = true;
    }
}

impl Held {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks how it goes; whether that was answered.
    async fn ask(&self) -> bool {
        let told = self.service.lock().await.status().await;
        let mut seen = self.seen();
        match told {
            Ok(state) => {
                seen.learn(state);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the service does not say how the tunnel is");
                seen.ended = true;
                false
            }
        }
    }
}

/// Asks again and again, for as long as the tunnel is wanted and the service answers.
fn watch(held: Weak<Held>) {
    tokio::spawn(async move {
        while let Some(held) = held.upgrade() {
            if held.seen().ended || !held.ask().await {
                return;
            }
            let pause = if held.seen().handshakes == 0 { SOON } else { LATER };
            drop(held);
            tokio::time::sleep(pause).await;
        }
    });
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
