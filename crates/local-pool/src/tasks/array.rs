//! Tasks of many: one package, N sub-tasks, one result.

use super::lifecycle::{end, insert_row};
use super::{CancelStep, NewTask, TaskState, Waiting, cancel, stored_id, stored_key};
use crate::error::PoolError;
use crate::ledger;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::task::CancelledBy;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

/// How many sub-tasks there are, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ArrayView {
    /// All.
    pub count: u32,
    /// Waiting for a node.
    pub queued: u32,
    /// With a node.
    pub running: u32,
    /// Ended with exit code 0.
    pub succeeded: u32,
    /// Ended otherwise.
    pub failed: u32,
    /// Ran out of time.
    pub timed_out: u32,
    /// Cancelled.
    pub cancelled: u32,
}

impl ArrayView {
    /// Whether every sub-task has ended.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.queued == 0 && self.running == 0
    }

    /// What became of the whole; `None` while something goes on.
    pub(crate) fn outcome(self) -> Option<(TaskState, String)> {
        if !self.is_over() {
            return None;
        }
        let missed = self.count - self.succeeded;
        let state = match self {
            Self { failed: 0, timed_out: 0, cancelled: 0, .. } => TaskState::Succeeded,
            Self { failed: 0, timed_out: 0, .. } => TaskState::Cancelled,
            Self { failed: 0, .. } => TaskState::TimedOut,
            Self { .. } => TaskState::Failed,
        };
        let message = match missed {
            0 => String::new(),
            _ => format!("{missed} of {} sub-tasks did not succeed.", self.count),
        };
        Some((state, message))
    }
}

/// The whole that a sub-task belongs to, by its name.
pub(crate) fn whole_of(task: &TaskId) -> Option<TaskId> {
    let (whole, _) = task.as_str().rsplit_once('.')?;
    TaskId::new(whole).ok()
}

/// Writes a task of `count` sub-tasks down.
pub(crate) fn insert_array(
    t: &Transaction<'_>,
    task: &NewTask,
    count: u32,
    max_open: u32,
    now_ms: i64,
) -> Result<Vec<Waiting>, PoolError> {
    super::lifecycle::check_owner(t, task.owner, count, max_open)?;
    insert_row(t, task, None, now_ms)?;
    t.execute("INSERT INTO arrays (task_id, count) VALUES (?1, ?2)", params![task.id.as_str(), count])?;
    (0..count)
        .map(|index| {
            let part = NewTask { id: stored_id(format!("{}.{index}", task.id))?, ..task.clone() };
            insert_row(t, &part, Some((&task.id, index)), now_ms)?;
            Ok(Waiting { task: part.id, need: task.limits.resources })
        })
        .collect()
}

/// Number of sub-tasks; `None` for a task that is none of many.
pub(crate) fn count(t: &Transaction<'_>, task: &TaskId) -> Result<Option<u32>, PoolError> {
    let mut query = t.prepare_cached("SELECT count FROM arrays WHERE task_id = ?1")?;
    Ok(query.query_row([task.as_str()], |r| r.get(0)).optional()?)
}

