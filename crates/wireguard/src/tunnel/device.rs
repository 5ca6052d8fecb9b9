//! Where the TCP/IP stack takes its packets from and puts them.

use super::acknowledged::{Acknowledged, Told};
use crate::clock::Instant;
use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use std::ops::Range;

/// Packets that are held in each direction: what one turn of the driver takes.
pub(super) const BATCH: usize = 64;

/// Packets one after another in one buffer, so that none needs memory of its own.
#[derive(Default)]
pub(super) struct Packets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    next: usize,
}

impl Packets {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= BATCH
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next >= self.ends.len()
    }

    fn pop(&mut self) -> Option<Range<usize>> {
        let end = *self.ends.get(self.next)?;
        let begin = if self.next == 0 { 0 } else { self.ends[self.next - 1] };
        self.next += 1;
        Some(begin..end)
    }

    /// Shows each packet that is left.
    pub(super) fn peek(&self, mut look: impl FnMut(&[u8])) {
        for index in self.next..self.ends.len() {
            let begin = if index == 0 { 0 } else { self.ends[index - 1] };
            look(&self.bytes[begin..self.ends[index]]);
        }
    }

    /// Gives each packet, and forgets all.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        while let Some(range) = self.pop() {
            take(&self.bytes[range]);
        }
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.next = 0;
    }
}

/// The stack's link: two batches of packets.
pub(super) struct LinkDevice {
    pub(super) incoming: Packets,
    pub(super) outgoing: Packets,
    pub(super) acknowledged: Acknowledged,
    /// When this turn began.
    pub(super) now: Instant,
    mtu: usize,
}

impl LinkDevice {
    pub(super) fn new(mtu: u16, now: Instant) -> Self {
        Self {
            incoming: Packets::default(),
            outgoing: Packets::default(),
            acknowledged: Acknowledged::new(mtu),
            now,
            mtu: mtu.into(),
        }
    }

    /// Looks at what is about to go.
    pub(super) fn note(&mut self) {
        let Self { outgoing, acknowledged, now, .. } = self;
        outgoing.peek(|packet| acknowledged.sent(packet, *now));
    }

    /// Whether there is more to read.
    pub(super) fn is_left(&self) -> bool {
        self.acknowledged.is_left() || !self.incoming.is_empty()
    }
}

impl Device for LinkDevice {
    type RxToken<'a> = Incoming<'a>;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        if self.outgoing.is_full() {
            return None;
        }
        while !self.acknowledged.is_left() {
            let range = self.incoming.pop()?;
            match self.acknowledged.came(&self.incoming.bytes[range.clone()], self.now) {
                Told::Whole => {
                    return Some((Incoming(&self.incoming.bytes[range]), Outgoing(&mut self.outgoing)));
                }
                Told::InPieces | Told::Not => {}
            }
        }
        let piece = self.acknowledged.piece()?;
        Some((Incoming(piece), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Self::TxToken<'_>> {
        (!self.outgoing.is_full()).then_some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        // WireGuard has authenticated every byte that comes; a kernel at the other end still wants checksums.
        let mut checksum = ChecksumCapabilities::default();
        checksum.ipv4 = Checksum::Tx;
        checksum.tcp = Checksum::Tx;
        capabilities.checksum = checksum;
        capabilities
    }
}

/// A packet that came.
pub(super) struct Incoming<'a>(&'a [u8]);

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for a packet to send.
pub(super) struct Outgoing<'a>(&'a mut Packets);

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let begin = self.0.bytes.len();
        self.0.bytes.resize(begin + len, 0);
        let done = write(&mut self.0.bytes[begin..]);
        self.0.ends.push(begin + len);
        done
    }
}
