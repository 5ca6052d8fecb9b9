//! The way to the engine breaks: a proxy in front of it is cut.

use crate::bench::{bench, gather, run_on};
use hivemind_engine::DockerEngine;
use hivemind_worker_core::port::{Engine, Told};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// Forwards every connection to the engine while the gate is open; closing it cuts them all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gate {
    Open,
    /// Cuts what is there; new connections pass.
    Cut(u32),
    Shut,
}

fn proxy(at: PathBuf, engine: PathBuf, gate: watch::Receiver<Gate>) {
    let listener = UnixListener::bind(at).expect("bound");
    tokio::spawn(async move {
        loop {
            let (mut inner, _) = listener.accept().await.expect("accepted");
            let (engine, mut gate) = (engine.clone(), gate.clone());
            tokio::spawn(async move {
                if *gate.borrow_and_update() == Gate::Shut {
                    return;
                }
                let mut outer = UnixStream::connect(engine).await.expect("the engine");
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut inner, &mut outer) => {}
                    _ = gate.changed() => {}
                }
            });
        }
    });
}

const SCRIPT: &str = "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; exit 9\n";

fn expected() -> Vec<String> {
    (0..40).map(|n| format!("line {n}")).collect()
}

fn socket() -> PathBuf {
    let address = std::env::var("HIVEMIND_TEST_DOCKER_HOST").expect("the bench found one");
    PathBuf::from(address.strip_prefix("unix://").expect("a Unix socket"))
}

#[tokio::test]
async fn cut_streams_lose_and_repeat_no_line() {
    let Some(bench) = bench().await else { return };
    let (gate, watching) = watch::channel(Gate::Open);
    let at = bench.folder.path().join("engine.sock");
    proxy(at.clone(), socket(), watching);
    let engine = Arc::new(DockerEngine::connect(Some(&format!("unix://{}", at.display()))));
    let container = bench.script("cut", SCRIPT).await;
    let running = {
        let (engine, container) = (engine.clone(), container.clone());
        tokio::spawn(async move { run_on(&engine, &container, &[]).await })
    };
    bench.until_running(&container).await;
    for cut in 0..3 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        gate.send(Gate::Cut(cut)).expect("sent");
    }
    let ended = running.await.expect("ended");
    assert_eq!(ended.exit.code, 9);
    assert_eq!(ended.lines.iter().map(|l| l.text.clone()).collect::<Vec<_>>(), expected());
    bench.engine.remove(&container).await.expect("removed");
    bench.assert_clean().await;
}

#[tokio::test]
async fn an_engine_that_is_away_is_an_outage_and_the_task_goes_on_after_it() {
    let Some(bench) = bench().await else { return };
    let (gate, watching) = watch::channel(Gate::Open);
    let at = bench.folder.path().join("engine.sock");
    proxy(at.clone(), socket(), watching);
    let engine = Arc::new(DockerEngine::connect(Some(&format!("unix://{}", at.display()))));
    let container = bench.script("away", SCRIPT).await;
    let (sender, gathering) = gather();
    let running = {
        let (engine, container) = (engine.clone(), container.clone());
        tokio::spawn(async move { engine.run(&container, Told::default(), sender).await })
    };
    bench.until_running(&container).await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    gate.send(Gate::Shut).expect("sent");
    let outage = running.await.expect("joined").expect_err("the engine is away");
    assert!(outage.is_outage(), "{outage:?}");
    let (first, _) = gathering.await.expect("gathered");
    for error in [
        engine.verify().await.expect_err("away"),
        engine.prepare(&bench.plan("other", &[("run.sh", "")])).await.expect_err("away"),
        engine.collect(&container, &bench.folder.path().join("x"), 99).await.expect_err("away"),
        engine.remove(&container).await.expect_err("away"),
        engine.stop(&container, Duration::ZERO).await.expect_err("away"),
        engine.own(&bench.install).await.expect_err("away"),
    ] {
        assert!(error.is_outage(), "{error:?}");
    }
    gate.send(Gate::Open).expect("sent");
    let ended = run_on(&engine, &container, &first).await;
    assert_eq!(ended.exit.code, 9);
    let told: Vec<_> = first.iter().chain(&ended.lines).map(|l| l.text.clone()).collect();
    assert_eq!(told, expected());
    bench.engine.remove(&container).await.expect("removed");
    bench.assert_clean().await;
}

#[tokio::test]
async fn an_engine_that_goes_is_heard_of_at_once_and_one_that_stays_is_not() {
    let Some(bench) = bench().await else { return };
    let (gate, watching) = watch::channel(Gate::Open);
    let at = bench.folder.path().join("engine.sock");
    proxy(at.clone(), socket(), watching);
    let engine = DockerEngine::connect(Some(&format!("unix://{}", at.display())));
    let mut gone = std::pin::pin!(engine.gone());
    // Containers come and go meanwhile: that tells nothing.
    let container = bench.script("gone", "exit 0\n").await;
    bench.engine.remove(&container).await.expect("removed");
    assert!(tokio::time::timeout(Duration::from_secs(2), &mut gone).await.is_err(), "it is still there");
    gate.send(Gate::Shut).expect("sent");
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("heard of");
    tokio::time::timeout(Duration::from_secs(10), engine.gone()).await.expect("it is not there");
    bench.assert_clean().await;
}
