//! What workers tell of their tasks, how tasks end, and what moves then.

use super::book::{Book, NOT_ASSIGNED};
use super::task::{FaceTask, TaskStatus};
use crate::clock::wall_ms;
use hivemind_proto::nodepool::{ExecuteTaskResponse, ExecutionMetrics, ProviderEarning};
use tokio::time::Instant;
use tonic::Status;

/// Most bytes of an output that is told while a task runs.
const MOST_OUTPUT: usize = 1 << 20;
/// Most bytes that say where a result is.
const MOST_RESULT: usize = 4096;
/// What the database says to NUL in a text.
const NO_NUL: &str = "invalid byte sequence for encoding \"UTF8\": 0x00";

impl Book {
    fn own(&mut self, worker: &str, id: &str) -> Result<&mut FaceTask, &'static str> {
        self.tasks.get_mut(id).filter(|task| task.is_held_by(worker)).ok_or(NOT_ASSIGNED)
    }

    pub(super) fn used(&mut self, worker: &str, id: &str) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        task.heard();
        task.reports += 1;
        Ok(())
    }

    pub(super) fn output(&mut self, worker: &str, id: &str, output: String) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        if output.len() > MOST_OUTPUT {
            return Err("output is too large");
        }
        if output.contains('\0') {
            return Err(NO_NUL);
        }
        task.heard();
        task.output = Some(output);
        Ok(())
    }

    /// Where a result is ends its task at once.
    pub(super) fn result(&mut self, worker: &str, id: &str, place: String) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        if place.is_empty() || place.len() > MOST_RESULT || place.contains('\0') {
            return Err("invalid result_torrent");
        }
        task.heard();
        task.result = Some(place);
        self.succeed(worker, id);
        Ok(())
    }

    pub(super) fn complete(
        &mut self,
        worker: &str,
        id: &str,
        status: &str,
        metrics: Option<ExecutionMetrics>,
    ) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        task.heard();
        task.metrics = metrics;
        if status == "COMPLETED" {
            self.succeed(worker, id);
        } else {
            self.fail(worker, id, format!("Batch task ended with status {status}"));
        }
        Ok(())
    }

    /// The answer to a push, however late: it counts as long as the task is that worker's, also when it was taken back
    /// and pushed there again.
    pub(super) fn answered(&mut self, worker: &str, id: &str, answer: Result<ExecuteTaskResponse, Status>) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        if !task.is_held_by(worker) {
            task.discarded += 1;
            tracing::warn!(task = id, worker, "an answer to a push came too late");
            return;
        }
        task.heard();
        match answer {
            // Refused, or the stream broke: another try, and nobody's fault.
            Err(status) => {
                tracing::info!(%status, task = id, worker, "a pushed task waits again");
                task.take_back();
            }
            Ok(answer) if answer.status_message.contains('\0') => {
                tracing::warn!(task = id, worker, "{NO_NUL}");
                task.take_back();
            }
            Ok(answer) if answer.success => {
                task.output = Some(answer.status_message);
                task.used = (answer.managed_executed_ops, answer.managed_output_bytes);
                task.receipt = Some(answer.managed_receipt_json).filter(|receipt| !receipt.is_empty());
                self.succeed(worker, id);
            }
            Ok(answer) => {
                task.receipt = Some(answer.managed_receipt_json).filter(|receipt| !receipt.is_empty());
                self.fail(worker, id, answer.status_message);
            }
        }
    }

    fn fail(&mut self, worker: &str, id: &str, words: String) {
        if let Some(task) = self.tasks.get_mut(id) {
            task.fail(words);
        }
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.failed();
        }
    }

    /// Pay moves at once or never; a balance gains nothing by it.
    fn succeed(&mut self, worker: &str, id: &str) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.status = TaskStatus::Completed;
        let provider = self.workers.get_mut(worker).map(|row| {
            row.succeeded();
            row.owner.clone()
        });
        let price = task.price();
        let Some(payer) = self.users.get_mut(&task.owner).filter(|user| user.balance >= price) else {
            return;
        };
        payer.balance -= price;
        task.charged = price;
        let fee = price / 10;
        self.fees += fee;
        let entry = ProviderEarning {
            task_id: id.to_owned(),
            payer_user: task.owner.clone(),
            provider_worker_id: worker.to_owned(),
            amount_cpt: price - fee,
            status: "settled".to_owned(),
            created_at: written(wall_ms()),
        };
        self.ledger.push((provider, Instant::now(), entry));
    }
}

/// A time as RFC 3339.
fn written(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default()
}
