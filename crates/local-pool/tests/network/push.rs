//! Pushed tasks, and what becomes of each answer.

use crate::bare::Bare;
use crate::stage::{NOBODY, Stage, WORKER, quick};
use hivemind_local_pool::nodepool::{FaceTimes, TaskStatus};
use hivemind_proto::nodepool::{ExecuteTaskRequest, ExecutionMetrics};
use std::time::Duration;

#[tokio::test]
async fn an_answer_of_success_is_the_completion_and_what_it_says_is_the_output() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    assert_eq!((push.id(), push.request.torrent.as_str()), ("t-1", "magnet:?xt=urn:btih:x"));
    push.say(true, "hello\n");
    let task = stage.ended("t-1").await;
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Completed, Some("hello\n")));
    assert_eq!((task.pushes, task.assignments, task.retries, task.charged), (1, 1, 0, 100));
    assert_eq!((stage.worker().score, stage.worker().successful), (101, 1));
    assert_eq!((stage.face.balance("requester"), stage.face.earned("provider")), (900, 90));
    worker.is_pushed_nothing().await;
}

#[tokio::test]
async fn an_answer_of_failure_is_the_end_costs_five_and_is_not_tried_again() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    assert!(caller.output("t-1", "before\n").await.success);
    push.say(false, "exit code 3");
    let task = stage.ended("t-1").await;
    assert_eq!((task.status, task.message.as_deref()), (TaskStatus::Failed, Some("exit code 3")));
    assert_eq!(task.output.as_deref(), Some("before\n"), "only what was uploaded before");
    assert_eq!((task.retries, task.charged), (0, 0));
    assert_eq!((stage.worker().score, stage.worker().failed), (95, 1));
    assert_eq!((stage.face.balance("requester"), stage.face.earned("provider")), (1000, 0));
    worker.is_pushed_nothing().await;
}

#[tokio::test]
async fn a_push_answered_with_an_error_waits_again_one_try_more_and_no_trust_lost() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    for retries in 0..4 {
        let push = worker.pushed().await;
        assert_eq!(stage.task("t-1").retries, retries);
        push.refuse();
    }
    worker.pushed().await.say(true, "done");
    let task = stage.ended("t-1").await;
    assert_eq!((task.status, task.retries, task.pushes), (TaskStatus::Completed, 4, 5), "never a failure");
    assert_eq!((stage.worker().score, stage.worker().failed), (101, 0));
}

#[tokio::test]
async fn a_push_whose_stream_breaks_waits_again() {
    let (stage, mut worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    caller.disable().await;
    worker.break_off();
    drop(push);
    let task = stage.once("t-1", |task| task.status == TaskStatus::Pending).await;
    assert_eq!((task.retries, task.pushes, task.worker), (1, 1, None));
    assert_eq!(stage.worker().score, 100);
}

#[tokio::test]
async fn an_answer_of_more_than_four_mebibytes_is_a_broken_one() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    caller.disable().await;
    push.say(true, &"x".repeat((4 << 20) + 1));
    let task = stage.once("t-1", |task| task.status == TaskStatus::Pending).await;
    assert_eq!((task.retries, task.output), (1, None));
}

#[tokio::test]
async fn a_nul_in_the_answer_to_a_push_has_the_task_done_once_more() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    worker.pushed().await.say(true, "a\0b");
    let again = worker.pushed().await;
    let task = stage.task("t-1");
    assert_eq!((again.id(), task.retries, task.output), ("t-1", 1, None));
    assert_eq!((stage.worker().score, stage.face.balance("requester")), (100, 1000));
    again.say(true, "ab");
    assert_eq!(stage.ended("t-1").await.output.as_deref(), Some("ab"));
}

