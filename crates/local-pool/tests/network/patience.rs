//! The network's own times, as they are. Tokio's clock is turned on between calls; a call itself takes real time.

use crate::stage::{Caller, NOBODY, Stage, WORKER, assert_words, big};
use hivemind_local_pool::nodepool::{FaceTimes, TaskStatus};
use std::time::Duration;
use tokio::time::Instant;

/// So much time passes, and everything that is due in it happens.
async fn pass(seconds: f64) {
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    tokio::time::resume();
}

async fn stage() -> (Stage, Caller) {
    let stage = Stage::start(FaceTimes::default()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    stage.submit("t-1");
    (stage, caller)
}

#[tokio::test]
async fn a_task_of_which_nothing_is_told_is_taken_back_after_30_seconds_and_has_failed_the_third_time() {
    let (stage, caller) = stage().await;
    for retries in 0..3 {
        assert_eq!(caller.pull(1).await[0].task_id, "t-1");
        pass(29.0).await;
        let task = stage.task("t-1");
        assert_eq!((task.status, task.retries), (TaskStatus::Assigned, retries));
        assert_eq!(stage.worker().score, 100);
        pass(11.2).await;
        assert_ne!(stage.task("t-1").status, TaskStatus::Assigned, "looked at every 10 s");
    }
    let task = stage.task("t-1");
    assert_eq!((task.status, task.assignments, task.retries), (TaskStatus::Failed, 3, 2));
    assert_eq!((stage.worker().score, stage.worker().failed), (95, 1));
    assert!(caller.pull(1).await.is_empty());
}

#[tokio::test]
async fn a_task_whose_use_is_told_every_ten_seconds_is_given_out_once_and_stays_assigned() {
    let (stage, caller) = stage().await;
    caller.pull(1).await;
    for _ in 0..5 {
        pass(10.0).await;
        assert_words(&caller.usage("t-1").await, "ok");
        assert_eq!(stage.task("t-1").status, TaskStatus::Assigned, "nothing sets another status");
    }
    caller.complete("t-1", "COMPLETED", None).await.unwrap();
    let task = stage.task("t-1");
    assert_eq!((task.status, task.assignments, task.retries), (TaskStatus::Completed, 1, 0));
    assert!((10..20).contains(&task.longest_silence.as_secs()), "{:?}", task.longest_silence);
}

#[tokio::test]
async fn a_worker_of_which_nothing_is_heard_is_offline_after_30_seconds_and_comes_back_by_a_word() {
    let (stage, caller) = stage().await;
    caller.status(WORKER, "IDLE", 0.0).await;
    pass(29.0).await;
    assert_eq!(stage.worker().status, "IDLE");
    pass(11.2).await;
    assert_eq!(stage.worker().status, "OFFLINE");
    assert_words(&caller.status(WORKER, "IDLE", 0.0).await, "ok");
    assert_eq!(stage.worker().status, "IDLE");
}

#[tokio::test]
async fn silence_is_looked_for_every_ten_seconds() {
    let start = Instant::now();
    let (stage, caller) = stage().await;
    pass(5.0).await;
    caller.pull(1).await;
    // About 25 s silent when the third look comes, it is found by the fourth.
    pass(39.5 - start.elapsed().as_secs_f64()).await;
    assert_eq!(stage.task("t-1").status, TaskStatus::Assigned);
    pass(1.5).await;
    assert_eq!(stage.task("t-1").status, TaskStatus::Pending);
}

#[tokio::test]
async fn work_is_pushed_every_five_seconds() {
    let start = Instant::now();
    let (stage, caller) = stage().await;
    assert_words(&caller.register("w-2", NOBODY, big()).await, "ok");
    pass(4.9 - start.elapsed().as_secs_f64()).await;
    assert_eq!(stage.task("t-1").pushes, 0);
    pass(1.0).await;
    assert_eq!(stage.task("t-1").pushes, 1);
}

#[tokio::test]
async fn a_session_is_over_after_24_hours() {
    let stage = Stage::start(FaceTimes::default()).await;
    let caller = stage.provider().await;
    pass(86_390.0).await;
    assert_eq!(caller.balance().await.unwrap(), 1000);
    pass(20.0).await;
    assert_eq!(caller.balance().await.unwrap_err().code(), tonic::Code::Unauthenticated);
}
