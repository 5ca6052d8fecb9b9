//! From a container that has ended to the pool's word that it has everything.

use super::remove::remove_file;
use super::{ms_since, tell_times};
use crate::core::{Input, Written};
use crate::failpoint;
use crate::port::{EngineErrorKind, ResultHeader, StoreError};
use crate::runtime::{Activity, Shared, debug, lock, package, reporter, unit};
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::task::{FailureClass, Task, TaskInput, Verdict};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Times that an engine with an error of its own is asked for outputs, and the pause before the second; each further
/// one is twice as long.
const COLLECTIONS: u32 = 5;
const COLLECT_AGAIN: Duration = Duration::from_secs(1);
/// Time the pool has to take the last output lines before the result is sent: it hears of none afterwards, so that
/// only a pool that takes results and no lines is not waited for.
const LAST_LINES: Duration = Duration::from_secs(8);

pub(super) async fn collect(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    reporter::phase(&shared, &key, "collecting");
    let into = shared.ports.spool.result(&key);
    let container = task.container.clone().unwrap_or_default();
    let most = task.assignment.limits.disk_bytes;
    let token = CancellationToken::new();
    lock(&shared.activities).insert(key.clone(), Activity::Collecting(token.clone()));
    let began = shared.ports.clock.now().mono;
    failpoint::reach("collect.before");
    let (mut held_up, mut broken) = (false, 0);
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
            Err(error)
                if error.kind == EngineErrorKind::Broken
                    && broken + 1 < COLLECTIONS
                    && !token.is_cancelled() =>
            {
                tracing::warn!(task_id = %key, %error, "the engine does not give the outputs");
                let pause = COLLECT_AGAIN * 2_u32.pow(broken);
                broken += 1;
                let _ = tokio::time::timeout(pause, token.cancelled()).await;
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
        Err(error) if matches!(error.kind, EngineErrorKind::Gone | EngineErrorKind::Broken) => {
            Input::Task(key, TaskInput::ResultLost(error.message))
        }
        Err(error) => {
            Input::Task(key, TaskInput::Failed { class: FailureClass::Result, message: error.message })
        }
    };
    if !token.is_cancelled() {
        debug::keep_failed(&shared, &task, &input, times).await;
    }
    shared.tell(input).await;
}

pub(super) async fn submit(shared: Arc<Shared>, task: Task) {
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
        function: task.assignment.function.is_some(),
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

pub(super) async fn hand_back(shared: Arc<Shared>, task: Task) {
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
pub(super) async fn ask_settlement(shared: Arc<Shared>, task: Task) {
    let key = task.key().clone();
    let sha256 = task.result.as_ref().map(|result| result.sha256.as_str()).unwrap_or_default();
    let input = match shared.ports.pool.settlement(&key, sha256).await {
        Ok(credit) if credit.settled => Input::Task(key, TaskInput::Acknowledged(credit)),
        Ok(_) => Input::Unsettled(key),
        Err(error) => Input::DeliveryFailed { key, error, unit: unit() },
    };
    shared.tell(input).await;
}
