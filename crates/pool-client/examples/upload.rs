//! A result sent by this client and by a bare one, in turns: `upload MEBIBYTES PAIRS`.
//!
//! Both send the same file to the same pool in chunks of the same size over loopback; the bare client reads, hashes
//! and sends, and does nothing else. Prints one JSON object: `mebibytes` and `pairs`, a list of `[ours, bare]` in
//! seconds from the call until the pool's answer.

#![expect(clippy::print_stdout, reason = "a command line program")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and nothing else here has a clock")]

use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_domain::task::{ResultFile, Verdict};
use hivemind_domain::usage::{AverageUse, TaskUsage};
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, User};
use hivemind_pool_client::{V1Config, V1Pool};
use hivemind_proto::limits::CHUNK_BYTES;
use hivemind_proto::v1;
use hivemind_proto::v1::account_service_client::AccountServiceClient;
use hivemind_proto::v1::submit_task_result_request::Body;
use hivemind_proto::v1::task_service_client::TaskServiceClient;
use hivemind_worker_core::port::{Offer, Pool, ResultHeader};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

const WORKER: &str = "worker";
const PASSWORD: &str = "a password for one measurement";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut words = std::env::args().skip(1);
    let mebibytes: u64 = words.next().unwrap_or_else(|| "256".into()).parse()?;
    let count: usize = words.next().unwrap_or_else(|| "10".into()).parse()?;
    let folder = tempfile::tempdir()?;
    let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
    // Nobody sends heartbeats here.
    config.lease = Duration::from_secs(3600);
    let pool = LocalPool::start(config).await?;
    let requester = pool.create_user("requester", PASSWORD).await?;
    pool.create_user(WORKER, PASSWORD).await?;
    let ours = ours(&pool).await?;
    let bare = Bare::open(&pool).await?;
    let path = folder.path().join("result");
    let file = noise(&path, mebibytes)?;

    // The first pair warms files and connections up and is not counted.
    let mut pairs = Vec::new();
    for number in 0..=count {
        let first = ours_sends(&ours, &key(&pool, &requester, &ours).await?, &file, &path).await?;
        let second = bare.sends(&key(&pool, &requester, &ours).await?, &file, &path).await?;
        if number > 0 {
            pairs.push([first.as_secs_f64(), second.as_secs_f64()]);
        }
    }
    println!("{}", serde_json::json!({ "mebibytes": mebibytes, "pairs": pairs }));
    pool.shutdown().await;
    Ok(())
}

/// Bytes that do not repeat, in a file.
fn noise(path: &Path, mebibytes: u64) -> Result<ResultFile, Failure> {
    let (mut file, mut hash) = (File::create(path)?, Sha256::new());
    let mut block = vec![0_u8; 1 << 20];
    for number in 0..mebibytes {
        for (place, byte) in block.iter_mut().enumerate() {
            *byte = (place as u64 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[7];
        }
        file.write_all(&block)?;
        hash.update(&block);
    }
    Ok(ResultFile { sha256: hex::encode(hash.finalize()), size_bytes: mebibytes << 20, entries: 1 })
}

async fn ours(pool: &LocalPool) -> Result<V1Pool, Failure> {
    let install = InstallId::new("i-measured")?;
    let client = V1Pool::new(V1Config {
        tunnel_only: false,
        master_url: format!("http://{}", pool.http_addr()),
        address: String::new(),
        allow_unencrypted: false,
        install: install.clone(),
        version: "0.1.0".into(),
    });
    client.connect().await?;
    client.login(WORKER, PASSWORD, &install).await?;
    let capabilities = Capabilities {
        cpu_cores: 4,
        memory_bytes: 8 << 30,
        disk_free_bytes: 1 << 40,
        os: "linux".into(),
        ..Capabilities::default()
    };
    client.register(&install, "measured", &capabilities).await?;
    Ok(client)
}

/// An attempt whose result may be sent.
async fn key(pool: &LocalPool, requester: &User, client: &V1Pool) -> Result<TaskKey, Failure> {
    pool.submit(requester, TaskRequest::named("measured"), package()?.as_slice()).await?;
    let free = Resources { cpu_millis: 4000, memory_bytes: 8 << 30, gpus: 0 };
    Ok(client.next_task(Offer::new(free, 0)).await?.ok_or("no task")?.assignment.key)
}

fn package() -> Result<Vec<u8>, Failure> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("main.py", zip::write::SimpleFileOptions::default())?;
    zip.write_all(b"print('hello')")?;
    Ok(zip.finish()?.into_inner())
}

