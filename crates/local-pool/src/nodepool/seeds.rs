//! The seeder: a protocol of the network's own that only looks like a torrent's.

use super::tracker::Peers;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PIECE: usize = 524_288;

#[derive(Debug)]
pub(super) struct Seeds {
    seeder: SocketAddr,
    /// Where calls are taken, once that is known.
    pub(super) calls: std::sync::OnceLock<SocketAddr>,
    packages: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    pub(super) peers: Peers,
}

impl Seeds {
    pub(super) fn new(seeder: SocketAddr, forgets_after: Duration) -> Self {
        let (calls, peers) = (std::sync::OnceLock::new(), Peers::new(forgets_after));
        Self { seeder, calls, packages: Mutex::default(), peers }
    }

    fn packages(&self) -> MutexGuard<'_, HashMap<String, Arc<Vec<u8>>>> {
        self.packages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who offers a package announces it once.
    pub(super) fn add(&self, name: &str, bytes: &[u8]) -> String {
        let hash = info_hash(name, bytes);
        self.packages().insert(hash.clone(), Arc::new(bytes.to_vec()));
        self.peers.announce(&hash, "seeder", &self.seeder.ip().to_string(), self.seeder.port());
        hash
    }

    pub(super) fn forget(&self) {
        self.packages().clear();
        self.peers.forget();
    }
}

fn sha1(bytes: &[u8]) -> ring::digest::Digest {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

/// As the network computes it: `pieces` is a list of numbers.
fn info_hash(name: &str, bytes: &[u8]) -> String {
    let mut text =
        format!("d6:lengthi{}e4:name{}:{name}12:piece lengthi{PIECE}e6:piecesl", bytes.len(), name.len());
    for piece in bytes.chunks(PIECE) {
        for byte in sha1(piece).as_ref() {
            text.push_str(&format!("i{byte}e"));
        }
    }
    text.push_str("ee");
    hex::encode(sha1(text.as_bytes()))
}

pub(super) async fn seed(seeds: Arc<Seeds>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let seeds = Arc::clone(&seeds);
        tokio::spawn(async move {
            if let Err(error) = serve(&seeds, stream).await {
                tracing::debug!(%error, "a peer left");
            }
        });
    }
}

#[derive(Deserialize)]
struct Wanted {
    info_hash: String,
    piece_index: usize,
}

async fn serve(seeds: &Seeds, mut stream: TcpStream) -> std::io::Result<()> {
    let mut hello = [0; 68];
    stream.read_exact(&mut hello).await?;
    stream.write_all(&hello).await?;
    loop {
        let length = stream.read_u32().await?;
        if length > 64 << 10 {
            return Ok(());
        }
        let mut body = vec![0; length as usize];
        stream.read_exact(&mut body).await?;
        let wanted: Wanted = serde_json::from_slice(&body)?;
        let package = seeds.packages().get(&wanted.info_hash.to_ascii_lowercase()).cloned();
        let piece = package.as_ref().and_then(|bytes| bytes.chunks(PIECE).nth(wanted.piece_index));
        let answer = match (&package, piece) {
            (Some(bytes), Some(piece)) => json!({
                "ok": true,
                "message": "",
                "piece_index": wanted.piece_index,
                "data": piece,
                "total_length": bytes.len(),
                "piece_count": bytes.len().div_ceil(PIECE),
            }),
            _ => json!({ "ok": false, "message": "unknown piece", "piece_index": wanted.piece_index,
                "data": [], "total_length": 0, "piece_count": 0 }),
        };
        let good = piece.is_some();
        let bytes = serde_json::to_vec(&answer)?;
        stream.write_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).await?;
        stream.write_all(&bytes).await?;
        if !good {
            return Ok(());
        }
    }
}
