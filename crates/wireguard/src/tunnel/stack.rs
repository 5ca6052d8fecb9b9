//! TCP above the tunnel.

#[cfg(test)]
mod tests;

use super::TunnelConfig;
use super::device::LinkDevice;
use super::room::{Pace, Room, Sides, zeros};
use super::segment::{Flow, Segment};
use crate::clock::{Instant, now};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{self, CongestionControl, Socket, SocketBuffer};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;
use std::time::Duration;

/// A connection on which nothing is acknowledged for so long is over.
const PATIENCE: Duration = Duration::from_secs(30);
const DELAYED_ACK: smoltcp::time::Duration = smoltcp::time::Duration::from_millis(10);
/// Sockets that wait for the next connection to a port: the stack has no queue of its own.
const SPARE: usize = 2;
/// Connections that wait to be taken by a listener.
const BACKLOG: usize = 128;
const FIRST_PORT: u16 = 49_152;

/// A port on which connections are taken.
#[derive(Default)]
pub(super) struct Listening {
    waiting: Vec<SocketHandle>,
    ready: VecDeque<SocketHandle>,
    pub(super) waker: Option<Waker>,
}

/// A connection whose owner is gone.
struct Orphan {
    handle: SocketHandle,
    /// What had not arrived yet, and until when less of it must be left.
    left: usize,
    until: Instant,
}

pub(super) struct Stack {
    pub(super) device: LinkDevice,
    iface: Interface,
    sockets: SocketSet<'static>,
    listening: BTreeMap<u16, Listening>,
    /// Connections whose owner is gone and which still have something to say.
    orphans: Vec<Orphan>,
    room: Room,
    paces: HashMap<SocketHandle, Pace>,
    ports: HashMap<SocketHandle, u16>,
    next_port: u16,
    count: usize,
    most: usize,
    begun: Instant,
}

impl Stack {
    pub(super) fn new(config: &TunnelConfig, seed: u64) -> Self {
        let begun = now();
        let mut device = LinkDevice::new(config.mtu, begun);
        let mut settings = Config::new(HardwareAddress::Ip);
        // Without a seed every start would use the same sequence numbers.
        settings.random_seed = seed;
        let mut iface = Interface::new(settings, &mut device, smoltcp::time::Instant::ZERO);
        iface.update_ip_addrs(|addresses| {
            for net in &config.addresses {
                let _ = addresses.push(IpCidr::new(net.addr().into(), net.prefix_len()));
            }
        });
        for net in &config.addresses {
            // Everything goes to the tunnel, where the peers' addresses decide.
            let routes = iface.routes_mut();
            let _ = match net.addr() {
                IpAddr::V4(v4) => routes.add_default_ipv4_route(v4).map(|_| ()),
                IpAddr::V6(v6) => routes.add_default_ipv6_route(v6).map(|_| ()),
            };
        }
        let spread = u16::try_from(seed % u64::from(u16::MAX - FIRST_PORT)).unwrap_or(0);
        Self {
            device,
            iface,
            sockets: SocketSet::new(Vec::new()),
            listening: BTreeMap::new(),
            orphans: Vec::new(),
            room: Room::new(),
            paces: HashMap::new(),
            ports: HashMap::new(),
            next_port: FIRST_PORT + spread,
            count: 0,
            most: config.connections,
            begun,
        }
    }

