//! What the face knows: users, workers, tasks, ledger.

use hivemind_proto::nodepool::{
    ExecutionMetrics, ProviderEarning, ProviderWorkerSettings, ResourceSpec, ResourceUsage,
};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// The network's own times, or shorter ones for tests.
#[derive(Debug, Clone, Copy)]
pub struct FaceTimes {
    /// Between two looks for work that can be pushed.
    pub dispatch_every: Duration,
    /// A task, or a worker, of which nothing was heard for so long is taken for lost.
    pub stale_after: Duration,
    /// Between two looks for these.
    pub sweep_every: Duration,
    /// Life of a token.
    pub token_for: Duration,
    /// From a completion to its entry in what the ledger tells.
    pub ledger_after: Duration,
}

impl Default for FaceTimes {
    fn default() -> Self {
        Self {
            dispatch_every: Duration::from_secs(5),
            stale_after: Duration::from_secs(30),
            sweep_every: Duration::from_secs(10),
            token_for: Duration::from_secs(86_400),
            ledger_after: Duration::ZERO,
        }
    }
}

/// Where a task is. The network knows RUNNING too, and never uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waits.
    Pending,
    /// Given to a worker.
    Assigned,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
    /// Cancelled by its owner.
    Cancelled,
}

/// A task.
#[derive(Debug, Clone)]
pub struct FaceTask {
    /// Who pays.
    pub owner: String,
    /// Where its package is.
    pub reference: String,
    /// What it needs.
    pub needs: ResourceSpec,
    /// Its price.
    pub max_cpt: i64,
    /// Where it is.
    pub status: TaskStatus,
    /// Whose it is.
    pub worker: Option<String>,
    /// How often it was taken back.
    pub retries: u32,
    /// How often it was given out.
    pub assignments: u32,
    /// What it printed, or why it failed.
    pub output: Option<String>,
    /// What its worker measured.
    pub metrics: Option<ExecutionMetrics>,
    /// Reports about its use.
    pub reports: u32,
    /// Longest time between two words about it.
    pub longest_silence: Duration,
    handed_in: Instant,
    last: Instant,
}

/// A worker.
#[derive(Debug, Clone)]
pub struct WorkerView {
    /// Its id.
    pub id: String,
    /// Its last word about itself.
    pub status: String,
    /// Where it would be dialled.
    pub ip: String,
    /// What it has.
    pub resources: ResourceSpec,
    /// How busy it is.
    pub usage: ResourceUsage,
    /// Whether it may be dialled.
    pub enabled: bool,
    /// Its trust.
    pub score: i64,
    /// Whether it is banned.
    pub banned: bool,
    /// Tasks done.
    pub successful: i64,
    /// Tasks failed.
    pub failed: i64,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) owner: String,
    pub(super) settings: ProviderWorkerSettings,
    pub(super) view: WorkerView,
    heard: Instant,
}

impl Worker {
    fn trusted(&self) -> bool {
        self.view.score >= 20 && !self.view.banned
    }

    fn succeeded(&mut self) {
        self.view.score = (self.view.score + 1).min(1000);
        self.view.successful += 1;
    }

    fn failed(&mut self) {
        self.view.score = (self.view.score - 5).max(0);
        self.view.failed += 1;
    }
}

#[derive(Debug)]
struct User {
    password: String,
    balance: i64,
}

#[derive(Debug)]
pub(super) struct Book {
    times: FaceTimes,
    users: HashMap<String, User>,
    pub(super) tokens: HashMap<String, (String, Instant)>,
    pub(super) workers: HashMap<String, Worker>,
    pub(super) tasks: BTreeMap<String, FaceTask>,
    /// By user, and when it was written.
    ledger: Vec<(String, Instant, ProviderEarning)>,
}

/// The words of the real one.
pub(super) const NOT_ASSIGNED: &str = "task is not assigned to this worker or is no longer active";

