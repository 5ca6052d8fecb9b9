//! The two calls that the pool makes.

use super::admit::Push;
use crate::nodepool::{Inner, NodePool};
use hivemind_proto::nodepool::worker_node_service_server::WorkerNodeService;
use hivemind_proto::nodepool::{
    ExecuteTaskRequest, ExecuteTaskResponse, StopTaskExecutionRequest, StopTaskExecutionResponse,
};
use std::net::IpAddr;
use std::sync::Weak;
use tonic::{Request, Response, Status};

pub(super) struct Service {
    to: Weak<Inner>,
    pool: IpAddr,
}

impl Service {
    pub(super) fn new(to: Weak<Inner>, pool: IpAddr) -> Self {
        Self { to, pool }
    }

    fn pool(&self) -> Result<NodePool, Status> {
        let gone = || Status::unavailable("this worker is ending");
        self.to.upgrade().map(NodePool).ok_or_else(gone)
    }

    fn push<T>(&self, request: &Request<T>) -> Result<Push, Status> {
        let from = request.remote_addr().map(|from| from.ip().to_canonical());
        Ok(Push { pool: self.pool()?, of_the_pool: from == Some(self.pool.to_canonical()) })
    }
}

#[tonic::async_trait]
impl WorkerNodeService for Service {
    async fn execute_task(
        &self,
        request: Request<ExecuteTaskRequest>,
    ) -> Result<Response<ExecuteTaskResponse>, Status> {
        let ended = {
            let push = self.push(&request)?;
            push.execute(request.into_inner()).await?
        };
        // Nothing is held while it runs: this worker may end meanwhile.
        match ended.await {
            Ok(end) => end.map(Response::new),
            Err(_) => Err(Status::unavailable("this worker is ending")),
        }
    }

    async fn stop_task_execution(
        &self,
        request: Request<StopTaskExecutionRequest>,
    ) -> Result<Response<StopTaskExecutionResponse>, Status> {
        let push = self.push(&request)?;
        let (success, words) = push.stop(&request.into_inner())?;
        Ok(Response::new(StopTaskExecutionResponse { success, status_message: words.to_owned() }))
    }
}
