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

#[cfg(test)]
mod tests {
    use super::super::segment::tests::packet;
    use super::*;

    const ACK: u8 = 16;
    const SYN: u8 = 2;

    /// What is told of a packet, or nothing when it is left whole.
    fn told(acknowledged: &mut Acknowledged, packet: &[u8]) -> Vec<u32> {
        let mut told = Vec::new();
        if acknowledged.take_apart(packet) {
            while let Some(piece) = acknowledged.piece() {
                told.push(Segment::of(piece).unwrap().only_acknowledges().unwrap());
            }
        }
        told
    }

    #[test]
    fn what_covers_much_is_told_in_pieces_that_end_where_it_does() {
        let mut acknowledged = Acknowledged::new(1040);
        let begin = u32::MAX - 1500;
        assert!(told(&mut acknowledged, &packet(ACK, begin, b"")).is_empty(), "nothing is known before");
        let pieces = told(&mut acknowledged, &packet(ACK, begin.wrapping_add(3500), b""));
        let wanted = [1000, 2000, 3000, 3500].map(|more| begin.wrapping_add(more));
        assert_eq!(pieces, wanted);
        assert!(
            told(&mut acknowledged, &packet(ACK, begin.wrapping_add(4500), b"")).is_empty(),
            "one segment"
        );
    }

    #[test]
    fn repeated_older_and_other_packets_are_left_whole() {
        let mut acknowledged = Acknowledged::new(1040);
        told(&mut acknowledged, &packet(ACK, 10_000, b""));
        for same in [
            packet(ACK, 10_000, b""),
            packet(ACK, 4000, b""),
            packet(ACK, 20_000, b"data"),
            packet(ACK | SYN, 20_000, b""),
            vec![0x45; 30],
        ] {
            assert!(told(&mut acknowledged, &same).is_empty(), "{same:?}");
        }
        // The connection has begun anew, and the same number says nothing about what came before.
        assert!(told(&mut acknowledged, &packet(ACK, 90_000, b"")).is_empty());
    }

    #[test]
    fn an_absurd_acknowledgement_makes_no_more_pieces_than_others() {
        let mut acknowledged = Acknowledged::new(1040);
        told(&mut acknowledged, &packet(ACK, 0, b""));
        let until = u32::MAX / 2;
        let pieces = told(&mut acknowledged, &packet(ACK, until, b""));
        assert_eq!((pieces.len(), pieces.last()), (PIECES as usize, Some(&until)));
    }
}
