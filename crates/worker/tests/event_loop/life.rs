//! The good way, and the other ends of a task.

use crate::{SECOND, assert_clean, journalled, phase};
use hivemind_control::StatusState;
use hivemind_domain::task::{CancelledBy, Credit, FailureClass, PackageRef, Phase, Verdict};
use hivemind_testkit::{EngineCall, PoolCall, Program, World, assigned, key};
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::time::Duration;

#[test]
fn a_task_goes_from_offer_to_credit() {
    let world = World::default();
    let mut work = assigned("good");
    work.assignment.package = Some(PackageRef { id: "p1".into(), sha256: "0".repeat(64), size_bytes: 7 });
    world.pool.keep_package("p1", b"content");
    world.pool.give(work);
    world.engine.program("good", Program::exits(0, SECOND * 5).counts(4, SECOND).leaving(b"42"));
    world.live(async |worker| {
        let running = world.until(worker, "running", |s| phase(s, "good") == "running").await;
        assert_eq!(running.limits.granted_cpu_millis, 1000);
        world.until(worker, "earning", |s| s.status.state == StatusState::Earning).await;
        let settled = world.until(worker, "settled", |s| s.today.tasks == 1).await;
        assert_eq!(settled.tasks, Vec::new());
        assert_eq!((settled.today.credited_cpt, settled.today.settled_cpt), (7, 7));
        let balance = |s: &hivemind_control::Snapshot| s.account.as_ref().and_then(|a| a.balance_cpt);
        world.until(worker, "the new balance", |s| balance(s) == Some(107)).await;
        world.when("the last write", |w| journalled(w, "good", Phase::Settled)).await;
        world.pass(1.0).await;
    });
    let row = world.journal.row(&key("good", 1)).unwrap();
    assert_eq!((row.verdict, row.credit), (Some(Verdict::Succeeded), Some(Credit { cpt: 7, settled: true })));
    assert!((4500..=5500).contains(&row.usage.active_ms), "{} ms", row.usage.active_ms);
    let known = world.pool.attempt(&key("good", 1));
    assert_eq!((known.submitted_at.len(), known.output.as_deref()), (1, Some(b"42".as_slice())));
    let header = known.result.unwrap();
    assert_eq!((header.verdict, header.wall), (Verdict::Succeeded, Duration::from_secs(5)));
    assert_eq!(header.image_digest, format!("sha256:{}", "ab".repeat(32)));
    let texts: Vec<_> = known.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["line 0", "line 1", "line 2", "line 3"]);
    assert_eq!(known.phases, ["preparing", "running"]);
    assert_eq!(world.engine.started(), [key("good", 1)]);
    assert_eq!(world.pool.faults.count(PoolCall::Fetch), 1);
    assert_clean(&world);
}

#[test]
fn a_failing_program_is_told_as_failed_with_its_outputs() {
    let world = World::default();
    world.pool.give(assigned("fails"));
    world.engine.program("fails", Program::exits(3, SECOND).leaving(b"partial"));
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("fails", 1));
    let verdict = known.result.unwrap().verdict;
    assert!(matches!(verdict, Verdict::Failed { class: FailureClass::ExitCode, exit_code: Some(3), .. }));
    assert_eq!(known.output.as_deref(), Some(b"partial".as_slice()));
    assert_clean(&world);
}

#[test]
fn a_task_that_runs_too_long_is_stopped_and_keeps_its_outputs() {
    let world = World::default();
    let mut work = assigned("slow");
    work.assignment.limits.timeout = SECOND * 30;
    world.pool.give(work);
    world.engine.program("slow", Program::endless().stubborn().leaving(b"so far"));
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("slow", 1));
    let header = known.result.unwrap();
    assert_eq!(header.verdict.word(), "timed_out");
    assert!(header.wall < SECOND * 45, "grace is 10 s: {:?}", header.wall);
    assert_eq!(known.output.as_deref(), Some(b"so far".as_slice()));
    assert_clean(&world);
}

