//! What a call of the pool becomes: a task for the worker, one more who waits, or a refusal.

use super::desk::{End, Fit, Stopping};
use super::token::{self, Doubt};
use crate::nodepool::state::State;
use crate::nodepool::{LEASE, NodePool, attempts, lease};
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_proto::nodepool::{ExecuteTaskRequest, StopTaskExecutionRequest};
use hivemind_worker_core::port::Assigned;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;

/// How long a call waits for the worker to ask for work: it asks again within moments after it took a task.
const ADMIT: Duration = Duration::from_secs(4);
const NO_ROOM: &str = "this computer has no room for another task";
/// Tasks that are waited for at once.
const MOST_CALLS: usize = 128;

/// One call.
pub(crate) struct Push {
    pub(super) pool: NodePool,
    /// Whether it comes from where the pool answers.
    pub(super) of_the_pool: bool,
}

impl Push {
    /// Believes the caller, or does not.
    fn believe(&self, task: &str, token: &str) -> Result<(token::Mark, i64, i64), Status> {
        let now = now();
        let mut state = self.pool.state();
        let worker = state.worker().map_err(|error| Status::unavailable(error.message))?;
        let checked = token::check(token, &self.pool.wishes().key, task, &worker, now);
        let before = state.pushed.is_doubtful();
        state.pushed.note(checked.err(), self.of_the_pool);
        if state.pushed.is_doubtful() && !before {
            if let Some(doubt) = checked.err() {
                state.notice(&format!("the pool's calls to this computer are not believed: {doubt}"));
            }
            state.pushed.full = true;
            self.pool.news.notify_one();
        }
        drop(state);
        let (mark, until) = checked.map_err(|doubt| self.doubted(task, doubt))?;
        Ok((mark, until, now))
    }

    fn doubted(&self, task: &str, doubt: Doubt) -> Status {
        let task = hivemind_domain::text::plain_line(task, 64);
        tracing::warn!(%task, %doubt, of_the_pool = self.of_the_pool, "a call of the pool is not believed");
        match doubt {
            Doubt::Unreadable | Doubt::Forged | Doubt::Expired => {
                Status::unauthenticated(format!("Invalid token: {doubt}"))
            }
            Doubt::OtherRole | Doubt::OtherTask | Doubt::OtherWorker | Doubt::Used => {
                Status::permission_denied(doubt.to_string())
            }
        }
    }

    /// Where the end of the task will be told.
    pub(super) async fn execute(&self, asked: ExecuteTaskRequest) -> Result<oneshot::Receiver<End>, Status> {
        let task = TaskId::new(asked.task_id.clone())
            .map_err(|error| Status::invalid_argument(format!("unsafe task id: {error}")))?;
        if !self.pool.state().way.is_push() && self.pool.state().worker.is_none() {
            return Err(Status::unavailable("this worker takes no calls"));
        }
        let (mark, until, now) = self.believe(task.as_str(), &asked.token)?;
        // Whatever runs already is joined; else one that this program has no memory of, but its journal has.
        let running = attempts::running(&self.pool, &task).await;
        let attempt = attempts::next(&self.pool, &task).await;
        // From here on nothing is waited for: a call that breaks off leaves nothing half done.
        let bytes = asked.task_source.len() + asked.torrent.len();
        let free = {
            let mut state = self.pool.state();
            let fresh = state.pushed.used.note(mark, until, now);
            if let Some(answer) = state.pushed.kept(task.as_str()) {
                let (end, ended) = oneshot::channel();
                for (_, held) in state.tasks.iter_mut().filter(|(key, _)| key.task == task) {
                    held.completed.get_or_insert_with(Instant::now);
                }
                let _ = end.send(Ok(answer));
                return Ok(ended);
            }
            if let Some(ended) = state.pushed.join(task.as_str()) {
                return Ok(ended);
            }
            if let Some(key) = running {
                state.held(&key);
                return Ok(state.pushed.open(task.as_str()));
            }
            if !fresh {
                drop(state);
                return Err(self.doubted(task.as_str(), Doubt::Used));
            }
            refusal(&state, &task)?;
            if state.pushed.len() >= MOST_CALLS || !state.pushed.has_room(bytes) {
                state.pushed.full = true;
                drop(state);
                self.pool.tell_soon();
                return Err(Status::resource_exhausted(NO_ROOM));
            }
            state.pushed.free()
        };
        let assignment = match lease::pushed(asked, attempt, free, self.pool.wishes().scripts) {
            Ok(assignment) => assignment,
            Err(why) => return Err(self.refuse(&task, &why)),
        };
        let ended = {
            let mut state = self.pool.state();
            if let Some(ended) = state.pushed.join(task.as_str()) {
                return Ok(ended);
            }
            state.pushed.admit(bytes);
            state.pushed.open(task.as_str())
        };
        // It goes on although the call breaks off: whoever calls again joins it.
        let push = Self { pool: self.pool.clone(), of_the_pool: self.of_the_pool };
        tokio::spawn(async move {
            push.offer(&task, &Assigned { assignment, lease: LEASE }).await;
            push.pool.state().pushed.admitted(bytes);
        });
        Ok(ended)
    }

