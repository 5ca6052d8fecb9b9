//! What owner and requester may do while a task runs.

use crate::package::{endless, text_of, ticking};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;

#[tokio::test]
async fn stopping_hands_back_and_starting_goes_on() {
    let Some(scene) = Scene::open("stopping_hands_back_and_starting_goes_on").await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let before = (asks.balance().await, works.balance().await);
    let id = asks.submit("ticks", ticking(4.0), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    worker.call(&["stop"]).await.ok();
    let back = asks.wait_for(&id, "is queued again", |task| task["state"] == "queued").await;
    assert_eq!(back["attempt"], 1, "{back}");
    let record = worker.closed(&id, 1).await;
    assert_eq!((record["phase"].as_str(), record["settled"].as_bool()), (Some("handed_back"), Some(false)));
    worker.wait_until_clean().await;
    assert_eq!((asks.balance().await, works.balance().await), before, "nothing is paid for it");
    worker.wait_for_state("off").await;

    worker.call(&["start"]).await.ok();
    asks.wait_for_running(&id, 2).await;
    // One task is stopped: the worker goes on contributing, and may be given it again.
    worker.call(&["stop-task", &id]).await.ok();
    assert_eq!(worker.closed(&id, 2).await["phase"], "handed_back");
    asks.wait_for_running(&id, 3).await;
    // Finishing lets it end.
    worker.call(&["finish"]).await.ok();
    let ended = asks.wait_for_end(&id).await;
    assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(3)), "{ended}");
    assert_eq!(text_of(&asks.download(&id).await.bytes, "attempt.txt"), "3");
    worker.wait_for_state("off").await;
    let next = asks.submit("later", ticking(1.0), &Wish::default()).await;
    worker.wait_until_clean().await;
    assert_eq!(asks.task(&next).await["state"], "queued", "a worker that is off takes nothing");
    let unknown = worker.call(&["stop-task", "t-nothing"]).await;
    assert_eq!((unknown.code, unknown.error().0), (1, "TASK_UNKNOWN"));
}

#[tokio::test]
async fn cancelled_and_late_tasks_end_and_pay_what_accrued() {
    let Some(scene) = Scene::open("cancelled_and_late_tasks_end_and_pay_what_accrued").await else { return };
    let mut pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let before = (asks.balance().await, works.balance().await);
    let late = Wish { timeout_seconds: 3, ..Wish::default() };
    let late = asks.submit("late", endless(), &late).await;
    let cancelled = asks.submit("cancelled", endless(), &Wish::default()).await;
    asks.wait_for_running(&cancelled, 1).await;
    until("it prints", LONG, async || (!asks.log(&cancelled).await.is_empty()).then_some(())).await;
    asks.stop(&cancelled).await;
    let mut paid = 0;
    for (id, state) in [(&cancelled, "cancelled"), (&late, "timed_out")] {
        let ended = asks.wait_for_end(id).await;
        assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some(state), Some(1)), "{ended}");
        let credited = ended["credited_cpt"].as_i64().expect("CPT");
        assert!(credited >= 1, "{ended}");
        let record = worker.closed(id, 1).await;
        assert_eq!(
            (record["verdict"].as_str(), record["credited_cpt"].as_i64()),
            (Some(state), Some(credited))
        );
        paid += credited;
    }
    assert_eq!((asks.balance().await, works.balance().await), (before.0 - paid, before.1 + paid));
    worker.wait_until_clean().await;
    pool.close_and_audit().await;
}
