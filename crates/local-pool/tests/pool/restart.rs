use crate::support::{Bench, Worker, chunks, header, succeeded, used};
use hivemind_local_pool::TaskState;
use hivemind_proto::v1::{self, LeaseState, result_status_response::Status};

#[tokio::test]
async fn a_restart_keeps_sessions_nodes_leases_tasks_and_half_results() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let mut worker = bench.worker("ann", "one").await;
    let held_id = bench.submit(&ann, "held").await;
    let held = worker.next_key().await;
    worker.report(vec![(&held, used(50.0, 1))]).await;
    let waiting_id = bench.submit(&ann, "waiting").await;
    let data = vec![7u8; 600_000];
    let part = chunks(&data, 0)[..1].to_vec();
    worker.send(header(&held, succeeded(), used(50.0, 1), &data, 0), part).await.unwrap_err();
    let asked = worker.clone();
    let open_poll = tokio::spawn(async move { asked.poll(20_000).await });
    let balance = bench.available(&ann).await;

    let bench = bench.restart().await;
    // The poll either got the waiting task right before the end or was told to come back.
    let early = open_poll.await.unwrap();
    assert_eq!(bench.available(&ann).await, balance);
    worker.channel = Worker::channel(&bench.pool).await;
    let answer = worker.beat(&[&held]).await.expect("session and node are still known");
    assert_eq!(answer.leases[0].state(), LeaseState::Renewed);
    assert_eq!(worker.result_status(&held, &data).await.unwrap(), Status::Offset(262_144));
    let rest = chunks(&data, 262_144);
    worker.send(header(&held, succeeded(), used(50.0, 1), &data, 262_144), rest).await.unwrap();
    assert_eq!(bench.pool.task(&held_id).await.unwrap().state, TaskState::Succeeded);
    let waiting = match early {
        Ok(Some(assignment)) => assignment.key.unwrap(),
        Ok(None) | Err(_) => worker.next_key().await,
    };
    assert_eq!(waiting, v1::TaskKey { task_id: waiting_id, attempt: 1 });

    let bench = bench.restart().await;
    worker.channel = Worker::channel(&bench.pool).await;
    let status = worker.result_status(&held, &data).await.unwrap();
    assert!(matches!(status, Status::Answer(answer) if answer.settled));
    bench.books_balance().await;
}

#[tokio::test]
async fn a_restarted_pool_counts_silence_from_its_own_start() {
    let bench = Bench::short_leases().await;
    let ann = bench.user("ann").await;
    let mut worker = bench.worker("ann", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let Bench { pool, mut config, dir } = bench;
    (config.grpc_addr, config.http_addr) = (pool.grpc_addr(), pool.http_addr());
    pool.shutdown().await;
    tokio::time::sleep(config.lease * 2).await;
    config.comeback = config.lease * 2;
    let pool = hivemind_local_pool::LocalPool::start(config.clone()).await.unwrap();
    let bench = Bench { pool, config, dir };
    worker.channel = Worker::channel(&bench.pool).await;
    // Its way back takes longer than a lease.
    tokio::time::sleep(bench.config.lease * 3 / 2).await;
    let answer = worker.beat(&[&key]).await.unwrap();
    assert_eq!(answer.leases[0].state(), LeaseState::Renewed);
    tokio::time::sleep(bench.config.lease * 2).await;
    let view = bench.pool.task(&key.task_id).await.unwrap();
    assert_eq!(view.state, TaskState::Queued, "and from then on silence counts");
}
