//! TCP above the tunnel.

use super::TunnelConfig;
use super::device::LinkDevice;
use super::segment::Segment;
use crate::clock::{Instant, now};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{self, CongestionControl, Socket, SocketBuffer};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;
use std::time::Duration;

/// What may be on its way to us and from us on one connection. The stack sends one lost segment at a time again, so
/// more on its way out would only take longer to mend.
const RECEIVE: usize = 2 * 1024 * 1024;
const SEND: usize = 2 * 1024 * 1024;
/// A connection on which nothing is acknowledged for so long is over.
const PATIENCE: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(30);
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

pub(super) struct Stack {
    pub(super) device: LinkDevice,
    iface: Interface,
    sockets: SocketSet<'static>,
    listening: BTreeMap<u16, Listening>,
    /// Connections whose owner is gone and which still have something to say.
    orphans: Vec<SocketHandle>,
    ports: HashMap<SocketHandle, u16>,
    next_port: u16,
    count: usize,
    most: usize,
    begun: Instant,
}

impl Stack {
    pub(super) fn new(config: &TunnelConfig, seed: u64) -> Self {
        let mut device = LinkDevice::new(config.mtu);
        let mut settings = Config::new(HardwareAddress::Ip);
        // Without a seed every start would use the same sequence numbers.
        settings.random_seed = seed;
        let begun = now();
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
        self.make_room();
        let time = self.time(now);
        self.iface.poll(time, &mut self.device, &mut self.sockets);
        let more = self.device.is_left();
        if !more {
            self.device.incoming.clear();
        }
        self.sort_out();
        self.device.outgoing.is_full() || more
    }

    pub(super) fn next_turn(&mut self, now: Instant) -> Option<Duration> {
        let time = self.time(now);
        self.iface.poll_delay(time, &self.sockets).map(|delay| Duration::from_micros(delay.total_micros()))
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
        let mut socket = Socket::new(SocketBuffer::new(vec![0; RECEIVE]), SocketBuffer::new(vec![0; SEND]));
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(Some(DELAYED_ACK));
        socket.set_timeout(Some(PATIENCE));
        socket.set_congestion_control(CongestionControl::Cubic);
        self.count += 1;
        Some(self.sockets.add(socket))
    }

    fn remove(&mut self, handle: SocketHandle) {
        self.ports.remove(&handle);
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
                self.sockets.remove(handle);
                self.count -= 1;
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

    /// Nobody holds the connection any more: what was written still goes out, then it ends.
    pub(super) fn release(&mut self, handle: SocketHandle) {
        self.socket(handle).close();
        self.orphans.push(handle);
    }

    pub(super) fn listen(&mut self, port: u16) -> io::Result<()> {
        if port == 0 || self.listening.contains_key(&port) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "the port is taken in the tunnel"));
        }
        self.listening.insert(port, Listening::default());
        self.make_room();
        Ok(())
    }

    pub(super) fn unlisten(&mut self, port: u16) {
        if let Some(gone) = self.listening.remove(&port) {
            for handle in gone.waiting.into_iter().chain(gone.ready) {
                self.socket(handle).abort();
                self.orphans.push(handle);
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
    fn make_room(&mut self) {
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
    fn sort_out(&mut self) {
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
        self.orphans.retain(|handle| {
            let over = matches!(state(*handle), tcp::State::Closed | tcp::State::TimeWait);
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
