//! From the record of an acceptance to a container that may be started.

use super::remove::{remove_container, remove_file};
use super::{engine_failed, follow, ms_since, tell_times};
use crate::at_hand;
use crate::core::Input;
use crate::failpoint;
use crate::port::{
    ContainerPlan, DependenciesReady, DependencyPlan, NetworkGrant, OutputLine, PoolError, PoolErrorKind,
};
use crate::runtime::{Activity, Shared, debug, lock, package, reporter, room};
use hivemind_control::ErrorCode;
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::settings::Settings;
use hivemind_domain::task::{FailureClass, HandBack, NetworkNeed, PackageRef, Task, TaskInput, Verdict};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time for the engine to finish what it was asked for by a preparation that is not wanted any more.
const LAST_STEP: Duration = Duration::from_secs(15);
/// How long after a request was given up the engine may still list what it made for it.
const LATE_CONTAINER: Duration = Duration::from_secs(5);
/// Time for a package before the pool is told what goes on: it would write that down first, and send then.
const QUICK_FETCH: Duration = Duration::from_millis(200);
/// Largest package that is fetched while the record is being written, in bytes: a disk that takes no record should
/// not be filled either, and a large one gains nothing by it.
const EARLY_FETCH: u64 = 1024 * 1024;

/// Tells when an attempt's record is on disk.
pub(in crate::runtime) struct Recorded(Option<oneshot::Receiver<()>>);

impl Recorded {
    /// It is.
    pub(super) fn already() -> Self {
        Self(None)
    }

    /// The teller, which is dropped when the journal ends before that.
    pub(in crate::runtime) fn awaited() -> (oneshot::Sender<()>, Self) {
        let (told, recorded) = oneshot::channel();
        (told, Self(Some(recorded)))
    }

    /// Whether it is there; false when it never will be.
    async fn wait(&mut self) -> bool {
        match self.0.take() {
            Some(recorded) => recorded.await.is_ok(),
            None => true,
        }
    }
}

/// Starts what begins an attempt; returns at once. A small package is fetched beside the record, and nothing is made
/// before the record is on disk.
pub(in crate::runtime) fn begin(shared: &Arc<Shared>, task: Task, recorded: Recorded) {
    let (shared, token) = (Arc::clone(shared), CancellationToken::new());
    lock(&shared.activities).insert(task.key().clone(), Activity::Preparing(token.clone()));
    reporter::start(&shared, task.key());
    at_hand::spawn_for(task.key().clone(), prepare(shared, task, token, recorded));
}

async fn prepare(shared: Arc<Shared>, task: Task, token: CancellationToken, mut recorded: Recorded) {
    let key = task.key().clone();
    let began = shared.ports.clock.now();
    let mut preparing = {
        let (shared, task) = (Arc::clone(&shared), task.clone());
        at_hand::spawn(async move {
            let mut times = PhaseTimes::default();
            let input = prepared(&shared, &task, &mut times, &mut recorded).await;
            (input, times)
        })
    };
    let outcome = token.run_until_cancelled(&mut preparing).await;
    let mut times =
        outcome.as_ref().and_then(|done| done.as_ref().ok()).map(|done| done.1).unwrap_or_default();
    let apart = times.fetch_ms + times.pull_ms + times.queue_ms;
    times.prepare_ms = ms_since(&shared, began.mono).saturating_sub(apart);
    if task.times == PhaseTimes::default() {
        times.queue_ms += u64::try_from(began.wall.0.saturating_sub(task.accepted_at.0)).unwrap_or(0);
    }
    tell_times(&shared, &key, times).await;
    lock(&shared.activities).remove(&key);
    let failed = task.clone();
    let input = match outcome {
        None => {
            at_hand::spawn(undo(Arc::clone(&shared), task, preparing));
            Input::Task(key, TaskInput::Stopped)
        }
        Some(Ok((input, _))) => input,
        // It was aborted with the whole program, or is a mistake of ours: nothing was prepared.
        Some(Err(error)) => {
            let message = format!("the preparation broke off: {error}");
            Input::Task(key, TaskInput::Failed { class: FailureClass::Engine, message })
        }
    };
    debug::keep_failed(&shared, &failed, &input, times).await;
    shared.tell(input).await;
}

