//! What is refused, and how that is said.

use crate::package::zipped;
use crate::pool::Pool;
use crate::program::call;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;

#[tokio::test]
async fn a_hostile_package_is_refused_with_the_entry_named() {
    let Some(scene) = Scene::open("a_hostile_package_is_refused_with_the_entry_named").await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    for entry in ["../../outside.txt", "/etc/outside.txt"] {
        let package = zipped(&[("main.py", "print('never')"), (entry, "x")]);
        let id = asks.submit("hostile", package, &Wish::default()).await;
        let ended = asks.wait_for_end(&id).await;
        assert_eq!(
            (ended["state"].as_str(), ended["failure"].as_str()),
            (Some("failed"), Some("package")),
            "{ended}"
        );
        let message = ended["message"].as_str().expect("a message");
        assert!(message.contains(entry), "{message}");
        assert!(asks.log(&id).await.is_empty());
        worker.closed(&id, 1).await;
    }
    worker.wait_until_clean().await;
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_worker_have_their_own_exit_codes() {
    let name = "a_wrong_password_and_a_missing_worker_have_their_own_exit_codes";
    let Some(scene) = Scene::open(name).await else { return };
    let pool = Pool::open(&scene).await;
    let works = pool.person("works").await;
    let mut worker = Worker::open(&scene, "worker", &pool.master()).await;
    let refused = worker.sign_in(&works.name, "not the password").await;
    assert_eq!((refused.code, refused.error().0), (4, "WRONG_CREDENTIALS"));
    assert!(worker.snapshot().await["account"].is_null());
    worker.sign_in(&works.name, crate::requester::PASSWORD).await.ok();
    assert_eq!(worker.snapshot().await["account"]["username"], "works");
    let twice =
        call(&scene.surroundings("other"), &["--data", &scene.path("worker").display().to_string(), "run"])
            .await;
    assert_eq!((twice.code, twice.error().0), (1, "WORKER_ALREADY_RUNNING"));
    worker.end().await;
    let gone = worker.call(&["status"]).await;
    assert_eq!((gone.code, gone.error().0), (3, "WORKER_NOT_RUNNING"));
}
