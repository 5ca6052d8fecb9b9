//! The worker is killed while a task runs, and started again.

use crate::package::{any, count_primes, primes, sha256, text_of};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;

#[tokio::test]
async fn a_killed_worker_adopts_its_container_and_delivers_once() {
    let Some(scene) = Scene::open("a_killed_worker_adopts_its_container_and_delivers_once").await else {
        return;
    };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let before = (asks.balance().await, works.balance().await);
    let n = any(1_500_000_000..2_000_000_000);
    let id = asks.submit("primes", primes(n), &Wish { cpu_cores: "0.25", ..Wish::default() }).await;
    asks.wait_for_running(&id, 1).await;
    let containers = worker.containers().await;
    assert_eq!(containers.len(), 1, "{containers:?}");
    worker.kill().await;
    assert_eq!(worker.containers().await, containers, "a dead worker's task goes on");
    worker.start().await;
    let adopted = until("the task is adopted", LONG, async || {
        let known = worker.attempts(&id).await;
        known.first().filter(|view| view["cpu_percent"].as_f64() > Some(0.0)).cloned()
    })
    .await;
    assert_eq!((adopted["phase"].as_str(), adopted["attempt"].as_u64()), (Some("running"), Some(1)));
    assert_eq!(worker.containers().await, containers, "the same container");
    let ended = asks.wait_for_end(&id).await;
    assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(1)), "{ended}");
    let result = asks.download(&id).await;
    assert_eq!(text_of(&result.bytes, "primes.txt"), count_primes(n).to_string());
    let receipt = worker.closed(&id, 1).await;
    assert_eq!((receipt["phase"].as_str(), receipt["settled"].as_bool()), (Some("settled"), Some(true)));
    assert_eq!(receipt["result_sha256"], sha256(&result.bytes));
    assert_eq!(worker.attempts(&id).await.len(), 1, "one attempt, recorded once");
    let log = asks.log(&id).await;
    let told: Vec<_> = log.iter().filter(|line| line.contains("% done")).collect();
    assert_eq!(told.len(), 10, "each line once: {log:?}");
    let credited = i64::try_from(ended["credited_cpt"].as_u64().expect("CPT")).expect("a small sum");
    assert!(credited >= 1);
    assert_eq!((asks.balance().await, works.balance().await), (before.0 - credited, before.1 + credited));
    worker.wait_until_clean().await;
    worker.end().await;
}
