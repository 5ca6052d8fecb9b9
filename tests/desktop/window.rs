//! The window as a person uses it: sign in, contribute, watch, earn.

use crate::package::zipped;
use crate::page::Page;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
use crate::stage::{Stage, WINDOW};
use crate::tray_host::TrayHost;
use serde_json::Value;
use std::time::Duration;
use tokio::time::sleep;

const PROGRAM: &str = "hivemind-worker-window";
const STATUS: &str = "[data-testid=status-sentence]";
const TODAY: &str = "[data-testid=today-cpt]";
const TOGGLE: &str = "[data-testid=toggle]";

/// What this task prints must reach the page as what it is: text.
const MARKED: &str = r#"<img src=x onerror="window.pwned=1"><b>bold</b>&amp;<script>window.pwned=2</script>"#;

/// Prints markup and terminal sequences, computes for some seconds, and leaves a file.
fn noisy() -> Vec<u8> {
    let program = format!(
        r#"
import os, time
print('''{MARKED}''', flush=True)
print('\x1b[31mred\x1b[0m and \x1b]0;title\x07 the rest', flush=True)
end = time.monotonic() + 6
while time.monotonic() < end:
    sum(range(10000))
os.makedirs(os.environ['HIVEMIND_OUTPUT'], exist_ok=True)
with open(os.environ['HIVEMIND_OUTPUT'] + '/done.txt', 'w') as file:
    file.write('done')
"#
    );
    zipped(&[("main.py", &program)])
}

