//! `uninstall` takes everything back that the worker changed on this computer.

use crate::package::endless;
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;

#[tokio::test]
async fn uninstall_takes_back_every_change_also_of_a_worker_that_died() {
    let Some(scene) = Scene::open("uninstall_takes_back_every_change_also_of_a_worker_that_died").await
    else {
        return;
    };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let entry = scene.path("worker-home").join(".config/autostart/hivemind-worker.desktop");
    worker.call(&["settings", "set", "start_at_login", "true"]).await.ok();
    assert!(entry.is_file(), "{}", entry.display());
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    let label = worker.label();
    assert_eq!(worker.containers().await.len(), 1);

    // Only its start at login goes, and it ends; what it keeps stays.
    let data = scene.path("worker");
    let report = worker.call(&["uninstall", "--keep-data"]).await.ok();
    assert!(!entry.exists(), "{report}");
    assert!(data.join("journal.sqlite").is_file(), "{report}");
    worker.gone().await;

    // One that is killed leaves a container behind.
    worker.start().await;
    worker.call(&["start"]).await.ok();
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    worker.kill().await;
    assert_eq!(scene.engine.containers(&label).await.len(), 1);
    let report = worker.call(&["uninstall"]).await.ok();
    assert!(report["left"].as_array().is_some_and(Vec::is_empty), "{report}");
    assert!(report["undone"].to_string().contains("removed 1 containers"), "{report}");
    assert_eq!(scene.engine.everything(&label).await, Vec::<String>::new());
    assert!(!data.exists(), "{report}");

    // A second time there is nothing to take back.
    let report = worker.call(&["uninstall"]).await.ok();
    assert!(!data.exists(), "{report}");
}
