//! Tasks handed in, given to nodes, taken back, and ended.

use super::{Pool, unbroken};
use crate::clock;
use crate::error::PoolError;
use crate::files::Received;
use crate::live::Match;
use crate::tasks::{self, CancelStep, NewTask, TaskView, VoidStep, VoidWhy};
use crate::wire;
use hivemind_domain::ids::{NodeId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::Resources;
use hivemind_domain::task::{ArrayPlace, CancelledBy, HandBack};
use hivemind_domain::text::plain_line;
use hivemind_proto::limits::{
    MAX_COMMAND_BYTES, MAX_COMMAND_PART_BYTES, MAX_COMMAND_PARTS, MAX_IMAGE_BYTES, MAX_TASK_NAME_BYTES,
};
use hivemind_proto::v1;
use std::sync::Arc;
use std::time::Duration;

/// What a requester wishes, beside the package.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskWish {
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) limits: TaskLimits,
    /// So many sub-tasks; absent for a single task.
    pub(crate) array: Option<u32>,
}

/// A task handed in, with its package received and not yet looked at.
#[derive(Debug)]
pub(crate) struct NewUpload {
    pub(crate) owner: i64,
    pub(crate) wish: TaskWish,
    pub(crate) package: Received,
}

impl TaskWish {
    fn check(&self) -> Result<(), PoolError> {
        let name = plain_line(&self.name, MAX_TASK_NAME_BYTES);
        if name.trim().is_empty() || name != self.name {
            return Err(PoolError::field("task_name", "1 to 128 bytes of plain text"));
        }
        if let Some(image) = &self.image {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@+".contains(&b);
            let good = (1..=MAX_IMAGE_BYTES).contains(&image.len())
                && image.starts_with(|c: char| c.is_ascii_alphanumeric())
                && image.bytes().all(plain);
            if !good {
                return Err(PoolError::field("image", "an image reference of at most 256 bytes"));
            }
        }
        let long = self.command.iter().any(|part| part.len() > MAX_COMMAND_PART_BYTES || part.contains('\0'));
        let sum: usize = self.command.iter().map(String::len).sum();
        if long || self.command.len() > MAX_COMMAND_PARTS || sum > MAX_COMMAND_BYTES {
            return Err(PoolError::field(
                "command",
                "at most 64 parts of at most 4096 bytes, 16384 together",
            ));
        }
        if self.array.is_some_and(|count| !(1..=ArrayPlace::MOST).contains(&count)) {
            return Err(PoolError::field("array", "a whole number of sub-tasks from 1 to 1000"));
        }
        self.limits.check().map_err(|e| {
            let field = match e.field {
                "cpu_millis" => "cpu_cores",
                "memory_bytes" => "memory_gb",
                "gpus" => "gpu_required",
                "timeout" => "timeout_seconds",
                other => other,
            };
            PoolError::field(field, e.allowed)
        })
    }
}

impl Pool {
    /// Takes a task in.
    pub(crate) async fn submit(self: &Arc<Self>, upload: NewUpload) -> Result<TaskId, PoolError> {
        let pool = self.clone();
        unbroken(async move {
            let NewUpload { owner, wish, package } = upload;
            let checked = match wish.check() {
                Ok(()) => is_zip(&package).await,
                refused => refused,
            };
            if let Err(refused) = checked {
                package.discard().await;
                return Err(refused);
            }
            let id = TaskId::new(format!("t-{}", uuid::Uuid::new_v4()))
                .map_err(|e| PoolError::Internal(e.to_string()))?;
            let task = NewTask {
                id: id.clone(),
                owner,
                name: wish.name,
                image: wish.image,
                command: wish.command,
                package_sha256: package.sha256.clone(),
                package_size: package.length,
                limits: wish.limits,
                formula: pool.config.formula,
            };
            let place = pool.files.package(&id);
            package.place(place.clone()).await?;
            let (max_open, now_ms) = (pool.config.max_open_tasks, clock::wall_ms());
            let array = wish.array;
            let inserted = pool.db.call(move |t| match array {
                Some(count) => tasks::insert_array(t, &task, count, max_open, now_ms),
                None => Ok(vec![tasks::insert(t, &task, max_open, now_ms)?]),
            });
            match inserted.await {
                Ok(waiting) => {
                    pool.live.with(|live| waiting.into_iter().for_each(|task| live.enqueue(task)));
                }
                Err(refused) => {
                    let _ = tokio::fs::remove_file(&place).await;
                    return Err(refused);
                }
            }
            tracing::info!(task_id = %id, "task handed in");
            pool.wake.notify_one();
            Ok(id)
        })
        .await
    }

