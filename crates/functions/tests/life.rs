//! What happens to functions: limits, failures, freezing, stopping, what they leave.

#![expect(clippy::expect_used, reason = "helpers of tests count as tests")]

use hivemind_domain::ids::InstallId;
use hivemind_domain::images::ImageRules;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::priority::Priority;
use hivemind_domain::task::ManagedFunction;
use hivemind_domain::usage::UsageSample;
use hivemind_functions::FunctionEngine;
use hivemind_testkit::{FakeClock, FakeEngine, key};
use hivemind_worker_core::port::{
    ContainerEvent, ContainerPlan, Engine, EngineError, EngineErrorKind, Exit, OutputLine, Told,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const INSTALL: &str = "install-1";

fn install() -> InstallId {
    InstallId::new(INSTALL).expect("an id")
}

fn engine(at_once: usize) -> Arc<FunctionEngine> {
    let clock = Arc::new(FakeClock::default());
    Arc::new(FunctionEngine::new(Arc::new(FakeEngine::new(Arc::clone(&clock))), clock, at_once))
}

fn plan(task: &str, source: &str, input: &str) -> ContainerPlan {
    ContainerPlan {
        install: install(),
        key: key(task, 1),
        image: String::new(),
        command: Vec::new(),
        package: None,
        limits: TaskLimits::default(),
        array: None,
        network: None,
        dependencies: None,
        gpus: Vec::new(),
        images: ImageRules::everything(),
        function: Some(ManagedFunction { source: source.into(), input: input.into() }),
    }
}

/// A million operations, so that there is time to do something meanwhile.
fn long() -> (&'static str, String) {
    let source = "let s = 0; for a in input { for b in input { let s = s + a * b - b + 1 - 1; } }";
    (source, serde_json::to_string(&vec![1; 300]).expect("json"))
}

struct Heard {
    exit: Result<Exit, EngineError>,
    lines: Vec<OutputLine>,
    usage: Vec<UsageSample>,
    started: usize,
}

async fn run(engine: &FunctionEngine, id: &str) -> Heard {
    let (events, mut told) = mpsc::channel(4);
    let gather = async {
        let (mut lines, mut usage, mut started) = (Vec::new(), Vec::new(), 0);
        while let Some(event) = told.recv().await {
            match event {
                ContainerEvent::Started => started += 1,
                ContainerEvent::Line(line) => lines.push(line),
                ContainerEvent::Usage(sample) => usage.push(sample),
            }
        }
        (lines, usage, started)
    };
    let (exit, (lines, usage, started)) = tokio::join!(engine.run(id, Told::default(), events), gather);
    Heard { exit, lines, usage, started }
}

fn follow(engine: &Arc<FunctionEngine>, id: &str) -> tokio::task::JoinHandle<Heard> {
    let (engine, id) = (Arc::clone(engine), id.to_owned());
    tokio::spawn(async move { run(&engine, &id).await })
}

async fn made(engine: &FunctionEngine, plan: &ContainerPlan) -> String {
    engine.prepare(plan).await.expect("prepared").container
}

fn output(heard: &Heard) -> String {
    heard.lines.iter().filter(|line| !line.stderr).map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn the_pair_that_the_network_names_comes_out_with_its_receipt() {
    let engine = engine(1);
    let id = made(&engine, &plan("pair", "let s = 40 + 2; print(s); s;", "")).await;
    let heard = run(&engine, &id).await;
    assert_eq!((heard.exit.as_ref().map(|exit| exit.code), output(&heard).as_str()), (Ok(0), "42\n"));
    assert_eq!((heard.started, heard.usage.len()), (1, 1));
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("result.zip");
    engine.collect(&id, &into, 1 << 20).await.expect("collected");
    let receipt: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&into).expect("the receipt")).expect("json");
    assert_eq!(
        (&receipt["runtime"], &receipt["status"], &receipt["executed_ops"], &receipt["output_bytes"]),
        (&"managed-function-v0".into(), &"completed".into(), &13.into(), &3.into())
    );
    let told: serde_json::Value =
        serde_json::from_str(&engine.describe(&id).await.expect("described")).expect("json");
    assert_eq!((&told["stage"], &told["receipt"]), (&"ended".into(), &receipt));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_value_that_is_not_printed_has_no_line_break() {
    let engine = engine(1);
    for (source, expected) in [("40 + 2;", "42"), ("\"a\\n\";", "a\n"), ("print(42);", "42\n"), ("\"\";", "")]
    {
        let id = made(&engine, &plan("value", source, "")).await;
        assert_eq!(output(&run(&engine, &id).await), expected, "{source}");
    }
}

#[tokio::test]
async fn a_failure_is_told_on_the_other_output_and_leaves_a_receipt() {
    let engine = engine(1);
    let id = made(&engine, &plan("fails", "print(1); 1 / 0;", "")).await;
    let heard = run(&engine, &id).await;
    assert_eq!((heard.exit.as_ref().map(|exit| exit.code), output(&heard).as_str()), (Ok(1), "1\n"));
    let said: Vec<_> = heard.lines.iter().filter(|line| line.stderr).map(|line| line.text.as_str()).collect();
    assert_eq!(said, ["division_by_zero: a number is divided by zero"]);
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("result.zip");
    engine.collect(&id, &into, 1 << 20).await.expect("collected");
    assert!(
        std::fs::read_to_string(&into)
            .expect("the receipt")
            .contains("\"failure_code\":\"division_by_zero\"")
    );
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_before_it_runs() {
    let engine = engine(1);
    let much = "1".repeat((1 << 20) + 1);
    for (source, input, why) in [
        (much.as_str(), "", "source"),
        ("1;", much.as_str(), "input"),
        ("1;", "{", "no JSON"),
        ("1;", "1 2", "no JSON"),
    ] {
        let refused = engine.prepare(&plan("refused", source, input)).await.expect_err("refused");
        assert!(refused.kind == EngineErrorKind::Package && refused.message.contains(why), "{refused:?}");
    }
    assert_eq!(engine.own(&install()).await, Ok(Vec::new()));
    for input in ["", " \n", "null", " [1, 2] "] {
        made(&engine, &plan("taken", "1;", input)).await;
    }
    assert_eq!(engine.own(&install()).await.map(|own| own.len()), Ok(1), "each replaced the one before");
}

#[tokio::test]
async fn a_receipt_is_there_only_after_the_end() {
    let engine = engine(1);
    let id = made(&engine, &plan("early", "1;", "")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("result.zip");
    assert_eq!(engine.collect(&id, &into, 99).await.map_err(|e| e.kind), Err(EngineErrorKind::Failed));
    run(&engine, &id).await.exit.expect("run");
    let nowhere = folder.path().join("missing").join("result.zip");
    assert_eq!(engine.collect(&id, &nowhere, 999).await.map_err(|e| e.kind), Err(EngineErrorKind::Disk));
}

#[tokio::test]
async fn a_frozen_function_computes_nothing_and_goes_on() {
    let engine = engine(1);
    let (source, input) = long();
    let id = made(&engine, &plan("frozen", source, &input)).await;
    assert_eq!(engine.freeze(&id).await, Ok(()), "not started: nothing to freeze");
    assert_eq!(engine.own(&install()).await.map(|own| own[0].frozen), Ok(false));
    let follower = follow(&engine, &id);
    while !engine.describe(&id).await.is_ok_and(|told| told.contains("computing")) {
        tokio::task::yield_now().await;
    }
    // In the midst of it: a million operations take longer than this.
    tokio::time::sleep(Duration::from_millis(3)).await;
    while engine.own(&install()).await.map(|own| own[0].frozen) != Ok(true) {
        assert!(!follower.is_finished(), "it was never frozen");
        assert_eq!(engine.freeze(&id).await, Ok(()));
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!follower.is_finished(), "a frozen function computes");
    assert_eq!((engine.thaw(&id).await, engine.thaw(&id).await), (Ok(()), Ok(())), "also when it runs");
    assert_eq!(engine.own(&install()).await.map(|own| own[0].frozen), Ok(false));
    let heard = follower.await.expect("followed");
    assert_eq!(heard.exit.map(|exit| exit.code), Ok(1), "it goes on to its limit");
    assert!(heard.lines[0].text.starts_with("op_limit_exceeded"), "{:?}", heard.lines);
    #[cfg(unix)]
    {
        let cpu = heard.usage[0].cpu_total_ns;
        assert!(cpu > 1_000_000 && cpu < 60_000_000_000, "{cpu} ns: the frozen time is not in it");
    }
    assert_eq!((engine.freeze(&id).await, engine.thaw(&id).await), (Ok(()), Ok(())), "it has ended");
    assert_eq!(engine.own(&install()).await.map(|own| own[0].frozen), Ok(false));
}

#[tokio::test]
async fn a_frozen_function_ends_when_it_is_stopped_or_removed() {
    let engine = engine(1);
    let (source, input) = long();
    for stop in [true, false] {
        let id = made(&engine, &plan("ends", source, &input)).await;
        let follower = follow(&engine, &id);
        while !engine.own(&install()).await.is_ok_and(|own| own[0].frozen) {
            engine.freeze(&id).await.expect("frozen");
            tokio::task::yield_now().await;
        }
        let began = tokio::time::Instant::now();
        if stop {
            assert_eq!(engine.stop(&id, Duration::from_secs(60)).await, Ok(()));
            assert_eq!(engine.stop(&id, Duration::from_secs(60)).await, Ok(()), "it has ended already");
            assert_eq!(engine.remove(&id).await, Ok(()));
        }
        assert_eq!((engine.remove(&id).await, engine.remove(&id).await), (Ok(()), Ok(())));
        let heard = follower.await.expect("followed");
        assert_eq!(heard.exit.map(|exit| exit.code), Ok(143));
        assert!(began.elapsed() < Duration::from_secs(30), "it did not wait for a grace that nobody needs");
        assert_eq!(engine.own(&install()).await, Ok(Vec::new()));
    }
}

#[tokio::test]
async fn no_more_compute_at_once_than_there_are_places() {
    let engine = engine(1);
    let (source, input) = long();
    let first = made(&engine, &plan("first", source, &input)).await;
    let second = made(&engine, &plan("second", "2;", "")).await;
    let third = made(&engine, &plan("third", "3;", "")).await;
    let one = follow(&engine, &first);
    while !engine.describe(&first).await.is_ok_and(|told| told.contains("computing")) {
        tokio::task::yield_now().await;
    }
    engine.freeze(&first).await.expect("frozen");
    let (two, three) = (follow(&engine, &second), follow(&engine, &third));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!one.is_finished() && !two.is_finished() && !three.is_finished(), "there is one place");
    // One that waits for a place ends without one.
    assert_eq!(engine.stop(&third, Duration::ZERO).await, Ok(()));
    assert_eq!(three.await.expect("followed").exit.map(|exit| exit.code), Ok(143));
    engine.thaw(&first).await.expect("thawed");
    assert_eq!(one.await.expect("followed").exit.map(|exit| exit.code), Ok(1));
    assert_eq!(output(&two.await.expect("followed")), "2");
}

#[tokio::test]
async fn it_goes_on_although_nobody_follows_it() {
    let engine = engine(1);
    let id = made(&engine, &plan("alone", "print(1);", "")).await;
    let (events, told) = mpsc::channel(1);
    {
        let run = engine.run(&id, Told::default(), events);
        tokio::select! {
            biased;
            _ = run => {}
            () = std::future::ready(()) => {}
        }
    }
    drop(told);
    while !engine.describe(&id).await.is_ok_and(|told| told.contains("\"ended\"")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(output(&run(&engine, &id).await), "1\n", "told to whoever asks then");
}

#[tokio::test]
async fn an_id_of_another_process_is_gone_and_shares_mean_nothing() {
    let engine = engine(1);
    let old = "function:f#1/1";
    let (events, _told) = mpsc::channel(1);
    let gone = engine.run(old, Told::default(), events).await;
    assert_eq!(gone.map_err(|e| e.kind), Err(EngineErrorKind::Gone));
    assert_eq!(engine.stop(old, Duration::ZERO).await, Ok(()));
    assert_eq!(engine.remove(old).await, Ok(()));
    assert_eq!(engine.prioritise(old, Priority::Normal).await, Ok(()));
    assert_eq!(engine.limit(old, 50).await, Ok(()));
    assert_eq!((engine.freeze(old).await, engine.thaw(old).await), (Ok(()), Ok(())));
}
