//! Holds a program that prints faster than its log is read, and notices what the log lost nevertheless.
//!
//! An engine throws away the oldest of a container's log files, read or not. But it also waits for everybody who is
//! attached to a container's output: whoever reads slowly makes the program wait, after one megabyte of each output.
//! So a program is attached to as well, and what comes there is only counted, and taken no further than the log has
//! been read. A count that the log never reaches is what it has lost; a count that it has reached at the end says
//! that nothing is left to be read.

use crate::connection::Connection;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout};

/// A program that has printed this many bytes is held: far less than the engine keeps, far more than most print.
const AFTER_BYTES: u64 = 256 << 10;
/// The program may be ahead of the log by this much, beside what the engine itself holds.
const AHEAD_BYTES: u64 = 256 << 10;
/// The engine answers an attach at once, or the program runs on without a brake.
const ATTACH_WITHIN: Duration = Duration::from_secs(5);
/// A log that says nothing for this long while the program is held is read anew; after twice that it has lost
/// something.
const SILENT: Duration = Duration::from_secs(5);
/// A log that is read anew tells what was told before, for this long at most.
const REPEATS: Duration = Duration::from_secs(60);
/// What is printed before the log has told anything is kept, up to this many bytes.
const EARLY_BYTES: u64 = 64 << 10;
/// After the end, the log may be this late to tell what was printed last.
pub(super) const LATE: Duration = Duration::from_millis(100);
/// After the end, what is still on the way is counted within this time.
const REST_WITHIN: Duration = Duration::from_secs(2);
/// The engine closes a container's output a moment before it tells the end. A connection that was cut closes in the
/// same way: one that closed earlier than this did not close because of the end.
const CLOSED_BY_THE_END: Duration = Duration::from_millis(50);

/// What to do about a log that is silent while its program waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    ReadAnew,
    /// This many bytes at least never came.
    Lost(u64),
}

/// All counts are of bytes as the program wrote them.
#[derive(Default)]
pub(crate) struct Brake {
    attached: Option<Attached>,
    tried: bool,
    /// It was put on before the program began, so that everything was counted.
    whole: bool,
    /// It came off before the end, or may have.
    failed: bool,
    /// When its output closed.
    closed: Option<Instant>,
    /// Read from the log when the brake was put on.
    base: u64,
    /// Printed since then, as far as it was taken.
    taken: u64,
    /// All of it, while it is little and the log has told nothing.
    early: Option<Vec<LogOutput>>,
    /// Known to be missing from the log.
    lost: u64,
    heard: Option<Instant>,
    /// When the log last told something that it had not told before.
    news: Option<Instant>,
    read_anew: bool,
}

