//! A container while it runs: its lines, its readings, its end.

use super::remove::remove_file;
use super::{PAUSES, engine_failed, ms_since, tell_times};
use crate::at_hand;
use crate::core::{ENDED_BY_ENGINE, Input};
use crate::failpoint;
use crate::port::{ContainerEvent, EngineError, Exit, OutputLine};
use crate::runtime::{Activity, Shared, debug, lock, reporter};
use hivemind_control::{Event, LogLine, TaskRef};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::task::{FailureClass, Task, TaskInput};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Time a program has to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// When an engine is asked whether it is still there, after it ended a container that nobody had asked to end.
const ENGINE_ENDS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
];
/// Output lines written at once.
const BATCH: usize = 256;

pub(super) async fn run(shared: Arc<Shared>, task: Task) {
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
    let listener = at_hand::spawn(listen(Arc::clone(&shared), task.clone(), told));
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
                        at_hand::spawn(halt(Arc::clone(&shared), task.clone()));
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
pub(super) async fn keep_lines(shared: &Shared, key: &TaskKey, mut lines: Vec<OutputLine>) {
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

pub(super) async fn halt(shared: Arc<Shared>, task: Task) {
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
    let mut pauses = PAUSES.into_iter().chain(std::iter::repeat(PAUSES[2]));
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
