//! The fakes pass the same suites as the real adapters.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

use hivemind_domain::ids::InstallId;
use hivemind_domain::limits::TaskLimits;
use hivemind_testkit::contract::{self, EngineBench, Job};
use hivemind_testkit::{
    FakeClock, FakeEngine, MemoryJournal, MemoryLogs, MemorySecrets, Program, Vault, key,
};
use hivemind_worker_core::port::{ContainerPlan, SecretError, Secrets};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn the_journal_keeps_the_contract() {
    contract::journal(&MemoryJournal::new(Arc::default())).await;
}

#[tokio::test]
async fn the_log_archive_keeps_the_contract() {
    contract::log_archive(&MemoryLogs::default()).await;
}

#[tokio::test]
async fn secrets_keep_the_contract() {
    contract::secrets(&MemorySecrets::default()).await;
}

#[tokio::test]
async fn a_locked_keyring_is_not_an_empty_one() {
    let secrets = MemorySecrets::default();
    secrets.set(Vault::Locked);
    assert_eq!(secrets.load("https://one.example").await, Err(SecretError::Locked));
    secrets.set(Vault::Absent);
    assert_eq!(secrets.load("https://one.example").await, Err(SecretError::Unavailable));
}

struct Bench(PathBuf);

impl EngineBench for Bench {
    fn install(&self) -> InstallId {
        InstallId::new("install-1").unwrap()
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
            images: hivemind_domain::images::ImageRules::everything(),
            function: None,
        }
    }

    fn folder(&self) -> &Path {
        &self.0
    }
}

#[tokio::test(start_paused = true)]
async fn the_engine_keeps_the_contract() {
    let clock = Arc::new(FakeClock::default());
    clock.follow();
    let engine = FakeEngine::new(clock);
    let second = Duration::from_secs(1);
    let counts =
        Program::exits(3, second * 4).line(second, "one").line(second * 2, "two").line(second * 3, "three");
    engine.program("counts", counts.leaving(b"more than ten bytes"));
    engine.program("ticks", Program::endless().counts(1000, second / 10));
    engine.program("endless", Program::endless().line(second, "ready"));
    let folder = tempfile::tempdir().unwrap();
    contract::engine(&engine, &Bench(folder.path().to_path_buf())).await;
}