/// Takes back what a preparation makes that nobody wants any more. A request the engine has taken is carried out
/// although nobody waits for its answer, so its end is waited for, within reason, before the container is looked for.
async fn undo(shared: Arc<Shared>, task: Task, mut preparing: JoinHandle<(Input, PhaseTimes)>) {
    let mut made = None;
    match tokio::time::timeout(LAST_STEP, &mut preparing).await {
        Ok(Ok((Input::Task(_, TaskInput::Prepared { container, .. }), _))) => made = Some(container),
        Ok(Ok(_) | Err(_)) => {}
        Err(_) => {
            preparing.abort();
            let _ = preparing.await;
            tokio::time::sleep(LATE_CONTAINER).await;
        }
    }
    for file in shared.ports.spool.files(task.key()) {
        remove_file(&file).await;
    }
    lock(&shared.listings).remove(task.key());
    remove_container(shared, Task { container: made, ..task }).await;
}

/// What an attempt may reach. Its hosts were judged when it was accepted.
fn grant(need: &NetworkNeed, settings: &Settings) -> Option<NetworkGrant> {
    match need {
        NetworkNeed::None => None,
        NetworkNeed::Hosts(hosts) => Some(NetworkGrant {
            hosts: hosts.iter().filter_map(|host| HostRule::parse(host).ok()).collect(),
            max_bytes: settings.bytes("max_task_traffic"),
        }),
    }
}

