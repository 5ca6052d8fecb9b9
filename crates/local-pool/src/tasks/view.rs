//! A task as its requester sees it.

use super::{ArrayView, TaskState, stored_key};
use crate::error::PoolError;
use crate::ledger;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::report::ExecutionReport;
use hivemind_domain::resources::GIB;
use hivemind_domain::usage::TaskUsage;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;

/// A task's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultView {
    /// SHA-256 of the zip, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// What the present attempt used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsageView {
    /// Running time without frozen time, in milliseconds.
    pub active_ms: u64,
    /// CPU, average in percent of the granted cores.
    pub cpu_percent: f32,
    /// Memory, average in percent of the granted bytes.
    pub memory_percent: f32,
    /// GPU, average in percent.
    pub gpu_percent: f32,
    /// Largest memory seen, in bytes.
    pub peak_memory_bytes: u64,
}

/// A task and its latest attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskView {
    /// Identifier.
    pub task_id: String,
    /// The requester's name for it.
    pub name: String,
    /// Where it stands.
    pub state: TaskState,
    /// What its node does: `assigned`, `preparing`, `running`, `collecting`, `uploading`, `ended`; absent before
    /// the first attempt and while it waits for the next.
    pub phase: Option<String>,
    /// Latest attempt; 0 before the first.
    pub attempt: u32,
    /// The node of the latest attempt.
    pub node_id: Option<String>,
    /// Whether its end was asked for, and why: `requester` or `insufficient_funds`.
    pub cancel: Option<String>,
    /// Exit code, where the program ended by itself.
    pub exit_code: Option<i64>,
    /// Kind of failure, as a word.
    pub failure: Option<String>,
    /// One plain sentence; may be empty.
    pub message: String,
    /// 0 to 100, where the program tells.
    pub progress: Option<f64>,
    /// What the program says about its progress.
    pub progress_message: String,
    /// Granted cores.
    pub cpu_cores: f64,
    /// Granted memory in GiB.
    pub memory_gb: f64,
    /// Whether a GPU was asked for.
    pub gpu_required: bool,
    /// Time-out in seconds.
    pub timeout_seconds: u64,
    /// Image; absent means the worker's standard image.
    pub image: Option<String>,
    /// SHA-256 of the package.
    pub package_sha256: String,
    /// What the latest attempt used; absent before anything was measured.
    pub usage: Option<UsageView>,
    /// CPT charged for the latest attempt.
    pub charged_cpt: u64,
    /// CPT paid to the worker.
    pub credited_cpt: u64,
    /// Outputs, once they are here.
    pub result: Option<ResultView>,
    /// What is told about the latest attempt, once it has ended.
    pub report: Option<ExecutionReport>,
    /// Sub-tasks by state, when this is a task of many; the CPT are then the sums over all of them.
    pub array: Option<ArrayView>,
    /// The whole, when this is a sub-task.
    pub array_id: Option<String>,
    /// Its index there, from 0.
    pub array_index: Option<u32>,
    /// Handed in at, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Given to the node of the latest attempt at; absent before the first.
    pub assigned_ms: Option<i64>,
    /// Program started at.
    pub started_ms: Option<i64>,
    /// Over at.
    pub ended_ms: Option<i64>,
}

const COLUMNS: &str = "t.id, t.name, t.state, a.phase, t.attempt, a.node_id, t.cancel, a.exit_code, a.failure,
    t.message, a.progress, coalesce(a.progress_message, ''), t.limits, t.image, t.package_sha256, a.usage,
    coalesce(a.charged, 0), coalesce(a.credited, 0), coalesce(a.result_sha256, ''), coalesce(a.result_size, 0),
    t.created_ms, a.started_ms, t.ended_ms, coalesce(a.message, ''), coalesce(a.report, ''), t.array_id,
    t.array_index, ar.count, coalesce(ar.result_sha256, ''), coalesce(ar.result_size, 0),
    a.assigned_ms FROM tasks t LEFT JOIN attempts a ON a.task_id = t.id AND a.attempt = t.attempt
    LEFT JOIN arrays ar ON ar.task_id = t.id";

/// One task; `owner` is checked when given.
pub(crate) fn find(t: &Transaction<'_>, task: &TaskId, owner: Option<i64>) -> Result<TaskView, PoolError> {
    let mut view = t
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE t.id = ?1 AND (?2 IS NULL OR t.owner_id = ?2)"))?
        .query_row(params![task.as_str(), owner], |r| Ok(read(r)))
        .optional()?
        .ok_or(PoolError::TaskUnknown)??;
    add_parts(t, &mut view)?;
    Ok(view)
}

/// A user's tasks, newest first; a task of many stands for its sub-tasks.
pub(crate) fn list(t: &Transaction<'_>, owner: i64, limit: u32) -> Result<Vec<TaskView>, PoolError> {
    let mut views: Vec<TaskView> = t
        .prepare_cached(&format!(
            "SELECT {COLUMNS} WHERE t.owner_id = ?1 AND t.array_id IS NULL
             ORDER BY t.created_ms DESC, t.id LIMIT ?2"
        ))?
        .query_map(params![owner, limit], |r| Ok(read(r)))?
        .map(|row| row?)
        .collect::<Result<_, PoolError>>()?;
    views.iter_mut().try_for_each(|view| add_parts(t, view))?;
    Ok(views)
}

