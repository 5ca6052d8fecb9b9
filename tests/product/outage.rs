//! The pool is away for twenty seconds.

use crate::package::{file_of, noise, sha256, text_of, ticking};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;
use std::time::Duration;

/// Longer than a lease, as an outage that matters is.
const AWAY: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_pool_that_is_away_while_a_task_runs_loses_nothing() {
    let Some(scene) = Scene::open("a_pool_that_is_away_while_a_task_runs_loses_nothing").await else {
        return;
    };
    let mut pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let before = (asks.balance().await, works.balance().await);
    // Ends while the pool is away: the result has to wait for it.
    let id = asks.submit("ticks", ticking(8.0), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    pool.kill().await;
    tokio::time::sleep(AWAY).await;
    let waiting = worker.attempts(&id).await;
    assert_eq!(waiting[0]["phase"], "uploading", "the result waits: {waiting:?}");
    pool.start().await;
    let ended = asks.wait_for_end(&id).await;
    assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(1)), "{ended}");
    let result = asks.download(&id).await;
    assert_eq!(text_of(&result.bytes, "attempt.txt"), "1");
    let receipt = worker.closed(&id, 1).await;
    assert_eq!(receipt["result_sha256"], sha256(&result.bytes));
    assert_eq!(asks.log(&id).await, ["begins", "ends"], "also what was printed while the pool was away");
    let credited = ended["credited_cpt"].as_i64().expect("CPT");
    assert_eq!((asks.balance().await, works.balance().await), (before.0 - credited, before.1 + credited));
    worker.wait_until_clean().await;
    pool.close_and_audit().await;
}

#[tokio::test]
async fn a_pool_that_dies_in_the_middle_of_an_upload_loses_nothing() {
    let name = "a_pool_that_dies_in_the_middle_of_an_upload_loses_nothing";
    let Some(scene) = Scene::open(name).await else { return };
    let mut pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let id = asks.submit("noise", noise(200), &Wish { cpu_cores: "1", ..Wish::default() }).await;
    until("the upload is on its way", LONG, async || (pool.bytes_arriving() > 0).then_some(())).await;
    pool.kill().await;
    let arrived = pool.bytes_arriving();
    assert!(arrived > 0 && arrived < 200 << 20, "killed in the middle of it: {arrived} bytes");
    tokio::time::sleep(AWAY).await;
    pool.start().await;
    let ended = asks.wait_for_end(&id).await;
    assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(1)), "{ended}");
    let result = asks.download(&id).await;
    let hash = sha256(&result.bytes);
    assert_eq!((&*result.header_sha256, ended["result"]["sha256"].as_str()), (&*hash, Some(&*hash)));
    assert_eq!(worker.closed(&id, 1).await["result_sha256"], *hash);
    assert_eq!(file_of(&result.bytes, "noise.bin").len(), 200 << 20);
    worker.wait_until_clean().await;
    pool.close_and_audit().await;
}
