//! Giving way: freezing, going on, and handing back.

use super::*;
use hivemind_domain::rules::{Rules, Sensed, Share, Signal, Snooze};

fn second(s: u64) -> Now {
    at(s * 1000)
}

/// Takes a task and brings its container to run.
fn running(core: &mut Core, name: &str, now: Now) -> TaskKey {
    give(core, name, now);
    let k = key(name, 1);
    let prepared = TaskInput::Prepared { container: format!("c-{name}"), image_digest: "sha256:1".into() };
    core.step(Input::Task(k.clone(), prepared), now);
    core.step(Input::Task(k.clone(), TaskInput::Started), now);
    k
}

fn snooze(core: &mut Core, on: bool, now: Now) -> Vec<Effect> {
    core.step(Input::Owner(OwnerAsks::Snooze(on.then_some(Snooze::UntilResumed))), now)
}

fn froze(core: &mut Core, k: &TaskKey, frozen: bool, now: Now) -> Vec<Effect> {
    core.step(Input::Froze { key: k.clone(), frozen, answer: Ok(()) }, now)
}

/// Whose containers are frozen, and whose go on.
fn asked(effects: &[Effect]) -> Vec<(String, bool)> {
    let mut asked = Vec::new();
    for effect in effects {
        if let Effect::Freeze { container, frozen, .. } = effect {
            asked.push((container.clone(), *frozen));
        }
    }
    asked
}

fn handed_back(effects: &[Effect]) -> Vec<String> {
    let mut back = Vec::new();
    for effect in effects {
        if let Effect::Persist(task, _) = effect
            && let Some(Verdict::HandedBack { reason: HandBack::GaveWay, message }) = &task.verdict
        {
            back.push(message.clone());
        }
    }
    back
}

#[test]
fn a_frozen_task_neither_ages_nor_times_out() {
    let mut core = online(vec![]);
    let k = running(&mut core, "one", second(0));
    assert_eq!(asked(&snooze(&mut core, true, second(10))), [("c-one".to_owned(), true)]);
    assert_eq!(asked(&core.step(Input::Tick, second(10))), [], "asked once");
    let effects = froze(&mut core, &k, true, at(10_200));
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::Persist(task, todo) if task.frozen_at.is_some() && todo.is_empty()))
    );
    // Its time-out is 60 s.
    core.step(Input::Tick, second(600));
    let view = core.snapshot(second(600)).tasks[0].clone();
    assert_eq!((view.active_ms, view.frozen, view.frozen_ms, view.verdict), (10_200, true, 589_800, None));
    let measured = core.snapshot(second(600)).give_back.unwrap();
    assert_eq!((measured.times, measured.p50_ms, measured.p95_ms), (1, 200, 200));
    assert_eq!(asked(&snooze(&mut core, false, second(600))), [("c-one".to_owned(), false)]);
    froze(&mut core, &k, false, second(600));
    core.step(Input::Tick, second(649));
    assert_eq!(core.snapshot(second(649)).tasks[0].verdict, None);
    core.step(Input::Tick, second(650));
    let late = core.snapshot(second(650)).tasks[0].clone();
    assert_eq!((late.verdict.as_deref(), late.frozen_ms), (Some("timed_out"), 589_800));
    let report = core.live_task(&k).unwrap().report().unwrap();
    assert_eq!((report.wall_ms, report.frozen_ms), (650_000, 589_800));
}

#[test]
fn every_task_is_asked_at_once_and_one_that_comes_up_later_too() {
    let mut core = online(vec![]);
    let (a, b) = (running(&mut core, "a", second(0)), running(&mut core, "b", second(0)));
    give(&mut core, "late", second(0));
    assert_eq!(asked(&snooze(&mut core, true, second(1))).len(), 2);
    froze(&mut core, &a, true, at(1100));
    assert_eq!(core.snapshot(at(1100)).give_back, None, "one still runs");
    froze(&mut core, &b, true, at(1300));
    assert_eq!(core.snapshot(at(1300)).give_back.unwrap().p95_ms, 300);
    let late = key("late", 1);
    let prepared = TaskInput::Prepared { container: "c-late".into(), image_digest: "sha256:1".into() };
    core.step(Input::Task(late.clone(), prepared), second(2));
    let effects = core.step(Input::Task(late, TaskInput::Started), second(3));
    assert_eq!(asked(&effects), [("c-late".to_owned(), true)]);
    assert_eq!(core.snapshot(second(3)).status.state, StatusState::Snoozed);
}

#[test]
fn an_engine_that_cannot_freeze_is_asked_again() {
    let mut core = online(vec![]);
    let k = running(&mut core, "one", second(0));
    snooze(&mut core, true, second(1));
    let failed = EngineError::new(crate::port::EngineErrorKind::Failed, "busy");
    let effects = core.step(Input::Froze { key: k.clone(), frozen: true, answer: Err(failed) }, second(2));
    assert_eq!(asked(&effects), []);
    assert_eq!(core.next_wake(second(2).mono), Some(second(4).mono));
    assert_eq!(asked(&core.step(Input::Tick, second(4))), [("c-one".to_owned(), true)]);
    assert!(!core.snapshot(second(4)).tasks[0].frozen);
}

