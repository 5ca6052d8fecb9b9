//! A whole world for a worker.

use crate::{
    FakeClock, FakeDesktop, FakeEngine, FakeHost, FakePool, FakeSenses, FakeSettings, MemoryBook,
    MemoryDebug, MemoryJournal, MemoryLogs, MemorySecrets, MemoryTrend,
};
use hivemind_control::{Control, Snapshot};
use hivemind_domain::ids::InstallId;
use hivemind_worker_core::core::Suspects;
use hivemind_worker_core::port::{Journal, LogArchive, SettingsStore, Spool};
use hivemind_worker_core::{Ports, Worker};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Virtual time after which a wait counts as failed.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Everything around a worker. Outlives workers and their runtimes.
pub struct World {
    /// Time.
    pub clock: Arc<FakeClock>,
    /// The pool.
    pub pool: Arc<FakePool>,
    /// The container engine.
    pub engine: Arc<FakeEngine>,
    /// This computer.
    pub host: Arc<FakeHost>,
    /// What it notices.
    pub senses: Arc<FakeSenses>,
    /// Attempts.
    pub journal: Arc<MemoryJournal>,
    /// Their output.
    pub logs: Arc<MemoryLogs>,
    /// The book of seconds.
    pub book: Arc<MemoryBook>,
    /// The computer's use over days.
    pub trend: Arc<MemoryTrend>,
    /// What is kept of failed attempts.
    pub debug: Arc<MemoryDebug>,
    /// Tokens.
    pub secrets: Arc<MemorySecrets>,
    /// Settings.
    pub settings: Arc<FakeSettings>,
    /// The program around the worker.
    pub desktop: Arc<FakeDesktop>,
    /// Files of attempts.
    pub spool: Spool,
    _folder: TempDir,
}

impl Default for World {
    fn default() -> Self {
        Self::new(FakeClock::default(), MemoryLogs::default())
    }
}

impl World {
    /// A world whose owner has signed in before.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new(clock: FakeClock, logs: MemoryLogs) -> Self {
        let world = Self::signed_out(clock, logs);
        world.secrets.put(&world.pool_url(), &world.pool.issue());
        world
    }

    /// A world nobody has signed in to.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn signed_out(clock: FakeClock, logs: MemoryLogs) -> Self {
        let clock = Arc::new(clock);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let install = InstallId::new("install-1").expect("an id");
        Self {
            pool: Arc::new(FakePool::new(Arc::clone(&clock))),
            engine: Arc::new(FakeEngine::new(Arc::clone(&clock))),
            host: Arc::new(FakeHost::new(Arc::clone(&clock))),
            senses: Arc::new(FakeSenses::new(Arc::clone(&clock))),
            journal: Arc::new(MemoryJournal::new(Arc::clone(&clock))),
            logs: Arc::new(logs),
            book: Arc::default(),
            trend: Arc::default(),
            debug: Arc::new(MemoryDebug::new(Arc::clone(&clock))),
            secrets: Arc::default(),
            settings: Arc::default(),
            desktop: Arc::default(),
            spool: Spool { folder: folder.path().to_path_buf(), install },
            clock,
            _folder: folder,
        }
    }

    /// The pool's address, under which tokens are kept.
    #[must_use]
    pub fn pool_url(&self) -> String {
        self.settings.current().text("master_url").to_owned()
    }

    /// Ports of this world.
    #[must_use]
    pub fn ports(&self) -> Ports {
        Ports {
            clock: self.clock.clone(),
            began: tokio::time::Instant::now(),
            pool: self.pool.clone(),
            private_link: None,
            engine: self.engine.clone(),
            host: self.host.clone(),
            senses: self.senses.clone(),
            journal: Arc::clone(&self.journal) as Arc<dyn Journal>,
            logs: Arc::clone(&self.logs) as Arc<dyn LogArchive>,
            book: self.book.clone(),
            trend: self.trend.clone(),
            debug: self.debug.clone(),
            secrets: self.secrets.clone(),
            settings: self.settings.clone(),
            spool: self.spool.clone(),
            desktop: self.desktop.clone(),
            zone: hivemind_worker_core::port::Zone::Fixed(jiff::tz::TimeZone::UTC),
            version: "0.0.0-test",
            found: Vec::new(),
            suspects: Suspects::default(),
        }
    }

    /// Starts a worker here.
    ///
    /// # Panics
    /// When the journal cannot be read.
    pub async fn start(&self) -> Worker {
        Worker::start(self.ports()).await.expect("a journal that can be read")
    }

    /// Runs `body` with a worker on a runtime with paused time, which the clock follows. Afterwards the runtime and
    /// everything on it is thrown away at once, as a killed process is.
    ///
    /// # Panics
    /// When no runtime can be made.
    pub fn live<T>(&self, body: impl AsyncFnOnce(&Worker) -> T) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
        let done = runtime.block_on(async {
            self.clock.follow();
            let worker = self.start().await;
            let done = body(&worker).await;
            self.clock.stand_still();
            done
        });
        runtime.shutdown_background();
        done
    }

    /// Waits until the published state is as wanted.
    ///
    /// # Panics
    /// When that takes more than 20 minutes of virtual time; says what was waited for and how things stand.
    pub async fn until(&self, worker: &Worker, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let waiting = async {
            loop {
                let snapshot = snapshot(worker).await;
                if wanted(&snapshot) {
                    return snapshot;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(snapshot) => snapshot,
            Err(_) => panic!("waited in vain: {what}; the state is {:#?}", snapshot(worker).await),
        }
    }

    /// Waits until something in this world is as wanted.
    ///
    /// # Panics
    /// When that takes more than 20 minutes of virtual time.
    pub async fn when(&self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !wanted(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain: {what}");
    }

    /// Lets time go by.
    pub async fn pass(&self, seconds: f64) {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    }
}

async fn snapshot(worker: &Worker) -> Snapshot {
    worker.control.snapshot(()).await.expect("a snapshot")
}
