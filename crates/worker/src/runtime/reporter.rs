//! Tells the pool about a running attempt: its output lines in order, none twice, none left out as long as they are
//! kept here.

use super::{Shared, lock, unit};
use crate::at_hand;
use crate::port::{Durable, OutputLine, PoolErrorKind, Report};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::retry;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Lines per message.
const LINES: u32 = 512;
/// Lines that wait in memory, in bytes; what was told earlier is read from the archive.
const RECENT_BYTES: usize = 256 << 10;

/// What the parts of an attempt say to its reporter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct News {
    /// Rises with every batch of lines.
    batches: u64,
    /// What is being done, by its word; the newest counts.
    phase: &'static str,
    /// No more lines will come.
    last: bool,
    /// Rises when somebody begins to wait for the last line.
    waited_for: u32,
}

/// The newest lines, so that who keeps up need not read them from the disk.
#[derive(Debug, Default)]
struct Recent {
    /// Something was told already, so what is not here yet is nowhere.
    begun: bool,
    first: u64,
    lines: VecDeque<OutputLine>,
    bytes: usize,
}

impl Recent {
    fn add(&mut self, first: u64, lines: Vec<OutputLine>) {
        if self.first + self.lines.len() as u64 != first {
            *self = Self { first, ..Self::default() };
        }
        self.begun = true;
        self.bytes += lines.iter().map(size).sum::<usize>();
        self.lines.extend(lines);
        while self.bytes > RECENT_BYTES {
            self.take_first();
        }
    }

    fn take_first(&mut self) -> Option<OutputLine> {
        let line = self.lines.pop_front()?;
        self.bytes -= size(&line);
        self.first += 1;
        Some(line)
    }

    /// The lines from this number on, none when nothing more was told; they are needed no more. `None` when they
    /// are to be looked for elsewhere.
    fn take(&mut self, number: u64) -> Option<Vec<OutputLine>> {
        while self.first < number {
            self.take_first()?;
        }
        (self.begun && self.first == number)
            .then(|| std::iter::from_fn(|| self.take_first()).take(LINES as usize).collect())
    }
}

/// An empty line takes room, too.
fn size(line: &OutputLine) -> usize {
    size_of::<OutputLine>() + line.text.len()
}

/// A running reporter.
pub(super) struct Handle {
    news: watch::Sender<News>,
    /// Once it has ended: whether the pool has every line.
    done: watch::Receiver<Option<bool>>,
    recent: Arc<Mutex<Recent>>,
}

/// Starts a reporter unless one runs.
pub(super) fn start(shared: &Arc<Shared>, key: &TaskKey) {
    let mut reporters = lock(&shared.reporters);
    if reporters.get(key).is_some_and(|handle| handle.done.borrow().is_none()) {
        return;
    }
    let (news, heard) = watch::channel(News::default());
    let (done, ended) = watch::channel(None);
    let recent = Arc::<Mutex<Recent>>::default();
    reporters.insert(key.clone(), Handle { news, done: ended, recent: Arc::clone(&recent) });
    let (shared, key) = (Arc::clone(shared), key.clone());
    at_hand::spawn_for(key.clone(), async move {
        let told = report(&shared, &key, &recent, heard).await;
        let _ = done.send(Some(told));
    });
}

/// Lines were added to the archive, the first with this number.
pub(super) fn lines(shared: &Shared, key: &TaskKey, first: u64, lines: Vec<OutputLine>) {
    if let Some(handle) = lock(&shared.reporters).get(key) {
        lock(&handle.recent).add(first, lines);
        handle.news.send_modify(|news| news.batches += 1);
    }
}

/// Something else is being done now.
pub(super) fn phase(shared: &Shared, key: &TaskKey, phase: &'static str) {
    if let Some(handle) = lock(&shared.reporters).get(key) {
        handle.news.send_modify(|news| news.phase = phase);
    }
}

/// No more lines will come.
pub(super) fn finish(shared: &Shared, key: &TaskKey) {
    if let Some(handle) = lock(&shared.reporters).get(key) {
        handle.news.send_modify(|news| news.last = true);
    }
}

/// Waits until the pool has every line, or `most` has passed.
pub(super) async fn flush(shared: &Arc<Shared>, key: &TaskKey, most: Duration) {
    if lock(&shared.reporters).get(key).is_some_and(|handle| *handle.done.borrow() == Some(true)) {
        return;
    }
    start(shared, key);
    let ended = lock(&shared.reporters).get(key).map(|handle| {
        handle.news.send_modify(|news| (news.last, news.waited_for) = (true, news.waited_for + 1));
        handle.done.clone()
    });
    if let Some(mut ended) = ended {
        let _ = tokio::time::timeout(most, ended.wait_for(Option::is_some)).await;
    }
}

/// Opens the stream again and again until every line is durable: then it is true.
async fn report(
    shared: &Shared,
    key: &TaskKey,
    recent: &Mutex<Recent>,
    mut news: watch::Receiver<News>,
) -> bool {
    let mut failures = 0;
    loop {
        let waited_for = news.borrow().waited_for;
        match stream(shared, key, recent, &mut news).await {
            Ended::Told => return true,
            Ended::Gone => return false,
            Ended::Broken => {
                // The result is about to be sent, so the pool is back: no time to sit a long pause out.
                tokio::select! {
                    () = tokio::time::sleep(retry::pause(failures, unit(), None)) => {}
                    _ = news.wait_for(|news| news.waited_for != waited_for) => {}
                }
                failures = failures.saturating_add(1);
            }
        }
        // The sender lives in the map of reporters: it is gone once the attempt is final.
        if news.has_changed().is_err() {
            return false;
        }
    }
}