#[tokio::test]
async fn the_window_signs_in_contributes_and_shows_a_task_earn() {
    let Some(stage) = Stage::open("the_window_signs_in_contributes_and_shows_a_task_earn", WINDOW).await
    else {
        return;
    };
    let host = TrayHost::start(&stage.bus_address()).await;
    let mut pool = Pool::open(&stage.scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = stage.worker(&pool.master(), &["run", "--tray"]).await;
    let page = Page::window(&stage, &stage.scene.path("worker").join("run/worker.sock")).await;
    assert!(page.url().await.starts_with("tauri://localhost"));

    // Sign in, wrongly first.
    page.wait_for("[data-testid=app][data-host=tauri]").await;
    page.type_into("[data-testid=sign-in-username]", &works.name).await;
    page.type_into("[data-testid=sign-in-password]", "wrong").await;
    page.click("[data-testid=sign-in-submit]").await;
    page.wait_for("[data-testid=sign-in] [data-testid=error-note]").await;
    assert_eq!(worker.snapshot().await["account"], Value::Null);
    page.type_into("[data-testid=sign-in-password]", PASSWORD).await;
    page.click("[data-testid=sign-in-submit]").await;
    page.wait_for("[data-testid=account]").await;
    assert!(page.text("[data-testid=account]").await.contains(&works.name));
    until("the form is gone", LONG, async || (!page.is_there("[data-testid=sign-in]").await).then_some(()))
        .await;
    assert_eq!(worker.snapshot().await["account"]["username"], *works.name);

    // It begins by itself. Off, on; the tray icon of the same worker follows.
    page.wait_for_attribute(STATUS, "data-state", "ready").await;
    for on in [false, true, false, true] {
        page.wait_for_attribute(TOGGLE, "aria-checked", if on { "false" } else { "true" }).await;
        page.click(TOGGLE).await;
        worker.wait_for_state(if on { "ready" } else { "off" }).await;
        page.wait_for_attribute(STATUS, "data-state", if on { "ready" } else { "off" }).await;
        page.wait_for_attribute(TOGGLE, "aria-checked", if on { "true" } else { "false" }).await;
        until("the tray follows", LONG, async || {
            (host.line("Contribute").await.checked == Some(on)).then_some(())
        })
        .await;
    }
    page.wait_for_attribute(TODAY, "data-credited", "0").await;

    the_chart_moves(&page).await;

    // A task appears, runs and settles, seen by somebody who only looks.
    page.click("[data-testid=nav-tasks]").await;
    page.wait_for("[data-testid=app][data-screen=tasks]").await;
    let id = asks.submit("noisy", noisy(), &Wish::default()).await;
    let row = format!("[data-testid=task-row][data-task='{id}']");
    page.script(&format!(
        "window.phases = [];
         const look = () => {{
           for (const row of document.querySelectorAll(`[data-task='{id}']`)) {{
             if (window.phases.at(-1) !== row.dataset.phase) window.phases.push(row.dataset.phase);
           }}
         }};
         new MutationObserver(look).observe(document.body, {{ subtree: true, childList: true, attributes: true }});"
    ))
    .await;
    page.wait_for_attribute(&row, "data-phase", "running").await;
    page.wait_for_attribute(&format!("{row} [data-testid=log-tail]"), "data-lines", "2").await;
    output_is_text(&page, &format!("{row} [data-testid=log-tail]")).await;
    let history = format!("[data-testid=history-row][data-task='{id}']");
    page.wait_for_attribute(&history, "data-phase", "settled").await;
    assert_eq!(page.attribute(&history, "data-verdict").await.as_deref(), Some("succeeded"));
    // The two lists come by two messages.
    until("what is over is not shown as going on", LONG, async || (!page.is_there(&row).await).then_some(()))
        .await;
    let phases = page.script("return window.phases;").await;
    let phases: Vec<&str> = phases.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let at = |phase: &str| phases.iter().position(|p| *p == phase);
    assert!(at("running").is_some() && at("running") < at("settled"), "{phases:?}");

    // Its details hold the whole log, still as text.
    page.click(&history).await;
    page.wait_for("[data-testid=task-detail] [data-testid=log]").await;
    until("the log", LONG, async || page.text("[data-testid=log]").await.contains("the rest").then_some(()))
        .await;
    output_is_text(&page, "[data-testid=log]").await;

    // What the page says was earned is what the pool has paid.
    page.click("[data-testid=nav-home]").await;
    page.wait_for(TODAY).await;
    let ended = asks.wait_for_end(&id).await;
    let credited = ended["credited_cpt"].as_u64().expect("CPT");
    assert!(credited >= 1, "{ended}");
    let credited = credited.to_string();
    page.wait_for_attribute(TODAY, "data-credited", &credited).await;
    page.wait_for_attribute(TODAY, "data-settled", &credited).await;
    until("the sum in words", LONG, async || page.text(TODAY).await.contains(&credited).then_some(())).await;
    assert_eq!(worker.snapshot().await["today"]["settled_cpt"].to_string(), credited);

    // The tray leads to what may be sent to whoever helps.
    host.click("Report a problem").await;
    page.wait_for("[data-testid=app][data-screen=log]").await;
    page.wait_for("[data-testid=support-text]").await;

    // The window ends when it is closed; the worker goes on. Without a window manager the toolkit does not hear a close
    // in the moment in which the window comes to the front: whoever closed it presses again.
    assert_eq!(stage.close_windows(PROGRAM), 1);
    until("the window has ended", LONG, async || {
        let ended = stage.running(PROGRAM).is_empty();
        if !ended {
            sleep(Duration::from_secs(1)).await;
            stage.close_windows(PROGRAM);
        }
        ended.then_some(())
    })
    .await;
    page.gone().await;
    assert_eq!(worker.snapshot().await["status"]["state"], "ready");
    worker.wait_until_clean().await;
    worker.end().await;
    pool.close_and_audit().await;
    drop(host);
    stage.close().await;
}

/// Readings come in, and the picture drawn from them changes.
async fn the_chart_moves(page: &Page) {
    const CHART: &str = "[data-testid=chart-cpu]";
    const PICTURE: &str =
        "return document.querySelector('[data-testid=chart-cpu] canvas')?.toDataURL() ?? null;";
    page.click("[data-testid=nav-resources]").await;
    page.wait_for(&format!("{CHART} canvas")).await;
    let (points, last) = (page.number(CHART, "data-points").await, page.number(CHART, "data-last-ms").await);
    let picture = page.script(PICTURE).await;
    assert!(picture.is_string(), "{picture}");
    // It may have had all the points it shows already; then they only move.
    let room = points < Some(60);
    until("three more readings", LONG, async || {
        let more = page.number(CHART, "data-points").await >= points.map(|n| n + 3);
        let later = page.number(CHART, "data-last-ms").await > last;
        ((more || !room) && later).then_some(())
    })
    .await;
    until("the picture moves", LONG, async || (page.script(PICTURE).await != picture).then_some(())).await;
    assert!(page.number("[data-testid=cores]", "data-points").await >= Some(1));
}

async fn output_is_text(page: &Page, place: &str) {
    let text = page.text(place).await;
    assert!(text.contains(MARKED), "{text}");
    assert!(text.contains("red") && text.contains("the rest"), "{text}");
    let inside =
        format!("return document.querySelector(\"{place}\").querySelectorAll('img, b, script').length;");
    assert_eq!(page.script(&inside).await, 0);
    let pwned = page.script("return window.pwned ?? null;").await;
    assert_eq!(pwned, Value::Null, "output of a task was run as a script");
    assert!(!text.chars().any(|c| c.is_control() && !c.is_whitespace()), "{text:?}");
}
