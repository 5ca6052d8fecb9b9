//! What is kept of failed attempts, what is told about all of them, and what the computer's thresholds say.

use crate::{SECOND, assert_clean, journalled, stopped, task_ref};
use hivemind_control::{Control, ErrorCode};
use hivemind_domain::resources::GIB;
use hivemind_domain::task::{PackageRef, Phase};
use hivemind_testkit::{EngineCall, Program, World, assigned, key};
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use serde_json::Value;

#[test]
fn what_is_known_of_a_failed_task_is_kept_and_can_be_opened() {
    let world = World::default();
    world.pool.give(assigned("fails"));
    world
        .engine
        .program("fails", Program::exits(3, SECOND * 5).counts(2500, SECOND / 1000).leaving(b"partial"));
    world.live(async |worker| {
        world.when("settled", |w| journalled(w, "fails", Phase::Settled)).await;
        let view = worker.control.debug_data(task_ref("fails")).await.unwrap();
        assert_eq!(view.folder, "/debug/fails.1");
        assert_eq!(view.until_ms - view.kept_at_ms, 7 * 86_400_000);
        worker.control.open_debug_data(task_ref("fails")).await.unwrap();
        assert_eq!(world.desktop.asked(), ["open_folder /debug/fails.1"]);
    });
    let kept = world.debug.kept(&key("fails", 1)).expect("kept");
    assert_eq!(kept.outputs.as_deref(), Some(&b"partial"[..]));
    assert_eq!(kept.log.lines().count(), 2500);
    assert!(kept.log.lines().next().unwrap().ends_with(" out line 0"), "{}", &kept.log[..60]);
    assert!(kept.container.unwrap().contains("container-1"));
    let report: Value = serde_json::from_str(&kept.report).unwrap();
    assert_eq!(report["task"]["report"]["exit_class"], "exit_code");
    assert_eq!(
        (&report["task"]["report"]["exit_code"], &report["assignment"]["name"]),
        (&Value::from(3), &Value::from("fails"))
    );
    assert_clean(&world);
}

#[test]
fn nothing_is_kept_of_other_ends_and_nothing_at_all_when_it_is_switched_off() {
    let world = World::default();
    world.pool.give(assigned("works"));
    world.engine.program("stopped", Program::endless());
    world.live(async |worker| {
        world.when("settled", |w| journalled(w, "works", Phase::Settled)).await;
        world.pool.give(assigned("stopped"));
        world.when("running", |w| w.engine.running() == 1).await;
        worker.control.stop_task(stopped("stopped")).await.unwrap();
        world.when("handed back", |w| journalled(w, "stopped", Phase::HandedBack)).await;
        worker
            .control
            .set_setting(hivemind_control::SettingChange {
                key: "debug_data_days".into(),
                value: Some("0".into()),
            })
            .await
            .unwrap();
        world.engine.program("fails", Program::exits(1, SECOND));
        world.pool.give(assigned("fails"));
        world.when("settled", |w| journalled(w, "fails", Phase::Settled)).await;
        for task in ["works", "stopped", "fails"] {
            assert_eq!(world.debug.kept(&key(task, 1)), None, "{task}");
            let gone = worker.control.debug_data(task_ref(task)).await.unwrap_err();
            assert_eq!(gone.code, ErrorCode::DebugDataGone);
        }
    });
    assert_clean(&world);
}

#[test]
fn a_task_that_failed_before_it_ran_and_one_that_ran_out_of_time_are_kept_too() {
    let world = World::default();
    let refused = EngineError::new(EngineErrorKind::Package, "the package is a bomb: ratio in a.txt");
    world.engine.faults.fail_times(EngineCall::Prepare, refused, 1);
    world.pool.give(assigned("bomb"));
    let mut late = assigned("late");
    late.assignment.limits.timeout = SECOND * 30;
    world.engine.program("late", Program::endless().line(SECOND, "hello"));
    world.live(async |_| {
        world.when("settled", |w| journalled(w, "bomb", Phase::Settled)).await;
        world.pool.give(late.clone());
        world.when("settled", |w| journalled(w, "late", Phase::Settled)).await;
    });
    let class = |task: &str| {
        let report: Value =
            serde_json::from_str(&world.debug.kept(&key(task, 1)).expect(task).report).unwrap();
        report["task"]["report"]["exit_class"].as_str().unwrap().to_owned()
    };
    assert_eq!((class("bomb").as_str(), class("late").as_str()), ("package", "timed_out"));
    assert_clean(&world);
}

