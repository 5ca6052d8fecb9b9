//! Ends that nobody planned: a worker that is quit and started at once, killed under its window, a window that is killed,
//! a page whose process is killed.

use crate::page::Page;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::program::{Running, Surroundings, call};
use crate::requester::PASSWORD;
use crate::stage::{Stage, WINDOW, window_program};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

const PROGRAM: &str = "hivemind-worker-window";
const PAGE_PROGRAM: &str = "WebKitWebProcess";
const STATUS: &str = "[data-testid=status-sentence]";
const ROUNDS: u64 = 50;

/// A person who quits and starts in one breath ends up with one worker and one window.
#[tokio::test]
async fn quits_and_starts_that_overlap_leave_one_worker_and_one_window() {
    let Some(stage) =
        Stage::open("quits_and_starts_that_overlap_leave_one_worker_and_one_window", WINDOW).await
    else {
        return;
    };
    window_program();
    let mut surroundings: Surroundings =
        stage.scene.surroundings("home").with("MASTER_NODE_URL", "http://127.0.0.1:9");
    for (name, value) in stage.variables() {
        surroundings = surroundings.with(name, value);
    }
    let data = stage.scene.path("data").display().to_string();
    let log = stage.scene.path("log");
    let ask = async |words: &[&str]| call(&surroundings, &[&["--data", &data], words].concat()).await;
    let launch = async || Running::try_start(&surroundings, &["--data", &data, "desktop"], &log).await;
    assert_eq!(ask(&["settings", "set", "monitor_port", "0"]).await.code, 0);
    let mut worker = launch().await.expect("the first launch is the worker");
    let mut met = 0;
    for round in 0..ROUNDS {
        // Every second time the launch begins somewhere in the middle of the quit, else right after its answer.
        let overlaps = round % 2 == 0;
        let delay = Duration::from_millis(round * 7 % 160);
        let launched = if overlaps {
            let (quit, launched) = tokio::join!(ask(&["quit"]), async {
                tokio::time::sleep(delay).await;
                launch().await
            });
            assert_eq!(quit.code, 0, "round {round}: {quit:?}");
            launched
        } else {
            assert_eq!(ask(&["quit"]).await.code, 0, "round {round}");
            launch().await
        };
        let ended = worker.ended(LONG).await.expect("a worker that is quit ends");
        assert!(ended.success(), "round {round}: {ended}");
        worker = match launched {
            Ok(next) => next,
            // It came before the quit, and was shown the window of the worker that was quit afterwards.
            Err(0) if overlaps => {
                met += 1;
                launch().await.expect("a launch after the quit is the worker")
            }
            Err(code) => {
                panic!("round {round}: {code}: {}", std::fs::read_to_string(&log).unwrap_or_default())
            }
        };
        assert_eq!(ask(&["status"]).await.code, 0, "round {round}");
        until("one worker and one window", LONG, async || {
            let there = (stage.running("hivemind-worker").len(), stage.running(PROGRAM).len());
            (there == (1, 1)).then_some(())
        })
        .await;
    }
    assert!(met < ROUNDS / 2, "no quit was ever met in the middle");
    // However a worker ends in order, its window goes with it.
    worker.end().await;
    until("the window's end", LONG, async || stage.running(PROGRAM).is_empty().then_some(())).await;
    stage.close().await;
}

#[tokio::test]
async fn a_window_finds_a_worker_again_that_was_killed_and_goes_with_one_that_is_quit() {
    let Some(stage) =
        Stage::open("a_window_finds_a_worker_again_that_was_killed_and_goes_with_one_that_is_quit", WINDOW)
            .await
    else {
        return;
    };
    let mut pool = Pool::open(&stage.scene).await;
    let works = pool.person("works").await;
    let mut worker = stage.worker(&pool.master(), &["run"]).await;
    worker.sign_in(&works.name, PASSWORD).await.ok();
    let page = Page::window(&stage, &worker.data.join("run/worker.sock")).await;
    page.wait_for_attribute(STATUS, "data-state", "ready").await;
    for _ in 0..3 {
        worker.kill().await;
        page.wait_for("[data-testid=link-lost]").await;
        worker.start().await;
        worker.wait_for_state("ready").await;
        until("the page is live again", LONG, async || {
            (!page.is_there("[data-testid=link-lost]").await).then_some(())
        })
        .await;
        page.wait_for_attribute(STATUS, "data-state", "ready").await;
        // Whether it was another life of the worker shows only where that one has not counted further yet.
        page.wait_for("[data-testid=returned]").await;
    }
    // It follows the new worker, and commands reach that one.
    page.click("[data-testid=toggle]").await;
    worker.wait_for_state("off").await;
    page.wait_for_attribute(STATUS, "data-state", "off").await;
    // Whoever quits wants nothing of it on the screen.
    worker.call(&["quit"]).await.ok();
    until("the window's end", LONG, async || stage.running(PROGRAM).is_empty().then_some(())).await;
    page.gone().await;
    drop(worker);
    pool.close_and_audit().await;
    stage.close().await;
}

#[tokio::test]
async fn a_killed_window_comes_back_and_a_killed_page_is_loaded_again() {
    let Some(stage) =
        Stage::open("a_killed_window_comes_back_and_a_killed_page_is_loaded_again", WINDOW).await
    else {
        return;
    };
    window_program();
    let pool = Pool::open(&stage.scene).await;
    let mut worker = stage.worker(&pool.master(), &["desktop"]).await;
    let one = async |program: &'static str, but: Option<Pid>| {
        until(&format!("one {program}"), LONG, async || match stage.running(program).as_slice() {
            [only] if Some(*only) != but => Some(*only),
            _ => None,
        })
        .await
    };
    let window = one(PROGRAM, None).await;
    let page = one(PAGE_PROGRAM, None).await;
    let painted = async || {
        until("a painted page", LONG, async || stage.page_is_painted().then_some(())).await;
    };
    painted().await;

    kill_process(page, Signal::KILL).expect("killed");
    let page = one(PAGE_PROGRAM, Some(page)).await;
    painted().await;
    assert_eq!(one(PROGRAM, None).await, window, "the window itself stays");

    kill_process(window, Signal::KILL).expect("killed");
    until("the killed window's end", LONG, async || stage.running(PROGRAM).is_empty().then_some(())).await;
    assert_eq!(worker.snapshot().await["status"]["running_tasks"], 0, "the worker goes on");
    assert_eq!(worker.call(&["desktop"]).await.code, 0);
    one(PROGRAM, Some(window)).await;
    one(PAGE_PROGRAM, Some(page)).await;
    painted().await;
    worker.end().await;
    until("the window's end", LONG, async || stage.running(PROGRAM).is_empty().then_some(())).await;
    drop(pool);
    stage.close().await;
}
