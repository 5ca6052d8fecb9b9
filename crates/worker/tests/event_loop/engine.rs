//! The container engine comes and goes.

use crate::{SECOND, assert_clean, journalled, phase, stopped};
use hivemind_control::{Control, ErrorCode, StatusState};
use hivemind_domain::task::{FailureClass, HandBack, Phase, Verdict};
use hivemind_testkit::{EngineCall, PoolCall, Program, World, assigned, key};
use hivemind_worker_core::port::{EngineError, EngineErrorKind, PoolError, PoolErrorKind};

#[test]
fn an_outage_in_the_middle_of_a_run_is_survived() {
    for kind in [EngineErrorKind::Stopped, EngineErrorKind::Forbidden, EngineErrorKind::Missing] {
        let world = World::default();
        world.pool.give(assigned("outage"));
        world.engine.program("outage", Program::exits(0, SECOND * 60).counts(50, SECOND));
        world.live(async |worker| {
            world.until(worker, "running", |s| s.status.running_tasks == 1).await;
            world.pass(10.0).await;
            world.engine.go_away(kind);
            world.until(worker, "told", |s| s.engine.ready == Some(false)).await;
            world.pass(15.0).await;
            let away = worker.control.snapshot(()).await.unwrap();
            assert_eq!(away.status.state, StatusState::NeedsYou);
            assert_eq!(phase(&away, "outage"), "running", "the attempt is kept");
            world.engine.come_back();
            world.until(worker, "settled", |s| s.today.tasks == 1).await;
            world.pass(1.0).await;
        });
        assert_eq!(world.engine.started(), [key("outage", 1)], "adopted, not started anew");
        let known = world.pool.attempt(&key("outage", 1));
        assert_eq!((known.lines.len(), known.out_of_order, known.submitted_at.len()), (50, 0, 1));
        assert_clean(&world);
    }
}

#[test]
fn without_an_engine_no_work_is_asked_for_and_it_is_looked_for_again() {
    let world = World::default();
    world.pool.give(assigned("waits"));
    world.engine.go_away(EngineErrorKind::Missing);
    world.live(async |worker| {
        let told = |s: &hivemind_control::Snapshot| s.status.problem.as_ref().map(|p| p.code);
        world.until(worker, "told", |s| told(s) == Some(ErrorCode::EngineMissing)).await;
        world.pass(60.0).await;
        assert_eq!(world.pool.faults.count(PoolCall::NextTask), 0);
        let looked = world.engine.faults.count(EngineCall::Verify);
        assert!((5..=20).contains(&looked), "looked {looked} times in a minute");
        world.engine.come_back();
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
    });
}

#[test]
fn an_outage_at_every_call_is_survived() {
    for call in
        [EngineCall::Prepare, EngineCall::Run, EngineCall::Collect, EngineCall::Remove, EngineCall::Own]
    {
        let world = World::default();
        world.pool.give(assigned("each"));
        let away = EngineError::new(EngineErrorKind::Stopped, "the engine does not answer");
        // Own containers are named at the start; a second failure would meet an offer, which is then declined.
        world.engine.faults.fail_times(call, away, if call == EngineCall::Own { 1 } else { 2 });
        world.live(async |_| {
            world.when("settled", |w| journalled(w, "each", Phase::Settled)).await;
            world.pass(30.0).await;
        });
        let result = world.pool.attempt(&key("each", 1)).result.map(|r| r.verdict);
        assert_eq!(result, Some(Verdict::Succeeded), "outage at {call:?}");
        assert_eq!(world.engine.started().len(), 1, "outage at {call:?}");
        assert_clean(&world);
    }
}

#[test]
fn an_outage_while_a_task_is_stopped_is_survived() {
    let world = World::default();
    world.pool.give(assigned("halt"));
    world.engine.program("halt", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.engine.go_away(EngineErrorKind::Stopped);
        world.pass(0.5).await;
        worker.control.stop(()).await.unwrap();
        world.pass(20.0).await;
        world.engine.come_back();
        world.when("handed back", |w| journalled(w, "halt", Phase::HandedBack)).await;
        world.pass(10.0).await;
    });
    assert_eq!(world.engine.running(), 0);
    assert_clean(&world);
}

#[test]
fn failures_of_the_engine_are_told_by_their_class() {
    let table = [
        (EngineCall::Prepare, EngineErrorKind::Image, FailureClass::Image),
        (EngineCall::Prepare, EngineErrorKind::Package, FailureClass::Package),
        (EngineCall::Prepare, EngineErrorKind::Failed, FailureClass::Engine),
        (EngineCall::Run, EngineErrorKind::Failed, FailureClass::Engine),
        (EngineCall::Collect, EngineErrorKind::Output, FailureClass::Result),
    ];
    for (call, kind, class) in table {
        let world = World::default();
        world.pool.give(assigned("classed"));
        world.engine.faults.fail(call, EngineError::new(kind, "it does not work"));
        world.live(async |_| {
            world.when("settled", |w| journalled(w, "classed", Phase::Settled)).await;
            world.pass(1.0).await;
        });
        let verdict = world.pool.attempt(&key("classed", 1)).result.unwrap().verdict;
        assert!(
            matches!(&verdict, Verdict::Failed { class: told, .. } if *told == class),
            "{call:?}: {verdict:?}"
        );
        assert_clean(&world);
    }
}