    fn time(&self, now: Instant) -> smoltcp::time::Instant {
        let micros = now.saturating_duration_since(self.begun).as_micros();
        smoltcp::time::Instant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// One turn: takes the packets that came, makes those that go. Whether there may be more to send at once.
    pub(super) fn turn(&mut self, now: Instant) -> bool {
        self.listen_enough();
        let time = self.time(now);
        self.device.now = now;
        self.iface.poll(time, &mut self.device, &mut self.sockets);
        self.device.note();
        let more = self.device.is_left();
        if !more {
            self.device.incoming.clear();
        }
        self.sort_out(now);
        self.device.outgoing.is_full() || more
    }

    pub(super) fn next_turn(&mut self, now: Instant) -> Option<Duration> {
        let time = self.time(now);
        let delay = self.iface.poll_delay(time, &self.sockets);
        let delay = delay.map(|delay| Duration::from_micros(delay.total_micros()));
        let patient = self.orphans.iter().map(|orphan| orphan.until.saturating_duration_since(now)).min();
        delay.into_iter().chain(patient).min()
    }

    pub(super) fn connections(&self) -> usize {
        self.count
    }

    pub(super) fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    fn add(&mut self) -> Option<SocketHandle> {
        if self.count >= self.most {
            return None;
        }
        let Sides { receive, send } = self.room.take();
        let mut socket = Socket::new(SocketBuffer::new(zeros(receive)), SocketBuffer::new(zeros(send)));
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(Some(DELAYED_ACK));
        socket.set_timeout(Some(PATIENCE.into()));
        socket.set_congestion_control(CongestionControl::Cubic);
        self.count += 1;
        Some(self.sockets.add(socket))
    }

    fn remove(&mut self, handle: SocketHandle) {
        self.ports.remove(&handle);
        self.paces.remove(&handle);
        let socket = self.socket(handle);
        let sides = Sides { receive: socket.recv_capacity(), send: socket.send_capacity() };
        self.room.give_back(sides);
        self.sockets.remove(handle);
        self.count -= 1;
    }

    /// Begins a connection.
    pub(super) fn open(&mut self, to: SocketAddr) -> io::Result<SocketHandle> {
        let full = || io::Error::other("too many connections in the tunnel");
        let handle = self.add().ok_or_else(full)?;
        let port = self.free_port();
        let remote = IpEndpoint::new(IpAddress::from(to.ip()), to.port());
        let context = self.iface.context();
        let socket = self.sockets.get_mut::<Socket<'_>>(handle);
        let refused = port.ok_or_else(full).and_then(|port| {
            let listen = IpListenEndpoint { addr: None, port };
            socket.connect(context, remote, listen).map_err(|error| io::Error::other(error.to_string()))
        });
        match refused {
            Ok(()) => {
                self.ports.extend(port.map(|port| (handle, port)));
                Ok(handle)
            }
            Err(error) => {
                self.remove(handle);
                Err(error)
            }
        }
    }

    fn free_port(&mut self) -> Option<u16> {
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.ports.values().any(|used| *used == port) {
                return Some(port);
            }
        }
        None
    }

    /// Bytes that may be written.
    pub(super) fn room(&mut self, handle: SocketHandle, now: Instant) -> usize {
        let socket = self.sockets.get::<Socket<'_>>(handle);
        let flow = socket.local_endpoint().zip(socket.remote_endpoint());
        let flow = flow.map(|(ours, other)| Flow::new(other.addr.into(), other.port, ours.port));
        let round_trip = flow.and_then(|flow| self.device.acknowledged.round_trip(&flow));
        let pace = self.paces.entry(handle).or_insert_with(|| Pace::new(now));
        pace.room(now, round_trip, socket.send_queue(), socket.send_capacity())
    }

    /// Writes as much as there is room for.
    pub(super) fn write(&mut self, handle: SocketHandle, bytes: &[u8]) -> Result<usize, tcp::SendError> {
        let written = self.socket(handle).send_slice(bytes)?;
        if let Some(pace) = self.paces.get_mut(&handle) {
            pace.wrote(written);
        }
        Ok(written)
    }

    /// Nobody holds the connection any more: what was written still goes out, then it ends.
    pub(super) fn release(&mut self, handle: SocketHandle, now: Instant) {
        let socket = self.socket(handle);
        socket.close();
        forsake(socket);
        let left = socket.send_queue();
        self.orphans.push(Orphan { handle, left, until: now + PATIENCE });
    }

