//! Whose attempt it is.

use crate::{SECOND, assert_clean, journalled, unreachable};
use hivemind_domain::task::{Phase, Verdict};
use hivemind_testkit::{PoolCall, Program, World, assigned, key};
use hivemind_worker_core::port::{PoolError, PoolErrorKind};

#[test]
fn a_result_waits_while_the_lease_has_lapsed() {
    let world = World::default();
    world.pool.give(assigned("late"));
    world.engine.program("late", Program::exits(0, SECOND * 30));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        // Answers that take longer than a lease renew nothing.
        world.pool.faults.delay(PoolCall::Heartbeat, SECOND * 12);
        world.when("ended", |w| journalled(w, "late", Phase::Uploading)).await;
        world.pass(60.0).await;
        assert_eq!(world.pool.faults.count(PoolCall::Submit), 0, "submitted under a lapsed lease");
        world.pool.faults.heal(PoolCall::Heartbeat);
        world.when("settled", |w| journalled(w, "late", Phase::Settled)).await;
    });
    assert_eq!(world.pool.attempt(&key("late", 1)).submitted_at.len(), 1);
}

#[test]
fn a_computer_that_slept_asks_before_it_delivers() {
    let world = World::default();
    world.pool.give(assigned("slept"));
    world.engine.program("slept", Program::exits(0, SECOND * 30));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pool.void(&key("slept", 1));
        world.clock.turn(SECOND * 3600);
        world.when("given up", |w| journalled(w, "slept", Phase::LeaseLost)).await;
        world.pass(1.0).await;
    });
    assert_eq!(world.pool.faults.count(PoolCall::Submit), 0);
    assert_clean(&world);
}

#[test]
fn a_void_attempt_is_stopped_and_recorded_as_lost() {
    let world = World::default();
    world.pool.give(assigned("void"));
    world.engine.program("void", Program::endless());
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pool.void(&key("void", 1));
        world.pass(4.0).await;
        assert_eq!(world.engine.running(), 0);
        world.until(worker, "ready for more", |s| s.tasks.is_empty()).await;
        // The place is free again.
        world.pool.give(assigned("next"));
        world.until(worker, "the next one settled", |s| s.today.settled_cpt == 7).await;
        world.pass(1.0).await;
    });
    assert!(journalled(&world, "void", Phase::LeaseLost));
    assert_eq!(world.pool.attempt(&key("void", 1)).submitted_at.len(), 0);
    assert_clean(&world);
}

#[test]
fn a_result_that_the_pool_cannot_be_given_is_kept_and_delivered_later() {
    for kind in
        [PoolErrorKind::Unreachable, PoolErrorKind::Protocol, PoolErrorKind::Disk, PoolErrorKind::Refused]
    {
        let world = World::default();
        world.pool.give(assigned("patient"));
        world.pool.faults.fail(PoolCall::Submit, PoolError::new(kind, "not now"));
        world.live(async |_| {
            world.when("ended", |w| journalled(w, "patient", Phase::Uploading)).await;
            world.pass(120.0).await;
            assert!(world.spool.result(&key("patient", 1)).exists(), "{kind:?}: the result is kept");
            world.pool.faults.heal(PoolCall::Submit);
            world.when("settled", |w| journalled(w, "patient", Phase::Settled)).await;
            world.pass(1.0).await;
        });
        let known = world.pool.attempt(&key("patient", 1));
        assert_eq!(known.result.unwrap().verdict, Verdict::Succeeded);
        assert_clean(&world);
    }
}

#[test]
fn a_pool_away_for_a_minute_gets_the_result_afterwards() {
    let world = World::default();
    world.pool.give(assigned("away"));
    world.engine.program("away", Program::exits(0, SECOND * 30).counts(20, SECOND));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(5.0).await;
        let all =
            [PoolCall::Connect, PoolCall::Heartbeat, PoolCall::NextTask, PoolCall::Submit, PoolCall::Report];
        for call in all {
            world.pool.faults.fail(call, unreachable());
        }
        world.pool.break_reports(&[(0, false), (0, false)]);
        world.pass(60.0).await;
        assert!(journalled(&world, "away", Phase::Uploading));
        world.pool.faults.heal_all();
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("away", 1));
    assert_eq!((known.submitted_at.len(), known.lines.len(), known.out_of_order), (1, 20, 0));
    assert_clean(&world);
}
