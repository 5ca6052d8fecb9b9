//! What every test here needs: an engine, packages, tasks run to their end, and nothing left behind.

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder};
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::images::ImageRules;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::usage::UsageSample;
use hivemind_engine::{Companion, DockerEngine};
use hivemind_worker_core::port::{ContainerEvent, ContainerPlan, Engine, Exit, OutputLine, Told};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The standard image.
pub const PYTHON: &str = "justin308/hivemind-worker:latest";

/// An engine with an installation id of its own.
pub struct Bench {
    pub engine: Arc<DockerEngine>,
    pub raw: Docker,
    pub install: InstallId,
    pub folder: TempDir,
    pub image: &'static str,
    address: String,
}

/// The bench, or nothing after saying so.
pub async fn bench() -> Option<Bench> {
    let Ok(address) = std::env::var("HIVEMIND_TEST_DOCKER_HOST") else {
        return skipped("HIVEMIND_TEST_DOCKER_HOST names no engine");
    };
    let raw = Docker::connect_with_host(&address).expect("an address");
    let engine = Arc::new(connect(&address));
    engine.verify().await.expect("the engine that HIVEMIND_TEST_DOCKER_HOST names must be usable");
    if raw.inspect_image(PYTHON).await.is_err() {
        return skipped("the engine lacks the standard image justin308/hivemind-worker:latest");
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let install = InstallId::new(format!("test-{}-{number}", std::process::id())).expect("an id");
    let folder = tempfile::tempdir().expect("a folder");
    Some(Bench { engine, raw, install, folder, image: PYTHON, address })
}

/// The engine with the companion, where `cargo xtask companion` has built it.
fn connect(address: &str) -> DockerEngine {
    DockerEngine::connect(Some(address)).with_companion(companion())
}

/// The companion that lies beside the programs; tests lie one folder below them.
pub fn companion() -> Option<Companion> {
    let test = std::env::current_exe().expect("a path");
    Companion::beside(test.parent()?).ok()
}

/// Says that a test is skipped, unless the companion is there.
pub fn has_companion() -> bool {
    let there = companion().is_some();
    if !there {
        println!("SKIPPED: the companion is not built; cargo xtask companion builds it");
    }
    there
}

fn skipped<T>(why: &str) -> Option<T> {
    let required = std::env::var("HIVEMIND_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
    assert!(!required, "an engine is required: {why}");
    println!("SKIPPED: {why}");
    None
}

/// A task that ended.
pub struct Ended {
    pub exit: Exit,
    pub lines: Vec<OutputLine>,
    pub usage: Vec<UsageSample>,
}

impl Ended {
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl Bench {
    /// Another process of the same installation.
    pub fn restarted(&self) -> Arc<DockerEngine> {
        Arc::new(connect(&self.address))
    }

    pub fn key(&self, task: &str) -> TaskKey {
        TaskKey { task: TaskId::new(task).expect("an id"), attempt: 1 }
    }

    /// A zip of these files.
    pub fn package(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.zip"));
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).expect("a file"));
        for (file, content) in files {
            zip.start_file(*file, zip::write::SimpleFileOptions::default()).expect("an entry");
            zip.write_all(content.as_bytes()).expect("content");
        }
        zip.finish().expect("a zip");
        path
    }

    pub fn plan(&self, task: &str, files: &[(&str, &str)]) -> ContainerPlan {
        ContainerPlan {
            install: self.install.clone(),
            key: self.key(task),
            image: self.image.to_owned(),
            command: Vec::new(),
            package: Some(self.package(task, files)),
            limits: TaskLimits::default(),
            array: None,
            network: None,
            dependencies: None,
            gpus: Vec::new(),
            images: ImageRules::everything(),
            function: None,
        }
    }

    /// Prepares a shell script.
    pub async fn script(&self, task: &str, script: &str) -> String {
        self.prepare(&self.plan(task, &[("run.sh", script)])).await
    }

    pub async fn prepare(&self, plan: &ContainerPlan) -> String {
        self.engine.prepare(plan).await.expect("prepared").container
    }

    pub async fn run(&self, container: &str) -> Ended {
        run_on(&self.engine, container, &[]).await
    }

    /// Runs a shell script to its end and removes it.
    pub async fn run_script(&self, task: &str, script: &str) -> Ended {
        let container = self.script(task, script).await;
        let ended = self.run(&container).await;
        self.engine.remove(&container).await.expect("removed");
        ended
    }

    /// Waits until the container runs: on a busy machine a start takes its time.
    pub async fn until_running(&self, container: &str) {
        loop {
            let state = self.raw.inspect_container(container, None).await.expect("inspected").state;
            if state.is_some_and(|state| state.running == Some(true)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Fails when anything of this installation is left in the engine.
    pub async fn assert_clean(&self) {
        let filters = HashMap::from([("label", vec![format!("hivemind.install={}", self.install)])]);
        let containers = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = self.raw.list_containers(Some(containers)).await.expect("containers");
        let volumes = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes =
            self.raw.list_volumes(Some(volumes)).await.expect("volumes").volumes.unwrap_or_default();
        assert_eq!((containers.len(), volumes.len()), (0, 0), "containers and volumes left");
    }
}

/// Runs `container` and gathers what it tells.
pub async fn run_on(engine: &DockerEngine, container: &str, told: &[OutputLine]) -> Ended {
    let (sender, gathering) = gather();
    let exit = engine.run(container, Told::of(told, true), sender).await.expect("run to its end");
    let (lines, usage) = gathering.await.expect("gathered");
    Ended { exit, lines, usage }
}

pub type Gathered = (Vec<OutputLine>, Vec<UsageSample>);

/// A receiver for events, with the small channel that the worker uses too.
pub fn gather() -> (mpsc::Sender<ContainerEvent>, JoinHandle<Gathered>) {
    let (sender, mut receiver) = mpsc::channel(16);
    let gathering = tokio::spawn(async move {
        let (mut lines, mut usage) = (Vec::new(), Vec::new());
        while let Some(event) = receiver.recv().await {
            match event {
                ContainerEvent::Started => {}
                ContainerEvent::Line(line) => lines.push(line),
                ContainerEvent::Usage(sample) => usage.push(sample),
            }
        }
        (lines, usage)
    });
    (sender, gathering)
}
