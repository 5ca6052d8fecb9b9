//! Output lines from the engine's log stream.

use super::locate::Place;
use super::piece::{Logged, Open, line_text};
use bollard::container::LogOutput;
use std::collections::VecDeque;

/// As many lines as a file of the engine's log can hold, about.
const REMEMBERED: usize = 440_000;
/// Before the engine begins a second file nothing comes twice.
const REMEMBER_AFTER_BYTES: u64 = 256 << 10;
/// Stands for so many nanoseconds without a line: a step is kept in four bytes.
const STEP: u32 = u32::MAX;
/// A pause of more steps than this is not kept: what was before it is forgotten.
const MOST_STEPS: i64 = 1000;

/// The times of one output's lines. An engine that follows a log over the end of a file may tell a whole file twice
/// (seen with Docker 20.10 and a slow reader); such lines have the very times of lines that were told. A clock that
/// was set back makes times that were never seen.
#[derive(Debug, Default)]
struct Times {
    /// Nanoseconds from one remembered line to the next, beginning at `first`.
    steps: VecDeque<u32>,
    first: i64,
    last: i64,
    again: bool,
}

impl Times {
    /// Whether a line of this time was told before.
    fn came(&mut self, time_ns: i64, remember: bool) -> bool {
        if time_ns > self.last || (time_ns == self.last && !self.again) {
            self.again = false;
        } else if !self.again {
            self.again = self.knows(time_ns);
            if !self.again {
                self.steps.clear();
            }
        }
        if self.again {
            return true;
        }
        if remember {
            self.remember(time_ns);
        }
        self.last = time_ns;
        false
    }

    fn knows(&self, time_ns: i64) -> bool {
        let mut at = self.first;
        self.steps.iter().any(|step| {
            at += i64::from(*step);
            *step != STEP && at == time_ns
        })
    }

    /// Keeps a time that is not before the last one, unless the clock was set back.
    fn remember(&mut self, time_ns: i64) {
        let pause = time_ns.saturating_sub(self.last);
        let whole = pause / i64::from(STEP);
        if self.steps.is_empty() || pause < 0 || whole > MOST_STEPS {
            self.steps.clear();
            self.first = time_ns;
            self.steps.push_back(0);
            return;
        }
        for _ in 0..whole {
            self.steps.push_back(STEP);
        }
        self.steps.push_back(u32::try_from(pause % i64::from(STEP)).unwrap_or(0));
        while self.steps.len() > REMEMBERED {
            self.first += self.steps.pop_front().map_or(0, i64::from);
        }
    }
}

/// A line of the engine's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub stderr: bool,
    /// By the engine's clock, in nanoseconds; times need not rise.
    pub time_ns: Option<i64>,
    pub text: String,
}

/// Turns log pieces into lines. Keeps no text: a line's first piece is told at once, the others are dropped.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    open: Open,
    /// Lines of each output that are still to be passed over.
    skip: [u64; 2],
    /// The time that the first line must have, until it came.
    begins_ns: Option<i64>,
    elsewhere: bool,
    /// Whether the line that an output stands in is passed over.
    passing: [bool; 2],
    /// Whether what was read last of each output ends with the end mark.
    marked: [bool; 2],
    /// Bytes read, as the program wrote them, without what was passed over.
    bytes: u64,
    /// With what was passed over.
    all_bytes: u64,
    times: [Times; 2],
}

impl Lines {
    /// Reads a log from its beginning and tells what is behind this place; `bytes` were read before.
    pub(super) fn behind(place: Place, bytes: u64) -> Self {
        Self { skip: place.skip, begins_ns: place.begins_ns, bytes, ..Self::default() }
    }

    /// Whether this is not the log that the place is in.
    pub(super) fn begins_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Whether the end marks of both outputs were read.
    pub(super) fn is_marked(&self) -> bool {
        self.marked == [true, true]
    }

