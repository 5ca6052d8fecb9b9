//! Work that is fetched instead.

use crate::stage::{NOBODY, Stage, WORKER, assert_words, quick};
use hivemind_local_pool::nodepool::{Needs, TaskStatus};
use hivemind_proto::nodepool::ExecutionMetrics;

const NOT_OURS: &str = "task is not assigned to this worker or is no longer active";

#[tokio::test]
async fn pulling_works_to_the_pay_without_any_call_to_the_worker() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    let needs = Needs { memory_mb: 2048, ..Needs::default() };
    stage.face.submit("requester", "t-1", "magnet:?xt=urn:btih:x", needs, 100);
    let lease = caller.pull(1).await.remove(0);
    assert_eq!(lease.task_id, "t-1");
    assert_eq!(lease.execution_package.unwrap().task_code_ref, "magnet:?xt=urn:btih:x");
    assert_eq!(lease.resource_limits.unwrap().memory_mb, 2048);
    assert!(caller.pull(1).await.is_empty(), "given once");
    assert_words(&caller.usage("t-1").await, "ok");
    assert_words(&caller.output("t-1", "hello\n").await, "ok");
    caller.complete("t-1", "COMPLETED", None).await.unwrap();
    let task = stage.task("t-1");
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Completed, Some("hello\n")));
    assert_eq!((task.pushes, task.assignments, task.reports, task.charged), (0, 1, 1, 100));
    let earnings = caller.earnings().await;
    let entry = &earnings.entries[0];
    assert_eq!((earnings.total_earned_cpt, earnings.currency.as_str(), entry.amount_cpt), (90, "CPT", 90));
    assert_eq!((entry.payer_user.as_str(), entry.provider_worker_id.as_str()), ("requester", WORKER));
}

#[tokio::test]
async fn complete_batch_keeps_time_processor_time_and_memory() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    stage.submit("t-1");
    caller.pull(1).await;
    let metrics = ExecutionMetrics {
        cpu_time_ms: 1,
        wall_time_ms: 2,
        peak_memory_mb: 3,
        ..ExecutionMetrics::default()
    };
    caller.complete("t-1", "COMPLETED", Some(metrics)).await.unwrap();
    let kept = stage.task("t-1").metrics.unwrap();
    assert_eq!((kept.cpu_time_ms, kept.wall_time_ms, kept.peak_memory_mb), (1, 2, 3));
}

#[tokio::test]
async fn every_other_word_than_completed_is_a_failure_that_costs_five() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    stage.submit("t-1");
    caller.pull(1).await;
    caller.complete("t-1", "completed", None).await.unwrap();
    let task = stage.task("t-1");
    assert_eq!((task.status, task.charged), (TaskStatus::Failed, 0));
    assert_eq!(task.message.as_deref(), Some("Batch task ended with status completed"));
    assert_eq!(stage.worker().score, 95);
    let again = caller.complete("t-1", "COMPLETED", None).await.unwrap_err();
    assert_eq!(again.code(), tonic::Code::Internal);
}

#[tokio::test]
async fn an_output_replaces_the_one_before_and_a_nul_or_more_than_a_mebibyte_is_refused() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    stage.submit("t-1");
    caller.pull(1).await;
    let most = "x".repeat(1 << 20);
    assert_words(&caller.output("t-1", &most).await, "ok");
    assert_words(&caller.output("t-1", "shorter").await, "ok");
    let nul = caller.output("t-1", "a\0b").await;
    assert_words(&nul, "invalid byte sequence for encoding \"UTF8\": 0x00");
    assert_words(&caller.output("t-1", &format!("{most}x")).await, "output is too large");
    assert_eq!(stage.task("t-1").output.as_deref(), Some("shorter"));
}

#[tokio::test]
async fn a_task_that_was_taken_back_comes_again_under_the_same_id_and_may_be_completed_then() {
    let stage = Stage::start(quick()).await;
    let caller = stage.registered(NOBODY).await;
    caller.disable().await;
    stage.submit("t-1");
    caller.pull(1).await;
    stage.face.reset("t-1");
    assert_words(&caller.usage("t-1").await, NOT_OURS);
    assert_words(&caller.output("t-1", "x").await, NOT_OURS);
    assert!(caller.complete("t-1", "COMPLETED", None).await.unwrap_err().message().contains("no rows"));
    assert_eq!(caller.pull(1).await[0].task_id, "t-1");
    assert_words(&caller.usage("t-1").await, "ok");
    caller.complete("t-1", "COMPLETED", None).await.unwrap();
    let task = stage.task("t-1");
    assert_eq!((task.status, task.assignments, task.retries), (TaskStatus::Completed, 2, 1));
}
