//! Output lines from the engine's log stream.

use crate::policy::MAX_LINE_BYTES;
use bollard::container::LogOutput;
use hivemind_worker_core::port::OutputLine;
use std::collections::VecDeque;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Ends a line that was cut.
const CUT_MARK: &str = " … [cut]";
/// Piece size of the engine's log files: a longer line comes in several pieces.
const PIECE_BYTES: usize = 16 * 1024;

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

/// Turns log pieces into lines. Keeps no text: a line's first piece is told at once, the others are dropped.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    after_ns: i64,
    last_ns: i64,
    stdout_open: bool,
    stderr_open: bool,
    /// Bytes read, as the program wrote them. The rest of a line that is read again counts again.
    bytes: u64,
    stdout_times: Times,
    stderr_times: Times,
}

impl Lines {
    /// Tells only lines after this time.
    pub(crate) fn after(after_ns: i64) -> Self {
        Self { after_ns, ..Self::default() }
    }

    /// Where to read on when the stream broke: everything told so far is skipped.
    pub(crate) fn resumed(&self) -> Self {
        Self { bytes: self.bytes, ..Self::after(self.after_ns.max(self.last_ns)) }
    }

    /// Bytes read so far, also those of what was cut; without what was skipped.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A line of our own in this place.
    pub(crate) fn own(&mut self, text: String) -> OutputLine {
        self.last_ns = self.last_ns.max(self.after_ns).saturating_add(1);
        OutputLine { stderr: true, time_ns: self.last_ns, text }
    }

    /// Second from which the engine has to replay. One second early: order between the two outputs is not kept,
    /// and the times must come out as they did before.
    pub(crate) fn since_seconds(&self) -> i32 {
        let second = (self.after_ns / 1_000_000_000 - 1).max(0);
        i32::try_from(second).unwrap_or(i32::MAX)
    }

    /// Lines of everything a program printed, which came without the engine's times. `ended_ns` is not before any of
    /// those, so that lines told again are known.
    pub(crate) fn untimed(&mut self, pieces: &[LogOutput], ended_ns: i64) -> Vec<OutputLine> {
        let mut open = [Vec::new(), Vec::new()];
        let mut whole = Vec::new();
        for piece in pieces {
            let (stderr, data) = side_of(piece);
            let line = &mut open[usize::from(stderr)];
            for part in data.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    whole.push((stderr, std::mem::take(line)));
                }
            }
            self.bytes = self.bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        }
        let unended = open.into_iter().zip([false, true]).filter(|(line, _)| !line.is_empty());
        whole.extend(unended.map(|(line, stderr)| (stderr, line)));
        let before = i64::try_from(whole.len()).unwrap_or(i64::MAX);
        self.last_ns = self.last_ns.max(self.after_ns).max(ended_ns.saturating_sub(before));
        let told = whole.into_iter().map(|(stderr, line)| {
            self.last_ns = self.last_ns.saturating_add(1);
            OutputLine { stderr, time_ns: self.last_ns, text: line_text(&line) }
        });
        told.collect()
    }

    /// Takes one piece; returns the line it begins, unless that was told before.
    pub(crate) fn push(&mut self, piece: &LogOutput) -> Option<OutputLine> {
        let (stderr, data) = side_of(piece);
        let (time, text) = split_time(data);
        let open = if stderr { &mut self.stderr_open } else { &mut self.stdout_open };
        let continues = *open;
        *open = !text.ends_with(b"\n");
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if continues {
            self.bytes = self.bytes.saturating_add(bytes);
            return None;
        }
        let times = if stderr { &mut self.stderr_times } else { &mut self.stdout_times };
        if let Some(time) = time
            && times.came(time, self.bytes >= REMEMBER_AFTER_BYTES)
        {
            return None;
        }
        // Rises within a task, also where the engine's two readers overtook one another.
        let time_ns = time.unwrap_or(0).max(self.last_ns.saturating_add(1));
        self.last_ns = time_ns;
        let new = time_ns > self.after_ns;
        self.bytes = self.bytes.saturating_add(if new { bytes } else { 0 });
        new.then(|| OutputLine { stderr, time_ns, text: line_text(text) })
    }
}

