//! Calls to workers: the answer to a push is the task's end.

use super::book::Book;
use super::key::{self, ExecutionKey};
use super::lock;
use crate::clock;
use hivemind_proto::nodepool::worker_node_service_client::WorkerNodeServiceClient;
use hivemind_proto::nodepool::{
    ExecuteTaskRequest, ExecuteTaskResponse, StopTaskExecutionRequest, StopTaskExecutionResponse,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Error};

/// A task on its way to a worker. Its token is made when it is sent.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) worker: String,
    pub(super) address: String,
    pub(super) owner: String,
    pub(super) request: ExecuteTaskRequest,
}

/// A stop on its way to a worker.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) worker: String,
    pub(super) address: String,
    pub(super) owner: String,
    pub(super) task: String,
}

/// Dials workers, as long as the face is open.
#[derive(Debug, Clone)]
pub(super) struct Pusher {
    book: Arc<Mutex<Book>>,
    key: Arc<ExecutionKey>,
    runtime: Handle,
    closing: CancellationToken,
}

impl Pusher {
    pub(super) fn new(
        book: Arc<Mutex<Book>>,
        key: Arc<ExecutionKey>,
        runtime: Handle,
        closing: CancellationToken,
    ) -> Self {
        Self { book, key, runtime, closing }
    }

    /// Looks for work that can be pushed, until the face closes.
    pub(super) async fn keep_pushing(self, every: Duration) {
        let pushing = async {
            loop {
                tokio::time::sleep(every).await;
                let pushes = lock(&self.book).dispatch();
                for push in pushes {
                    self.push(push);
                }
            }
        };
        let () = self.closing.run_until_cancelled(pushing).await.unwrap_or_default();
    }

    fn token(&self, owner: &str, task: &str, worker: &str) -> String {
        self.key.sign(&key::head(), &key::claims(owner, task, worker, clock::wall_ms() / 1000))
    }

    /// Pushes in the background. Where nobody answers the call, nothing happens to the task; it is taken back later.
    pub(super) fn push(&self, push: Push) {
        let (this, closing) = (self.clone(), self.closing.clone());
        let pushing = async move {
            let Push { worker, address, owner, mut request } = push;
            let task = request.task_id.clone();
            request.token = this.token(&owner, &task, &worker);
            let mut client = match dial(&address).await {
                Ok(client) => client,
                Err(error) => return tracing::warn!(%error, task, worker, "nobody there to push to"),
            };
            let answer = client.execute_task(request).await.map(tonic::Response::into_inner);
            lock(&this.book).answered(&worker, &task, answer);
        };
        self.runtime.spawn(async move { closing.run_until_cancelled(pushing).await });
    }

    /// Tells a worker once, in the background.
    pub(super) fn stop(&self, stop: Stop) {
        let (this, closing) = (self.clone(), self.closing.clone());
        let stopping = async move {
            let Stop { worker, address, owner, task } = stop;
            let token = this.token(&owner, &task, &worker);
            let told = send_stop(&address, StopTaskExecutionRequest { task_id: task.clone(), token }).await;
            if let Err(error) = told {
                tracing::warn!(%error, task, worker, "the worker was not told to stop");
            }
        };
        self.runtime.spawn(async move { closing.run_until_cancelled(stopping).await });
    }
}

/// Connects. The address is as it was registered.
async fn dial(address: &str) -> Result<WorkerNodeServiceClient<Channel>, Error> {
    let whole = address.starts_with("http://") || address.starts_with("https://");
    let address = if whole { address.to_owned() } else { format!("http://{address}") };
    Ok(WorkerNodeServiceClient::new(Endpoint::from_shared(address)?.connect().await?))
}

/// Sends a task as it is and gives the answer; no book is kept of it.
pub(super) async fn send_task(
    address: &str,
    request: ExecuteTaskRequest,
) -> Result<ExecuteTaskResponse, Status> {
    let mut client = dial(address).await.map_err(nobody)?;
    Ok(client.execute_task(request).await?.into_inner())
}

/// Sends a stop as it is.
pub(super) async fn send_stop(
    address: &str,
    request: StopTaskExecutionRequest,
) -> Result<StopTaskExecutionResponse, Status> {
    let mut client = dial(address).await.map_err(nobody)?;
    Ok(client.stop_task_execution(request).await?.into_inner())
}

fn nobody(error: Error) -> Status {
    Status::unavailable(format!("nobody there: {error}"))
}
