//! `hivemind-worker desktop`, the one way in: the first launch becomes the worker, another one shows its window.

use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::program::{Running, Surroundings, call};
use crate::stage::{Stage, WINDOW, window_program};
use crate::tray_host::TrayHost;
use crate::worker::Worker;
use reqwest::{Client, header};
use rustix::process::{Signal, kill_process};
use std::time::Duration;

async fn windows(stage: &Stage, expected: usize) {
    until(&format!("{expected} window(s)"), Duration::from_secs(30), async || {
        (stage.running("hivemind-worker-window").len() == expected).then_some(())
    })
    .await;
}

/// Ends every window, and waits until the system knows that it has ended.
async fn close_windows(stage: &Stage) {
    for pid in stage.running("hivemind-worker-window") {
        kill_process(pid, Signal::TERM).expect("ended");
        // Its first thread may be gone while others still end.
        let threads = format!("/proc/{}/task", pid.as_raw_nonzero());
        let state = format!("/proc/{}/stat", pid.as_raw_nonzero());
        until("the window's end", LONG, async || {
            let dead = std::fs::read_to_string(&state).map_or(true, |line| line.contains(") Z "));
            (dead && std::fs::read_dir(&threads).map_or(0, Iterator::count) <= 1).then_some(())
        })
        .await;
    }
}

/// Pairs as a browser does, and begins to listen; what the worker says goes into the answer as it comes.
async fn listen(worker: &Worker<'_>) -> reqwest::Response {
    let http =
        Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let code = worker.call(&["open"]).await.ok();
    let paired = http.get(code["url"].as_str().expect("an address")).send().await.expect("an answer");
    assert_eq!(paired.status(), 303);
    let cookie = paired.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
    let cookie = cookie.split(';').next().expect("its name and value").to_owned();
    let events = http.get(format!("{}events", worker.monitor())).header("X-HiveMind", "1");
    let events = events.header(header::COOKIE, cookie).send().await.expect("a stream");
    assert_eq!(events.status(), 200);
    events
}

#[tokio::test]
async fn a_second_launch_shows_the_first_ones_window() {
    let Some(stage) = Stage::open("a_second_launch_shows_the_first_ones_window", WINDOW).await else {
        return;
    };
    window_program();
    let host = TrayHost::start(&stage.bus_address()).await;
    let pool = Pool::open(&stage.scene).await;
    let mut worker = stage.worker(&pool.master(), &["desktop"]).await;
    windows(&stage, 1).await;
    let workers = stage.running("hivemind-worker");
    let window = stage.running("hivemind-worker-window");
    let mut events = listen(&worker).await;

    let second = worker.call(&["desktop"]).await;
    assert_eq!(second.code, 0, "{second:?}");
    let mut said = String::new();
    until("the first is told to raise its window", LONG, async || {
        let piece = events.chunk().await.expect("the stream goes on").expect("more");
        said.push_str(&String::from_utf8_lossy(&piece));
        said.contains("raise_window").then_some(())
    })
    .await;
    // Time enough for a second one to appear, were there to be one.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.running("hivemind-worker"), workers, "no second worker");
    assert_eq!(stage.running("hivemind-worker-window"), window, "no second window");

    // A closed window comes back, from the tray as well.
    for again in ["launch", "tray"] {
        close_windows(&stage).await;
        windows(&stage, 0).await;
        if again == "tray" {
            host.click("Open dashboard").await;
        } else {
            assert_eq!(worker.call(&["desktop"]).await.code, 0);
        }
        windows(&stage, 1).await;
    }
    assert_eq!(stage.running("hivemind-worker"), workers);
    drop(events);
    worker.end().await;
    // However a worker ends in order, its window goes with it.
    windows(&stage, 0).await;
    drop((pool, host));
    stage.close().await;
}

/// As with an impatient double click.
#[tokio::test]
async fn two_launches_at_once_become_one_worker() {
    let Some(stage) = Stage::open("two_launches_at_once_become_one_worker", WINDOW).await else { return };
    window_program();
    for round in 0..5 {
        let mut surroundings: Surroundings =
            stage.scene.surroundings(&format!("home-{round}")).with("MASTER_NODE_URL", "http://127.0.0.1:9");
        for (name, value) in stage.variables() {
            surroundings = surroundings.with(name, value);
        }
        let data = stage.scene.path(&format!("data-{round}")).display().to_string();
        let log = stage.scene.path(&format!("log-{round}"));
        let set = call(&surroundings, &["--data", &data, "settings", "set", "monitor_port", "0"]).await;
        assert_eq!(set.code, 0, "{set:?}");
        let launch = async || {
            let words = ["--data", &data, "desktop"];
            Running::try_start(&surroundings, &words, &log).await
        };
        let (one, two) = tokio::join!(launch(), launch());
        let (stays, ends) = match (one, two) {
            (Ok(stays), Err(ends)) | (Err(ends), Ok(stays)) => (stays, ends),
            (Ok(_), Ok(_)) => panic!("two workers on one folder"),
            (Err(one), Err(two)) => panic!("no worker: {one:?}, {two:?}"),
        };
        assert_eq!(ends, 0, "{}", std::fs::read_to_string(&log).unwrap_or_default());
        assert_eq!(call(&surroundings, &["--data", &data, "status"]).await.code, 0);
        windows(&stage, 1).await;
        stays.end().await;
        close_windows(&stage).await;
        windows(&stage, 0).await;
    }
    stage.close().await;
}
