//! A pool as a process, with data folder and ports of its own.

use crate::program::{Running, Surroundings};
use crate::requester::Person;
use crate::scene::Scene;
use hivemind_local_pool::{LocalPool, PoolConfig};
use std::path::PathBuf;

pub struct Pool {
    surroundings: Surroundings,
    data: PathBuf,
    log: PathBuf,
    grpc: String,
    pub url: String,
    process: Option<Running>,
}

impl Pool {
    pub async fn open(scene: &Scene) -> Self {
        let mut pool = Self {
            surroundings: scene.surroundings("pool-home"),
            data: scene.path("pool"),
            log: scene.path("pool.log"),
            grpc: "127.0.0.1:0".into(),
            url: "http://127.0.0.1:0/".into(),
            process: None,
        };
        pool.start().await;
        pool
    }

    /// Starts it again where it was.
    pub async fn start(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let folder = self.data.with_extension("worker");
        let http = self.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (folder, data) = (folder.display().to_string(), self.data.display().to_string());
        let arguments =
            ["--data", &folder, "pool", "serve", "--grpc", &self.grpc, "--http", &http, "--pool-data", &data];
        let process = Running::start(&self.surroundings, &arguments, &self.log).await;
        let said = |name: &str| process.announced[name].as_str().expect("an address").to_owned();
        (self.grpc, self.url) = (said("grpc"), said("http"));
        self.process = Some(process);
    }

    pub async fn kill(&mut self) {
        self.process.take().expect("it runs").kill().await;
    }

    /// Address for `MASTER_NODE_URL`.
    pub fn master(&self) -> String {
        self.url.trim_end_matches('/').to_owned()
    }

    /// Somebody new.
    pub async fn person(&self, name: &str) -> Person {
        Person::register(&self.url, name).await
    }

    /// Bytes of results that are on their way to this pool.
    pub fn bytes_arriving(&self) -> u64 {
        let Ok(results) = std::fs::read_dir(self.data.join("results")) else { return 0 };
        let parts = results.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with(".part"));
        parts.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
    }

    /// Ends the pool in order and adds up its books.
    pub async fn close_and_audit(&mut self) {
        self.process.take().expect("it runs").end().await;
        let pool = LocalPool::start(PoolConfig::ephemeral(&self.data)).await.expect("its folder is free");
        let audit = pool.audit().await.expect("books");
        pool.shutdown().await;
        assert!(audit.balances(), "the sum of all accounts is not the supply: {audit:?}");
    }
}
