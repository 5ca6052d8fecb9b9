//! Verdicts and outputs coming in, and going out to their requesters.

use super::{Pool, unbroken};
use crate::clock;
use crate::error::PoolError;
use crate::files::Receiving;
use crate::takeover::Turn;
use crate::tasks::{self, Finished, Place, Submission};
use hivemind_domain::ids::{TaskId, TaskKey};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// How far an attempt's result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultStatus {
    /// Bytes stored.
    Offset(u64),
    /// Everything is stored.
    Final(Finished),
}

/// A result that is coming in.
#[derive(Debug)]
pub(crate) struct Upload {
    pool: Arc<Pool>,
    began: tokio::time::Instant,
    user: i64,
    key: TaskKey,
    submission: Submission,
    turn: Turn,
    file: Receiving,
}

/// What a result's header leads to.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Send the chunks.
    Upload(Box<Upload>),
    /// Nothing more is needed.
    Final(Finished),
}

impl Pool {
    async fn place(&self, user: i64, key: &TaskKey, sha256: &str) -> Result<Option<Finished>, PoolError> {
        let asked = key.clone();
        match self.db.call(move |t| tasks::place(t, &asked, user)).await? {
            Place::Open => Ok(None),
            Place::Done { sha256: stored, finished } if stored == sha256 => Ok(Some(finished)),
            Place::Done { .. } => Err(PoolError::ResultConflict),
        }
    }

    /// How far the result with this hash is.
    pub(crate) async fn result_status(
        &self,
        user: i64,
        key: TaskKey,
        sha256: &str,
    ) -> Result<ResultStatus, PoolError> {
        if let Some(finished) = self.place(user, &key, sha256).await? {
            return Ok(ResultStatus::Final(finished));
        }
        let partial = self.files.partial_result(&key, sha256);
        let stored = tokio::fs::metadata(partial).await.map_or(0, |meta| meta.len());
        Ok(ResultStatus::Offset(stored))
    }

    /// Begins to take a result. A newer call for the same attempt ends an older one.
    pub(crate) async fn begin_result(
        self: &Arc<Self>,
        user: i64,
        key: TaskKey,
        submission: Submission,
        offset: u64,
    ) -> Result<Begun, PoolError> {
        let max = self.config.max_result_bytes;
        if submission.size > max {
            return Err(PoolError::TooLarge { allowed: max });
        }
        // Before the turn is taken, so that a caller without any right ends nobody's upload.
        if let Some(finished) = self.place(user, &key, &submission.sha256).await? {
            return Ok(Begun::Final(finished));
        }
        let turn = self.takeovers.take(format!("result/{key}")).await;
        if let Some(finished) = self.place(user, &key, &submission.sha256).await? {
            return Ok(Begun::Final(finished));
        }
        if submission.size == 0 {
            return Ok(Begun::Final(self.finish(user, key, submission, turn, None).await?));
        }
        let partial = self.files.partial_result(&key, &submission.sha256);
        let file = Receiving::begin(partial, offset, submission.size).await?;
        let began = clock::mono();
        Ok(Begun::Upload(Box::new(Upload { pool: self.clone(), began, user, key, submission, turn, file })))
    }

    async fn finish(
        self: &Arc<Self>,
        user: i64,
        key: TaskKey,
        submission: Submission,
        turn: Turn,
        outputs: Option<crate::files::Received>,
    ) -> Result<Finished, PoolError> {
        let pool = self.clone();
        unbroken(async move {
            // Held to the end: nobody else may touch this attempt's files.
            let _turn = turn;
            let stored = pool.files.result(&key);
            if let Some(outputs) = outputs {
                outputs.place(stored.clone()).await?;
            }
            let (asked, now_ms) = (key.clone(), clock::wall_ms());
            let finished = pool
                .db
                .call(move |t| {
                    let finished = tasks::finish(t, &asked, user, &submission, now_ms)?;
                    Ok((finished, crate::nodes::promote(t, &asked)?))
                })
                .await;
            let (finished, node) = match finished {
                Ok(finished) => finished,
                Err(refused) => {
                    let _ = tokio::fs::remove_file(&stored).await;
                    return Err(refused);
                }
            };
            tracing::info!(task_id = %key.task, attempt = key.attempt, cpt = finished.credited, "attempt settled");
            pool.live.with(|live| {
                live.release(&key);
                if let Some((id, trust)) = node {
                    live.set_trust(&id, trust);
                }
            });
            pool.pulses.beat(&key.task);
            pool.files.drop_partial_results(&key).await;
            pool.part_ended(&key.task).await;
            Ok(finished)
        })
        .await
    }

    /// A task's outputs as `owner` may have them: file, hash, size.
    pub(crate) async fn result_file(
        &self,
        id: TaskId,
        owner: Option<i64>,
    ) -> Result<(tokio::fs::File, String, u64), PoolError> {
        let task = id.clone();
        let view = self.db.call(move |t| tasks::find(t, &task, owner)).await?;
        let result = view.result.ok_or(PoolError::NoResult)?;
        let key = TaskKey { task: id, attempt: view.attempt };
        let file = tokio::fs::File::open(self.files.result(&key)).await?;
        Ok((file, result.sha256, result.size_bytes))
    }
}

impl Upload {
    /// Cancelled when a newer call takes over.
    pub(crate) fn superseded(&self) -> CancellationToken {
        self.turn.superseded.clone()
    }

    /// Appends a chunk.
    pub(crate) async fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), PoolError> {
        if offset != self.file.length() {
            return Err(PoolError::OffsetMismatch { stored: self.file.length() });
        }
        let written = self.file.write(data).await;
        if matches!(written, Err(PoolError::TooLarge { .. })) {
            return Err(PoolError::field("chunk.data", "no more than the announced size"));
        }
        written
    }

    /// Whether the announced size is reached.
    pub(crate) fn is_whole(&self) -> bool {
        self.file.length() == self.submission.size
    }

    /// Keeps what came in for a later try.
    pub(crate) async fn keep(self) -> Result<(), PoolError> {
        self.file.keep().await
    }

    /// Checks the hash, stores everything for good and settles the pay.
    pub(crate) async fn finish(self) -> Result<Finished, PoolError> {
        let received = self.file.complete().await?;
        if received.sha256 != self.submission.sha256 {
            received.discard().await;
            return Err(PoolError::HashMismatch);
        }
        let mut submission = self.submission;
        let took = clock::mono().duration_since(self.began).as_millis();
        submission.report.phases.upload_ms = u64::try_from(took).unwrap_or(u64::MAX);
        self.pool.finish(self.user, self.key, submission, self.turn, Some(received)).await
    }
}
