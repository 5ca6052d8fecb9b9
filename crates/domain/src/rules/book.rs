//! The book of seconds: each belongs to exactly one reason.

use super::Reason;
use crate::time::{Now, WallMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Further apart than this, the wall clock was set: a new span begins.
const CLOCK_SET_MS: i64 = 2_000;

/// A stretch of time with one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// From then.
    pub from: WallMs,
    /// Up to then.
    pub to: WallMs,
    /// Why it worked or did not.
    pub reason: Reason,
    /// Whether a task computed.
    pub working: bool,
    /// Whether new work was taken; absent in spans of versions that did not note it.
    #[serde(rename = "takes", default, skip_serializing_if = "Option::is_none")]
    pub took: Option<bool>,
}

impl Span {
    /// Whether new work was taken. The owner's use of the computer may lessen the share or stop everything; where it was
    /// not noted, the share was taken to be lessened.
    #[must_use]
    pub fn lends(&self) -> bool {
        self.took.unwrap_or(matches!(self.reason, Reason::Free | Reason::InUse | Reason::Forced))
    }

    /// Its length in milliseconds.
    #[must_use]
    pub fn ms(&self) -> u64 {
        u64::try_from(self.to.0.saturating_sub(self.from.0)).unwrap_or(0)
    }

    /// The part of it within these bounds.
    #[must_use]
    pub fn within(mut self, from: WallMs, to: WallMs) -> Option<Self> {
        self.from = self.from.max(from);
        self.to = self.to.min(to);
        (self.from < self.to).then_some(self)
    }
}

/// Time of one reason, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Altogether, in milliseconds.
    pub ms: u64,
    /// Of that with a task computing.
    pub working_ms: u64,
}

/// Keeps the book. Lengths come from the clock that never jumps, so that what is booked is what has passed.
#[derive(Debug, Clone, Default)]
pub struct Book {
    open: Option<(Span, Now)>,
}

impl Book {
    /// Notes what is now; gives the span that has ended with it.
    pub fn note(&mut self, reason: Reason, takes: bool, working: bool, now: Now) -> Option<Span> {
        let took = Some(takes);
        let begin = |at: WallMs| (Span { from: at, to: at, reason, working, took }, now);
        let Some((mut span, since)) = self.open.take() else {
            self.open = Some(begin(now.wall));
            return None;
        };
        let passed = i64::try_from(now.mono.since(since.mono).as_millis()).unwrap_or(i64::MAX);
        span.to = WallMs(span.from.0.saturating_add(passed));
        let was_set = span.to.0.abs_diff(now.wall.0) > CLOCK_SET_MS.unsigned_abs();
        if span.reason == reason && span.working == working && span.took == took && !was_set {
            self.open = Some((span, since));
            return None;
        }
        // Without a leap of the clock, spans touch each other.
        self.open = Some(begin(if was_set { now.wall } else { span.to }));
        (span.to > span.from).then_some(span)
    }

    /// The span that goes on, as far as it was noted.
    #[must_use]
    pub fn open(&self) -> Option<Span> {
        self.open.map(|(span, _)| span)
    }

    /// What these spans come to.
    #[must_use]
    pub fn sums(spans: &[Span]) -> BTreeMap<Reason, Sum> {
        let mut sums: BTreeMap<Reason, Sum> = BTreeMap::new();
        for span in spans {
            let sum = sums.entry(span.reason).or_default();
            sum.ms = sum.ms.saturating_add(span.ms());
            if span.working {
                sum.working_ms = sum.working_ms.saturating_add(span.ms());
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;
    use std::time::Duration;

    fn at(seconds: u64) -> Now {
        Now { mono: Mono(Duration::from_secs(seconds)), wall: WallMs(1_000_000 + seconds as i64 * 1000) }
    }

    #[test]
    fn spans_touch_and_add_up() {
        let mut book = Book::default();
        let mut spans = Vec::new();
        let days = [
            (0, Reason::Connecting),
            (3, Reason::Free),
            (4, Reason::Free),
            (60, Reason::InUse),
            (61, Reason::Free),
        ];
        for (second, reason) in days {
            spans.extend(book.note(reason, true, false, at(second)));
        }
        spans.extend(book.note(Reason::Free, true, true, at(100)));
        assert!(spans.windows(2).all(|pair| pair[0].to == pair[1].from), "{spans:?}");
        let sums = Book::sums(&spans);
        assert_eq!(sums[&Reason::Free], Sum { ms: 57_000 + 39_000, working_ms: 0 });
        assert_eq!(sums.values().map(|sum| sum.ms).sum::<u64>(), 100_000);
        assert_eq!(book.open().map(|span| (span.from, span.working)), Some((at(100).wall, true)));
    }

    #[test]
    fn a_clock_that_is_set_begins_a_new_span_and_no_second_is_made_up() {
        let mut book = Book::default();
        book.note(Reason::Free, true, false, at(0));
        let late = Now { wall: WallMs(at(10).wall.0 + 3_600_000), ..at(10) };
        let before = book.note(Reason::Free, true, false, late).expect("a span");
        assert_eq!((before.ms(), book.open().map(|span| span.from)), (10_000, Some(late.wall)));
        let back = Now { wall: at(20).wall, ..at(20) };
        assert_eq!(book.note(Reason::Free, true, false, back).map(|span| span.ms()), Some(10_000));
    }

    #[test]
    fn a_span_says_whether_work_was_taken_and_one_of_before_is_read() {
        let mut book = Book::default();
        book.note(Reason::InUse, true, false, at(0));
        let lessened = book.note(Reason::InUse, false, false, at(10)).expect("another span");
        let stopped = book.note(Reason::Free, true, false, at(20)).expect("another span");
        assert!(lessened.lends() && !stopped.lends());
        let old: Span =
            serde_json::from_str(r#"{"from":1,"to":2,"reason":"in_use","working":false}"#).unwrap();
        assert!(old.lends() && !Span { reason: Reason::Schedule, ..old }.lends());
    }

    #[test]
    fn only_the_part_within_bounds_counts() {
        let span = Span { from: WallMs(10), to: WallMs(20), reason: Reason::Free, working: true, took: None };
        assert_eq!(span.within(WallMs(15), WallMs(90)).map(|s| s.ms()), Some(5));
        assert_eq!(span.within(WallMs(20), WallMs(90)), None);
    }
}
