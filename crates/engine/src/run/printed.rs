//! What a program prints, as it comes from the container's attached streams.
//!
//! Whoever attached before the program began gets everything, and the engine makes the program wait for whoever reads
//! slowly, after one megabyte of each output. Nothing of it is read from a disk, and nothing can be thrown away
//! before it was read. But it comes without times, and a connection that was cut closes like one whose program ended.

use super::Piece;
use super::piece::{END_MARK, PIECE_BYTES, line_text, side_of};
use crate::connection::Connection;
use bollard::container::LogOutput;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::pin::Pin;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout};

/// The engine answers an attach at once, or the program runs on without.
const ATTACH_WITHIN: Duration = Duration::from_secs(5);
/// The engine closes a container's output a moment before it tells the end. A connection that was cut closes in the
/// same way: one that closed earlier than this did not close because of the end.
const CLOSED_BY_THE_END: Duration = Duration::from_millis(50);

/// So many pieces, of 32 KiB at most, are taken at once.
const PIECES: usize = 16;

/// Both outputs of a container, from now on.
pub(super) struct Attached {
    pub pieces: BoxStream<'static, Vec<Piece>>,
    /// Nothing is ever written; it keeps the connection whole.
    _input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Attached {
    /// Attaches to a container; nothing where the engine does not.
    pub(super) async fn to(engine: &Connection, container: &str) -> Option<Self> {
        let options = AttachContainerOptionsBuilder::new().stdout(true).stderr(true).stream(true).build();
        let docker = engine.docker().ok()?;
        match timeout(ATTACH_WITHIN, docker.attach_container(container, Some(options))).await {
            Ok(Ok(attached)) => {
                let pieces = attached.output.ready_chunks(PIECES).boxed();
                Some(Self { pieces, _input: attached.input })
            }
            Ok(Err(error)) => {
                tracing::debug!(container, %error, "a task's output cannot be attached to");
                None
            }
            Err(_) => {
                tracing::debug!(container, "a task's output cannot be attached to: no answer");
                None
            }
        }
    }

    #[cfg(test)]
    pub(super) fn with(pieces: impl IntoIterator<Item = Vec<Piece>, IntoIter: Send + 'static>) -> Self {
        let pieces = futures_util::stream::iter(pieces).boxed();
        Self { pieces, _input: Box::pin(tokio::io::sink()) }
    }
}

/// Everything a program prints.
pub(crate) struct Printed {
    attached: Option<Attached>,
    closed: Option<Instant>,
    /// Something that came from the engine was cut: the end of this proves nothing any more.
    doubtful: bool,
    outputs: [Output; 2],
}

/// One output's unended line.
#[derive(Default)]
struct Output {
    begun: Vec<u8>,
    /// It is longer than a piece: its beginning was told, the rest is dropped.
    dropping: bool,
    /// What came last, as much as the end mark is long.
    last: Vec<u8>,
}

impl Output {
    fn ends_with(&mut self, data: &[u8]) {
        self.last
            .extend_from_slice(data.get(data.len().saturating_sub(END_MARK.len())..).unwrap_or_default());
        self.last.drain(..self.last.len().saturating_sub(END_MARK.len()));
    }
}

impl Printed {
    pub(super) fn new(attached: Attached) -> Self {
        Self { attached: Some(attached), closed: None, doubtful: false, outputs: Default::default() }
    }

    /// Attached to nothing. For fuzzing.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn of_nothing() -> Self {
        Self { attached: None, closed: None, doubtful: false, outputs: Default::default() }
    }

    /// Before the container is started: nothing it prints is missed. Nothing where the engine does not attach.
    pub(super) async fn before_start(engine: &Connection, container: &str) -> Option<Self> {
        Attached::to(engine, container).await.map(Self::new)
    }

    /// What comes next; never anything once it has closed.
    pub(super) async fn next(&mut self) -> Option<Vec<Piece>> {
        let Some(attached) = &mut self.attached else { return std::future::pending().await };
        let pieces = attached.pieces.next().await;
        if pieces.is_none() {
            self.attached = None;
            self.closed = Some(Instant::now());
        }
        pieces
    }

    pub(super) fn is_open(&self) -> bool {
        self.attached.is_some()
    }

    pub(super) fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// Whether the end marks of both outputs came: then everything did, however the rest of the way ends.
    pub(super) fn is_marked(&self) -> bool {
        self.outputs.iter().all(|output| output.last == END_MARK)
    }

    /// Whether everything came without a mark, as far as it can be known when the end was told at `ended`.
    pub(super) fn is_whole(&self, ended: Instant) -> bool {
        !self.doubtful && self.closed.is_some_and(|closed| closed + CLOSED_BY_THE_END >= ended)
    }

