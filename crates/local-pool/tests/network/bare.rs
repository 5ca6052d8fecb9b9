//! A worker that is nothing but a listener: it hands every call to its test and answers what that says.

use hivemind_proto::nodepool::worker_node_service_server::{WorkerNodeService, WorkerNodeServiceServer};
use hivemind_proto::nodepool::{
    ExecuteTaskRequest, ExecuteTaskResponse, StopTaskExecutionRequest, StopTaskExecutionResponse,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

const LONG: Duration = Duration::from_secs(30);
/// How long nothing must come for it to count as nothing. The face looks every 20 ms in these tests.
const QUIET: Duration = Duration::from_millis(400);

type Answer = Result<ExecuteTaskResponse, Status>;

/// A push that waits for its answer.
pub struct Arrived {
    pub request: ExecuteTaskRequest,
    answer: oneshot::Sender<Answer>,
}

impl Arrived {
    pub fn id(&self) -> &str {
        &self.request.task_id
    }

    pub fn say(self, success: bool, words: &str) {
        let answer = ExecuteTaskResponse {
            success,
            status_message: words.to_owned(),
            ..ExecuteTaskResponse::default()
        };
        self.answer(Ok(answer));
    }

    pub fn refuse(self) {
        self.answer(Err(Status::resource_exhausted("busy")));
    }

    /// The pool has left the call.
    pub async fn say_to_nobody(mut self) {
        tokio::time::timeout(LONG, self.answer.closed()).await.expect("the call has ended");
    }

    pub fn answer(self, answer: Answer) {
        assert!(self.answer.send(answer).is_ok(), "the pool still waits");
    }
}

pub struct Bare {
    address: SocketAddr,
    pushes: Mutex<mpsc::UnboundedReceiver<Arrived>>,
    stops: Mutex<mpsc::UnboundedReceiver<StopTaskExecutionRequest>>,
    /// Its own, so that all of its connections can end at once.
    runtime: Option<Runtime>,
}

impl Bare {
    pub fn listen() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (to_pushes, pushes) = mpsc::unbounded_channel();
        let (to_stops, stops) = mpsc::unbounded_channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let service = WorkerNodeServiceServer::new(Ears { pushes: to_pushes, stops: to_stops });
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, pushes: Mutex::new(pushes), stops: Mutex::new(stops), runtime: Some(runtime) }
    }

    /// As it is registered.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub async fn pushed(&self) -> Arrived {
        let mut pushes = self.pushes.lock().await;
        tokio::time::timeout(LONG, pushes.recv()).await.expect("a push").expect("a listener")
    }

    pub async fn is_pushed_nothing(&self) {
        let mut pushes = self.pushes.lock().await;
        if let Ok(Some(push)) = tokio::time::timeout(QUIET, pushes.recv()).await {
            panic!("{} was pushed", push.id());
        }
    }

    pub async fn stopped(&self) -> StopTaskExecutionRequest {
        let mut stops = self.stops.lock().await;
        tokio::time::timeout(LONG, stops.recv()).await.expect("a stop").expect("a listener")
    }

    pub async fn is_told_no_stop(&self) {
        let mut stops = self.stops.lock().await;
        if let Ok(Some(stop)) = tokio::time::timeout(QUIET, stops.recv()).await {
            panic!("a stop of {}", stop.task_id);
        }
    }

    /// Everything it has open breaks off.
    pub fn break_off(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.break_off();
    }
}

struct Ears {
    pushes: mpsc::UnboundedSender<Arrived>,
    stops: mpsc::UnboundedSender<StopTaskExecutionRequest>,
}

#[tonic::async_trait]
impl WorkerNodeService for Ears {
    async fn execute_task(
        &self,
        request: Request<ExecuteTaskRequest>,
    ) -> Result<Response<ExecuteTaskResponse>, Status> {
        let (answer, said) = oneshot::channel();
        let arrived = Arrived { request: request.into_inner(), answer };
        self.pushes.send(arrived).map_err(|_| Status::unavailable("the test is over"))?;
        said.await.map_err(|_| Status::unavailable("the test is over"))?.map(Response::new)
    }

    async fn stop_task_execution(
        &self,
        request: Request<StopTaskExecutionRequest>,
    ) -> Result<Response<StopTaskExecutionResponse>, Status> {
        let _ = self.stops.send(request.into_inner());
        Ok(Response::new(StopTaskExecutionResponse {
            success: true,
            status_message: "Stop requested".to_owned(),
        }))
    }
}
