//! What is told every 8 s: the computer's status, and the use of every task in hand.

use super::state::State;
use super::words::{call, taken};
use super::{AGAIN, MOST_HELD, NodePool, REPORT, ledger, pull, registration, standing};
use crate::failure::unreachable;
use crate::guard::Guarded;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::CancelledBy;
use hivemind_proto::nodepool as wire;
use hivemind_proto::nodepool::node_manager_service_client::NodeManagerServiceClient;
use hivemind_worker_core::port::{HeartbeatAnswer, PoolError, PoolErrorKind, StatusReport};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;

/// A pool that pushes takes a task back when its call breaks off, and pushes it again within 5 s, to whoever is free.
/// Nobody else has it before that: so long what runs is kept.
const ASTRAY: Duration = Duration::from_secs(15);

pub(super) async fn heartbeat(pool: &NodePool, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError> {
    tidy(pool, held);
    tell_status(pool).await?;
    let stopped: Vec<TaskKey> =
        pool.state().pushed.stops().into_iter().filter(|key| held.contains(key)).collect();
    let going: Vec<TaskKey> = held.iter().filter(|key| !stopped.contains(key)).cloned().collect();
    let void = tell_tasks(pool, &going).await?;
    may_fail(registration::turn(pool).await)?;
    may_fail(registration::keep_in_step(pool).await)?;
    let standing = may_fail(standing::look(pool).await)?.flatten();
    let mut state = pool.state();
    state.pushed.stopped(&stopped);
    for key in &void {
        state.tasks.remove(key);
    }
    // What is delivered, and has nothing more to come, is forgotten here.
    state
        .tasks
        .retain(|key, task| held.contains(key) || task.completing || task.since.elapsed() < super::LEASE);
    Ok(HeartbeatAnswer {
        lease: super::LEASE,
        void,
        cancelled: stopped.into_iter().map(|key| (key, CancelledBy::Requester)).collect(),
        notices: state.notices.drain(..).collect(),
        standing,
    })
}

/// Ends what hangs: tasks that the worker did not take, and calls for tasks that it does not have.
fn tidy(pool: &NodePool, held: &[TaskKey]) {
    let mut state = pool.state();
    pull::drop_stale(&mut state);
    let mut known: Vec<String> = held.iter().map(|key| key.task.to_string()).collect();
    known.extend(state.ready.iter().map(|(_, ready)| ready.assignment.key.task.to_string()));
    state.pushed.end_orphans(|task| known.iter().any(|known| known == task));
}

/// A call that the work does not hang on: the connection stands although it fails, unless it says that this computer is
/// not known.
fn may_fail<T>(answer: Result<T, PoolError>) -> Result<Option<T>, PoolError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind, PoolErrorKind::Unauthenticated | PoolErrorKind::NodeUnknown) => {
            Err(error)
        }
        Err(error) => {
            tracing::warn!(%error, "the pool did not take what it was told beside the work");
            Ok(None)
        }
    }
}

/// What the pool is told about this computer. It pushes to `ACTIVE`, `IDLE` and `BUSY` alone; `FULL` is a word of ours.
fn status(state: &State) -> &'static str {
    let aside = state.pushed.full || state.refusals.holds_back(Instant::now());
    if state.paused {
        "OFFLINE"
    } else if state.way.is_push() && aside {
        "FULL"
    } else if state.tasks.is_empty() {
        "IDLE"
    } else {
        "BUSY"
    }
}

pub(super) async fn tell_status(pool: &NodePool) -> Result<(), PoolError> {
    let (session, worker_id) = pool.caller()?;
    let (status, usage) = {
        let state = pool.state();
        (status(&state), state.usage)
    };
    let request = wire::RunningStatusRequest {
        username: session.username,
        status: status.to_owned(),
        usage: Some(usage),
        token: session.token,
        worker_id,
    };
    let answer = call(REPORT, pool.nodes()?.report_status(request)).await?;
    taken(answer.success, &answer.status_message)
}

