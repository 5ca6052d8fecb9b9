//! Pauses and hours: no new work is taken, running tasks are frozen.

use crate::{SECOND, assert_clean};
use hivemind_control::{
    Control, DecisionReason, ErrorCode, IgnoreRulesRequest, PresetRequest, SettingChange, Snapshot,
    SnoozeRequest, StatusState, TimelineQuery,
};
use hivemind_domain::rules::{Sensed, Signal};
use hivemind_domain::task::HandBack;
use hivemind_testkit::{Program, World, assigned, key};
use hivemind_worker_core::Worker;
use hivemind_worker_core::port::Clock;

async fn snooze(worker: &Worker, length: &str) -> Snapshot {
    worker.control.snooze(SnoozeRequest { length: length.into(), gpus_only: false }).await.unwrap()
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
        let wrong = worker
            .control
            .snooze(SnoozeRequest { length: "forever".into(), gpus_only: false })
            .await
            .unwrap_err();
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

#[test]
fn a_battery_that_is_pulled_freezes_and_one_put_back_lets_go_on_after_a_calm_minute() {
    let world = World::default();
    world.pool.give(assigned("one"));
    world.engine.program("one", Program::exits(0, SECOND * 100));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(30.0).await;
        world.senses.tell(Sensed::OnBattery(Signal::Value(true))).await;
        let paused = world.until(worker, "frozen", |s| s.tasks.iter().any(|t| t.frozen)).await;
        assert_eq!(
            (paused.status.state, paused.decision.reason),
            (StatusState::Yielding, DecisionReason::OnBattery)
        );
        assert_eq!(paused.decision.remedy, "plug_in");
        assert!(paused.give_back.is_some_and(|measured| measured.times == 1));
        world.pass(120.0).await;
        world.senses.tell(Sensed::OnBattery(Signal::Value(false))).await;
        world.pass(58.0).await;
        assert_eq!(world.engine.frozen(), 1, "not yet a minute");
        world.pass(4.0).await;
        world.when("goes on", |w| w.engine.frozen() == 0).await;
        world.until(worker, "paid", |s| s.today.settled_cpt > 0).await;
        let query = TimelineQuery::default();
        let told = worker.control.timeline(query).await.unwrap();
        let battery = told.sums.iter().find(|sum| sum.reason == DecisionReason::OnBattery).unwrap();
        assert!((175_000..190_000).contains(&battery.ms) && battery.working_ms < 2_000, "{told:?}");
        assert!(told.spans.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms), "{told:?}");
        let whole: u64 = told.sums.iter().map(|sum| sum.ms).sum();
        let lived = told.spans.last().unwrap().to_ms - told.spans.first().unwrap().from_ms;
        assert_eq!(whole, lived as u64);
    });
    assert!(!world.book.all().is_empty(), "kept");
    assert_clean(&world);
}

#[test]
fn a_computer_about_to_sleep_waits_until_everything_is_frozen() {
    let world = World::default();
    world.pool.give(assigned("one"));
    world.engine.program("one", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.senses.tell_and_wait(Sensed::Suspending(Signal::Value(true))).await;
        assert_eq!(world.engine.frozen(), 1, "frozen before anybody lets go");
        world.senses.tell(Sensed::Suspending(Signal::Value(false))).await;
        world.when("goes on", |w| w.engine.frozen() == 0).await;
    });
}

#[test]
fn a_preset_is_taken_over_as_a_whole() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "balanced", |s| s.preset.name == "balanced" && s.preset.differs.is_empty()).await;
        worker.control.set_preset(PresetRequest { name: "quiet".into() }).await.unwrap();
        world.until(worker, "quiet", |s| s.preset.name == "quiet" && s.preset.differs.is_empty()).await;
        let change = SettingChange { key: "exclusive_apps".into(), value: Some("Game.exe, doom:gpu".into()) };
        worker.control.set_setting(change).await.unwrap();
        let wanted = world.senses.wanted().exclusive_apps;
        assert_eq!((wanted.everything, wanted.gpus), (vec!["game.exe".to_owned()], vec!["doom".to_owned()]));
        let wrong = worker.control.set_preset(PresetRequest { name: "loud".into() }).await.unwrap_err();
        assert!(
            wrong.code == ErrorCode::InvalidRequest && wrong.message.contains("quiet"),
            "{}",
            wrong.message
        );
        let wrong = worker.control.ignore_rules(IgnoreRulesRequest { minutes: 5000 }).await.unwrap_err();
        assert!(wrong.message.contains("1440"), "{}", wrong.message);
    });
}

async fn set(worker: &Worker, key: &str, value: &str) {
    let change = SettingChange { key: key.into(), value: Some(value.into()) };
    worker.control.set_setting(change).await.unwrap();
}

