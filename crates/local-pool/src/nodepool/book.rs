//! What the face knows: users, workers, tasks, ledger.

use super::push::{Push, Stop};
use super::session::Session;
use super::task::{FaceTask, TaskStatus};
use super::times::FaceTimes;
use super::worker::{Worker, WorkerView};
use hivemind_proto::nodepool::{ExecuteTaskRequest, ProviderEarning, ResourceSpec, ResourceUsage};
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;

/// Most waiting tasks that are looked at at once.
const MOST_PUSHED: usize = 100;

#[derive(Debug)]
pub(super) struct User {
    password: String,
    pub(super) balance: i64,
}

#[derive(Debug)]
pub(super) struct Book {
    pub(super) times: FaceTimes,
    pub(super) users: HashMap<String, User>,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) workers: HashMap<String, Worker>,
    pub(super) tasks: BTreeMap<String, FaceTask>,
    /// By the user whose it is, and when it was written. What a removed worker did is nobody's.
    pub(super) ledger: Vec<(Option<String>, Instant, ProviderEarning)>,
    /// What the pool kept for itself.
    pub(super) fees: i64,
}

/// The words of the real one.
pub(super) const NOT_ASSIGNED: &str = "task is not assigned to this worker or is no longer active";

impl Book {
    pub(super) fn new(times: FaceTimes) -> Self {
        Self {
            times,
            users: HashMap::new(),
            sessions: HashMap::new(),
            workers: HashMap::new(),
            tasks: BTreeMap::new(),
            ledger: Vec::new(),
            fees: 0,
        }
    }

    pub(super) fn add_user(&mut self, name: &str, password: &str) {
        self.users.insert(name.to_owned(), User { password: password.to_owned(), balance: 1000 });
    }

    pub(super) fn set_balance(&mut self, name: &str, cpt: i64) {
        if let Some(user) = self.users.get_mut(name) {
            user.balance = cpt;
        }
    }

    pub(super) fn balance(&self, name: &str) -> i64 {
        self.users.get(name).map_or(0, |user| user.balance)
    }

    pub(super) fn earnings(&self, name: &str) -> Vec<ProviderEarning> {
        let told = |at: &Instant| at.elapsed() >= self.times.ledger_after;
        let own = self.ledger.iter().filter(|(user, at, _)| user.as_deref() == Some(name) && told(at));
        own.rev().map(|(_, _, entry)| entry.clone()).collect()
    }

    pub(super) fn knows(&self, name: &str, password: &str) -> bool {
        self.users.get(name).is_some_and(|user| user.password == password)
    }

    pub(super) fn submit(&mut self, id: &str, task: FaceTask) {
        self.tasks.insert(id.to_owned(), task);
    }

    /// The worker that it was pushed to is told; one that it was taken back from is not.
    pub(super) fn cancel(&mut self, id: &str) -> Option<Stop> {
        let open = |task: &&mut FaceTask| matches!(task.status, TaskStatus::Pending | TaskStatus::Assigned);
        let task = self.tasks.get_mut(id).filter(open)?;
        task.status = TaskStatus::Cancelled;
        let (address, worker) = (task.pushed_to.clone()?, task.worker.clone()?);
        task.stops += 1;
        Some(Stop { worker, address, owner: task.owner.clone(), task: id.to_owned() })
    }

    pub(super) fn views(&self) -> Vec<WorkerView> {
        self.workers.values().map(|worker| worker.view.clone()).collect()
    }

    pub(super) fn set_trust(&mut self, worker: &str, score: i64, banned: bool) {
        if let Some(worker) = self.workers.get_mut(worker) {
            (worker.view.score, worker.view.banned) = (score, banned);
        }
    }

    /// Upsert; provider settings and trust stay.
    pub(super) fn register(
        &mut self,
        owner: &str,
        id: &str,
        ip: &str,
        resources: ResourceSpec,
    ) -> Result<(), &'static str> {
        let worker = self.workers.entry(id.to_owned()).or_insert_with(|| Worker::new(owner, id));
        if worker.owner != owner {
            return Err("Worker is owned by another user");
        }
        worker.heard = Instant::now();
        worker.view.status = "ACTIVE".to_owned();
        worker.view.ip = ip.to_owned();
        worker.view.resources = resources;
        Ok(())
    }

    pub(super) fn status(&mut self, worker: &str, status: &str, usage: ResourceUsage) {
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.heard = Instant::now();
            worker.view.status = status.to_uppercase();
            worker.view.usage = usage;
        }
    }

    /// The oldest waiting tasks.
    fn waiting(&self) -> Vec<String> {
        let waiting = self.tasks.iter().filter(|(_, task)| task.status == TaskStatus::Pending);
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_by_key(|(_, task)| task.handed_in);
        waiting.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// The oldest waiting tasks; nothing but trust is looked at.
    pub(super) fn pull(&mut self, worker: &str, most: usize) -> Vec<(String, FaceTask)> {
        if !self.workers.get(worker).is_some_and(Worker::trusted) {
            return Vec::new();
        }
        let mut given = Vec::new();
        for id in self.waiting().into_iter().take(most) {
            if let Some(task) = self.tasks.get_mut(&id) {
                task.give(worker, None);
                given.push((id, task.clone()));
            }
        }
        given
    }

    /// What is pushed now. How much a worker has already is not looked at.
    pub(super) fn dispatch(&mut self) -> Vec<Push> {
        let waiting = self.waiting().into_iter().take(MOST_PUSHED);
        waiting.filter_map(|id| self.dispatch_one(&id)).collect()
    }

    /// Gives one waiting task to the best worker that it fits.
    pub(super) fn dispatch_one(&mut self, id: &str) -> Option<Push> {
        let task = self.tasks.get_mut(id).filter(|task| task.status == TaskStatus::Pending)?;
        let fitting = self.workers.values().filter(|worker| worker.fits(task));
        let worker = &fitting.min_by(|one, other| one.before(other))?.view;
        task.give(&worker.id, Some(&worker.ip));
        let resource_limits = Some(ResourceSpec {
            cpu_cores: 0,
            gpu_count: 0,
            gpu_name: String::new(),
            storage_available_gb: task.needs.storage_total_gb,
            ..task.needs.clone()
        });
        let request = ExecuteTaskRequest {
            task_id: id.to_owned(),
            torrent: task.reference.clone(),
            resource_limits,
            runtime: task.runtime.clone(),
            task_source: task.source.clone(),
            token: String::new(),
        };
        let (worker, address) = (worker.id.clone(), worker.ip.clone());
        Some(Push { worker, address, owner: task.owner.clone(), request })
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        let stale = self.times.stale_after;
        for worker in self.workers.values_mut() {
            if now.saturating_duration_since(worker.heard) > stale {
                worker.view.status = "OFFLINE".to_owned();
            }
        }
        let lost = |task: &FaceTask| {
            task.status == TaskStatus::Assigned && now.saturating_duration_since(task.last) > stale
        };
        let lost: Vec<_> =
            self.tasks.iter().filter(|(_, task)| lost(task)).map(|(id, _)| id.clone()).collect();
        for id in lost {
            self.reset(&id);
        }
    }

    pub(super) fn reset(&mut self, id: &str) {
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.status == TaskStatus::Assigned) else {
            return;
        };
        if task.retries < 2 {
            task.take_back();
            return;
        }
        task.status = TaskStatus::Failed;
        task.pushed_to = None;
        if let Some(worker) = task.worker.take().and_then(|worker| self.workers.get_mut(&worker)) {
            worker.failed();
        }
    }
}
