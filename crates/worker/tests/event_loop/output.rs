//! Output lines reach the pool once each and in order.

use crate::{SECOND, journalled};
use hivemind_control::{Control, LogQuery};
use hivemind_domain::task::Phase;
use hivemind_testkit::{FakeClock, MemoryLogs, PoolCall, Program, World, assigned, key};
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;

fn expected(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("line {n}")).collect()
}

fn told(world: &World, task: &str) -> Vec<String> {
    world.pool.attempt(&key(task, 1)).lines.iter().map(|line| line.text.clone()).collect()
}

#[test]
fn streams_that_break_again_and_again_lose_and_double_nothing() {
    let world = World::default();
    world.pool.give(assigned("lines"));
    world.engine.program("lines", Program::exits(0, SECOND * 60).counts(1000, Duration::from_millis(40)));
    // Some lines are kept without an acknowledgement, some are lost on the way.
    world.pool.break_reports(&[
        (0, false),
        (3, true),
        (1, false),
        (40, true),
        (0, true),
        (200, false),
        (7, true),
    ]);
    world.live(async |_| world.when("settled", |w| journalled(w, "lines", Phase::Settled)).await);
    assert_eq!(told(&world, "lines"), expected(1000));
    assert_eq!(world.pool.attempt(&key("lines", 1)).out_of_order, 0);
    assert!(world.pool.faults.count(PoolCall::Report) >= 8, "every break happened");
}

#[test]
fn every_line_has_arrived_before_the_result() {
    let world = World::default();
    world.pool.give(assigned("burst"));
    world.engine.program("burst", Program::exits(0, SECOND).counts(5000, Duration::from_micros(100)));
    world.live(async |_| {
        world.when("submitted", |w| w.pool.faults.count(PoolCall::Submit) > 0).await;
        assert_eq!(told(&world, "burst").len(), 5000);
    });
}

#[test]
fn a_report_stream_that_never_works_does_not_hold_the_result_up() {
    let world = World::default();
    world.pool.give(assigned("mute"));
    world.pool.faults.fail(PoolCall::Report, PoolError::new(PoolErrorKind::Protocol, "no streams here"));
    world.live(async |_| {
        let before = tokio::time::Instant::now();
        world.when("settled", |w| journalled(w, "mute", Phase::Settled)).await;
        assert!(before.elapsed() < SECOND * 10);
    });
}

#[test]
fn lines_dropped_here_before_the_pool_had_them_do_not_stop_the_rest() {
    let world = World::new(FakeClock::default(), MemoryLogs::keeping(100));
    world.pool.give(assigned("much"));
    world.engine.program("much", Program::exits(0, SECOND * 120).counts(1000, Duration::from_millis(100)));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pool.faults.fail(PoolCall::Report, PoolError::new(PoolErrorKind::Unreachable, "no answer"));
        world.pool.break_reports(&[(0, false)]);
        world.pass(40.0).await;
        world.pool.faults.heal_all();
        world.when("settled", |w| journalled(w, "much", Phase::Settled)).await;
    });
    let lines = told(&world, "much");
    assert_eq!(lines.last().map(String::as_str), Some("line 999"), "{} lines arrived", lines.len());
}

#[test]
fn people_see_the_output_page_by_page() {
    let world = World::default();
    world.pool.give(assigned("pages"));
    world.engine.program("pages", Program::exits(0, SECOND * 5).counts(30, SECOND / 10));
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        let query = LogQuery { task: crate::task_ref("pages"), from: Some(10), limit: 5 };
        let page = worker.control.logs(query).await.unwrap();
        assert_eq!((page.lines.len(), page.lines[0].text.as_str(), page.total), (5, "line 10", 30));
    });
}
