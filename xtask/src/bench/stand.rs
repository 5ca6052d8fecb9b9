//! The set-up that every measurement starts from: a pool, an owner and a requester, and a worker that is signed in.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http::{Request, Server};
use crate::clock;
use crate::program::{capture, feed, program, succeeds};

pub const PASSWORD: &str = "a password for one measurement";
pub const OWNER: &str = "owner";
/// Longest wait for anything that should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that ends with its owner.
#[derive(Debug)]
pub struct Owned(Child);

impl Owned {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to end and waits.
    pub fn end(&mut self) {
        succeeds(program("kill").args(["-TERM", &self.pid().to_string()]));
        let start = clock::now();
        while clock::now().duration_since(start) < Duration::from_secs(20) {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

impl From<Child> for Owned {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

/// Pool and worker. The worker ends first.
pub struct Stand {
    worker: Option<Owned>,
    _pool: Owned,
    program: PathBuf,
    url: String,
    pool: Server,
    owner: String,
    requester: String,
    requesters: u32,
    engine: String,
    scratch: tempfile::TempDir,
}

impl Stand {
    /// A pool with its people; the worker is not started.
    pub fn new(worker: &Path, engine: &str) -> Result<Self> {
        // Not below a long TMPDIR: the worker's socket lies in here.
        let scratch = tempfile::Builder::new().prefix("hm-bench-").tempdir_in("/tmp")?;
        fs::write(
            scratch.path().join("settings.toml"),
            "monitor_port = 0\naway_cpu_percent = 100\nkeep_disk_free = \"64m\"\n",
        )?;
        let log = File::create(scratch.path().join("pool.log"))?;
        let mut serve = program(worker)
            .args([
                "--json",
                "pool",
                "serve",
                "--grpc",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--pool-data",
            ])
            .arg(scratch.path().join("pool"))
            .arg("--data")
            .arg(scratch.path().join("pool-home"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", worker.display()))?;
        let mut reader = BufReader::new(serve.stdout.take().context("no output")?);
        let mut serve = Owned(serve);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        serve.0.stdout = Some(reader.into_inner());
        let places: Value = serde_json::from_str(&line).with_context(|| {
            format!("the pool did not say where it is: {line:?}; see {}", scratch.path().display())
        })?;
        let url = places["http"].as_str().context("the pool names no address")?.to_owned();
        let pool = Server::pool(&url)?;
        let owner = account(&pool, OWNER)?;
        let mut stand = Self {
            worker: None,
            _pool: serve,
            program: worker.to_path_buf(),
            url,
            pool,
            owner,
            requester: String::new(),
            requesters: 0,
            engine: engine.to_owned(),
            scratch,
        };
        stand.new_requester()?;
        Ok(stand)
    }

    /// Folder that goes with the stand.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Another requester, with the CPT that a new one is given.
    pub fn new_requester(&mut self) -> Result<()> {
        self.requesters += 1;
        self.requester = account(&self.pool, &format!("requester-{}", self.requesters))?;
        Ok(())
    }

    /// Another engine address for workers started from now on.
    pub fn set_engine(&mut self, engine: &str) {
        engine.clone_into(&mut self.engine);
    }

    /// The worker's command line, in its own data folder.
    pub fn command(&self) -> Command {
        let mut command = program(&self.program);
        command
            .arg("--data")
            .arg(self.scratch.path().join("w"))
            .arg("--config")
            .arg(self.scratch.path().join("settings.toml"))
            .env("MASTER_NODE_URL", &self.url)
            .env("DOCKER_HOST", &self.engine)
            .env("LOG_LEVEL", "warn")
            .env_remove("DBUS_SESSION_BUS_ADDRESS");
        command
    }

    /// Starts the worker and returns the moment before it was started.
    pub fn start_worker(&mut self, tray: bool, environment: &[(&str, String)]) -> Result<Instant> {
        let log = File::options().create(true).append(true).open(self.scratch.path().join("worker.log"))?;
        let mut command = self.command();
        command.arg("run").envs(environment.iter().map(|(name, value)| (name, value)));
        if tray {
            command.arg("--tray");
        }
        command.stdout(log.try_clone()?).stderr(log);
        let start = clock::now();
        self.worker = Some(Owned(command.spawn().context("the worker cannot be started")?));
        Ok(start)
    }

    /// Signs the worker in and waits until the pool has registered it.
    pub fn sign_in(&self) -> Result<()> {
        self.wait("the worker's socket", || Ok(succeeds(self.command().arg("status"))))?;
        feed(self.command().args(["login", OWNER]), |pipe| {
            Ok(pipe.write_all(format!("{PASSWORD}\n").as_bytes())?)
        })?;
        self.wait_registered()
    }

    /// Signs the worker in at a pool of the live network, and waits until work comes by `reach`.
    pub fn sign_in_elsewhere(&self, reach: &str) -> Result<()> {
        self.wait("the worker's socket", || Ok(succeeds(self.command().arg("status"))))?;
        feed(self.command().args(["login", OWNER]), |pipe| {
            Ok(pipe.write_all(format!("{PASSWORD}\n").as_bytes())?)
        })?;
        self.wait("the registration", || {
            let shown = capture(self.command().args(["--json", "status"]))?;
            let snapshot: Value = serde_json::from_str(&shown)?;
            Ok(snapshot["pool"]["standing"]["reach"] == json!(reach))
        })
    }

    /// Waits until the pool says that the worker is registered.
    pub fn wait_registered(&self) -> Result<()> {
        self.wait("registration", || self.registered())
    }

    /// Whether the pool says that the worker is registered.
    pub fn registered(&self) -> Result<bool> {
        let nodes = self.pool.json(&Request::new("GET", "/api/nodes").token(&self.owner))?;
        let nodes = nodes.as_array().or_else(|| nodes["nodes"].as_array()).context("no list of nodes")?;
        Ok(nodes.iter().any(|node| node["own"] == json!(true) && node["active"] == json!(true)))
    }

    /// Ends the worker, if it runs, and waits until the pool knows.
    pub fn end_worker(&mut self) -> Result<()> {
        if let Some(mut worker) = self.worker.take() {
            worker.end();
        }
        self.wait("the end of the registration", || Ok(!self.registered()?))
    }

    /// The worker's process.
    pub fn worker(&self) -> Result<u32> {
        Ok(self.worker.as_ref().context("no worker was started")?.pid())
    }

    /// A line of the settings file, for workers started from now on.
    pub fn set(&self, line: &str) -> Result<()> {
        let path = self.scratch.path().join("settings.toml");
        let text = fs::read_to_string(&path)?;
        Ok(fs::write(path, format!("{text}{line}\n"))?)
    }

    /// Where workers reach the pool from now on.
    pub fn set_pool(&mut self, url: &str) {
        url.clone_into(&mut self.url);
    }

    /// The pool's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Hands a package in that asks for little; returns the task's id.
    pub fn submit(&self, package: &[u8]) -> Result<String> {
        self.submit_with(package, &[("cpu_cores", "1"), ("memory_gb", "1")])
    }

    /// Hands a package in with these wishes; returns the task's id.
    pub fn submit_with(&self, package: &[u8], wishes: &[(&str, &str)]) -> Result<String> {
        let (content_type, body) = form(package, wishes);
        let request = Request::with("POST", "/api/tasks", &content_type, &body).token(&self.requester);
        let answer = self.pool.json(&request)?;
        Ok(answer["task_id"].as_str().context("no task id")?.to_owned())
    }

    /// A task as its requester sees it now.
    pub fn view(&self, id: &str) -> Result<Value> {
        self.pool.json(&Request::new("GET", &format!("/api/tasks/{id}")).token(&self.requester))
    }

    /// Waits for a task's success and returns its view.
    pub fn finished(&self, id: &str) -> Result<Value> {
        self.finished_within(id, PATIENCE, || Ok(()))
    }

    /// The same with more patience; `meanwhile` is called between two looks.
    pub fn finished_within(
        &self,
        id: &str,
        patience: Duration,
        mut meanwhile: impl FnMut() -> Result<()>,
    ) -> Result<Value> {
        let mut view = Value::Null;
        self.wait_within("the end of a task", patience, || {
            meanwhile()?;
            view = self.view(id)?;
            Ok(!view["ended_ms"].is_null())
        })?;
        if view["state"] != json!("succeeded") {
            bail!("the task ended otherwise: {view}");
        }
        Ok(view)
    }

    /// The last line that the pool has of a task.
    pub fn last_line(&self, id: &str) -> Result<String> {
        let path = format!("/api/tasks/{id}/logs?format=text");
        let log = self.pool.send(&Request::new("GET", &path).token(&self.requester))?;
        Ok(String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned())
    }

    fn wait(&self, what: &str, done: impl FnMut() -> Result<bool>) -> Result<()> {
        self.wait_within(what, PATIENCE, done)
    }

    fn wait_within(
        &self,
        what: &str,
        patience: Duration,
        mut done: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let start = clock::now();
        let mut pause = Duration::from_millis(2);
        while !done()? {
            if clock::now().duration_since(start) > patience {
                let log = fs::read_to_string(self.scratch.path().join("worker.log")).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("no {what} within {} s; the worker said: {}", patience.as_secs(), tail.join(" / "));
            }
            std::thread::sleep(pause);
            // A quick look first; later the looking itself must not disturb.
            pause = (pause * 5 / 4).min(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn account(pool: &Server, name: &str) -> Result<String> {
    let body = serde_json::to_vec(&json!({ "username": name, "password": PASSWORD }))?;
    pool.send(&Request::with("POST", "/api/register", "application/json", &body))?;
    let signed = pool.json(&Request::with("POST", "/api/login", "application/json", &body))?;
    Ok(signed["token"].as_str().context("no token")?.to_owned())
}

fn form(package: &[u8], wishes: &[(&str, &str)]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "hivemind-bench-7d1f";
    let mut body = Vec::new();
    for (name, value) in [("task_name", "bench"), ("gpu_required", "false")].iter().chain(wishes) {
        body.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .as_bytes(),
        );
    }
    body.extend_from_slice(
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"task_file\"; filename=\"bench.zip\"\r\n\
             Content-Type: application/zip\r\n\r\n"
        )
        .as_bytes(),
    );
    body.extend_from_slice(package);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

/// A package whose program does next to nothing.
pub fn small_package() -> Result<Vec<u8>> {
    package("mkdir -p \"$HIVEMIND_OUTPUT\"\necho done | tee \"$HIVEMIND_OUTPUT/answer.txt\"\n")
}

/// A package that runs this shell script.
pub fn package(script: &str) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("run.sh", zip::write::SimpleFileOptions::default())?;
    zip.write_all(script.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}
