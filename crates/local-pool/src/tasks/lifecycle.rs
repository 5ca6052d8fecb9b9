//! How a task moves: queued, with a node, ended. An attempt is `held` until it is `finished`, `lost` or
//! `handed_back`, and then never changes again.

use super::{TaskState, pay, stored_id, stored_key};
use crate::error::PoolError;
use crate::ledger;
use hivemind_domain::ids::{NodeId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::report::ExecutionReport;
use hivemind_domain::resources::Resources;
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{
    ArrayPlace, Assignment, CancelledBy, FailureClass, NetworkNeed, PackageRef, Verdict,
};
use hivemind_domain::usage::TaskUsage;
use rusqlite::{OptionalExtension, Transaction, params};

/// A task as its requester wants it; package checked and in its place.
#[derive(Debug, Clone)]
pub(crate) struct NewTask {
    pub(crate) id: TaskId,
    pub(crate) owner: i64,
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) package_sha256: String,
    pub(crate) package_size: u64,
    pub(crate) limits: TaskLimits,
    pub(crate) formula: Formula,
}

/// A task that waits for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) task: TaskId,
    pub(crate) need: Resources,
}

/// An attempt that a node holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) key: TaskKey,
    pub(crate) node: NodeId,
    pub(crate) cancel: Option<CancelledBy>,
}

/// Writes a new task down, for a requester who can pay at least something.
pub(crate) fn insert(
    t: &Transaction<'_>,
    task: &NewTask,
    max_open: u32,
    now_ms: i64,
) -> Result<Waiting, PoolError> {
    check_owner(t, task.owner, 1, max_open)?;
    insert_row(t, task, None, now_ms)?;
    Ok(Waiting { task: task.id.clone(), need: task.limits.resources })
}

/// Whether a requester may hand in `more` tasks.
pub(super) fn check_owner(
    t: &Transaction<'_>,
    owner: i64,
    more: u32,
    max_open: u32,
) -> Result<(), PoolError> {
    let open: u32 = t.query_row(
        "SELECT count(*) FROM tasks WHERE owner_id = ?1 AND state IN ('queued', 'running')
            AND id NOT IN (SELECT task_id FROM arrays)",
        [owner],
        |r| r.get(0),
    )?;
    if open.saturating_add(more) > max_open {
        return Err(PoolError::TooManyTasks(open));
    }
    if ledger::balance(t, &ledger::Account::User(owner))? == 0 {
        return Err(PoolError::InsufficientFunds);
    }
    Ok(())
}

/// Writes one row; `place` is the whole and the index of a sub-task.
pub(super) fn insert_row(
    t: &Transaction<'_>,
    task: &NewTask,
    place: Option<(&TaskId, u32)>,
    now_ms: i64,
) -> Result<(), PoolError> {
    t.prepare_cached(
        "INSERT INTO tasks (id, owner_id, name, image, command, package_sha256, package_size, limits, formula,
                            state, created_ms, array_id, array_index)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued', ?10, ?11, ?12)",
    )?
    .execute(params![
            task.id.as_str(),
            task.owner,
            task.name,
            task.image,
            serde_json::to_string(&task.command)?,
            task.package_sha256,
            ledger::signed(task.package_size)?,
            serde_json::to_string(&task.limits)?,
            serde_json::to_string(&task.formula)?,
            now_ms,
            place.map(|(whole, _)| whole.as_str()),
            place.map(|(_, index)| index)
    ])?;
    Ok(())
}

/// Everything that waits, oldest first.
pub(crate) fn queued(t: &Transaction<'_>) -> Result<Vec<Waiting>, PoolError> {
    let mut query = t.prepare(
        "SELECT id, limits FROM tasks WHERE state = 'queued' AND id NOT IN (SELECT task_id FROM arrays)
         ORDER BY created_ms, array_id, array_index, id",
    )?;
    let rows = query.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (id, limits) = row?;
        let limits: TaskLimits = serde_json::from_str(&limits)?;
        Ok(Waiting { task: stored_id(id)?, need: limits.resources })
    })
    .collect()
}

