//! What is known about the disk, and when it must be known better. Pure.

use super::{Bound, Count, Limits};

/// Free space of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    pub bytes: u64,
    /// Zero, and staying so, where the file system has no fixed number.
    pub files: u64,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Rest { milliseconds: u32 },
    Count,
    StopAndCount,
}

const MIB: u64 = 1 << 20;
/// The free space may have dropped by this much more than is left before the task is stopped for a count: other
/// programs write too. It is part of the overshoot.
const SLACK_BYTES: u64 = 64 * MIB;
const SLACK_FILES: u64 = 16 * 1024;
/// A drop of this much is worth a count while the task runs.
const WORTH_BYTES: u64 = 32 * MIB;
const WORTH_FILES: u64 = 8 * 1024;
/// The fastest that a task can write, for the time until the next look.
const FASTEST_PER_MILLISECOND: u64 = 4 * MIB;
pub const SHORTEST_PAUSE: u32 = 20;
const LONGEST_PAUSE: u32 = 250;
/// Without any sign the tree is counted again after this long: other programs may free what the task takes.
const SLOW: u64 = 1000;
/// The same while the free space does not move at all.
const STILL: u64 = 10_000;
/// Between two counts there are at least this many times the last one's duration: one fiftieth of the processor.
const PACE: u64 = 50;
/// The same after a drop.
const HASTE: u64 = 10;

/// The books.
#[derive(Debug)]
pub struct Books {
    /// Free space before the task began.
    begin: Free,
    /// The first count, which is what the package brought.
    first: Option<Count>,
    last: Count,
    /// Free space at the last count.
    reference: Free,
    counted_at: u64,
    cost: u64,
    /// What was missing and not the task's when it was counted standing still last: what others took.
    others: Free,
    stood_still_at: u64,
}

impl Books {
    pub fn begin(free: Free) -> Self {
        let (last, others) = (Count::default(), Free { bytes: 0, files: 0 });
        Self {
            begin: free,
            first: None,
            last,
            reference: free,
            counted_at: 0,
            cost: 0,
            others,
            stood_still_at: 0,
        }
    }

    /// What to do at `now`, with this much free.
    pub fn plan(&self, limits: &Limits, free: Free, now: u64) -> Step {
        if self.first.is_none() {
            return Step::Count;
        }
        let dropped = self.reference.bytes.saturating_sub(free.bytes);
        let made = self.reference.files.saturating_sub(free.files);
        let room =
            (limits.bytes.saturating_add(SLACK_BYTES)).checked_sub(self.used().saturating_add(dropped));
        let files = self.last.files.saturating_add(made);
        let Some(room) = room else { return Step::StopAndCount };
        if files > limits.files.saturating_add(SLACK_FILES) {
            return Step::StopAndCount;
        }
        let still_since = now.saturating_sub(self.stood_still_at);
        if self.hides() && still_since >= (self.cost * HASTE).max(100) {
            return Step::StopAndCount;
        }
        let since = now.saturating_sub(self.counted_at);
        let worth = dropped >= WORTH_BYTES || made >= WORTH_FILES;
        let slow = if free == self.reference { STILL } else { SLOW };
        if since >= slow.max(self.cost * PACE) || worth && since >= (self.cost * HASTE).max(100) {
            return Step::Count;
        }
        let milliseconds = u32::try_from(room / FASTEST_PER_MILLISECOND).unwrap_or(u32::MAX);
        Step::Rest { milliseconds: milliseconds.clamp(SHORTEST_PAUSE, LONGEST_PAUSE) }
    }

    /// Notes a count.
    pub fn counted(&mut self, count: Count, free: Free, begun: u64, ended: u64) {
        self.first.get_or_insert(count);
        self.last = count;
        self.reference = free;
        self.counted_at = ended;
        self.cost = ended.saturating_sub(begun);
    }

    /// Notes that the task stood still during the last count, so that nothing was moved out of its way.
    pub fn stood_still(&mut self) {
        self.stood_still_at = self.counted_at;
        if !self.last.opaque {
            self.others = self.unexplained();
        }
    }

    /// Whether far more is missing than the last count explains: others write, or files were moved out of its way.
    fn hides(&self) -> bool {
        let found = self.unexplained();
        found.bytes > self.others.bytes.saturating_add(SLACK_BYTES)
            || found.files > self.others.files.saturating_add(SLACK_FILES)
    }

    /// What went missing until the last count and is not what the task made.
    fn unexplained(&self) -> Free {
        let first = self.first.unwrap_or_default();
        let missing = |begin: u64, free: u64, seen: u64, first: u64| {
            begin.saturating_sub(free).saturating_sub(seen.saturating_sub(first))
        };
        Free {
            bytes: missing(self.begin.bytes, self.reference.bytes, self.last.bytes, first.bytes),
            files: missing(self.begin.files, self.reference.files, self.last.files, first.files),
        }
    }

    /// Whether something could not be looked at.
    pub fn opaque(&self) -> bool {
        self.last.opaque
    }

    /// The bound that the last count breaks.
    pub fn broken(&self, limits: &Limits) -> Option<Bound> {
        let used = self.used();
        if used > limits.bytes {
            Some(Bound::Bytes(used))
        } else if self.last.files > limits.files {
            Some(Bound::Files)
        } else {
            None
        }
    }

    /// What the task has on disk. While it hides something, everything that went missing since it began is its own.
    fn used(&self) -> u64 {
        let seen = self.last.bytes;
        if !self.last.opaque {
            return seen;
        }
        let missing = self.begin.bytes.saturating_sub(self.reference.bytes);
        let explained = seen.saturating_sub(self.first.map_or(0, |first| first.bytes));
        seen.saturating_add(missing.saturating_sub(explained))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes: 256 * MIB, files: 65_536 };
    const FREE: u64 = 1 << 40;

