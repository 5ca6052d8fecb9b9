//! A pool in a temporary folder, and a worker that speaks the wire's own messages.

use hivemind_domain::limits::TaskLimits;
use hivemind_local_pool::{LocalPool, PoolConfig, TaskRequest, User};
use hivemind_proto::v1::{
    self, account_service_client::AccountServiceClient, artifact_service_client::ArtifactServiceClient,
    node_service_client::NodeServiceClient, submit_task_result_request::Body,
    task_service_client::TaskServiceClient,
};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::time::Duration;
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

pub const PASSWORD: &str = "a long password";

/// A pool with its folder.
pub struct Bench {
    pub pool: LocalPool,
    pub config: PoolConfig,
    pub dir: TempDir,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With a lease short enough to wait for its end.
    pub async fn short_leases() -> Self {
        Self::with(|config| {
            (config.lease, config.comeback) = (Duration::from_millis(1500), Duration::from_millis(1500));
        })
        .await
    }

    pub async fn with(change: impl FnOnce(&mut PoolConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = PoolConfig::ephemeral(dir.path().join("pool"));
        change(&mut config);
        let pool = LocalPool::start(config.clone()).await.unwrap();
        Self { pool, config, dir }
    }

    /// Ends the pool and starts it again on the same folder and ports.
    pub async fn restart(self) -> Self {
        let Self { pool, mut config, dir } = self;
        (config.grpc_addr, config.http_addr) = (pool.grpc_addr(), pool.http_addr());
        pool.shutdown().await;
        let pool = LocalPool::start(config.clone()).await.unwrap();
        Self { pool, config, dir }
    }

    pub async fn user(&self, name: &str) -> User {
        self.pool.create_user(name, PASSWORD).await.unwrap()
    }

    pub async fn worker(&self, user: &str, install: &str) -> Worker {
        let mut worker = Worker::sign_in(self, user, install).await;
        worker.register().await.unwrap();
        worker
    }

    pub async fn submit(&self, owner: &User, name: &str) -> String {
        self.pool.submit(owner, TaskRequest::named(name), package().as_slice()).await.unwrap()
    }

    pub async fn available(&self, user: &User) -> u64 {
        self.pool.balance(user).await.unwrap().available
    }

    /// Every test that moves CPT ends with this.
    pub async fn books_balance(&self) {
        let audit = self.pool.audit().await.unwrap();
        assert!(audit.balances(), "{audit:?}");
    }
}

/// A zip with one program.
pub fn package() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("main.py", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"print('hello')\n").unwrap();
    zip.finish().unwrap().into_inner()
}

