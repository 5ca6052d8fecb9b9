//! Numbers the attempts, because the network does not, and finds the one that goes on.

use super::NodePool;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::task::Phase;

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

/// The attempt that is being worked on; after a restart the journal knows it.
pub(super) async fn running(pool: &NodePool, task: &TaskId) -> Option<TaskKey> {
    let here = |key: &&TaskKey| key.task == *task;
    if let Some(key) = pool.state().tasks.keys().filter(here).max_by_key(|key| key.attempt) {
        return Some(key.clone());
    }
    let kept = pool.journal.as_ref()?.find(task.as_str(), None).await.ok().flatten()?;
    (kept.phase < Phase::Reported).then(|| kept.key().clone())
}

/// Whether an attempt is a managed function.
pub(super) async fn is_function(pool: &NodePool, key: &TaskKey) -> bool {
    if let Some(held) = pool.state().tasks.get(key) {
        if held.function {
            return true;
        }
    }
    let Some(journal) = &pool.journal else { return false };
    let kept = journal.find(key.task.as_str(), Some(key.attempt)).await.ok().flatten();
    kept.is_some_and(|kept| kept.assignment.function.is_some())
}
