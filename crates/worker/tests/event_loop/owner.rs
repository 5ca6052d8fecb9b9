//! The owner stops, finishes, quits and changes settings.

use crate::{SECOND, assert_clean, journalled, phase, stopped, task_ref, unreachable};
use hivemind_control::{ApiError, Control, ErrorCode, SettingChange, StatusState, StopTaskRequest};
use hivemind_domain::task::{HandBack, Phase};
use hivemind_testkit::{JournalCall, PoolCall, Program, World, assigned, key};
use hivemind_worker_core::Worker;

#[test]
fn stopping_hands_running_tasks_back_at_once() {
    let world = World::default();
    world.pool.give(assigned("stopped"));
    world.engine.program("stopped", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        worker.control.stop(()).await.unwrap();
        world.when("handed back", |w| journalled(w, "stopped", Phase::HandedBack)).await;
        world.pass(1.0).await;
        let off = worker.control.snapshot(()).await.unwrap();
        assert_eq!((off.status.state, off.status.contributing), (StatusState::Off, false));
        world.pool.give(assigned("later"));
        world.pass(60.0).await;
    });
    let known = world.pool.attempt(&key("stopped", 1));
    assert_eq!((known.handed_back, known.submitted_at.len()), (vec![HandBack::OwnerStopped], 0));
    assert_eq!(world.engine.started(), [key("stopped", 1)], "nothing new was taken");
    assert_clean(&world);
    // The wish outlives the worker.
    world.live(async |worker| {
        world.pass(30.0).await;
        assert_eq!(worker.control.snapshot(()).await.unwrap().status.state, StatusState::Off);
    });
}

#[test]
fn finishing_lets_tasks_end_and_takes_no_more() {
    let world = World::default();
    world.pool.give(assigned("last"));
    world.engine.program("last", Program::exits(0, SECOND * 20));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        let draining = worker.control.finish(()).await.unwrap();
        assert!(draining.status.draining && !draining.status.contributing);
        world.pool.give(assigned("later"));
        let off = world.until(worker, "off", |s| s.status.state == StatusState::Off).await;
        assert_eq!((off.tasks.len(), off.today.settled_cpt), (0, 7));
        world.pass(60.0).await;
    });
    assert_eq!(world.engine.started(), [key("last", 1)]);
}

#[test]
fn one_task_can_be_stopped_and_an_ended_one_cannot() {
    let world = World::default();
    world.pool.give(assigned("one"));
    world.pool.give(assigned("other"));
    for name in ["one", "other"] {
        world.engine.program(name, Program::endless());
    }
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 2).await;
        worker.control.stop_task(stopped("one")).await.unwrap();
        let again = worker.control.stop_task(stopped("one")).await.unwrap_err();
        assert_eq!(again.code, ErrorCode::TaskEnded, "it is being stopped already");
        world.when("handed back", |w| journalled(w, "one", Phase::HandedBack)).await;
        let ended = worker.control.stop_task(stopped("one")).await.unwrap_err();
        assert_eq!(ended.code, ErrorCode::TaskEnded);
        for unknown in ["none", "../etc", ""] {
            let error = worker.control.stop_task(stopped(unknown)).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::TaskUnknown, "{unknown:?}");
        }
        let left = worker.control.snapshot(()).await.unwrap();
        assert_eq!((phase(&left, "other").as_str(), left.status.contributing), ("running", true));
    });
}

#[test]
fn the_requester_is_told_the_owners_reason_as_one_plain_line() {
    let world = World::default();
    world.live(async |worker| {
        for (name, reason) in [
            ("given", Some("too \u{1b}[31mslow\n\u{202E}".to_owned())),
            ("none", Some(" \n ".to_owned())),
            ("long", Some("x".repeat(5000))),
        ] {
            world.engine.program(name, Program::endless());
            world.pool.give(assigned(name));
            world.until(worker, "running", |s| s.status.running_tasks == 1).await;
            worker.control.stop_task(StopTaskRequest { reason, ..stopped(name) }).await.unwrap();
            world.when("handed back", |w| journalled(w, name, Phase::HandedBack)).await;
        }
        let said =
            async |name| worker.control.task(task_ref(name)).await.unwrap().message.unwrap_or_default();
        assert_eq!(said("given").await, "the owner stopped this task: too [31mslow");
        assert_eq!(said("none").await, "the owner stopped this task");
        assert_eq!(said("long").await, format!("the owner stopped this task: {}", "x".repeat(200)));
    });
}

#[test]
fn quitting_hands_back_and_ends_soon() {
    let world = World::default();
    world.pool.give(assigned("quit"));
    world.engine.program("quit", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.journal.faults.delay(JournalCall::Put, SECOND / 4);
        let before = tokio::time::Instant::now();
        worker.control.quit(()).await.unwrap();
        world.when("ended", |_| worker.ended.is_finished()).await;
        assert!(before.elapsed() < SECOND * 3, "{:?}", before.elapsed());
    });
    assert_eq!(world.pool.attempt(&key("quit", 1)).handed_back, [HandBack::ShuttingDown]);
    assert!(journalled(&world, "quit", Phase::HandedBack), "the last word is written before the end");
    assert_clean(&world);
}