/// The sub-tasks of a task of many by their index; `owner` is checked when given.
pub(crate) fn parts(
    t: &Transaction<'_>,
    whole: &TaskId,
    owner: Option<i64>,
) -> Result<Vec<TaskView>, PoolError> {
    find(t, whole, owner)?;
    t.prepare_cached(&format!("SELECT {COLUMNS} WHERE t.array_id = ?1 ORDER BY t.array_index"))?
        .query_map([whole.as_str()], |r| Ok(read(r)))?
        .map(|row| row?)
        .collect()
}

/// Fills in what a task of many is the sum of.
fn add_parts(t: &Transaction<'_>, view: &mut TaskView) -> Result<(), PoolError> {
    let Some(ArrayView { count, .. }) = view.array else { return Ok(()) };
    let (array, charged, credited) = super::array::sums(t, &view.task_id, count)?;
    (view.array, view.charged_cpt, view.credited_cpt) = (Some(array), charged, credited);
    view.progress = Some(100.0 * f64::from(count - array.queued - array.running) / f64::from(count.max(1)));
    if view.state == TaskState::Queued && array.queued < count {
        view.state = TaskState::Running;
        view.phase = Some(if array.is_over() { "collecting" } else { "running" }.to_owned());
    }
    Ok(())
}

/// The latest attempt of a task, if there is one, and its state.
pub(crate) fn attempt_and_state(
    t: &Transaction<'_>,
    task: &TaskId,
) -> Result<(Option<TaskKey>, TaskState), PoolError> {
    let (attempt, state): (u32, String) = t
        .prepare_cached("SELECT attempt, state FROM tasks WHERE id = ?1")?
        .query_row([task.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?
        .ok_or(PoolError::TaskUnknown)?;
    let key = if attempt == 0 { None } else { Some(stored_key(task.as_str().to_owned(), attempt)?) };
    Ok((key, TaskState::read(&state)?))
}

fn read(r: &Row<'_>) -> Result<TaskView, PoolError> {
    let state = TaskState::read(&r.get::<_, String>(2)?)?;
    let limits: TaskLimits = serde_json::from_str(&r.get::<_, String>(12)?)?;
    let usage: Option<String> = r.get(15)?;
    let usage = usage.and_then(|text| serde_json::from_str::<TaskUsage>(&text).ok()).map(|usage| {
        let average = usage.average(&limits);
        UsageView {
            active_ms: usage.active_ms,
            cpu_percent: average.cpu_percent,
            memory_percent: average.memory_percent,
            gpu_percent: average.gpu_percent,
            peak_memory_bytes: usage.peak_memory_bytes,
        }
    });
    let count: Option<u32> = r.get(27)?;
    let (sha256, size): (String, i64) = match count {
        Some(_) => (r.get(28)?, r.get(29)?),
        None => (r.get(18)?, r.get(19)?),
    };
    let report: String = r.get(24)?;
    let cancel: Option<String> = r.get(6)?;
    // Outputs that were not paid for stay with the pool.
    let paid = cancel.as_deref() != Some("insufficient_funds");
    let result = if sha256.is_empty() || !paid {
        None
    } else {
        Some(ResultView { sha256, size_bytes: ledger::unsigned(size)? })
    };
    let message: String = r.get(9)?;
    let attempt_message: String = r.get(23)?;
    let phase: Option<String> = r.get(3)?;
    Ok(TaskView {
        task_id: r.get(0)?,
        name: r.get(1)?,
        state,
        phase: phase.filter(|_| state != TaskState::Queued),
        attempt: r.get(4)?,
        node_id: r.get(5)?,
        cancel,
        exit_code: r.get(7)?,
        failure: r.get(8)?,
        message: if message.is_empty() { attempt_message } else { message },
        progress: r.get(10)?,
        progress_message: r.get(11)?,
        cpu_cores: f64::from(limits.resources.cpu_millis) / 1000.0,
        memory_gb: limits.resources.memory_bytes as f64 / GIB as f64,
        gpu_required: limits.resources.gpus > 0,
        timeout_seconds: limits.timeout.as_secs(),
        image: r.get(13)?,
        package_sha256: r.get(14)?,
        usage,
        charged_cpt: ledger::unsigned(r.get(16)?)?,
        credited_cpt: ledger::unsigned(r.get(17)?)?,
        result,
        report: serde_json::from_str(&report).ok(),
        array: count.map(|count| ArrayView { count, ..ArrayView::default() }),
        array_id: r.get(25)?,
        array_index: r.get(26)?,
        created_ms: r.get(20)?,
        assigned_ms: r.get(30)?,
        started_ms: r.get(21)?,
        ended_ms: r.get(22)?,
    })
}
