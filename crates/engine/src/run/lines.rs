//! Output lines from the engine's log stream.

use crate::policy::MAX_LINE_BYTES;
use bollard::container::LogOutput;
use hivemind_worker_core::port::OutputLine;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Ends a line that was cut.
const CUT_MARK: &str = " … [cut]";
/// Piece size of the engine's log files: a longer line comes in several pieces.
const PIECE_BYTES: usize = 16 * 1024;

/// Turns log pieces into lines. Keeps no text: a line's first piece is told at once, the others are dropped.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    after_ns: i64,
    last_ns: i64,
    stdout_open: bool,
    stderr_open: bool,
}

impl Lines {
    /// Tells only lines after this time.
    pub(crate) fn after(after_ns: i64) -> Self {
        Self { after_ns, ..Self::default() }
    }

    /// Where to read on when the stream broke: everything told so far is skipped.
    pub(crate) fn resumed(&self) -> Self {
        Self::after(self.after_ns.max(self.last_ns))
    }

    /// Second from which the engine has to replay. One second early: order between the two outputs is not kept,
    /// and the times must come out as they did before.
    pub(crate) fn since_seconds(&self) -> i32 {
        let second = (self.after_ns / 1_000_000_000 - 1).max(0);
        i32::try_from(second).unwrap_or(i32::MAX)
    }

    /// Takes one piece; returns the line it begins, unless that was told before.
    pub(crate) fn push(&mut self, piece: &LogOutput) -> Option<OutputLine> {
        let (stderr, data) = match piece {
            LogOutput::StdErr { message } => (true, message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                (false, message)
            }
        };
        let (time, text) = split_time(data);
        let open = if stderr { &mut self.stderr_open } else { &mut self.stdout_open };
        let continues = *open;
        *open = !text.ends_with(b"\n");
        if continues {
            return None;
        }
        // Rises within a task, also where the engine's two readers overtook one another.
        let time_ns = time.unwrap_or(0).max(self.last_ns.saturating_add(1));
        self.last_ns = time_ns;
        (time_ns > self.after_ns).then(|| OutputLine { stderr, time_ns, text: line_text(text) })
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
