//! Performs what an attempt asks for; every end of it is told to the loop.

use super::{Activity, Shared, debug, lock, package, reporter, room, unit};
use crate::core::{ENDED_BY_ENGINE, Input, Written, engine_problem};
use crate::failpoint;
use crate::port::{
    ContainerEvent, ContainerPlan, DependenciesReady, DependencyPlan, EngineError, EngineErrorKind, Exit,
    NetworkGrant, OutputLine, PoolError, PoolErrorKind, ResultHeader, StoreError,
};
use hivemind_control::{ErrorCode, Event, LogLine, TaskRef};
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::settings::Settings;
use hivemind_domain::task::{
    FailureClass, HandBack, NetworkNeed, PackageRef, Task, TaskEffect, TaskInput, Verdict,
};
use hivemind_domain::time::Mono;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Time a program has to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// Time the pool has to take the last output lines before the result is sent: it hears of none afterwards, so that
/// only a pool that takes results and no lines is not waited for.
const LAST_LINES: Duration = Duration::from_secs(8);
/// Time for the engine to finish what it was asked for by a preparation that is not wanted any more.
const LAST_STEP: Duration = Duration::from_secs(15);
/// How long after a request was given up the engine may still list what it made for it.
const LATE_CONTAINER: Duration = Duration::from_secs(5);
/// Pauses before a removal that the engine refused is tried again.
const REMOVAL_PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
/// When an engine is asked whether it is still there, after it ended a container that nobody had asked to end.
const ENGINE_ENDS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
];
/// Time for a package before the pool is told what goes on: it would write that down first, and send then.
const QUICK_FETCH: Duration = Duration::from_millis(200);
/// Largest package that is fetched while the record is being written, in bytes: a disk that takes no record should
/// not be filled either, and a large one gains nothing by it.
const EARLY_FETCH: u64 = 1024 * 1024;
/// Output lines written at once.
const BATCH: usize = 256;

/// Tells when an attempt's record is on disk.
pub(super) struct Recorded(Option<oneshot::Receiver<()>>);

