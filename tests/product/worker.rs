//! A worker as a process, with a data folder of its own, asked over its command line.

use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::program::{Running, Said, Surroundings, call, call_with, told};
use crate::requester::{PASSWORD, Person};
use crate::scene::Scene;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Removing what is not needed any more takes a moment after the last word.
const TIDY: Duration = Duration::from_secs(20);

pub struct Worker<'a> {
    scene: &'a Scene,
    surroundings: Surroundings,
    pub data: PathBuf,
    log: PathBuf,
    /// The words of the command line that make it the worker.
    words: &'static [&'static str],
    process: Option<Running>,
}

impl<'a> Worker<'a> {
    /// A worker at this pool that nobody has signed in yet.
    pub async fn open(scene: &'a Scene, name: &str, master: &str) -> Self {
        Self::open_as(scene, name, master, &["run"], &[]).await
    }

    /// The same with other words on its command line and more variables in its surroundings.
    pub async fn open_as(
        scene: &'a Scene,
        name: &str,
        master: &str,
        words: &'static [&'static str],
        variables: &[(&str, String)],
    ) -> Self {
        Self::open_set(scene, name, master, words, variables, &[]).await
    }

    /// The same with these settings beside.
    pub async fn open_set(
        scene: &'a Scene,
        name: &str,
        master: &str,
        words: &'static [&'static str],
        variables: &[(&str, String)],
        settings: &[(&str, &str)],
    ) -> Self {
        let mut surroundings = scene
            .surroundings(&format!("{name}-home"))
            .with("MASTER_NODE_URL", master)
            .with("RESOURCE_REPORT_INTERVAL", "1")
            .with("MAX_CPU_CORES", "2")
            .with("MAX_MEMORY_LIMIT", "2g");
        for (name, value) in variables {
            surroundings = surroundings.with(name, value);
        }
        let (data, log) = (scene.path(name), scene.path(&format!("{name}.log")));
        let mut worker = Self { scene, surroundings, data, log, words, process: None };
        for (key, value) in [&[("monitor_port", "0")], settings].concat() {
            worker.call(&["settings", "set", key, value]).await.ok();
        }
        worker.start().await;
        scene.sweeps(worker.label());
        worker
    }

    /// A worker of this person that waits for tasks.
    pub async fn contributing(scene: &'a Scene, name: &str, pool: &Pool, owner: &Person) -> Self {
        let worker = Self::open(scene, name, &pool.master()).await;
        worker.sign_in(&owner.name, PASSWORD).await.ok();
        worker.call(&["start"]).await.ok();
        worker.wait_for_state("ready").await;
        worker
    }

    /// What the next process finds in its surroundings.
    pub fn surround(&mut self, name: &str, value: &str) {
        self.surroundings = self.surroundings.clone().with(name, value);
    }

    /// Starts the process, the first time or again.
    pub async fn start(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let data = self.data.display().to_string();
        let words = [&["--data", &data], self.words].concat();
        let running = Running::start(&self.surroundings, &words, &self.log).await;
        self.process = Some(running);
    }

    pub fn process(&self) -> &Running {
        self.process.as_ref().expect("it runs")
    }

    /// The monitor's address.
    pub fn monitor(&self) -> String {
        self.process().announced["monitor"].as_str().expect("the monitor's address").to_owned()
    }

    pub async fn kill(&mut self) {
        self.process.take().expect("it runs").kill().await;
    }

    /// One command of the command line.
    pub async fn call(&self, arguments: &[&str]) -> Said {
        let data = self.data.display().to_string();
        call(&self.surroundings, &[&["--data", &data], arguments].concat()).await
    }

    /// What a command prints for people.
    pub async fn told(&self, arguments: &[&str]) -> String {
        let data = self.data.display().to_string();
        told(&self.surroundings, &[&["--data", &data], arguments].concat()).await
    }

    pub async fn sign_in(&self, name: &str, password: &str) -> Said {
        let data = self.data.display().to_string();
        call_with(&self.surroundings, &["--data", &data, "login", name], &format!("{password}\n"), LONG).await
    }

    pub async fn snapshot(&self) -> Value {
        self.call(&["status"]).await.ok()
    }

    pub async fn wait_for_state(&self, state: &str) -> Value {
        until(&format!("the worker is {state}"), LONG, async || {
            let snapshot = self.snapshot().await;
            (snapshot["status"]["state"] == state).then_some(snapshot)
        })
        .await
    }

    /// This computer's name at the pool.
    pub async fn node(&self) -> String {
        let snapshot = self.snapshot().await;
        snapshot["pool"]["node_id"].as_str().expect("a node id").to_owned()
    }

    /// Every attempt at a task that this worker knows, newest first.
    pub async fn attempts(&self, task: &str) -> Vec<Value> {
        let page = self.call(&["tasks", "--search", task]).await.ok();
        page["tasks"].as_array().expect("a list").clone()
    }

    /// Waits until this worker is done with an attempt, and gives its record.
    pub async fn closed(&self, task: &str, attempt: u64) -> Value {
        until(&format!("attempt {attempt} is closed"), LONG, async || {
            let mut attempts = self.attempts(task).await.into_iter();
            attempts.find(|view| view["attempt"] == attempt && !view["closed_at_ms"].is_null())
        })
        .await
    }

    /// The label on everything that this installation makes in the engine.
    pub fn label(&self) -> String {
        let id = std::fs::read_to_string(self.data.join("install-id")).expect("an installation has an id");
        format!("hivemind.install={}", id.trim())
    }

    /// The containers of this installation.
    pub async fn containers(&self) -> Vec<String> {
        self.scene.engine.containers(&self.label()).await
    }

    /// Waits until nothing of this worker's tasks is left in the engine and on the disk.
    pub async fn wait_until_clean(&self) {
        let label = self.label();
        let spool = self.data.join("spool");
        let temporary = self.surroundings.temporary();
        let mut left = Vec::new();
        let looking = until("", LONG, async || {
            left = self.scene.engine.everything(&label).await;
            for folder in [&spool, &temporary] {
                let files = std::fs::read_dir(folder).expect("the folder").flatten();
                left.extend(files.map(|entry| entry.path().display().to_string()));
            }
            left.is_empty().then_some(())
        });
        assert!(tokio::time::timeout(TIDY, looking).await.is_ok(), "left over: {left:?}");
    }

    /// Waits until the process has ended because it was asked to.
    pub async fn gone(&mut self) {
        let ended = self.ended().await;
        assert!(ended.success(), "{ended}");
    }

    /// Waits for the process's end, whichever.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        self.process.take().expect("it runs").ended(LONG).await.expect("it ends")
    }

    /// Ends the process in order.
    pub async fn end(&mut self) {
        self.process.take().expect("it runs").end().await;
    }
}
