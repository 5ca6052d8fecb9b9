//! Asks for work.

use super::state::State;
use super::words::{call, taken};
use super::{LEASE, NodePool, UNARY, attempts, lease};
use hivemind_domain::resources::Resources;
use hivemind_proto::nodepool::{PullBatchRequest, TaskLease};
use hivemind_worker_core::port::{Assigned, PoolError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

/// How long one call for work may wait, as with other pools.
const PATIENCE: Duration = Duration::from_secs(25);
/// Between two questions: the pool does not let them wait.
const EVERY: Duration = Duration::from_secs(2);
/// A lease that nobody fetched for this long is not worth beginning.
const STALE: Duration = Duration::from_secs(20);

pub(super) async fn next(pool: &NodePool, free: Resources) -> Result<Option<Assigned>, PoolError> {
    let number = {
        let mut state = pool.state();
        state.ask += 1;
        state.ask
    };
    let until = Instant::now() + PATIENCE;
    loop {
        // Its own call is finished although nobody waits for it any more: what it brings is not lost.
        let guard = Arc::clone(&pool.pulling).lock_owned().await;
        if pool.state().ask != number {
            return Ok(None);
        }
        if let Some(ready) = ready(&mut pool.state()) {
            return Ok(Some(ready));
        }
        if pool.state().refusals.may_pull(Instant::now()) && !pool.state().paused {
            let puller = pool.clone();
            let pulled = tokio::spawn(async move {
                let pulled = pull(&puller, free).await;
                drop(guard);
                pulled
            });
            match pulled.await {
                Ok(pulled) => pulled?,
                Err(_) => return Ok(None),
            }
            if pool.state().ask == number
                && let Some(ready) = ready(&mut pool.state())
            {
                return Ok(Some(ready));
            }
        } else {
            drop(guard);
        }
        if Instant::now() + EVERY > until {
            return Ok(None);
        }
        tokio::time::sleep(EVERY).await;
    }
}

pub(super) fn ready(state: &mut State) -> Option<Assigned> {
    drop_stale(state);
    state.ready.pop_front().map(|(_, assigned)| assigned)
}

/// Lets go of what nobody fetched.
pub(super) fn drop_stale(state: &mut State) {
    while state.ready.front().is_some_and(|(at, _)| at.elapsed() >= STALE) {
        let Some((_, assigned)) = state.ready.pop_front() else { return };
        let key = &assigned.assignment.key;
        state.tasks.remove(key);
        let late = Status::unavailable("the worker did not take the task in time");
        state.pushed.end(key.task.as_str(), &Err(late));
    }
}

async fn pull(pool: &NodePool, free: Resources) -> Result<(), PoolError> {
    let request = {
        let state = pool.state();
        PullBatchRequest {
            worker_id: state.worker()?,
            max_inflight_batches: 1,
            token: state.session()?.token,
        }
    };
    let answer = call(UNARY, pool.batches()?.pull_batch(request)).await?;
    taken(answer.success, &answer.status_message)?;
    for (number, lease) in answer.tasks.into_iter().enumerate().take(64) {
        if number > 0 {
            pool.state().leave(&printable(&lease), "the pool sent more than was asked for");
            continue;
        }
        take(pool, lease, free).await;
    }
    Ok(())
}

async fn take(pool: &NodePool, sent: TaskLease, free: Resources) {
    let name = printable(&sent);
    let Some(task) = lease::task(&sent) else {
        return pool.state().leave(&name, "its id is no id");
    };
    // A reset slipped through: what runs goes on, under the new lease.
    let running = pool.state().tasks.iter().any(|(key, held)| key.task == task && !held.completing);
    if running {
        return;
    }
    let attempt = attempts::next(pool, &task).await;
    match lease::assignment(sent, attempt, free, pool.wishes().scripts) {
        Ok(assignment) => {
            let mut state = pool.state();
            let most = assignment.limits.disk_bytes;
            state.held(&assignment.key).most_bytes = Some(most);
            state.ready.push_back((Instant::now(), Assigned { assignment, lease: LEASE }));
        }
        Err(why) => pool.state().leave(&name, &why),
    }
}

fn printable(lease: &TaskLease) -> String {
    hivemind_domain::text::plain_line(&lease.task_id, 64)
}