#[test]
fn quitting_ends_within_the_limit_even_when_nothing_answers() {
    let world = World::default();
    world.pool.give(assigned("stuck"));
    world.engine.program("stuck", Program::endless().stubborn());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        for call in [PoolCall::HandBack, PoolCall::Heartbeat, PoolCall::Connect] {
            world.pool.faults.fail(call, unreachable());
        }
        let before = tokio::time::Instant::now();
        worker.control.quit(()).await.unwrap();
        world.when("ended", |_| worker.ended.is_finished()).await;
        assert!(before.elapsed() <= SECOND * 22, "{:?}", before.elapsed());
        let late = worker.control.start(()).await.unwrap_err();
        assert_eq!(late.code, ErrorCode::WorkerNotRunning);
    });
    // What was not handed back is handed back by the next worker.
    world.pool.faults.heal_all();
    world.live(async |_| {
        world.when("handed back", |w| journalled(w, "stuck", Phase::HandedBack)).await;
        world.pass(10.0).await;
    });
    assert_eq!(world.pool.attempt(&key("stuck", 1)).handed_back, [HandBack::ShuttingDown]);
    assert_clean(&world);
}

#[test]
fn a_changed_limit_counts_at_once() {
    let world = World::default();
    let set = |key: &str, value: &str| SettingChange { key: key.into(), value: Some(value.into()) };
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        worker.control.set_setting(set("max_concurrent_tasks", "1")).await.unwrap();
        let snapshot = worker.control.snapshot(()).await.unwrap();
        assert_eq!(snapshot.limits.max_tasks, 1);
        for name in ["a", "b"] {
            world.pool.give(assigned(name));
            world.engine.program(name, Program::endless());
        }
        world.until(worker, "one runs", |s| s.status.running_tasks == 1).await;
        world.pass(60.0).await;
        assert_eq!(world.engine.running(), 1);
        worker.control.set_setting(set("max-concurrent-tasks", "2")).await.unwrap();
        world.until(worker, "two run", |s| s.status.running_tasks == 2).await;
        worker.control.set_setting(set("max_memory_limit", "1g")).await.unwrap();
        assert_eq!(world.engine.running(), 2, "what runs goes on");
        let wrong = worker.control.set_setting(set("max_memory_limit", "much")).await.unwrap_err();
        assert_eq!(wrong.code, ErrorCode::InvalidSetting);
        assert_eq!(wrong.facts.get("key").map(String::as_str), Some("max_memory_limit"));
        worker.control.set_setting(set("start_at_login", "true")).await.unwrap();
        worker.control.set_setting(set("theme", "dark")).await.unwrap();
        world.until(worker, "the theme", |s| s.theme == "dark").await;
        world.settings.set_read_only(true);
        assert!(worker.control.set_setting(set("theme", "light")).await.is_err());
    });
    assert_eq!(world.desktop.asked(), ["start_at_login true"]);
}

#[test]
fn an_assignment_that_no_longer_fits_is_declined() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        world.pass(1.0).await;
        // The standing offer was made with more.
        let change = SettingChange { key: "max_memory_limit".into(), value: Some("1g".into()) };
        worker.control.set_setting(change).await.unwrap();
        world.pool.give(assigned("large"));
        world.when("declined", |w| !w.pool.attempt(&key("large", 1)).handed_back.is_empty()).await;
    });
    assert_eq!(world.pool.attempt(&key("large", 1)).handed_back, [HandBack::CannotRun]);
    assert_eq!(world.journal.row(&key("large", 1)), None);
}

#[test]
fn a_pool_hears_that_a_computer_leaves_unless_something_is_unsent() {
    for unsent in [false, true] {
        let world = World::default();
        world.pool.give(assigned("last"));
        if unsent {
            world.pool.faults.fail(PoolCall::Submit, unreachable());
        }
        world.live(async |worker| {
            let phase = if unsent { Phase::Uploading } else { Phase::Settled };
            world.when("ended", |w| journalled(w, "last", phase)).await;
            worker.control.quit(()).await.unwrap();
            world.when("ended", |_| worker.ended.is_finished()).await;
        });
        assert_eq!(world.pool.knows_node(), unsent, "a quick restart still finds its lease");
    }
}

#[test]
fn what_was_found_wrong_at_the_start_is_told() {
    let world = World::default();
    world.live(async |_| {
        let mut ports = world.ports();
        ports.found = vec![ApiError::new(ErrorCode::JournalDamaged, "3 tasks were taken over")];
        let worker = Worker::start(ports).await.unwrap();
        let told = worker.control.snapshot(()).await.unwrap().notices;
        assert_eq!(told.first().map(|n| n.error.code), Some(ErrorCode::JournalDamaged));
    });
}
