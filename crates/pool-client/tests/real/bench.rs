//! A real pool, a client of it, and a wire between them that can be cut.

use hivemind_domain::ids::InstallId;
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, User};
use hivemind_pool_client::{V1Config, V1Pool};
use hivemind_worker_core::port::{Assigned, Offer, Pool};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const PASSWORD: &str = "correct horse battery";

pub struct Bench {
    pub pool: LocalPool,
    pub requester: User,
    pub folder: tempfile::TempDir,
}

pub fn install() -> InstallId {
    InstallId::new("i-test").unwrap()
}

pub fn config(master_url: String, address: String) -> V1Config {
    V1Config {
        tunnel_only: false,
        master_url,
        address,
        allow_unencrypted: false,
        install: install(),
        version: "0.0.0-test".into(),
    }
}

pub fn capabilities() -> Capabilities {
    Capabilities {
        cpu_cores: 4,
        memory_bytes: 8 << 30,
        disk_free_bytes: 1 << 40,
        os: "linux".into(),
        ..Capabilities::default()
    }
}

pub fn free() -> Resources {
    Resources { cpu_millis: 4000, memory_bytes: 8 << 30, gpus: 0 }
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut PoolConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
        // Tests do not send heartbeats all the time.
        config.lease = Duration::from_secs(120);
        change(&mut config);
        let pool = LocalPool::start(config).await.unwrap();
        let requester = pool.create_user("requester", PASSWORD).await.unwrap();
        pool.create_user("worker", PASSWORD).await.unwrap();
        Self { pool, requester, folder }
    }

    pub fn master_url(&self) -> String {
        format!("http://{}", self.pool.http_addr())
    }

    /// A client that found the pool, signed in and registered.
    pub async fn client(&self) -> V1Pool {
        self.client_at(String::new()).await
    }

    pub async fn client_at(&self, address: String) -> V1Pool {
        let client = V1Pool::new(config(self.master_url(), address));
        client.connect().await.unwrap();
        client.login("worker", PASSWORD, &install()).await.unwrap();
        client.register(&install(), "bench", &capabilities()).await.unwrap();
        client
    }

    pub async fn task(&self, package: &[u8]) -> String {
        self.pool.submit(&self.requester, TaskRequest::named("bench"), package).await.unwrap()
    }

    /// A task in the client's hands.
    pub async fn assigned(&self, client: &V1Pool) -> Assigned {
        self.task(&zip(b"print('hello')")).await;
        client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub fn zip(main: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file("main.py", options).unwrap();
    archive.write_all(main).unwrap();
    archive.finish().unwrap().into_inner()
}

/// Bytes that do not repeat.
pub fn noise(many: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(many + 8);
    while bytes.len() < many {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(many);
    bytes
}

/// A wire to the pool. It counts what goes up and breaks after a number of bytes.
pub struct Wire {
    pub address: SocketAddr,
    up: Arc<AtomicU64>,
    left: Arc<AtomicI64>,
    cut: watch::Sender<u32>,
}

impl Wire {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (up, left) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicI64::new(i64::MAX)));
        let (cut, _) = watch::channel(0);
        let (counted, allowed, cuts) = (Arc::clone(&up), Arc::clone(&left), cut.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(target).await else { continue };
                let (counted, allowed, mut cut) =
                    (Arc::clone(&counted), Arc::clone(&allowed), cuts.subscribe());
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let upward = async {
                        let mut buffer = vec![0; 16 << 10];
                        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                            counted.fetch_add(read as u64, Ordering::Relaxed);
                            if allowed.fetch_sub(read as i64, Ordering::Relaxed) < read as i64 {
                                return;
                            }
                            if to_server.write_all(&buffer[..read]).await.is_err() {
                                return;
                            }
                        }
                    };
                    let downward = tokio::io::copy(&mut from_server, &mut to_client);
                    tokio::select! {
                        () = upward => {}
                        _ = downward => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, up, left, cut }
    }

    /// Bytes that went up since the last call.
    pub fn counted(&self) -> u64 {
        self.up.swap(0, Ordering::Relaxed)
    }

    /// Breaks the next connection after so many bytes.
    pub fn break_after(&self, bytes: i64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    pub fn mend(&self) {
        self.left.store(i64::MAX, Ordering::Relaxed);
    }

    /// Breaks every connection now.
    pub fn cut_now(&self) {
        self.cut.send_modify(|n| *n += 1);
    }
}