impl Book {
    pub(super) fn new(times: FaceTimes) -> Self {
        Self {
            times,
            users: HashMap::new(),
            tokens: HashMap::new(),
            workers: HashMap::new(),
            tasks: BTreeMap::new(),
            ledger: Vec::new(),
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
        let own = self.ledger.iter().filter(|(user, at, _)| user == name && told(at));
        own.rev().map(|(_, _, entry)| entry.clone()).collect()
    }

    pub(super) fn login(&mut self, name: &str, password: &str) -> Option<String> {
        self.users.get(name).filter(|user| user.password == password)?;
        let token = token(name, self.times.token_for);
        self.tokens.insert(token.clone(), (name.to_owned(), Instant::now() + self.times.token_for));
        Some(token)
    }

    pub(super) fn user(&self, token: &str) -> Option<String> {
        let (user, until) = self.tokens.get(token)?;
        (Instant::now() < *until).then(|| user.clone())
    }

    pub(super) fn submit(
        &mut self,
        owner: &str,
        id: &str,
        reference: &str,
        needs: ResourceSpec,
        max_cpt: i64,
    ) {
        let task = FaceTask {
            owner: owner.to_owned(),
            reference: reference.to_owned(),
            needs,
            max_cpt,
            status: TaskStatus::Pending,
            worker: None,
            retries: 0,
            assignments: 0,
            output: None,
            metrics: None,
            reports: 0,
            longest_silence: Duration::ZERO,
            handed_in: Instant::now(),
            last: Instant::now(),
        };
        self.tasks.insert(id.to_owned(), task);
    }

    pub(super) fn cancel(&mut self, id: &str) {
        if let Some(task) = self.tasks.get_mut(id) {
            task.status = TaskStatus::Cancelled;
        }
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
        let fresh = || Worker {
            owner: owner.to_owned(),
            settings: ProviderWorkerSettings { enabled: true, ..ProviderWorkerSettings::default() },
            heard: Instant::now(),
            view: WorkerView {
                id: id.to_owned(),
                status: String::new(),
                ip: String::new(),
                resources: ResourceSpec::default(),
                usage: ResourceUsage::default(),
                enabled: true,
                score: 100,
                banned: false,
                successful: 0,
                failed: 0,
            },
        };
        let worker = self.workers.entry(id.to_owned()).or_insert_with(fresh);
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

    fn assign(task: &mut FaceTask, worker: &str) {
        task.status = TaskStatus::Assigned;
        task.worker = Some(worker.to_owned());
        task.assignments += 1;
        task.last = Instant::now();
    }

    /// The oldest waiting tasks; nothing but trust is looked at.
    pub(super) fn pull(&mut self, worker: &str, most: usize) -> Vec<(String, FaceTask)> {
        if !self.workers.get(worker).is_some_and(Worker::trusted) {
            return Vec::new();
        }
        let waiting = self.tasks.iter_mut().filter(|(_, task)| task.status == TaskStatus::Pending);
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_by_key(|(_, task)| task.handed_in);
        let waiting = waiting.into_iter();
        let given = waiting.take(most).map(|(id, task)| {
            Self::assign(task, worker);
            (id.clone(), task.clone())
        });
        given.collect()
    }

    /// Work goes to a computer that may be dialled. Nobody is ever reached here: the task stays with it.
    pub(super) fn dispatch(&mut self, _: Instant) {
        for task in self.tasks.values_mut().filter(|task| task.status == TaskStatus::Pending).take(100) {
            let fits = |worker: &&Worker| {
                worker.settings.enabled
                    && worker.trusted()
                    && matches!(worker.view.status.as_str(), "ACTIVE" | "IDLE" | "BUSY")
                    && worker.view.resources.memory_mb / 1024 >= task.needs.memory_mb / 1024
                    && worker.view.resources.memory_mb > 0
            };
            if let Some(worker) = self.workers.values().find(fits) {
                Self::assign(task, &worker.view.id);
            }
        }
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
        let worker = task.worker.take();
        if task.retries >= 2 {
            task.status = TaskStatus::Failed;
            if let Some(worker) = worker.and_then(|worker| self.workers.get_mut(&worker)) {
                worker.failed();
            }
            return;
        }
        task.status = TaskStatus::Pending;
        task.retries += 1;
    }

    fn own(&mut self, worker: &str, id: &str) -> Result<&mut FaceTask, &'static str> {
        let task = self
            .tasks
            .get_mut(id)
            .filter(|task| task.status == TaskStatus::Assigned && task.worker.as_deref() == Some(worker));
        task.ok_or(NOT_ASSIGNED)
    }

    fn heard(task: &mut FaceTask) {
        task.longest_silence = task.longest_silence.max(task.last.elapsed());
        task.last = Instant::now();
    }

    pub(super) fn used(&mut self, worker: &str, id: &str) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        Self::heard(task);
        task.reports += 1;
        Ok(())
    }

    pub(super) fn output(&mut self, worker: &str, id: &str, output: String) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        if output.len() > 1 << 20 {
            return Err("output is too large");
        }
        if output.contains('\0') {
            return Err("invalid byte sequence for encoding \"UTF8\": 0x00");
        }
        Self::heard(task);
        task.output = Some(output);
        Ok(())
    }

    /// Pay moves at once or never; a balance gains nothing by it.
    pub(super) fn complete(
        &mut self,
        worker: &str,
        id: &str,
        status: &str,
        metrics: Option<ExecutionMetrics>,
    ) -> Result<(), &'static str> {
        let task = self.own(worker, id)?;
        Self::heard(task);
        task.metrics = metrics;
        let (payer, price) = (task.owner.clone(), task.max_cpt);
        let good = status == "COMPLETED";
        task.status = if good { TaskStatus::Completed } else { TaskStatus::Failed };
        if !good && task.output.is_none() {
            task.output = Some(format!("Batch task ended with status {status}"));
        }
        let Some(row) = self.workers.get_mut(worker) else { return Err("Worker not found") };
        if !good {
            row.failed();
            return Ok(());
        }
        row.succeeded();
        let provider = row.owner.clone();
        if let Some(user) = self.users.get_mut(&payer).filter(|user| user.balance >= price) {
            user.balance -= price;
            let entry = ProviderEarning {
                task_id: id.to_owned(),
                payer_user: payer,
                provider_worker_id: worker.to_owned(),
                amount_cpt: price - price / 10,
                status: "settled".to_owned(),
                created_at: String::new(),
            };
            self.ledger.push((provider, Instant::now(), entry));
        }
        Ok(())
    }
}

/// In the form of the real one; what proves it is that it is known here.
fn token(name: &str, length: Duration) -> String {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = serde_json::json!({ "sub": name, "iat": 0, "exp": length.as_secs() });
    let (head, proof) = ("{\"typ\":\"JWT\",\"alg\":\"HS256\"}", uuid::Uuid::new_v4().to_string());
    format!("{}.{}.{}", encode(head), encode(&claims.to_string()), encode(&proof))
}
