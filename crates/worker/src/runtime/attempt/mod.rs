//! Performs what an attempt asks for; every end of it is told to the loop.

mod deliver;
mod follow;
mod prepare;
mod remove;

pub(super) use prepare::{Recorded, begin};
pub(super) use remove::remove_file;

use super::{Activity, Shared, lock, room};
use crate::at_hand;
use crate::core::{Input, engine_problem};
use crate::port::{EngineError, EngineErrorKind};
use hivemind_control::ErrorCode;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::task::{FailureClass, HandBack, Task, TaskEffect, TaskInput, Verdict};
use hivemind_domain::time::Mono;
use std::sync::Arc;
use std::time::Duration;

/// Pauses before the engine is asked again for a stop or a removal that it refused.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

/// Starts `effect`, whose record is on disk or not needed; returns at once.
pub(super) fn perform(shared: &Arc<Shared>, task: Task, effect: TaskEffect) {
    let (shared, key) = (Arc::clone(shared), task.key().clone());
    match effect {
        TaskEffect::Prepare => prepare::begin(&shared, task, Recorded::already()),
        TaskEffect::Run => {
            lock(&shared.activities).insert(key.clone(), Activity::Following);
            at_hand::spawn_for(key, follow::run(shared, task));
        }
        TaskEffect::Halt => {
            at_hand::spawn_for(key, follow::halt(shared, task));
        }
        TaskEffect::Collect => {
            at_hand::spawn_for(key, deliver::collect(shared, task));
        }
        TaskEffect::Submit => {
            at_hand::spawn_for(key, deliver::submit(shared, task));
        }
        TaskEffect::HandBack => {
            at_hand::spawn_for(key, deliver::hand_back(shared, task));
        }
        TaskEffect::AwaitSettlement => {
            at_hand::spawn_for(key, deliver::ask_settlement(shared, task));
        }
        TaskEffect::RemoveContainer => {
            at_hand::spawn_for(key, remove::remove_container(shared, task));
        }
        TaskEffect::RemoveFiles => {
            remove::stop_collecting(&shared, &key);
            at_hand::spawn_for(key, async move { remove::remove_files(&shared, task.key()).await });
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
        | EngineErrorKind::NoVirtualization
        | EngineErrorKind::NoWsl
        | EngineErrorKind::Forbidden
        | EngineErrorKind::TooOld
        | EngineErrorKind::Failed => FailureClass::Engine,
    };
    Input::Task(key, TaskInput::Failed { class, message: error.message })
}
