//! The tracker: who has which package. It answers in JSON, and forgets.

use super::seeds::Seeds;
use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Most packages that somebody is known for.
const MOST_PACKAGES: usize = 4096;
/// Most that are known for one package.
const MOST_PEERS: usize = 64;

#[derive(Debug)]
struct Peer {
    id: String,
    ip: String,
    port: u16,
    until: Instant,
}

/// Who announced which package, by its hash in small letters.
#[derive(Debug)]
pub(super) struct Peers {
    forgets_after: Duration,
    known: Mutex<HashMap<String, Vec<Peer>>>,
}

impl Peers {
    pub(super) fn new(forgets_after: Duration) -> Self {
        Self { forgets_after, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Vec<Peer>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self) {
        self.known().clear();
    }

    /// Whoever announces is a peer from then on; the others are told to it.
    pub(super) fn announce(&self, hash: &str, id: &str, ip: &str, port: u16) -> Vec<Value> {
        let now = Instant::now();
        let mut known = self.known();
        known.retain(|_, peers| {
            peers.retain(|peer| now < peer.until);
            !peers.is_empty()
        });
        let hash = hash.to_ascii_lowercase();
        if known.len() >= MOST_PACKAGES && !known.contains_key(&hash) {
            return Vec::new();
        }
        let peers = known.entry(hash).or_default();
        peers.retain(|peer| peer.id != id);
        let tell = |peer: &Peer| json!({ "peer_id": peer.id, "ip": peer.ip, "port": peer.port });
        let others = peers.iter().map(tell).collect();
        if peers.len() < MOST_PEERS {
            let until = now + self.forgets_after;
            peers.push(Peer { id: id.to_owned(), ip: ip.to_owned(), port, until });
        }
        others
    }
}

#[derive(Deserialize)]
struct Announce {
    info_hash: Option<String>,
    peer_id: Option<String>,
    port: Option<String>,
    /// Believed.
    ip: Option<String>,
}

pub(super) async fn track(seeds: Arc<Seeds>, listener: TcpListener) {
    let pages = axum::Router::new()
        .route("/announce", get(announce))
        .route("/.well-known/hivemind", get(well_known))
        .with_state(seeds)
        .into_make_service_with_connect_info::<SocketAddr>();
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
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    Query(asked): Query<Announce>,
) -> (StatusCode, Json<Value>) {
    let port = asked.port.and_then(|port| port.parse().ok());
    let (Some(hash), Some(id), Some(port)) = (asked.info_hash, asked.peer_id, port) else {
        let why = "info_hash, peer_id and port are needed";
        return (StatusCode::BAD_REQUEST, Json(json!({ "failure reason": why })));
    };
    let ip = asked.ip.unwrap_or_else(|| caller.ip().to_string());
    let peers = seeds.peers.announce(&hash, &id, &ip, port);
    (StatusCode::OK, Json(json!({ "interval": 60, "peers": peers })))
}