/// Tells every held task's use, and gives the ones that are ours no longer.
async fn tell_tasks(pool: &NodePool, held: &[TaskKey]) -> Result<Vec<TaskKey>, PoolError> {
    let (session, worker_id) = pool.caller()?;
    let mut calls = JoinSet::new();
    for key in held.iter().take(MOST_HELD) {
        let usage = {
            let mut state = pool.state();
            let held = state.held(key);
            if held.completing {
                continue;
            }
            held.usage
        };
        let request = wire::TaskUsageRequest {
            task_id: key.task.to_string(),
            usage: Some(usage),
            token: session.token.clone(),
            worker_id: worker_id.clone(),
        };
        let (key, mut client) = (key.clone(), pool.nodes()?);
        calls.spawn(async move {
            let told = tell_task(&mut client, request.clone()).await;
            if told.as_ref().is_err_and(|error| error.kind == PoolErrorKind::StaleAttempt) {
                tokio::time::sleep(AGAIN).await;
                return (key, tell_task(&mut client, request).await);
            }
            (key, told)
        });
    }
    let (mut void, mut failed) = (Vec::new(), Ok(()));
    while let Some(done) = calls.join_next().await {
        match done {
            Ok((key, Ok(()))) => {
                if let Some(held) = pool.state().tasks.get_mut(&key) {
                    held.astray = None;
                }
            }
            Ok((key, Err(error))) if error.kind == PoolErrorKind::StaleAttempt => void.push(key),
            // Words that mean nothing to us are no reason to end a task.
            Ok((_, Err(error))) if error.kind == PoolErrorKind::Protocol => {
                tracing::warn!(%error, "a report about a task was refused");
            }
            Ok((_, Err(error))) => failed = Err(error),
            Err(_) => failed = Err(unreachable("a report about a task broke off")),
        }
    }
    failed?;
    // Its completion may have been taken, and our own record of that lost: the ledger knows.
    let mut lost = Vec::new();
    for key in void {
        if ledger::earned(pool, &key).await?.is_none() && gone(pool, &key) {
            lost.push(key);
        }
    }
    let mut state = pool.state();
    // It may have been completed while the report was under way.
    lost.retain(|key| !state.tasks.get(key).is_some_and(|held| held.completing));
    for key in &lost {
        let end = Err(Status::cancelled("the task is no longer this computer's"));
        state.pushed.end(key.task.as_str(), &end);
        state.notice(&format!(
            "task {} is no longer this computer's: it was cancelled or taken back",
            key.task
        ));
    }
    Ok(lost)
}

/// Whether a task that the pool disowns is given up: one that was pushed may be pushed again.
fn gone(pool: &NodePool, key: &TaskKey) -> bool {
    let mut state = pool.state();
    let push = state.way.is_push();
    let Some(held) = state.tasks.get_mut(key) else { return true };
    let since = *held.astray.get_or_insert_with(Instant::now);
    !push || since.elapsed() >= ASTRAY
}

async fn tell_task(
    client: &mut NodeManagerServiceClient<Guarded>,
    request: wire::TaskUsageRequest,
) -> Result<(), PoolError> {
    let answer = call(REPORT, client.task_usage(request)).await?;
    taken(answer.success, &answer.status_message)
}

/// Takes the readings; true when the computer was paused, or goes on.
pub(super) fn note(state: &mut State, report: &StatusReport) -> bool {
    let metrics = &report.metrics;
    let gpu = metrics.gpus.first();
    state.usage = wire::ResourceUsage {
        cpu_percent: percent(metrics.cpu_percent),
        memory_percent: share(metrics.memory_used_bytes, metrics.memory_total_bytes),
        gpu_percent: gpu.and_then(|gpu| gpu.percent).map_or(0.0, percent),
        vram_percent: gpu.map_or(0.0, |gpu| {
            share(gpu.memory_used_bytes.unwrap_or(0), gpu.memory_total_bytes.unwrap_or(0))
        }),
        storage_percent: share(metrics.disk_used_bytes, metrics.disk_total_bytes),
    };
    for task in &report.tasks {
        if let Some(held) = state.tasks.get_mut(&task.key) {
            held.usage = wire::ResourceUsage {
                cpu_percent: percent(task.average.cpu_percent),
                memory_percent: percent(task.average.memory_percent),
                gpu_percent: percent(task.average.gpu_percent),
                ..wire::ResourceUsage::default()
            };
        }
    }
    let paused = !report.paused.is_empty();
    std::mem::replace(&mut state.paused, paused) != paused
}

/// Percent without nonsense: the pool's database takes finite numbers only.
fn percent(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 100.0) } else { 0.0 }
}

fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { percent((part as f64 * 100.0 / whole as f64) as f32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_readings_are_not_told() {
        assert_eq!(
            (percent(f32::NAN), percent(-1.0), percent(f32::INFINITY), share(5, 0)),
            (0.0, 0.0, 0.0, 0.0)
        );
        assert_eq!(share(u64::MAX, 1), 100.0);
    }
}
