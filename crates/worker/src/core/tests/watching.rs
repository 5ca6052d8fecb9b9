//! The watch over running tasks.

use super::*;
use hivemind_domain::alert::{Alarm, Gauge};
use hivemind_domain::resources::MIB;
use hivemind_domain::usage::UsageSample;

fn running() -> (Core, TaskKey) {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let k = key("t1", 1);
    let prepared = TaskInput::Prepared { container: "c".into(), image_digest: "d".into() };
    core.step(Input::Task(k.clone(), prepared), at(0));
    core.step(Input::Task(k.clone(), TaskInput::Started), at(0));
    (core, k)
}

fn uses(core: &mut Core, k: &TaskKey, memory_bytes: u64, disk: Option<u64>, ms: u64) {
    let sample = UsageSample { memory_bytes, disk_used_bytes: disk, ..UsageSample::default() };
    core.step(Input::Used(k.clone(), sample), at(ms));
}

fn codes(core: &Core, now: Now) -> Vec<ErrorCode> {
    core.snapshot(now).notices.iter().map(|notice| notice.error.code).collect()
}

#[test]
fn a_running_task_is_looked_at_every_five_seconds_and_an_idle_worker_never() {
    let mut core = online(vec![]);
    assert_eq!(core.look_wake(), None);
    core.step(Input::Tick, at(1000));
    assert_eq!(core.next_wake(at(1000).mono), None, "nothing wakes an idle worker");
    let (mut core, k) = running();
    assert_eq!(core.look_wake(), Some(at(5000).mono));
    core.step(Input::Tick, at(4999));
    assert_eq!(core.look_wake(), Some(at(5000).mono));
    core.step(Input::Tick, at(5000));
    assert_eq!(core.look_wake(), Some(at(10_000).mono));
    core.step(Input::Task(k, TaskInput::Exited { code: 0, out_of_memory: false }), at(6000));
    assert_eq!(core.look_wake(), None);
}

#[test]
fn each_limit_that_comes_near_is_told_once() {
    let (mut core, k) = running();
    let limits = TaskLimits::default();
    let most = limits.resources.memory_bytes;
    uses(&mut core, &k, most / 2, Some(MIB), 4000);
    core.step(Input::Tick, at(5000));
    assert_eq!((codes(&core, at(5000)), core.alerts()), (vec![], vec![]));
    for s in 2..5 {
        uses(&mut core, &k, most - MIB, Some(limits.disk_bytes - MIB), s * 5000 - 1);
        core.step(Input::Tick, at(s * 5000));
    }
    let notices = core.snapshot(at(20_000)).notices;
    let told: Vec<_> = notices.iter().map(|n| n.error.facts["limit"].as_str()).collect();
    assert_eq!(told, ["disk", "memory"], "{notices:?}");
    assert!(
        notices.iter().all(|n| n.error.facts["task"] == "t1" && n.error.code == ErrorCode::TaskNearLimit)
    );
    assert_eq!(core.alerts(), ["task_near_limit"]);
    assert_eq!(core.snapshot(at(20_000)).alerts, ["task_near_limit"]);
    assert_eq!(core.take_news().len(), 2);
    for s in 5..12 {
        uses(&mut core, &k, MIB, Some(MIB), s * 5000 - 1);
        core.step(Input::Tick, at(s * 5000));
    }
    let notices = core.snapshot(at(55_000)).notices;
    assert_eq!(notices[0].error.facts["limit"], "time", "54 s of 60 s: {notices:?}");
    assert_eq!(notices.len(), 3);
}

#[test]
fn a_task_that_tells_nothing_is_told_about_until_it_speaks_again() {
    let (mut core, k) = running();
    uses(&mut core, &k, MIB, None, 1000);
    for s in 1..=4 {
        core.step(Input::Tick, at(s * 5000));
    }
    assert_eq!(codes(&core, at(20_000)), [], "19 s are fine");
    core.step(Input::Tick, at(25_000));
    assert_eq!(
        (codes(&core, at(25_000)), core.alerts()),
        (vec![ErrorCode::TaskSilent], vec!["task_silent".to_owned()])
    );
    uses(&mut core, &k, MIB, None, 26_000);
    core.step(Input::Tick, at(30_000));
    assert_eq!((codes(&core, at(30_000)).len(), core.alerts()), (1, vec![]));
    core.step(Input::EngineAway(k, engine_away()), at(31_000));
    for s in 7..20 {
        core.step(Input::Tick, at(s * 5000));
    }
    let silent = codes(&core, at(95_000)).into_iter().filter(|code| *code == ErrorCode::TaskSilent).count();
    assert_eq!(silent, 1, "with the engine away there is nothing to hear");
}

#[test]
fn gauges_of_the_computer_are_told_and_taken_back() {
    let mut core = online(vec![]);
    let alarm = |raised| Alarm { gauge: Gauge::Disk, raised, value: 93.4, threshold: 90.0 };
    core.step(Input::Alarm(alarm(false)), at(1));
    assert!(core.take_news().is_empty(), "it was never raised");
    core.step(Input::Alarm(alarm(true)), at(2));
    core.step(Input::Alarm(alarm(true)), at(3));
    let snapshot = core.snapshot(at(3));
    assert_eq!((snapshot.alerts, snapshot.notices.len()), (vec!["disk_high".to_owned()], 1));
    assert_eq!(snapshot.notices[0].error.facts["value"], "93 %");
    assert_eq!(snapshot.status.state, StatusState::Ready, "a warning stops no work");
    core.step(Input::Alarm(alarm(false)), at(4));
    assert_eq!((core.alerts(), core.snapshot(at(4)).notices.len()), (vec![], 1));
    let levels: Vec<_> = core.take_news().into_iter().map(|news| news.level).collect();
    assert_eq!(levels, [Level::Warning, Level::Ok]);
}