/// Everything that nodes hold.
pub(crate) fn held(t: &Transaction<'_>) -> Result<Vec<Held>, PoolError> {
    let mut query = t.prepare(
        "SELECT a.task_id, a.attempt, a.node_id, t.cancel FROM attempts a JOIN tasks t ON t.id = a.task_id
         WHERE a.state = 'held'",
    )?;
    let rows = query.query_map([], |r| {
        Ok((r.get(0)?, r.get(1)?, r.get::<_, String>(2)?, r.get::<_, Option<String>>(3)?))
    })?;
    rows.map(|row| {
        let (task, attempt, node, cancel) = row?;
        let node = NodeId::new(node).map_err(|e| PoolError::Internal(e.to_string()))?;
        Ok(Held { key: stored_key(task, attempt)?, node, cancel: cancel_read(cancel.as_deref())? })
    })
    .collect()
}

/// Gives a waiting task to a node as its next attempt; `None` when it no longer waits.
pub(crate) fn assign(
    t: &Transaction<'_>,
    task: &TaskId,
    node: &NodeId,
    now_ms: i64,
) -> Result<Option<Assignment>, PoolError> {
    let found = t
        .query_row(
            "SELECT name, image, command, package_sha256, package_size, limits, formula, attempt, array_index,
                    (SELECT count FROM arrays WHERE task_id = array_id) FROM tasks
             WHERE id = ?1 AND state = 'queued'",
            [task.as_str()],
            |r| {
                Ok((
                    r.get::<_, String>(0)?,
                    r.get::<_, Option<String>>(1)?,
                    r.get::<_, String>(2)?,
                    r.get::<_, String>(3)?,
                    r.get::<_, i64>(4)?,
                    (r.get::<_, String>(5)?, r.get::<_, String>(6)?, r.get::<_, u32>(7)?),
                    (r.get::<_, Option<u32>>(8)?, r.get::<_, Option<u32>>(9)?),
                ))
            },
        )
        .optional()?;
    let Some((name, image, command, sha256, size, (limits, formula, before), (index, count))) = found else {
        return Ok(None);
    };
    let key = TaskKey { task: task.clone(), attempt: before.saturating_add(1) };
    t.execute(
        "UPDATE tasks SET state = 'running', attempt = ?2 WHERE id = ?1",
        params![task.as_str(), key.attempt],
    )?;
    t.execute(
        "INSERT INTO attempts (task_id, attempt, node_id, user_id, state, assigned_ms, updated_ms)
         SELECT ?1, ?2, id, user_id, 'held', ?4, ?4 FROM nodes WHERE id = ?3",
        params![task.as_str(), key.attempt, node.as_str(), now_ms],
    )?;
    Ok(Some(Assignment {
        key,
        name,
        image,
        command: serde_json::from_str(&command)?,
        package: Some(PackageRef {
            id: task.as_str().to_owned(),
            sha256,
            size_bytes: ledger::unsigned(size)?,
        }),
        limits: serde_json::from_str(&limits)?,
        network: NetworkNeed::None,
        formula: serde_json::from_str(&formula)?,
        array: index.zip(count).and_then(|(index, count)| ArrayPlace::new(index, count)),
        function: None,
    }))
}

/// Why an attempt is taken from its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VoidWhy {
    Lost,
    HandedBack,
}

/// What became of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VoidStep {
    /// The attempt was over already.
    Unchanged,
    /// It waits again.
    Requeued(Waiting),
    /// It has ended: cancelled meanwhile, or tried too often.
    Ended,
}