    fn free(dropped: u64) -> Free {
        Free { bytes: FREE - dropped, files: 1_000_000 }
    }

    fn seen(bytes: u64) -> Count {
        Count { bytes, files: 1, opaque: false }
    }

    fn counted(bytes: u64) -> Books {
        let mut books = Books::begin(free(0));
        assert_eq!(books.plan(&LIMITS, free(0), 0), Step::Count, "first of all");
        books.counted(seen(bytes), free(0), 0, 1);
        books
    }

    #[test]
    fn the_closer_the_bound_the_sooner_the_next_look() {
        let pause = |used, dropped| match counted(used).plan(&LIMITS, free(dropped), 2) {
            Step::Rest { milliseconds } => milliseconds,
            other @ (Step::Count | Step::StopAndCount) => panic!("{other:?}"),
        };
        assert_eq!(pause(0, 0), 80);
        assert_eq!(pause(128 * MIB, 0), 48);
        assert_eq!(pause(128 * MIB, 100 * MIB), 23);
        assert_eq!(pause(256 * MIB, 0), SHORTEST_PAUSE);
        let roomy = Limits { bytes: 1 << 40, files: 10 };
        assert_eq!(counted(0).plan(&roomy, free(0), 2), Step::Rest { milliseconds: LONGEST_PAUSE });
    }

    #[test]
    fn a_drop_beyond_what_is_left_stops_the_task_for_a_count() {
        let books = counted(200 * MIB);
        assert_ne!(books.plan(&LIMITS, free(120 * MIB), 2), Step::StopAndCount);
        assert_eq!(books.plan(&LIMITS, free(121 * MIB), 2), Step::StopAndCount);
        let inodes = Free { files: 1_000_000 - 82_000, ..free(0) };
        assert_eq!(books.plan(&LIMITS, inodes, 2), Step::StopAndCount);
    }

    #[test]
    fn counts_are_due_after_a_drop_or_a_while_and_paced_by_their_cost() {
        let mut books = counted(0);
        let drop = free(40 * MIB);
        assert_ne!(books.plan(&LIMITS, drop, 50), Step::Count);
        assert_eq!(books.plan(&LIMITS, drop, 101), Step::Count);
        assert_ne!(books.plan(&LIMITS, free(1), 900), Step::Count);
        assert_eq!(books.plan(&LIMITS, free(1), 1001), Step::Count);
        assert_ne!(books.plan(&LIMITS, free(0), 9000), Step::Count, "nobody wrote");
        assert_eq!(books.plan(&LIMITS, free(0), 10_001), Step::Count);
        books.counted(seen(0), free(0), 1000, 1200);
        assert_ne!(books.plan(&LIMITS, drop, 3100), Step::Count);
        assert_eq!(books.plan(&LIMITS, drop, 3200), Step::Count);
    }

    #[test]
    fn what_others_write_is_not_held_against_a_task_that_hides_nothing() {
        let mut books = counted(10 * MIB);
        books.counted(seen(20 * MIB), free(900 * MIB), 1, 2);
        assert_eq!(books.broken(&LIMITS), None);
        assert_ne!(books.plan(&LIMITS, free(900 * MIB), 3), Step::StopAndCount);
    }

    #[test]
    fn a_count_that_explains_too_little_is_repeated_while_the_task_stands_still() {
        let mut books = counted(10 * MIB);
        // 200 MiB are missing, and 20 were found: the rest was moved out of the count's way, or is somebody else's.
        books.counted(seen(30 * MIB), free(200 * MIB), 1, 2);
        assert_ne!(books.plan(&LIMITS, free(200 * MIB), 50), Step::StopAndCount, "not all the time");
        assert_eq!(books.plan(&LIMITS, free(200 * MIB), 100), Step::StopAndCount);
        // It is somebody else's: that much is believed from now on, and no more.
        books.counted(seen(30 * MIB), free(200 * MIB), 100, 101);
        books.stood_still();
        books.counted(seen(30 * MIB), free(263 * MIB), 400, 401);
        assert_ne!(books.plan(&LIMITS, free(263 * MIB), 402), Step::StopAndCount);
        books.counted(seen(30 * MIB), free(265 * MIB), 500, 501);
        assert_eq!(books.plan(&LIMITS, free(265 * MIB), 502), Step::StopAndCount);
        let fewer = Free { files: 1_000_000 - 20_000, ..free(0) };
        let mut books = counted(0);
        books.counted(seen(0), fewer, 200, 201);
        assert_eq!(books.plan(&LIMITS, fewer, 202), Step::StopAndCount, "files as well");
    }

    #[test]
    fn what_is_missing_is_held_against_one_that_hides() {
        let mut books = counted(10 * MIB);
        books.counted(Count { opaque: true, ..seen(20 * MIB) }, free(100 * MIB), 1, 2);
        assert_eq!(books.broken(&LIMITS), None);
        books.counted(Count { opaque: true, ..seen(20 * MIB) }, free(300 * MIB), 1, 2);
        assert_eq!(books.broken(&LIMITS), Some(Bound::Bytes(310 * MIB)));
    }

    #[test]
    fn bytes_and_files_are_bounded() {
        let mut books = counted(0);
        books.counted(seen(256 * MIB), free(0), 0, 1);
        assert_eq!(books.broken(&LIMITS), None);
        books.counted(seen(256 * MIB + 1), free(0), 0, 1);
        assert_eq!(books.broken(&LIMITS), Some(Bound::Bytes(256 * MIB + 1)));
        books.counted(Count { files: 65_537, ..seen(0) }, free(0), 0, 1);
        assert_eq!(books.broken(&LIMITS), Some(Bound::Files));
    }
}