    /// Waits a moment for the worker to ask for it.
    async fn offer(&self, task: &TaskId, assigned: &Assigned) {
        let until = Instant::now() + ADMIT;
        loop {
            let asks = self.pool.asks.notified();
            tokio::pin!(asks);
            asks.as_mut().enable();
            let fit = {
                let mut state = self.pool.state();
                if state.pushed.is_stopped(task.as_str()) {
                    state.pushed.end(task.as_str(), &Err(Status::cancelled("stopped")));
                    return;
                }
                let fit = state.pushed.takes(assigned);
                if fit == Fit::Taken {
                    let most = assigned.assignment.limits.disk_bytes;
                    let held = state.held(&assigned.assignment.key);
                    held.most_bytes = Some(most);
                    held.function = assigned.assignment.function.is_some();
                    state.ready.push_back((Instant::now(), assigned.clone()));
                }
                fit
            };
            match fit {
                Fit::Taken => return self.pool.offered.notify_waiters(),
                Fit::Never(why) => {
                    let status = self.refuse(task, why);
                    self.pool.state().pushed.end(task.as_str(), &Err(status));
                    return;
                }
                Fit::NobodyAsks => {}
            }
            if tokio::time::timeout_at(until, asks).await.is_err() {
                return self.full(task);
            }
        }
    }

    /// There is no room now. The pool is told so at once: else it would push the task again every 5 s.
    fn full(&self, task: &TaskId) {
        {
            let mut state = self.pool.state();
            if state.pushed.is_asked() {
                // There is room, for other tasks than this one.
                state.refuse(task.as_str(), "it needs more than is free at present");
            } else {
                state.pushed.full = true;
            }
            state.pushed.end(task.as_str(), &Err(Status::resource_exhausted(NO_ROOM)));
        }
        self.pool.tell_soon();
    }

    /// It cannot be run here.
    fn refuse(&self, task: &TaskId, why: &str) -> Status {
        self.pool.state().refuse(task.as_str(), why);
        self.pool.tell_soon();
        Status::failed_precondition(hivemind_domain::text::plain_line(why, 300))
    }

    pub(super) fn stop(&self, asked: &StopTaskExecutionRequest) -> Result<(bool, &'static str), Status> {
        let task = TaskId::new(asked.task_id.clone())
            .map_err(|error| Status::invalid_argument(format!("unsafe task id: {error}")))?;
        let (mark, until, now) = self.believe(task.as_str(), &asked.token)?;
        let mut state = self.pool.state();
        // What stops may be said twice; it must not begin anything afterwards.
        state.pushed.used.note(mark, until, now);
        let key = key_of(&state, &task);
        let stopping = state.pushed.stop(task.as_str(), key);
        drop(state);
        if stopping == Stopping::Now {
            self.pool.news.notify_one();
            self.pool.asks.notify_waiters();
        }
        Ok(match stopping {
            Stopping::Now => (true, "Stop requested"),
            Stopping::Already => (true, "Stop already requested"),
            Stopping::NotHere => (false, "Task not running"),
        })
    }
}

fn refusal(state: &State, task: &TaskId) -> Result<(), Status> {
    if state.paused {
        return Err(Status::unavailable("this computer is paused by its owner's rules"));
    }
    if state.refusals.is_held_back(task.as_str(), Instant::now()) {
        return Err(Status::failed_precondition("this computer has refused this task a moment ago"));
    }
    Ok(())
}

fn key_of(state: &State, task: &TaskId) -> Option<TaskKey> {
    state.tasks.keys().filter(|key| key.task == *task).max_by_key(|key| key.attempt).cloned()
}

/// Seconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "a token's times are those of the wall clock")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
