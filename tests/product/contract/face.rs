//! A pool, whichever way work comes from it: what a requester does and sees is the same.

use crate::package::zipped;
use crate::patience::{LONG, until};
use crate::requester::PASSWORD;
use crate::scene::Scene;
use crate::worker::Worker;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::Resources;
use hivemind_local_pool::nodepool::{FaceTimes, Needs, NodePoolFace, TaskStatus};
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, TaskState, User};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// Which dialect, and by which way its work comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    V1,
    Pull,
    Push,
}

impl Way {
    pub fn is_network(self) -> bool {
        self != Self::V1
    }
}

/// How a task ended, as its requester sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Well,
    Failed,
    Cancelled,
}

enum Kind {
    V1 { pool: Option<LocalPool>, config: Box<PoolConfig>, requester: User, ids: HashMap<String, String> },
    Network(Box<NodePoolFace>),
}

pub struct Face {
    pub way: Way,
    kind: Kind,
    master: String,
}

/// The network's own times, but for the look for work that can be pushed.
fn times() -> FaceTimes {
    FaceTimes { dispatch_every: Duration::from_millis(500), ..FaceTimes::default() }
}

impl Face {
    pub async fn open(scene: &Scene, way: Way) -> Self {
        Self::open_with(scene, way, times()).await
    }

    /// With other times of the network's face, and sessions of the other pool that end after 6 s.
    pub async fn open_with(scene: &Scene, way: Way, times: FaceTimes) -> Self {
        if way.is_network() {
            let face = NodePoolFace::start(times).await.expect("a face");
            face.add_user("requester", PASSWORD);
            face.add_user("owner", PASSWORD);
            let master = format!("http://{}", face.http_addr());
            return Self { way, kind: Kind::Network(Box::new(face)), master };
        }
        let mut config = PoolConfig::ephemeral(scene.path("pool"));
        config.session_ttl = Duration::from_secs(6);
        let pool = LocalPool::start(config.clone()).await.expect("a pool");
        (config.grpc_addr, config.http_addr) = (pool.grpc_addr(), pool.http_addr());
        let requester = pool.create_user("requester", PASSWORD).await.expect("a user");
        pool.create_user("owner", PASSWORD).await.expect("a user");
        let master = format!("http://{}", pool.http_addr());
        let kind = Kind::V1 { pool: Some(pool), config: Box::new(config), requester, ids: HashMap::new() };
        Self { way, kind, master }
    }

