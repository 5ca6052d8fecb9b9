//! A small HTTP client, for the pool over TCP and for the engine over its socket. HTTP/1.0, so that no answer is
//! chunked and each ends with its connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// Who answers.
#[derive(Debug, Clone)]
pub enum Server {
    Tcp(String),
    Unix(PathBuf),
}

impl Server {
    /// The pool at `http://host:port/`.
    pub fn pool(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").context("a pool's address begins with http://")?;
        Ok(Self::Tcp(address.trim_end_matches('/').to_owned()))
    }

    /// The engine behind a socket.
    pub fn engine(socket: &Path) -> Self {
        Self::Unix(socket.to_path_buf())
    }

    /// Sends one request and returns the body of an answer that says 2xx.
    ///
    /// # Errors
    /// When it cannot be reached, or answers otherwise; the message carries its words.
    pub fn send(&self, request: &Request<'_>) -> Result<Vec<u8>> {
        let answer = match self {
            Self::Tcp(address) => {
                let stream =
                    TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                exchange(stream, address, request)
            }
            Self::Unix(socket) => {
                let stream = UnixStream::connect(socket)
                    .with_context(|| format!("cannot reach {}", socket.display()))?;
                stream.set_read_timeout(Some(PATIENCE))?;
                exchange(stream, "engine", request)
            }
        };
        answer.with_context(|| format!("{} {}", request.method, request.path))
    }

    /// As [`Self::send`], for an answer in JSON. An empty answer is `null`.
    pub fn json(&self, request: &Request<'_>) -> Result<Value> {
        let body = self.send(request)?;
        if body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&body)?) }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub token: Option<&'a str>,
    pub content_type: &'a str,
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Without a body.
    pub fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, ..Self::default() }
    }

    /// With a body.
    pub fn with(method: &'a str, path: &'a str, content_type: &'a str, body: &'a [u8]) -> Self {
        Self { content_type, body, ..Self::new(method, path) }
    }

    /// In somebody's name.
    pub fn token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }
}

fn exchange(mut stream: impl Read + Write, host: &str, request: &Request<'_>) -> Result<Vec<u8>> {
    let mut head = format!("{} {} HTTP/1.0\r\nHost: {host}\r\n", request.method, request.path);
    if let Some(token) = request.token {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    if !request.content_type.is_empty() {
        head.push_str(&format!("Content-Type: {}\r\n", request.content_type));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", request.body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body)?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no answer")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer.split_off(end + 4);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        bail!("answered {status}: {}", String::from_utf8_lossy(&body).chars().take(300).collect::<String>());
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve(answer: &'static str) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Server::pool(&format!("http://{address}/")).unwrap()
    }

    #[test]
    fn the_body_comes_back() {
        let server = serve("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":1}");
        assert_eq!(server.json(&Request::new("GET", "/")).unwrap()["a"], 1);
    }

    #[test]
    fn a_refusal_is_an_error_with_its_words() {
        let error =
            serve("HTTP/1.0 403 Forbidden\r\n\r\nnot you").send(&Request::new("GET", "/x")).unwrap_err();
        assert!(format!("{error:#}").contains("403: not you"), "{error:#}");
    }
}