#[tokio::test]
async fn five_tasks_at_once_go_to_a_computer_of_two_cores() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    assert_eq!(stage.worker().resources.cpu_cores, 2);
    let ids = ["a", "b", "c", "d", "e"];
    ids.iter().for_each(|id| stage.submit(id));
    let mut open = Vec::new();
    for _ in ids {
        open.push(worker.pushed().await);
    }
    let mut pushed: Vec<_> = open.iter().map(|push| push.id().to_owned()).collect();
    pushed.sort();
    assert_eq!(pushed, ids, "none of them answered yet");
    open.into_iter().for_each(|push| push.say(true, "done"));
    for id in ids {
        assert_eq!(stage.ended(id).await.status, TaskStatus::Completed);
    }
}

#[tokio::test]
async fn a_push_to_nobody_changes_nothing_until_the_task_is_taken_back() {
    let stage = Stage::start(quick()).await;
    let _caller = stage.registered(NOBODY).await;
    stage.submit("t-1");
    stage.once("t-1", |task| task.status == TaskStatus::Assigned).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let task = stage.task("t-1");
    assert_eq!((task.status, task.pushes, task.retries), (TaskStatus::Assigned, 1, 0));
    stage.face.reset("t-1");
    assert_eq!(stage.task("t-1").retries, 1);
}

#[tokio::test]
async fn an_enabled_worker_is_given_tasks_though_nobody_answers_and_the_third_time_costs_five() {
    let times = FaceTimes { stale_after: Duration::from_millis(600), ..quick() };
    let stage = Stage::start(times).await;
    let caller = stage.registered(NOBODY).await;
    stage.submit("t-1");
    let left = async {
        // Its status is told, so that it stays one that may be dialled.
        loop {
            caller.status(WORKER, "IDLE", 0.0).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let times_left = async {
        for retries in 1..=2 {
            let task = stage.once("t-1", |task| task.retries == retries).await;
            assert_ne!(task.status, TaskStatus::Failed);
            assert_eq!(stage.worker().score, 100, "no trust lost so far");
        }
        stage.ended("t-1").await
    };
    let task = tokio::select! { task = times_left => task, () = left => unreachable!() };
    assert_eq!((task.status, task.pushes, task.retries), (TaskStatus::Failed, 3, 2));
    assert_eq!(stage.worker().score, 95);
}

#[tokio::test]
async fn pushed_again_it_is_refused_by_the_computer_that_still_runs_it_and_has_failed() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let first = worker.pushed().await;
    stage.face.reset("t-1");
    let second = worker.pushed().await;
    assert_eq!(second.id(), "t-1");
    second.say(false, "task t-1 is already running");
    let task = stage.ended("t-1").await;
    assert_eq!((task.status, task.pushes, task.retries), (TaskStatus::Failed, 2, 1));
    assert_eq!(task.message.as_deref(), Some("task t-1 is already running"));
    assert_eq!(stage.worker().score, 95);
    first.say(true, "done");
    let task = stage.once("t-1", |task| task.discarded == 1).await;
    assert_eq!((task.status, task.charged), (TaskStatus::Failed, 0), "done all the same, and for nothing");
}

#[tokio::test]
async fn pushed_again_it_has_a_new_token_and_the_first_call_still_open_may_complete_it() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let first = worker.pushed().await;
    // Tokens tell whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    stage.face.reset("t-1");
    let second = worker.pushed().await;
    assert_eq!(second.id(), "t-1");
    assert_ne!(first.request.token, second.request.token);
    first.say(true, "from the first");
    let task = stage.ended("t-1").await;
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Completed, Some("from the first")));
    second.say(true, "from the second");
    let task = stage.once("t-1", |task| task.discarded == 1).await;
    assert_eq!((task.output.as_deref(), task.charged), (Some("from the first"), 100), "paid once");
    assert_eq!(stage.worker().score, 101);
}

#[tokio::test]
async fn an_error_in_a_call_whose_task_was_taken_back_changes_nothing() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    caller.disable().await;
    stage.face.reset("t-1");
    push.refuse();
    let task = stage.once("t-1", |task| task.discarded == 1).await;
    assert_eq!((task.status, task.retries), (TaskStatus::Pending, 1));
}

