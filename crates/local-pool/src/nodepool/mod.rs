//! The live network's face: the same dialect, the same surprises, in one process and in memory. It is for trying the
//! worker without the network; nothing in it is kept when it ends.
//!
//! What the real node pool was seen to do is done here too, also where it hurts: a task that nothing is heard of for
//! 30 s is taken back, the third time is a failure that costs trust; an output is replaced whole; NUL in it is an error
//! of the database; earnings never reach a balance; a computer that may be dialled is pushed work without a bound, also
//! where nobody answers.

mod book;
mod calls;
mod key;
mod push;
mod seeds;
mod session;
mod settle;
mod task;
mod times;
mod tracker;
mod worker;

pub use key::ExecutionKey;
pub use task::{FaceTask, MANAGED_FUNCTION, TaskStatus};
pub use times::FaceTimes;
pub use worker::WorkerView;

use book::Book;
use calls::Calls;
/// What the pool says when it pushes a task.
pub use hivemind_proto::nodepool::ExecuteTaskRequest;
/// What a task needs, in the network's words.
pub use hivemind_proto::nodepool::ResourceSpec as Needs;

use hivemind_proto::nodepool::batch_runtime_service_server::BatchRuntimeServiceServer;
use hivemind_proto::nodepool::master_node_service_server::MasterNodeServiceServer;
use hivemind_proto::nodepool::node_manager_service_server::NodeManagerServiceServer;
use hivemind_proto::nodepool::user_service_server::UserServiceServer;
use hivemind_proto::nodepool::{
    ExecuteTaskResponse, ProviderWorkerSettings, ResourceSpec, StopTaskExecutionRequest,
    StopTaskExecutionResponse,
};
use push::Pusher;
use seeds::Seeds;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;

/// How long open calls may take to end.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(3);
/// Largest request: an output of 1 MiB and what is around it.
const MOST_REQUEST: usize = 4 << 20;

/// A running face. It ends when it is dropped.
#[derive(Debug)]
pub struct NodePoolFace {
    book: Arc<Mutex<Book>>,
    seeds: Arc<Seeds>,
    key: Arc<ExecutionKey>,
    runtime: tokio::runtime::Handle,
    times: FaceTimes,
    grpc: SocketAddr,
    tracker: SocketAddr,
    serving: Option<Serving>,
    jobs: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Serving {
    closing: CancellationToken,
    server: JoinHandle<()>,
    pusher: Pusher,
}

impl NodePoolFace {
    /// Listens on loopback, on ports that the system chooses.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(times: FaceTimes) -> std::io::Result<Self> {
        let book = Arc::new(Mutex::new(Book::new(times)));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (tracker, seeder) = (TcpListener::bind(any).await?, TcpListener::bind(any).await?);
        let seeds = Arc::new(Seeds::new(seeder.local_addr()?, times.forgets_after));
        let tracker_addr = tracker.local_addr()?;
        let jobs = vec![
            tokio::spawn(tracker::track(Arc::clone(&seeds), tracker)),
            tokio::spawn(seeds::seed(Arc::clone(&seeds), seeder)),
            tokio::spawn(sweep(Arc::clone(&book), times)),
        ];
        let mut face = Self {
            book,
            seeds,
            key: Arc::new(ExecutionKey::generate()?),
            runtime: tokio::runtime::Handle::current(),
            times,
            grpc: any,
            tracker: tracker_addr,
            serving: None,
            jobs,
        };
        face.open().await?;
        Ok(face)
    }

