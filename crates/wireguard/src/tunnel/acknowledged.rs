//! Acknowledgements as the stack should see them. It lets a connection grow by one segment for each, however much it
//! covers, while the other end sends one for a whole batch: those are told in pieces. And when it has begun to send
//! everything again, it takes the answers to what had arrived long ago for the news of another loss: those are not
//! told.

use super::segment::{Flow, Segment};
use crate::clock::Instant;
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// Most pieces of one acknowledgement. What is left is one larger piece.
const PIECES: u32 = 128;
/// After so long the shortest round trip is no longer sure: a path may have become longer.
const STALE: Duration = Duration::from_secs(10);
/// Round trips differ by so much though nothing waits.
const JITTER: Duration = Duration::from_millis(2);
/// Largest header of IP and TCP together.
const HEADERS: usize = 120;
/// What is known of connections is forgotten when there are more: it is only about speed.
const MOST: usize = 4096;

/// What becomes of a packet that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is read as it is.
    Whole,
    /// Its pieces are read instead.
    InPieces,
    /// It says nothing.
    Not,
}

/// What is known of one connection.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// Up to where was acknowledged, and with which window.
    acknowledged: Option<(u32, u16)>,
    /// Up to where was sent.
    sent: Option<u32>,
    /// Whether the other end misses something: it acknowledges the same again and again.
    misses: bool,
    /// Everything up to here is being sent again.
    again: Option<u32>,
    /// Whose acknowledgement is waited for to know how long a round trip takes, and since when.
    asked: Option<(u32, Instant)>,
    /// The shortest round trip, and when it was taken.
    shortest: Option<(Duration, Instant)>,
    /// The last round trip.
    last: Duration,
}

impl Known {
    /// A round trip was taken. A longer one is believed only slowly: most of it may be waiting that we cause.
    fn took(&mut self, trip: Duration, now: Instant) {
        self.last = trip;
        let shortest = match self.shortest {
            Some((shortest, since)) if trip > shortest => {
                if now.saturating_duration_since(since) < STALE {
                    return;
                }
                shortest + (trip - shortest) / 4
            }
            Some(_) | None => trip,
        };
        self.shortest = Some((shortest, now));
    }

    /// Whether packets wait on the path, as far as is known.
    fn waits(&self) -> bool {
        self.shortest.is_some_and(|(shortest, _)| self.last > shortest + shortest / 4 + JITTER)
    }
}

/// What was sent and acknowledged so far, and what of the last acknowledgement is still to be told.
pub(super) struct Acknowledged {
    known: HashMap<Flow, Known>,
    /// Bytes of one piece.
    step: u32,
    packet: Vec<u8>,
    place: Range<usize>,
    told: u32,
    until: u32,
}

/// Whether a place in a connection lies behind another. They begin anew after 4 GiB.
fn is_behind(place: u32, other: u32) -> bool {
    place != other && place.wrapping_sub(other) <= u32::MAX / 2
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

    fn known(&mut self, flow: Flow) -> &mut Known {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.entry(flow).or_default()
    }

    /// How long a round trip of a connection takes at least, once that is known.
    pub(super) fn round_trip(&self, flow: &Flow) -> Option<Duration> {
        self.known.get(flow)?.shortest.map(|(shortest, _)| shortest)
    }

    /// Looks at a packet that goes.
    pub(super) fn sent(&mut self, packet: &[u8], now: Instant) {
        let Some(segment) = Segment::of(packet) else { return };
        let (Some((begin, end)), Some(flow)) = (segment.data(), segment.flow_out()) else { return };
        let known = self.known(flow);
        match known.sent {
            Some(sent) if !is_behind(end, sent) => {
                // Nobody knows which of both will be acknowledged.
                known.asked = None;
                // The first one alone is sent again where others have arrived: that is no new beginning.
                if known.acknowledged.is_some_and(|(acknowledged, _)| acknowledged != begin) {
                    known.again = Some(sent);
                }
            }
            Some(_) | None => {
                known.sent = Some(end);
                known.asked.get_or_insert((end, now));
            }
        }
    }

    /// Looks at a packet that came.
    pub(super) fn came(&mut self, packet: &[u8], now: Instant) -> Told {
        let Some(segment) = Segment::of(packet) else { return Told::Whole };
        let Some(flow) = segment.flow_in() else { return Told::Whole };
        if segment.begins() {
            self.known.remove(&flow);
        }
        let Some(until) = segment.only_acknowledges() else { return Told::Whole };
        let window = segment.window();
        let known = self.known(flow);
        let Some((before, offered)) = known.acknowledged else {
            known.acknowledged = Some((until, window));
            return Told::Whole;
        };
        if !is_behind(until, before) {
            let repeated = until == before && window == offered;
            if until == before {
                known.acknowledged = Some((until, window));
            }
            known.misses |= repeated;
            return if repeated && known.again.is_some() { Told::Not } else { Told::Whole };
        }
        known.acknowledged = Some((until, window));
        if let Some((_, since)) = known.asked.take_if(|(asked, _)| !is_behind(*asked, until)) {
            known.took(now.saturating_duration_since(since), now);
        }
        known.again = known.again.filter(|again| is_behind(*again, until));
        // What fills a hole covers what had arrived before: it is no reason to send as much at once.
        // Nor is it when packets wait on the path already.
        let enough = std::mem::take(&mut known.misses) || known.waits();
        let (bare, place) = segment.bare();
        let more = until.wrapping_sub(before);
        if enough || more <= self.step || bare.len() > HEADERS {
            return Told::Whole;
        }
        self.packet.clear();
        self.packet.extend_from_slice(bare);
        self.place = place;
        let covered = self.step.saturating_mul(PIECES);
        (self.told, self.until) = (before.wrapping_add(more.saturating_sub(covered)), until);
        Told::InPieces
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
        if acknowledged.came(packet) == Told::InPieces {
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
