//! The practice task: a pool and a worker of their own, in a folder that is gone afterwards, on the same container
//! engine. It needs no account, and nothing of it is counted as earned.

use crate::demo::{sample, wait_for_engine};
use crate::process::{Mode, Running};
use anyhow::Context;
use hivemind_control::{
    ApiError, ErrorCode, Event, LoginRequest, PracticeStage, PracticeView, TaskRef, TaskView,
};
use hivemind_domain::text::plain_line;
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, TaskState, User};
use hivemind_store::{DataFolder, FileSettings};
use hivemind_worker_core::core::Suspects;
use hivemind_worker_core::port::Clock;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Primes below this are counted: some seconds of work on any computer.
const PRIMES_BELOW: u64 = 400_000_000;
/// Longest wait for the task; an image may have to be pulled first.
const PATIENCE: Duration = Duration::from_secs(900);
/// Longest wait for the pay.
const PAY_PATIENCE: Duration = Duration::from_secs(20);
/// Lines that are shown.
const LINES: usize = 8;

/// Where the settings come from: the practice worker uses the owner's engine and image.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) config: PathBuf,
    pub(crate) flags: Vec<(String, String)>,
}

/// The practice task of one worker.
pub(crate) struct Practice {
    state: Arc<Mutex<PracticeView>>,
    clock: Arc<dyn Clock>,
    begin: mpsc::Sender<()>,
}

fn lock(state: &Mutex<PracticeView>) -> MutexGuard<'_, PracticeView> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn under_way(view: &PracticeView) -> bool {
    !matches!(view.stage, PracticeStage::Idle | PracticeStage::Done | PracticeStage::Failed)
}

impl Practice {
    /// Waits for wishes until `shutdown`; the future has to be polled, and ends when everything is cleared away.
    pub(crate) fn new(
        origin: Origin,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let state = Arc::new(Mutex::new(PracticeView::default()));
        let (begin, mut wishes) = mpsc::channel(1);
        let progress = Progress { state: Arc::clone(&state), clock: Arc::clone(&clock) };
        let serve = async move {
            loop {
                tokio::select! {
                    wish = wishes.recv() => if wish.is_none() { return },
                    () = shutdown.cancelled() => return,
                }
                let outcome = run(&origin, &progress, &shutdown).await;
                progress.end(outcome);
            }
        };
        (Self { state, clock, begin }, serve)
    }

    pub(crate) fn view(&self) -> PracticeView {
        lock(&self.state).clone()
    }

    pub(crate) fn begin(&self) -> Result<PracticeView, ApiError> {
        let mut view = lock(&self.state);
        if !under_way(&view) {
            let ended = |_| ApiError::new(ErrorCode::WorkerNotRunning, "the worker is ending");
            self.begin.try_send(()).map_err(ended)?;
            *view = PracticeView {
                stage: PracticeStage::Pool,
                began_at_ms: Some(self.clock.now().wall.0),
                ..PracticeView::default()
            };
        }
        Ok(view.clone())
    }
}

struct Progress {
    state: Arc<Mutex<PracticeView>>,
    clock: Arc<dyn Clock>,
}

impl Progress {
    fn stage(&self, stage: PracticeStage) {
        lock(&self.state).stage = stage;
    }

    fn line(&self, text: String) {
        let mut view = lock(&self.state);
        view.lines.push(text);
        let over = view.lines.len().saturating_sub(LINES);
        view.lines.drain(..over);
    }

    fn end(&self, outcome: anyhow::Result<TaskView>) {
        let mut view = lock(&self.state);
        view.ended_at_ms = Some(self.clock.now().wall.0);
        match outcome {
            Ok(task) => {
                view.stage = PracticeStage::Done;
                view.credited_cpt = task.credited_cpt;
                // A short task ends before its use was read; it had no more than what it was granted.
                let granted = task.active_ms * u64::from(task.cpu_millis) / 1000;
                let read = task.report.as_ref().map_or(0, |report| report.cpu_ms);
                view.cpu_ms = if read > 0 { read } else { granted };
                view.peak_memory_bytes = task.peak_memory_bytes;
            }
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "the practice task did not work out");
                view.stage = PracticeStage::Failed;
                let known = error.chain().find_map(|cause| cause.downcast_ref::<ApiError>()).cloned();
                let other = || ApiError::new(ErrorCode::Internal, plain_line(&format!("{error:#}"), 500));
                view.problem = Some(known.unwrap_or_else(other));
            }
        }
    }
}

struct Stage {
    pool: LocalPool,
    worker: Running,
    requester: User,
}

