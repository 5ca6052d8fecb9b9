//! What is published.

use crate::SECOND;
use futures_util::StreamExt;
use hivemind_control::{Control, Event, StatusState};
use hivemind_testkit::{PoolCall, Program, World, assigned};
use std::time::Duration;

#[test]
fn the_number_rises_only_with_a_change() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        world.pass(5.0).await;
        let before = worker.control.snapshot(()).await.unwrap();
        world.pass(300.0).await;
        let after = worker.control.snapshot(()).await.unwrap();
        assert_eq!(before, after, "nothing happened in five minutes");
        let beats = world.pool.faults.count(PoolCall::Heartbeat);
        assert!(beats > 100, "although {beats} heartbeats were answered");
    });
}

#[test]
fn while_it_waits_for_the_pool_nothing_flickers() {
    let world = World::default();
    world.pool.faults.fail(PoolCall::Connect, crate::unreachable());
    world.live(async |worker| {
        world.until(worker, "many failures", |s| s.pool.failures > 8).await;
        let connects = world.pool.faults.count(PoolCall::Connect) as u64;
        world.pass(600.0).await;
        let tries = world.pool.faults.count(PoolCall::Connect) as u64 - connects;
        let state = worker.control.snapshot(()).await.unwrap();
        // Each try is told twice at most: connecting, waiting.
        assert!(state.seq <= 2 * (connects + tries) + 20, "{} changes for {tries} tries", state.seq);
    });
}

#[test]
fn subscribers_get_the_state_first_and_then_every_change_in_order() {
    let world = World::default();
    world.pool.give(assigned("watched"));
    world.engine.program("watched", Program::exits(0, SECOND * 3).counts(10, Duration::from_millis(200)));
    world.live(async |worker| {
        let mut events = worker.control.subscribe();
        let first = events.next().await.unwrap();
        assert!(matches!(first, Event::Snapshot(_)), "{first:?}");
        let (mut seqs, mut lines) = (Vec::new(), Vec::new());
        while let Some(event) = events.next().await {
            match event {
                Event::Snapshot(state) => {
                    seqs.push(state.seq);
                    if state.today.tasks == 1 {
                        break;
                    }
                }
                Event::Log { lines: new, .. } => lines.extend(new.into_iter().map(|line| line.number)),
                Event::Metrics(_) | Event::RaiseWindow | Event::ReportProblem | Event::Quitting => {}
            }
        }
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
        assert_eq!(lines, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_full_disk_stops_new_work_until_there_is_room_again() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        world.host.set_disk_free(500 << 20);
        world.until(worker, "told", |s| s.status.state == StatusState::NeedsYou).await;
        world.host.set_disk_free(40 << 30);
        world.until(worker, "ready again", |s| s.status.state == StatusState::Ready).await;
    });
}