#[test]
fn an_engine_that_hangs_does_not_hold_the_result_up() {
    let world = World::default();
    world.engine.faults.delay(EngineCall::Describe, SECOND * 3600);
    world.engine.program("fails", Program::exits(1, SECOND));
    world.pool.give(assigned("fails"));
    world.live(async |_| {
        let before = tokio::time::Instant::now();
        world.when("settled", |w| journalled(w, "fails", Phase::Settled)).await;
        assert!(before.elapsed() < SECOND * 20);
    });
}

#[test]
fn every_ended_attempt_has_a_report_with_its_phases() {
    let world = World::default();
    let mut work = assigned("works");
    let content = b"a package";
    let sha256 = "ab".repeat(32);
    world.pool.keep_package("p-1", content);
    work.assignment.package = Some(PackageRef { id: "p-1".into(), sha256, size_bytes: content.len() as u64 });
    world.pool.give(work);
    world.engine.program("works", Program::exits(0, SECOND * 7).leaving(b"answer"));
    world.live(async |worker| {
        world.when("settled", |w| journalled(w, "works", Phase::Settled)).await;
        let task = worker.control.task(task_ref("works")).await.unwrap();
        let report = task.report.expect("a report");
        assert_eq!((report.exit_class.as_str(), report.exit_code), ("succeeded", Some(0)));
        assert_eq!((report.bytes_in, report.bytes_out, report.gpu_ms), (9, 6, 0));
        assert!((7000..8000).contains(&report.wall_ms), "{report:?}");
        assert_eq!(report.phases.run_ms, report.wall_ms);
        assert_eq!(report.cpu_ms, 3500);
        assert!(report.peak_memory_bytes > 0 && report.image_digest.starts_with("sha256:"));
        let totals = worker.control.metrics(()).await.unwrap().totals;
        assert_eq!((totals.succeeded, totals.failed, totals.bytes_in, totals.bytes_out), (1, 0, 9, 6));
        assert!(totals.run_ms >= 7000);
    });
    let told = world.pool.attempt(&key("works", 1)).result.expect("a result");
    assert_eq!((told.input_bytes, told.times.run_ms, told.gpu_ms), (9, told.wall.as_millis() as u64, 0));
}

#[test]
fn a_full_disk_is_told_to_the_owner_the_log_and_the_pool_and_taken_back() {
    let world = World::default();
    world.host.set_disk_free(5 * GIB);
    world.live(async |worker| {
        world.until(worker, "an alert", |s| s.alerts == ["disk_high"]).await;
        let snapshot = worker.control.snapshot(()).await.unwrap();
        assert_eq!(snapshot.notices.iter().filter(|n| n.error.code == ErrorCode::DiskHigh).count(), 1);
        world.when("reported", |w| w.pool.reports().iter().any(|r| r.alerts == ["disk_high"])).await;
        world.host.set_disk_free(40 * GIB);
        world.until(worker, "calm", |s| s.alerts.is_empty()).await;
        world.when("reported", |w| w.pool.reports().last().is_some_and(|r| r.alerts.is_empty())).await;
        worker
            .control
            .set_setting(hivemind_control::SettingChange {
                key: "alert_disk_percent".into(),
                value: Some("0".into()),
            })
            .await
            .unwrap();
        world.host.set_disk_free(3 * GIB);
        world.pass(300.0).await;
        assert!(worker.control.snapshot(()).await.unwrap().alerts.is_empty(), "switched off");
    });
}

#[test]
fn what_is_kept_is_looked_through_at_the_start_and_once_a_day() {
    let world = World::default();
    world.settings.put("debug_data_quota", "512m");
    world.live(async |_| {
        world.when("swept", |w| w.debug.sweeps().len() == 1).await;
        world.pass(86_000.0).await;
        assert_eq!(world.debug.sweeps().len(), 1);
        world.pass(2000.0).await;
        assert_eq!(world.debug.sweeps().len(), 2);
    });
    let limits = world.debug.sweeps()[0];
    assert_eq!((limits.quota_bytes, limits.days), (512 << 20, 7));
}