/// How dependencies are installed, if the owner lets them be.
fn dependency_plan(shared: &Shared, settings: &Settings) -> Option<DependencyPlan> {
    if settings.text("dependencies") != "allow" {
        return None;
    }
    let index = settings.text("package_index").to_owned();
    let rest = index.split_once("://").map_or(index.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // An index that is no public host cannot be reached: the proxy says so.
    let mut hosts: Vec<HostRule> = HostRule::parse(host).into_iter().collect();
    hosts.extend(HostRule::parse_list(settings.text("package_hosts")).unwrap_or_default());
    Some(DependencyPlan {
        index,
        hosts,
        max_bytes: settings.bytes("max_task_traffic"),
        folder: shared.ports.spool.folder.join("dependencies"),
        limit_bytes: settings.bytes("dependency_cache_limit"),
    })
}

/// The first line of the task's log, and the report's numbers.
async fn tell_dependencies(
    shared: &Shared,
    key: &TaskKey,
    ready: &DependenciesReady,
    times: &mut PhaseTimes,
) {
    let ms = u64::try_from(ready.install.as_millis()).unwrap_or(u64::MAX);
    let seconds = ready.install.as_secs_f64();
    let text = if ready.from_cache {
        times.saved_ms = ms;
        format!("[hivemind] dependencies from the cache, saved {seconds:.1} s")
    } else {
        times.install_ms = ms;
        format!("[hivemind] dependencies installed in {seconds:.1} s")
    };
    follow::keep_lines(shared, key, vec![OutputLine { stderr: true, time_ns: ready.made_ns, text }]).await;
}

async fn fetch(shared: &Shared, key: &TaskKey, wanted: &PackageRef) -> Result<PathBuf, PoolError> {
    let fetching = package::fetch(shared, key, wanted);
    tokio::pin!(fetching);
    if let Ok(fetched) = tokio::time::timeout(QUICK_FETCH, &mut fetching).await {
        return fetched;
    }
    reporter::phase(shared, key, "preparing");
    fetching.await
}

/// Waits for the record; false when the journal has ended, and the program with it.
async fn on_record(shared: &Shared, times: &mut PhaseTimes, recorded: &mut Recorded) -> bool {
    let began = shared.ports.clock.now().mono;
    let there = recorded.wait().await;
    times.queue_ms += ms_since(shared, began);
    there
}

async fn prepared(shared: &Shared, task: &Task, times: &mut PhaseTimes, recorded: &mut Recorded) -> Input {
    let key = task.key().clone();
    let assignment = &task.assignment;
    let mut package = None;
    let early = assignment.package.as_ref().is_none_or(|wanted| wanted.size_bytes <= EARLY_FETCH);
    if !early && !on_record(shared, times, recorded).await {
        return Input::Task(key, TaskInput::Stopped);
    }
    if let Some(wanted) = &assignment.package {
        failpoint::reach("fetch.before");
        let began = shared.ports.clock.now().mono;
        let fetched = fetch(shared, &key, wanted).await;
        times.fetch_ms = ms_since(shared, began);
        failpoint::reach("fetch.after");
        match fetched {
            Ok(path) => package = Some(path),
            Err(error) => return package_failed(key, &error),
        }
    }
    if !on_record(shared, times, recorded).await {
        return Input::Task(key, TaskInput::Stopped);
    }
    failpoint::reach("prepare.recorded");
    reporter::phase(shared, &key, "preparing");
    let settings = shared.ports.settings.current();
    let plan = ContainerPlan {
        install: shared.ports.spool.install.clone(),
        key: key.clone(),
        image: assignment.image.clone().unwrap_or_else(|| settings.worker_image()),
        command: assignment.command.clone(),
        package,
        limits: assignment.limits.clone(),
        array: assignment.array,
        network: grant(&assignment.network, &settings),
        dependencies: dependency_plan(shared, &settings),
        gpus: task.gpus.clone(),
        images: room::image_rules(shared),
        function: assignment.function.clone(),
    };
    failpoint::reach("prepare.before");
    let prepared = room::told_pulls(shared, shared.ports.engine.prepare(&plan)).await;
    failpoint::reach("prepare.after");
    match prepared {
        Ok(prepared) => {
            if plan.function.is_none() && !room::used_once(shared, &plan.images, &prepared).await {
                remove_container_now(shared, &prepared.container).await;
                let message = format!("the one task that image {} was allowed for has begun", prepared.image);
                return room::cannot_run(key, ErrorCode::ImageQuestion, &message);
            }
            let crate::port::Prepared { container, image_digest, pull, listing, dependencies, .. } = prepared;
            if !listing.is_empty() {
                lock(&shared.listings).insert(key.clone(), listing);
            }
            if let Some(ready) = dependencies {
                tell_dependencies(shared, &key, &ready, times).await;
            }
            times.pull_ms = u64::try_from(pull.as_millis()).unwrap_or(u64::MAX);
            Input::Task(key, TaskInput::Prepared { container, image_digest })
        }
        Err(error) => {
            if room::asked_about(shared, &plan.images, &error).await {
                return room::cannot_run(key, ErrorCode::ImageQuestion, &error.message);
            }
            engine_failed(key, error)
        }
    }
}

async fn remove_container_now(shared: &Shared, container: &str) {
    if let Err(error) = shared.ports.engine.remove(container).await {
        tracing::warn!(%container, %error, "a container that may not run stays for now");
    }
}

fn package_failed(key: TaskKey, error: &PoolError) -> Input {
    if error.kind == PoolErrorKind::StaleAttempt {
        return Input::Task(key, TaskInput::Revoked);
    }
    if error.kind == PoolErrorKind::Disk {
        // Our own disk is no fault of the task: another computer may have it.
        let message = format!("{}: the package cannot be kept here: {error}", ErrorCode::DiskLow.word());
        return Input::Task(
            key,
            TaskInput::Stop(Verdict::HandedBack { reason: HandBack::CannotRun, message }),
        );
    }
    let message = format!("the package cannot be used: {error}");
    Input::Task(key, TaskInput::Failed { class: FailureClass::Package, message })
}
