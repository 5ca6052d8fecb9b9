//! The client of the owner's socket, for the window and the command line.

use crate::events::KEEP_ALIVE;
use crate::router::COMMAND_TIME;
use crate::socket::dial;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use hivemind_control::{ApiError, Call, Client, ErrorCode, Event, EventStream};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

const DIAL_TIME: Duration = Duration::from_secs(5);
/// A bit more than the worker allows itself.
const ANSWER_TIME: Duration = COMMAND_TIME.saturating_add(Duration::from_secs(5));
const MAX_ANSWER: usize = 32 * 1024 * 1024;
/// Two missed signs of life and some patience.
const SILENCE: Duration = KEEP_ALIVE.saturating_mul(3);

/// Calls a worker through its socket. Every call dials anew, so a client outlives restarts of the worker.
#[derive(Debug, Clone)]
pub struct SocketClient {
    path: PathBuf,
}

impl SocketClient {
    /// A client that dials when it is used; the worker need not run yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// A client of a worker that runs.
    ///
    /// # Errors
    /// [`ErrorCode::WorkerNotRunning`] when nobody answers, [`ErrorCode::Forbidden`] when it is another user's.
    pub async fn connect(path: impl Into<PathBuf>) -> Result<Self, ApiError> {
        let client = Self::new(path);
        client.stream().await?;
        Ok(client)
    }

    /// Typed calls.
    #[must_use]
    pub fn typed(self) -> Client<Self> {
        Client(self)
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The worker's events, the snapshot first. The stream ends when the worker does.
    ///
    /// # Errors
    /// As [`SocketClient::connect`].
    pub async fn events(&self) -> Result<EventStream, ApiError> {
        let response = self.send(Method::GET, "/events", Bytes::new()).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let frames = Frames { body: response.into_body(), buffer: Vec::new(), searched: 0 };
        Ok(stream::unfold(frames, |mut frames| async move { Some((frames.next().await?, frames)) }).boxed())
    }

    async fn stream(
        &self,
    ) -> Result<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static, ApiError> {
        let dialled =
            timeout(DIAL_TIME, dial(&self.path)).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        dialled.map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                return ApiError::new(
                    ErrorCode::Forbidden,
                    "The worker belongs to another user of this computer.",
                );
            }
            not_running().with("socket", self.path.to_string_lossy())
        })
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ApiError> {
        let stream = self.stream().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "hivemind-worker")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| not_running())?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the worker ended early");
            }
        });
        timeout(ANSWER_TIME, sender.send_request(request))
            .await
            .map_err(|_| ApiError::new(ErrorCode::Internal, "The worker does not answer."))?
            .map_err(|_| not_running())
    }
}

#[async_trait]
impl Call for SocketClient {
    async fn call(&self, name: &'static str, request: Value) -> Result<Value, ApiError> {
        let body =
            serde_json::to_vec(&request).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))?;
        let response = self.send(Method::POST, &format!("/rpc/{name}"), body.into()).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        serde_json::from_slice(&read(response).await?).map_err(|e| unreadable(&e.to_string()))
    }
}

async fn read(response: Response<Incoming>) -> Result<Bytes, ApiError> {
    match timeout(ANSWER_TIME, Limited::new(response.into_body(), MAX_ANSWER).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) => Err(unreadable(&e.to_string())),
        Err(_) => Err(unreadable("it did not end")),
    }
}

async fn refusal(response: Response<Incoming>) -> ApiError {
    let status = response.status();
    match read(response).await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_else(|_| unreadable(&format!("status {status}"))),
        Err(error) => error,
    }
}

fn unreadable(why: &str) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("The worker's answer cannot be read: {why}."))
}

fn not_running() -> ApiError {
    ApiError::new(ErrorCode::WorkerNotRunning, "The worker is not running.")
}

/// Reads server-sent events: `data:` lines up to an empty line.
struct Frames {
    body: Incoming,
    buffer: Vec<u8>,
    /// Bytes known to hold no end of a frame.
    searched: usize,
}

impl Frames {
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(frame) = self.take() {
                // A newer worker may tell things that this program does not know.
                if let Some(event) = parse(&frame) {
                    return Some(event);
                }
            }
            let frame = timeout(SILENCE, self.body.frame()).await.ok()??.ok()?;
            if let Ok(data) = frame.into_data() {
                if self.buffer.len() + data.len() > MAX_ANSWER {
                    return None;
                }
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let from = self.searched.saturating_sub(1);
        let Some(at) = self.buffer[from..].windows(2).position(|two| two == b"\n\n") else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(from + at + 2);
        self.searched = 0;
        Some(std::mem::replace(&mut self.buffer, rest))
    }
}

fn parse(frame: &[u8]) -> Option<Event> {
    let data: Vec<&[u8]> = frame
        .split(|&b| b == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .map(|text| text.strip_prefix(b" ").unwrap_or(text))
        .collect();
    if data.is_empty() {
        return None;
    }
    serde_json::from_slice(&data.join(&b'\n')).ok()
}
