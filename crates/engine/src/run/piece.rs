//! Pieces of output, and the text of a line.

use crate::policy::MAX_LINE_BYTES;
use bollard::container::LogOutput;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last bytes of either output under our process 1, when nothing that could print is left: whoever reads them has
/// read everything. A task that prints them hides the end of its own output at most.
pub(super) const END_MARK: &[u8] = b"\0\x04\0";
/// Ends a line that was cut.
const CUT_MARK: &str = " … [cut]";
/// Piece size of the engine's log files: a longer line stands there in several pieces.
pub(super) const PIECE_BYTES: usize = 16 * 1024;

/// Whether it is of the error output, and the bytes.
pub(super) fn side_of(piece: &LogOutput) -> (bool, &[u8]) {
    match piece {
        LogOutput::StdErr { message } => (true, message),
        LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
            (false, message)
        }
    }
}

/// A piece of the engine's log.
pub(super) struct Logged<'a> {
    pub stderr: bool,
    /// By the engine's clock, in nanoseconds.
    pub time_ns: Option<i64>,
    /// Without the end mark.
    pub text: &'a [u8],
    /// With it.
    pub bytes: u64,
    /// Whether a line begins here.
    pub begins: bool,
    /// Whether it ends with the end mark.
    pub marked: bool,
}

/// Which outputs stand in the middle of a line.
#[derive(Debug, Default)]
pub(super) struct Open([bool; 2]);

impl Open {
    /// Reads the next piece of a log.
    pub(super) fn read<'a>(&mut self, piece: &'a LogOutput) -> Logged<'a> {
        let (stderr, data) = side_of(piece);
        let (time_ns, text) = split_time(data);
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let begins = !std::mem::replace(&mut self.0[usize::from(stderr)], !text.ends_with(b"\n"));
        let (text, marked) = text.strip_suffix(END_MARK).map_or((text, false), |text| (text, true));
        Logged { stderr, time_ns, text, bytes, begins: begins && !(marked && text.is_empty()), marked }
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

/// The line that begins with these bytes.
pub(super) fn line_text(raw: &[u8]) -> String {
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
