//! One other end: its WireGuard state and the timers that the protocol leaves to us.

use super::device::Packets;
use super::driver::Outbox;
use super::segment::Segment;
use super::{PeerConfig, PeerStatus};
use crate::clock::{Instant, since};
use crate::keys::PrivateKey;
use boringtun::noise::errors::WireGuardError;
use boringtun::noise::{Tunn, TunnResult};
use ipnet::IpNet;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Largest datagram that is read or written.
pub(super) const DATAGRAM: usize = 2048;
/// Silence after something that wants an answer: the other end may have started anew and lost the session. The
/// protocol itself would wait 15 s.
const SILENCE: Duration = Duration::from_secs(2);
/// Silence after which packets are kept that want an answer, and how many of them: after such a handshake they are
/// sent again. Without that a connection would wait for its own timers, which by then have grown long.
const HUSH: Duration = Duration::from_millis(500);
const AGAIN: usize = 8;
/// Of an other end that was away for longer, nobody waits for what was sent so long ago.
const OLD: Duration = Duration::from_secs(5);
/// Longest pause between handshakes that are not answered.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often timers are looked at while a handshake is under way, and otherwise.
const BUSY_TICK: Duration = Duration::from_secs(1);
const IDLE_TICK: Duration = Duration::from_secs(5);
/// Timers are not looked at more often than this while packets flow.
const FRESH: Duration = Duration::from_millis(200);
/// First bytes of the messages that prove nothing about who sent them: cookies.
const COOKIE: u8 = 3;
const HANDSHAKE: u8 = 1;
const RESPONSE: u8 = 2;

/// What came out of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The peer, by its key.
    Peer,
    /// Nobody that we know.
    Nobody,
}

pub(super) struct Peer {
    pub(super) config: PeerConfig,
    tunn: Tunn,
    endpoint: Option<SocketAddr>,
    /// Since when something waits for an answer.
    unanswered: Option<Instant>,
    /// The last of what waits for an answer, while silence lasts.
    again: VecDeque<(Instant, Vec<u8>)>,
    asked: Option<Instant>,
    pause: Duration,
    looked: Option<Instant>,
    heard: Option<Instant>,
    received: u64,
    sent: u64,
    handshakes: u64,
}

impl Peer {
    pub(super) fn new(ours: &PrivateKey, config: PeerConfig, index: u32) -> Self {
        let preshared = config.preshared.as_ref().map(super::PresharedKey::bytes);
        let keepalive = (config.keepalive > 0).then_some(config.keepalive);
        let tunn = Tunn::new(ours.secret(), config.public_key.point(), preshared, keepalive, index, None);
        let endpoint = config.endpoint;
        Self {
            config,
            tunn,
            endpoint,
            unanswered: None,
            again: VecDeque::new(),
            asked: None,
            pause: SILENCE,
            looked: None,
            heard: None,
            received: 0,
            sent: 0,
            handshakes: 0,
        }
    }

    pub(super) fn has(&self, ip: IpAddr) -> bool {
        self.config.allowed_ips.iter().any(|net: &IpNet| net.contains(&ip))
    }

    pub(super) fn has_session(&self) -> bool {
        self.tunn.stats().0.is_some()
    }

    pub(super) fn move_to(&mut self, endpoint: SocketAddr) {
        self.endpoint = Some(endpoint);
    }

    pub(super) fn status(&self) -> PeerStatus {
        PeerStatus {
            public_key: self.config.public_key,
            endpoint: self.endpoint,
            handshake_age: self.tunn.stats().0,
            silent_for: self.heard.map(since),
            received: self.received,
            sent: self.sent,
            handshakes: self.handshakes,
        }
    }

    /// Begins a handshake, whatever there is.
    pub(super) fn begin(&mut self, now: Instant, out: &mut Outbox) {
        if self.endpoint.is_none() {
            return;
        }
        self.asked = Some(now);
        let mut buffer = [0; DATAGRAM];
        if let TunnResult::WriteToNetwork(packet) = self.tunn.format_handshake_initiation(&mut buffer, true) {
            out.push(self.endpoint, packet);
        }
    }

    /// Encrypts a packet of ours.
    pub(super) fn send(&mut self, packet: &[u8], now: Instant, out: &mut Outbox) {
        if packet.len() + 32 > DATAGRAM || (self.endpoint.is_none() && !self.has_session()) {
            return;
        }
        if Segment::of(packet).is_some_and(|segment| segment.wants_answer()) {
            self.unanswered.get_or_insert(now);
            self.remember(packet, now);
        }
        self.look_at_times(now, out);
        let mut buffer = [0; DATAGRAM];
        if let TunnResult::WriteToNetwork(datagram) = self.tunn.encapsulate(packet, &mut buffer) {
            if datagram.first() == Some(&HANDSHAKE) {
                self.asked = Some(now);
            }
            self.sent += datagram.len() as u64;
            out.push(self.endpoint, datagram);
        }
    }

