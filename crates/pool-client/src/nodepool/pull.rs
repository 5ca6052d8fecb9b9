//! Asks for work.

use super::state::State;
use super::words::{call, taken};
use super::{LEASE, MOST_ANSWER, NodePool, UNARY, lease, lock};
use crate::guard::Guarded;
use hivemind_domain::ids::TaskId;
use hivemind_domain::resources::Resources;
use hivemind_proto::nodepool::batch_runtime_service_client::BatchRuntimeServiceClient;
use hivemind_proto::nodepool::{PullBatchRequest, TaskLease};
use hivemind_worker_core::port::{Assigned, Journal, PoolError};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

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
            let puller = Puller {
                client: pool.batches()?.max_decoding_message_size(MOST_ANSWER),
                state: Arc::clone(&pool.state),
                journal: pool.journal.clone(),
            };
            let pulled = tokio::spawn(async move {
                let pulled = puller.pull(free).await;
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

fn ready(state: &mut State) -> Option<Assigned> {
    while let Some((at, assigned)) = state.ready.pop_front() {
        if at.elapsed() < STALE {
            return Some(assigned);
        }
        state.tasks.remove(&assigned.assignment.key);
    }
    None
}

struct Puller {
    client: BatchRuntimeServiceClient<Guarded>,
    state: Arc<Mutex<State>>,
    journal: Option<Arc<dyn Journal>>,
}

impl Puller {
    async fn pull(mut self, free: Resources) -> Result<(), PoolError> {
        let request = {
            let state = lock(&self.state);
            PullBatchRequest {
                worker_id: state.worker()?,
                max_inflight_batches: 1,
                token: state.session()?.token,
            }
        };
        let answer = call(UNARY, self.client.pull_batch(request)).await?;
        taken(answer.success, &answer.status_message)?;
        for (number, lease) in answer.tasks.into_iter().enumerate().take(64) {
            if number > 0 {
                lock(&self.state).leave(&printable(&lease), "the pool sent more than was asked for");
                continue;
            }
            self.take(lease, free).await;
        }
        Ok(())
    }

    async fn take(&mut self, sent: TaskLease, free: Resources) {
        let name = printable(&sent);
        let Some(task) = lease::task(&sent) else {
            return lock(&self.state).leave(&name, "its id is no id");
        };
        // A reset slipped through: what runs goes on, under the new lease.
        let running = lock(&self.state).tasks.iter().any(|(key, held)| key.task == task && !held.completing);
        if running {
            return;
        }
        let attempt = self.attempt(&task).await;
        match lease::assignment(sent, attempt, free) {
            Ok(assignment) => {
                let mut state = lock(&self.state);
                let most = assignment.limits.disk_bytes;
                state.held(&assignment.key).most_bytes = Some(most);
                state.ready.push_back((Instant::now(), Assigned { assignment, lease: LEASE }));
            }
            Err(why) => lock(&self.state).leave(&name, &why),
        }
    }

    /// One more than the last that this computer knows of.
    async fn attempt(&self, task: &TaskId) -> u32 {
        let known =
            lock(&self.state).tasks.keys().filter(|key| key.task == *task).map(|key| key.attempt).max();
        let kept = match &self.journal {
            Some(journal) => {
                journal.find(task.as_str(), None).await.ok().flatten().map(|task| task.key().attempt)
            }
            None => None,
        };
        known.max(kept).unwrap_or(0).saturating_add(1)
    }
}

fn printable(lease: &TaskLease) -> String {
    hivemind_domain::text::plain_line(&lease.task_id, 64)
}