    /// Bytes read so far, also those of what was cut.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes one piece; returns the line it begins, unless that was told before.
    pub(crate) fn push(&mut self, piece: &LogOutput) -> Option<Line> {
        let Logged { stderr, time_ns, text, bytes, begins, marked } = self.open.read(piece);
        let side = usize::from(stderr);
        self.marked[side] = marked;
        if let Some(expected) = self.begins_ns.take() {
            self.elsewhere = time_ns != Some(expected) && self.skip != [0, 0];
        }
        if self.elsewhere {
            return None;
        }
        if begins {
            let remember = self.all_bytes >= REMEMBER_AFTER_BYTES;
            let again = time_ns.is_some_and(|time| self.times[side].came(time, remember));
            self.passing[side] = again || self.skip[side] > 0;
            self.skip[side] -= u64::from(!again && self.skip[side] > 0);
        }
        self.all_bytes = self.all_bytes.saturating_add(bytes);
        if self.passing[side] {
            return None;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        begins.then(|| Line { stderr, time_ns, text: line_text(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::MAX_LINE_BYTES;
    use crate::run::piece::PIECE_BYTES;
    use bytes::Bytes;

    fn out(text: impl Into<Bytes>) -> LogOutput {
        LogOutput::StdOut { message: text.into() }
    }

    fn err(text: &str) -> LogOutput {
        LogOutput::StdErr { message: text.to_owned().into() }
    }

    fn lines() -> Lines {
        Lines::default()
    }

    fn passing_over(skip: [u64; 2], bytes: u64) -> Lines {
        Lines::behind(Place { skip, ..Place::default() }, bytes)
    }

    #[test]
    fn a_log_that_begins_elsewhere_tells_nothing() {
        for (first, skip, elsewhere) in [(T_NS, [1, 0], false), (7, [1, 0], true), (7, [0, 0], false)] {
            let place = Place { begins_ns: Some(first), skip, uncertain: false };
            let mut lines = Lines::behind(place, 0);
            let told = (0..2).filter_map(|_| lines.push(&out(format!("{T} x\n")))).count();
            assert_eq!(lines.begins_elsewhere(), elsewhere);
            let all = if elsewhere { 0 } else { 2 };
            assert_eq!(told, all - usize::from(!elsewhere && skip != [0, 0]), "{first} {skip:?}");
        }
    }

    const T: &str = "2026-01-02T03:04:05.000000006Z";
    const T_NS: i64 = 1_767_323_045_000_000_006;

    #[test]
    fn a_line_has_its_time_and_side() {
        let mut lines = lines();
        let line = lines.push(&out(format!("{T} hello world\n"))).expect("a line");
        assert_eq!(line, Line { stderr: false, time_ns: Some(T_NS), text: "hello world".into() });
        let line = lines.push(&err(&format!("{T} \n"))).expect("an empty line");
        assert_eq!((line.stderr, line.time_ns, line.text.as_str()), (true, Some(T_NS), ""));
    }

    #[test]
    fn told_lines_of_each_output_are_passed_over() {
        let pieces = [("o", "a"), ("e", "b"), ("o", "c"), ("o", "d"), ("e", "f")];
        let mut lines = passing_over([2, 1], 40);
        let told = pieces.iter().filter_map(|(side, text)| {
            let text = format!("{T} {text}\n");
            lines.push(&if *side == "o" { out(text) } else { err(&text) })
        });
        assert_eq!(told.map(|line| line.text).collect::<Vec<_>>(), ["d", "f"]);
        assert_eq!(lines.bytes(), 44, "what was told before counts no more");
    }

    #[test]
    fn a_long_line_is_cut_and_its_rest_dropped() {
        let mut lines = lines();
        let piece = |end: &str| out(format!("{T} {}{end}", "x".repeat(PIECE_BYTES)));
        let first = lines.push(&piece("")).expect("the beginning");
        assert!(first.text.len() <= MAX_LINE_BYTES && first.text.ends_with("[cut]"));
        for _ in 0..100 {
            assert_eq!(lines.push(&piece("")), None);
        }
        assert_eq!(lines.push(&err(&format!("{T} other side\n"))).map(|l| l.text), Some("other side".into()));
        assert_eq!(lines.push(&out(format!("{T} end\n"))), None);
        assert_eq!(lines.push(&out(format!("{T} next\n"))).map(|l| l.text), Some("next".into()));
        let mut again = passing_over([1, 1], 0);
        for text in ["", "", "\n"] {
            assert_eq!(again.push(&piece(text)), None);
        }
        assert_eq!(again.bytes(), 0, "a line is passed over whole");
    }

    #[test]
    fn bytes_that_are_no_text_stay_within_the_limit() {
        let mut raw = format!("{T} ").into_bytes();
        raw.extend(vec![0xff; PIECE_BYTES - 1]);
        raw.push(b'\n');
        let text = lines().push(&out(raw)).expect("a line").text;
        assert!(text.len() <= MAX_LINE_BYTES && text.starts_with('\u{fffd}'), "{}", text.len());
    }

    #[test]
    fn bytes_are_counted_as_they_were_written() {
        let mut lines = lines();
        for text in ["abc\n", "\n", "de"] {
            lines.push(&out(format!("{T} {text}")));
        }
        assert_eq!(lines.bytes(), 7);
        lines.push(&out(format!("{T} fg\n")));
        assert_eq!(lines.bytes(), 10, "also what continues a line");
    }

    #[test]
    fn the_end_mark_is_counted_and_no_line() {
        let mut lines = lines();
        let mut push = |text: &str| lines.push(&out(format!("{T} {text}"))).map(|line| line.text);
        assert_eq!(push("one\n").as_deref(), Some("one"));
        assert_eq!(push("two\0\x04\0").as_deref(), Some("two"));
        assert_eq!(push("\0\x04\0"), None);
        assert_eq!(lines.bytes(), 4 + 6 + 3);
        assert_eq!(lines.push(&err(&format!("{T} \0\x04\0"))), None);
    }

    #[test]
    fn a_file_that_comes_twice_is_told_once_and_a_clock_set_back_hides_nothing() {
        let mut lines = Lines { all_bytes: REMEMBER_AFTER_BYTES, ..lines() };
        let mut push = |second: u32| {
            lines.push(&out(format!("2026-01-02T03:04:{second:02}Z {second}\n"))).map(|line| line.text)
        };
        let told: Vec<_> = [10, 11, 12, 11, 12, 13, 5, 6, 6].into_iter().map(|n| push(n).is_some()).collect();
        assert_eq!(told, [true, true, true, false, false, true, true, true, true]);
    }

    #[test]
    fn a_file_that_comes_twice_is_known_although_it_was_passed_over() {
        let mut lines = Lines { all_bytes: REMEMBER_AFTER_BYTES, ..passing_over([2, 0], 0) };
        let mut push = |second: u32| lines.push(&out(format!("2026-01-02T03:04:{second:02}Z x\n"))).is_some();
        let told: Vec<_> = [10, 11, 12, 10, 11, 12, 13].into_iter().map(&mut push).collect();
        assert_eq!(told, [false, false, true, false, false, false, true]);
    }

    #[test]
    fn times_are_remembered_over_pauses_and_up_to_their_number() {
        let mut times = Times::default();
        let pause = i64::from(STEP) * 3 + 7;
        let told = [T_NS, T_NS + 1, T_NS + pause, T_NS + pause, T_NS + pause + i64::from(STEP)];
        for time in told {
            assert!(!times.came(time, true));
        }
        assert!(told.iter().all(|time| times.knows(*time)));
        assert!(!times.knows(T_NS + i64::from(STEP) + 1) && !times.knows(T_NS - 1));
        let last = told[4];
        for n in 1..=i64::try_from(REMEMBERED).expect("small") {
            assert!(!times.came(last + n, true));
        }
        assert_eq!(times.steps.len(), REMEMBERED);
        assert!(!times.knows(last) && times.knows(last + 1), "the oldest goes first");
        let next_day = last + 86_400_000_000_000;
        assert!(!times.came(next_day, true) && times.steps.len() == 1 && times.knows(next_day));
    }

    #[test]
    fn an_unfinished_last_line_is_told() {
        let line = lines().push(&out(format!("{T} no end"))).expect("a line");
        assert_eq!(line.text, "no end");
    }

    #[test]
    fn a_piece_without_a_time_is_still_a_line() {
        let mut lines = lines();
        for text in ["no time here\n", "\n", "2026-99-99T00:00:00Z x\n"] {
            assert_eq!(lines.push(&out(text)).expect("a line").text, text.trim_end_matches('\n'));
        }
    }
}