#[test]
fn what_is_no_fault_of_the_task_is_handed_back_and_begins_again() {
    let table = [
        (EngineCall::Run, EngineErrorKind::Gone, HandBack::EngineLost),
        (EngineCall::Prepare, EngineErrorKind::Broken, HandBack::EngineLost),
        (EngineCall::Run, EngineErrorKind::Broken, HandBack::EngineLost),
        (EngineCall::Prepare, EngineErrorKind::Disk, HandBack::CannotRun),
        // Its program has succeeded, and what it made is out of reach.
        (EngineCall::Collect, EngineErrorKind::Gone, HandBack::EngineLost),
        (EngineCall::Collect, EngineErrorKind::Broken, HandBack::EngineLost),
    ];
    for (call, kind, reason) in table {
        let world = World::default();
        world.pool.give(assigned("lost"));
        world.engine.faults.fail(call, EngineError::new(kind, "it is not there"));
        world.live(async |_| {
            world.when("handed back", |w| journalled(w, "lost", Phase::HandedBack)).await;
            world.pass(1.0).await;
        });
        assert_eq!(world.pool.attempt(&key("lost", 1)).handed_back, [reason], "{call:?} {kind:?}");
        assert_clean(&world);
    }
}

#[test]
fn outputs_are_asked_for_again_while_the_engine_has_errors_of_its_own() {
    let world = World::default();
    world.pool.give(assigned("again"));
    let broken = EngineError::new(EngineErrorKind::Broken, "the engine answered 500");
    world.engine.faults.fail_times(EngineCall::Collect, broken, 4);
    world.live(async |_| {
        world.when("settled", |w| journalled(w, "again", Phase::Settled)).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.pool.attempt(&key("again", 1)).result.unwrap().verdict, Verdict::Succeeded);
    assert_clean(&world);
}

#[test]
fn an_attempt_whose_result_is_lost_on_our_disk_is_handed_back() {
    let world = World::default();
    world.pool.give(assigned("spooled"));
    let lost = PoolError::new(PoolErrorKind::ResultLost, "it is not there any more");
    world.pool.faults.fail(PoolCall::Submit, lost);
    world.live(async |worker| {
        world.when("handed back", |w| journalled(w, "spooled", Phase::HandedBack)).await;
        let told = worker.control.snapshot(()).await.unwrap().notices;
        assert!(told.iter().any(|notice| notice.error.code == ErrorCode::JournalFailed), "{told:?}");
    });
    let attempt = world.pool.attempt(&key("spooled", 1));
    assert_eq!((attempt.handed_back, attempt.result.is_some()), (vec![HandBack::CannotRun], false));
    assert_clean(&world);
}

#[test]
fn an_attempt_revoked_or_stopped_while_its_container_is_made_leaves_none() {
    for (revoked, takes) in [(true, 5), (true, 100), (false, 5), (false, 100)] {
        let world = World::default();
        world.pool.give(assigned("early"));
        world.engine.faults.delay(EngineCall::Prepare, SECOND * takes);
        world.live(async |worker| {
            world.when("preparing", |w| w.engine.faults.count(EngineCall::Prepare) == 1).await;
            world.pass(1.0).await;
            if revoked {
                world.pool.void(&key("early", 1));
            } else {
                worker.control.stop_task(stopped("early")).await.unwrap();
            }
            world.until(worker, "given up", |s| s.tasks.is_empty()).await;
            // The engine carries out what it was asked for.
            world.pass(60.0).await;
        });
        assert_clean(&world);
    }
}

#[test]
fn a_container_whose_removal_failed_is_removed_later() {
    let world = World::default();
    world.pool.give(assigned("stuck"));
    let busy = EngineError::new(EngineErrorKind::Failed, "device or resource busy");
    world.engine.faults.fail_times(EngineCall::Remove, busy, 5);
    world.live(async |_| {
        world.when("settled", |w| journalled(w, "stuck", Phase::Settled)).await;
        world.pass(2.0 * 3600.0).await;
        assert_eq!(world.engine.faults.count(EngineCall::Remove), 5, "seldom after the first minute");
        world.pass(3600.0).await;
    });
    assert_clean(&world);
}

#[test]
fn a_container_that_an_ending_engine_ends_is_begun_anew() {
    // The engine goes with its container, or ends its other containers first and answers meanwhile.
    for answers_for in [0.0, 2.5, 10.0] {
        let world = World::default();
        world.pool.give(assigned("along"));
        world.engine.program("along", Program::exits(143, SECOND * 10));
        world.live(async |worker| {
            world.until(worker, "running", |s| s.status.running_tasks == 1).await;
            world.pass(if answers_for > 0.0 { 10.0 + answers_for } else { 0.0 }).await;
            let away = EngineError::new(EngineErrorKind::Stopped, "the socket is missing");
            world.engine.faults.fail(EngineCall::Verify, away);
            world.pass(30.0).await;
            assert_eq!(
                world.pool.attempt(&key("along", 1)).submitted_at.len(),
                0,
                "it is no failure of the task"
            );
            world.engine.program("along", Program::exits(0, SECOND * 3));
            world.engine.faults.heal_all();
            world.when("settled", |w| journalled(w, "along", Phase::Settled)).await;
            world.pass(5.0).await;
        });
        let known = world.pool.attempt(&key("along", 1));
        assert_eq!(known.result.map(|result| result.verdict), Some(Verdict::Succeeded), "{answers_for} s");
        assert_eq!(world.engine.started().len(), 2, "{answers_for} s");
        assert_clean(&world);
    }
}

#[test]
fn a_program_that_ends_as_if_killed_has_failed_after_all() {
    let world = World::default();
    world.pool.give(assigned("itself"));
    world.engine.program("itself", Program::exits(143, SECOND * 3));
    world.live(async |_| {
        world.when("settled", |w| journalled(w, "itself", Phase::Settled)).await;
        world.pass(1.0).await;
    });
    let verdict = world.pool.attempt(&key("itself", 1)).result.map(|result| result.verdict);
    assert!(matches!(verdict, Some(Verdict::Failed { exit_code: Some(143), .. })), "{verdict:?}");
    assert_clean(&world);
}
