//! The monitor page in a real browser: pairing, use, and what a page of somebody else can do (nothing).

use crate::foreign::{ATTACK, Foreign};
use crate::page::Page;
use crate::pool::Pool;
use crate::requester::PASSWORD;
use crate::stage::{BROWSER, Stage};
use crate::worker::Worker;
use serde_json::Value;

const APP: &str = "[data-testid=app][data-host=http][data-screen=home]";
const TOGGLE: &str = "[data-testid=toggle]";

async fn signed_in<'a>(stage: &'a Stage, pool: &Pool) -> Worker<'a> {
    let works = pool.person("works-in-secret").await;
    let worker = stage.worker(&pool.master(), &["run"]).await;
    worker.sign_in(&works.name, PASSWORD).await.ok();
    // As set, it begins by itself.
    worker.wait_for_state("ready").await;
    worker.call(&["stop"]).await.ok();
    worker.wait_for_state("off").await;
    worker
}

async fn new_code(worker: &Worker<'_>) -> String {
    worker.call(&["open"]).await.ok()["url"].as_str().expect("an address").to_owned()
}

#[tokio::test]
async fn a_browser_is_paired_once_and_then_does_what_the_window_does() {
    let Some(stage) =
        Stage::open("a_browser_is_paired_once_and_then_does_what_the_window_does", BROWSER).await
    else {
        return;
    };
    let pool = Pool::open(&stage.scene).await;
    let mut worker = signed_in(&stage, &pool).await;
    let monitor = worker.monitor();
    let page = Page::browser(&stage).await;

    // Not paired: an explanation, and nothing of the worker's.
    for path in ["", "monitor.html"] {
        page.go(&format!("{monitor}{path}")).await;
        page.wait_for("[data-testid=pairing]").await;
        let text = page.text("body").await;
        assert!(text.contains("hivemind-worker open"), "{text}");
        let markup = page.script("return document.documentElement.outerHTML;").await.to_string();
        assert!(!markup.contains("works-in-secret") && !markup.contains(&pool.master()), "{markup}");
    }
    let asked = page
        .script_async(
            "const head = { 'X-HiveMind': '1', 'Content-Type': 'application/json' };
             const codes = [];
             for (const name of ['snapshot', 'start']) {
               codes.push((await fetch(`/rpc/${name}`, { method: 'POST', headers: head, body: 'null' })).status);
             }
             for (const path of ['/events', '/metrics']) codes.push((await fetch(path, { headers: head })).status);
             return codes;",
        )
        .await;
    assert_eq!(asked, serde_json::json!([401, 401, 401, 401]));
    page.script("window.mark = 'the same page';").await;

    // The address from the command line pairs; the page that waited notices by itself.
    let waiting = page.new_tab().await;
    let code = new_code(&worker).await;
    page.go(&code).await;
    page.wait_for(APP).await;
    assert_eq!(page.url().await, monitor, "the code does not stay in the address");
    let cookies = page.cookies().await;
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert_eq!(
        (&cookies[0]["httpOnly"], &cookies[0]["sameSite"]),
        (&Value::Bool(true), &Value::from("Strict"))
    );
    assert_eq!(page.script("return document.cookie;").await, "");
    assert!(page.text("[data-testid=account]").await.contains("works-in-secret"));
    page.turn_to(&waiting).await;
    page.wait_for(APP).await;
    assert_eq!(page.script("return window.mark;").await, "the same page", "it was not loaded again");

    // On and off.
    for (on, state) in [("true", "ready"), ("false", "off")] {
        page.click(TOGGLE).await;
        worker.wait_for_state(state).await;
        page.wait_for_attribute(TOGGLE, "aria-checked", on).await;
        page.wait_for_attribute("[data-testid=status-sentence]", "data-state", state).await;
    }

    // A code works once.
    page.go(&code).await;
    assert!(page.text("body").await.contains("no longer works"));
    // A name that leads here is not ours.
    page.go(&monitor.replace("127.0.0.1", "rebound.test")).await;
    assert!(!page.is_there("[data-testid]").await);
    assert!(page.text("body").await.contains("answers only to localhost"), "{}", page.text("body").await);
    page.end().await;
    worker.end().await;
    drop(pool);
    stage.close().await;
}

#[tokio::test]
async fn a_page_of_somebody_else_reads_and_changes_nothing() {
    let Some(stage) = Stage::open("a_page_of_somebody_else_reads_and_changes_nothing", BROWSER).await else {
        return;
    };
    let pool = Pool::open(&stage.scene).await;
    let mut worker = signed_in(&stage, &pool).await;
    let monitor = worker.monitor();
    let foreign = Foreign::open(&stage).await;
    let page = Page::browser(&stage).await;
    page.go(&new_code(&worker).await).await;
    page.wait_for(APP).await;
    let before = worker.snapshot().await;
    let code = new_code(&worker).await;
    // The attack works where nobody guards: on its own server it reads much.
    let own = format!("http://127.0.0.1:{}/", foreign.port);
    page.go(&own).await;
    let outcome = page.script_async(&ATTACK.replace("MONITOR", &format!("'{own}'"))).await;
    assert!(outcome["read"].as_array().map(Vec::len) > Some(50), "{outcome}");
    // The same host with another port is the same site: its cookies travel along. Another name is another site.
    for host in ["127.0.0.1", "localhost"] {
        for target in [monitor.clone(), monitor.replace("127.0.0.1", "localhost")] {
            page.go(&format!("http://{host}:{}/", foreign.port)).await;
            let attack = ATTACK.replace("MONITOR", &format!("'{target}'"));
            let outcome = page.script_async(&attack).await;
            assert!(outcome["tries"].as_u64() > Some(200), "{outcome}");
            assert_eq!(outcome["read"], serde_json::json!([]), "from {host} against {target}");
            let after = worker.snapshot().await;
            for part in ["status", "account", "tasks"] {
                assert_eq!(after[part], before[part], "from {host} against {target}");
            }
        }
    }
    // A page may lead here with a code it does not know; it is refused before it counts as a guess.
    let guess = format!("{monitor}pair?code=00112233445566778899aabbccddeeff");
    page.go(&format!("http://localhost:{}/", foreign.port)).await;
    page.script(&format!("location.href = '{guess}';")).await;
    // The code that was open all the while still works, and so does the pairing from before.
    page.go(&code).await;
    page.wait_for(APP).await;
    page.click(TOGGLE).await;
    worker.wait_for_state("ready").await;
    page.end().await;
    worker.end().await;
    drop((pool, foreign));
    stage.close().await;
}
