//! Reading a task's log, and on while it grows, across attempts.

use super::{Pool, blocking, reports};
use crate::clock;
use crate::error::PoolError;
use crate::logs::{self, LogReader, StoredLine};
use crate::tasks;
use hivemind_domain::ids::{TaskId, TaskKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Bytes read at a time.
const BATCH_BYTES: usize = 128 * 1024;
/// How long the last lines of a task that ended are waited for.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A reader of one task's log.
#[derive(Debug)]
pub(crate) struct Follower {
    pool: Arc<Pool>,
    task: TaskId,
    follow: bool,
    changes: watch::Receiver<()>,
    reading: Option<(TaskKey, LogReader)>,
}

impl Follower {
    /// Begins at the first line of the latest attempt. The caller has checked that the task may be read.
    pub(crate) fn new(pool: Arc<Pool>, task: TaskId, follow: bool) -> Self {
        let changes = pool.pulses.watch(&task);
        Self { pool, task, follow, changes, reading: None }
    }

    /// The next lines; `None` when there are no more, and, when following, there will be none.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<StoredLine>>, PoolError> {
        let mut ended_since = None;
        loop {
            self.changes.borrow_and_update();
            let task = self.task.clone();
            let (latest, state) = self.pool.db.call(move |t| tasks::attempt_and_state(t, &task)).await?;
            let lines = self.read().await?;
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
            if let Some(latest) =
                latest.filter(|latest| self.reading.as_ref().is_none_or(|(k, _)| k != latest))
            {
                let attempt = latest.attempt;
                self.reading = Some((latest.clone(), LogReader::new(&self.pool.files.logs(), &latest)));
                if attempt > 1 {
                    let text = format!("… attempt {attempt} begins here …");
                    return Ok(Some(vec![logs::note(0, clock::wall_ms().saturating_mul(1_000_000), text)]));
                }
                continue;
            }
            if !self.follow || self.pool.closing.is_cancelled() {
                return Ok(None);
            }
            if state.is_final() {
                let open = self
                    .reading
                    .as_ref()
                    .is_some_and(|(key, _)| self.pool.takeovers.is_held(&reports::turn_name(key)));
                let since = *ended_since.get_or_insert_with(clock::mono);
                if !open || clock::mono().duration_since(since) >= LAST_LINES {
                    return Ok(None);
                }
            }
            tokio::select! {
                _ = self.changes.changed() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = self.pool.closing.cancelled() => return Ok(None),
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<StoredLine>, PoolError> {
        let Some((key, mut reader)) = self.reading.take() else { return Ok(Vec::new()) };
        let (reader, lines) = blocking(move || {
            let lines = reader.next(BATCH_BYTES)?;
            Ok((reader, lines))
        })
        .await?;
        self.reading = Some((key, reader));
        Ok(lines)
    }
}