/// Takes an attempt from its node, gives back what was charged, and puts the task into the queue again.
pub(crate) fn void(
    t: &Transaction<'_>,
    key: &TaskKey,
    why: VoidWhy,
    message: &str,
    max_attempts: u32,
    now_ms: i64,
) -> Result<VoidStep, PoolError> {
    let found = t
        .query_row(
            "SELECT t.cancel, t.limits FROM attempts a JOIN tasks t ON t.id = a.task_id
             WHERE a.task_id = ?1 AND a.attempt = ?2 AND a.state = 'held'",
            params![key.task.as_str(), key.attempt],
            |r| Ok((r.get::<_, Option<String>>(0)?, r.get::<_, String>(1)?)),
        )
        .optional()?;
    let Some((cancel, limits)) = found else { return Ok(VoidStep::Unchanged) };
    let state = match why {
        VoidWhy::Lost => "lost",
        VoidWhy::HandedBack => "handed_back",
    };
    pay::refund(t, key, now_ms)?;
    t.execute(
        "UPDATE attempts SET state = ?3, message = ?4, ended_ms = ?5, updated_ms = ?5
         WHERE task_id = ?1 AND attempt = ?2",
        params![key.task.as_str(), key.attempt, state, message, now_ms],
    )?;
    if cancel.is_some() {
        end(t, &key.task, TaskState::Cancelled, "", now_ms)?;
        return Ok(VoidStep::Ended);
    }
    if key.attempt >= max_attempts {
        let message = format!("Given up after {} attempts. The last one: {message}", key.attempt);
        end(t, &key.task, TaskState::Failed, &message, now_ms)?;
        return Ok(VoidStep::Ended);
    }
    t.execute("UPDATE tasks SET state = 'queued' WHERE id = ?1", [key.task.as_str()])?;
    let limits: TaskLimits = serde_json::from_str(&limits)?;
    Ok(VoidStep::Requeued(Waiting { task: key.task.clone(), need: limits.resources }))
}

/// What a cancellation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CancelStep {
    /// The task was over already.
    Over,
    /// It waited and is over now.
    Ended,
    /// Its node must end it.
    Told(TaskKey),
}

/// Cancels a task; `owner` is checked when given.
pub(crate) fn cancel(
    t: &Transaction<'_>,
    task: &TaskId,
    owner: Option<i64>,
    by: CancelledBy,
    now_ms: i64,
) -> Result<CancelStep, PoolError> {
    let found = t
        .query_row("SELECT owner_id, state, attempt FROM tasks WHERE id = ?1", [task.as_str()], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?, r.get::<_, u32>(2)?))
        })
        .optional()?;
    let Some((owner_id, state, attempt)) = found else { return Err(PoolError::TaskUnknown) };
    if owner.is_some_and(|owner| owner != owner_id) {
        return Err(PoolError::TaskUnknown);
    }
    let state = TaskState::read(&state)?;
    if state.is_final() {
        return Ok(CancelStep::Over);
    }
    t.execute(
        "UPDATE tasks SET cancel = coalesce(cancel, ?2) WHERE id = ?1",
        params![task.as_str(), cancel_word(by)],
    )?;
    if state == TaskState::Queued {
        end(t, task, TaskState::Cancelled, "", now_ms)?;
        return Ok(CancelStep::Ended);
    }
    Ok(CancelStep::Told(TaskKey { task: task.clone(), attempt }))
}

/// What a worker reported on an attempt's stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progressed {
    pub(crate) seq: u64,
    pub(crate) phase: Option<(String, String)>,
    pub(crate) usage: Option<TaskUsage>,
    pub(crate) progress: Option<(f32, String)>,
}

