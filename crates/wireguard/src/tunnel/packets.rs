//! A tunnel whose packets come from and go to an interface of the system, whose descriptor we were given: the same
//! WireGuard as inside the process, without our TCP/IP stack.

use super::device::{BATCH, Packets};
use super::driver::{Outbox, bind, flush_to, plain};
use super::peer::DATAGRAM;
use super::peers::Peers;
use super::{PeerConfig, TunnelConfig, TunnelError, TunnelStatus};
use crate::clock::{Instant, now};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

struct State {
    peers: Peers,
    out: Outbox,
    ticked: Instant,
}

struct Shared {
    socket: UdpSocket,
    state: Mutex<State>,
    work: Notify,
    closed: AtomicBool,
    mtu: u16,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.work.notify_one();
    }
}

struct Held(Arc<Shared>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A running tunnel of the system's packets; it ends when the last of its handles is dropped.
#[derive(Clone)]
pub struct PacketTunnel(Arc<Held>);

impl std::fmt::Debug for PacketTunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PacketTunnel").finish_non_exhaustive()
    }
}

impl PacketTunnel {
    /// Opens the UDP socket, begins a handshake with every peer whose endpoint is known, and carries packets between
    /// them and the interface: a descriptor that does not block, with one bare packet in each read and write.
    ///
    /// # Errors
    /// The socket cannot be had, or two peers are the same.
    pub async fn start(
        config: TunnelConfig,
        peers: Vec<PeerConfig>,
        interface: OwnedFd,
    ) -> Result<Self, TunnelError> {
        let failed = |error| TunnelError::Socket { address: config.bind, error };
        let socket = bind(config.bind).map_err(failed)?;
        #[expect(
            deprecated,
            reason = "a `File` owns its descriptor and keeps it; the successor asks for unsafe code"
        )]
        let interface = AsyncFd::new(File::from(interface)).map_err(failed)?;
        let mut state =
            State { peers: Peers::new(&config.private_key), out: Outbox::default(), ticked: now() };
        for peer in peers {
            state.peers.add(peer)?;
        }
        state.peers.greet(now(), &mut state.out);
        let (state, mtu) = (Mutex::new(state), config.mtu);
        let shared = Shared { socket, state, work: Notify::new(), closed: AtomicBool::new(false), mtu };
        let shared = Arc::new(shared);
        tokio::spawn(run(Arc::clone(&shared), interface));
        Ok(Self(Arc::new(Held(shared))))
    }

    /// How it is. The system counts the connections, not we.
    #[must_use]
    pub fn status(&self) -> TunnelStatus {
        let shared = &self.0.0;
        let local = shared.socket.local_addr().unwrap_or(std::net::SocketAddr::from(([0, 0, 0, 0], 0)));
        TunnelStatus { local, mtu: shared.mtu, connections: 0, peers: shared.lock().peers.status() }
    }

    /// Begins a handshake with every peer whose endpoint is known: the network has changed, or the computer woke up.
    pub fn refresh(&self) {
        let mut state = self.0.0.lock();
        let State { peers, out, .. } = &mut *state;
        peers.greet(now(), out);
        self.0.0.work.notify_one();
    }

    /// Whether it has ended: it was closed, or the interface is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.0.closed.load(Ordering::Acquire)
    }

    /// Ends it.
    pub fn close(&self) {
        self.0.0.close();
    }
}

async fn run(shared: Arc<Shared>, interface: AsyncFd<File>) {
    let mut sending = Outbox::default();
    let mut inside = Packets::default();
    let mut buffer = vec![0; DATAGRAM.max(usize::from(shared.mtu))];
    while !shared.closed.load(Ordering::Acquire) {
        let sleep = turn(&shared, &mut sending);
        flush_to(&shared.socket, &mut sending).await;
        tokio::select! {
            readable = interface.readable() => {
                let Ok(mut ready) = readable else { break };
                match ready.try_io(|file| take(&shared, file.get_ref(), &mut buffer)) {
                    Ok(Ok(())) | Err(_) => {}
                    Ok(Err(error)) => {
                        tracing::info!(%error, "the tunnel's interface is gone");
                        break;
                    }
                }
            }
            readable = shared.socket.readable() => {
                if readable.is_err() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                receive(&shared, &mut buffer, &mut inside);
                let mut gone = false;
                inside.drain(|packet| gone |= is_gone(interface.get_ref().write(packet)));
                if gone {
                    break;
                }
            }
            () = shared.work.notified() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    shared.close();
}

/// Whether the interface takes no more packets, for good. One that it has no room for is lost, as on any link.
fn is_gone(written: io::Result<usize>) -> bool {
    written
        .is_err_and(|error| !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::InvalidInput))
}

fn turn(shared: &Shared, sending: &mut Outbox) -> Duration {
    let mut state = shared.lock();
    let State { peers, out, ticked } = &mut *state;
    let time = now();
    if peers.next_look(*ticked).is_some_and(|due| due <= time) {
        *ticked = time;
        peers.tick(time, out);
    }
    std::mem::swap(sending, out);
    match peers.next_look(*ticked) {
        Some(due) => due.saturating_duration_since(time).min(LONGEST_SLEEP),
        None => {
            *ticked = time;
            LONGEST_SLEEP
        }
    }
}

/// Takes packets of the system, at most one batch. `WouldBlock` when there are no more.
fn take(shared: &Shared, mut interface: &File, buffer: &mut [u8]) -> io::Result<()> {
    let mut state = shared.lock();
    let State { peers, out, .. } = &mut *state;
    let time = now();
    for _ in 0..BATCH {
        let length = interface.read(buffer)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        peers.send(&buffer[..length], time, out);
    }
    Ok(())
}

/// Takes what lies at the socket, at most one batch.
fn receive(shared: &Shared, buffer: &mut [u8], inside: &mut Packets) {
    let mut state = shared.lock();
    let State { peers, out, .. } = &mut *state;
    let time = now();
    while !inside.is_full() {
        match shared.socket.try_recv_from(buffer) {
            Ok((length, from)) => {
                let _ = peers.receive(plain(from), &buffer[..length], time, inside, out);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => {}
        }
    }
}