    /// A worker that waits for tasks of this pool.
    pub async fn worker<'a>(&self, scene: &'a Scene) -> Worker<'a> {
        let way = if self.way == Way::Push { "push" } else { "pull" };
        let key = match &self.kind {
            Kind::Network(face) => face.public_key_pem().replace('\n', "\\n"),
            Kind::V1 { .. } => String::new(),
        };
        let settings = [("nodepool_work", way), ("nodepool_port", "0"), ("nodepool_key", &key)];
        let worker = Worker::open_set(scene, "worker", &self.master, &["run"], &[], &settings).await;
        worker.sign_in("owner", PASSWORD).await.ok();
        worker.call(&["start"]).await.ok();
        let ready = worker.wait_for_state("ready").await;
        if self.way.is_network() {
            assert_eq!(ready["pool"]["dialect"], "nodepool", "found out by itself");
            let standing = until("the standing is known", LONG, async || {
                let standing = worker.snapshot().await["pool"]["standing"].clone();
                (!standing.is_null()).then_some(standing)
            })
            .await;
            assert_eq!(standing["reach"], way, "{standing}");
        }
        worker
    }

    pub fn network(&self) -> &NodePoolFace {
        match &self.kind {
            Kind::Network(face) => face,
            Kind::V1 { .. } => panic!("this is a pool of hivemind.v1"),
        }
    }

    /// Hands a program in as `main.py`.
    pub async fn hand_in(&mut self, id: &str, program: &str) {
        self.hand_in_files(id, &[("main.py", program)]).await;
    }

    pub async fn hand_in_files(&mut self, id: &str, files: &[(&str, &str)]) {
        let package = zipped(files);
        match &mut self.kind {
            Kind::Network(face) => {
                let magnet = face.offer(&format!("{id}.zip"), &package);
                let needs = Needs {
                    memory_mb: 128,
                    storage_total_gb: 1,
                    storage_available_gb: 1,
                    ..Needs::default()
                };
                face.submit("requester", id, &magnet, needs, 100);
            }
            Kind::V1 { pool, requester, ids, .. } => {
                let resources = Resources { cpu_millis: 500, memory_bytes: 128 << 20, gpus: 0 };
                let limits = TaskLimits { resources, ..TaskLimits::default() };
                let request = TaskRequest { limits, ..TaskRequest::named(id) };
                let pool = pool.as_ref().expect("it runs");
                let own = pool.submit(requester, request, &package[..]).await.expect("handed in");
                ids.insert(id.to_owned(), own);
            }
        }
    }

    /// The pool's id of a task.
    pub fn id(&self, id: &str) -> String {
        match &self.kind {
            Kind::Network(_) => id.to_owned(),
            Kind::V1 { ids, .. } => ids[id].clone(),
        }
    }

    fn pool(&self) -> &LocalPool {
        match &self.kind {
            Kind::V1 { pool, .. } => pool.as_ref().expect("it runs"),
            Kind::Network(_) => panic!("this is a pool of the live network"),
        }
    }

    /// What the task has printed so far.
    pub async fn printed(&self, id: &str) -> String {
        match &self.kind {
            Kind::Network(face) => face.task(id).and_then(|task| task.output).unwrap_or_default(),
            Kind::V1 { .. } => {
                let lines = self.pool().log(&self.id(id)).await.expect("a log");
                let own = lines.iter().filter(|line| line.stream == "stdout");
                own.map(|line| format!("{}\n", line.text)).collect()
            }
        }
    }

    pub async fn runs(&self, id: &str) {
        until(&format!("{id} runs"), LONG, async || self.printed(id).await.contains("begins").then_some(()))
            .await;
    }

    pub async fn state(&self, id: &str) -> Option<Ended> {
        match &self.kind {
            Kind::Network(face) => match face.task(id).expect("a task").status {
                TaskStatus::Completed => Some(Ended::Well),
                TaskStatus::Failed => Some(Ended::Failed),
                TaskStatus::Cancelled => Some(Ended::Cancelled),
                TaskStatus::Pending | TaskStatus::Assigned => None,
            },
            Kind::V1 { .. } => match self.pool().task(&self.id(id)).await.expect("a task").state {
                TaskState::Succeeded => Some(Ended::Well),
                TaskState::Failed | TaskState::TimedOut => Some(Ended::Failed),
                TaskState::Cancelled => Some(Ended::Cancelled),
                TaskState::Queued | TaskState::Running => None,
            },
        }
    }

    pub async fn ended(&self, id: &str) -> Ended {
        self.ended_within(id, LONG).await
    }

    pub async fn ended_within(&self, id: &str, limit: Duration) -> Ended {
        until(&format!("{id} has ended"), limit, async || self.state(id).await).await
    }

    /// CPT that the worker's owner was paid for this task.
    pub async fn paid(&self, id: &str) -> i64 {
        match &self.kind {
            Kind::Network(face) => face.earned_with("owner", id),
            Kind::V1 { .. } => {
                let task = self.pool().task(&self.id(id)).await.expect("a task");
                i64::try_from(task.credited_cpt).expect("a sum")
            }
        }
    }

    /// Whether somebody without a CPT may hand a task in.
    pub async fn turns_the_poor_away(&self) -> bool {
        let Kind::V1 { requester, .. } = &self.kind else { return false };
        let all = self.pool().balance(requester).await.expect("a balance").available;
        self.pool().transfer(requester, "owner", all).await.expect("spent");
        let request = TaskRequest::named("poor");
        self.pool().submit(requester, request, &zipped(&[("main.py", "")])[..]).await.is_err()
    }

    /// How often it was given out.
    pub async fn attempts(&self, id: &str) -> u32 {
        match &self.kind {
            Kind::Network(face) => face.task(id).expect("a task").assignments,
            Kind::V1 { .. } => self.pool().task(&self.id(id)).await.expect("a task").attempt,
        }
    }

    pub async fn cancel(&self, id: &str) {
        match &self.kind {
            Kind::Network(face) => face.cancel(id),
            Kind::V1 { requester, .. } => {
                self.pool().cancel(requester, &self.id(id)).await.expect("cancelled");
            }
        }
    }

    pub async fn stop(&mut self) {
        match &mut self.kind {
            Kind::Network(face) => face.close().await,
            Kind::V1 { pool, .. } => pool.take().expect("it runs").shutdown().await,
        }
    }

    pub async fn start(&mut self) {
        match &mut self.kind {
            Kind::Network(face) => face.open().await.expect("its port"),
            Kind::V1 { pool, config, .. } => {
                *pool = Some(LocalPool::start((**config).clone()).await.expect("its ports"));
            }
        }
    }

    /// Every session is over. The other pool's end by themselves within 6 s.
    pub async fn end_sessions(&self) {
        match &self.kind {
            Kind::Network(face) => face.end_sessions(),
            Kind::V1 { .. } => tokio::time::sleep(Duration::from_secs(7)).await,
        }
    }

    /// Nobody has any package any more.
    pub fn lose_packages(&self) {
        match &self.kind {
            Kind::Network(face) => face.forget_packages(),
            Kind::V1 { config, .. } => {
                let packages = std::fs::read_dir(config.data_dir.join("packages")).expect("a folder");
                for package in packages.flatten() {
                    std::fs::remove_file(package.path()).expect("removed");
                }
            }
        }
    }

    /// What the computer lost of its trust.
    pub fn trust_lost(&self) -> i64 {
        match &self.kind {
            Kind::Network(face) => face.workers()[0].failed,
            Kind::V1 { .. } => 0,
        }
    }

    /// What the worker tells its owner about the task.
    pub async fn told(&self, worker: &Worker<'_>, id: &str) -> Value {
        let id = self.id(id);
        until(&format!("the worker is done with {id}"), LONG, async || {
            let attempts = worker.attempts(&id).await;
            attempts.into_iter().find(|view| !view["closed_at_ms"].is_null())
        })
        .await
    }

    pub async fn close(self, mut worker: Worker<'_>) {
        worker.wait_until_clean().await;
        worker.end().await;
    }
}
