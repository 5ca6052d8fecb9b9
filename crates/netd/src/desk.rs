//! The one tunnel, and who still wants it.

use crate::rules::judge;
use crate::system::{Judged, System};
use crate::wire::Handle;
use hivemind_netd_protocol::{Kind, Refused, State, Up};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Conversations at once.
const MOST_CLIENTS: usize = 4;

struct Held<L> {
    link: L,
    wanted: Judged,
}

struct Inner<S: System> {
    system: S,
    held: Option<Held<S::Link>>,
    /// Counts arrivals: a wait for the end that began before one is void.
    arrivals: u64,
}

/// The one tunnel of this service.
pub struct Desk<S: System> {
    inner: Mutex<Inner<S>>,
    clients: AtomicUsize,
    open: AtomicUsize,
    away: Duration,
    kind: Kind,
}

impl<S: System> Desk<S> {
    /// No tunnel yet. One that is made outlives its last client by `away`.
    pub fn new(system: S, away: Duration) -> Arc<Self> {
        let kind = system.kind();
        let inner = Mutex::new(Inner { system, held: None, arrivals: 0 });
        Arc::new(Self { inner, clients: AtomicUsize::new(0), open: AtomicUsize::new(0), away, kind })
    }

    /// A place for one more conversation; `None` when there are too many.
    #[must_use]
    pub fn seat(self: &Arc<Self>) -> Option<Seat<S>> {
        let taken = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
            (open < MOST_CLIENTS).then_some(open + 1)
        });
        taken.is_ok().then(|| Seat { desk: Arc::clone(self), greeted: false })
    }

    /// How tunnels are made here.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes the tunnel down, whoever uses it.
    pub async fn clear(&self) {
        let mut inner = self.inner.lock().await;
        let Inner { system, held, .. } = &mut *inner;
        if let Some(held) = held.take() {
            system.down(held.link).await;
            tracing::info!("the tunnel is down");
        }
    }

    pub(crate) async fn up(&self, up: &Up) -> Result<Option<Handle>, Refused> {
        let wanted = judge(up, self.kind)?;
        let mut inner = self.inner.lock().await;
        let Inner { system, held, .. } = &mut *inner;
        if let Some(other) = held.take_if(|held| held.wanted != wanted) {
            system.down(other.link).await;
        }
        if held.is_none() {
            let link = system.up(&wanted).await?;
            tracing::info!(networks = ?wanted.config.peer.allowed_ips, "the tunnel is up");
            *held = Some(Held { link, wanted });
        }
        let Some(held) = held else { return Err(Refused::System(0)) };
        system.handle(&held.link).map_err(|error| Refused::System(error.raw_os_error().unwrap_or(0)))
    }

    pub(crate) async fn state(&self) -> State {
        let inner = self.inner.lock().await;
        let none = State { up: false, handshake_s: None, received: 0, sent: 0 };
        inner.held.as_ref().map_or(none, |held| inner.system.state(&held.link))
    }

    async fn arrive(&self) {
        self.clients.fetch_add(1, Ordering::AcqRel);
        self.inner.lock().await.arrivals += 1;
    }

    /// Waits until nobody has come back for long enough, and takes the tunnel down.
    async fn abandon(self: Arc<Self>) {
        let arrivals = {
            let inner = self.inner.lock().await;
            if inner.held.is_none() {
                return;
            }
            inner.arrivals
        };
        tokio::time::sleep(self.away).await;
        if self.inner.lock().await.arrivals == arrivals && self.clients.load(Ordering::Acquire) == 0 {
            tracing::info!("its client is gone");
            self.clear().await;
        }
    }
}

/// One conversation's place.
pub struct Seat<S: System> {
    pub(crate) desk: Arc<Desk<S>>,
    greeted: bool,
}

impl<S: System> Seat<S> {
    /// It is a client that says hello. `false` when it did before.
    pub(crate) async fn greet(&mut self) -> bool {
        if self.greeted {
            return false;
        }
        self.greeted = true;
        self.desk.arrive().await;
        true
    }

    pub(crate) fn is_greeted(&self) -> bool {
        self.greeted
    }
}

impl<S: System> Drop for Seat<S> {
    fn drop(&mut self) {
        self.desk.open.fetch_sub(1, Ordering::AcqRel);
        if self.greeted && self.desk.clients.fetch_sub(1, Ordering::AcqRel) == 1 {
            tokio::spawn(Arc::clone(&self.desk).abandon());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use hivemind_netd_protocol::Network;
    use std::sync::atomic::AtomicBool;

    fn up(allowed: &str) -> Up {
        let network = Network {
            addresses: vec!["10.77.0.2/32".parse().unwrap()],
            allowed_ips: vec![allowed.parse().unwrap()],
            mtu: 1220,
            endpoint: "203.0.113.2:51820".parse().unwrap(),
        };
        Up { network, keys: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_outlives_its_client_by_a_minute_and_a_client_that_comes_back_finds_it() {
        let there = Arc::new(AtomicBool::new(false));
        let is_up = || there.load(Ordering::SeqCst);
        let desk = Desk::new(Fake(Arc::clone(&there)), Duration::from_secs(60));
        let mut first = desk.seat().unwrap();
        assert!(first.greet().await && !first.greet().await);
        desk.up(&up("10.77.0.0/24")).await.unwrap();
        drop(first);
        tokio::time::sleep(Duration::from_secs(50)).await;
        let mut second = desk.seat().unwrap();
        second.greet().await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(is_up(), "somebody is there");
        desk.up(&up("10.78.0.0/24")).await.unwrap();
        drop(second);
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(is_up());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!is_up());
    }

    #[tokio::test]
    async fn there_are_four_seats() {
        let desk = Desk::new(Fake(Arc::default()), Duration::from_secs(60));
        let seats: Vec<_> = (0..4).map(|_| desk.seat().unwrap()).collect();
        assert!(desk.seat().is_none());
        drop(seats);
        assert!(desk.seat().is_some());
    }
}