async fn run(origin: &Origin, progress: &Progress, shutdown: &CancellationToken) -> anyhow::Result<TaskView> {
    let temporary = tempfile::Builder::new().prefix("hivemind-practice-").tempdir()?;
    let mut config = PoolConfig::new(temporary.path().join("pool"));
    config.status_interval = Duration::from_secs(2);
    config.grpc_addr.set_port(0);
    config.http_addr.set_port(0);
    let pool = LocalPool::start(config).await.context("the practice pool cannot be started")?;
    let secret = hex::encode(rand::random::<[u8; 16]>());
    let requester = pool.create_user("practice-requester", &secret).await?;
    pool.create_user("practice-contributor", &secret).await?;
    let mut flags = origin.flags.clone();
    let overrides = [
        ("master_url", format!("http://{}", pool.http_addr())),
        ("pool_address", String::new()),
        ("pool_certificate_sha256", String::new()),
        ("pool_dialect", "v1".to_owned()),
        ("monitor_port", "0".to_owned()),
        ("private_link", "off".to_owned()),
        ("schedule", String::new()),
        ("busy_percent", "0".to_owned()),
        ("network_hours", String::new()),
        ("network_quota_day", String::new()),
        ("network_quota_month", String::new()),
        ("keep_disk_free", "64m".to_owned()),
        ("resource_report_interval", "2".to_owned()),
    ];
    flags.retain(|(key, _)| !overrides.iter().any(|(ours, _)| ours == key));
    flags.extend(overrides.map(|(key, value)| (key.to_owned(), value)));
    let settings = FileSettings::load(&origin.config, |name| std::env::var(name).ok(), &flags)?;
    let folder = DataFolder::open(Some(&temporary.path().join("worker")))?;
    progress.stage(PracticeStage::Engine);
    let mode = Mode {
        tray: false,
        open: false,
        keyring: false,
        data: None,
        practice: None,
        began: tokio::time::Instant::now(),
        suspects: Suspects::default(),
    };
    // Boxed: a worker that holds a practice that holds a worker has no size otherwise.
    let worker = Box::pin(Running::start(&folder, settings, &mode, None)).await?;
    let stage = Stage { pool, worker, requester };
    let outcome = tokio::select! {
        outcome = work(&stage, secret, progress) => outcome,
        () = shutdown.cancelled() => Err(anyhow::anyhow!("the worker is ending")),
    };
    Box::pin(stage.worker.stop()).await;
    stage.pool.shutdown().await;
    outcome
}

async fn work(stage: &Stage, secret: String, progress: &Progress) -> anyhow::Result<TaskView> {
    let control = &stage.worker.control;
    wait_for_engine(&stage.worker).await?;
    progress.stage(PracticeStage::Preparing);
    let request = LoginRequest { username: "practice-contributor".to_owned(), password: secret };
    control.login(request).await?;
    control.start(()).await?;
    let (limits, package) = {
        let sample = sample::primes(PRIMES_BELOW)?;
        (sample.limits, sample.package)
    };
    let request = TaskRequest { limits, ..TaskRequest::named("practice") };
    let id = stage.pool.submit(&stage.requester, request, package.as_slice()).await?;
    let ended = tokio::select! {
        ended = stage.pool.wait_for_end(&id, PATIENCE) => ended?,
        () = watch(stage, progress) => anyhow::bail!("the practice worker ended"),
    };
    let task = ended.with_context(|| format!("it did not end within {} s", PATIENCE.as_secs()))?;
    if task.state != TaskState::Succeeded {
        anyhow::bail!("the task ended {}: {}", task.state.word(), task.message);
    }
    progress.stage(PracticeStage::Paying);
    let wanted = TaskRef { task_id: id, attempt: Some(task.attempt) };
    let paid = async {
        loop {
            let view = control.task(wanted.clone()).await?;
            if view.settled {
                return anyhow::Ok(view);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PAY_PATIENCE, paid).await.context("the practice pool did not pay")?
}

/// Tells how far the task is, until the worker ends.
async fn watch(stage: &Stage, progress: &Progress) {
    use futures_util::StreamExt;
    let mut events = stage.worker.control.subscribe();
    while let Some(event) = events.next().await {
        match event {
            Event::Snapshot(snapshot) => match snapshot.tasks.first().map(|task| task.phase.as_str()) {
                Some("running") => progress.stage(PracticeStage::Running),
                Some("collecting" | "uploading" | "reported") => progress.stage(PracticeStage::Paying),
                Some(_) | None => {}
            },
            Event::Log { lines, .. } => {
                for line in lines {
                    progress.line(line.text);
                }
            }
            Event::Metrics(_) | Event::RaiseWindow | Event::ReportProblem | Event::Quitting => {}
        }
    }
}