    pub(super) fn listen(&mut self, port: u16) -> io::Result<()> {
        if port == 0 || self.listening.contains_key(&port) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "the port is taken in the tunnel"));
        }
        self.listening.insert(port, Listening::default());
        self.listen_enough();
        Ok(())
    }

    pub(super) fn unlisten(&mut self, port: u16, now: Instant) {
        if let Some(gone) = self.listening.remove(&port) {
            for handle in gone.waiting.into_iter().chain(gone.ready) {
                self.socket(handle).abort();
                self.orphans.push(Orphan { handle, left: 0, until: now + PATIENCE });
            }
        }
    }

    pub(super) fn listening(&mut self, port: u16) -> Option<&mut Listening> {
        self.listening.get_mut(&port)
    }

    /// A connection that was begun to a port.
    pub(super) fn take(&mut self, port: u16) -> Option<(SocketHandle, SocketAddr)> {
        loop {
            let handle = self.listening.get_mut(&port)?.ready.pop_front()?;
            if let Some(remote) = self.socket(handle).remote_endpoint() {
                return Some((handle, SocketAddr::new(remote.addr.into(), remote.port)));
            }
            self.remove(handle);
        }
    }

    /// As many listening sockets as connections are being begun in this batch, and some to spare.
    fn listen_enough(&mut self) {
        if self.listening.is_empty() {
            return;
        }
        let mut wanted: BTreeMap<u16, usize> = self.listening.keys().map(|port| (*port, SPARE)).collect();
        self.device.incoming.peek(|packet| {
            if let Some(more) = Segment::of(packet).and_then(|segment| wanted.get_mut(&segment.opens()?)) {
                *more += 1;
            }
        });
        for (port, wanted) in wanted {
            let Some(listening) = self.listening.get(&port) else { continue };
            let free = listening.waiting.iter().filter(|handle| self.is_listening(**handle)).count();
            let room = BACKLOG.saturating_sub(listening.waiting.len() + listening.ready.len());
            for _ in 0..wanted.saturating_sub(free).min(room) {
                let Some(handle) = self.add() else { return };
                let began = self.socket(handle).listen(port);
                match (began, self.listening.get_mut(&port)) {
                    (Ok(()), Some(listening)) => listening.waiting.push(handle),
                    (Ok(()) | Err(_), _) => self.remove(handle),
                }
            }
        }
    }

    fn is_listening(&self, handle: SocketHandle) -> bool {
        self.sockets.get::<Socket<'_>>(handle).state() == tcp::State::Listen
    }

    /// Hands over connections that were begun, and forgets those that have ended.
    fn sort_out(&mut self, now: Instant) {
        for orphan in &mut self.orphans {
            let socket = self.sockets.get_mut::<Socket<'_>>(orphan.handle);
            if socket.send_queue() < orphan.left {
                (orphan.left, orphan.until) = (socket.send_queue(), now + PATIENCE);
            }
            if orphan.until <= now {
                socket.abort();
                orphan.until = now + PATIENCE;
            } else {
                forsake(socket);
            }
        }
        let sockets = &self.sockets;
        let state = |handle: SocketHandle| sockets.get::<Socket<'_>>(handle).state();
        let mut ended = Vec::new();
        for listening in self.listening.values_mut() {
            let before = listening.ready.len();
            listening.waiting.retain(|handle| match state(*handle) {
                tcp::State::Listen | tcp::State::SynReceived => true,
                tcp::State::Closed | tcp::State::TimeWait => {
                    ended.push(*handle);
                    false
                }
                tcp::State::SynSent
                | tcp::State::Established
                | tcp::State::FinWait1
                | tcp::State::FinWait2
                | tcp::State::CloseWait
                | tcp::State::Closing
                | tcp::State::LastAck => {
                    listening.ready.push_back(*handle);
                    false
                }
            });
            if listening.ready.len() > before
                && let Some(waker) = listening.waker.take()
            {
                waker.wake();
            }
        }
        self.orphans.retain(|Orphan { handle, .. }| {
            // One that was cut off has an other end until that is told.
            let state = state(*handle);
            let told = sockets.get::<Socket<'_>>(*handle).remote_endpoint().is_none();
            let over = state == tcp::State::TimeWait || (state == tcp::State::Closed && told);
            if over {
                ended.push(*handle);
            }
            !over
        });
        for handle in ended {
            self.remove(handle);
        }
    }

    /// Resets connections to addresses for which `gone` holds.
    pub(super) fn reset(&mut self, gone: impl Fn(IpAddr) -> bool) {
        for (_, socket) in self.sockets.iter_mut() {
            let smoltcp::socket::Socket::Tcp(socket) = socket;
            if socket.remote_endpoint().is_some_and(|remote| gone(remote.addr.into())) {
                socket.abort();
            }
        }
    }

    /// Resets everything and wakes whoever waits.
    pub(super) fn close(&mut self) {
        self.reset(|_| true);
        for listening in self.listening.values_mut() {
            if let Some(waker) = listening.waker.take() {
                waker.wake();
            }
        }
    }
}

/// What comes on a connection that nobody holds is dropped. When all is said besides, the other end is told at once,
/// or it would go on sending.
fn forsake(socket: &mut Socket<'_>) {
    if socket.recv_queue() > 0 && socket.send_queue() == 0 {
        socket.abort();
    }
    while socket.recv(|bytes| (bytes.len(), bytes.len())).is_ok_and(|dropped| dropped > 0) {}
}
