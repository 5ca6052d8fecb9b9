//! A pool that answers one call as it is told to, and every other call well.

use bytes::Bytes;
use h2::server::SendResponse;
use hivemind_proto::v1;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use prost::Message;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What follows the last byte.
#[derive(Debug, Clone)]
pub enum Then {
    /// Trailers, these.
    Trailers(Vec<(String, Vec<u8>)>),
    /// The stream ends without trailers.
    End,
    /// The stream is reset with this code.
    Reset(u32),
    /// The connection is closed.
    Close,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<Bytes>,
    pub then: Then,
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

impl Answer {
    /// Bytes as a good answer's body.
    pub fn bytes(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: pairs(&[("content-type", "application/grpc")]),
            body: vec![body.into()],
            then: Then::Trailers(pairs(&[("grpc-status", "0")])),
        }
    }

    /// A message as a good answer.
    pub fn message(message: &impl Message) -> Self {
        Self::bytes(framed(&message.encode_to_vec()))
    }

    /// No message: a status.
    pub fn status(code: &str, more: &[(&str, &str)]) -> Self {
        let mut trailers = pairs(&[("grpc-status", code)]);
        trailers.extend(pairs(more));
        Self { body: Vec::new(), then: Then::Trailers(trailers), ..Self::bytes(Vec::new()) }
    }
}

/// The five bytes before a message.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a length").to_be_bytes();
    [&[0][..], &length, message].concat()
}

/// What a call was signed with, and which node it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    pub authorization: String,
    pub node: String,
}

/// How the pool behaves.
pub enum Manner {
    /// Answers calls to this method so, once.
    Once(&'static str, Answer),
    /// Writes these bytes to a new connection instead of speaking HTTP/2, once.
    Raw(Vec<u8>),
}

/// A running pool.
pub struct Pool {
    pub address: SocketAddr,
    /// Of the last heartbeat.
    pub heard: Arc<Mutex<Heard>>,
    hostile: Arc<Mutex<Option<Manner>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pool {
    /// Starts it; good until told otherwise.
    pub async fn start() -> Self {
        Self::speaking(good).await
    }

    /// One that answers well in this way.
    pub async fn speaking(good: fn(&str) -> Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heard, hostile) = (Arc::default(), Arc::new(Mutex::new(None)));
        let (ears, moods) = (Arc::clone(&heard), Arc::clone(&hostile));
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                tokio::spawn(serve(socket, Arc::clone(&ears), Arc::clone(&moods), good));
            }
        });
        Self { address, heard, hostile, task }
    }

    /// How it behaves from the next call or connection on, once.
    pub fn be(&self, manner: Manner) {
        *self.hostile.lock().expect("lock") = Some(manner);
    }

    /// Whether the hostile answer was given.
    pub fn was_hostile(&self) -> bool {
        self.hostile.lock().expect("lock").is_none()
    }
}

async fn serve(
    mut socket: TcpStream,
    heard: Arc<Mutex<Heard>>,
    hostile: Arc<Mutex<Option<Manner>>>,
    good: fn(&str) -> Answer,
) {
    let raw = {
        let mut mood = hostile.lock().expect("lock");
        match mood.take() {
            Some(Manner::Raw(bytes)) => Some(bytes),
            other => {
                *mood = other;
                None
            }
        }
    };
    if let Some(bytes) = raw {
        // The client's preface first, or a reset of the connection would swallow our bytes.
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(&bytes).await;
        let _ = socket.flush().await;
        let mut rest = [0; 4096];
        while matches!(socket.read(&mut rest).await, Ok(1..)) {}
        return;
    }
    let mut settings = h2::server::Builder::new();
    settings.initial_window_size(1 << 20).initial_connection_window_size(1 << 20);
    let Ok(mut connection) = settings.handshake::<_, Bytes>(socket).await else { return };
    let (close, mut closed) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let next = tokio::select! {
            next = connection.accept() => next,
            _ = closed.recv() => return,
        };
        let Some(Ok((request, respond))) = next else { return };
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let authorization = request.headers().get("authorization").and_then(|v| v.to_str().ok());
        let authorization = authorization.unwrap_or_default().to_owned();
        let answer = {
            let mut mood = hostile.lock().expect("lock");
            match mood.take() {
                Some(Manner::Once(which, answer)) if which == method => answer,
                other => {
                    *mood = other;
                    good(&method)
                }
            }
        };
        let (heard, close) = (Arc::clone(&heard), close.clone());
        tokio::spawn(async move {
            let mut body = request.into_body();
            let streams = matches!(method.as_str(), "ReportTask");
            let mut sent = Vec::new();
            while !streams && let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                sent.extend_from_slice(&piece);
            }
            if method == "Heartbeat"
                && let Ok(request) = v1::HeartbeatRequest::decode(sent.get(5..).unwrap_or_default())
            {
                *heard.lock().expect("lock") = Heard { authorization, node: request.node_id };
            }
            if reply(respond, answer).await.is_some() {
                let _ = close.send(()).await;
            }
        });
    }
}

/// Sends the answer; tells when the connection is to be closed after it.
async fn reply(mut respond: SendResponse<Bytes>, answer: Answer) -> Option<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("a status");
    *response.headers_mut() = headers(&answer.headers);
    let mut stream = respond.send_response(response, false).ok()?;
    for piece in answer.body {
        let mut left = piece;
        while !left.is_empty() {
            stream.reserve_capacity(left.len());
            let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            let Some(Ok(room)) = room else { return None };
            let now = left.split_to(room.min(left.len()));
            stream.send_data(now, false).ok()?;
        }
    }
    match answer.then {
        Then::Trailers(trailers) => {
            let _ = stream.send_trailers(headers(&trailers));
            None
        }
        Then::End => {
            let _ = stream.send_data(Bytes::new(), true);
            None
        }
        Then::Reset(code) => {
            stream.send_reset(h2::Reason::from(code));
            None
        }
        Then::Close => {
            // What was sent must leave first.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Some(())
        }
    }
}

fn headers(list: &[(String, Vec<u8>)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        headers.append(name, HeaderValue::from_bytes(value).expect("a header's value"));
    }
    headers
}

/// A session with tokens that are told apart by this word.
pub fn session(word: &str) -> v1::Session {
    v1::Session {
        session_token: format!("{word}-session"),
        session_expires_ms: 900_000,
        refresh_token: format!("{word}-refresh"),
        refresh_expires_ms: 9_000_000,
        server_time_ms: 0,
        username: "ann".to_owned(),
    }
}

/// A key.
pub fn key(task: &str, attempt: u32) -> Option<v1::TaskKey> {
    Some(v1::TaskKey { task_id: task.to_owned(), attempt })
}

fn good(method: &str) -> Answer {
    match method {
        "Login" => Answer::message(&v1::LoginResponse { session: Some(session("good")) }),
        "RegisterNode" => Answer::message(&v1::RegisterNodeResponse {
            node_id: "node-1".to_owned(),
            heartbeat_interval_ms: 1000,
            lease_ms: 10_000,
            ..Default::default()
        }),
        "Heartbeat" => Answer::message(&v1::HeartbeatResponse { lease_ms: 10_000, ..Default::default() }),
        "ResultStatus" => Answer::message(&v1::ResultStatusResponse {
            status: Some(v1::result_status_response::Status::Offset(0)),
        }),
        _ => Answer::status("12", &[]),
    }
}
