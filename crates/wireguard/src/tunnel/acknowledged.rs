//! Acknowledgements that cover much, taken apart. The stack lets a connection grow by one segment for each of them,
//! however much it covers, while the other end sends one for a whole batch: on a long path it would never get fast,
//! nor recover from a loss.

use super::segment::{Flow, Segment};
use std::collections::HashMap;
use std::ops::Range;

/// Most pieces of one acknowledgement. What is left is one larger piece.
const PIECES: u32 = 128;
/// Largest header of IP and TCP together.
const HEADERS: usize = 120;
/// What is known of connections is forgotten when there are more: it is only about speed.
const MOST: usize = 4096;

/// What was acknowledged so far, and what of the last acknowledgement is still to be told.
pub(super) struct Acknowledged {
    /// By connection, up to where.
    known: HashMap<Flow, u32>,
    /// Bytes of one piece.
    step: u32,
    packet: Vec<u8>,
    place: Range<usize>,
    told: u32,
    until: u32,
}

impl Acknowledged {
    /// For packets of so many bytes.
    pub(super) fn new(mtu: u16) -> Self {
        let step = u32::from(mtu).saturating_sub(40).max(1);
        let packet = Vec::with_capacity(HEADERS);
        Self { known: HashMap::new(), step, packet, place: 0..0, told: 0, until: 0 }
    }

    /// Whether pieces are left.
    pub(super) fn is_left(&self) -> bool {
        self.told != self.until
    }

    /// Looks at a packet that came. Whether it is taken apart: its pieces are to be read instead.
    pub(super) fn take_apart(&mut self, packet: &[u8]) -> bool {
        let Some(segment) = Segment::of(packet) else { return false };
        let Some(flow) = segment.flow() else { return false };
        if segment.begins() {
            self.known.remove(&flow);
        }
        let Some(until) = segment.only_acknowledges() else { return false };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let Some(before) = self.known.insert(flow, until) else { return false };
        let more = until.wrapping_sub(before);
        if more > u32::MAX / 2 {
            // It is older than the last.
            self.known.insert(flow, before);
            return false;
        }
        let (bare, place) = segment.bare();
        if more <= self.step || bare.len() > HEADERS {
            return false;
        }
        self.packet.clear();
        self.packet.extend_from_slice(bare);
        self.place = place;
        let covered = self.step.saturating_mul(PIECES);
        (self.told, self.until) = (before.wrapping_add(more.saturating_sub(covered)), until);
        true
    }

    /// The next piece, as a packet.
    pub(super) fn piece(&mut self) -> Option<&[u8]> {
        if !self.is_left() {
            return None;
        }
        self.told = self.told.wrapping_add(self.step.min(self.until.wrapping_sub(self.told)));
        // Checksums are not looked at: WireGuard vouches for what comes.
        self.packet.get_mut(self.place.clone())?.copy_from_slice(&self.told.to_be_bytes());
        Some(&self.packet)
    }
}
