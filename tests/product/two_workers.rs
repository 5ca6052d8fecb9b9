//! One of two workers falls silent.

use crate::package::{text_of, ticking};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;
use std::time::Duration;

#[tokio::test]
async fn a_silent_workers_task_moves_on_and_its_late_result_changes_nothing() {
    let name = "a_silent_workers_task_moves_on_and_its_late_result_changes_nothing";
    let Some(scene) = Scene::open(name).await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, first, second) =
        (pool.person("asks").await, pool.person("first").await, pool.person("second").await);
    let before = (asks.balance().await, first.balance().await, second.balance().await);
    let one = Worker::contributing(&scene, "one", &pool, &first).await;
    let node_one = one.node().await;
    let id = asks.submit("ticks", ticking(6.0), &Wish::default()).await;
    let began = asks.wait_for_running(&id, 1).await;
    assert_eq!(began["node_id"], *node_one);
    let two = Worker::contributing(&scene, "two", &pool, &second).await;
    one.process().silence();
    let silent = tokio::time::Instant::now();
    let moved = asks.wait_for_running(&id, 2).await;
    let after = silent.elapsed();
    assert!(after >= Duration::from_secs(8), "given up after {after:?}, before the lease was over");
    assert_eq!(moved["node_id"], *two.node().await);
    let ended = asks.wait_for_end(&id).await;
    assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(2)), "{ended}");
    let result = asks.download(&id).await;
    assert_eq!(text_of(&result.bytes, "attempt.txt"), "2");
    two.closed(&id, 2).await;
    let credited = i64::try_from(ended["credited_cpt"].as_u64().expect("CPT")).expect("a small sum");
    let paid = (before.0 - credited, before.1, before.2 + credited);
    assert_eq!((asks.balance().await, first.balance().await, second.balance().await), paid);

    // Attempt 1 has long finished in its container; its worker finds that out now.
    assert_eq!(one.containers().await.len(), 1);
    one.process().wake();
    let lost = one.closed(&id, 1).await;
    assert_eq!(
        (lost["phase"].as_str(), lost["settled"].as_bool()),
        (Some("lease_lost"), Some(false)),
        "{lost}"
    );
    one.wait_until_clean().await;
    two.wait_until_clean().await;
    until("the awakened worker is back at the pool", LONG, async || {
        let nodes = asks.nodes().await;
        (nodes.iter().filter(|node| node["active"] == true).count() == 2).then_some(())
    })
    .await;
    assert_eq!(asks.task(&id).await, ended, "the task as it was");
    assert_eq!(asks.download(&id).await.bytes, result.bytes);
    assert_eq!((asks.balance().await, first.balance().await, second.balance().await), paid);
}
