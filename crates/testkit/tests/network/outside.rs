//! An internet that is one server of the test, behind a public-looking address.

use async_trait::async_trait;
use hivemind_egress::{Connector, Resolver};
use hivemind_worker_core::port::ByteStream;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const IMAGE: &str = "justin308/hivemind-worker:latest";
const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 216, 34));

/// The engine's address and the companion program, or nothing after saying what is missing.
pub fn needed() -> Option<(String, PathBuf)> {
    let required = std::env::var("HIVEMIND_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
    let Ok(address) = std::env::var("HIVEMIND_TEST_DOCKER_HOST") else {
        assert!(!required, "an engine is required: HIVEMIND_TEST_DOCKER_HOST names none");
        println!("SKIPPED: HIVEMIND_TEST_DOCKER_HOST names no engine");
        return None;
    };
    let program = std::env::current_exe().unwrap();
    let companion = program.ancestors().nth(2).unwrap().join("hivemind-companion");
    if !companion.exists() {
        println!("SKIPPED: {} is missing; cargo xtask companion makes it", companion.display());
        return None;
    }
    Some((address, companion))
}

/// The lines that the engine's own command answers with.
pub fn docker(arguments: &[&str]) -> Vec<String> {
    let host = std::env::var("HIVEMIND_TEST_DOCKER_HOST").unwrap();
    let output = Command::new("docker").args(["-H", &host]).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[derive(Default)]
pub struct Outside {
    port: AtomicU32,
    answered: AtomicU32,
    pages: Mutex<HashMap<String, Vec<u8>>>,
    cut: AtomicBool,
}

impl Outside {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outside = Arc::new(Self::default());
        outside.port.store(u32::from(listener.local_addr().unwrap().port()), Ordering::Relaxed);
        let serving = Arc::clone(&outside);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.answer(stream).await });
            }
        });
        outside
    }

    /// Requests answered so far.
    pub fn answered(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Serves this for a request, such as `GET /x`.
    pub fn put(&self, request: &str, content: Vec<u8>) {
        self.pages.lock().unwrap().insert(request.to_owned(), content);
    }

    /// From now on nothing out there can be reached.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    async fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let mut piece = vec![0; 65_536];
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut piece).await.ok()? {
                0 => return None,
                read => bytes.extend_from_slice(&piece[..read]),
            }
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let header = |name: &str| {
            let found = text
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_owned())
        };
        let mut body = bytes.len() - head;
        let length: usize = header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        while body < length {
            body += stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        }
        let first = text.lines().next().unwrap_or_default();
        let target = first.rsplit_once(' ').map_or(first, |(target, _)| target);
        let page = self.pages.lock().unwrap().get(target).cloned();
        let known = page.is_some() || self.pages.lock().unwrap().is_empty();
        let status = if known { "200 OK" } else { "404 Not Found" };
        let content = match target {
            _ if page.is_some() => page.unwrap_or_default(),
            "GET /big" => vec![b'x'; 5_000_000],
            "POST /echo" => body.to_string().into_bytes(),
            _ => format!("hello from outside: {target} {}", header("host").unwrap_or_default()).into_bytes(),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            content.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.write_all(&content).await.ok()?;
        stream.shutdown().await.ok()?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some(())
    }
}

#[async_trait]
impl Resolver for Outside {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match name {
            "rebind.example.org" => Ok(vec![PUBLIC, IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)]),
            _ => Ok(vec![PUBLIC]),
        }
    }
}

#[async_trait]
impl Connector for Outside {
    fn source(&self, _to: SocketAddr) -> io::Result<IpAddr> {
        Ok(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 10)))
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        assert_eq!(to.ip(), PUBLIC, "only what was checked is connected to");
        let port = u16::try_from(self.port.load(Ordering::Relaxed)).unwrap();
        Ok(Box::new(TcpStream::connect(("127.0.0.1", port)).await?))
    }
}