enum Ended {
    /// Every line is durable.
    Told,
    /// The pool does not want to hear of this attempt.
    Gone,
    /// To be opened again.
    Broken,
}

async fn stream(
    shared: &Shared,
    key: &TaskKey,
    recent: &Mutex<Recent>,
    news: &mut watch::Receiver<News>,
) -> Ended {
    let (reports, outgoing) = mpsc::channel(8);
    let (acks, mut durable) = mpsc::channel(8);
    let (answer, sent) = {
        let call = shared.ports.pool.report(key, outgoing, acks);
        let talk = talk(shared, key, recent, reports, &mut durable, news);
        tokio::pin!(call, talk);
        let mut sent = None;
        loop {
            tokio::select! {
                answer = &mut call => break (answer, sent),
                // Our side is closed then; the pool writes what it has, says so, and closes its own.
                all = &mut talk, if sent.is_none() => sent = Some(all),
            }
        }
    };
    let mut known = 0;
    while let Ok(ack) = durable.try_recv() {
        known = ack.lines;
    }
    match (answer, sent.flatten()) {
        (Ok(()), Some((acknowledged, next))) if acknowledged.max(known) >= next => Ended::Told,
        (Err(error), _) if matches!(error.kind, PoolErrorKind::StaleAttempt | PoolErrorKind::NotFound) => {
            Ended::Gone
        }
        _ => Ended::Broken,
    }
}

/// Sends lines as they come, until the last one. Gives how many are known to be durable, and how many were sent
/// since the first; `None` when the stream broke.
async fn talk(
    shared: &Shared,
    key: &TaskKey,
    recent: &Mutex<Recent>,
    reports: mpsc::Sender<Report>,
    durable: &mut mpsc::Receiver<Durable>,
    news: &mut watch::Receiver<News>,
) -> Option<(u64, u64)> {
    let mut known = durable.recv().await?;
    let mut next = known.lines;
    let mut told = "";
    loop {
        let heard = *news.borrow_and_update();
        if heard.phase != told {
            told = heard.phase;
            reports.send(Report::Phase(told)).await.ok()?;
        }
        loop {
            let at_hand = lock(recent).take(next);
            let lines = match at_hand {
                Some(lines) => lines,
                None => shared.ports.logs.read(key, next, LINES).await.ok()?,
            };
            if lines.is_empty() {
                break;
            }
            let first = next;
            next += lines.len() as u64;
            reports.send(Report::Lines { first, lines }).await.ok()?;
        }
        if heard.last {
            return Some((known.lines, next));
        }
        tokio::select! {
            // Its attempt is final: nobody waits for the rest.
            changed = news.changed() => changed.ok()?,
            ack = durable.recv() => known = ack?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(range: std::ops::Range<u64>, bytes: usize) -> Vec<OutputLine> {
        let line = |n| OutputLine { stderr: false, time_ns: n as i64, text: "x".repeat(bytes) };
        range.map(line).collect()
    }

    #[test]
    fn who_keeps_up_finds_the_lines_at_hand_and_who_does_not_looks_elsewhere() {
        let mut recent = Recent::default();
        assert_eq!(recent.take(0), None, "nothing was told yet");
        recent.add(7, lines(7..10, 1));
        assert_eq!(recent.take(6), None, "that was before");
        assert_eq!(recent.take(8), Some(lines(8..10, 1)));
        assert_eq!(recent.take(10), Some(vec![]), "all is taken");
        recent.add(10, lines(10..11, 1));
        recent.add(11, lines(11..12, 1));
        assert_eq!(recent.take(10), Some(lines(10..12, 1)));
        recent.add(20, lines(20..21, 1));
        assert_eq!((recent.take(12), recent.take(20)), (None, Some(lines(20..21, 1))), "a gap begins anew");
        assert_eq!(recent.take(30), None);
    }

    #[test]
    fn what_is_at_hand_is_bounded_and_comes_in_messages() {
        let mut recent = Recent::default();
        recent.add(0, lines(0..1000, 1000));
        assert!(recent.bytes <= RECENT_BYTES && recent.bytes > RECENT_BYTES - size(&lines(0..1, 1000)[0]));
        assert_eq!(recent.take(0), None);
        let first = recent.first;
        assert_eq!(recent.take(first).map(|lines| lines.len()), Some(1000 - first as usize));
        assert_eq!(recent.bytes, 0);
        recent.add(1000, lines(1000..2000, 1));
        assert_eq!(recent.take(1000).map(|lines| lines.len()), Some(LINES as usize));
        assert_eq!(recent.take(1512).map(|lines| lines.len()), Some(488));
        recent.add(2000, lines(2000..200_000, 0));
        assert!(recent.lines.len() < RECENT_BYTES / 32, "lines without text are bounded, too");
    }
}
