//! One pool with one worker that things happen to; several lanes run side by side and know nothing of each other.

use crate::engine::Engine;
use crate::program::{Running, Said, Surroundings, call, call_with};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{MIB, Resources};
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, TaskState, TaskView, User};
use hivemind_testkit::Part;
use hivemind_testkit::failpoint::VARIABLE;
use serde_json::Value;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

const PASSWORD: &str = "correct horse battery staple";
/// For anything that takes seconds, on a machine that is busy with other lanes.
pub const LONG: Duration = Duration::from_secs(120);

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Prints two lines, works for so many tenths of a second, leaves its answer.
    Works(u32),
    /// Goes on until it is stopped.
    Endless,
}

/// A task that was handed in.
#[derive(Debug, Clone)]
pub struct Given {
    pub id: String,
    pub job: Job,
    answer: String,
}

pub struct Lane {
    pub part: Part,
    pub pool: LocalPool,
    pub requester: User,
    pub folder: TempDir,
    pub data: PathBuf,
    pub recoveries: Vec<Duration>,
    pub open: Vec<Given>,
    /// Over, and not looked at yet.
    pub ended: Vec<Given>,
    /// Whether each line of a task's output must be there once.
    pub whole_logs: bool,
    /// Whether a task may end as failed for its package.
    pub may_fail: bool,
    engine: Engine,
    surroundings: Surroundings,
    log: PathBuf,
    process: Option<Running>,
    number: u32,
}

impl Lane {
    /// A worker that contributes; `address` is the engine it uses, `engine` the same engine without anything between.
    pub async fn open(engine: &Engine, address: &str, data: Option<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("hm-faults-").tempdir_in("/tmp").expect("a folder");
        let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
        config.signup_cpt = 1_000_000;
        config.sign_ins_per_minute = 1000;
        let pool = LocalPool::start(config).await.expect("a pool");
        let requester = pool.create_user("asks", PASSWORD).await.expect("a user");
        pool.create_user("works", PASSWORD).await.expect("a user");
        let surroundings = Surroundings::new(&folder.path().join("home"))
            .with("MASTER_NODE_URL", format!("http://{}", pool.http_addr()))
            .with("DOCKER_HOST", address)
            .with("WORKER_IMAGE_TAG", "test")
            .with("RESOURCE_REPORT_INTERVAL", "1")
            .with("MAX_CONCURRENT_TASKS", "6")
            .with("KEEP_DISK_FREE", "64m")
            .with("LOG_LEVEL", "info");
        let data = data.unwrap_or_else(|| folder.path().join("w"));
        let log = folder.path().join("worker.log");
        let mut lane = Self {
            part: Part::default(),
            pool,
            requester,
            data,
            log,
            recoveries: Vec::new(),
            open: Vec::new(),
            ended: Vec::new(),
            whole_logs: true,
            may_fail: false,
            engine: engine.clone(),
            surroundings,
            process: None,
            number: 0,
            folder,
        };
        lane.call(&["settings", "set", "monitor_port", "0"]).await.ok();
        lane.call(&["settings", "set", "worker_image", "busybox"]).await.ok();
        lane.start(None).await;
        lane.sign_in().await;
        lane.call(&["start"]).await.ok();
        lane.ready().await;
        lane
    }

    /// Starts the worker; with a failpoint it dies by itself.
    pub async fn start(&mut self, failpoint: Option<&str>) {
        assert!(self.process.is_none(), "it runs");
        let mut surroundings = self.surroundings.clone();
        if let Some(failpoint) = failpoint {
            surroundings = surroundings.with(VARIABLE, failpoint);
        }
        let data = self.data.display().to_string();
        let words = ["--data", &data, "run"];
        match Running::try_start(&surroundings, &words, &self.log).await {
            Ok(running) => self.process = Some(running),
            Err(code) if failpoint.is_some() => self.part.count("ended at once", u64::from(code != 0)),
            Err(code) => panic!("the worker ended with {code}: {}", self.said()),
        }
    }

