//! Pauses and hours: no new work is taken, running tasks go on.

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
fn a_pause_lets_tasks_go_on_takes_no_new_ones_and_ends_at_its_time() {
    let world = World::default();
    world.pool.give(assigned("before"));
    world.engine.program("before", Program::exits(0, SECOND * 300));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        let paused = snooze(worker, "15m").await;
        assert_eq!((paused.status.state, paused.status.contributing), (StatusState::Snoozed, true));
        assert_eq!((paused.decision.reason, paused.decision.takes_work), (DecisionReason::Snoozed, false));
        assert_eq!(paused.decision.remedy, "end_snooze");
        assert_eq!(paused.decision.until.as_deref().map(str::len), Some("15:40".len()));
        // The call for work that stood at the pool brings one more: it goes back at once, without blame.
        world.pool.give(assigned("during"));
        world.pass(600.0).await;
        assert_eq!(world.engine.started(), [key("before", 1)]);
        assert_eq!(seen(worker).await.today.settled_cpt, 7, "the running task was not paid");
        assert_eq!(seen(worker).await.status.state, StatusState::Snoozed);
        world.pass(299.0).await;
        world.until(worker, "work again", |s| s.decision.takes_work).await;
        world.pool.give(assigned("after"));
        world.until(worker, "paid", |s| s.today.settled_cpt >= 14).await;
    });
    assert_eq!(world.engine.started(), [key("before", 1), key("after", 1)]);
    assert_eq!(world.pool.attempt(&key("during", 1)).handed_back, [HandBack::OwnerStopped]);
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