    /// One task as `owner` sees it; `None` is the pool's owner.
    pub(crate) async fn task(&self, id: TaskId, owner: Option<i64>) -> Result<TaskView, PoolError> {
        self.db.call(move |t| tasks::find(t, &id, owner)).await
    }

    /// A user's tasks, newest first.
    pub(crate) async fn tasks(&self, owner: i64, limit: u32) -> Result<Vec<TaskView>, PoolError> {
        self.db.call(move |t| tasks::list(t, owner, limit)).await
    }

    /// Cancels a task for its requester. A task that has ended stays as it is.
    pub(crate) async fn cancel(self: &Arc<Self>, id: TaskId, owner: i64) -> Result<(), PoolError> {
        let asked = id.clone();
        if self.db.call(move |t| tasks::count(t, &asked)).await?.is_some() {
            return self.cancel_array(id, owner).await;
        }
        let pool = self.clone();
        unbroken(async move {
            let (by, task, now_ms) = (CancelledBy::Requester, id.clone(), clock::wall_ms());
            match pool.db.call(move |t| tasks::cancel(t, &task, Some(owner), by, now_ms)).await? {
                CancelStep::Over => {}
                CancelStep::Ended => pool.live.with(|live| live.dequeue(id.as_str())),
                CancelStep::Told(key) => pool.live.with(|live| live.ask_to_end(&key, by)),
            }
            pool.pulses.beat(&id);
            pool.part_ended(&id).await;
            Ok(())
        })
        .await
    }

    /// A worker hands an attempt back. One that it no longer holds stays as it is.
    pub(crate) async fn hand_back(
        self: &Arc<Self>,
        user: i64,
        key: TaskKey,
        reason: HandBack,
        message: String,
    ) -> Result<(), PoolError> {
        let asked = key.clone();
        let (state, _) = self.db.call(move |t| tasks::holder(t, &asked, user)).await?;
        if state != "held" {
            return Ok(());
        }
        let unable = reason == HandBack::CannotRun;
        self.live.with(|live| live.pass_over(&key, unable, clock::mono()));
        let message = plain_line(&message, hivemind_proto::limits::MAX_SENTENCE_BYTES);
        self.void(key, VoidWhy::HandedBack, message).await
    }

    /// Takes an attempt from its node.
    pub(crate) async fn void(
        self: &Arc<Self>,
        key: TaskKey,
        why: VoidWhy,
        message: String,
    ) -> Result<(), PoolError> {
        let pool = self.clone();
        unbroken(async move {
            let (asked, max, now_ms) = (key.clone(), pool.config.max_attempts, clock::wall_ms());
            let step = pool.db.call(move |t| tasks::void(t, &asked, why, &message, max, now_ms)).await?;
            let ended = step == VoidStep::Ended;
            tracing::info!(task_id = %key.task, attempt = key.attempt, ?why, ?step, "attempt taken back");
            pool.live.with(|live| {
                live.release(&key);
                if let VoidStep::Requeued(waiting) = step {
                    live.enqueue_first(waiting);
                }
            });
            pool.pulses.beat(&key.task);
            pool.files.drop_partial_results(&key).await;
            if ended {
                pool.part_ended(&key.task).await;
            }
            pool.wake.notify_one();
            Ok(())
        })
        .await
    }

