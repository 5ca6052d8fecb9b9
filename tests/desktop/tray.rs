//! The tray icon of a real worker, with a tray host present, absent and coming later.

use crate::package::endless;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
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

/// The first line of the menu, in either language.
async fn says(host: &TrayHost, lines: [&str; 2]) {
    until(&format!("the tray says one of {lines:?}"), LONG, async || {
        let first = host.lines().await.into_iter().next()?.label;
        lines.iter().any(|line| first.starts_with(line)).then_some(())
    })
    .await;
}

/// A day of the week on which it is not now, as the schedule writes it.
async fn another_day(worker: &Worker<'_>) -> &'static str {
    let told = worker.call(&["timeline"]).await.ok();
    let days = told["to_ms"].as_i64().expect("a time") / 86_400_000;
    // The first day of the epoch was a Thursday; three days on it is neither today nor a neighbour in any zone.
    let names = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    names[usize::try_from((days + 3).rem_euclid(7)).expect("a day")]
}

#[tokio::test]
async fn the_tray_of_a_real_worker_shows_all_seven_states_in_both_languages() {
    let name = "the_tray_of_a_real_worker_shows_all_seven_states_in_both_languages";
    let Some(stage) = Stage::open(name, BUS).await else { return };
    let host = TrayHost::start(&stage.bus_address()).await;
    let mut pool = Pool::open(&stage.scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = stage.worker(&pool.master(), &["run", "--tray"]).await;
    worker.call(&["settings", "set", "language", "en"]).await.ok();
    worker.call(&["start"]).await.ok();
    says(&host, ["You are not signed in — open to fix", "-"]).await;
    worker.call(&["settings", "set", "language", "zh-tw"]).await.ok();
    says(&host, ["-", "您尚未登入 — 開啟以修正"]).await;
    assert_eq!(host.property::<String>("Status").await, "NeedsAttention");
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    says(&host, ["-", "就緒 · 等待任務"]).await;
    assert_eq!(host.property::<String>("Status").await, "Active");
    // By clicks alone, in Chinese: a pause and its end.
    host.click("直到我手動繼續").await;
    says(&host, ["-", "休息中，直到您手動繼續"]).await;
    worker.wait_for_state("snoozed").await;
    host.click("立即繼續").await;
    says(&host, ["-", "就緒 · 等待任務"]).await;
    let hours = format!("{} 03:00-03:30", another_day(&worker).await);
    worker.call(&["settings", "set", "schedule", &hours]).await.ok();
    says(&host, ["-", "已暫停：不在您選擇的時段內"]).await;
    // By a click: the rules are set aside, then followed again.
    host.click("忽略規則 1 小時").await;
    says(&host, ["-", "就緒 · 等待任務"]).await;
    host.click("重新遵循規則").await;
    says(&host, ["-", "已暫停：不在您選擇的時段內"]).await;
    worker.call(&["settings", "set", "language", "en"]).await.ok();
    says(&host, ["Paused — it is outside the hours you chose", "-"]).await;
    worker.call(&["settings", "set", "schedule"]).await.ok();
    says(&host, ["Ready · waiting for a task", "-"]).await;
    let id = asks.submit("endless", endless(), &Wish::default()).await;
    asks.wait_for_running(&id, 1).await;
    says(&host, ["Earning · 1 task", "-"]).await;
    host.click("Finish current tasks, then stop").await;
    says(&host, ["Finishing · 1 task left", "-"]).await;
    asks.stop(&id).await;
    says(&host, ["Off", "-"]).await;
    host.click("Contribute").await;
    says(&host, ["Ready · waiting for a task", "-"]).await;
    pool.kill().await;
    says(&host, ["Reconnecting…", "Connecting…"]).await;
    worker.end().await;
    drop((pool, host));
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
