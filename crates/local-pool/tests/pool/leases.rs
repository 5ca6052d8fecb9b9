use crate::support::{Bench, succeeded, used};
use hivemind_domain::resources::TrustLevel;
use hivemind_local_pool::TaskState;
use hivemind_proto::v1::{self, ErrorCode, HandBackReason, LeaseState};
use std::time::Duration;
use tokio::time::Instant;

fn attempts(key: &v1::TaskKey) -> u32 {
    key.attempt
}

#[tokio::test]
async fn a_silent_node_is_removed_and_its_late_result_changes_nothing() {
    let bench = Bench::short_leases().await;
    let (ann, bob, eve) = (bench.user("ann").await, bench.user("bob").await, bench.user("eve").await);
    let silent = bench.worker("bob", "one").await;
    let id = bench.submit(&ann, "job").await;
    let first = silent.next_key().await;
    assert_eq!((first.task_id.as_str(), attempts(&first)), (id.as_str(), 1));
    silent.report(vec![(&first, used(90.0, 3600))]).await;

    let other = bench.worker("eve", "two").await;
    let mut second = None;
    for _ in 0..40 {
        other.beat(&[]).await.unwrap();
        second = other.poll(200).await.unwrap();
        if second.is_some() {
            break;
        }
    }
    let second = second.expect("the task is handed out again").key.unwrap();
    assert_eq!((second.task_id.as_str(), attempts(&second)), (id.as_str(), 2));
    assert_eq!(bench.available(&ann).await, 150, "what the lost attempt was charged is given back");

    let gone = silent.beat(&[&first]).await.unwrap_err();
    assert_eq!(crate::support::code(&gone), ErrorCode::NodeUnknown);
    let late = silent.submit(&first, succeeded(), used(90.0, 3600), b"late").await.unwrap_err();
    assert_eq!(crate::support::code(&late), ErrorCode::StaleAttempt);
    let view = bench.pool.task(&id).await.unwrap();
    assert_eq!((view.state, view.attempt, view.result), (TaskState::Running, 2, None));

    let mut silent = silent;
    silent.register().await.unwrap();
    let answer = silent.beat(&[&first, &second]).await.unwrap();
    assert!(answer.leases.iter().all(|lease| lease.state() == LeaseState::Void), "{answer:?}");

    let paid = other.submit(&second, succeeded(), used(1.0, 1), b"good").await.unwrap();
    assert_eq!((paid.credited_cpt, paid.settled), (1, true));
    let view = bench.pool.task(&id).await.unwrap();
    assert_eq!(view.result.unwrap().sha256, crate::support::sha256(b"good"));
    let late = silent.submit(&first, succeeded(), used(90.0, 3600), b"late").await.unwrap_err();
    assert_eq!(crate::support::code(&late), ErrorCode::StaleAttempt);
    let balances = (bench.available(&ann).await, bench.available(&bob).await, bench.available(&eve).await);
    assert_eq!(balances, (149, 150, 151));
    bench.books_balance().await;
}

#[tokio::test]
async fn heartbeats_keep_a_lease_and_an_unlisted_attempt_loses_it() {
    let bench = Bench::short_leases().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let (kept_id, lost_id) = (bench.submit(&ann, "kept").await, bench.submit(&ann, "lost").await);
    let kept = worker.next_key().await;
    let lost = worker.next_key().await;
    assert_eq!((&kept.task_id, &lost.task_id), (&kept_id, &lost_id), "oldest first");
    let began = Instant::now();
    while began.elapsed() < bench.config.lease * 2 {
        let answer = worker.beat(&[&kept]).await.unwrap();
        assert_eq!(answer.leases[0].state(), LeaseState::Renewed);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(bench.pool.task(&kept_id).await.unwrap().attempt, 1);
    assert_eq!(bench.pool.task(&lost_id).await.unwrap().state, TaskState::Queued);
    assert_eq!(worker.next_key().await, v1::TaskKey { task_id: lost_id, attempt: 2 });
}

#[tokio::test]
async fn a_task_handed_back_goes_to_somebody_else() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let (first, second) = (bench.worker("ann", "one").await, bench.worker("ann", "two").await);
    bench.pool.set_trust(&first.node, TrustLevel::High).await.unwrap();
    let id = bench.submit(&ann, "job").await;
    let key = first.next_key().await;
    first.report(vec![(&key, used(90.0, 1800))]).await;
    first.hand_back(&key, HandBackReason::OwnerStopped).await.unwrap();
    first.hand_back(&key, HandBackReason::OwnerStopped).await.unwrap();
    assert_eq!(bench.available(&ann).await, 150);
    let (again, other) = tokio::join!(first.poll(600), second.poll(3000));
    assert!(again.unwrap().is_none(), "not the one that handed it back, trusted as it is");
    assert_eq!(other.unwrap().unwrap().key.unwrap(), v1::TaskKey { task_id: id, attempt: 2 });
    bench.books_balance().await;
}

