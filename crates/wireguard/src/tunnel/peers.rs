//! All other ends: who a datagram is from, and whose an address is.

use super::device::Packets;
use super::driver::Outbox;
use super::peer::{Heard, Peer};
use super::segment::destination;
use super::{PeerConfig, PeerStatus, TunnelError};
use crate::clock::Instant;
use crate::keys::{PrivateKey, PublicKey};
use boringtun::noise::handshake::parse_handshake_anon;
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Packet, Tunn, TunnResult};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

/// Handshakes per second that are looked into before the other end has to prove its address.
const HANDSHAKES: u64 = 100;
/// Peers are told apart by 24 bits of every datagram; far fewer make a pool.
const MOST: u32 = 1 << 16;

pub(super) struct Peers {
    ours: PrivateKey,
    limiter: RateLimiter,
    peers: BTreeMap<u32, Peer>,
    by_key: HashMap<PublicKey, u32>,
    /// Addresses of one peer alone, which most are.
    by_address: HashMap<IpAddr, u32>,
    /// Whole networks.
    networks: Vec<(IpNet, u32)>,
    next: u32,
}

impl Peers {
    pub(super) fn new(ours: &PrivateKey) -> Self {
        Self {
            ours: ours.clone(),
            limiter: RateLimiter::new(&ours.public().point(), HANDSHAKES),
            peers: BTreeMap::new(),
            by_key: HashMap::new(),
            by_address: HashMap::new(),
            networks: Vec::new(),
            next: 0,
        }
    }

    pub(super) fn add(&mut self, config: PeerConfig) -> Result<(), TunnelError> {
        let taken = |net: &IpNet| {
            let single = single(net).is_some_and(|ip| self.by_address.contains_key(&ip));
            single || self.networks.iter().any(|(other, _)| other == net)
        };
        if self.by_key.contains_key(&config.public_key)
            || config.public_key == self.ours.public()
            || config.allowed_ips.iter().any(taken)
        {
            return Err(TunnelError::Taken);
        }
        if self.peers.len() >= MOST as usize {
            return Err(TunnelError::Full);
        }
        while self.peers.contains_key(&self.next) {
            self.next = (self.next + 1) % (MOST * 2);
        }
        let index = self.next;
        self.next = (self.next + 1) % (MOST * 2);
        self.by_key.insert(config.public_key, index);
        for net in &config.allowed_ips {
            match single(net) {
                Some(ip) => {
                    self.by_address.insert(ip, index);
                }
                None => self.networks.push((*net, index)),
            }
        }
        self.networks.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        self.peers.insert(index, Peer::new(&self.ours, config, index));
        Ok(())
    }

    /// Forgets a peer; gives what it was.
    pub(super) fn remove(&mut self, key: &PublicKey) -> Option<PeerConfig> {
        let index = self.by_key.remove(key)?;
        self.by_address.retain(|_, other| *other != index);
        self.networks.retain(|(_, other)| *other != index);
        self.peers.remove(&index).map(|peer| peer.config)
    }

    pub(super) fn route(&self, ip: IpAddr) -> Option<u32> {
        let whole = || self.networks.iter().find(|(net, _)| net.contains(&ip)).map(|(_, index)| *index);
        self.by_address.get(&ip).copied().or_else(whole)
    }

    pub(super) fn can_reach(&self, ip: IpAddr) -> bool {
        self.route(ip).is_some()
    }

    pub(super) fn begin(&mut self, key: &PublicKey, now: Instant, out: &mut Outbox) {
        let index = self.by_key.get(key).copied();
        if let Some(peer) = index.and_then(|index| self.peers.get_mut(&index)) {
            peer.begin(now, out);
        }
    }

    pub(super) fn move_to(&mut self, key: &PublicKey, endpoint: SocketAddr, now: Instant, out: &mut Outbox) {
        let index = self.by_key.get(key).copied();
        if let Some(peer) = index.and_then(|index| self.peers.get_mut(&index)) {
            peer.move_to(endpoint);
            peer.begin(now, out);
        }
    }

    pub(super) fn greet(&mut self, now: Instant, out: &mut Outbox) {
        for peer in self.peers.values_mut() {
            peer.begin(now, out);
        }
    }

    pub(super) fn send(&mut self, packet: &[u8], now: Instant, out: &mut Outbox) {
        let to = destination(packet).and_then(|ip| self.route(ip));
        if let Some(peer) = to.and_then(|index| self.peers.get_mut(&index)) {
            peer.send(packet, now, out);
        }
    }

    /// Finds out who a datagram is from, and lets that peer read it.
    pub(super) fn receive(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
        inside: &mut Packets,
        out: &mut Outbox,
    ) -> Heard {
        let Ok(parsed) = Tunn::parse_incoming_packet(datagram) else { return Heard::Nobody };
        let index = match parsed {
            Packet::HandshakeInit(_) => self.initiator(from, datagram, out),
            Packet::HandshakeResponse(p) => Some(p.receiver_idx >> 8),
            Packet::PacketCookieReply(p) => Some(p.receiver_idx >> 8),
            Packet::PacketData(p) => Some(p.receiver_idx >> 8),
        };
        match index.and_then(|index| self.peers.get_mut(&index)) {
            Some(peer) => peer.receive(from, datagram, now, inside, out),
            None => Heard::Nobody,
        }
    }

    /// Who begins a handshake. What costs us work is done only for those who know our key, and under load only for
    /// those who prove their address.
    fn initiator(&mut self, from: SocketAddr, datagram: &[u8], out: &mut Outbox) -> Option<u32> {
        self.limiter.reset_count();
        let mut cookie = [0; 64];
        let packet = match self.limiter.verify_packet(Some(from.ip()), datagram, &mut cookie) {
            Ok(packet) => packet,
            Err(TunnResult::WriteToNetwork(cookie)) => {
                out.push(Some(from), cookie);
                return None;
            }
            Err(_) => return None,
        };
        let Packet::HandshakeInit(init) = packet else { return None };
        let half = parse_handshake_anon(&self.ours.secret(), &self.ours.public().point(), &init).ok()?;
        let key = PublicKey::from_bytes(half.peer_static_public).ok()?;
        self.by_key.get(&key).copied()
    }

    pub(super) fn tick(&mut self, now: Instant, out: &mut Outbox) {
        for peer in self.peers.values_mut().filter(|peer| peer.next_look(now).is_some()) {
            peer.tick(now, out);
        }
    }

    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        self.peers.values().filter_map(|peer| peer.next_look(now)).min()
    }

    pub(super) fn status(&self) -> Vec<PeerStatus> {
        self.peers.values().map(Peer::status).collect()
    }
}

fn single(net: &IpNet) -> Option<IpAddr> {
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}