pub fn sha256(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

/// Use of `percent` of the default limits over `seconds`.
pub fn used(percent: f64, seconds: u64) -> v1::TaskUsage {
    let limits = TaskLimits::default();
    let ms = seconds * 1000;
    v1::TaskUsage {
        active_ms: ms,
        cpu_total_ns: (ms as f64 * 1e6 * percent / 100.0) as u64,
        memory_byte_ms: limits.resources.memory_bytes as f64 * ms as f64 * percent / 100.0,
        ..Default::default()
    }
}

pub fn code(status: &Status) -> v1::ErrorCode {
    hivemind_proto::error::detail(status).expect("every error of the pool has a detail").code()
}

pub fn field(status: &Status) -> String {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    hivemind_proto::error::detail(status).expect("every error of the pool has a detail").field
}

#[derive(Clone)]
pub struct Worker {
    pub channel: Channel,
    pub token: String,
    pub refresh_token: String,
    pub install: String,
    pub node: String,
}

impl Worker {
    pub async fn channel(pool: &LocalPool) -> Channel {
        Channel::from_shared(format!("http://{}", pool.grpc_addr())).unwrap().connect().await.unwrap()
    }

    pub async fn sign_in(bench: &Bench, user: &str, install: &str) -> Self {
        let channel = Self::channel(&bench.pool).await;
        let login =
            v1::LoginRequest { username: user.into(), password: PASSWORD.into(), install_id: install.into() };
        let answer = AccountServiceClient::new(channel.clone()).login(login).await.unwrap().into_inner();
        let session = answer.session.unwrap();
        Self {
            channel,
            token: session.session_token,
            refresh_token: session.refresh_token,
            install: install.into(),
            node: String::new(),
        }
    }

    pub fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    pub fn nodes(&self) -> NodeServiceClient<Channel> {
        NodeServiceClient::new(self.channel.clone())
    }

    pub fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.channel.clone())
    }

    pub fn artifacts(&self) -> ArtifactServiceClient<Channel> {
        ArtifactServiceClient::new(self.channel.clone())
    }

    pub fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.channel.clone())
    }

    pub fn registration(&self) -> v1::RegisterNodeRequest {
        v1::RegisterNodeRequest {
            install_id: self.install.clone(),
            hostname: format!("host of {}", self.install),
            worker_version: "0.1.0".into(),
            protocol_version: 1,
            capabilities: Some(v1::Capabilities {
                cpu_cores: 4,
                memory_bytes: 8 << 30,
                os: "linux".into(),
                ..Default::default()
            }),
        }
    }

    pub async fn register(&mut self) -> Result<v1::RegisterNodeResponse, Status> {
        let request = self.signed(self.registration());
        let answer = self.nodes().register_node(request).await?.into_inner();
        self.node.clone_from(&answer.node_id);
        Ok(answer)
    }

    pub async fn beat(&self, held: &[&v1::TaskKey]) -> Result<v1::HeartbeatResponse, Status> {
        let held = held.iter().map(|key| (*key).clone()).collect();
        let beat = v1::HeartbeatRequest { node_id: self.node.clone(), held, leaving: false };
        Ok(self.nodes().heartbeat(self.signed(beat)).await?.into_inner())
    }

    pub async fn poll(&self, wait_ms: u32) -> Result<Option<v1::Assignment>, Status> {
        let offer = v1::AssignTaskRequest {
            node_id: self.node.clone(),
            free: Some(v1::Resources { cpu_millis: 4000, memory_bytes: 8 << 30, gpus: 0 }),
            running: 0,
            wait_ms,
        };
        Ok(self.tasks().assign_task(self.signed(offer)).await?.into_inner().assignment)
    }

    /// The next assignment's key; fails the test when none comes within 5 s.
    pub async fn next_key(&self) -> v1::TaskKey {
        self.poll(5000).await.unwrap().expect("an assignment").key.unwrap()
    }

    pub async fn report(&self, tasks: Vec<(&v1::TaskKey, v1::TaskUsage)>) -> v1::ReportNodeStatusResponse {
        let task = |(key, usage): (&v1::TaskKey, _)| v1::TaskUsageReport {
            key: Some(key.clone()),
            usage: Some(usage),
            average: None,
        };
        let report = v1::ReportNodeStatusRequest {
            node_id: self.node.clone(),
            usage: Some(v1::NodeUsage::default()),
            tasks: tasks.into_iter().map(task).collect(),
            pause_reason: String::new(),
            alerts: vec!["memory_high".into()],
        };
        self.nodes().report_node_status(self.signed(report)).await.unwrap().into_inner()
    }

    pub async fn hand_back(&self, key: &v1::TaskKey, reason: v1::HandBackReason) -> Result<(), Status> {
        let back = v1::HandBack { key: Some(key.clone()), reason: reason.into(), message: "no".into() };
        let request = v1::CancelTaskRequest { by: Some(v1::cancel_task_request::By::HandBack(back)) };
        self.tasks().cancel_task(self.signed(request)).await.map(|_| ())
    }

    /// Sends a header and chunks as given.
    pub async fn send(
        &self,
        header: v1::ResultHeader,
        chunks: Vec<v1::ResultChunk>,
    ) -> Result<v1::SubmitTaskResultResponse, Status> {
        let first = v1::SubmitTaskResultRequest { body: Some(Body::Header(header)) };
        let rest = chunks.into_iter().map(|c| v1::SubmitTaskResultRequest { body: Some(Body::Chunk(c)) });
        let messages: Vec<_> = std::iter::once(first).chain(rest).collect();
        let request = self.signed(tokio_stream::iter(messages));
        Ok(self.tasks().submit_task_result(request).await?.into_inner())
    }

    /// Sends a whole result.
    pub async fn submit(
        &self,
        key: &v1::TaskKey,
        verdict: v1::Verdict,
        usage: v1::TaskUsage,
        data: &[u8],
    ) -> Result<v1::SubmitTaskResultResponse, Status> {
        self.send(header(key, verdict, usage, data, 0), chunks(data, 0)).await
    }

    pub async fn result_status(
        &self,
        key: &v1::TaskKey,
        data: &[u8],
    ) -> Result<v1::result_status_response::Status, Status> {
        let asked = v1::ResultStatusRequest { key: Some(key.clone()), sha256: sha256(data) };
        Ok(self.tasks().result_status(self.signed(asked)).await?.into_inner().status.unwrap())
    }
}

pub fn succeeded() -> v1::Verdict {
    v1::Verdict { kind: v1::VerdictKind::Succeeded.into(), exit_code: Some(0), ..Default::default() }
}

pub fn failed(class: v1::FailureClass, exit_code: Option<i64>) -> v1::Verdict {
    v1::Verdict {
        kind: v1::VerdictKind::Failed.into(),
        failure: class.into(),
        exit_code,
        message: "It failed.".into(),
        ..Default::default()
    }
}

pub fn cancelled(by: v1::CancelReason) -> v1::Verdict {
    v1::Verdict { kind: v1::VerdictKind::Cancelled.into(), cancelled_by: by.into(), ..Default::default() }
}

pub fn header(
    key: &v1::TaskKey,
    verdict: v1::Verdict,
    usage: v1::TaskUsage,
    data: &[u8],
    offset: u64,
) -> v1::ResultHeader {
    v1::ResultHeader {
        key: Some(key.clone()),
        verdict: Some(verdict),
        usage: Some(usage),
        wall_ms: usage.active_ms,
        active_ms: usage.active_ms,
        image_digest: "sha256:abc".into(),
        sha256: if data.is_empty() { String::new() } else { sha256(data) },
        size_bytes: data.len() as u64,
        offset,
        phases: Some(v1::PhaseDurations { fetch_ms: 3, run_ms: usage.active_ms, ..Default::default() }),
        input_bytes: 99,
        gpu_ms: 0,
    }
}

pub fn chunks(data: &[u8], from: usize) -> Vec<v1::ResultChunk> {
    let mut offset = from as u64;
    data[from..]
        .chunks(hivemind_proto::limits::CHUNK_BYTES)
        .map(|part| {
            let chunk = v1::ResultChunk { offset, data: part.to_vec().into() };
            offset += part.len() as u64;
            chunk
        })
        .collect()
}