    /// A node's long poll.
    pub(crate) async fn poll(
        &self,
        user: i64,
        node: NodeId,
        free: Resources,
        running: u32,
        wait: Duration,
    ) -> Result<Option<v1::Assignment>, PoolError> {
        self.check_node(&node, user)?;
        let (ticket, mut answer) =
            self.live.with(|live| live.open_poll(node.clone(), free, running, clock::mono()));
        let open = OpenPoll { pool: self, node, ticket };
        self.wake.notify_one();
        let answered = tokio::select! {
            answered = &mut answer => Some(answered),
            () = tokio::time::sleep(wait) => None,
            () = self.closing.cancelled() => None,
        };
        let answered = match answered {
            // Not answered, and none is on its way.
            None if open.close() => return Ok(None),
            None => answer.await,
            Some(answered) => answered,
        };
        match answered {
            Ok(assignment) => Ok(Some(assignment)),
            Err(_) if self.closing.is_cancelled() => Err(PoolError::Closing),
            // Dropped unanswered: a newer poll is there, the node was removed, or the task was cancelled.
            Err(_) if self.live.with(|live| live.has_poll(&open.node)) => Err(PoolError::Superseded),
            Err(_) => {
                self.check_node(&open.node, user)?;
                Ok(None)
            }
        }
    }

    /// Gives waiting tasks to waiting nodes until the pool ends.
    pub(crate) async fn dispatch(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.closing.cancelled() => return,
            }
            while let Some(matched) = self.live.with(|live| live.next_match(clock::mono())) {
                let task = matched.task.clone();
                if let Err(error) = self.assign(matched).await {
                    if matches!(error, PoolError::Closing) {
                        return;
                    }
                    tracing::error!(%error, task_id = %task.task, "a task could not be assigned");
                    self.live.with(|live| live.enqueue_first(task));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    self.wake.notify_one();
                    break;
                }
            }
        }
    }

    async fn assign(self: &Arc<Self>, matched: Match) -> Result<(), PoolError> {
        let Match { task, node, answer } = matched;
        let (asked, holder, now_ms) = (task.task.clone(), node.clone(), clock::wall_ms());
        let assigned = self.db.call(move |t| tasks::assign(t, &asked, &holder, now_ms)).await?;
        let Some(assignment) = assigned else { return Ok(()) };
        let key = assignment.key.clone();
        tracing::info!(task_id = %key.task, attempt = key.attempt, node = %node, "task assigned");
        self.live.with(|live| live.lease(key.clone(), node, clock::mono()));
        self.pulses.beat(&key.task);
        if answer.send(wire::assignment(assignment)).is_err() {
            self.void(key, VoidWhy::Lost, "The node went away before the task reached it.".into()).await?;
        }
        Ok(())
    }

    /// Removes silent nodes and takes back what they held, until the pool ends.
    pub(crate) async fn sweep(self: Arc<Self>) {
        let pause = (self.config.lease / 20).clamp(Duration::from_millis(20), Duration::from_millis(500));
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.closing.cancelled() => return,
            }
            let (gone, lost) = self.live.with(|live| live.lapsed(self.config.lease, clock::mono()));
            for id in gone {
                tracing::warn!(node = %id, "node removed: it was silent for too long");
                if let Err(error) = self.db.call(move |t| crate::nodes::deactivate(t, &id)).await {
                    tracing::error!(%error, "a removed node could not be noted");
                }
            }
            for key in lost {
                let message = "The node was silent for too long.".to_owned();
                if let Err(error) = self.void(key, VoidWhy::Lost, message).await {
                    tracing::error!(%error, "a lost attempt could not be taken back");
                }
            }
            self.pulses.sweep();
            self.sessions.drop_ended(clock::wall_ms().saturating_sub(3_600_000));
        }
    }
}

/// Closes a poll when its caller goes away.
struct OpenPoll<'a> {
    pool: &'a Pool,
    node: NodeId,
    ticket: u64,
}

impl OpenPoll<'_> {
    fn close(&self) -> bool {
        self.pool.live.with(|live| live.close_poll(&self.node, self.ticket))
    }
}

impl Drop for OpenPoll<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

async fn is_zip(package: &Received) -> Result<(), PoolError> {
    let first = package.first(4).await?;
    // A first entry, or the end record of an empty archive.
    if first == b"PK\x03\x04" || first == b"PK\x05\x06" {
        Ok(())
    } else {
        Err(PoolError::field("task_file", "a zip file"))
    }
}
