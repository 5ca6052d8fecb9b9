//! Tracker and seeder: a protocol of the network's own that only looks like a torrent's.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PIECE: usize = 524_288;

#[derive(Debug)]
pub(super) struct Seeds {
    seeder: SocketAddr,
    /// Where calls are taken, once that is known.
    pub(super) calls: std::sync::OnceLock<SocketAddr>,
    packages: Mutex<HashMap<String, Arc<Vec<u8>>>>,
}

impl Seeds {
    pub(super) fn new(seeder: SocketAddr) -> Self {
        Self { seeder, calls: std::sync::OnceLock::new(), packages: Mutex::default() }
    }

    fn packages(&self) -> MutexGuard<'_, HashMap<String, Arc<Vec<u8>>>> {
        self.packages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, name: &str, bytes: &[u8]) -> String {
        let hash = info_hash(name, bytes);
        self.packages().insert(hash.clone(), Arc::new(bytes.to_vec()));
        hash
    }

    pub(super) fn forget(&self) {
        self.packages().clear();
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

#[derive(Deserialize)]
struct Announce {
    info_hash: Option<String>,
    peer_id: Option<String>,
}

pub(super) async fn track(seeds: Arc<Seeds>, listener: TcpListener) {
    let pages = axum::Router::new()
        .route("/announce", get(announce))
        .route("/.well-known/hivemind", get(well_known))
        .with_state(seeds);
    if let Err(error) = axum::serve(listener, pages).await {
        tracing::error!(%error, "the tracker ended");
    }
}

/// The live network's own site has no such page yet; ours says what it is.
async fn well_known(State(seeds): State<Arc<Seeds>>) -> Json<Value> {
    let calls = seeds.calls.get().map(ToString::to_string).unwrap_or_default();
    Json(json!({ "dialect": "nodepool", "grpc_addr": calls }))
}

async fn announce(
    State(seeds): State<Arc<Seeds>>,
    Query(asked): Query<Announce>,
) -> (StatusCode, Json<Value>) {
    let (Some(hash), Some(_)) = (asked.info_hash, asked.peer_id) else {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({ "failure reason": "info_hash and peer_id are needed" })),
        );
    };
    let known = seeds.packages().contains_key(&hash.to_ascii_lowercase());
    let seeder =
        json!({ "peer_id": "seeder", "ip": seeds.seeder.ip().to_string(), "port": seeds.seeder.port() });
    // One that announced without a port is listed too, and is nobody to dial.
    let idle = json!({ "peer_id": "worker", "ip": "127.0.0.1", "port": 0 });
    let peers = if known { vec![idle, seeder] } else { Vec::new() };
    (StatusCode::OK, Json(json!({ "interval": 60, "peers": peers })))
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
