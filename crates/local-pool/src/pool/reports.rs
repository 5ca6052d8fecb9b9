//! What a worker reports while it runs an attempt.

use super::{Pool, blocking};
use crate::clock;
use crate::error::PoolError;
use crate::logs::{LogWriter, StoredLine};
use crate::takeover::Turn;
use crate::tasks::{self, Progressed};
use crate::wire;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::text::plain_line;
use hivemind_proto::v1::{self, task_report::Body};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Bytes of log held in memory before they must go to disk.
const MAX_PENDING_BYTES: usize = 512 * 1024;

/// Name of the stream's turn.
pub(super) fn turn_name(key: &TaskKey) -> String {
    format!("report/{key}")
}

/// One attempt's open report stream.
#[derive(Debug)]
pub(crate) struct ReportStream {
    pool: Arc<Pool>,
    key: TaskKey,
    user: i64,
    turn: Turn,
    /// Away while a flush works with it.
    writer: Option<LogWriter>,
    durable_seq: u64,
    pending: Progressed,
    lines: Vec<StoredLine>,
    bytes: usize,
    dirty: bool,
}

impl ReportStream {
    /// Opens the stream; an older one of the same attempt ends.
    pub(crate) async fn open(pool: Arc<Pool>, user: i64, key: TaskKey) -> Result<Self, PoolError> {
        // Once before the turn is taken, so that a caller without any right ends nobody's stream.
        let asked = key.clone();
        pool.db.call(move |t| reportable(t, &asked, user)).await?;
        let turn = pool.takeovers.take(turn_name(&key)).await;
        let asked = key.clone();
        let durable_seq = pool.db.call(move |t| reportable(t, &asked, user)).await?;
        let (root, named, max) = (pool.files.logs(), key.clone(), pool.config.max_log_bytes);
        let writer = blocking(move || Ok(LogWriter::open(&root, &named, max)?)).await?;
        Ok(Self {
            pool,
            key,
            user,
            turn,
            writer: Some(writer),
            durable_seq,
            pending: Progressed::default(),
            lines: Vec::new(),
            bytes: 0,
            dirty: false,
        })
    }

    /// Cancelled when a newer stream takes over.
    pub(crate) fn superseded(&self) -> CancellationToken {
        self.turn.superseded.clone()
    }

    /// What is durable.
    pub(crate) fn ack(&self) -> v1::TaskReportAck {
        let end = self.writer.as_ref().map(LogWriter::end).unwrap_or_default();
        v1::TaskReportAck {
            durable_seq: self.durable_seq,
            durable_log_line: end.last_line,
            last_log_time_ns: end.last_time_ns,
        }
    }

    /// Whether something waits to be made durable.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether it should not wait any longer.
    pub(crate) fn is_urgent(&self) -> bool {
        self.bytes >= MAX_PENDING_BYTES || self.pending.phase.is_some()
    }

    /// Takes a checked message in. It is durable after the next [`Self::flush`].
    pub(crate) fn take(&mut self, report: v1::TaskReport) -> Result<(), PoolError> {
        let own = report.key.map(wire::key).transpose()?.is_some_and(|key| key == self.key);
        if !own {
            return Err(PoolError::field("key", "the same on the whole stream"));
        }
        let known = report.seq <= self.durable_seq.max(self.pending.seq);
        match report.body {
            Some(Body::Hello(_)) => return Err(PoolError::field("hello", "the first message only")),
            // Lines have numbers of their own.
            Some(Body::Log(chunk)) => {
                for (place, line) in (0u64..).zip(chunk.lines) {
                    self.bytes += line.text.len() + 64;
                    self.lines.push(StoredLine {
                        n: chunk.first_line.saturating_add(place),
                        stream: wire::log_stream(line.stream()).to_owned(),
                        time_ns: line.time_ns,
                        text: line.text,
                    });
                }
            }
            _ if known => return Ok(()),
            Some(Body::State(state)) => {
                let message = plain_line(&state.message, hivemind_proto::limits::MAX_SENTENCE_BYTES);
                self.pending.phase = Some((state.phase, message));
            }
            Some(Body::Usage(usage)) => self.pending.usage = Some(wire::usage(&usage)),
            Some(Body::Progress(progress)) => {
                let message = plain_line(&progress.message, hivemind_proto::limits::MAX_PROGRESS_BYTES);
                self.pending.progress = Some((progress.percent, message));
            }
            None => return Err(PoolError::field("body", "present")),
        }
        self.pending.seq = self.pending.seq.max(report.seq);
        self.dirty = true;
        Ok(())
    }

    /// Makes durable what was taken in.
    pub(crate) async fn flush(&mut self) -> Result<(), PoolError> {
        let lines = std::mem::take(&mut self.lines);
        self.bytes = 0;
        if !lines.is_empty() {
            let mut writer = self.writer.take().ok_or(PoolError::Closing)?;
            self.writer = Some(
                blocking(move || {
                    writer.append(lines)?;
                    writer.sync()?;
                    Ok(writer)
                })
                .await?,
            );
        }
        let report = std::mem::take(&mut self.pending);
        let (key, user, now_ms, seq) = (self.key.clone(), self.user, clock::wall_ms(), report.seq);
        self.pool
            .db
            .call(move |t| {
                reportable(t, &key, user)?;
                tasks::progress(t, &key, &report, now_ms)
            })
            .await?;
        self.durable_seq = self.durable_seq.max(seq);
        self.dirty = false;
        self.pool.pulses.beat(&self.key.task);
        Ok(())
    }
}

impl Drop for ReportStream {
    fn drop(&mut self) {
        // Whoever follows the log learns that no more will come.
        self.pool.pulses.beat(&self.key.task);
    }
}

/// The durable sequence number of an attempt that may still be reported on: one that ended may bring its last lines.
fn reportable(t: &rusqlite::Transaction<'_>, key: &TaskKey, user: i64) -> Result<u64, PoolError> {
    match tasks::holder(t, key, user)? {
        (state, seq) if state == "held" || state == "finished" => Ok(seq),
        _ => Err(PoolError::StaleAttempt),
    }
}