#[tokio::test]
async fn after_two_refused_pushes_the_first_silence_is_the_last() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    worker.pushed().await.refuse();
    worker.pushed().await.refuse();
    let _silent = worker.pushed().await;
    assert_eq!(stage.worker().score, 100);
    stage.face.reset("t-1");
    assert_eq!((stage.task("t-1").status, stage.worker().score), (TaskStatus::Failed, 95));
}

#[tokio::test]
async fn complete_batch_completes_a_pushed_task_and_its_answer_is_too_late() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    assert!(caller.output("t-1", "uploaded").await.success);
    let metrics = ExecutionMetrics { wall_time_ms: 2, peak_memory_mb: 3, ..ExecutionMetrics::default() };
    caller.complete("t-1", "COMPLETED", Some(metrics)).await.unwrap();
    let kept = stage.task("t-1").metrics.unwrap();
    assert_eq!((kept.wall_time_ms, kept.peak_memory_mb), (2, 3), "nothing else fills these");
    push.say(false, "answered");
    let task = stage.once("t-1", |task| task.discarded == 1).await;
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Completed, Some("uploaded")));
    assert_eq!((stage.worker().score, stage.face.earned("provider")), (101, 90));
}

#[tokio::test]
async fn a_results_reference_completes_at_once_and_is_refused_after_the_answer() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    stage.submit("early");
    let push = worker.pushed().await;
    assert!(caller.result("early", "magnet:?xt=urn:btih:r").await.success);
    let task = stage.task("early");
    assert_eq!((task.status, task.charged), (TaskStatus::Completed, 100));
    push.say(true, "done");
    stage.once("early", |task| task.discarded == 1).await;
    stage.submit("late");
    worker.pushed().await.say(true, "done");
    stage.ended("late").await;
    assert!(!caller.result("late", "magnet:?xt=urn:btih:r").await.success);
    assert_eq!(stage.task("late").result, None);
}

#[tokio::test]
async fn a_pool_that_closes_breaks_its_calls_off_and_pushes_nothing_until_it_opens() {
    let (mut stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    stage.face.close().await;
    push.say_to_nobody().await;
    assert_eq!(stage.task("t-1").status, TaskStatus::Assigned, "nothing is known of it any more");
    stage.submit("t-2");
    assert_eq!(stage.face.push_now("t-2"), None);
    worker.is_pushed_nothing().await;
    stage.face.open().await.unwrap();
    let caller = stage.provider().await;
    caller.complete("t-1", "COMPLETED", None).await.unwrap();
    assert_eq!(stage.task("t-1").status, TaskStatus::Completed, "delivered the other way");
    assert_eq!(worker.pushed().await.id(), "t-2");
}

#[tokio::test]
async fn a_test_may_push_at_once_and_call_a_worker_with_whatever_it_likes() {
    let times = FaceTimes { dispatch_every: Duration::from_hours(1), ..FaceTimes::default() };
    let (stage, worker) = (Stage::start(times).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    assert_eq!(stage.face.push_now("t-1").as_deref(), Some(WORKER));
    assert_eq!(stage.face.push_now("t-1"), None, "it waits no longer");
    let push = worker.pushed().await;
    let raw =
        ExecuteTaskRequest { task_id: "t-1".into(), token: "forged".into(), ..ExecuteTaskRequest::default() };
    let (answer, ()) = tokio::join!(stage.face.execute(WORKER, raw), async {
        let raw = worker.pushed().await;
        assert_eq!((raw.id(), raw.request.token.as_str()), ("t-1", "forged"));
        raw.say(true, "raw");
    });
    assert_eq!(answer.unwrap().status_message, "raw");
    assert_eq!(stage.task("t-1").status, TaskStatus::Assigned, "no task knows of it");
    push.say(true, "done");
    assert_eq!(stage.ended("t-1").await.output.as_deref(), Some("done"));
    let nobody = stage.face.execute("nobody", ExecuteTaskRequest::default()).await.unwrap_err();
    assert_eq!(nobody.code(), tonic::Code::Unavailable);
}
