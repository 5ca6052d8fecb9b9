//! A face with a requester, and contributors who speak the generated clients alone.

use hivemind_local_pool::nodepool::{FaceTask, FaceTimes, Needs, NodePoolFace, TaskStatus, WorkerView};
use hivemind_proto::nodepool as wire;
use hivemind_proto::nodepool::batch_runtime_service_client::BatchRuntimeServiceClient;
use hivemind_proto::nodepool::master_node_service_client::MasterNodeServiceClient;
use hivemind_proto::nodepool::node_manager_service_client::NodeManagerServiceClient;
use hivemind_proto::nodepool::user_service_client::UserServiceClient;
use std::time::Duration;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

pub const PASSWORD: &str = "a long password";
/// The worker that most tests have.
pub const WORKER: &str = "w-1";
/// An address at which nobody answers.
pub const NOBODY: &str = "127.0.0.1:9";
/// A word of the ones that are long enough for any machine.
const LONG: Duration = Duration::from_secs(30);

/// Times at which a test need not wait for the next look, and nothing is taken back by itself.
pub fn quick() -> FaceTimes {
    FaceTimes {
        dispatch_every: Duration::from_millis(20),
        sweep_every: Duration::from_millis(20),
        ..FaceTimes::default()
    }
}

pub struct Stage {
    pub face: NodePoolFace,
}

impl Stage {
    pub async fn start(times: FaceTimes) -> Self {
        let face = NodePoolFace::start(times).await.unwrap();
        face.add_user("requester", PASSWORD);
        face.add_user("provider", PASSWORD);
        Self { face }
    }

    /// A provider's caller without a session.
    pub async fn stranger(&self) -> Caller {
        let at = format!("http://{}", self.face.grpc_addr());
        let channel = Endpoint::from_shared(at).unwrap().connect().await.unwrap();
        Caller { channel, user: "provider".into(), token: String::new() }
    }

    /// Signed in.
    pub async fn provider(&self) -> Caller {
        let mut caller = self.stranger().await;
        caller.token = caller.login(PASSWORD).await.token;
        assert_ne!(caller.token, "");
        caller
    }

    /// Signed in, with [`WORKER`] registered at `address`.
    pub async fn registered(&self, address: &str) -> Caller {
        let caller = self.provider().await;
        assert_words(&caller.register(WORKER, address, big()).await, "ok");
        caller
    }

    /// A task of 100 CPT that needs nothing.
    pub fn submit(&self, id: &str) {
        self.face.submit("requester", id, "magnet:?xt=urn:btih:x", Needs::default(), 100);
    }

    pub fn task(&self, id: &str) -> FaceTask {
        self.face.task(id).unwrap()
    }

    pub fn worker(&self) -> WorkerView {
        self.face.workers().into_iter().find(|worker| worker.id == WORKER).unwrap()
    }

    /// The task, once it is as it should be.
    pub async fn once(&self, id: &str, as_it_should: impl Fn(&FaceTask) -> bool) -> FaceTask {
        let waiting = async {
            loop {
                let task = self.task(id);
                if as_it_should(&task) {
                    return task;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let last = || panic!("{id} has become {:?}", self.task(id));
        tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| last())
    }

    pub async fn ended(&self, id: &str) -> FaceTask {
        self.once(id, |task| !matches!(task.status, TaskStatus::Pending | TaskStatus::Assigned)).await
    }
}

/// A computer that anything fits on.
pub fn big() -> wire::ResourceSpec {
    wire::ResourceSpec {
        cpu_cores: 2,
        memory_mb: 8192,
        cpu_score: 200,
        storage_total_gb: 100,
        storage_available_gb: 50,
        ..wire::ResourceSpec::default()
    }
}

/// What is refused is refused in an answer that is OK.
#[track_caller]
pub fn assert_words(answer: &wire::StatusResponse, words: &str) {
    assert_eq!((answer.success, answer.status_message.as_str()), (words == "ok", words));
}

/// One account's calls. Each carries its token in a field.
pub struct Caller {
    channel: Channel,
    user: String,
    pub token: String,
}

impl Caller {
    pub fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.channel.clone())
    }

    pub fn nodes(&self) -> NodeManagerServiceClient<Channel> {
        NodeManagerServiceClient::new(self.channel.clone())
    }

    fn master(&self) -> MasterNodeServiceClient<Channel> {
        MasterNodeServiceClient::new(self.channel.clone())
    }

    fn batches(&self) -> BatchRuntimeServiceClient<Channel> {
        BatchRuntimeServiceClient::new(self.channel.clone())
    }

