//! Tells the pool about a running attempt: its output lines in order, none twice, none left out as long as they are
//! kept here.

use super::{Shared, lock, unit};
use crate::port::{Durable, PoolErrorKind, Report};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::retry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Lines per message.
const LINES: u32 = 512;

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

/// A running reporter.
pub(super) struct Handle {
    news: watch::Sender<News>,
    done: watch::Receiver<bool>,
}

/// Starts a reporter unless one runs.
pub(super) fn start(shared: &Arc<Shared>, key: &TaskKey) {
    let mut reporters = lock(&shared.reporters);
    if reporters.get(key).is_some_and(|handle| !*handle.done.borrow()) {
        return;
    }
    let (news, heard) = watch::channel(News::default());
    let (done, ended) = watch::channel(false);
    reporters.insert(key.clone(), Handle { news, done: ended });
    let (shared, key) = (Arc::clone(shared), key.clone());
    tokio::spawn(async move {
        report(&shared, &key, heard).await;
        let _ = done.send(true);
    });
}

/// Lines were added.
pub(super) fn wake(shared: &Shared, key: &TaskKey) {
    if let Some(handle) = lock(&shared.reporters).get(key) {
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
    start(shared, key);
    let ended = lock(&shared.reporters).get(key).map(|handle| {
        handle.news.send_modify(|news| (news.last, news.waited_for) = (true, news.waited_for + 1));
        handle.done.clone()
    });
    if let Some(mut ended) = ended {
        let _ = tokio::time::timeout(most, ended.wait_for(|done| *done)).await;
    }
}

/// Opens the stream again and again until every line is durable.
async fn report(shared: &Shared, key: &TaskKey, mut news: watch::Receiver<News>) {
    let mut failures = 0;
    loop {
        let waited_for = news.borrow().waited_for;
        match stream(shared, key, &mut news).await {
            Ended::Told | Ended::Gone => return,
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
            return;
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

async fn stream(shared: &Shared, key: &TaskKey, news: &mut watch::Receiver<News>) -> Ended {
    let (reports, outgoing) = mpsc::channel(8);
    let (acks, mut durable) = mpsc::channel(8);
    let (answer, sent) = {
        let call = shared.ports.pool.report(key, outgoing, acks);
        let talk = talk(shared, key, reports, &mut durable, news);
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
            let lines = shared.ports.logs.read(key, next, LINES).await.ok()?;
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
