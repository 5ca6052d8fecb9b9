//! The worker's life as lines of its log: one for each change of its status and each step of an attempt. Never what a
//! task is, prints or leaves.

use hivemind_control::{ErrorCode, PoolState, Snapshot, StatusState};
use hivemind_domain::task::{Task, Verdict};

/// What was written last.
#[derive(Debug, Default)]
pub(super) struct Diary {
    told: Option<(StatusState, Option<ErrorCode>, PoolState)>,
}

impl Diary {
    /// Writes a line when status, obstacle or connection differ from the last line's.
    pub(super) fn status(&mut self, snapshot: &Snapshot) {
        let problem = snapshot.status.problem.as_ref().map(|problem| problem.code);
        let now = (snapshot.status.state, problem, snapshot.pool.state);
        if self.told.replace(now) != Some(now) {
            let problem = problem.map(ErrorCode::word).unwrap_or_default();
            tracing::info!(status = ?now.0, pool = ?now.2, problem, "status");
        }
    }
}

/// An attempt has come a step further, and that is on disk.
pub(super) fn attempt(task: &Task) {
    let verdict = match &task.verdict {
        None => "",
        Some(Verdict::Succeeded) => "succeeded",
        Some(Verdict::Failed { .. }) => "failed",
        Some(Verdict::Cancelled { .. }) => "cancelled",
        Some(Verdict::HandedBack { .. }) => "handed back",
    };
    tracing::info!(task_id = %task.key(), phase = ?task.phase, verdict, "attempt");
}
