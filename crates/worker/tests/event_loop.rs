//! The event loop among fakes, in virtual time: a worker is started, things happen to it, time flies.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

#[path = "event_loop/account.rs"]
mod account;
#[path = "event_loop/asking.rs"]
mod asking;
#[path = "event_loop/clocks.rs"]
mod clocks;
#[path = "event_loop/electricity.rs"]
mod electricity;
#[path = "event_loop/engine.rs"]
mod engine;
#[path = "event_loop/engine_room.rs"]
mod engine_room;
#[path = "event_loop/failed.rs"]
mod failed;
#[path = "event_loop/journal.rs"]
mod journal;
#[path = "event_loop/lease.rs"]
mod lease;
#[path = "event_loop/life.rs"]
mod life;
#[path = "event_loop/output.rs"]
mod output;
#[path = "event_loop/owner.rs"]
mod owner;
#[path = "event_loop/persistence.rs"]
mod persistence;
#[path = "event_loop/restart.rs"]
mod restart;
#[path = "event_loop/rules.rs"]
mod rules;
#[path = "event_loop/secrecy.rs"]
mod secrecy;
#[path = "event_loop/snapshot.rs"]
mod snapshot;

use hivemind_control::{Snapshot, StopTaskRequest, TaskRef};
use hivemind_domain::task::Phase;
use hivemind_testkit::{World, key};
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn phase(snapshot: &Snapshot, task: &str) -> String {
    snapshot.tasks.iter().find(|t| t.task_id == task).map(|t| t.phase.clone()).unwrap_or_default()
}

fn task_ref(task: &str) -> TaskRef {
    TaskRef { task_id: task.to_owned(), attempt: None }
}

/// A stop without a reason.
fn stopped(task: &str) -> StopTaskRequest {
    StopTaskRequest { task_id: task.to_owned(), attempt: None, reason: None }
}

fn unreachable() -> PoolError {
    PoolError::new(PoolErrorKind::Unreachable, "no answer")
}

/// Whether the journal says that the first attempt at `task` has come to this phase.
fn journalled(world: &World, task: &str, phase: Phase) -> bool {
    world.journal.row(&key(task, 1)).is_some_and(|row| row.phase == phase)
}

/// Nothing is left of any attempt but its history.
fn assert_clean(world: &World) {
    assert_eq!(world.engine.containers(), Vec::<String>::new(), "containers are left");
    let files: Vec<_> = std::fs::read_dir(&world.spool.folder).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(files.is_empty(), "files are left: {files:?}");
}