/// Whether it is of the error output, and the bytes.
fn side_of(piece: &LogOutput) -> (bool, &[u8]) {
    match piece {
        LogOutput::StdErr { message } => (true, message),
        LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
            (false, message)
        }
    }
}

fn split_time(data: &[u8]) -> (Option<i64>, &[u8]) {
    let head = data.get(..data.len().min(40)).unwrap_or_default();
    let parsed = head.iter().position(|b| *b == b' ').and_then(|space| {
        let time = std::str::from_utf8(data.get(..space)?).ok()?;
        let time = OffsetDateTime::parse(time, &Rfc3339).ok()?;
        Some((i64::try_from(time.unix_timestamp_nanos()).ok()?, data.get(space + 1..)?))
    });
    parsed.map_or((None, data), |(time, text)| (Some(time), text))
}

fn line_text(raw: &[u8]) -> String {
    let complete = raw.ends_with(b"\n");
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    let cut = raw.len() > MAX_LINE_BYTES || (!complete && raw.len() >= PIECE_BYTES);
    let raw = raw.get(..raw.len().min(MAX_LINE_BYTES)).unwrap_or_default();
    let mut text = String::from_utf8_lossy(raw).into_owned();
    // Replacement characters are longer than what they replace.
    if cut || text.len() > MAX_LINE_BYTES {
        let mut end = MAX_LINE_BYTES.saturating_sub(CUT_MARK.len()).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT_MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn out(text: impl Into<Bytes>) -> LogOutput {
        LogOutput::StdOut { message: text.into() }
    }

    fn err(text: &str) -> LogOutput {
        LogOutput::StdErr { message: text.to_owned().into() }
    }

    const T: &str = "2026-01-02T03:04:05.000000006Z";
    const T_NS: i64 = 1_767_323_045_000_000_006;

    #[test]
    fn a_line_has_its_time_and_side() {
        let mut lines = Lines::after(0);
        let line = lines.push(&out(format!("{T} hello world\n"))).expect("a line");
        assert_eq!(line, OutputLine { stderr: false, time_ns: T_NS, text: "hello world".into() });
        let line = lines.push(&err(&format!("{T} \n"))).expect("an empty line");
        assert_eq!((line.stderr, line.time_ns, line.text.as_str()), (true, T_NS + 1, ""));
    }

    #[test]
    fn times_rise_and_told_lines_are_skipped_alike_on_replay() {
        let pieces = [
            out("2026-01-02T03:04:05.000000009Z a\n"),
            err("2026-01-02T03:04:05.000000004Z b\n"),
            out("2026-01-02T03:04:05.000000009Z c\n"),
            out("2026-01-02T03:04:06Z d\n"),
        ];
        let mut first = Lines::after(0);
        let told: Vec<_> = pieces.iter().filter_map(|p| first.push(p)).collect();
        assert!(told.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns), "{told:?}");
        for split in 0..told.len() {
            let mut again = Lines::after(told[split].time_ns);
            let rest: Vec<_> = pieces.iter().filter_map(|p| again.push(p)).collect();
            assert_eq!(rest, told[split + 1..], "after line {split}");
        }
        assert!(first.resumed().push(&pieces[3]).is_none());
    }

    #[test]
    fn a_long_line_is_cut_and_its_rest_dropped() {
        let mut lines = Lines::after(0);
        let piece = |end: &str| out(format!("{T} {}{end}", "x".repeat(PIECE_BYTES)));
        let first = lines.push(&piece("")).expect("the beginning");
        assert!(first.text.len() <= MAX_LINE_BYTES && first.text.ends_with(CUT_MARK));
        for _ in 0..100 {
            assert_eq!(lines.push(&piece("")), None);
        }
        assert_eq!(lines.push(&err(&format!("{T} other side\n"))).map(|l| l.text), Some("other side".into()));
        assert_eq!(lines.push(&out(format!("{T} end\n"))), None);
        assert_eq!(lines.push(&out(format!("{T} next\n"))).map(|l| l.text), Some("next".into()));
    }

    #[test]
    fn bytes_that_are_no_text_stay_within_the_limit() {
        let mut raw = format!("{T} ").into_bytes();
        raw.extend(vec![0xff; PIECE_BYTES - 1]);
        raw.push(b'\n');
        let text = Lines::after(0).push(&out(raw)).expect("a line").text;
        assert!(text.len() <= MAX_LINE_BYTES && text.starts_with('\u{fffd}'), "{}", text.len());
    }

    #[test]
    fn bytes_are_counted_once_and_our_own_lines_keep_the_order() {
        let mut lines = Lines::after(0);
        for text in ["abc\n", "\n", "de"] {
            lines.push(&out(format!("{T} {text}")));
        }
        assert_eq!(lines.bytes(), 7);
        lines.push(&out(format!("{T} fg\n")));
        assert_eq!(lines.bytes(), 10, "also what continues a line");
        let mut again = lines.resumed();
        assert_eq!(again.push(&out(format!("{T} abc\n"))), None);
        assert_eq!(again.bytes(), 10, "what was told before counts no more");
        let own = again.own("lost".into());
        assert!(own.time_ns > T_NS && own.stderr);
        let next = again.push(&out(format!("{T} next\n"))).expect("a line");
        assert!(next.time_ns > own.time_ns);
    }

    #[test]
    fn a_file_that_comes_twice_is_told_once_and_a_clock_set_back_hides_nothing() {
        let mut lines = Lines { bytes: REMEMBER_AFTER_BYTES, ..Lines::after(0) };
        let mut push = |second: u32| {
            lines.push(&out(format!("2026-01-02T03:04:{second:02}Z {second}\n"))).map(|line| line.text)
        };
        let told: Vec<_> = [10, 11, 12, 11, 12, 13, 5, 6, 6].into_iter().map(|n| push(n).is_some()).collect();
        assert_eq!(told, [true, true, true, false, false, true, true, true, true]);
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
    fn what_came_without_times_makes_the_same_lines() {
        let printed = [out("one\ntw"), err("bad\n"), out("o\n\n"), err("en"), out("last"), err("d\n")];
        let mut lines = Lines::after(T_NS);
        let told = lines.untimed(&printed, T_NS + 100);
        let texts: Vec<_> = told.iter().map(|line| (line.stderr, line.text.as_str())).collect();
        assert_eq!(
            texts,
            [(false, "one"), (true, "bad"), (false, "two"), (false, ""), (true, "end"), (false, "last")]
        );
        assert!(told.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns));
        assert_eq!((told[5].time_ns, lines.bytes()), (T_NS + 100, 21));
        // The log, read after a crash, tells nothing of it again.
        let mut again = Lines::after(told[5].time_ns);
        assert_eq!(again.push(&out(format!("{T} one\n"))), None);
        assert_eq!(Lines::after(0).untimed(&[], 5), []);
        // Never at or before what was told, whatever the engine's clock says.
        assert_eq!(Lines::after(T_NS).untimed(&[out("x")], 3)[0].time_ns, T_NS + 1);
        let long = Lines::after(0).untimed(&[out("y".repeat(3 * PIECE_BYTES))], 1);
        assert!(long.len() == 1 && long[0].text.len() <= MAX_LINE_BYTES && long[0].text.ends_with(CUT_MARK));
    }

    #[test]
    fn an_unfinished_last_line_is_told() {
        let line = Lines::after(0).push(&out(format!("{T} no end"))).expect("a line");
        assert_eq!(line.text, "no end");
    }

    #[test]
    fn a_piece_without_a_time_is_still_a_line() {
        let mut lines = Lines::after(0);
        for text in ["no time here\n", "\n", "2026-99-99T00:00:00Z x\n"] {
            assert_eq!(lines.push(&out(text)).expect("a line").text, text.trim_end_matches('\n'));
        }
    }
}
