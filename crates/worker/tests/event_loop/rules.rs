//! Pauses and hours: no new work is taken, running tasks are frozen.

use crate::{SECOND, assert_clean};
use hivemind_control::{
    Control, DecisionReason, ErrorCode, SettingChange, Snapshot, SnoozeRequest, StatusState,
};
use hivemind_domain::task::HandBack;
use hivemind_testkit::{Program, World, assigned, key};
use hivemind_worker_core::Worker;
use hivemind_worker_core::port::Clock;

async fn snooze(worker: &Worker, length: &str) -> Snapshot {
    worker.control.snooze(SnoozeRequest { length: length.into() }).await.unwrap()
}

async fn hours(worker: &Worker, value: &str) {
    let change = SettingChange { key: "schedule".into(), value: Some(value.into()) };
    worker.control.set_setting(change).await.unwrap();
}

async fn seen(worker: &Worker) -> Snapshot {
    worker.control.snapshot(()).await.unwrap()
}

#[test]
fn a_pause_freezes_tasks_takes_no_new_ones_and_ends_at_its_time() {
    let world = World::default();
    world.pool.give(assigned("before"));
    world.engine.program("before", Program::exits(0, SECOND * 300).counts(300, SECOND));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(60.0).await;
        let paused = snooze(worker, "10m").await;
        assert_eq!((paused.status.state, paused.status.contributing), (StatusState::Snoozed, true));
        assert_eq!((paused.decision.reason, paused.decision.takes_work), (DecisionReason::Snoozed, false));
        assert_eq!(paused.decision.remedy, "end_snooze");
        assert_eq!(paused.decision.until.as_deref().map(str::len), Some("15:40".len()));
        world.when("frozen", |w| w.engine.frozen() == 1).await;
        // The call for work that stood at the pool brings one more: it goes back at once, without blame.
        world.pool.give(assigned("during"));
        world.pass(500.0).await;
        assert_eq!(world.engine.started(), [key("before", 1)]);
        let held = seen(worker).await;
        assert_eq!((held.status.state, held.tasks[0].frozen), (StatusState::Snoozed, true));
        assert!((59_000..63_000).contains(&held.tasks[0].active_ms), "{}", held.tasks[0].active_ms);
        world.pass(99.0).await;
        world.until(worker, "work again", |s| s.decision.takes_work).await;
        world.when("thawed", |w| w.engine.frozen() == 0).await;
        world.pool.give(assigned("after"));
        world.until(worker, "paid", |s| s.today.settled_cpt >= 14).await;
    });
    assert_eq!(world.engine.started(), [key("before", 1), key("after", 1)]);
    assert_eq!(world.pool.attempt(&key("during", 1)).handed_back, [HandBack::OwnerStopped]);
    let result = world.pool.attempt(&key("before", 1)).result.unwrap();
    let active = result.usage.active_ms;
    assert!((295_000..310_000).contains(&active), "frozen time is not paid: {active}");
    assert!(result.wall.as_millis() > 890_000, "{:?}", result.wall);
    assert_clean(&world);
}

#[test]
fn a_long_pause_hands_the_attempt_back_and_a_frozen_one_is_adopted() {
    let world = World::default();
    world.pool.give(assigned("long"));
    world.engine.program("long", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        snooze(worker, "3h").await;
        world.when("frozen", |w| w.engine.frozen() == 1).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.engine.frozen(), 1, "a dead worker leaves it frozen");
    world.live(async |worker| {
        world.until(worker, "adopted", |s| s.tasks.iter().any(|t| t.frozen)).await;
        world.pass(600.0).await;
        assert_eq!((world.engine.frozen(), world.engine.started().len()), (1, 1), "still the same container");
        world.until(worker, "handed back", |s| s.tasks.is_empty()).await;
    });
    assert_eq!(world.pool.attempt(&key("long", 1)).handed_back, [HandBack::GaveWay]);
    assert_eq!(world.engine.frozen(), 0);
    assert_clean(&world);
}

#[test]
fn stopping_ends_a_frozen_task_at_once() {
    let world = World::default();
    world.pool.give(assigned("one"));
    world.engine.program("one", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        snooze(worker, "resume").await;
        world.when("frozen", |w| w.engine.frozen() == 1).await;
        worker.control.stop(()).await.unwrap();
        world.until(worker, "off", |s| s.status.state == StatusState::Off && s.tasks.is_empty()).await;
    });
    assert_eq!(world.pool.attempt(&key("one", 1)).handed_back, [HandBack::OwnerStopped]);
    assert_clean(&world);
}

#[test]
fn a_pause_outlives_the_worker_and_ends_when_the_owner_says_so() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        snooze(worker, "resume").await;
        world.pass(1.0).await;
    });
    world.pool.give(assigned("kept"));
    world.live(async |worker| {
        world.until(worker, "snoozed", |s| s.status.state == StatusState::Snoozed).await;
        assert_eq!(seen(worker).await.decision.until, None);
        world.pass(3600.0).await;
        assert_eq!(world.engine.started(), []);
        let off = snooze(worker, "off").await;
        assert!(off.decision.takes_work);
        world.until(worker, "paid", |s| s.today.settled_cpt == 7).await;
        // Beginning to contribute ends a pause as well.
        snooze(worker, "3h").await;
        worker.control.start(()).await.unwrap();
        world.until(worker, "ready", |s| s.decision.takes_work).await;
        let wrong = worker.control.snooze(SnoozeRequest { length: "forever".into() }).await.unwrap_err();
        assert_eq!(wrong.code, ErrorCode::InvalidRequest);
        assert!(wrong.message.contains("forever") && wrong.message.contains("08:00"), "{}", wrong.message);
    });
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
    });
}

#[test]
fn outside_the_hours_no_work_is_taken_and_it_begins_with_them() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        // The only open half hour of the day begins after the one that comes next.
        let minute = world.clock.now().wall.0 / 60_000 % 1440;
        let opens = (minute / 30 + 2) % 48;
        let clock = |half: i64| format!("{:02}:{:02}", half / 2, half % 2 * 30);
        hours(worker, &format!("daily {}-{}", clock(opens), clock((opens + 1) % 48))).await;
        let closed = world.until(worker, "yielding", |s| s.status.state == StatusState::Yielding).await;
        assert_eq!(closed.decision.reason, DecisionReason::Schedule);
        assert_eq!(closed.decision.until, Some(clock(opens)));
        // The call for work from before comes back with nothing in the meantime.
        world.pass(600.0).await;
        world.pool.give(assigned("early"));
        let wait = closed.decision.until_ms.unwrap() - world.clock.now().wall.0;
        world.pass(wait as f64 / 1000.0 - 10.0).await;
        assert_eq!(world.engine.started(), []);
        let open = world.until(worker, "open", |s| s.decision.takes_work).await;
        assert_eq!(open.decision.until, Some(clock((opens + 1) % 48)), "told when they end");
        world.until(worker, "paid", |s| s.today.settled_cpt == 7).await;
        hours(worker, "").await;
        assert_eq!(seen(worker).await.decision.until, None);
        let change =
            SettingChange { key: "schedule".into(), value: Some("mon 10:00-12:00; mon 11:00-13:00".into()) };
        let wrong = worker.control.set_setting(change).await.unwrap_err();
        assert_eq!(wrong.code, ErrorCode::InvalidSetting);
        assert!(
            wrong.message.contains("schedule") && wrong.message.contains("each once"),
            "{}",
            wrong.message
        );
    });
}
