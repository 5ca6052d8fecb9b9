//! Calls for work and pay.

use crate::{SECOND, journalled};
use hivemind_control::{Control, EarningsQuery, HistoryQuery, StatusState};
use hivemind_domain::task::{HandBack, NetworkNeed, Phase};
use hivemind_testkit::{PoolCall, World, assigned, key};
use std::time::Duration;

#[test]
fn an_idle_worker_asks_about_as_often_as_the_pool_lets_it_wait() {
    let world = World::default();
    world.live(async |_| world.pass(600.0).await);
    let asked = world.pool.faults.count(PoolCall::NextTask);
    assert!((20..=30).contains(&asked), "asked {asked} times in ten minutes");
}

#[test]
fn the_same_attempt_twice_is_one_attempt() {
    let world = World::default();
    world.pool.give(assigned("same"));
    world.pool.give(assigned("same"));
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(30.0).await;
    });
    assert_eq!(world.pool.attempt(&key("same", 1)).result.unwrap().verdict.word(), "succeeded");
}

#[test]
fn earnings_and_history_agree_with_the_pool() {
    let world = World::default();
    for name in ["a", "b"] {
        world.pool.give(assigned(name));
    }
    world.live(async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 2).await;
        world
            .when("written", |w| journalled(w, "a", Phase::Settled) && journalled(w, "b", Phase::Settled))
            .await;
        let earned = worker.control.earnings(EarningsQuery::default()).await.unwrap();
        assert_eq!((earned.sum.settled_cpt, earned.days.len(), earned.sum.tasks), (14, 1, 2));
        let history = worker.control.tasks(HistoryQuery::default()).await.unwrap();
        assert_eq!((history.total, history.tasks.iter().all(|t| t.settled)), (2, true));
    });
}

#[test]
fn a_reported_attempt_keeps_nobody_from_quitting_or_draining() {
    let world = World::default();
    world.pool.set_pay(7, false);
    world.pool.give(assigned("reported"));
    world.live(async |worker| {
        world.when("reported", |w| journalled(w, "reported", Phase::Reported)).await;
        let off = worker.control.finish(()).await.unwrap();
        assert_eq!(off.status.state, StatusState::Off);
        let before = tokio::time::Instant::now();
        worker.control.quit(()).await.unwrap();
        world.when("ended", |_| worker.ended.is_finished()).await;
        assert!(before.elapsed() < SECOND, "{:?}", before.elapsed());
    });
}

#[test]
fn a_result_whose_pay_is_not_settled_yet_is_settled_later() {
    let world = World::default();
    world.pool.set_pay(7, false);
    world.pool.give(assigned("later"));
    world.live(async |worker| {
        world.when("reported", |w| journalled(w, "later", Phase::Reported)).await;
        world.pool.set_pay(7, true);
        world.clock.pass(SECOND * 600).await;
        let left = worker.control.snapshot(()).await.unwrap();
        assert_eq!(left.tasks, Vec::new(), "it is held for ever");
    });
    assert!(journalled(&world, "later", Phase::Settled));
}

#[test]
fn offers_that_no_honest_pool_makes_are_declined_and_work_goes_on() {
    let world = World::default();
    let mut online = assigned("online");
    online.assignment.network = NetworkNeed::Hosts(vec!["example.org".into()]);
    let mut endless = assigned("endless");
    endless.assignment.limits.timeout = Duration::MAX;
    let mut no_processes = assigned("no-processes");
    no_processes.assignment.limits.pids = 0;
    let offers = [online, endless, no_processes];
    let keys: Vec<_> = offers.iter().map(|offer| offer.assignment.key.clone()).collect();
    for offer in offers {
        world.pool.give(offer);
    }
    world.pool.give(assigned("honest"));
    world.live(async |worker| {
        world.until(worker, "the honest one settled", |s| s.today.tasks == 1).await;
    });
    for key in keys {
        assert_eq!(world.pool.attempt(&key).handed_back, [HandBack::CannotRun], "{key}");
        assert_eq!(world.journal.row(&key), None, "{key}");
    }
    assert_eq!(world.engine.started(), [key("honest", 1)]);
}