    /// Decrypts a datagram; what was inside goes to `inside`.
    pub(super) fn receive(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
        inside: &mut Packets,
        out: &mut Outbox,
    ) -> Heard {
        self.look_at_times(now, out);
        let mut buffer = [0; DATAGRAM];
        if datagram.len() > buffer.len() {
            return Heard::Nobody;
        }
        let before = self.has_session();
        let mut answer = None;
        match self.tunn.decapsulate(Some(from.ip()), datagram, &mut buffer) {
            // A cookie says no more than that we were busy.
            TunnResult::Done if datagram.first() == Some(&COOKIE) => return Heard::Nobody,
            TunnResult::Done => {}
            TunnResult::Err(error) => {
                tracing::trace!(?error, %from, "a datagram of the tunnel is dropped");
                return Heard::Nobody;
            }
            TunnResult::WriteToNetwork(reply) if reply.first() == Some(&COOKIE) => {
                out.push(Some(from), reply);
                return Heard::Nobody;
            }
            TunnResult::WriteToNetwork(reply) => answer = Some(reply.len()),
            TunnResult::WriteToTunnelV4(packet, source) => self.accept(packet, source.into(), inside),
            TunnResult::WriteToTunnelV6(packet, source) => self.accept(packet, source.into(), inside),
        }
        // Only what the peer's key vouches for comes as far as this: it has moved if it sends from elsewhere.
        self.endpoint = Some(from);
        self.heard = Some(now);
        self.received += datagram.len() as u64;
        self.unanswered = None;
        self.asked = None;
        self.pause = SILENCE;
        if let Some(length) = answer {
            self.handshakes += 1;
            self.sent += length as u64;
            out.push(Some(from), &buffer[..length]);
        }
        if answer.is_some() || !before {
            self.flush(out);
        }
        if datagram.first() == Some(&RESPONSE) {
            self.send_again(now, out);
        }
        self.again.clear();
        Heard::Peer
    }

    fn accept(&self, packet: &[u8], source: IpAddr, inside: &mut Packets) {
        if self.has(source) {
            inside.push(packet);
        }
    }

    /// Keeps a packet that the other end may not be able to read any more.
    fn remember(&mut self, packet: &[u8], now: Instant) {
        let silent = self.unanswered.is_some_and(|begun| now.saturating_duration_since(begun) >= HUSH);
        if silent && self.has_session() {
            let full = self.again.len() >= AGAIN;
            let oldest = if full { self.again.pop_front() } else { None };
            let mut kept = oldest.map(|(_, kept)| kept).unwrap_or_default();
            kept.clear();
            kept.extend_from_slice(packet);
            self.again.push_back((now, kept));
        }
    }

    /// Sends in the new session what was lost with the old one.
    fn send_again(&mut self, now: Instant, out: &mut Outbox) {
        let mut buffer = [0; DATAGRAM];
        let fresh = |kept: &Instant| now.saturating_duration_since(*kept) < OLD;
        for (_, packet) in std::mem::take(&mut self.again).into_iter().filter(|(kept, _)| fresh(kept)) {
            if let TunnResult::WriteToNetwork(datagram) = self.tunn.encapsulate(&packet, &mut buffer) {
                self.sent += datagram.len() as u64;
                out.push(self.endpoint, datagram);
            }
        }
    }

    /// Sends what waited for a session.
    fn flush(&mut self, out: &mut Outbox) {
        let mut buffer = [0; DATAGRAM];
        while let TunnResult::WriteToNetwork(packet) = self.tunn.decapsulate(None, &[], &mut buffer) {
            if packet.first() == Some(&HANDSHAKE) {
                // There is no session after all, and the packet waits again.
                out.push(self.endpoint, packet);
                break;
            }
            self.sent += packet.len() as u64;
            out.push(self.endpoint, packet);
        }
    }

    fn look_at_times(&mut self, now: Instant, out: &mut Outbox) {
        let fresh = self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < FRESH);
        if !fresh {
            self.tick(now, out);
        }
    }

    /// The timers: ours, and the protocol's.
    pub(super) fn tick(&mut self, now: Instant, out: &mut Outbox) {
        self.looked = Some(now);
        let mut buffer = [0; DATAGRAM];
        match self.tunn.update_timers(&mut buffer) {
            TunnResult::WriteToNetwork(packet) => {
                if packet.first() == Some(&HANDSHAKE) {
                    self.asked = Some(now);
                }
                self.sent += packet.len() as u64;
                out.push(self.endpoint, packet);
            }
            // It gives up for good after 90 s without an answer. We do not: the pool may come back.
            TunnResult::Err(WireGuardError::ConnectionExpired) => {
                let wanted = self.config.keepalive > 0 || self.unanswered.is_some();
                if wanted && self.due(now) {
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    self.begin(now, out);
                }
                return;
            }
            TunnResult::Done
            | TunnResult::Err(_)
            | TunnResult::WriteToTunnelV4(..)
            | TunnResult::WriteToTunnelV6(..) => {}
        }
        let silent = self.unanswered.is_some_and(|begun| now.saturating_duration_since(begun) >= SILENCE);
        if silent && self.due(now) {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.begin(now, out);
        }
    }

    fn due(&self, now: Instant) -> bool {
        self.endpoint.is_some()
            && self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= self.pause)
    }

    /// When the timers have to be looked at again.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        if self.unanswered.is_some() || self.asked.is_some() {
            let silent = self.unanswered.map(|begun| begun + SILENCE).filter(|silent| *silent > now);
            let tick = now + BUSY_TICK;
            return self.endpoint.map(|_| silent.map_or(tick, |silent| silent.min(tick)));
        }
        let waits = self.has_session() || (self.config.keepalive > 0 && self.endpoint.is_some());
        waits.then(|| now + IDLE_TICK)
    }
}