/// Writes a report down. Nothing changes once the attempt is over; its number is still counted, so that the worker
/// may forget it.
pub(crate) fn progress(
    t: &Transaction<'_>,
    key: &TaskKey,
    report: &Progressed,
    now_ms: i64,
) -> Result<(), PoolError> {
    let (task, attempt) = (key.task.as_str(), key.attempt);
    let place = "task_id = ?1 AND attempt = ?2 AND state = 'held'";
    if let Some((phase, message)) = &report.phase {
        t.prepare_cached(&format!(
            "UPDATE attempts SET phase = ?3, message = ?4, updated_ms = ?5,
                    started_ms = CASE WHEN ?3 = 'running' THEN coalesce(started_ms, ?5) ELSE started_ms END
             WHERE {place}"
        ))?
        .execute(params![task, attempt, phase, message, now_ms])?;
    }
    if let Some(usage) = &report.usage {
        t.prepare_cached(&format!("UPDATE attempts SET usage = ?3, updated_ms = ?4 WHERE {place}"))?
            .execute(params![task, attempt, serde_json::to_string(usage)?, now_ms])?;
    }
    if let Some((percent, message)) = &report.progress {
        t.prepare_cached(&format!("UPDATE attempts SET progress = ?3, progress_message = ?4 WHERE {place}"))?
            .execute(params![task, attempt, f64::from(*percent), message])?;
    }
    t.prepare_cached(
        "UPDATE attempts SET durable_seq = max(durable_seq, ?3) WHERE task_id = ?1 AND attempt = ?2",
    )?
    .execute(params![task, attempt, ledger::signed(report.seq)?])?;
    Ok(())
}

/// How an attempt ended, as its worker says.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) verdict: Verdict,
    pub(crate) usage: TaskUsage,
    pub(crate) wall_ms: u64,
    pub(crate) image_digest: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    /// What the worker tells beyond the rest: phases, input, GPU time.
    pub(crate) report: ExecutionReport,
}

/// The final answer to a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) credited: u64,
}

/// What may be done with a result for an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is awaited.
    Open,
    /// It is here, with this hash.
    Done { sha256: String, finished: Finished },
}

