//! What a worker learns when the requester cancels.

use crate::bare::Bare;
use crate::stage::{Stage, quick};
use hivemind_local_pool::nodepool::TaskStatus;

#[tokio::test]
async fn a_cancelled_task_is_stopped_once_with_a_token_and_its_answer_is_discarded() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    stage.face.cancel("t-1");
    stage.face.cancel("t-1");
    let stop = worker.stopped().await;
    assert_eq!((stop.task_id.as_str(), stop.token.split('.').count()), ("t-1", 3));
    worker.is_told_no_stop().await;
    assert_eq!(stage.task("t-1").stops, 1);
    assert!(!caller.usage("t-1").await.success);
    push.say(true, "done all the same");
    let task = stage.once("t-1", |task| task.discarded == 1).await;
    assert_eq!((task.status, task.output, task.charged), (TaskStatus::Cancelled, None, 0));
    assert_eq!(stage.worker().score, 100);
}

#[tokio::test]
async fn once_a_task_was_taken_back_its_owners_stop_does_not_reach_the_worker() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let _still_runs = worker.pushed().await;
    caller.disable().await;
    stage.face.reset("t-1");
    stage.face.cancel("t-1");
    worker.is_told_no_stop().await;
    assert_eq!((stage.task("t-1").status, stage.task("t-1").stops), (TaskStatus::Cancelled, 0));
}

#[tokio::test]
async fn a_pulled_task_that_is_cancelled_shows_in_its_refused_reports_alone() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    caller.disable().await;
    stage.submit("t-1");
    assert_eq!(caller.pull(1).await.len(), 1);
    assert!(caller.usage("t-1").await.success);
    stage.face.cancel("t-1");
    worker.is_told_no_stop().await;
    let refused = caller.usage("t-1").await;
    assert!(!refused.success && refused.status_message.contains("not assigned to this worker"));
    assert_eq!(stage.task("t-1").stops, 0);
}