    pub async fn login(&self, password: &str) -> wire::LoginResponse {
        let asked = wire::LoginRequest { username: self.user.clone(), password: password.into() };
        self.users().login(asked).await.unwrap().into_inner()
    }

    pub async fn balance(&self) -> Result<i64, Status> {
        let asked = wire::GetBalanceRequest { username: String::new(), token: self.token.clone() };
        Ok(self.users().get_balance(asked).await?.into_inner().balance)
    }

    pub async fn register(
        &self,
        worker: &str,
        address: &str,
        resources: wire::ResourceSpec,
    ) -> wire::StatusResponse {
        let asked = wire::RegisterWorkerNodeRequest {
            username: self.user.clone(),
            ip: address.into(),
            resources: Some(resources),
            location: String::new(),
            worker_id: worker.into(),
            token: self.token.clone(),
        };
        self.nodes().register_worker_node(asked).await.unwrap().into_inner()
    }

    pub async fn status(&self, worker: &str, status: &str, cpu_percent: f32) -> wire::StatusResponse {
        let asked = wire::RunningStatusRequest {
            username: self.user.clone(),
            status: status.into(),
            usage: Some(wire::ResourceUsage { cpu_percent, ..wire::ResourceUsage::default() }),
            token: self.token.clone(),
            worker_id: worker.into(),
        };
        self.nodes().report_status(asked).await.unwrap().into_inner()
    }

    pub async fn settings(&self, worker: &str, settings: wire::ProviderWorkerSettings) {
        let asked = wire::UpdateProviderWorkerSettingsRequest {
            token: self.token.clone(),
            worker_id: worker.into(),
            settings: Some(settings),
        };
        let answer = self.master().update_provider_worker_settings(asked).await.unwrap().into_inner();
        assert!(answer.success, "{}", answer.message);
    }

    pub async fn disable(&self) {
        self.settings(WORKER, wire::ProviderWorkerSettings::default()).await;
    }

    pub async fn remove(&self) -> wire::StatusResponse {
        let asked = wire::RemoveWorkerRequest { worker_id: WORKER.into(), token: self.token.clone() };
        self.nodes().remove_worker(asked).await.unwrap().into_inner()
    }

    pub async fn usage(&self, task: &str) -> wire::StatusResponse {
        let asked = wire::TaskUsageRequest {
            task_id: task.into(),
            usage: Some(wire::ResourceUsage::default()),
            token: self.token.clone(),
            worker_id: WORKER.into(),
        };
        self.nodes().task_usage(asked).await.unwrap().into_inner()
    }

    pub async fn output(&self, task: &str, output: &str) -> wire::StatusResponse {
        let asked = wire::TaskOutputUploadRequest {
            task_id: task.into(),
            output: output.into(),
            token: self.token.clone(),
            worker_id: WORKER.into(),
        };
        self.nodes().task_output_upload(asked).await.unwrap().into_inner()
    }

    pub async fn result(&self, task: &str, place: &str) -> wire::StatusResponse {
        let asked = wire::TaskResultUploadRequest {
            task_id: task.into(),
            result_torrent: place.into(),
            token: self.token.clone(),
            worker_id: WORKER.into(),
        };
        self.nodes().task_result_upload(asked).await.unwrap().into_inner()
    }

    pub async fn pull(&self, most: i32) -> Vec<wire::TaskLease> {
        let asked = wire::PullBatchRequest {
            worker_id: WORKER.into(),
            max_inflight_batches: most,
            token: self.token.clone(),
        };
        self.batches().pull_batch(asked).await.unwrap().into_inner().tasks
    }

    pub async fn complete(
        &self,
        task: &str,
        status: &str,
        metrics: Option<wire::ExecutionMetrics>,
    ) -> Result<(), Status> {
        let done = wire::CompletedTask { task_id: task.into(), status: status.into(), metrics };
        let asked = wire::CompleteBatchRequest {
            worker_id: WORKER.into(),
            batch_id: String::new(),
            tasks: vec![done],
            token: self.token.clone(),
        };
        let answer = self.batches().complete_batch(asked).await?.into_inner();
        assert_words(&answer, "ok");
        Ok(())
    }

    pub async fn earnings(&self) -> wire::GetProviderEarningsResponse {
        let asked = wire::GetProviderEarningsRequest { token: self.token.clone(), limit: 100 };
        self.master().get_provider_earnings(asked).await.unwrap().into_inner()
    }
}