impl Recorded {
    /// The teller, which is dropped when the journal ends before that.
    pub(super) fn awaited() -> (oneshot::Sender<()>, Self) {
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
pub(super) fn begin(shared: &Arc<Shared>, task: Task, recorded: Recorded) {
    let (shared, token) = (Arc::clone(shared), CancellationToken::new());
    lock(&shared.activities).insert(task.key().clone(), Activity::Preparing(token.clone()));
    reporter::start(&shared, task.key());
    tokio::spawn(prepare(shared, task, token, recorded));
}

/// Starts `effect`, whose record is on disk or not needed; returns at once.
pub(super) fn perform(shared: &Arc<Shared>, task: Task, effect: TaskEffect) {
    let shared = Arc::clone(shared);
    match effect {
        TaskEffect::Prepare => begin(&shared, task, Recorded(None)),
        TaskEffect::Run => {
            lock(&shared.activities).insert(task.key().clone(), Activity::Following);
            tokio::spawn(run(shared, task));
        }
        TaskEffect::Halt => {
            tokio::spawn(halt(shared, task));
        }
        TaskEffect::Collect => {
            tokio::spawn(collect(shared, task));
        }
        TaskEffect::Submit => {
            tokio::spawn(submit(shared, task));
        }
        TaskEffect::HandBack => {
            tokio::spawn(hand_back(shared, task));
        }
        TaskEffect::AwaitSettlement => {
            tokio::spawn(ask_settlement(shared, task));
        }
        TaskEffect::RemoveContainer => {
            tokio::spawn(remove_container(shared, task));
        }
        TaskEffect::RemoveFiles => {
            // Outputs that are still being gathered would be put into place after this.
            if let Some(Activity::Collecting(token)) = lock(&shared.activities).get(task.key()) {
                token.cancel();
            }
            tokio::spawn(async move {
                failpoint::reach("files.before_removal");
                for file in shared.ports.spool.files(task.key()) {
                    remove_file(&file).await;
                    failpoint::reach("files.half_removed");
                }
                failpoint::reach("files.removed");
            });
        }
    }
}

/// Whole milliseconds since then.
fn ms_since(shared: &Shared, from: Mono) -> u64 {
    u64::try_from(shared.ports.clock.now().mono.since(from).as_millis()).unwrap_or(u64::MAX)
}

async fn tell_times(shared: &Shared, key: &TaskKey, times: PhaseTimes) {
    if times != PhaseTimes::default() {
        shared.tell(Input::Task(key.clone(), TaskInput::Took(times))).await;
    }
}

async fn prepare(shared: Arc<Shared>, task: Task, token: CancellationToken, mut recorded: Recorded) {
    let key = task.key().clone();
    let began = shared.ports.clock.now();
    let mut preparing = {
        let (shared, task) = (Arc::clone(&shared), task.clone());
        tokio::spawn(async move {
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
            tokio::spawn(undo(Arc::clone(&shared), task, preparing));
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
    if tokio::time::timeout(LAST_STEP, &mut preparing).await.is_err() {
        preparing.abort();
        let _ = preparing.await;
        tokio::time::sleep(LATE_CONTAINER).await;
    }
    for file in shared.ports.spool.files(task.key()) {
        remove_file(&file).await;
    }
    lock(&shared.listings).remove(task.key());
    remove_container(shared, Task { container: None, ..task }).await;
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
    keep_lines(shared, key, vec![OutputLine { stderr: true, time_ns: ready.made_ns, text }]).await;
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
    };
    failpoint::reach("prepare.before");
    let prepared = room::told_pulls(shared, shared.ports.engine.prepare(&plan)).await;
    failpoint::reach("prepare.after");
    match prepared {
        Ok(prepared) => {
            if !room::used_once(shared, &plan.images, &prepared).await {
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

fn engine_failed(key: TaskKey, error: EngineError) -> Input {
    if error.is_outage() {
        return Input::EngineAway(key, error);
    }
    let class = match error.kind {
        // Not the task's fault: another computer may run it.
        EngineErrorKind::ImageRefused
        | EngineErrorKind::ImageTooLarge
        | EngineErrorKind::Gpu
        | EngineErrorKind::Disk
        | EngineErrorKind::Dependencies
        | EngineErrorKind::Network => {
            let disk = error.kind == EngineErrorKind::Disk;
            let code = if disk { ErrorCode::DiskLow } else { engine_problem(&error).code };
            return room::cannot_run(key, code, &error.message);
        }
        // Whatever went wrong, it was not the task: it begins again elsewhere, or here.
        EngineErrorKind::Gone | EngineErrorKind::Broken => {
            let what = if error.kind == EngineErrorKind::Gone { "the container is gone: " } else { "" };
            let message = format!("{what}{}", error.message);
            return Input::Task(
                key,
                TaskInput::Stop(Verdict::HandedBack { reason: HandBack::EngineLost, message }),
            );
        }
        EngineErrorKind::Image => FailureClass::Image,
        EngineErrorKind::Package => FailureClass::Package,
        EngineErrorKind::Output => FailureClass::Result,
        EngineErrorKind::Missing
        | EngineErrorKind::Stopped
        | EngineErrorKind::Forbidden
        | EngineErrorKind::TooOld
        | EngineErrorKind::Failed => FailureClass::Engine,
    };
    Input::Task(key, TaskInput::Failed { class, message: error.message })
}

async fn run(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    let Some(container) = task.container.clone() else {
        lock(&shared.activities).remove(&key);
        let message = "the container was never made".to_owned();
        shared.tell(Input::Task(key, TaskInput::Failed { class: FailureClass::Engine, message })).await;
        return;
    };
    let told_before = shared.ports.logs.told(&key).await.unwrap_or_default();
    reporter::start(&shared, &key);
    let (events, told) = mpsc::channel(BATCH);
    let listener = tokio::spawn(listen(Arc::clone(&shared), task.clone(), told));
    let began = shared.ports.clock.now().mono;
    failpoint::reach("run.before");
    // The container has what the package held.
    let package = shared.ports.spool.package(&key);
    let running = shared.ports.engine.run(&container, told_before, events);
    let (exit, ()) = tokio::join!(running, remove_file(&package));
    let run_ms = ms_since(&shared, began);
    let _ = listener.await;
    failpoint::reach("run.exited");
    let halted = matches!(lock(&shared.activities).remove(&key), Some(Activity::Halting));
    reporter::finish(&shared, &key);
    let exit = match exit {
        Ok(exit) if !halted => still_there(&shared, exit).await,
        Ok(exit) => Ok(exit),
        Err(error) => Err(error),
    };
    let input = match exit {
        Ok(exit) => {
            let exited = TaskInput::Exited { code: exit.code, out_of_memory: exit.out_of_memory };
            Input::Task(key.clone(), exited)
        }
        Err(error) => engine_failed(key.clone(), error),
    };
    let times = PhaseTimes { run_ms, ..PhaseTimes::default() };
    tell_times(&shared, &key, times).await;
    // What ended by itself goes on to its outputs; they are kept with the rest.
    if !matches!(input, Input::Task(_, TaskInput::Exited { .. })) {
        debug::keep_failed(&shared, &task, &input, times).await;
    }
    shared.tell(input).await;
}

/// An engine that ends in order ends its containers first, and tells their ends before its own. Those are not the
/// programs' doing: the attempt waits for the engine instead.
async fn still_there(shared: &Shared, exit: Exit) -> Result<Exit, EngineError> {
    if exit.out_of_memory || !ENDED_BY_ENGINE.contains(&exit.code) {
        return Ok(exit);
    }
    // It answers until its last container has ended.
    for pause in ENGINE_ENDS {
        tokio::time::sleep(pause).await;
        if let Err(error) = shared.ports.engine.verify().await
            && error.is_outage()
        {
            return Err(error);
        }
    }
    Ok(exit)
}

/// Takes what a container tells: lines in batches, readings one by one.
async fn listen(shared: Arc<Shared>, task: Task, mut told: mpsc::Receiver<ContainerEvent>) {
    let key = task.key().clone();
    let mut events = Vec::new();
    while told.recv_many(&mut events, BATCH).await > 0 {
        let mut lines = Vec::new();
        for event in events.drain(..) {
            match event {
                ContainerEvent::Started => {
                    failpoint::reach("run.started");
                    reporter::phase(&shared, &key, "running");
                    shared.tell(Input::Task(key.clone(), TaskInput::Started)).await;
                    // What was to be halted before it had been started was not there to be stopped.
                    if matches!(lock(&shared.activities).get(&key), Some(Activity::Halting)) {
                        tokio::spawn(halt(Arc::clone(&shared), task.clone()));
                    }
                }
                ContainerEvent::Line(line) => lines.push(line),
                ContainerEvent::Usage(sample) => shared.tell(Input::Used(key.clone(), sample)).await,
            }
        }
        if lines.is_empty() {
            continue;
        }
        failpoint::reach("lines.before");
        keep_lines(&shared, &key, lines).await;
    }
}

/// Keeps lines, then tells them to whoever listens and to the pool.
async fn keep_lines(shared: &Shared, key: &TaskKey, mut lines: Vec<OutputLine>) {
    let kept = shared.ports.logs.append(key, &lines).await;
    failpoint::reach("lines.after");
    match kept {
        Ok(numbers) => {
            let added = usize::try_from(numbers.end - numbers.start).unwrap_or(0);
            let told_before = lines.len().saturating_sub(added);
            lines.drain(..told_before);
            publish_lines(shared, key, numbers.start, &lines);
            reporter::lines(shared, key, numbers.start, lines);
        }
        Err(error) => tracing::warn!(task_id = %key, %error, "output lines cannot be kept"),
    }
}

fn publish_lines(shared: &Shared, key: &TaskKey, first: u64, lines: &[OutputLine]) {
    if shared.events.receiver_count() == 0 {
        return;
    }
    let lines = lines.iter().zip(first..).map(|(line, number)| LogLine {
        number,
        stderr: line.stderr,
        at_ms: line.time_ns / 1_000_000,
        text: hivemind_domain::text::plain_line(&line.text, 16 * 1024),
    });
    let task = TaskRef { task_id: key.task.to_string(), attempt: Some(key.attempt) };
    let _ = shared.events.send(Event::Log { task, lines: lines.collect() });
}

async fn halt(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    let followed = match lock(&shared.activities).get_mut(&key) {
        Some(Activity::Preparing(token)) => {
            // Its own end tells `Stopped`.
            token.cancel();
            return;
        }
        Some(following @ (Activity::Following | Activity::Halting)) => {
            *following = Activity::Halting;
            true
        }
        Some(Activity::Collecting(_)) | None => false,
    };
    failpoint::reach("halt.before");
    let mut pauses = REMOVAL_PAUSES.into_iter().chain(std::iter::repeat(REMOVAL_PAUSES[2]));
    while let Some(container) = &task.container {
        let Err(error) = shared.ports.engine.stop(container, GRACE).await else { break };
        tracing::warn!(task_id = %key, %error, "the container could not be stopped");
        if error.is_outage() {
            return shared.tell(Input::EngineAway(key, error)).await;
        }
        // Its program may have no end of its own.
        let still_runs = matches!(lock(&shared.activities).get(&key), Some(Activity::Halting));
        let Some(pause) = pauses.next().filter(|_| still_runs) else { break };
        tokio::time::sleep(pause).await;
    }
    failpoint::reach("halt.after");
    if !followed {
        shared.tell(Input::Task(key, TaskInput::Stopped)).await;
    }
}

async fn collect(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    reporter::phase(&shared, &key, "collecting");
    let into = shared.ports.spool.result(&key);
    let container = task.container.clone().unwrap_or_default();
    let most = task.assignment.limits.disk_bytes;
    let token = CancellationToken::new();
    lock(&shared.activities).insert(key.clone(), Activity::Collecting(token.clone()));
    let began = shared.ports.clock.now().mono;
    failpoint::reach("collect.before");
    let mut held_up = false;
    let collected = loop {
        let collected = shared.ports.engine.collect(&container, &into, most).await;
        match collected {
            // The container keeps the outputs until our disk takes them.
            Err(error) if error.kind == EngineErrorKind::Disk && !token.is_cancelled() => {
                tracing::error!(task_id = %key, %error, "outputs cannot be written");
                if !held_up {
                    let full = StoreError { disk_full: true, message: error.message };
                    shared.tell(Input::Written(Written::Result(key.clone()), Err(full))).await;
                }
                held_up = true;
                let _ = tokio::time::timeout(package::DISK_RETRY, token.cancelled()).await;
            }
            other => break other,
        }
    };
    let collect_ms = ms_since(&shared, began);
    if held_up {
        shared.tell(Input::Written(Written::Result(key.clone()), Ok(()))).await;
    }
    failpoint::reach("collect.after");
    lock(&shared.activities).remove(&key);
    if token.is_cancelled() {
        remove_file(&into).await;
    }
    let times = PhaseTimes { collect_ms, ..PhaseTimes::default() };
    tell_times(&shared, &key, times).await;
    let input = match collected {
        Ok(file) => Input::Task(key, TaskInput::Collected(file)),
        Err(error) if error.is_outage() => Input::EngineAway(key, error),
        Err(error) => {
            Input::Task(key, TaskInput::Failed { class: FailureClass::Result, message: error.message })
        }
    };
    if !token.is_cancelled() {
        debug::keep_failed(&shared, &task, &input, times).await;
    }
    shared.tell(input).await;
}

async fn submit(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    let Some(verdict) = task.verdict.clone() else { return };
    if task.started_at.is_some() {
        reporter::flush(&shared, &key, LAST_LINES).await;
    }
    let path = task.result.as_ref().map(|_| shared.ports.spool.result(&key));
    let Some(report) = task.report() else { return };
    let header = ResultHeader {
        key: key.clone(),
        verdict,
        usage: task.usage,
        average: task.usage.average(&task.assignment.limits),
        wall: Duration::from_millis(report.wall_ms),
        image_digest: report.image_digest,
        file: task.result.clone(),
        times: report.phases,
        input_bytes: report.bytes_in,
        gpu_ms: report.gpu_ms,
    };
    let began = shared.ports.clock.now().mono;
    failpoint::reach("submit.before");
    let answer = shared.ports.pool.submit(&header, path.as_deref()).await;
    failpoint::reach("submit.after");
    let upload_ms = ms_since(&shared, began);
    tell_times(&shared, &key, PhaseTimes { upload_ms, ..PhaseTimes::default() }).await;
    let input = match answer {
        Ok(credit) => Input::Task(key, TaskInput::Acknowledged(credit)),
        Err(error) => Input::DeliveryFailed { key, error, unit: unit() },
    };
    shared.tell(input).await;
}

async fn hand_back(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    let Some(Verdict::HandedBack { reason, message }) = &task.verdict else { return };
    failpoint::reach("hand_back.before");
    let answer = shared.ports.pool.hand_back(&key, *reason, message).await;
    failpoint::reach("hand_back.after");
    let input = match answer {
        Ok(()) => Input::Task(key, TaskInput::HandBackTaken),
        Err(error) => Input::DeliveryFailed { key, error, unit: unit() },
    };
    shared.tell(input).await;
}

/// Asks whether pay that was promised has moved.
async fn ask_settlement(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    let sha256 = task.result.as_ref().map(|result| result.sha256.as_str()).unwrap_or_default();
    let input = match shared.ports.pool.settlement(&key, sha256).await {
        Ok(credit) if credit.settled => Input::Task(key, TaskInput::Acknowledged(credit)),
        Ok(_) => Input::Unsettled(key),
        Err(error) => Input::DeliveryFailed { key, error, unit: unit() },
    };
    shared.tell(input).await;
}

async fn remove_container(shared: Arc<Shared>, task: Task) {
    for pause in REMOVAL_PAUSES.map(Some).into_iter().chain([None]) {
        failpoint::reach("container.before_removal");
        let removed = try_to_remove(&shared, &task).await;
        failpoint::reach("container.removed");
        let Err(error) = removed else { return };
        tracing::warn!(task_id = %task.key(), %error, "the container stays for now");
        if error.is_outage() {
            // It is found as a stray when the engine is back.
            return shared.tell(Input::EngineChecked(Err(error))).await;
        }
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
}

async fn try_to_remove(shared: &Shared, task: &Task) -> Result<(), EngineError> {
    let engine = &shared.ports.engine;
    if let Some(container) = &task.container {
        return engine.remove(container).await;
    }
    // It may have been made without us learning its id.
    let all = engine.own(&shared.ports.spool.install).await?;
    for own in all.into_iter().filter(|own| own.key.as_ref() == Some(task.key())) {
        engine.remove(&own.container).await?;
    }
    Ok(())
}

pub(super) async fn remove_file(path: &std::path::Path) {
    if let Err(error) = tokio::fs::remove_file(path).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file stays");
    }
}
