//! The worker dies and comes back; pool and engine went on.

use crate::{SECOND, assert_clean, journalled, unreachable};
use hivemind_domain::task::Phase;
use hivemind_testkit::{EngineCall, FakeClock, MemoryLogs, PoolCall, Program, World, assigned, key};
use std::time::Duration;

#[test]
fn a_running_container_is_adopted_once_and_delivered_once() {
    let world = World::default();
    world.pool.give(assigned("long"));
    world.engine.program("long", Program::exits(0, SECOND * 60).counts(50, SECOND));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(10.0).await;
    });
    world.clock.turn(SECOND * 8);
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.engine.started(), [key("long", 1)], "started once");
    assert_eq!(world.engine.faults.count(EngineCall::Prepare), 1);
    let known = world.pool.attempt(&key("long", 1));
    assert_eq!((known.submitted_at.len(), known.out_of_order), (1, 0));
    let texts: Vec<_> = known.lines.iter().map(|line| line.text.clone()).collect();
    assert_eq!(texts, (0..50).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert_eq!(world.logs.texts(&key("long", 1)), texts);
    let active = known.result.unwrap().usage.active_ms;
    assert!((59_000..=61_000).contains(&active), "time while nobody watched counts: {active} ms");
    assert_clean(&world);
}

#[test]
fn a_container_that_ended_meanwhile_is_collected() {
    let world = World::default();
    world.pool.give(assigned("ended"));
    world.engine.program("ended", Program::exits(0, SECOND * 20).counts(10, SECOND));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(3.0).await;
    });
    world.clock.turn(SECOND * 300);
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("ended", 1));
    assert_eq!((known.lines.len(), known.submitted_at.len(), known.out_of_order), (10, 1, 0));
    assert_eq!(world.engine.started().len(), 1);
    assert_clean(&world);
}

#[test]
fn a_lost_container_is_begun_again_within_the_same_attempt() {
    let world = World::default();
    world.pool.give(assigned("lost"));
    world.engine.program("lost", Program::exits(0, SECOND * 20));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
    });
    world.engine.wipe();
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.engine.started(), [key("lost", 1), key("lost", 1)]);
    assert_eq!(world.pool.attempt(&key("lost", 1)).submitted_at.len(), 1);
    assert_clean(&world);
}

#[test]
fn killed_at_any_moment_the_result_arrives_once() {
    let mut restarted = 0;
    for moment in (50..4000).step_by(50) {
        let world = World::default();
        for call in [PoolCall::Connect, PoolCall::Register, PoolCall::Fetch, PoolCall::Submit] {
            world.pool.faults.delay(call, Duration::from_millis(120));
        }
        for call in [EngineCall::Prepare, EngineCall::Run, EngineCall::Collect, EngineCall::Remove] {
            world.engine.faults.delay(call, Duration::from_millis(120));
        }
        world.pool.give(assigned("any"));
        world.live(async |_| tokio::time::sleep(Duration::from_millis(moment)).await);
        world.clock.turn(SECOND);
        if world.journal.row(&key("any", 1)).is_none() {
            continue; // Not accepted yet: the pool's lease lapses, and it is its turn.
        }
        restarted += 1;
        world.live(async |_| {
            world.when("settled", |w| journalled(w, "any", Phase::Settled)).await;
            world.pass(1.0).await;
        });
        let known = world.pool.attempt(&key("any", 1));
        assert_eq!(known.result.map(|r| r.verdict.word()), Some("succeeded"), "killed after {moment} ms");
        assert_eq!((known.lines.len(), known.out_of_order), (1, 0), "killed after {moment} ms");
        assert_eq!(world.engine.started(), [key("any", 1)], "killed after {moment} ms");
        assert_clean(&world);
    }
    assert!(restarted > 40, "only {restarted} of the moments had something to go on with");
}

#[test]
fn an_acknowledgement_lost_by_a_crash_is_asked_for_again() {
    let world = World::default();
    world.pool.give(assigned("twice"));
    world.pool.faults.lose_answers(PoolCall::Submit, unreachable(), 1);
    world.live(async |_| {
        world.when("taken", |w| w.pool.attempt(&key("twice", 1)).result.is_some()).await;
    });
    world.live(async |_| {
        world.when("settled", |w| journalled(w, "twice", Phase::Settled)).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.pool.attempt(&key("twice", 1)).submitted_at.len(), 2);
    assert_clean(&world);
}

#[test]
fn strays_are_removed_and_other_installations_left_alone() {
    let world = World::default();
    let foreign = hivemind_domain::ids::InstallId::new("somebody-else").unwrap();
    world.engine.plant("stray", &world.spool.install, Some(key("forgotten", 1)));
    world.engine.plant("damaged", &world.spool.install, None);
    world.engine.plant("foreign", &foreign, Some(key("theirs", 1)));
    world.live(async |_| world.pass(2.0).await);
    assert_eq!(world.engine.containers(), ["foreign"]);
}

#[test]
fn after_a_restart_nothing_is_delivered_before_the_pool_renewed_the_lease() {
    // A monotonic clock that begins at zero, as it does on Windows.
    let world = World::new(FakeClock::starting_at(Duration::ZERO), MemoryLogs::default());
    world.pool.give(assigned("kept"));
    world.pool.faults.fail(PoolCall::Submit, unreachable());
    world.live(async |_| world.when("waiting", |w| journalled(w, "kept", Phase::Uploading)).await);
    let row = world.journal.row(&key("kept", 1)).unwrap();
    let restarted = {
        let world = World::new(FakeClock::starting_at(Duration::ZERO), MemoryLogs::default());
        world.journal.put_now(&row);
        world.pool.expect_attempt(row.key());
        world.pool.faults.delay(PoolCall::Heartbeat, Duration::from_millis(300));
        world
    };
    std::fs::write(restarted.spool.result(row.key()), b"answer").unwrap();
    restarted.live(async |_| {
        restarted.when("a submission", |w| w.pool.faults.count(PoolCall::Submit) > 0).await;
    });
    let submitted = restarted.pool.attempt(row.key()).submitted_at[0];
    let beat =
        restarted.pool.faults.calls().into_iter().find(|(_, call)| *call == PoolCall::Heartbeat).unwrap().0;
    assert!(
        submitted.since(beat) >= Duration::from_millis(300),
        "submitted before the first heartbeat's answer"
    );
}