/// Sub-tasks by state, and the CPT charged and paid for all of them.
pub(crate) fn sums(t: &Transaction<'_>, task: &str, count: u32) -> Result<(ArrayView, u64, u64), PoolError> {
    let mut view = ArrayView { count, ..ArrayView::default() };
    let mut query =
        t.prepare_cached("SELECT state, count(*) FROM tasks WHERE array_id = ?1 GROUP BY state")?;
    let rows = query.query_map([task], |r| Ok((r.get::<_, String>(0)?, r.get::<_, u32>(1)?)))?;
    for row in rows {
        let (state, n) = row?;
        match TaskState::read(&state)? {
            TaskState::Queued => view.queued = n,
            TaskState::Running => view.running = n,
            TaskState::Succeeded => view.succeeded = n,
            TaskState::Failed => view.failed = n,
            TaskState::TimedOut => view.timed_out = n,
            TaskState::Cancelled => view.cancelled = n,
        }
    }
    let (charged, credited): (i64, i64) = t
        .prepare_cached(
            "SELECT coalesce(sum(a.charged), 0), coalesce(sum(a.credited), 0)
             FROM tasks t JOIN attempts a ON a.task_id = t.id WHERE t.array_id = ?1",
        )?
        .query_row([task], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok((view, ledger::unsigned(charged)?, ledger::unsigned(credited)?))
}

/// Cancels every sub-task that goes on, and says what that did to each.
pub(crate) fn cancel_array(
    t: &Transaction<'_>,
    task: &TaskId,
    owner: i64,
    by: CancelledBy,
    now_ms: i64,
) -> Result<Vec<(TaskId, CancelStep)>, PoolError> {
    let own = t
        .query_row(
            "SELECT 1 FROM tasks WHERE id = ?1 AND owner_id = ?2",
            params![task.as_str(), owner],
            |_| Ok(()),
        )
        .optional()?;
    own.ok_or(PoolError::TaskUnknown)?;
    t.execute(
        "UPDATE tasks SET cancel = coalesce(cancel, 'requester') WHERE id = ?1 AND state = 'queued'",
        [task.as_str()],
    )?;
    let mut query = t.prepare_cached(
        "SELECT id FROM tasks WHERE array_id = ?1 AND state IN ('queued', 'running') ORDER BY array_index",
    )?;
    let ids = query.query_map([task.as_str()], |r| r.get::<_, String>(0))?;
    let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
    ids.into_iter()
        .map(|id| {
            let id = stored_id(id)?;
            let step = cancel(t, &id, None, by, now_ms)?;
            Ok((id, step))
        })
        .collect()
}

/// Whether everything of `whole` has ended and only its gathered result is missing.
pub(crate) fn is_to_gather(t: &Transaction<'_>, whole: &TaskId) -> Result<bool, PoolError> {
    let mut query = t.prepare_cached(
        "SELECT 1 FROM arrays ar JOIN tasks t ON t.id = ar.task_id
         WHERE ar.task_id = ?1 AND t.state = 'queued' AND NOT EXISTS
            (SELECT 1 FROM tasks p WHERE p.array_id = ?1 AND p.state IN ('queued', 'running'))",
    )?;
    Ok(query.query_row([whole.as_str()], |_| Ok(())).optional()?.is_some())
}

/// Every task of many whose result is to be gathered, after a restart.
pub(crate) fn all_to_gather(t: &Transaction<'_>) -> Result<Vec<TaskId>, PoolError> {
    let mut query = t.prepare(
        "SELECT ar.task_id FROM arrays ar JOIN tasks t ON t.id = ar.task_id WHERE t.state = 'queued'",
    )?;
    let ids: Vec<String> = query.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for id in ids {
        let id = stored_id(id)?;
        if is_to_gather(t, &id)? {
            found.push(id);
        }
    }
    Ok(found)
}

/// The outputs of the sub-tasks that have some their requester may have: index and attempt.
pub(crate) fn outputs(t: &Transaction<'_>, whole: &TaskId) -> Result<Vec<(u32, TaskKey)>, PoolError> {
    let mut query = t.prepare(
        "SELECT t.array_index, t.id, t.attempt FROM tasks t
         JOIN attempts a ON a.task_id = t.id AND a.attempt = t.attempt
         WHERE t.array_id = ?1 AND a.result_sha256 <> '' AND t.cancel IS NOT 'insufficient_funds'
         ORDER BY t.array_index",
    )?;
    let rows = query.query_map([whole.as_str()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    rows.map(|row| {
        let (index, task, attempt) = row?;
        Ok((index, stored_key(task, attempt)?))
    })
    .collect()
}

/// Ends the whole. `result` is hash and size of what was gathered, `failure` why nothing could be.
pub(crate) fn finish_array(
    t: &Transaction<'_>,
    whole: &TaskId,
    result: Option<(&str, u64)>,
    failure: Option<&str>,
    now_ms: i64,
) -> Result<(), PoolError> {
    let count = count(t, whole)?.ok_or(PoolError::TaskUnknown)?;
    let (view, ..) = sums(t, whole.as_str(), count)?;
    let Some((mut state, mut message)) = view.outcome() else { return Ok(()) };
    if let Some(failure) = failure {
        (state, message) = (TaskState::Failed, failure.to_owned());
    }
    if let Some((sha256, size)) = result {
        t.execute(
            "UPDATE arrays SET result_sha256 = ?2, result_size = ?3 WHERE task_id = ?1",
            params![whole.as_str(), sha256, ledger::signed(size)?],
        )?;
    }
    end(t, whole, state, &message, now_ms)
}
