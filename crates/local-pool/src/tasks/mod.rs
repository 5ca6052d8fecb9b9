//! Tasks and their attempts as the database knows them. Every function here is one step of a transaction.

mod array;
mod lifecycle;
mod pay;
mod view;

#[cfg(test)]
mod tests;

pub use array::ArrayView;
pub(crate) use array::{
    all_to_gather, cancel_array, count, finish_array, insert_array, is_to_gather, outputs, whole_of,
};
pub(crate) use lifecycle::{
    CancelStep, Finished, Held, NewTask, Place, Submission, VoidStep, VoidWhy, Waiting, assign, cancel,
    finish, held, insert, place, progress, queued, void,
};
pub(crate) use lifecycle::{Progressed, holder};
pub(crate) use pay::{Earning, EarningState, accrue, earnings};
pub use view::{ResultView, TaskView, UsageView};
pub(crate) use view::{attempt_and_state, find, list, parts};

use crate::error::PoolError;
use hivemind_domain::ids::{TaskId, TaskKey};
use serde::{Deserialize, Serialize};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waiting for a node.
    Queued,
    /// With a node; the attempt's phase says more.
    Running,
    /// Ended with exit code 0.
    Succeeded,
    /// Ended otherwise.
    Failed,
    /// Ran out of time.
    TimedOut,
    /// Cancelled by the requester or for want of funds.
    Cancelled,
}

impl TaskState {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    fn read(word: &str) -> Result<Self, PoolError> {
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Cancelled]
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| PoolError::Internal(format!("task state {word:?}")))
    }
}

fn stored_id(text: String) -> Result<TaskId, PoolError> {
    TaskId::new(text).map_err(|e| PoolError::Internal(e.to_string()))
}

fn stored_key(task: String, attempt: u32) -> Result<TaskKey, PoolError> {
    Ok(TaskKey { task: stored_id(task)?, attempt })
}
