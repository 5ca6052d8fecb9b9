//! The worker is killed while a task runs, and started again; or it panics, and begins anew by itself.

use crate::package::{any, count_primes, endless, primes, sha256, text_of};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::Wish;
use crate::rules::paused;
use crate::scene::Scene;
use crate::worker::Worker;
use hivemind_testkit::failpoint::VARIABLE;

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

/// How often it panicked.
fn falls(worker: &Worker<'_>) -> usize {
    let kept = std::fs::read(worker.data.join("falls.json")).unwrap_or_default();
    serde_json::from_slice::<Vec<serde_json::Value>>(&kept).unwrap_or_default().len()
}

/// Which attempt was at hand each time.
fn attempts_at_hand(worker: &Worker<'_>) -> Vec<Option<(String, u64)>> {
    let kept = std::fs::read(worker.data.join("falls.json")).unwrap_or_default();
    let falls = serde_json::from_slice::<Vec<serde_json::Value>>(&kept).unwrap_or_default();
    let key = |fall: &serde_json::Value| {
        Some((fall["attempt"]["task"].as_str()?.to_owned(), fall["attempt"]["attempt"].as_u64()?))
    };
    falls.iter().map(key).collect()
}

#[tokio::test]
async fn a_worker_that_panics_begins_anew_in_its_place_and_delivers_once() {
    let Some(scene) = Scene::open("a_worker_that_panics_begins_anew_in_its_place_and_delivers_once").await
    else {
        return;
    };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    for place in ["prepare.before!", "run.started!", "collect.after!", "submit.before!"] {
        worker.end().await;
        worker.surround(VARIABLE, place);
        worker.start().await;
        worker.wait_for_state("ready").await;
        let (pid, before) = (worker.process().pid(), falls(&worker));
        let n = any(1_500_000..2_000_000);
        let id = asks.submit("primes", primes(n), &Wish::default()).await;
        let ended = asks.wait_for_end(&id).await;
        assert_eq!(
            (ended["state"].as_str(), ended["attempt"].as_u64()),
            (Some("succeeded"), Some(1)),
            "{place}: {ended}"
        );
        let result = asks.download(&id).await;
        assert_eq!(text_of(&result.bytes, "primes.txt"), count_primes(n).to_string(), "{place}");
        let receipt = worker.closed(&id, 1).await;
        assert_eq!(receipt["result_sha256"], sha256(&result.bytes), "{place}");
        assert_eq!(worker.attempts(&id).await.len(), 1, "{place}: one attempt, recorded once");
        assert_eq!(falls(&worker), before + 1, "{place} panics once");
        // Whoever started the process still has the one that it knows.
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(command.contains("hivemind-worker"), "{place}: {command:?}");
        // No pause grows out of what a test does on purpose.
        std::fs::remove_file(worker.data.join("falls.json")).expect("it fell");
    }
    worker.wait_until_clean().await;
    worker.end().await;
}

#[tokio::test]
async fn a_task_over_which_the_worker_falls_in_every_life_is_handed_back() {
    let Some(scene) = Scene::open("a_task_over_which_the_worker_falls_in_every_life_is_handed_back").await
    else {
        return;
    };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    // Before its container, while its outputs are taken, on a thread that blocks, and while they are sent.
    worker.end().await;
    for place in ["prepare.before!!", "collect.before!!", "outputs.spooled!!", "submit.before!!"] {
        worker.surround(VARIABLE, place);
        worker.start().await;
        let id = asks.submit("poison", primes(1000), &Wish::default()).await;
        until(&format!("it goes on after three falls at {place}"), LONG, async || {
            (falls(&worker) >= 3 && worker.call(&["status"]).await.code == 0).then_some(())
        })
        .await;
        let closed = worker.closed(&id, 1).await;
        assert_eq!(closed["phase"], "handed_back", "{place}: {closed}");
        let named = attempts_at_hand(&worker);
        assert_eq!(named, vec![Some((id.clone(), 1)); 3], "{place}");
        // It is another worker's, or nobody's.
        asks.stop(&id).await;
        worker.end().await;
        // The test does not wait on.
        std::fs::remove_file(worker.data.join("falls.json")).expect("it fell");
    }
    worker.surround(VARIABLE, "");
    worker.start().await;
    let id = asks.submit("primes", primes(1000), &Wish::default()).await;
    assert_eq!(asks.wait_for_end(&id).await["state"], "succeeded");
    worker.wait_until_clean().await;
    worker.end().await;
}

#[tokio::test]
async fn while_a_worker_waits_after_many_falls_its_containers_stand_still() {
    let Some(scene) = Scene::open("while_a_worker_waits_after_many_falls_its_containers_stand_still").await
    else {
        return;
    };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    let containers = worker.containers().await;
    worker.kill().await;
    // It fell over something else, four times by now.
    let fall = serde_json::json!({ "at_ms": crate::updates::now_ms(), "place": "other.rs:1",
        "attempt": { "task": "other", "attempt": 1 } });
    std::fs::write(worker.data.join("falls.json"), serde_json::json!([fall, fall, fall, fall]).to_string())
        .expect("written");
    tokio::join!(worker.start(), paused(&scene.engine, &containers[0], true));
    // The pool heard nothing for as long as its leases last: it may have given the task out again, to this worker.
    let container = until("one container computes", LONG, async || {
        let on = worker.snapshot().await;
        let runs = on["status"]["state"] == "earning" && on["tasks"][0]["phase"] == "running";
        let mut containers = worker.containers().await;
        (runs && containers.len() == 1).then(|| containers.pop()).flatten()
    })
    .await;
    paused(&scene.engine, &container, false).await;
    asks.stop(&id).await;
    worker.wait_until_clean().await;
    worker.end().await;
}

#[tokio::test]
async fn what_falls_on_its_way_out_has_ended() {
    let Some(scene) = Scene::open("what_falls_on_its_way_out_has_ended").await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    worker.end().await;
    worker.surround(VARIABLE, "hand_back.before!");
    worker.start().await;
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    worker.call(&["quit"]).await.ok();
    let code = worker.ended().await.code();
    assert_eq!((code, falls(&worker)), (Some(101), 0), "it fell, and stays ended");
    worker.surround(VARIABLE, "");
    worker.start().await;
    // What it could not hand back then goes back now.
    assert_eq!(worker.closed(&id, 1).await["phase"], "handed_back");
    asks.stop(&id).await;
    worker.wait_until_clean().await;
    worker.end().await;
}
