//! The check-up in earnest: something is really wrong with the computer, `doctor` names it, and once it is mended says
//! that too.
//!
//! Every fault that can be rehearsed is in `MADE`: either a test here makes it, or the reason is told why it is only
//! rehearsed.

mod door;
mod engine;
mod keyring;
mod made;
mod name;
mod time;

use crate::patience::{LONG, until};
use crate::program::{Running, Said, Surroundings, call, call_with};
use hivemind_local_pool::{LocalPool, PoolConfig};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery staple";

/// What a check has to say about a fault.
struct Ill<'a> {
    /// Its name where it is rehearsed; what is rehearsed must be what is told in earnest.
    fault: &'a str,
    number: u64,
    level: &'a str,
    /// Nothing where the finding has no code.
    code: Option<&'a str>,
    /// What the proof has to name.
    proof: &'a [&'a str],
    /// What the fix has to name.
    fix: &'a str,
}

/// A worker, its pool, and what its programs find around them.
struct Patient {
    folder: TempDir,
    pool: LocalPool,
    surroundings: Surroundings,
    data: PathBuf,
    settings: Vec<(String, String)>,
    process: Option<Running>,
}

impl Patient {
    /// Nothing runs yet but the pool; `socket` in the folder is where an engine would listen.
    async fn new(pool: impl FnOnce(&mut PoolConfig)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Short, because a Unix socket's path may have 107 bytes only.
        let folder = tempfile::Builder::new().prefix("hm-doc-").tempdir_in("/tmp").expect("a folder");
        let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
        pool(&mut config);
        let pool = LocalPool::start(config).await.expect("a pool");
        pool.create_user("works", PASSWORD).await.expect("a user");
        let surroundings = Surroundings::new(&folder.path().join("home"))
            .with("MASTER_NODE_URL", format!("http://{}", pool.http_addr()))
            .with("DOCKER_HOST", format!("unix://{}", folder.path().join("socket").display()))
            .with("KEEP_DISK_FREE", "64m")
            .with("LOG_LEVEL", "info");
        let data = folder.path().join("w");
        let settings = vec![("monitor_port".to_owned(), "0".to_owned())];
        Self { folder, pool, surroundings, data, settings, process: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn surround(&mut self, name: &str, value: impl Into<String>) {
        self.surroundings = self.surroundings.clone().with(name, value);
    }

    fn set(&mut self, key: &str, value: impl ToString) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_string()));
    }

    async fn start(&mut self) {
        for (key, value) in self.settings.clone() {
            self.call(&["settings", "set", &key, &value]).await.ok();
        }
        let data = self.data.display().to_string();
        let log = self.path("worker.log");
        self.process = Some(Running::start(&self.surroundings, &["--data", &data, "run"], &log).await);
    }

    async fn end(&mut self) {
        self.process.take().expect("it runs").end().await;
    }

    async fn sign_in(&self) {
        let data = self.data.display().to_string();
        let words = ["--data", &data, "login", "works"];
        call_with(&self.surroundings, &words, &format!("{PASSWORD}\n"), LONG).await.ok();
    }

    async fn call(&self, arguments: &[&str]) -> Said {
        let data = self.data.display().to_string();
        call(&self.surroundings, &[&["--data", &data], arguments].concat()).await
    }

    /// One check's finding and the exit code of the whole.
    async fn examine(&self, number: u64) -> (i32, Value) {
        let mut said = self.call(&["doctor"]).await;
        let report = said.lines.pop().unwrap_or_else(|| panic!("no report: {said:?}"));
        let findings = report["findings"].as_array().unwrap_or_else(|| panic!("no findings: {report}"));
        let errors = findings.iter().any(|finding| finding["level"] == "error");
        assert_eq!(said.code, i32::from(errors), "the exit code is 1 for errors alone: {report}");
        let found = findings.iter().find(|finding| finding["number"] == number);
        (said.code, found.unwrap_or_else(|| panic!("no check {number}: {report}")).clone())
    }

    /// Waits until the check names the fault as it has to.
    async fn is_ill(&self, ill: &Ill<'_>) -> Value {
        let mut last = Value::Null;
        let seen = until("", LONG, async || {
            let (code, found) = self.examine(ill.number).await;
            last = found.clone();
            let proof = found["proof"].as_str().unwrap_or_default();
            let named = found["level"] == ill.level
                && found["code"].as_str() == ill.code
                && ill.proof.iter().all(|part| proof.contains(part))
                && found["fix"].as_str().is_some_and(|fix| fix.contains(ill.fix));
            (named && (ill.level != "error" || code == 1)).then_some(found)
        });
        let Ok(found) = tokio::time::timeout(LONG / 2, seen).await else {
            panic!("check {} does not name the fault {}: {last}", ill.number, ill.fault);
        };
        let rehearsal = self.call(&["doctor", "--simulate", ill.fault]).await.lines.pop().expect("a report");
        let findings = rehearsal["findings"].as_array().expect("findings").iter();
        let told = findings.clone().find(|finding| finding["number"] == ill.number).expect("its check");
        for part in ["check", "level", "code", "fix"] {
            assert_eq!(told[part], found[part], "{} is rehearsed with another {part}", ill.fault);
        }
        found
    }

    /// Waits until the check says that all is well, and gives the proof.
    async fn is_well(&self, number: u64) -> String {
        let mut last = Value::Null;
        let seen = until("", LONG, async || {
            let (_, found) = self.examine(number).await;
            last = found.clone();
            (found["level"] == "ok").then(|| found["proof"].as_str().expect("a proof").to_owned())
        });
        match tokio::time::timeout(LONG / 2, seen).await {
            Ok(proof) => proof,
            Err(_) => panic!("check {number} does not say that it is mended: {last}"),
        }
    }
}

/// Whether these programs are there and this is root; says that the test was skipped where not.
fn can(name: &str, programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED {name}: only root may do this to a computer");
        return false;
    }
    match programs.iter().find(|program| !there(program)) {
        Some(missing) => println!("SKIPPED {name}: {missing} is not installed"),
        None => return true,
    }
    false
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null());
    command.output().is_ok_and(|done| done.status.success())
}

/// A copy of the built program that everybody may start.
fn copied(to: &Path) -> PathBuf {
    let copy = to.join("hivemind-worker");
    std::fs::copy(crate::program::binary(), &copy).expect("a copy");
    copy
}