    /// Where workers connect.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc
    }

    /// Ends every connection, also those to workers, and takes no new ones; what is known stays known.
    pub async fn close(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            serving.closing.cancel();
            if tokio::time::timeout(GOODBYE, &mut serving.server).await.is_err() {
                serving.server.abort();
            }
        }
    }

    /// Takes connections (again), at the same address.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn open(&mut self) -> std::io::Result<()> {
        let listener = TcpListener::bind(self.grpc).await?;
        self.grpc = listener.local_addr()?;
        let _ = self.seeds.calls.set(self.grpc);
        let calls = Calls::new(Arc::clone(&self.book));
        let server = tonic::transport::Server::builder()
            .add_service(UserServiceServer::new(calls.clone()))
            .add_service(NodeManagerServiceServer::new(calls.clone()).max_decoding_message_size(MOST_REQUEST))
            .add_service(MasterNodeServiceServer::new(calls.clone()))
            .add_service(BatchRuntimeServiceServer::new(calls));
        let closing = CancellationToken::new();
        let closed = closing.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, closed).await {
                tracing::error!(%error, "the node pool's face ended");
            }
        });
        let (book, key, runtime) = (Arc::clone(&self.book), Arc::clone(&self.key), self.runtime.clone());
        let pusher = Pusher::new(book, key, runtime, closing.clone());
        self.runtime.spawn(pusher.clone().keep_pushing(self.times.dispatch_every));
        self.serving = Some(Serving { closing, server, pusher });
        Ok(())
    }

    /// Where its pages are: what it speaks, and its tracker.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.tracker
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// A new user with 1000 CPT.
    pub fn add_user(&self, name: &str, password: &str) {
        self.book().add_user(name, password);
    }

    /// Sets a user's balance.
    pub fn set_balance(&self, name: &str, cpt: i64) {
        self.book().set_balance(name, cpt);
    }

    /// A user's balance, which earnings never reach.
    #[must_use]
    pub fn balance(&self, name: &str) -> i64 {
        self.book().balance(name)
    }

    /// What a user has earned, by the ledger.
    #[must_use]
    pub fn earned(&self, name: &str) -> i64 {
        self.book().earnings(name).iter().map(|entry| entry.amount_cpt).sum()
    }

    /// What the pool kept for itself, a tenth of each price.
    #[must_use]
    pub fn fees(&self) -> i64 {
        self.book().fees
    }

    /// Ends every session.
    pub fn end_sessions(&self) {
        self.book().sessions.clear();
    }

    /// Offers a package and gives its magnet.
    #[must_use]
    pub fn offer(&self, name: &str, bytes: &[u8]) -> String {
        let hash = self.seeds.add(name, bytes);
        let tracker = self.tracker.to_string().replace(':', "%3A");
        format!("magnet:?xt=urn:btih:{hash}&dn={name}&tr=http%3A%2F%2F{tracker}%2Fannounce")
    }

    /// Trackers forget: nobody has any package any more.
    pub fn forget_packages(&self) {
        self.seeds.forget();
    }

    /// Hands a task in.
    pub fn submit(&self, owner: &str, id: &str, reference: &str, needs: ResourceSpec, max_cpt: i64) {
        self.book().submit(id, FaceTask::new(owner, reference, needs, max_cpt));
    }

    /// Hands a managed function in. Who pulls it sees its input alone.
    pub fn submit_function(&self, owner: &str, id: &str, source: &str, input_json: &str, max_cpt: i64) {
        let task = FaceTask::new(owner, input_json, ResourceSpec::default(), max_cpt);
        self.book().submit(id, task.function(source));
    }

    /// The requester cancels. The worker that it was pushed to is told once, unless it was taken back since.
    pub fn cancel(&self, id: &str) {
        let stop = self.book().cancel(id);
        if let (Some(stop), Some(serving)) = (stop, &self.serving) {
            serving.pusher.stop(stop);
        }
    }

    /// Looks now for a worker that a waiting task can be pushed to, and gives its id.
    #[must_use]
    pub fn push_now(&self, id: &str) -> Option<String> {
        let serving = self.serving.as_ref()?;
        let push = self.book().dispatch_one(id)?;
        let worker = push.worker.clone();
        serving.pusher.push(push);
        Some(worker)
    }

    /// Sends `request` as it is to where `worker` is registered. Whatever comes of it, no task knows of it.
    ///
    /// # Errors
    /// What the worker answers, or that nobody is there.
    pub async fn execute(
        &self,
        worker: &str,
        request: ExecuteTaskRequest,
    ) -> Result<ExecuteTaskResponse, tonic::Status> {
        push::send_task(&self.address(worker), request).await
    }

    /// Sends a stop as it is to where `worker` is registered.
    ///
    /// # Errors
    /// What the worker answers, or that nobody is there.
    pub async fn stop(
        &self,
        worker: &str,
        request: StopTaskExecutionRequest,
    ) -> Result<StopTaskExecutionResponse, tonic::Status> {
        push::send_stop(&self.address(worker), request).await
    }

    fn address(&self, worker: &str) -> String {
        self.book().workers.get(worker).map(|worker| worker.view.ip.clone()).unwrap_or_default()
    }

    /// The key that tokens for pushes are signed with.
    #[must_use]
    pub fn key(&self) -> &ExecutionKey {
        &self.key
    }

    /// Its public half as PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        self.key.public_key_pem()
    }

    /// What a token for a push says, to be changed and signed with [`ExecutionKey::sign`].
    #[must_use]
    pub fn execution_claims(&self, task: &str, worker: &str) -> Value {
        let owner = self.book().tasks.get(task).map(|task| task.owner.clone()).unwrap_or_default();
        key::claims(&owner, task, worker, crate::clock::wall_ms() / 1000)
    }

    /// A token as it goes with a push, good for 300 s from now.
    #[must_use]
    pub fn execution_token(&self, task: &str, worker: &str) -> String {
        self.key.sign(&key::head(), &self.execution_claims(task, worker))
    }

    /// Takes a task back now, as after 30 s of silence.
    pub fn reset(&self, id: &str) {
        self.book().reset(id);
    }

    /// A task as it is.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<FaceTask> {
        self.book().tasks.get(id).cloned()
    }

    /// Every worker as it is.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerView> {
        self.book().views()
    }

    /// What a user has earned with one task, by the ledger.
    #[must_use]
    pub fn earned_with(&self, name: &str, task: &str) -> i64 {
        let entries = self.book().earnings(name);
        entries.iter().filter(|entry| entry.task_id == task).map(|entry| entry.amount_cpt).sum()
    }

    /// What a worker's owner set, as the pool has it.
    #[must_use]
    pub fn settings(&self, worker: &str) -> Option<ProviderWorkerSettings> {
        self.book().workers.get(worker).map(|worker| worker.settings)
    }

    /// Removes a worker, as its owner may: what of it is settled from then on is nobody's.
    pub fn remove_worker(&self, worker: &str) {
        self.book().workers.remove(worker);
    }

    /// Takes a task out of the ledger, which the real pool was never seen to do.
    pub fn withdraw(&self, task: &str) {
        self.book().ledger.retain(|(_, _, entry)| entry.task_id != task);
    }

    /// Sets a worker's trust.
    pub fn set_trust(&self, worker: &str, score: i64, banned: bool) {
        self.book().set_trust(worker, score, banned);
    }
}

impl Drop for NodePoolFace {
    fn drop(&mut self) {
        for job in &self.jobs {
            job.abort();
        }
        if let Some(serving) = &self.serving {
            serving.closing.cancel();
            serving.server.abort();
        }
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn sweep(book: Arc<Mutex<Book>>, times: FaceTimes) {
    loop {
        tokio::time::sleep(times.sweep_every).await;
        lock(&book).sweep(Instant::now());
    }
}
