//! Nothing is performed before it stands in the journal.

use crate::{SECOND, assert_clean, journalled};
use hivemind_control::{Control, ErrorCode, StatusState};
use hivemind_domain::task::{PackageRef, Phase};
use hivemind_testkit::{EngineCall, JournalCall, MemoryJournal, PoolCall, Program, World, assigned, key};
use hivemind_worker_core::port::Journal;

#[test]
fn a_failing_journal_holds_everything_up_and_then_it_goes_on() {
    for full in [false, true] {
        let world = World::default();
        let mut work = assigned("held");
        let size_bytes = if full { 7 } else { 8 << 20 };
        work.assignment.package = Some(PackageRef { id: "p1".into(), sha256: "0".repeat(64), size_bytes });
        world.pool.keep_package("p1", b"content");
        world.pool.give(work);
        world.journal.faults.fail(JournalCall::Put, MemoryJournal::failure(full));
        world.live(async |worker| {
            let code = if full { ErrorCode::DiskLow } else { ErrorCode::JournalFailed };
            world.until(worker, "told", |s| s.notices.iter().any(|n| n.error.code == code)).await;
            world.pass(60.0).await;
            assert_eq!(world.engine.faults.count(EngineCall::Prepare), 0, "performed before it was written");
            let fetched = world.pool.faults.count(PoolCall::Fetch);
            assert_eq!(
                fetched,
                usize::from(full),
                "a small package changes nothing, a large one fills the disk"
            );
            let state = worker.control.snapshot(()).await.unwrap().status;
            assert_eq!(state.state, StatusState::NeedsYou);
            assert!(world.journal.faults.count(JournalCall::Put) < 20, "the disk is not hammered");
            world.journal.faults.heal_all();
            let settled = world.until(worker, "settled", |s| s.today.tasks == 1).await;
            assert_eq!(settled.status.problem, None);
            world.pass(1.0).await;
        });
        assert_clean(&world);
    }
}

#[test]
fn a_journal_that_fails_midway_delays_the_delivery_but_loses_nothing() {
    let world = World::default();
    world.pool.give(assigned("midway"));
    world.engine.program("midway", Program::exits(0, SECOND * 10));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.journal.faults.fail(JournalCall::Put, MemoryJournal::failure(true));
        world.pass(60.0).await;
        // Whatever was told to the pool meanwhile, the container and the result are still here.
        let submitted = world.pool.attempt(&key("midway", 1)).result.is_some();
        assert!(!submitted || world.spool.result(&key("midway", 1)).exists());
        world.journal.faults.heal_all();
        world.when("settled", |w| journalled(w, "midway", Phase::Settled)).await;
        world.pass(1.0).await;
    });
    assert_clean(&world);
}

#[test]
fn a_full_disk_is_given_the_room_of_a_package_that_the_container_has() {
    let world = World::default();
    let mut work = assigned("packed");
    work.assignment.package = Some(PackageRef { id: "p1".into(), sha256: "0".repeat(64), size_bytes: 7 });
    world.pool.keep_package("p1", b"content");
    world.pool.give(work);
    world.engine.faults.delay(EngineCall::Prepare, SECOND * 5);
    world.live(async |worker| {
        world.when("being made", |w| w.engine.faults.count(EngineCall::Prepare) == 1).await;
        let package = world.spool.package(&key("packed", 1));
        assert!(package.exists());
        world.journal.faults.fail(JournalCall::Put, MemoryJournal::failure(true));
        world.when("made room", |_| !package.exists()).await;
        assert_eq!(world.engine.faults.count(EngineCall::Run), 0, "its start is not on record");
        world.journal.faults.heal_all();
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    assert_clean(&world);
}

#[test]
fn a_result_delivered_before_its_end_was_written_is_found_out_again_after_a_crash() {
    let world = World::default();
    world.pool.give(assigned("order"));
    world.engine.program("order", Program::exits(0, SECOND * 5));
    world.live(async |worker| {
        world.until(worker, "running", |s| s.status.running_tasks == 1).await;
        world.pass(1.0).await;
        world.journal.faults.fail(JournalCall::Put, MemoryJournal::failure(false));
        world.pass(30.0).await;
        assert_eq!(world.engine.containers().len(), 1, "removed before it was written");
        assert!(world.spool.result(&key("order", 1)).exists(), "removed before it was written");
    });
    assert!(journalled(&world, "order", Phase::Running));
    world.journal.faults.heal_all();
    world.live(async |_| {
        world.when("settled", |w| journalled(w, "order", Phase::Settled)).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("order", 1));
    assert_eq!((known.result.is_some(), known.lines.len(), known.out_of_order), (true, 0, 0));
    assert_clean(&world);
}

#[test]
fn phases_are_written_in_order() {
    let world = World::default();
    world.pool.give(assigned("order"));
    world.live(async |_| world.when("settled", |w| journalled(w, "order", Phase::Settled)).await);
    let phases: Vec<_> = world.journal.written().iter().map(|task| task.phase).collect();
    assert!(phases.is_sorted(), "{phases:?}");
    assert_eq!(phases.first(), Some(&Phase::Preparing));
}

#[test]
fn a_wish_that_cannot_be_kept_is_kept_later_and_blocks_nothing_for_good() {
    let world = World::default();
    world.live(async |worker| {
        world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        worker.control.stop(()).await.unwrap();
        world.when("off is kept", |w| w.journal.faults.count(JournalCall::SetWish) == 1).await;
        world.journal.faults.fail(JournalCall::SetWish, MemoryJournal::failure(false));
        worker.control.start(()).await.unwrap();
        world.pass(30.0).await;
        world.journal.faults.heal_all();
        world.pass(30.0).await;
        assert_eq!(world.journal.wish().await, Ok(Some(true)), "the wish is kept at last");
        let ready = worker.control.snapshot(()).await.unwrap();
        assert_eq!((ready.status.state, ready.status.problem), (StatusState::Ready, None));
        world.pool.give(assigned("after"));
        world.until(worker, "work goes on", |s| s.today.tasks == 1).await;
    });
}
