//! The tray icon of a real worker, with a tray host present, absent and coming later.

use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::PASSWORD;
use crate::stage::{BUS, Stage};
use crate::tray_host::TrayHost;
use crate::worker::Worker;
use std::time::Duration;

async fn marked(host: &TrayHost, on: bool) {
    until(&format!("the mark is {on}"), LONG, async || {
        (host.line("Contribute").await.checked == Some(on)).then_some(())
    })
    .await;
}

/// Clicks the toggle on and off again, and looks at the worker each time.
async fn toggle(host: &TrayHost, worker: &Worker<'_>) {
    marked(host, false).await;
    assert!(!host.line("Finish current tasks, then stop").await.enabled);
    host.click("Contribute").await;
    let snapshot = worker.wait_for_state("ready").await;
    assert_eq!(snapshot["status"]["contributing"], true);
    marked(host, true).await;
    host.line("Ready · waiting for a task").await;
    host.click("Contribute").await;
    let snapshot = worker.wait_for_state("off").await;
    assert_eq!(snapshot["status"]["contributing"], false);
    marked(host, false).await;
}

/// A worker that somebody has signed in and that does not contribute.
async fn signed_in<'a>(stage: &'a Stage, pool: &Pool) -> Worker<'a> {
    let works = pool.person("works").await;
    let worker = stage.worker(&pool.master(), &["run", "--tray"]).await;
    worker.sign_in(&works.name, PASSWORD).await.ok();
    // As set, it begins by itself.
    worker.wait_for_state("ready").await;
    worker.call(&["stop"]).await.ok();
    worker.wait_for_state("off").await;
    worker
}

#[tokio::test]
async fn the_menus_toggle_starts_and_stops_the_worker() {
    let Some(stage) = Stage::open("the_menus_toggle_starts_and_stops_the_worker", BUS).await else { return };
    let host = TrayHost::start(&stage.bus_address()).await;
    let pool = Pool::open(&stage.scene).await;
    let worker = signed_in(&stage, &pool).await;
    assert_eq!(host.property::<String>("Id").await, "hivemind-worker");
    toggle(&host, &worker).await;
    // What happens elsewhere shows here.
    worker.call(&["start"]).await.ok();
    marked(&host, true).await;
    host.click("Quit").await;
    until("the worker has ended", LONG, async || (worker.call(&["status"]).await.code == 3).then_some(()))
        .await;
    until("its process is gone", LONG, async || {
        let left = stage.running("hivemind-worker");
        // The pool is the same program.
        (left.len() == 1).then_some(())
    })
    .await;
    drop((worker, pool, host));
    stage.close().await;
}

#[tokio::test]
async fn the_icon_appears_when_a_tray_host_comes_and_comes_back() {
    let Some(stage) = Stage::open("the_icon_appears_when_a_tray_host_comes_and_comes_back", BUS).await else {
        return;
    };
    let pool = Pool::open(&stage.scene).await;
    let mut worker = signed_in(&stage, &pool).await;
    // Without a tray host everything else works.
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;
    worker.call(&["stop"]).await.ok();
    worker.wait_for_state("off").await;
    let host = TrayHost::start(&stage.bus_address()).await;
    toggle(&host, &worker).await;
    // As when a panel crashes and is started again.
    drop(host);
    tokio::time::sleep(Duration::from_millis(300)).await;
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;
    worker.call(&["stop"]).await.ok();
    let host = TrayHost::start(&stage.bus_address()).await;
    toggle(&host, &worker).await;
    assert_eq!(host.icons(), 1, "one icon for one worker");
    worker.end().await;
    drop((pool, host));
    stage.close().await;
}
