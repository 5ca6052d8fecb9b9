//! A place where releases are published: an HTTPS server on this computer with a signed manifest, and every way in which
//! such a server can be hostile.

use crate::lock;
use minisign::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const DAY_MS: i64 = 24 * 3_600_000;

/// What a request for one place gets.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes and then nothing, although more were promised.
    CutShort(Vec<u8>),
    /// Bytes without end.
    Endless,
    /// Go there.
    SentTo(String),
    /// A number.
    Status(u16),
    /// The connection is closed without a word.
    Nothing,
}

/// A manifest before it is signed; every field may be wrong.
#[derive(Debug, Clone)]
pub struct Release {
    /// `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// Which installation the file is for.
    pub target: String,
    /// Where the file is.
    pub url: String,
    /// Its size.
    pub size: usize,
    /// Its SHA-256.
    pub sha256: String,
    /// When it was signed.
    pub issued_ms: i64,
    /// Until when it holds.
    pub expires_ms: i64,
}

impl Release {
    /// As it is written down.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let Self { version, target, url, size, sha256, issued_ms, expires_ms } = self;
        format!(
            r#"{{"format":1,"product":"hivemind-worker","version":"{version}","issued_ms":{issued_ms},"expires_ms":{expires_ms},"artefacts":[{{"target":"{target}","url":"{url}","size":{size},"sha256":"{sha256}"}}]}}"#
        )
        .into_bytes()
    }
}

/// The server, with the key that it signs with.
pub struct ReleaseServer {
    address: SocketAddr,
    keys: KeyPair,
    /// The server's certificate as PEM: whoever fetches has to trust it.
    pub certificate: String,
    places: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<AtomicU32>,
    serving: JoinHandle<()>,
}

impl ReleaseServer {
    /// Starts it; nothing is published yet.
    pub async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .expect("a server");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (places, asked) = (Arc::<Mutex<HashMap<String, Answer>>>::default(), Arc::<AtomicU32>::default());
        let (known, count) = (Arc::clone(&places), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream, Arc::clone(&known), Arc::clone(&count)));
            }
        });
        let keys = KeyPair::generate_unencrypted_keypair().expect("keys");
        Self { address, keys, certificate: made.cert.pem(), places, asked, serving }
    }

    /// The address of one place.
    #[must_use]
    pub fn url(&self, place: &str) -> String {
        format!("https://localhost:{}/{place}", self.address.port())
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> String {
        self.keys.pk.to_base64()
    }

    /// How often anything was asked for.
    #[must_use]
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Answers in this way for one place.
    pub fn put(&self, place: &str, answer: Answer) {
        lock(&self.places).insert(format!("/{place}"), answer);
    }

    /// A signature by this server's key.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signed = minisign::sign(None, &self.keys.sk, bytes, None, None).expect("a signature");
        signed.into_string().into_bytes()
    }

    /// A good release of this file, which is put where it says. Nothing is published yet.
    #[must_use]
    pub fn release(&self, version: &str, target: &str, content: &[u8], now_ms: i64) -> Release {
        let place = format!("{version}.file");
        self.put(&place, Answer::Bytes(content.to_vec()));
        Release {
            version: version.to_owned(),
            target: target.to_owned(),
            url: self.url(&place),
            size: content.len(),
            sha256: hex::encode(Sha256::digest(content)),
            issued_ms: now_ms - 1000,
            expires_ms: now_ms + 30 * DAY_MS,
        }
    }

    /// Publishes these bytes as the manifest, with a good signature beside it.
    pub fn publish(&self, manifest: Vec<u8>) {
        self.put("newest.json.minisig", Answer::Bytes(self.sign(&manifest)));
        self.put("newest.json", Answer::Bytes(manifest));
    }
}

impl Drop for ReleaseServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    places: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<AtomicU32>,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut stream = BufReader::new(stream);
    let mut place = String::new();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if line.trim().is_empty() => break,
            Ok(_) if place.is_empty() => place = line.split(' ').nth(1).unwrap_or("/").to_owned(),
            Ok(_) => {}
        }
    }
    asked.fetch_add(1, Ordering::Relaxed);
    let found = lock(&places).get(&place).cloned().unwrap_or(Answer::Status(404));
    let head = |status: &str, more: &str| {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n").into_bytes()
    };
    let length = |bytes: usize| format!("Content-Length: {bytes}\r\n");
    // Who asked may be gone: that is its business.
    let _ = match found {
        Answer::Bytes(bytes) => {
            let _ = stream.write_all(&head("200 OK", &length(bytes.len()))).await;
            stream.write_all(&bytes).await
        }
        Answer::CutShort(bytes) => {
            let _ = stream.write_all(&head("200 OK", &length(bytes.len() + 1000))).await;
            stream.write_all(&bytes).await
        }
        Answer::Endless => {
            let mut sent = stream.write_all(&head("200 OK", "")).await;
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 4096]).await;
            }
            sent
        }
        Answer::SentTo(url) => {
            stream.write_all(&head("302 Found", &format!("Location: {url}\r\n{}", length(0)))).await
        }
        Answer::Status(number) => stream.write_all(&head(&format!("{number} No"), &length(0))).await,
        Answer::Nothing => Ok(()),
    };
    let _ = stream.shutdown().await;
}
