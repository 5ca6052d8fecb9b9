//! How much may be on its way on a connection, and how much memory all of them may take for it.

use crate::clock::Instant;
use std::time::Duration;

/// Bytes on their way to us and from us that every connection may have.
pub(super) const NARROW: Sides = Sides { receive: 256 * 1024, send: 128 * 1024 };
/// What one may have at most each way: 400 Mbit/s over 40 ms.
const WIDE: usize = 2 << 20;
/// Bytes beyond the narrow ones that are given out to all connections of a tunnel.
const SPARE: usize = 32 << 20;
/// Of the spare bytes, each buffer gets at most one of so many parts, so that there is always some for the next.
const PARTS: usize = 8;
/// The C library of most Linux systems keeps whatever was freed of lesser size for what is asked for next, and clears
/// it then, which touches it all. What is larger has pages of its own that are there when used and gone when freed.
#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
const PAGES_OF_ITS_OWN: usize = (32 << 20) + 1;
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
const PAGES_OF_ITS_OWN: usize = 0;
/// The smallest wide buffer.
const LEAST: usize = 1 << 20;
/// Bytes that may be under way beyond what a path was seen to carry and half as much.
const MORE: usize = 16 * 1024;
/// A path that carries more from one round trip to the next carries at most about twice as much.
const JUMP: u128 = 4;
/// A round trip is taken to be no longer and no shorter.
const LONGEST: Duration = Duration::from_millis(500);
const SHORTEST: Duration = Duration::from_millis(1);

/// Bytes each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) receive: usize,
    pub(super) send: usize,
}

/// The spare bytes of a tunnel.
pub(super) struct Room {
    spare: usize,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { spare: SPARE }
    }

    /// Buffers of a new connection: the first get wide ones, the more there are the narrower. They are addresses
    /// until they are used.
    pub(super) fn take(&mut self) -> Sides {
        let mut side = |narrow: usize| {
            let wide = (narrow + self.spare / PARTS).min(WIDE);
            // What is neither nor would help little, and its memory would not come back by itself.
            let bytes = if wide < LEAST { narrow } else { wide };
            self.spare -= bytes - narrow;
            bytes
        };
        Sides { receive: side(NARROW.receive), send: side(NARROW.send) }
    }

    /// A connection is over.
    pub(super) fn give_back(&mut self, sides: Sides) {
        let more = sides.receive.saturating_sub(NARROW.receive) + sides.send.saturating_sub(NARROW.send);
        self.spare = (self.spare + more).min(SPARE);
    }

    /// Whether everything was given back.
    #[cfg(test)]
    pub(super) fn is_whole(&self) -> bool {
        self.spare == SPARE
    }
}

/// So many zeros, which take addresses until they are used, and memory only as far as they are.
pub(super) fn zeros(bytes: usize) -> Vec<u8> {
    let mut zeros = vec![0; if bytes >= LEAST { bytes.max(PAGES_OF_ITS_OWN) } else { bytes }];
    zeros.truncate(bytes);
    zeros
}

/// How much of its room for sending a connection uses: what arrives during a round trip, and half as much again. More
/// would only wait in front of a narrow line, and what is written next behind it; and where it does not even fit
/// there, the stack would take long to mend what is lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    written: u64,
    granted: usize,
    /// When it was looked at last, and what had arrived by then.
    looked: Instant,
    arrived: u64,
    /// Bytes that arrived during the round trip before.
    news: u128,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { written: 0, granted: NARROW.send, looked: now, arrived: 0, news: 0 }
    }

    /// Bytes that may be written now, of which `waiting` have not arrived yet and `most` is the buffer's size. The
    /// round trip is the shortest that was seen: longer ones have waited.
    pub(super) fn room(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        waiting: usize,
        most: usize,
    ) -> usize {
        let arrived = self.written.saturating_sub(waiting as u64);
        let passed = now.saturating_duration_since(self.looked);
        if let Some(round_trip) = round_trip.map(|trip| trip.clamp(SHORTEST, LONGEST))
            && passed >= round_trip
        {
            let news = arrived.saturating_sub(self.arrived);
            let news = u128::from(news) * round_trip.as_micros() / passed.as_micros().max(1);
            // What fills a hole covers all that had arrived behind it, and says nothing about how fast the path is.
            let before = std::mem::replace(&mut self.news, news);
            let news = if news / JUMP > before { before } else { news };
            let wanted = usize::try_from(news + news / 2).unwrap_or(usize::MAX).saturating_add(MORE);
            // It grows at once, and shrinks slowly: one quiet moment says little.
            let shrunk = self.granted - self.granted / 8;
            self.granted = wanted.max(shrunk).clamp(NARROW.send, most.max(NARROW.send));
            (self.looked, self.arrived) = (now, arrived);
        }
        self.granted.min(most).saturating_sub(waiting)
    }

    /// So many bytes were written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    #[test]
    fn the_spare_room_never_ends_and_comes_back() {
        let mut room = Room::new();
        let first = room.take();
        assert_eq!(first, Sides { receive: WIDE, send: WIDE });
        let mut taken = vec![first];
        for _ in 0..1000 {
            taken.push(room.take());
        }
        let beyond: usize =
            taken.iter().map(|sides| sides.receive - NARROW.receive + sides.send - NARROW.send).sum();
        assert!(beyond <= SPARE, "{beyond}");
        assert!(taken.iter().all(|sides| sides.receive >= NARROW.receive && sides.send >= NARROW.send));
        assert!(!room.is_whole());
        taken.into_iter().for_each(|sides| room.give_back(sides));
        assert!(room.is_whole());
    }

    /// Writes whatever there is room for over a path that carries so many bytes in a round trip of 40 ms; how much
    /// was granted after each.
    fn over(bytes: usize, rounds: usize) -> Vec<usize> {
        let begun = now();
        let round_trip = Duration::from_millis(40);
        let mut pace = Pace::new(begun);
        let (mut time, mut waiting) = (begun, 0);
        let mut granted = Vec::new();
        for _ in 0..rounds {
            let room = pace.room(time, Some(round_trip), waiting, WIDE);
            pace.wrote(room);
            waiting += room;
            granted.push(waiting);
            waiting -= waiting.min(bytes);
            time += round_trip;
        }
        granted
    }

    #[test]
    fn a_fast_path_gets_all_of_it_and_a_narrow_one_little() {
        let fast = over(usize::MAX, 30);
        assert_eq!((fast[0], fast[29]), (NARROW.send, WIDE), "{fast:?}");
        let narrow = over(20_000, 200);
        assert!(narrow.iter().all(|waiting| *waiting <= NARROW.send + 40_000), "{narrow:?}");
    }

    #[test]
    fn who_has_become_calm_is_granted_little_again() {
        let mut time = now();
        let mut pace = Pace::new(time);
        let round_trip = Some(Duration::from_millis(40));
        for _ in 0..30 {
            time += Duration::from_millis(40);
            let room = pace.room(time, round_trip, 0, WIDE);
            pace.wrote(room);
        }
        assert_eq!(pace.room(time, round_trip, 0, WIDE), WIDE);
        for _ in 0..60 {
            time += Duration::from_secs(1);
            pace.room(time, round_trip, 0, WIDE);
        }
        assert_eq!(pace.room(time, round_trip, 0, WIDE), NARROW.send);
    }
}
