//! The engine as it is where NVIDIA's runtime is installed: this one says that it has it, takes the wish for GPUs from each
//! container, and passes everything else on. It proves what the worker does with GPUs, not the runtime.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_LENGTH;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;
type Error = Box<dyn std::error::Error + Send + Sync>;
type Wishes = Arc<Mutex<Vec<Value>>>;

pub struct GpuEngine {
    pub address: String,
    wishes: Wishes,
    serving: JoinHandle<()>,
}

impl GpuEngine {
    /// Before the engine at this address, at another socket.
    pub fn before(address: &str, socket: &Path) -> Self {
        let engine = PathBuf::from(address.strip_prefix("unix://").expect("the engine has a socket"));
        let listener = UnixListener::bind(socket).expect("a socket");
        let wishes = Wishes::default();
        let heard = Arc::clone(&wishes);
        let serving = tokio::spawn(async move {
            // Ends with this task, and every connection with it.
            let mut passing = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (engine, heard) = (engine.clone(), Arc::clone(&heard));
                passing.spawn(async move {
                    let answer = service_fn(move |request| pass(engine.clone(), Arc::clone(&heard), request));
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(TokioIo::new(near), answer).with_upgrades().await;
                });
            }
        });
        Self { address: format!("unix://{}", socket.display()), wishes, serving }
    }

    /// The identifiers of the GPUs that each container was to have, in the order of asking.
    pub fn wishes(&self) -> Vec<Value> {
        self.wishes.lock().expect("a list").clone()
    }
}

impl Drop for GpuEngine {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(
    engine: PathBuf,
    wishes: Wishes,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    Ok(try_pass(&engine, &wishes, request).await.unwrap_or_else(|error| {
        let mut answer = Response::new(whole(error.to_string().into()));
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    }))
}

async fn try_pass(
    engine: &Path,
    wishes: &Wishes,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Error> {
    let (mut far, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(UnixStream::connect(engine).await?)).await?;
    tokio::spawn(connection.with_upgrades());
    let path = request.uri().path().to_owned();
    let near = hyper::upgrade::on(&mut request);
    let request = if path.ends_with("/containers/create") {
        without_gpus(request, wishes).await?
    } else {
        request.map(BodyExt::boxed_unsync)
    };
    let mut answer = far.send_request(request).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let far = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            if let (Ok(near), Ok(far)) = (near.await, far.await) {
                let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(near), &mut TokioIo::new(far)).await;
            }
        });
    }
    if path.ends_with("/info") {
        return with_runtime(answer).await;
    }
    Ok(answer.map(BodyExt::boxed_unsync))
}

/// A container as it was asked for, but for the GPUs.
async fn without_gpus(request: Request<Incoming>, wishes: &Wishes) -> Result<Request<Body>, Error> {
    let (mut head, body) = request.into_parts();
    let mut wish: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    let host = wish["HostConfig"].as_object_mut().ok_or("a container without a host")?;
    if let Some(Value::Array(devices)) = host.remove("DeviceRequests") {
        wishes.lock().expect("a list").extend(devices.into_iter().map(|mut gpus| gpus["DeviceIDs"].take()));
    }
    head.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(head, whole(serde_json::to_vec(&wish)?.into())))
}

/// What the engine says of itself, with one runtime more.
async fn with_runtime(answer: Response<Incoming>) -> Result<Response<Body>, Error> {
    let (mut head, body) = answer.into_parts();
    let mut info: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    info["Runtimes"]["nvidia"] = json!({ "path": "nvidia-container-runtime" });
    head.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(head, whole(serde_json::to_vec(&info)?.into())))
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}