#[tokio::test]
async fn nobody_gets_an_endless_task_for_ever() {
    let bench = Bench::with(|config| config.max_attempts = 2).await;
    let ann = bench.user("ann").await;
    let (first, second) = (bench.worker("ann", "one").await, bench.worker("ann", "two").await);
    let id = bench.submit(&ann, "job").await;
    for worker in [first, second] {
        let key = worker.next_key().await;
        worker.hand_back(&key, HandBackReason::CannotRun).await.unwrap();
    }
    let view = bench.pool.task(&id).await.unwrap();
    assert_eq!(view.state, TaskState::Failed);
    assert!(view.message.contains("2 attempts"), "{}", view.message);
}

#[tokio::test]
async fn the_trusted_and_least_loaded_waiting_node_is_served_first() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let busy = bench.worker("ann", "busy").await;
    let calm = bench.worker("ann", "calm").await;
    let trusted = bench.worker("ann", "trusted").await;
    bench.pool.set_trust(&trusted.node, TrustLevel::High).await.unwrap();
    for (worker, cpu, memory) in [(&busy, 10.0, 80.0), (&calm, 60.0, 20.0), (&trusted, 99.0, 99.0)] {
        let report = v1::ReportNodeStatusRequest {
            node_id: worker.node.clone(),
            usage: Some(v1::NodeUsage { cpu_percent: cpu, memory_percent: memory, ..Default::default() }),
            ..Default::default()
        };
        worker.nodes().report_node_status(worker.signed(report)).await.unwrap();
    }
    let mut waiting = Vec::new();
    for worker in [&busy, &calm, &trusted] {
        let worker = worker.clone();
        waiting.push(tokio::spawn(async move { worker.next_key().await.task_id }));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(bench.submit(&ann, &format!("job {n}")).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut got = Vec::new();
    for task in waiting {
        got.push(task.await.unwrap());
    }
    assert_eq!(got, [ids[2].clone(), ids[1].clone(), ids[0].clone()]);
}

#[tokio::test]
async fn a_newer_poll_takes_the_older_ones_place_and_an_abandoned_poll_gets_nothing() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let older = worker.clone();
    let older = tokio::spawn(async move { older.poll(5000).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let abandoned = tokio::time::timeout(Duration::from_millis(100), worker.poll(5000)).await;
    assert!(abandoned.is_err());
    assert_eq!(crate::support::code(&older.await.unwrap().unwrap_err()), ErrorCode::Superseded);
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.submit(&ann, "job").await;
    assert_eq!(worker.next_key().await.attempt, 1, "the abandoned poll was not counted on");
}

#[tokio::test]
async fn a_cancelled_task_is_told_to_its_worker_and_ends_when_the_worker_is_gone() {
    let bench = Bench::short_leases().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let (id, waiting) = (bench.submit(&ann, "job").await, bench.submit(&ann, "waiting").await);
    let key = worker.next_key().await;
    bench.pool.cancel(&ann, &waiting).await.unwrap();
    assert_eq!(bench.pool.task(&waiting).await.unwrap().state, TaskState::Cancelled);
    bench.pool.cancel(&ann, &id).await.unwrap();
    let told = worker.beat(&[&key]).await.unwrap();
    assert_eq!(told.cancellations[0].key.as_ref(), Some(&key));
    assert_eq!(told.cancellations[0].reason(), v1::CancelReason::Requester);
    let ended = bench.pool.wait_for_end(&id, Duration::from_secs(10)).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.attempt), (TaskState::Cancelled, 1));
    assert!(worker.poll(300).await.is_err(), "a silent node has to register again");
}

#[tokio::test]
async fn heartbeats_of_many_nodes_write_nothing_to_disk() {
    let bench = Bench::start().await;
    bench.user("ann").await;
    let first = bench.worker("ann", "n0").await;
    let mut workers = vec![first.clone()];
    for n in 1..100 {
        let mut worker = crate::support::Worker { install: format!("n{n}"), ..first.clone() };
        worker.register().await.unwrap();
        workers.push(worker);
    }
    let database = || {
        let size = |name: &str| std::fs::metadata(bench.config.data_dir.join(name)).unwrap();
        ["pool.db", "pool.db-wal"].map(|name| (size(name).len(), size(name).modified().unwrap()))
    };
    let before = database();
    for _ in 0..10 {
        let beats = workers.iter().map(|worker| worker.beat(&[]));
        for answer in futures_util::future::join_all(beats).await {
            answer.unwrap();
        }
    }
    assert_eq!(database(), before);
    assert_eq!(bench.pool.nodes().await.unwrap().iter().filter(|node| node.active).count(), 100);
}
