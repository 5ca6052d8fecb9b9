//! The real engine passes the same suite as the fake: the one that `HIVEMIND_TEST_DOCKER_HOST` (or `DOCKER_HOST`)
//! names. Without it the test says that it is skipped; `HIVEMIND_REQUIRE_ENGINE=1` makes that a failure.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

use hivemind_domain::ids::InstallId;
use hivemind_domain::limits::TaskLimits;
use hivemind_engine::DockerEngine;
use hivemind_testkit::contract::{self, EngineBench, Job};
use hivemind_testkit::key;
use hivemind_worker_core::port::ContainerPlan;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const COUNTS: &str = "echo one; sleep 0.05; echo two; sleep 0.05; echo three\n\
    echo more than ten bytes > \"$HIVEMIND_OUTPUT/answer\"; exit 3\n";
const ENDLESS: &str = "echo ready; while true; do sleep 1; done\n";

const TICKS: &str = "while true; do echo tick; sleep 0.1; done\n";

struct Bench {
    folder: TempDir,
    install: InstallId,
}

impl EngineBench for Bench {
    fn install(&self) -> InstallId {
        self.install.clone()
    }

    fn plan(&self, task: &str, job: Job) -> ContainerPlan {
        let path = self.folder.path().join(format!("{task}.package.zip"));
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        zip.start_file("run.sh", SimpleFileOptions::default()).unwrap();
        let script = match job {
            Job::Counts => COUNTS,
            Job::Endless => ENDLESS,
            Job::Ticks => TICKS,
        };
        zip.write_all(script.as_bytes()).unwrap();
        zip.finish().unwrap();
        ContainerPlan {
            install: self.install(),
            key: key(task, 1),
            image: std::env::var("HIVEMIND_TEST_IMAGE")
                .unwrap_or_else(|_| "justin308/hivemind-worker:latest".into()),
            command: Vec::new(),
            package: Some(path),
            limits: TaskLimits::default(),
            array: None,
            network: None,
            dependencies: None,
            gpus: Vec::new(),
            images: hivemind_domain::images::ImageRules::everything(),
            function: None,
        }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

#[tokio::test]
async fn the_real_engine_keeps_the_contract() {
    let named = ["HIVEMIND_TEST_DOCKER_HOST", "DOCKER_HOST"].map(|name| std::env::var(name).ok());
    let Some(address) = named.into_iter().flatten().next() else {
        let required = std::env::var("HIVEMIND_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
        assert!(!required, "an engine is required: neither HIVEMIND_TEST_DOCKER_HOST nor DOCKER_HOST is set");
        println!("SKIPPED: neither HIVEMIND_TEST_DOCKER_HOST nor DOCKER_HOST names an engine");
        return;
    };
    let bench = Bench {
        folder: tempfile::tempdir().unwrap(),
        install: InstallId::new(format!("contract-{}", std::process::id())).unwrap(),
    };
    contract::engine(&DockerEngine::connect(Some(&address)), &bench).await;
}