    /// Takes a piece; tells the lines that end in it, and a long one as soon as it is known to be too long. These
    /// are the very lines that the engine's log would make.
    pub(crate) fn push(&mut self, piece: &LogOutput, mut tell: impl FnMut(bool, String)) {
        let (stderr, data) = side_of(piece);
        let output = &mut self.outputs[usize::from(stderr)];
        output.ends_with(data);
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            let ends = part.ends_with(b"\n");
            if output.dropping {
                output.dropping = !ends;
                continue;
            }
            if output.begun.is_empty() && ends && part.len() <= PIECE_BYTES {
                tell(stderr, line_text(part));
                continue;
            }
            let room = (PIECE_BYTES + 1).saturating_sub(output.begun.len());
            output.begun.extend_from_slice(part.get(..room).unwrap_or(part));
            let content = output.begun.len() - usize::from(output.begun.ends_with(b"\n"));
            if content >= PIECE_BYTES {
                tell(stderr, line_text(output.begun.get(..PIECE_BYTES).unwrap_or_default()));
                output.dropping = !ends;
                output.begun = Vec::new();
            } else if ends {
                tell(stderr, line_text(&output.begun));
                output.begun.clear();
            }
        }
    }

    /// Lines that never ended.
    pub(super) fn rest(&mut self) -> Vec<(bool, String)> {
        let outputs = self.outputs.iter_mut().zip([false, true]);
        let begun = outputs.filter_map(|(output, stderr)| {
            let begun = std::mem::take(&mut output.begun);
            let line = begun.strip_suffix(END_MARK).unwrap_or(&begun);
            (!line.is_empty()).then(|| (stderr, line_text(line)))
        });
        begun.collect()
    }
}

/// The time of what came just now, by this computer's clock: beside the engine's own times, with which a log that is
/// read later is compared.
pub(super) fn arrived_ns() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::MAX_LINE_BYTES;
    use bytes::Bytes;

    fn piece(stderr: bool, message: impl Into<Bytes>) -> LogOutput {
        let message = message.into();
        if stderr { LogOutput::StdErr { message } } else { LogOutput::StdOut { message } }
    }

    fn told(pieces: &[LogOutput]) -> Vec<(bool, String)> {
        let mut printed = Printed::new(Attached::with([]));
        let mut lines = Vec::new();
        for piece in pieces {
            printed.push(piece, |stderr, text| lines.push((stderr, text)));
            assert!(printed.outputs.iter().all(|output| output.begun.len() <= PIECE_BYTES));
        }
        lines.extend(printed.rest());
        assert_eq!(printed.rest(), [], "once");
        lines
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let text = "one\ntwo\n\nthree \u{e4}\nlast";
        let whole: Vec<_> = told(&[piece(false, text)]);
        let texts: Vec<_> = whole.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "", "three \u{e4}", "last"]);
        for at in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            let between = piece(true, "err\n");
            let cut = [piece(false, first.to_vec()), between, piece(false, second.to_vec())];
            let (errors, lines): (Vec<_>, Vec<_>) = told(&cut).into_iter().partition(|(stderr, _)| *stderr);
            assert_eq!(lines, whole, "cut at {at}");
            assert_eq!(errors, [(true, "err".to_owned())]);
        }
    }

    #[test]
    fn long_lines_are_told_once_in_constant_memory() {
        for length in [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let text = format!("{}\nnext\n", "x".repeat(length)).into_bytes();
            for size in [1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES] {
                let pieces: Vec<_> = text.chunks(size).map(|part| piece(false, part.to_vec())).collect();
                let lines = told(&pieces);
                assert_eq!(lines.len(), 2, "{length} in {size}");
                assert!(lines[0].1.len() <= MAX_LINE_BYTES && lines[1].1 == "next");
                assert_eq!(lines[0].1.ends_with("[cut]"), length >= PIECE_BYTES, "{length} in {size}");
            }
        }
    }

    #[test]
    fn what_is_marked_came_whole_and_the_mark_is_no_line() {
        let mark = std::str::from_utf8(END_MARK).expect("ASCII");
        for (text, lines) in [("", 0), ("one\n", 1), ("one\ntwo", 2), (&"x".repeat(3 * PIECE_BYTES), 1)] {
            let bytes = format!("{text}{mark}").into_bytes();
            for at in bytes.len() - END_MARK.len()..=bytes.len() {
                let mut printed = Printed::new(Attached::with([]));
                let mut told = Vec::new();
                for part in [&bytes[..at], &bytes[at..]].into_iter().filter(|part| !part.is_empty()) {
                    assert!(!printed.is_marked());
                    printed.push(&piece(false, part.to_vec()), |_, text| told.push(text));
                }
                assert!(!printed.is_marked(), "the other output may bring something");
                printed.push(&piece(true, mark), |_, text| told.push(text));
                assert!(printed.is_marked());
                told.extend(printed.rest().into_iter().map(|(_, text)| text));
                assert_eq!(told.len(), lines, "cut at {at}");
                assert!(told.iter().all(|text| !text.contains('\0')), "{told:?}");
            }
        }
        let mut printed = Printed::new(Attached::with([]));
        printed.push(&piece(false, format!("{mark}more{mark}")), |_, _| {});
        printed.push(&piece(true, format!("{mark}more")), |_, _| {});
        assert!(!printed.is_marked(), "a mark is the last thing that comes");
    }

    #[tokio::test]
    async fn only_an_output_that_closed_with_the_end_came_whole() {
        let closed = || async {
            let mut printed = Printed::new(Attached::with([]));
            assert!(printed.is_open() && !printed.is_whole(Instant::now()));
            assert!(printed.next().await.is_none() && !printed.is_open());
            printed
        };
        let printed = closed().await;
        assert!(printed.is_whole(Instant::now()));
        assert!(!printed.is_whole(Instant::now() + 2 * CLOSED_BY_THE_END), "it was cut before the end");
        let mut doubtful = closed().await;
        doubtful.doubt();
        assert!(!doubtful.is_whole(Instant::now()));
    }
}
