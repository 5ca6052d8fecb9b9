//! No call is tried without a pause, whatever the pool answers: at most six tries per minute once the first minute's
//! quick tries are over.

use crate::{SECOND, stopped};
use hivemind_control::{Control, PoolState};
use hivemind_domain::task::PackageRef;
use hivemind_domain::time::Mono;
use hivemind_testkit::{PoolCall, Program, Row, World, assigned, key};
use hivemind_worker_core::port::{Clock, PoolError, PoolErrorKind};

const KINDS: [PoolErrorKind; 11] = [
    PoolErrorKind::Unreachable,
    PoolErrorKind::WrongCredentials,
    PoolErrorKind::Unauthenticated,
    PoolErrorKind::NodeUnknown,
    PoolErrorKind::Refused,
    PoolErrorKind::StaleAttempt,
    PoolErrorKind::Conflict,
    PoolErrorKind::Unencrypted,
    PoolErrorKind::NotFound,
    PoolErrorKind::Protocol,
    PoolErrorKind::Disk,
];

const CALLS: [PoolCall; 13] = [
    PoolCall::Connect,
    PoolCall::Disconnect,
    PoolCall::Refresh,
    PoolCall::Resume,
    PoolCall::Register,
    PoolCall::ReportStatus,
    PoolCall::NextTask,
    PoolCall::Report,
    PoolCall::Fetch,
    PoolCall::Submit,
    PoolCall::HandBack,
    PoolCall::Balance,
    PoolCall::Heartbeat,
];

/// What is too much when `call` always fails so: call, minutes, tries.
fn too_often(call: PoolCall, kind: PoolErrorKind) -> Vec<String> {
    let world = World::default();
    let mut work = assigned("busy");
    work.assignment.package = Some(PackageRef { id: "p1".into(), sha256: "0".repeat(64), size_bytes: 7 });
    world.pool.keep_package("p1", b"content");
    world.pool.give(work);
    let ends = matches!(call, PoolCall::Submit);
    let program = if ends { Program::exits(0, SECOND) } else { Program::endless().counts(1000, SECOND * 7) };
    world.engine.program("busy", program);
    world.pool.faults.fail(call, PoolError::new(kind, "it always fails"));
    let since = world.clock.now().mono;
    world.live(async |worker| {
        if call == PoolCall::HandBack {
            world.until(worker, "running", |s| s.status.running_tasks == 1).await;
            worker.control.stop_task(stopped("busy")).await.unwrap();
        }
        world.clock.reach(since.after(SECOND * 660)).await;
    });
    assert!(world.pool.faults.count(call) > 0, "{call:?} was never tried");
    let steady = since.after(SECOND * 60);
    let mut wrong = Vec::new();
    for watched in CALLS {
        let later = world.pool.faults.count_since(watched, steady);
        let early = world.pool.faults.count_since(watched, Mono::default()) - later;
        // Heartbeats have a beat of their own, one every 2 s.
        let (most_early, most_later) = if watched == PoolCall::Heartbeat { (45, 350) } else { (25, 60) };
        if early > most_early || later > most_later {
            wrong.push(format!(
                "{call:?} fails as {kind:?}: {watched:?} {early} times in the first minute, {later} in the next ten"
            ));
        }
    }
    wrong
}

#[test]
fn no_failure_of_any_call_is_answered_with_a_hot_loop() {
    let failing = [
        PoolCall::Connect,
        PoolCall::Refresh,
        PoolCall::Register,
        PoolCall::Heartbeat,
        PoolCall::ReportStatus,
        PoolCall::NextTask,
        PoolCall::Report,
        PoolCall::Fetch,
        PoolCall::Submit,
        PoolCall::HandBack,
        PoolCall::Balance,
    ];
    let mut pairs: Vec<_> = failing.into_iter().flat_map(|call| KINDS.map(|kind| (call, kind))).collect();
    let mut row = Row::open("CODES", u32::try_from(pairs.len()).unwrap());
    pairs.truncate(usize::try_from(row.runs).unwrap());
    for (call, kind) in pairs {
        for what in too_often(call, kind) {
            row.violation(what);
        }
        row.ran();
    }
    for call in [PoolCall::Refresh, PoolCall::Submit, PoolCall::HandBack] {
        if let Err(what) = acknowledgement_lost(call) {
            row.violation(what);
        }
        row.count("acknowledgements lost", 1);
    }
    row.close();
}

/// The pool does what `call` asks for, and its answers are lost three times in a row.
fn acknowledgement_lost(call: PoolCall) -> Result<(), String> {
    let world = World::default();
    world.pool.give(assigned("once"));
    if call == PoolCall::HandBack {
        world.engine.program("once", Program::endless());
    }
    let before = world.live(async |worker| {
        let lost = PoolError::new(PoolErrorKind::Unreachable, "the answer is lost");
        world.pool.faults.lose_answers(call, lost, 3);
        let before = worker.control.snapshot(()).await.unwrap().account.and_then(|a| a.balance_cpt);
        if call == PoolCall::HandBack {
            world.until(worker, "running", |s| s.status.running_tasks == 1).await;
            worker.control.stop_task(stopped("once")).await.unwrap();
        }
        world
            .until(worker, "over", |s| {
                s.tasks.is_empty() && s.today.tasks + u32::from(call == PoolCall::HandBack) > 0
            })
            .await;
        world.pass(120.0).await;
        before
    });
    let known = world.pool.attempt(&key("once", 1));
    let told = if call == PoolCall::HandBack { known.handed_back.len() } else { known.submitted_at.len() };
    let wanted = if call == PoolCall::Refresh { 1 } else { 4 };
    let results = known.result.iter().count() + usize::from(!known.handed_back.is_empty());
    if (told, results) != (wanted, 1) {
        return Err(format!("{call:?}: told {told} times, {results} effects, balance before {before:?}"));
    }
    Ok(())
}

#[test]
fn whatever_failed_for_a_while_the_worker_is_back_soon_or_asks_its_owner() {
    let failing =
        [PoolCall::Connect, PoolCall::Refresh, PoolCall::Register, PoolCall::Heartbeat, PoolCall::NextTask];
    for (call, kind) in failing.into_iter().flat_map(|call| KINDS.map(|kind| (call, kind))) {
        let world = World::default();
        world.pool.faults.fail(call, PoolError::new(kind, "it fails for a while"));
        world.live(async |worker| {
            world.pass(60.0).await;
            world.pool.faults.heal_all();
            world.pass(60.0).await;
            let state = worker.control.snapshot(()).await.unwrap().pool.state;
            let fine = matches!(state, PoolState::Online | PoolState::AuthRequired | PoolState::Rejected);
            assert!(fine, "{call:?} failed as {kind:?} for a minute; a minute later it is {state:?}");
            if state == PoolState::Online {
                world.pool.give(assigned("after"));
                world.until(worker, "work goes on", |s| s.today.tasks == 1).await;
            }
        });
    }
}

#[test]
fn a_pool_that_never_waits_is_not_asked_in_a_hot_loop() {
    let world = World::default();
    world.pool.answer_at_once(true);
    world.live(async |_| world.pass(600.0).await);
    let asked = world.pool.faults.count(PoolCall::NextTask);
    assert!((20..=90).contains(&asked), "asked {asked} times in ten minutes");
}
