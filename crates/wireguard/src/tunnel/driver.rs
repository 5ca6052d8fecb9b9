//! The task that carries packets between the UDP socket, WireGuard and the TCP/IP stack.

use super::device::BATCH;
use super::peer::DATAGRAM;
use super::peers::Peers;
use super::stack::Stack;
use super::{TunnelConfig, TunnelError, TunnelStatus};
use crate::clock::{Instant, now};
use crate::keys::PublicKey;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// Bytes that the system may hold for us: a burst of one window of every busy connection.
const SOCKET_BUFFER: usize = 4 << 20;
/// Longest sleep: nothing is due, but a clock that was set back must not stop us for good.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Opens the UDP socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = if address.is_ipv6() { socket2::Domain::IPV6 } else { socket2::Domain::IPV4 };
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        // One socket for both, where the system lets it.
        let _ = socket.set_only_v6(false);
    }
    // The system gives as much of it as it allows.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Datagrams that wait to be sent, one after another in one buffer.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    marks: Vec<(SocketAddr, usize)>,
}

impl Outbox {
    pub(super) fn push(&mut self, to: Option<SocketAddr>, datagram: &[u8]) {
        // Without an endpoint there is nowhere to send it. Beyond the bound it is lost, as on any busy link.
        if let Some(to) = to
            && self.marks.len() < BATCH * 4
        {
            self.bytes.extend_from_slice(datagram);
            self.marks.push((to, self.bytes.len()));
        }
    }

    fn is_full(&self) -> bool {
        self.marks.len() >= BATCH
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
    }
}

/// WireGuard and TCP together.
pub(super) struct State {
    pub(super) peers: Peers,
    pub(super) stack: Stack,
}

impl State {
    pub(super) fn new(config: &TunnelConfig) -> Result<Self, TunnelError> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| TunnelError::Random)?;
        let stack = Stack::new(config, u64::from_ne_bytes(seed));
        Ok(Self { peers: Peers::new(&config.private_key), stack })
    }

    pub(super) fn greet(&mut self, now: Instant, out: &mut Outbox) {
        self.peers.greet(now, out);
    }

    pub(super) fn remove(&mut self, key: &PublicKey) {
        if let Some(gone) = self.peers.remove(key) {
            self.stack.reset(|ip| gone.allowed_ips.iter().any(|net| net.contains(&ip)));
        }
    }

    /// Everything that can be done without waiting. Whether more is left when the outbox is full.
    fn turn(&mut self, now: Instant, out: &mut Outbox) -> bool {
        loop {
            let more = self.stack.turn(now);
            let peers = &mut self.peers;
            self.stack.device.outgoing.drain(|packet| peers.send(packet, now, out));
            if !more {
                return false;
            }
            if out.is_full() {
                return true;
            }
        }
    }
}

struct Guarded {
    state: State,
    out: Outbox,
}

/// What handles, streams and the driver share.
pub(super) struct Shared {
    socket: UdpSocket,
    guarded: Mutex<Guarded>,
    work: Notify,
    closed: AtomicBool,
    mtu: u16,
}

impl Shared {
    pub(super) fn new(socket: UdpSocket, state: State, mtu: u16) -> Self {
        let guarded = Mutex::new(Guarded { state, out: Outbox::default() });
        Self { socket, guarded, work: Notify::new(), closed: AtomicBool::new(false), mtu }
    }

    /// Works on the state. Short: the driver waits meanwhile.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State, &mut Outbox) -> T) -> T {
        let mut guarded = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        let Guarded { state, out } = &mut *guarded;
        work(state, out)
    }

    /// There is something to do.
    pub(super) fn wake(&self) {
        self.work.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.with(|state, _| state.stack.close());
        }
        self.wake();
    }

    pub(super) fn status(&self) -> TunnelStatus {
        let local = self.socket.local_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        self.with(|state, _| TunnelStatus {
            local,
            mtu: self.mtu,
            connections: state.stack.connections(),
            peers: state.peers.status(),
        })
    }
}

/// What the driver does next.
struct Next {
    more: bool,
    sleep: Duration,
}

/// Runs until the tunnel is closed.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut sending = Outbox::default();
    let mut buffer = vec![0; DATAGRAM];
    let mut ticked = now();
    while !shared.is_closed() {
        let next = turn(&shared, &mut sending, &mut ticked);
        flush(&shared, &mut sending).await;
        if next.more {
            receive(&shared, &mut buffer);
            // Others of this thread have a turn too.
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            readable = shared.socket.readable() => {
                if readable.is_ok() {
                    receive(&shared, &mut buffer);
                } else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            () = shared.work.notified() => {}
            () = tokio::time::sleep(next.sleep) => {}
        }
    }
    // What the end has to say: resets to the other ends.
    let _ = turn(&shared, &mut sending, &mut ticked);
    flush(&shared, &mut sending).await;
}

fn turn(shared: &Shared, sending: &mut Outbox, ticked: &mut Instant) -> Next {
    let mut guarded = shared.guarded.lock().unwrap_or_else(PoisonError::into_inner);
    let Guarded { state, out } = &mut *guarded;
    let time = now();
    let due = state.peers.next_look(*ticked).is_some_and(|due| due <= time);
    if due {
        *ticked = time;
        state.peers.tick(time, out);
    }
    let more = state.turn(time, out);
    std::mem::swap(sending, out);
    let look = state.peers.next_look(*ticked).map(|due| due.saturating_duration_since(time));
    if look.is_none() {
        *ticked = time;
    }
    let turn = state.stack.next_turn(time);
    let sleep = look.into_iter().chain(turn).min().unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
    Next { more, sleep }
}

/// Takes what lies at the socket, at most one batch.
fn receive(shared: &Shared, buffer: &mut [u8]) {
    let mut guarded = shared.guarded.lock().unwrap_or_else(PoisonError::into_inner);
    let Guarded { state, out } = &mut *guarded;
    let time = now();
    // More than the stack has taken so far is left at the socket.
    for _ in 0..BATCH {
        if state.stack.device.incoming.is_full() {
            break;
        }
        match shared.socket.try_recv_from(buffer) {
            Ok((length, from)) => {
                let from = plain(from);
                let inside = &mut state.stack.device.incoming;
                state.peers.receive(from, &buffer[..length], time, inside, out);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            // Windows tells that an earlier datagram of ours found nobody.
            Err(_) => {}
        }
    }
}

/// A mapped address is the same as the one that it maps.
pub(super) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

async fn flush(shared: &Shared, sending: &mut Outbox) {
    flush_to(&shared.socket, sending).await;
}

/// Sends what waits.
pub(super) async fn flush_to(socket: &UdpSocket, sending: &mut Outbox) {
    let v6 = socket.local_addr().is_ok_and(|local| local.is_ipv6());
    let mut begin = 0;
    for (to, end) in &sending.marks {
        let to = match (v6, to) {
            (true, SocketAddr::V4(v4)) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            (true, SocketAddr::V6(_)) | (false, _) => *to,
        };
        let datagram = &sending.bytes[begin..*end];
        begin = *end;
        // Whatever cannot be sent is lost, as on any network; the other end asks again.
        let sent = match socket.try_send_to(datagram, to) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.send_to(datagram, to).await,
            sent => sent,
        };
        if let Err(error) = sent {
            tracing::trace!(%error, %to, "a datagram of the tunnel was not sent");
        }
    }
    sending.clear();
}
