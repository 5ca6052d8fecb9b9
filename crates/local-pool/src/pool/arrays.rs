//! Tasks of many: told of their parts' ends, they gather the results and end themselves.

use super::{Pool, unbroken};
use crate::clock;
use crate::error::PoolError;
use crate::tasks::{self, CancelStep, TaskView};
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::task::CancelledBy;
use std::sync::Arc;

impl Pool {
    /// A task has ended; when it was the last of many, the whole is gathered.
    pub(crate) async fn part_ended(self: &Arc<Self>, task: &TaskId) {
        let Some(whole) = tasks::whole_of(task) else { return };
        let asked = whole.clone();
        match self.db.call(move |t| tasks::is_to_gather(t, &asked)).await {
            Ok(true) => self.gather(whole),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, task_id = %whole, "a task of many cannot be looked at"),
        }
    }

    /// Gathers in the background; once at a time for each.
    pub(crate) fn gather(self: &Arc<Self>, whole: TaskId) {
        if !self.gathering.with(|all| all.insert(whole.clone())) {
            return;
        }
        let pool = self.clone();
        tokio::spawn(async move {
            if let Err(error) = pool.gathered(&whole).await {
                tracing::error!(%error, task_id = %whole, "a task of many could not be ended");
            }
            pool.gathering.with(|all| all.remove(&whole));
            pool.pulses.beat(&whole);
        });
    }

    async fn gathered(&self, whole: &TaskId) -> Result<(), PoolError> {
        let asked = whole.clone();
        let outputs = self.db.call(move |t| tasks::outputs(t, &asked)).await?;
        let key = TaskKey { task: whole.clone(), attempt: 0 };
        let parts: Vec<_> = outputs.iter().map(|(index, key)| (*index, self.files.result(key))).collect();
        let (partial, target) = (self.files.gathering(whole), self.files.result(&key));
        let (mut result, mut failure) = (None, None);
        if !parts.is_empty() {
            let made = tokio::task::spawn_blocking(move || {
                let made = crate::gather::gather(&parts, &partial);
                match made {
                    Ok(made) => std::fs::rename(&partial, &target).map(|()| made).map_err(PoolError::from),
                    Err(error) => {
                        let _ = std::fs::remove_file(&partial);
                        Err(error)
                    }
                }
            });
            match made.await.map_err(|e| PoolError::Internal(format!("gathering ended badly: {e}")))? {
                Ok(made) => {
                    self.files.sync_results().await?;
                    result = Some(made);
                }
                Err(error) => {
                    tracing::error!(%error, task_id = %whole, "results could not be gathered");
                    failure = Some("The results could not be put together; each sub-task still has its own.");
                }
            }
        }
        let (asked, now_ms) = (whole.clone(), clock::wall_ms());
        self.db
            .call(move |t| {
                let result = result.as_ref().map(|(sha256, size)| (sha256.as_str(), *size));
                tasks::finish_array(t, &asked, result, failure, now_ms)
            })
            .await?;
        tracing::info!(task_id = %whole, "task of many ended");
        Ok(())
    }

    /// Cancels what goes on of a task of many.
    pub(super) async fn cancel_array(self: &Arc<Self>, whole: TaskId, owner: i64) -> Result<(), PoolError> {
        let pool = self.clone();
        unbroken(async move {
            let (by, asked, now_ms) = (CancelledBy::Requester, whole.clone(), clock::wall_ms());
            let steps = pool.db.call(move |t| tasks::cancel_array(t, &asked, owner, by, now_ms)).await?;
            pool.live.with(|live| {
                for (id, step) in &steps {
                    match step {
                        CancelStep::Over => {}
                        CancelStep::Ended => live.dequeue(id.as_str()),
                        CancelStep::Told(key) => live.ask_to_end(key, by),
                    }
                }
            });
            for (id, _) in &steps {
                pool.pulses.beat(id);
            }
            if let Some((id, _)) = steps.last() {
                pool.part_ended(id).await;
            }
            pool.pulses.beat(&whole);
            Ok(())
        })
        .await
    }

    /// The sub-tasks of a task of many, by their index.
    pub(crate) async fn parts(&self, whole: TaskId, owner: Option<i64>) -> Result<Vec<TaskView>, PoolError> {
        self.db.call(move |t| tasks::parts(t, &whole, owner)).await
    }
}