async fn ours_sends(
    client: &V1Pool,
    key: &TaskKey,
    file: &ResultFile,
    path: &Path,
) -> Result<Duration, Failure> {
    let header = ResultHeader {
        key: key.clone(),
        verdict: Verdict::Succeeded,
        usage: TaskUsage::default(),
        average: AverageUse::default(),
        wall: Duration::from_secs(1),
        image_digest: "sha256:0".into(),
        file: Some(file.clone()),
        times: PhaseTimes::default(),
        input_bytes: 0,
        gpu_ms: 0,
        function: false,
    };
    let start = Instant::now();
    client.submit(&header, Some(path)).await?;
    Ok(start.elapsed())
}

struct Bare {
    client: TaskServiceClient<Channel>,
    token: String,
}

impl Bare {
    async fn open(pool: &LocalPool) -> Result<Self, Failure> {
        let channel = Endpoint::from_shared(format!("http://{}", pool.grpc_addr()))?.connect().await?;
        let login = v1::LoginRequest {
            username: WORKER.into(),
            password: PASSWORD.into(),
            install_id: "i-bare".into(),
        };
        let session = AccountServiceClient::new(channel.clone()).login(login).await?.into_inner().session;
        let token = format!("Bearer {}", session.ok_or("no session")?.session_token);
        Ok(Self { client: TaskServiceClient::new(channel), token })
    }

    async fn sends(&self, key: &TaskKey, file: &ResultFile, path: &Path) -> Result<Duration, Failure> {
        let mut verdict = v1::Verdict { exit_code: Some(0), ..v1::Verdict::default() };
        verdict.set_kind(v1::VerdictKind::Succeeded);
        let header = v1::ResultHeader {
            key: Some(v1::TaskKey { task_id: key.task.to_string(), attempt: key.attempt }),
            verdict: Some(verdict),
            usage: Some(v1::TaskUsage::default()),
            sha256: file.sha256.clone(),
            size_bytes: file.size_bytes,
            ..v1::ResultHeader::default()
        };
        let (messages, outgoing) = mpsc::channel(2);
        let mut request = Request::new(ReceiverStream::new(outgoing));
        request.metadata_mut().insert("authorization", self.token.parse()?);
        let path = path.to_owned();
        let start = Instant::now();
        let feeding = tokio::task::spawn_blocking(move || feed(&messages, header, &path));
        self.client.clone().submit_task_result(request).await?;
        let took = start.elapsed();
        if feeding.await?? != file.sha256 {
            return Err("the file changed".into());
        }
        Ok(took)
    }
}

/// Sends header and chunks; gives the hash of what was sent.
fn feed(
    messages: &mpsc::Sender<v1::SubmitTaskResultRequest>,
    header: v1::ResultHeader,
    path: &Path,
) -> Result<String, Failure> {
    let send = |body| {
        let sent = messages.blocking_send(v1::SubmitTaskResultRequest { body: Some(body) });
        sent.map_err(|_| "nobody takes the result")
    };
    send(Body::Header(header))?;
    let (mut file, mut hash, mut offset) = (File::open(path)?, Sha256::new(), 0);
    loop {
        let mut data = vec![0; CHUNK_BYTES];
        let read = file.read(&mut data)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        data.truncate(read);
        hash.update(&data);
        send(Body::Chunk(v1::ResultChunk { offset, data: data.into() }))?;
        offset += read as u64;
    }
}