    /// Starts it again and waits until it goes on; notes how long that took.
    pub async fn recover(&mut self) {
        let started = Instant::now();
        self.start(None).await;
        self.ready().await;
        self.recoveries.push(started.elapsed());
    }

    /// Starts it where that must fail; whether it says that it failed, and all it said.
    pub async fn fails_to_start(&self) -> (bool, String) {
        let said = self.call(&["run"]).await;
        (said.code != 0, format!("{said:?}"))
    }

    /// Looks at what has ended, while the rest goes on.
    pub async fn look(&mut self) {
        for given in std::mem::take(&mut self.ended) {
            let task = self.task(&given.id).await;
            self.part.count("tasks", 1);
            self.judge(&given, &task).await;
        }
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    pub fn process(&self) -> &Running {
        self.process.as_ref().expect("it runs")
    }

    pub async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Waits until the worker has died by itself; false when it does not.
    pub async fn dies(&mut self, within: Duration) -> bool {
        let Some(process) = &mut self.process else { return true };
        let died = process.ended(within).await.is_some();
        if died {
            self.process = None;
        }
        died
    }

    pub async fn call(&self, words: &[&str]) -> Said {
        let data = self.data.display().to_string();
        call(&self.surroundings, &[&["--data", &data], words].concat()).await
    }

    pub async fn snapshot(&self) -> Value {
        let said = self.call(&["status"]).await;
        if said.code == 0 { said.ok() } else { Value::Null }
    }

    /// Waits until it is ready; true when it died on the way.
    pub async fn died_before_ready(&mut self) -> bool {
        for _ in 0..600 {
            let snapshot = self.snapshot().await;
            if snapshot["pool"]["state"] == "online" && !snapshot["engine"].is_null() {
                return false;
            }
            if self.dies(Duration::from_millis(50)).await {
                return true;
            }
        }
        panic!("neither ready nor dead: {}", self.said());
    }

    /// Waits until it is ready, with its owner's help where it asks for a new sign-in.
    pub async fn back(&mut self) {
        for _ in 0..100 {
            match self.snapshot().await["pool"]["state"].as_str() {
                Some("online") => break,
                Some("auth_required" | "rejected") => {
                    self.part.count("sign-ins asked for", 1);
                    self.sign_in().await;
                }
                _ => {}
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.ready().await;
    }

    async fn sign_in(&self) {
        let data = self.data.display().to_string();
        call_with(&self.surroundings, &["--data", &data, "login", "works"], &format!("{PASSWORD}\n"), LONG)
            .await
            .ok();
    }

    /// Waits until it is online with a usable engine.
    pub async fn ready(&mut self) {
        let waiting = async {
            loop {
                let snapshot = self.snapshot().await;
                let state = snapshot["status"]["state"].as_str().unwrap_or_default();
                if snapshot["pool"]["state"] == "online" && matches!(state, "ready" | "earning") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(LONG, waiting).await.is_err() {
            let snapshot = self.snapshot().await;
            panic!("not ready: {snapshot:#}\n{}", self.said());
        }
    }

    pub async fn give(&mut self, job: Job) -> String {
        self.number += 1;
        let answer = format!("answer {}", self.number);
        let work = match job {
            Job::Works(tenths) => format!("sleep {}.{}", tenths / 10, tenths % 10),
            Job::Endless => "trap 'exit 143' TERM\nwhile true; do sleep 1; done".to_owned(),
        };
        let program = format!(
            "echo begins\n{work}\nmkdir -p \"$HIVEMIND_OUTPUT\"\necho '{answer}' > \"$HIVEMIND_OUTPUT/answer.txt\"\necho ends\n"
        );
        let mut request = TaskRequest::named(format!("task {}", self.number));
        request.limits = TaskLimits {
            resources: Resources { cpu_millis: 100, memory_bytes: 32 * MIB, gpus: 0 },
            disk_bytes: 16 * MIB,
            ..TaskLimits::default()
        };
        let package = zipped(&program);
        let id = self.pool.submit(&self.requester, request, package.as_slice()).await.expect("taken");
        self.open.push(Given { id: id.clone(), job, answer });
        id
    }

    pub async fn task(&self, id: &str) -> TaskView {
        self.pool.task(id).await.expect("a task")
    }

    /// Waits until a task's program runs, the task is over or the worker is dead.
    pub async fn running(&mut self, id: &str) {
        let runs = |task: &TaskView| task.phase.as_deref() == Some("running") || over(task);
        let (pool, process) = (&self.pool, &mut self.process);
        let dead = async {
            if let Some(process) = process {
                process.ended(LONG).await;
            }
        };
        tokio::select! {
            waited = pool.wait_for(id, LONG, runs) => drop(waited.expect("a task")),
            () = dead => {}
        }
    }

    /// Lets everything come to its end and looks whether it is as it should be.
    pub async fn drain(&mut self) {
        self.look().await;
        let open = std::mem::take(&mut self.open);
        for given in &open {
            if given.job == Job::Endless {
                self.pool.cancel(&self.requester, &given.id).await.expect("cancelled");
            }
        }
        for given in &open {
            let ended = self.pool.wait_for_end(&given.id, LONG).await.expect("a task");
            self.part.count("tasks", 1);
            match ended {
                Some(task) => self.judge(given, &task).await,
                None => {
                    let task = self.task(&given.id).await;
                    self.part.count("lost", 1);
                    let snapshot = self.snapshot().await;
                    self.part.violation(format!("it never ends: {task:?}\n{snapshot:#}\n{}", self.said()));
                }
            }
        }
        self.tidy().await;
        self.records(&open).await;
    }

    async fn judge(&mut self, given: &Given, task: &TaskView) {
        let id = &given.id;
        self.part.count("given anew", u64::from(task.attempt.saturating_sub(1)));
        match given.job {
            Job::Endless if task.state == TaskState::Cancelled => {}
            Job::Works(_) if task.state == TaskState::Succeeded => {
                let saved = self.folder.path().join("saved.zip");
                let _ = std::fs::remove_file(&saved);
                self.pool.save_result(id, &saved).await.expect("a result");
                let answer = answer_in(&saved);
                if answer != given.answer {
                    self.part.count("corrupt", 1);
                    self.part.violation(format!("{id}: the result says {answer:?}, not {:?}", given.answer));
                }
                let log: Vec<_> =
                    self.pool.log(id).await.expect("a log").into_iter().map(|l| l.text).collect();
                let begins = log.iter().filter(|line| *line == "begins").count();
                let ends = log.iter().filter(|line| *line == "ends").count();
                // Docker may lose what was printed while it was down; the log says so then.
                let said =
                    log.iter().any(|line| line.starts_with("[hivemind]") && line.contains("may be missing"));
                self.part.count("logs said to be cut short", u64::from(said));
                let whole =
                    task.attempt != 1 || (begins, ends) == (1, 1) || (said && begins <= 1 && ends <= 1);
                self.part.count("logs cut short", u64::from(!whole && !self.whole_logs));
                if self.whole_logs && !whole {
                    self.part.count("begun twice", 1);
                    let kept = self.kept(id);
                    self.part.violation(format!(
                        "{id}: one attempt, and its log is {log:?}; kept here: {kept:?}\n{}",
                        self.said()
                    ));
                }
            }
            Job::Works(_) | Job::Endless if self.may_fail && task.failure.as_deref() == Some("package") => {
                self.part.count("failed for their package", 1);
            }
            Job::Works(_) | Job::Endless => {
                self.part.count("lost", 1);
                self.part.violation(format!("{id} ended as {task:?}\n{}", self.said()));
            }
        }
    }

    /// The output of a task's first attempt as the worker keeps it.
    fn kept(&self, id: &str) -> String {
        std::fs::read_to_string(self.data.join(format!("logs/{id}.1.log"))).unwrap_or_default()
    }

    /// Waits until nothing of ended tasks is left in engine and spool.
    async fn tidy(&mut self) {
        let label = self.label();
        let spool = self.data.join("spool");
        let mut left = Vec::new();
        let looking = async {
            loop {
                left = self.engine.everything(&label).await;
                if let Ok(files) = std::fs::read_dir(&spool) {
                    left.extend(files.flatten().map(|entry| entry.path().display().to_string()));
                }
                if left.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(40), looking).await.is_err() {
            self.part.count("orphans", left.len() as u64);
            self.part.violation(format!("left over: {left:?}\n{}", self.said()));
        }
    }

    /// Every attempt stands in the worker's records once, with an end.
    async fn records(&mut self, open: &[Given]) {
        for given in open {
            let waiting = async {
                loop {
                    let page = self.call(&["tasks", "--search", &given.id]).await.ok();
                    let rows = page["tasks"].as_array().cloned().unwrap_or_default();
                    let ended = |row: &Value| !row["closed_at_ms"].is_null();
                    // One that was cancelled may never have reached the worker.
                    if (given.job == Job::Endless || !rows.is_empty()) && rows.iter().all(ended) {
                        return rows;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            };
            match tokio::time::timeout(Duration::from_secs(40), waiting).await {
                Ok(rows) => {
                    let mut attempts: Vec<_> = rows.iter().map(|row| row["attempt"].as_u64()).collect();
                    attempts.sort_unstable();
                    attempts.dedup();
                    if attempts.len() != rows.len() {
                        self.part.violation(format!("{}: an attempt stands twice: {rows:?}", given.id));
                    }
                }
                Err(_) => {
                    let page = self.call(&["tasks", "--search", &given.id]).await;
                    self.part.violation(format!("{}: no terminal record: {page:?}", given.id));
                }
            }
        }
    }

    /// Ends everything and gives what was found.
    pub async fn close(mut self) -> (Part, Vec<Duration>) {
        if let Some(process) = self.process.take() {
            process.end().await;
        }
        if self.said().contains("damaged") {
            self.part.count("corrupt", 1);
            self.part.violation(format!("something was damaged: {}", self.said()));
        }
        let audit = self.pool.audit().await.expect("books");
        if !audit.balances() {
            self.part.violation(format!("the books do not balance: {audit:?}"));
        }
        self.pool.shutdown().await;
        self.engine.sweep(&label_of(&self.data)).await;
        (self.part, self.recoveries)
    }

    fn label(&self) -> String {
        label_of(&self.data)
    }

    /// The end of what the worker has logged.
    pub fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.char_indices().rev().nth(3000).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    }
}

pub fn over(task: &TaskView) -> bool {
    !matches!(task.state, TaskState::Queued | TaskState::Running)
}

fn label_of(data: &Path) -> String {
    let id = std::fs::read_to_string(data.join("install-id")).expect("an installation has an id");
    format!("hivemind.install={}", id.trim())
}

fn zipped(program: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("run.sh", zip::write::SimpleFileOptions::default()).expect("an entry");
    zip.write_all(program.as_bytes()).expect("content");
    zip.finish().expect("a zip").into_inner()
}

fn answer_in(result: &Path) -> String {
    let file = std::fs::File::open(result).expect("a result");
    let mut archive = zip::ZipArchive::new(file).expect("a zip");
    let mut text = String::new();
    if let Ok(mut entry) = archive.by_name("answer.txt") {
        let _ = entry.read_to_string(&mut text);
    }
    text.trim().to_owned()
}

/// The engine, or nothing after saying why not.
pub async fn engine(name: &str) -> Option<Engine> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Engine::find().await {
        Ok(engine) => Some(engine),
        Err(why) => {
            let required = std::env::var("HIVEMIND_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
            assert!(!required, "an engine is required: {why}");
            println!("SKIPPED {name}: {why}");
            None
        }
    }
}
