//! Tells that a task is done, and finds its pay.

use super::ledger::earned;
use super::output::Output;
use super::report::upload;
use super::state::State;
use super::words::{call, taken};
use super::{NodePool, UNARY};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::{Credit, FailureClass, Verdict};
use hivemind_domain::text::plain_line;
use hivemind_proto::nodepool::{CompleteBatchRequest, CompletedTask, ExecuteTaskResponse, ExecutionMetrics};
use hivemind_worker_core::port::{PoolError, PoolErrorKind, ResultHeader};
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

/// Pay that is not there by then does not come: the requester could not pay.
const UNPAID_AFTER: Duration = Duration::from_secs(300);
/// An answer to an earlier try may have got lost, and the ledger may lag behind: for so long a completed task is not
/// given up.
const LEDGER_LAGS: Duration = Duration::from_secs(60);

pub(super) const NOTHING: Credit = Credit { cpt: 0, settled: true };

/// What an end means to the network.
enum End {
    Told(&'static str),
    /// Not the program's doing: telling it would cost trust, so that the task is left alone.
    LeftAlone(String),
    /// Nobody waits for it.
    Gone,
}

fn end(verdict: &Verdict) -> End {
    match verdict {
        Verdict::Succeeded => End::Told("COMPLETED"),
        Verdict::Failed { class, message, .. } => match class {
            FailureClass::ExitCode
            | FailureClass::OutOfMemory
            | FailureClass::TimedOut
            | FailureClass::DiskLimit => End::Told("FAILED"),
            FailureClass::Package | FailureClass::Image | FailureClass::Engine | FailureClass::Result => {
                End::LeftAlone(message.clone())
            }
        },
        Verdict::HandedBack { message, .. } => End::LeftAlone(message.clone()),
        Verdict::Cancelled { .. } => End::Gone,
    }
}

pub(super) async fn submit(pool: &NodePool, header: &ResultHeader) -> Result<Credit, PoolError> {
    let key = &header.key;
    let status = match end(&header.verdict) {
        End::Told(status) => status,
        End::LeftAlone(why) => {
            leave(pool, key, &why);
            return Ok(NOTHING);
        }
        End::Gone => {
            let mut state = pool.state();
            state.tasks.remove(key);
            state.pushed.end(key.task.as_str(), &Err(Status::cancelled("the task was stopped")));
            return Ok(NOTHING);
        }
    };
    let whole = {
        let state = pool.state();
        let output = state.tasks.get(key).and_then(|held| held.output.as_ref());
        let known = output.filter(|output| output.whole || output.refused);
        known.map(|output| output.refused || output.uploaded == Some(output.lines))
    };
    match whole {
        Some(true) => {}
        // All of it, once: afterwards the pool takes no more.
        Some(false) => match upload(pool, key).await {
            Ok(_) => {}
            // The task is ours no longer, or done already: the next call tells which.
            Err(error) if error.kind == PoolErrorKind::StaleAttempt => {}
            Err(error) => return Err(error),
        },
        None => {
            return Err(PoolError::new(PoolErrorKind::Unreachable, "the output was not told to its end yet"));
        }
    }
    pool.state().held(key).completing = true;
    let completed = complete(pool, header, status).await;
    let known = match &completed {
        Ok(()) => true,
        Err(error) if error.kind == PoolErrorKind::StaleAttempt => in_ledger(pool, key).await?,
        Err(_) => false,
    };
    if !known {
        pool.state().held(key).completing = false;
        completed?;
    }
    {
        let mut state = pool.state();
        let answer = answer(&mut state, key, header);
        state.pushed.end(key.task.as_str(), &Ok(answer));
        state.held(key).completed.get_or_insert_with(Instant::now);
        if status == "FAILED" {
            state.tasks.remove(key);
            state.failed_here += 1;
            return Ok(NOTHING);
        }
    }
    credit(pool, key).await
}

/// What the pool's call is answered with. It is completed by then: the pool takes no more from this than a warning.
fn answer(state: &mut State, key: &TaskKey, header: &ResultHeader) -> ExecuteTaskResponse {
    let output = state.held(key).output.as_ref().map(Output::text).unwrap_or_default();
    let (success, status_message) = match &header.verdict {
        Verdict::Succeeded => (true, output),
        Verdict::Failed { message, .. } | Verdict::HandedBack { message, .. } => (false, message.clone()),
        Verdict::Cancelled { .. } => (false, String::new()),
    };
    ExecuteTaskResponse { success, status_message, ..ExecuteTaskResponse::default() }
}

/// Leaves a task to other computers: a pulled one by silence, a pushed one by an error.
pub(super) fn leave(pool: &NodePool, key: &TaskKey, why: &str) {
    let mut state = pool.state();
    let task = key.task.as_str();
    state.tasks.remove(key);
    if state.pushed.has(task) {
        state.pushed.end(task, &Err(Status::failed_precondition(plain_line(why, 300))));
        state.refuse(task, why);
        drop(state);
        pool.tell_soon();
    } else {
        state.leave(task, why);
    }
}

/// Whether the ledger has a task that the pool lets nobody complete.
///
/// # Errors
/// While it may still come there.
async fn in_ledger(pool: &NodePool, key: &TaskKey) -> Result<bool, PoolError> {
    if earned(pool, key).await?.is_some() {
        return Ok(true);
    }
    let since = *pool.state().held(key).refused.get_or_insert_with(Instant::now);
    if since.elapsed() >= LEDGER_LAGS {
        return Ok(false);
    }
    let sentence = "the pool has not told yet whether it took the result";
    Err(PoolError::new(PoolErrorKind::Unreachable, sentence))
}

async fn complete(pool: &NodePool, header: &ResultHeader, status: &str) -> Result<(), PoolError> {
    let (session, worker_id) = pool.caller()?;
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let metrics = ExecutionMetrics {
        cpu_time_ms: number(header.usage.cpu_total_ns / 1_000_000),
        wall_time_ms: i64::try_from(header.wall.as_millis()).unwrap_or(i64::MAX),
        peak_memory_mb: number(header.usage.peak_memory_bytes >> 20),
        download_bytes: number(header.input_bytes),
    };
    let task = CompletedTask {
        task_id: header.key.task.to_string(),
        status: status.to_owned(),
        metrics: Some(metrics),
    };
    let request =
        CompleteBatchRequest { worker_id, batch_id: String::new(), tasks: vec![task], token: session.token };
    let mut client = pool.batches()?;
    let answer = call(UNARY, client.complete_batch(request)).await.map_err(|mut error| {
        if matches!(error.kind, PoolErrorKind::NotFound | PoolErrorKind::Refused) {
            error.kind = PoolErrorKind::StaleAttempt;
        }
        error
    })?;
    taken(answer.success, &answer.status_message)
}

/// The pool's present word about a completed task's pay.
pub(super) async fn settlement(pool: &NodePool, key: &TaskKey) -> Result<Credit, PoolError> {
    pool.state().held(key).completing = true;
    pool.state().held(key).completed.get_or_insert_with(Instant::now);
    credit(pool, key).await
}

pub(super) async fn credit(pool: &NodePool, key: &TaskKey) -> Result<Credit, PoolError> {
    if let Some(cpt) = earned(pool, key).await? {
        pool.state().tasks.remove(key);
        return Ok(Credit { cpt, settled: true });
    }
    let mut state = pool.state();
    let waited = state.tasks.get(key).and_then(|held| held.completed).map(|at| at.elapsed());
    if waited.is_none_or(|waited| waited < UNPAID_AFTER) {
        return Ok(Credit { cpt: 0, settled: false });
    }
    state.tasks.remove(key);
    state.notice(&format!(
        "task {} is completed and not paid: its requester could not pay, and this pool does not try again",
        key.task
    ));
    Ok(NOTHING)
}