/// Whether `user` may submit a result for this attempt now.
pub(crate) fn place(t: &Transaction<'_>, key: &TaskKey, user: i64) -> Result<Place, PoolError> {
    let (state, _) = holder(t, key, user)?;
    match state.as_str() {
        "held" => Ok(Place::Open),
        "finished" => {
            let (sha256, credited): (String, i64) = t.query_row(
                "SELECT result_sha256, credited FROM attempts WHERE task_id = ?1 AND attempt = ?2",
                params![key.task.as_str(), key.attempt],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?;
            Ok(Place::Done { sha256, finished: Finished { credited: ledger::unsigned(credited)? } })
        }
        _ => Err(PoolError::StaleAttempt),
    }
}

/// State and durable sequence number of an attempt that was given to one of `user`'s nodes.
pub(crate) fn holder(t: &Transaction<'_>, key: &TaskKey, user: i64) -> Result<(String, u64), PoolError> {
    let (state, seq): (String, i64) = t
        .prepare_cached(
            "SELECT state, durable_seq FROM attempts WHERE task_id = ?1 AND attempt = ?2 AND user_id = ?3",
        )?
        .query_row(params![key.task.as_str(), key.attempt, user], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?
        .ok_or(PoolError::TaskUnknown)?;
    Ok((state, ledger::unsigned(seq)?))
}

/// Ends an attempt with its worker's verdict, settles the pay and ends the task.
pub(crate) fn finish(
    t: &Transaction<'_>,
    key: &TaskKey,
    user: i64,
    submission: &Submission,
    now_ms: i64,
) -> Result<Finished, PoolError> {
    match place(t, key, user)? {
        Place::Done { sha256, finished } if sha256 == submission.sha256 => return Ok(finished),
        Place::Done { .. } => return Err(PoolError::ResultConflict),
        Place::Open => {}
    }
    let cancel: Option<String> =
        t.query_row("SELECT cancel FROM tasks WHERE id = ?1", [key.task.as_str()], |r| r.get(0))?;
    let cancel = cancel_read(cancel.as_deref())?;
    if cancel.is_none() && matches!(submission.verdict, Verdict::Cancelled { .. }) {
        return Err(PoolError::field("header.verdict.kind", "CANCELLED only after a cancellation"));
    }
    let settled = pay::settle(t, key, submission, now_ms)?;
    let funds_ended = !settled.covered || cancel == Some(CancelledBy::InsufficientFunds);
    let (state, message, failure) = if funds_ended {
        (TaskState::Cancelled, "The balance did not cover the task.".to_owned(), None)
    } else {
        outcome(&submission.verdict)
    };
    if funds_ended {
        t.execute("UPDATE tasks SET cancel = 'insufficient_funds' WHERE id = ?1", [key.task.as_str()])?;
    }
    let waited: i64 = t.query_row(
        "SELECT a.assigned_ms - t.created_ms FROM attempts a JOIN tasks t ON t.id = a.task_id
         WHERE a.task_id = ?1 AND a.attempt = ?2",
        params![key.task.as_str(), key.attempt],
        |r| r.get(0),
    )?;
    let mut report = submission.report.clone();
    report.phases.queue_ms = report.phases.queue_ms.saturating_add(u64::try_from(waited).unwrap_or(0));
    t.execute(
        "UPDATE attempts SET state = 'finished', phase = 'ended', message = ?3, verdict = ?4, exit_code = ?5,
                failure = ?6, wall_ms = ?7, image_digest = ?8, result_sha256 = ?9, result_size = ?10, usage = ?11,
                credited = ?12, charged = ?12, ended_ms = ?13, updated_ms = ?13, report = ?14
         WHERE task_id = ?1 AND attempt = ?2",
        params![
            key.task.as_str(),
            key.attempt,
            message,
            state.word(),
            submission.verdict.exit_code(),
            failure,
            i64::try_from(submission.wall_ms).unwrap_or(i64::MAX),
            submission.image_digest,
            submission.sha256,
            ledger::signed(submission.size)?,
            serde_json::to_string(&submission.usage)?,
            ledger::signed(settled.credited)?,
            now_ms,
            serde_json::to_string(&report)?
        ],
    )?;
    if state == TaskState::Succeeded {
        t.execute(
            "UPDATE nodes SET succeeded = succeeded + 1
             WHERE id = (SELECT node_id FROM attempts WHERE task_id = ?1 AND attempt = ?2)",
            params![key.task.as_str(), key.attempt],
        )?;
    }
    end(t, &key.task, state, &message, now_ms)?;
    Ok(Finished { credited: settled.credited })
}

fn outcome(verdict: &Verdict) -> (TaskState, String, Option<String>) {
    match verdict {
        Verdict::Succeeded => (TaskState::Succeeded, String::new(), None),
        Verdict::Failed { class, message, .. } => {
            let state =
                if *class == FailureClass::TimedOut { TaskState::TimedOut } else { TaskState::Failed };
            let word = serde_json::to_value(class).ok();
            (state, message.clone(), word.and_then(|w| w.as_str().map(str::to_owned)))
        }
        Verdict::Cancelled { .. } | Verdict::HandedBack { .. } => (TaskState::Cancelled, String::new(), None),
    }
}

pub(super) fn end(
    t: &Transaction<'_>,
    task: &TaskId,
    state: TaskState,
    message: &str,
    now_ms: i64,
) -> Result<(), PoolError> {
    t.execute(
        "UPDATE tasks SET state = ?2, message = ?3, ended_ms = ?4 WHERE id = ?1",
        params![task.as_str(), state.word(), message, now_ms],
    )?;
    Ok(())
}

fn cancel_word(by: CancelledBy) -> &'static str {
    match by {
        CancelledBy::Requester => "requester",
        CancelledBy::InsufficientFunds => "insufficient_funds",
    }
}

fn cancel_read(word: Option<&str>) -> Result<Option<CancelledBy>, PoolError> {
    match word {
        None => Ok(None),
        Some("requester") => Ok(Some(CancelledBy::Requester)),
        Some("insufficient_funds") => Ok(Some(CancelledBy::InsufficientFunds)),
        Some(other) => Err(PoolError::Internal(format!("cancellation {other:?}"))),
    }
}