#[test]
fn a_used_up_quota_is_counted_over_a_restart_and_ends_at_midnight() {
    const MIB: u64 = 1 << 20;
    let world = World::default();
    // Half past eleven in the evening.
    world.clock.turn_wall(41_400_000);
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        set(worker, "network_quota_day", "100m").await;
        set(worker, "network_quota_month", "64g").await;
        world.pool.set_moved(60 * MIB);
        let some = world.until(worker, "counted", |s| s.traffic.day_bytes == 60 * MIB).await;
        assert_eq!((some.traffic.day_quota_bytes, some.decision.takes_work), (Some(100 * MIB), true));
        world.pool.set_moved(61 * MIB);
        world.pass(90.0).await;
    });
    // The worker is killed here. The pool's own count begins anew with the program.
    world.pool.set_moved(0);
    world.live(async |worker| {
        let kept = world.until(worker, "ready again", |s| s.status.state == StatusState::Ready).await;
        assert_eq!(kept.traffic.day_bytes, 61 * MIB, "kept");
        world.pool.set_moved(39 * MIB);
        let held = world.until(worker, "held off", |s| s.status.state == StatusState::Yielding).await;
        assert_eq!((held.decision.reason, held.decision.takes_work), (DecisionReason::NetworkQuota, false));
        assert_eq!(
            (held.decision.until.as_deref(), held.decision.remedy.as_str()),
            (Some("00:00"), "change_rules")
        );
        world.pool.give(assigned("late"));
        world.pass(600.0).await;
        assert!(world.engine.started().is_empty(), "nothing new begins");
        let midnight = held.decision.until_ms.unwrap();
        world.pass((midnight - world.clock.now().wall.0) as f64 / 1000.0).await;
        let free = world.until(worker, "a new day", |s| s.decision.takes_work).await;
        assert_eq!(
            (free.traffic.day_bytes, free.traffic.month_bytes >= 100 * MIB),
            (0, true),
            "{:?}",
            free.traffic
        );
        world.pool.give(assigned("after"));
        world.until(worker, "taken", |_| !world.engine.started().is_empty()).await;
    });
}

#[test]
fn outside_the_hours_of_the_network_and_under_the_disk_floor_nothing_new_is_taken() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        // The clock of the tests stands outside half an hour of Sunday night.
        set(worker, "network_hours", "sun 03:00-03:30").await;
        let shut = world.until(worker, "shut", |s| s.status.state == StatusState::Yielding).await;
        assert_eq!(shut.decision.reason, DecisionReason::NetworkHours);
        assert!(shut.decision.until.is_some());
        set(worker, "network_hours", "").await;
        world.until(worker, "open", |s| s.decision.takes_work).await;
        world.host.set_disk_free(9 << 30);
        let low = world.until(worker, "low", |s| s.status.state == StatusState::Yielding).await;
        assert_eq!(
            (low.decision.reason, low.decision.remedy.as_str()),
            (DecisionReason::DiskLow, "free_disk")
        );
        set(worker, "keep_disk_free", "2g").await;
        world.until(worker, "room enough", |s| s.decision.takes_work).await;
    });
}

#[test]
fn the_computer_is_kept_awake_on_the_mains_while_a_task_computes_and_only_if_chosen() {
    let world = World::default();
    world.pool.give(assigned("long"));
    world.engine.program("long", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(60.0).await;
        assert!(!world.senses.wanted().awake, "off unless chosen");
        set(worker, "keep_awake", "true").await;
        world.when("awake", |w| w.senses.wanted().awake).await;
        world.senses.tell(Sensed::OnBattery(Signal::Unreadable)).await;
        world.when("not on what may be a battery", |w| !w.senses.wanted().awake).await;
        world.senses.tell(Sensed::OnBattery(Signal::Value(false))).await;
        world.when("awake again", |w| w.senses.wanted().awake).await;
        set(worker, "run_on_battery", "true").await;
        world.senses.tell(Sensed::OnBattery(Signal::Value(true))).await;
        world.when("never on battery", |w| !w.senses.wanted().awake).await;
        assert_eq!(seen(worker).await.status.running_tasks, 1);
        world.senses.tell(Sensed::OnBattery(Signal::Value(false))).await;
        world.when("on the mains", |w| w.senses.wanted().awake).await;
        snooze(worker, "10m").await;
        world.when("a frozen task keeps nobody awake", |w| !w.senses.wanted().awake).await;
    });
}

#[test]
fn the_speed_is_measured_once_per_hardware_after_a_calm_and_never_in_use() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        world.senses.tell(Sensed::RemoteSession(Signal::Value(true))).await;
        world.until(worker, "in use", |s| s.decision.reason == DecisionReason::InUse).await;
        world.pass(1500.0).await;
        assert_eq!(world.host.benchmarks(), 0, "somebody uses it");
        world.senses.tell(Sensed::RemoteSession(Signal::Value(false))).await;
        world.until(worker, "free", |s| s.decision.reason == DecisionReason::Free).await;
        world.pass(500.0).await;
        assert_eq!(world.host.benchmarks(), 0, "not calm for long enough");
        let found = world.until(worker, "measured", |s| s.host.benchmark.is_some()).await;
        assert_eq!(found.host.benchmark.unwrap().cpu_all_mflops, 20_000);
        world.pass(1500.0).await;
    });
    world.live(async |worker| {
        world.until(worker, "known", |s| s.host.benchmark.is_some()).await;
        world.pass(1500.0).await;
        assert_eq!(world.host.benchmarks(), 1, "kept over a restart");
    });
    world.host.set_cpu_name("Another CPU");
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        world.when("measured anew", |w| w.host.benchmarks() == 2).await;
    });
}
