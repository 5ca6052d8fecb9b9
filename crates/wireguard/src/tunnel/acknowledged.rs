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

    /// How long a round trip of a connection takes at least, once that is known.
    pub(super) fn round_trip(&self, flow: &Flow) -> Option<Duration> {
        self.known.get(flow)?.shortest.map(|(shortest, _)| shortest)
    }

    /// Looks at a packet that goes.
    pub(super) fn sent(&mut self, packet: &[u8], now: Instant) {
        let Some(segment) = Segment::of(packet) else { return };
        let (Some((begin, end)), Some(flow)) = (segment.data(), segment.flow_out()) else { return };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let known = self.known.entry(flow).or_default();
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
        // Of a connection on which we sent nothing, and of what we never sent, there is nothing to be told in pieces.
        let Some(known) = self.known.get_mut(&flow) else { return Told::Whole };
        if known.sent.is_none_or(|sent| is_behind(until, sent)) {
            return Told::Whole;
        }
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
    use super::super::segment::tests::{packet, sending};
    use super::*;
    use crate::clock::now;

    const ACK: u8 = 16;
    const SYN: u8 = 2;
    const MIB: u32 = 1 << 20;

    /// A connection on which a byte was sent at each of these places, in this order.
    fn having_sent(places: &[u32]) -> Acknowledged {
        let mut acknowledged = Acknowledged::new(1040);
        for place in places {
            acknowledged.sent(&sending(*place), now());
        }
        acknowledged
    }

    /// What is told of a packet in pieces.
    fn told(acknowledged: &mut Acknowledged, packet: &[u8]) -> Vec<u32> {
        let mut told = Vec::new();
        if acknowledged.came(packet, now()) == Told::InPieces {
            while let Some(piece) = acknowledged.piece() {
                told.push(Segment::of(piece).unwrap().only_acknowledges().unwrap());
            }
        }
        told
    }

    #[test]
    fn what_covers_much_is_told_in_pieces_that_end_where_it_does() {
        let begin = u32::MAX - 1500;
        let mut acknowledged = having_sent(&[begin, begin.wrapping_add(MIB)]);
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
        let mut acknowledged = having_sent(&[0, MIB]);
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
    fn what_we_never_sent_is_left_whole() {
        let mut stranger = Acknowledged::new(1040);
        for until in [0, MIB, u32::MAX / 2] {
            assert_eq!(stranger.came(&packet(ACK, until, b""), now()), Told::Whole);
        }
        assert!(stranger.known.is_empty(), "nothing is kept of it");
        let mut acknowledged = having_sent(&[0, 5000]);
        told(&mut acknowledged, &packet(ACK, 0, b""));
        assert_eq!(acknowledged.came(&packet(ACK, 5002, b""), now()), Told::Whole, "one byte too far");
        assert_eq!(told(&mut acknowledged, &packet(ACK, 5001, b"")).last(), Some(&5001));
    }

    #[test]
    fn an_acknowledgement_of_very_much_makes_no_more_pieces_than_others() {
        let mut acknowledged = having_sent(&[0, 64 * MIB]);
        told(&mut acknowledged, &packet(ACK, 0, b""));
        let pieces = told(&mut acknowledged, &packet(ACK, 64 * MIB, b""));
        assert_eq!((pieces.len(), pieces.last()), (PIECES as usize, Some(&(64 * MIB))));
    }

    #[test]
    fn what_is_sent_again_as_a_whole_makes_no_new_loss() {
        let mut acknowledged = having_sent(&[0, 1000, 2000, 3000]);
        told(&mut acknowledged, &packet(ACK, 500, b""));
        let repeated = packet(ACK, 500, b"");
        assert_eq!(acknowledged.came(&repeated, now()), Told::Whole);
        // The first one alone, where the other end misses it, and then everything behind it.
        acknowledged.sent(&sending(500), now());
        assert_eq!(acknowledged.came(&repeated, now()), Told::Whole);
        acknowledged.sent(&sending(1000), now());
        assert_eq!(acknowledged.came(&repeated, now()), Told::Not);
        // Until all of it has arrived.
        assert_eq!(acknowledged.came(&packet(ACK, 3001, b""), now()), Told::Whole);
        assert_eq!(acknowledged.came(&packet(ACK, 3001, b""), now()), Told::Whole);
    }

    #[test]
    fn a_round_trip_is_the_shortest_and_a_longer_one_is_believed_late() {
        let mut known = Known::default();
        let begun = now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let shortest = |known: &Known| known.shortest.map(|(shortest, _)| shortest.as_millis());
        for (trip, second, wanted) in [(50, 0, 50), (40, 1, 40), (80, 2, 40), (80, 12, 50), (30, 13, 30)] {
            known.took(Duration::from_millis(trip), after(second));
            assert_eq!(shortest(&known), Some(wanted), "{trip} ms in second {second}");
        }
        assert!(!known.waits());
        known.took(Duration::from_millis(60), after(14));
        assert!(known.waits());
    }
}
