//! The engine in front keeps the contract of engines: for containers as the one behind, for functions as far as it
//! speaks of what they can do.

#![expect(clippy::expect_used, reason = "helpers of tests count as tests")]

use hivemind_domain::ids::InstallId;
use hivemind_domain::images::ImageRules;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::task::ManagedFunction;
use hivemind_functions::FunctionEngine;
use hivemind_testkit::contract::{self, EngineBench, Job};
use hivemind_testkit::{FakeClock, FakeEngine, Program, key};
use hivemind_worker_core::port::{ContainerPlan, Engine, EngineErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

struct Bench {
    folder: PathBuf,
    function: Option<ManagedFunction>,
}

impl EngineBench for Bench {
    fn install(&self) -> InstallId {
        InstallId::new("install-1").expect("an id")
    }

    fn plan(&self, task: &str, _job: Job) -> ContainerPlan {
        ContainerPlan {
            install: self.install(),
            key: key(task, 1),
            image: "any".into(),
            command: Vec::new(),
            package: None,
            limits: TaskLimits::default(),
            array: None,
            network: None,
            dependencies: None,
            gpus: Vec::new(),
            images: ImageRules::everything(),
            function: self.function.clone(),
        }
    }

    fn folder(&self) -> &Path {
        &self.folder
    }
}

fn engines() -> (Arc<FakeEngine>, FunctionEngine) {
    let clock = Arc::new(FakeClock::default());
    clock.follow();
    let behind = Arc::new(FakeEngine::new(Arc::clone(&clock)));
    let second = Duration::from_secs(1);
    let counts =
        Program::exits(3, second * 4).line(second, "one").line(second * 2, "two").line(second * 3, "three");
    behind.program("counts", counts.leaving(b"more than ten bytes"));
    behind.program("ticks", Program::endless().counts(1000, second / 10));
    behind.program("endless", Program::endless().line(second, "ready"));
    let engine = FunctionEngine::new(behind.clone(), clock, 2);
    (behind, engine)
}

#[tokio::test(start_paused = true)]
async fn containers_go_to_the_engine_behind() {
    let (behind, engine) = engines();
    let folder = tempfile::tempdir().expect("a folder");
    contract::engine(&engine, &Bench { folder: folder.path().to_path_buf(), function: None }).await;
    assert_eq!(behind.started().len(), 4, "the suite starts four containers");
}

#[tokio::test]
async fn functions_keep_what_of_the_contract_is_theirs() {
    let (behind, engine) = engines();
    let folder = tempfile::tempdir().expect("a folder");
    let source = "for word in input { print(word); }".to_owned();
    let function = Some(ManagedFunction { source, input: "[\"one\",\"two\",\"three\"]".into() });
    contract::functions(&engine, &Bench { folder: folder.path().to_path_buf(), function }).await;
    assert!(behind.started().is_empty() && behind.containers().is_empty());
}

#[tokio::test]
async fn without_the_engine_behind_functions_run_and_nobody_says_that_containers_are_gone() {
    let (behind, engine) = engines();
    let folder = tempfile::tempdir().expect("a folder");
    behind.go_away(EngineErrorKind::Missing);
    let function = Some(ManagedFunction { source: "7;".into(), input: String::new() });
    let bench = Bench { folder: folder.path().to_path_buf(), function };
    assert_eq!(engine.verify().await.expect_err("away").kind, EngineErrorKind::Missing);
    let made = engine.prepare(&bench.plan("f", Job::Counts)).await.expect("prepared");
    let (events, _told) = tokio::sync::mpsc::channel(64);
    let exit = engine.run(&made.container, hivemind_worker_core::port::Told::default(), events).await;
    assert_eq!(exit.expect("run").code, 0);
    assert_eq!(engine.own(&bench.install()).await.expect_err("away").kind, EngineErrorKind::Missing);
    assert_eq!(engine.remove(&made.container).await, Ok(()));
}
