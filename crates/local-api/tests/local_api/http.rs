//! Requests written byte by byte, as an attacker could.

use crate::fake::FakeWorker;
use hivemind_local_api::{BrowserListener, Sessions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

pub struct Site {
    pub worker: Arc<FakeWorker>,
    pub sessions: Arc<Sessions>,
    pub address: SocketAddr,
    _end: DropGuard,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Site {
    pub async fn open() -> Self {
        let listener = BrowserListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (worker, sessions, shutdown) =
            (FakeWorker::new(), Arc::new(Sessions::new()), CancellationToken::new());
        let address = listener.address();
        tokio::spawn(listener.serve(worker.clone(), sessions.clone(), shutdown.clone()));
        while sessions.new_code().is_err() {
            tokio::task::yield_now().await;
        }
        Self { worker, sessions, address, _end: shutdown.drop_guard() }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The one header that a paired page sends.
    pub fn cookie(&self) -> String {
        format!("Cookie: hivemind_{}={}", self.address.port(), self.sessions.new_token().unwrap())
    }

    /// Sends exactly `text` and reads until the end.
    pub async fn raw(&self, text: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A refused upload may end in a reset after the answer.
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
        Answer::read(answer)
    }

    pub async fn get(&self, path: &str, headers: &[&str]) -> Answer {
        let host = format!("Host: {}", self.host());
        self.raw(&request("GET", path, &[&[host.as_str()], headers].concat(), "")).await
    }

    /// A command as the paired page sends it.
    pub async fn rpc(&self, name: &str, body: &str) -> Answer {
        self.rpc_as(&self.cookie(), name, body).await
    }

    /// A command as a page with this cookie sends it.
    pub async fn rpc_as(&self, cookie: &str, name: &str, body: &str) -> Answer {
        let own = self.page_headers();
        let own: Vec<&str> =
            own.iter().map(|own| if own.starts_with("Cookie") { cookie } else { own }).collect();
        self.raw(&request("POST", &format!("/rpc/{name}"), &own, body)).await
    }

    /// Everything that the paired page sends with a command.
    pub fn page_headers(&self) -> Vec<String> {
        vec![
            format!("Host: {}", self.host()),
            format!("Origin: http://{}", self.host()),
            "Sec-Fetch-Site: same-origin".into(),
            "X-HiveMind: 1".into(),
            "Content-Type: application/json".into(),
            self.cookie(),
        ]
    }
}

pub fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() || method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text + "\r\n" + body
}

impl Answer {
    pub fn read(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    pub fn code(&self) -> String {
        let error: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        error["code"].as_str().unwrap_or_default().to_owned()
    }
}