/// An earlier worker failed every task that ran longer than 30 s.
#[test]
fn a_task_of_forty_minutes_ends_as_any_other() {
    let world = World::default();
    world.pool.give(assigned("long"));
    world.engine.program("long", Program::exits(0, SECOND * 2400).leaving(b"42"));
    world.live(async |worker| {
        world.until(worker, "running", |s| phase(s, "long") == "running").await;
        world.pass(2390.0).await;
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("long", 1));
    let header = known.result.unwrap();
    assert_eq!((header.verdict, header.wall), (Verdict::Succeeded, Duration::from_secs(2400)));
    assert_clean(&world);
}

#[test]
fn a_cancelled_task_stops_within_a_heartbeat() {
    let world = World::default();
    world.pool.give(assigned("unwanted"));
    world.engine.program("unwanted", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pool.cancel(&key("unwanted", 1), CancelledBy::Requester);
        world.pass(3.0).await;
        assert_eq!(world.engine.running(), 0);
        world.when("settled", |w| journalled(w, "unwanted", Phase::Settled)).await;
    });
    let known = world.pool.attempt(&key("unwanted", 1));
    assert_eq!(known.result.unwrap().verdict, Verdict::Cancelled { by: CancelledBy::Requester });
    assert_eq!(known.output, None);
    assert_clean(&world);
}

#[test]
fn an_engine_that_does_not_stop_a_task_is_asked_until_it_does() {
    let world = World::default();
    world.pool.give(assigned("unwanted"));
    world.engine.program("unwanted", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        let error = EngineError::new(EngineErrorKind::Broken, "it answers with an error of its own");
        world.engine.faults.fail_times(EngineCall::Stop, error, 5);
        world.pool.cancel(&key("unwanted", 1), CancelledBy::Requester);
        world.pass(60.0).await;
        assert_eq!(world.engine.running(), 1);
        assert_eq!(world.engine.faults.count(EngineCall::Stop), 3, "the engine is not hammered");
        world.pass(150.0).await;
        assert_eq!(world.engine.running(), 0);
        world.when("settled", |w| journalled(w, "unwanted", Phase::Settled)).await;
    });
    assert_clean(&world);
}

#[test]
fn a_task_that_is_cancelled_while_it_starts_does_not_run_on() {
    let world = World::default();
    world.pool.give(assigned("unwanted"));
    world.engine.program("unwanted", Program::endless());
    world.engine.faults.delay(EngineCall::Run, SECOND * 10);
    world.live(async |worker| {
        world.when("starting", |w| w.engine.faults.count(EngineCall::Run) == 1).await;
        world.pool.cancel(&key("unwanted", 1), CancelledBy::Requester);
        world.when("halted", |w| w.engine.faults.count(EngineCall::Stop) == 1).await;
        assert_eq!(world.engine.running(), 0, "it is not there to be stopped");
        world.until(worker, "nothing to do", |s| s.tasks.is_empty()).await;
        world.when("settled", |w| journalled(w, "unwanted", Phase::Settled)).await;
    });
    assert_eq!(world.engine.started().len(), 1, "it did start");
    assert_clean(&world);
}

#[test]
fn a_package_that_the_pool_does_not_have_fails_the_task_and_nothing_runs() {
    let world = World::default();
    let mut work = assigned("empty");
    work.assignment.package = Some(PackageRef { id: "none".into(), sha256: "0".repeat(64), size_bytes: 7 });
    world.pool.give(work);
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.pool.node_id.is_some() && s.tasks.is_empty()).await;
        world.when("settled", |w| journalled(w, "empty", Phase::Settled)).await;
    });
    let verdict = world.pool.attempt(&key("empty", 1)).result.unwrap().verdict;
    assert!(matches!(verdict, Verdict::Failed { class: FailureClass::Package, .. }), "{verdict:?}");
    assert_eq!(world.engine.faults.count(EngineCall::Prepare), 0);
    assert_clean(&world);
}

#[test]
fn several_tasks_run_beside_each_other_within_the_limits() {
    let world = World::default();
    for name in ["a", "b", "c", "d"] {
        world.pool.give(assigned(name));
        world.engine.program(name, Program::exits(0, SECOND * 20));
    }
    world.live(async |worker| {
        // The default of 4 GiB has room for two tasks of 2 GiB.
        world.until(worker, "two run", |s| s.status.running_tasks == 2).await;
        world.pass(5.0).await;
        assert_eq!(world.engine.running(), 2);
        world.until(worker, "all settled", |s| s.today.tasks == 4).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.engine.started().len(), 4);
    assert_clean(&world);
}
