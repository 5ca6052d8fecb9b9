//! Holds a program that prints faster than its log is read, and notices what the log lost nevertheless. Only where
//! what it prints is read from the log: in a container that ran before this process did.
//!
//! An engine throws away the oldest of a container's log files, read or not. But it also waits for everybody who is
//! attached to a container's output. So a program that prints much is attached to as well, and what comes there is
//! only counted, and taken no further than the log has been read. A count that the log never reaches is what it has
//! lost.

use super::printed::Attached;
use crate::connection::Connection;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A program that has printed this many bytes is held: far less than the engine keeps, far more than most print.
const AFTER_BYTES: u64 = 256 << 10;
/// The program may be ahead of the log by this much, beside what the engine itself holds.
const AHEAD_BYTES: u64 = 256 << 10;
/// A log that says nothing for this long while the program is held is read anew; after twice that it has lost
/// something.
const SILENT: Duration = Duration::from_secs(5);
/// A log that is read anew tells what was told before, for this long at most.
const REPEATS: Duration = Duration::from_secs(60);
/// After the end, what is still on the way is counted within this time.
const REST_WITHIN: Duration = Duration::from_secs(2);

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
    /// Read from the log when the brake was put on.
    base: u64,
    /// Printed since then, as far as it was taken.
    taken: u64,
    /// Known to be missing from the log.
    lost: u64,
    heard: Option<Instant>,
    /// When the log last told something that it had not told before.
    news: Option<Instant>,
    read_anew: bool,
}

impl Brake {
    /// Whether it is time to put it on.
    pub(super) fn is_due(&self, read: u64) -> bool {
        !self.tried && read >= AFTER_BYTES
    }

    /// Attaches to the container's output. Where that fails the program runs on without.
    pub(super) async fn put_on(&mut self, engine: &Connection, container: &str, read: u64) {
        self.tried = true;
        self.attached = Attached::to(engine, container).await;
        self.base = read;
        self.heard(Instant::now());
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
        let Some(pieces) = attached.pieces.next().await else {
            self.attached = None;
            return;
        };
        for piece in pieces {
            match piece {
                Ok(piece) => {
                    let bytes = u64::try_from(piece.as_ref().len()).unwrap_or(u64::MAX);
                    self.taken = self.taken.saturating_add(bytes);
                }
                Err(_) => self.attached = None,
            }
        }
    }

    /// The log said something new.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.news = Some(now);
        self.read_anew = false;
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
    format!("at least {bytes} bytes of output were lost here: they came faster than the engine keeps them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::container::LogOutput;

    fn brake(pieces: &[usize]) -> Brake {
        let piece = |bytes: &usize| vec![Ok(LogOutput::StdOut { message: vec![b'x'; *bytes].into() })];
        let pieces: Vec<_> = pieces.iter().map(piece).collect();
        Brake { attached: Some(Attached::with(pieces)), tried: true, base: 1000, ..Brake::default() }
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
    async fn what_came_and_was_never_told_is_missing_at_the_end() {
        assert_eq!(brake(&[100, 50]).rest(1000).await, 150);
        assert_eq!(brake(&[100, 50]).rest(1120).await, 30);
        // What was read before the brake was on, or counted twice, hides a loss and never makes one up.
        assert_eq!(brake(&[100, 50]).rest(2000).await, 0);
    }
}