struct Attached {
    output: BoxStream<'static, Result<LogOutput, Error>>,
    /// Nothing is ever written; it keeps the connection whole.
    _input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl Brake {
    /// Whether it is time to put it on.
    pub(super) fn is_due(&self, read: u64) -> bool {
        !self.tried && read >= AFTER_BYTES
    }

    /// Attaches to the container's output. Where that fails the program runs on without.
    pub(super) async fn put_on(&mut self, engine: &Connection, container: &str, read: u64) {
        self.tried = true;
        self.whole = read == 0;
        let options = AttachContainerOptionsBuilder::new().stdout(true).stderr(true).stream(true).build();
        let Ok(docker) = engine.docker() else { return };
        match timeout(ATTACH_WITHIN, docker.attach_container(container, Some(options))).await {
            Ok(Ok(attached)) => {
                self.attached = Some(Attached { output: attached.output, _input: attached.input });
                self.base = read;
                self.heard(Instant::now());
                self.early = self.whole.then(Vec::new);
            }
            Ok(Err(error)) => {
                self.failed = true;
                tracing::debug!(container, %error, "a task runs without a brake");
            }
            Err(_) => {
                self.failed = true;
                tracing::debug!(container, "a task runs without a brake: no answer");
            }
        }
    }

    /// Before the container is started: everything it prints will be counted.
    pub(crate) async fn before_start(engine: &Connection, container: &str) -> Self {
        let mut brake = Self::default();
        brake.put_on(engine, container, 0).await;
        brake
    }

    /// Bytes that the log has still to tell, when everything is known to have been counted until the end, which was
    /// told at `ended`.
    pub(super) async fn outstanding(&mut self, read: u64, ended: Instant) -> Option<u64> {
        let drained = self.whole && timeout(REST_WITHIN, self.drain()).await.is_ok();
        if !drained || self.failed || self.closed.is_none_or(|closed| closed + CLOSED_BY_THE_END < ended) {
            return None;
        }
        self.taken.saturating_sub(self.lost).checked_sub(read)
    }

    async fn drain(&mut self) {
        while self.attached.is_some() {
            self.take().await;
        }
    }

    /// Whether the program has to wait for the log.
    pub(super) fn holds(&self, read: u64) -> bool {
        self.attached.is_some() && self.ahead(read) >= AHEAD_BYTES
    }

    fn ahead(&self, read: u64) -> u64 {
        self.taken.saturating_sub(read.saturating_sub(self.base).saturating_add(self.lost))
    }

    /// Takes what was printed next; never ends while there is nothing to take.
    pub(super) async fn take(&mut self) {
        let Some(attached) = &mut self.attached else { return std::future::pending().await };
        match attached.output.next().await {
            Some(Ok(piece)) => {
                let bytes = u64::try_from(piece.as_ref().len()).unwrap_or(u64::MAX);
                self.taken = self.taken.saturating_add(bytes);
                if self.taken > EARLY_BYTES {
                    self.early = None;
                } else if let Some(early) = &mut self.early {
                    early.push(piece);
                }
            }
            Some(Err(_)) => {
                self.attached = None;
                self.failed = true;
            }
            None => {
                self.attached = None;
                self.closed = Some(Instant::now());
            }
        }
    }

    /// Everything that was printed, when it is little and the log has told nothing of it.
    pub(super) fn early(&mut self) -> Option<Vec<LogOutput>> {
        self.early.take()
    }

    /// Something else that comes from the engine was cut: its own end proves nothing any more.
    pub(super) fn doubt(&mut self) {
        self.failed = true;
    }

    /// The log said something new.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.news = Some(now);
        self.read_anew = false;
        self.early = None;
    }

    /// The log said again what it said before: it is not silent, but it has not answered either.
    pub(super) fn heard_again(&mut self, now: Instant) {
        if self.news.is_none_or(|news| now < news + REPEATS) {
            self.heard = Some(now);
        }
    }

    /// When the log will have been silent for too long, if it stays so.
    pub(super) fn silent_at(&self, now: Instant) -> Instant {
        self.heard.unwrap_or(now) + SILENT
    }

    /// The program is held and the log is silent.
    pub(super) fn silence(&mut self, read: u64, now: Instant) -> Silence {
        let anew = !std::mem::replace(&mut self.read_anew, true);
        self.heard = Some(now);
        if anew { Silence::ReadAnew } else { Silence::Lost(self.missing(read)) }
    }

    /// Counts what is left after the end; gives what the log, read to its end, has not told.
    pub(super) async fn rest(&mut self, read: u64) -> u64 {
        let _ = timeout(REST_WITHIN, self.drain()).await;
        self.missing(read)
    }

    fn missing(&mut self, read: u64) -> u64 {
        let missing = self.ahead(read);
        self.lost = self.lost.saturating_add(missing);
        missing
    }
}

/// What the task's log says in the place of what is missing.
pub(super) fn sentence(bytes: u64) -> String {
    format!(
        "[hivemind] at least {bytes} bytes of output were lost here: they came faster than the engine keeps them"
    )
}

