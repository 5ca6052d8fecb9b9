//! Registering, and no longer being registered.

use crate::bare::Bare;
use crate::stage::{NOBODY, Stage, WORKER, assert_words, big, quick};
use hivemind_local_pool::nodepool::TaskStatus;

#[tokio::test]
async fn an_address_of_46_characters_is_an_error_of_the_database() {
    let stage = Stage::start(quick()).await;
    let caller = stage.provider().await;
    let address = |length: usize| format!("{}:50053", "a".repeat(length - 6));
    let refused = caller.register(WORKER, &address(46), big()).await;
    assert_words(&refused, "value too long for type character varying(45)");
    assert!(stage.face.workers().is_empty());
    assert_words(&caller.register(WORKER, &address(45), big()).await, "ok");
    assert_eq!(stage.worker().ip.len(), 45);
}

#[tokio::test]
async fn a_worker_removed_while_a_task_is_unsettled_loses_its_pay() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    assert_words(&caller.remove().await, "ok");
    assert!(stage.face.workers().is_empty());
    assert_words(&caller.usage("t-1").await, "Worker not found");
    push.say(true, "done");
    let task = stage.ended("t-1").await;
    assert_eq!((task.status, task.charged), (TaskStatus::Completed, 100), "the requester pays");
    let earnings = caller.earnings().await;
    assert_eq!((earnings.total_earned_cpt, earnings.entries.len()), (0, 0), "and nobody is told");
}

#[tokio::test]
async fn registering_again_keeps_settings_and_trust() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    stage.face.set_trust(WORKER, 50, false);
    assert_words(&caller.register(WORKER, "127.0.0.1:10", big()).await, "ok");
    let worker = stage.worker();
    assert_eq!((worker.enabled, worker.score, worker.ip.as_str()), (false, 50, "127.0.0.1:10"));
    assert_eq!(worker.status, "ACTIVE");
}