#[test]
fn after_a_quarter_of_an_hour_it_goes_back_without_blame() {
    let mut core = online(vec![]);
    let k = running(&mut core, "one", second(0));
    snooze(&mut core, true, second(10));
    froze(&mut core, &k, true, second(10));
    renew(&mut core, second(905));
    assert_eq!(handed_back(&core.step(Input::Tick, second(909))), Vec::<String>::new());
    assert_eq!(core.next_wake(second(909).mono), Some(second(910).mono));
    let back = handed_back(&core.step(Input::Tick, second(910)));
    assert!(back.len() == 1 && back[0].contains("snoozed") && back[0].contains("15 minutes"), "{back:?}");
    core.step(Input::Task(k.clone(), TaskInput::Stopped), second(911));
    assert_eq!(core.snapshot(second(911)).tasks[0].phase, "uploading");
    assert_eq!(core.live_task(&k).unwrap().frozen_ms, 900_000);
    // Nothing wakes the core again and again.
    assert!(core.next_wake(second(912).mono).is_none_or(|at| at > second(912).mono));
}

#[test]
fn a_task_with_gpus_is_stopped_because_a_frozen_one_keeps_their_memory() {
    for reason in ["in use", "snoozed"] {
        let mut core = online(vec![]);
        let k = running(&mut core, "gpu", second(0));
        core.live.get_mut(&k).unwrap().task.assignment.limits.resources.gpus = 1;
        let effects = if reason == "snoozed" {
            snooze(&mut core, true, second(1))
        } else {
            // In use, tasks keep a part of the processor, and no GPU.
            let rules = Rules { in_use: Share { gpu: false, ..Rules::default().in_use }, ..Rules::default() };
            core.step(Input::Limits(Limits { rules: Box::new(rules), ..core.limits.clone() }), second(1));
            core.step(Input::Sensed(Sensed::Idle(Signal::Value(Duration::ZERO)), second(1).mono), second(1))
        };
        let back = handed_back(&effects);
        assert!(back.len() == 1 && back[0].contains("GPU"), "{reason}: {back:?}");
        assert!(asked(&effects).is_empty(), "{reason}");
        assert!(
            effects.iter().any(|e| matches!(e, Effect::Persist(_, todo) if todo.contains(&TaskEffect::Halt)))
        );
    }
}

#[test]
fn a_frozen_container_is_adopted_as_such() {
    let mut core = online(vec![]);
    let k = running(&mut core, "one", second(0));
    snooze(&mut core, true, second(10));
    froze(&mut core, &k, true, second(10));
    let mut task = core.live_task(&k).unwrap().clone();
    // The last thing written down was the freezing.
    task.usage = hivemind_domain::usage::TaskUsage::default();
    let own =
        OwnContainer { container: "c-one".into(), key: Some(k.clone()), gpus: Vec::new(), frozen: true };

    for still_paused in [true, false] {
        let mut next = new_core();
        if still_paused {
            snooze(&mut next, true, second(100));
        }
        next.step(restored(vec![task.clone()]), second(100));
        next.step(engine_ready(), second(100));
        next.step(Input::Containers(Ok(vec![own.clone()])), second(100));
        let effects = next.step(Input::Task(k.clone(), TaskInput::Started), second(101));
        let view = next.snapshot(second(101)).tasks[0].clone();
        assert_eq!((view.active_ms, view.frozen), (10_000, true), "only what it ran is counted");
        if still_paused {
            assert_eq!(asked(&effects), []);
        } else {
            assert_eq!(asked(&effects), [("c-one".to_owned(), false)]);
            froze(&mut next, &k, false, second(102));
            assert_eq!(next.snapshot(second(112)).tasks[0].active_ms, 20_000);
            assert_eq!(next.snapshot(second(112)).tasks[0].frozen_ms, 92_000);
        }
    }
}

#[test]
fn one_that_is_ended_while_it_freezes_is_let_go() {
    let mut core = online(vec![]);
    let k = running(&mut core, "one", second(0));
    snooze(&mut core, true, second(1));
    core.step(Input::Owner(OwnerAsks::StopTask(k.clone(), String::new())), second(1));
    let effects = froze(&mut core, &k, true, second(2));
    assert_eq!(asked(&effects), [("c-one".to_owned(), false)], "or it could not end");
    assert_eq!(asked(&froze(&mut core, &k, false, second(2))), []);
}

#[test]
fn a_frozen_task_may_be_silent() {
    let mut core = online(vec![]);
    let k = running(&mut core, "one", second(0));
    snooze(&mut core, true, second(1));
    froze(&mut core, &k, true, second(1));
    for s in (5..120).step_by(5) {
        core.step(Input::Tick, second(s));
    }
    assert_eq!(core.alerts(), Vec::<String>::new());
    snooze(&mut core, false, second(120));
    froze(&mut core, &k, false, second(120));
    core.step(Input::Tick, second(125));
    assert_eq!(core.alerts(), Vec::<String>::new(), "it has just begun again");
}

#[test]
fn what_makes_tasks_ready_stands_still_as_long_as_tasks_do() {
    let held = |effects: &[Effect]| {
        let held = effects.iter().filter_map(|effect| {
            if let Effect::HoldInstallations(held) = effect { Some(*held) } else { None }
        });
        held.collect::<Vec<_>>()
    };
    let mut core = online(vec![]);
    give(&mut core, "one", second(0));
    assert_eq!(held(&snooze(&mut core, true, second(10))), [true]);
    assert_eq!(held(&core.step(Input::Tick, second(20))), [false; 0], "told once");
    assert_eq!(held(&snooze(&mut core, false, second(30))), [false]);
}
