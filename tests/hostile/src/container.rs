//! Hostile programs in real containers, started by the worker's own engine adapter with its real policy.

use crate::cost::now;
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::images::ImageRules;
use hivemind_domain::limits::TaskLimits;
use hivemind_engine::{Companion, DockerEngine};
use hivemind_worker_core::port::{ContainerEvent, ContainerPlan, Engine, Told};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// The standard image: has Python and a shell.
const IMAGE: &str = "justin308/hivemind-worker:latest";
/// Lines kept of a program's output.
const MOST_LINES: usize = 2000;
/// What a task is given to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// How a program ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub code: i64,
    pub out_of_memory: bool,
    /// The first lines of its output.
    pub lines: Vec<String>,
    /// All of them, counted.
    pub line_count: u64,
    /// From its time limit to its end; absent when it ended before.
    pub after_limit: Option<Duration>,
}

impl Ended {
    /// Whether one of the first lines is this one.
    pub fn said(&self, line: &str) -> bool {
        self.lines.iter().any(|said| said == line)
    }
}

/// An engine, an installation id of its own.
pub struct Stage {
    pub runtime: Runtime,
    pub engine: Arc<DockerEngine>,
    pub has_companion: bool,
    install: InstallId,
    folder: tempfile::TempDir,
}

/// The one of this process.
pub static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let address =
        std::env::var("HIVEMIND_TEST_DOCKER_HOST").expect("HIVEMIND_TEST_DOCKER_HOST names an engine");
    let program = std::env::current_exe().expect("a path");
    let companion = program.parent().and_then(|folder| Companion::beside(folder).ok());
    let has_companion = companion.is_some();
    let engine = Arc::new(DockerEngine::connect(Some(&address)).with_companion(companion));
    let install = InstallId::new(format!("hostile-{}", std::process::id())).expect("an id");
    Stage { runtime, engine, has_companion, install, folder: tempfile::tempdir().expect("a folder") }
});

impl Stage {
    /// What to make ready for these files, with `run.sh` or `main.py` among them.
    pub fn plan(&self, files: &[(&str, &str)], limits: TaskLimits) -> ContainerPlan {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let entries: Vec<_> =
            files.iter().map(|(name, text)| crate::zip::stored(name, text.as_bytes())).collect();
        let package: PathBuf = self.folder.path().join(format!("{number}.zip"));
        std::fs::write(&package, crate::zip::zip(&entries, &crate::zip::End::default())).expect("written");
        ContainerPlan {
            install: self.install.clone(),
            key: TaskKey { task: TaskId::new(format!("hostile-{number}")).expect("an id"), attempt: 1 },
            image: IMAGE.to_owned(),
            command: Vec::new(),
            package: Some(package),
            limits,
            array: None,
            network: None,
            dependencies: None,
            gpus: Vec::new(),
            images: ImageRules::everything(),
            function: None,
        }
    }

    /// Runs it to its end, or stops it after `time` as the worker does, and removes it.
    pub fn run(&self, files: &[(&str, &str)], limits: TaskLimits, time: Duration) -> Ended {
        let plan = self.plan(files, limits);
        self.runtime.block_on(async {
            let container = self.engine.prepare(&plan).await.expect("prepared").container;
            let (sender, mut events) = mpsc::channel(16);
            let gathering = tokio::spawn(async move {
                let (mut lines, mut count) = (Vec::new(), 0);
                while let Some(event) = events.recv().await {
                    if let ContainerEvent::Line(line) = event {
                        count += 1;
                        if lines.len() < MOST_LINES {
                            lines.push(line.text);
                        }
                    }
                }
                (lines, count)
            });
            let mut running = Box::pin(self.engine.run(&container, Told::default(), sender));
            let mut ended = Ended::default();
            let exit = match tokio::time::timeout(time, &mut running).await {
                Ok(exit) => exit,
                Err(_) => {
                    let limit = now();
                    let (stopped, exit) = tokio::join!(self.engine.stop(&container, GRACE), &mut running);
                    stopped.expect("stopped");
                    ended.after_limit = Some(limit.elapsed());
                    exit
                }
            };
            drop(running);
            let exit = exit.expect("run to its end");
            (ended.lines, ended.line_count) = gathering.await.expect("gathered");
            (ended.code, ended.out_of_memory) = (exit.code, exit.out_of_memory);
            self.engine.remove(&container).await.expect("removed");
            ended
        })
    }
}
