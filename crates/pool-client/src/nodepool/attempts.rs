//! Numbers the attempts, because the network does not, and finds the one that goes on.

use super::NodePool;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::task::{Phase, Verdict};

/// One more than the last that this computer knows of.
pub(super) async fn next(pool: &NodePool, task: &TaskId) -> u32 {
    let known = pool.state().tasks.keys().filter(|key| key.task == *task).map(|key| key.attempt).max();
    let kept = match &pool.journal {
        Some(journal) => {
            journal.find(task.as_str(), None).await.ok().flatten().map(|task| task.key().attempt)
        }
        None => None,
    };
    known.max(kept).unwrap_or(0).saturating_add(1)
}

/// The attempt that is being worked on: the journal knows, also after a restart. One that was taken a moment ago is not
/// there yet.
pub(super) async fn running(pool: &NodePool, task: &TaskId) -> Option<TaskKey> {
    let kept = match &pool.journal {
        Some(journal) => journal.find(task.as_str(), None).await.ok().flatten(),
        None => None,
    };
    let state = pool.state();
    let newest = state.tasks.keys().filter(|key| key.task == *task).max_by_key(|key| key.attempt);
    match kept {
        Some(kept) if newest.is_none_or(|newest| newest.attempt <= kept.key().attempt) => {
            let going_on = kept.phase < Phase::Reported
                && !matches!(kept.verdict, Some(Verdict::HandedBack { .. } | Verdict::Cancelled { .. }));
            going_on.then(|| kept.key().clone())
        }
        Some(_) | None => newest.cloned(),
    }
}

/// Whether an attempt is a managed function.
pub(super) async fn is_function(pool: &NodePool, key: &TaskKey) -> bool {
    if pool.state().tasks.get(key).is_some_and(|held| held.function) {
        return true;
    }
    let Some(journal) = &pool.journal else { return false };
    let kept = journal.find(key.task.as_str(), Some(key.attempt)).await.ok().flatten();
    kept.is_some_and(|kept| kept.assignment.function.is_some())
}