#[cfg(test)]
impl Brake {
    /// Was on from the beginning, and will come off once these pieces came.
    pub(super) fn counted(pieces: &[(bool, &'static str)]) -> Self {
        let piece = |(stderr, text): &(bool, &'static str)| {
            let message = bytes::Bytes::from_static(text.as_bytes());
            Ok(if *stderr { LogOutput::StdErr { message } } else { LogOutput::StdOut { message } })
        };
        let output = futures_util::stream::iter(pieces.iter().map(piece).collect::<Vec<_>>()).boxed();
        let attached = Some(Attached { output, _input: Box::pin(tokio::io::sink()) });
        Self { attached, tried: true, whole: true, early: Some(Vec::new()), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brake(pieces: &[usize]) -> Brake {
        let pieces: Vec<_> =
            pieces.iter().map(|bytes| Ok(LogOutput::StdOut { message: vec![b'x'; *bytes].into() })).collect();
        let output = futures_util::stream::iter(pieces).boxed();
        let attached = Some(Attached { output, _input: Box::pin(tokio::io::sink()) });
        Brake { attached, tried: true, base: 1000, ..Brake::default() }
    }

    #[tokio::test]
    async fn the_program_waits_until_the_log_was_read() {
        let ahead = usize::try_from(AHEAD_BYTES).expect("small");
        let mut brake = brake(&[ahead - 1, 1, 5]);
        brake.take().await;
        assert!(!brake.holds(1000));
        brake.take().await;
        assert!(brake.holds(1000) && !brake.holds(1001));
        brake.take().await;
        assert!(brake.holds(1005) && !brake.holds(1006));
    }

    #[tokio::test]
    async fn a_log_that_stays_silent_has_lost_something_once() {
        let mut brake = brake(&[300 << 10]);
        brake.take().await;
        let now = Instant::now();
        assert!(brake.holds(1000));
        assert_eq!(brake.silence(1000, now), Silence::ReadAnew);
        assert_eq!(brake.silence(1100, now), Silence::Lost((300 << 10) - 100));
        assert!(!brake.holds(1100), "the program goes on");
        brake.heard(now);
        assert_eq!(brake.silence(1100, now), Silence::ReadAnew, "a log that spoke is given another chance");
        assert_eq!(brake.rest(1100).await, 0, "told once");
    }

    #[tokio::test]
    async fn a_log_that_only_repeats_itself_is_read_anew_once() {
        let mut brake = brake(&[300 << 10]);
        brake.take().await;
        let now = Instant::now();
        brake.heard(now);
        assert_eq!(brake.silence(1000, now), Silence::ReadAnew);
        let later = now + REPEATS - Duration::from_secs(1);
        brake.heard_again(later);
        assert_eq!(brake.silent_at(later), later + SILENT, "it may take a while");
        brake.heard_again(now + REPEATS);
        assert_eq!(brake.silent_at(later), later + SILENT, "but not for ever");
        assert_eq!(brake.silence(1000, later + SILENT), Silence::Lost(300 << 10));
    }

    #[tokio::test]
    async fn only_an_output_that_closed_with_the_end_was_counted_whole() {
        let counted = || Brake { whole: true, base: 0, ..brake(&[100]) };
        let now = Instant::now();
        assert_eq!(counted().outstanding(40, now).await, Some(60));
        assert_eq!(counted().outstanding(100, now).await, Some(0));
        let mut cut = counted();
        cut.drain().await;
        assert_eq!(cut.outstanding(100, Instant::now() + CLOSED_BY_THE_END).await, None);
        let mut doubted = counted();
        doubted.doubt();
        assert_eq!(doubted.outstanding(100, now).await, None);
    }

    #[tokio::test]
    async fn what_is_printed_first_is_kept_until_the_log_speaks_or_it_is_much() {
        let small = || Brake { whole: true, base: 0, early: Some(Vec::new()), ..brake(&[3, 4]) };
        let mut quiet = small();
        quiet.drain().await;
        assert_eq!(quiet.early().map(|pieces| pieces.len()), Some(2));
        assert!(quiet.early().is_none(), "once");
        let mut told = small();
        told.drain().await;
        told.heard(Instant::now());
        assert!(told.early().is_none());
        let much = usize::try_from(EARLY_BYTES).expect("small");
        let mut much = Brake { early: Some(Vec::new()), ..brake(&[much, 1]) };
        much.take().await;
        assert!(much.early.is_some());
        much.take().await;
        assert!(much.early().is_none());
    }

    #[tokio::test]
    async fn what_came_and_was_never_told_is_missing_at_the_end() {
        assert_eq!(brake(&[100, 50]).rest(1000).await, 150);
        assert_eq!(brake(&[100, 50]).rest(1120).await, 30);
        // What was read before the brake was on, or counted twice, hides a loss and never makes one up.
        assert_eq!(brake(&[100, 50]).rest(2000).await, 0);
    }
}
