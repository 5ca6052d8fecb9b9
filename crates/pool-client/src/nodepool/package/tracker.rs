//! Asks a tracker who has a package.

use super::hash::InfoHash;
use super::reach::{judged, may_dial};
use crate::discovery;
use crate::failure::{protocol, unreachable};
use hivemind_worker_core::port::PoolError;
use reqwest::Url;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Largest answer that is read.
const MOST_BYTES: usize = 64 << 10;
/// Time for it.
const ANSWER: Duration = Duration::from_secs(10);
/// Peers that are tried.
const MOST_PEERS: usize = 16;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    peers: Vec<Peer>,
}

#[derive(Deserialize)]
struct Peer {
    ip: String,
    port: u32,
}

/// The peers that may be dialled. Announces this computer without a port, so that nobody dials it.
pub(crate) async fn peers(
    tracker: &Url,
    hash: InfoHash,
    peer_id: &str,
    pool: IpAddr,
    proxy: Option<SocketAddr>,
) -> Result<Vec<SocketAddr>, PoolError> {
    let addresses = judged(tracker, pool).await?;
    let mut url = tracker.clone();
    let digits = hash.to_string().to_ascii_uppercase();
    url.query_pairs_mut()
        .clear()
        .append_pair("info_hash", &digits)
        .append_pair("peer_id", peer_id)
        .append_pair("port", "0")
        .append_pair("uploaded", "0")
        .append_pair("downloaded", "0")
        .append_pair("left", "1")
        .append_pair("compact", "0");
    let body = page(&url, &addresses, MOST_BYTES, proxy).await?;
    read(&body, pool)
}

pub(crate) fn read(body: &[u8], pool: IpAddr) -> Result<Vec<SocketAddr>, PoolError> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| protocol("the tracker's answer cannot be read"))?;
    let usable = answer.peers.iter().filter_map(|peer| {
        let ip: IpAddr = peer.ip.parse().ok()?;
        let port = u16::try_from(peer.port).ok().filter(|port| *port != 0)?;
        may_dial(ip, pool).then_some(SocketAddr::new(ip.to_canonical(), port))
    });
    Ok(usable.take(MOST_PEERS).collect())
}

/// A small page from addresses that were judged: no redirection, no proxy but the owner's own into the overlay.
async fn page(
    url: &Url,
    addresses: &[SocketAddr],
    most: usize,
    proxy: Option<SocketAddr>,
) -> Result<Vec<u8>, PoolError> {
    let mut answer = open(url, addresses, ANSWER, proxy).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| unreachable("the tracker's answer broke off"))? {
        if body.len() + chunk.len() > most {
            return Err(protocol("the tracker's answer is larger than 64 KiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Opens a page; `limit` is for all of it.
pub(crate) async fn open(
    url: &Url,
    addresses: &[SocketAddr],
    limit: Duration,
    proxy: Option<SocketAddr>,
) -> Result<reqwest::Response, PoolError> {
    let host = url.host_str().unwrap_or_default();
    let mut url = url.clone();
    let mut client = discovery::client(None)?.resolve_to_addrs(host, addresses);
    if let Some(proxy) = proxy {
        // A proxy would find a name by itself: it is given the address that was judged.
        let judged = addresses.first().map(SocketAddr::ip);
        judged.and_then(|ip| url.set_ip_host(ip).ok()).ok_or_else(|| protocol("the page has no address"))?;
        let through = reqwest::Proxy::all(format!("socks5://{proxy}"));
        client = client.proxy(through.map_err(|error| protocol(error.to_string()))?);
    }
    let client = client.build().map_err(|error| protocol(error.to_string()))?;
    let sent = client.get(url).timeout(limit).send().await;
    let answer = sent.map_err(|_| unreachable("the package's host does not answer"))?;
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(unreachable(format!("the package's host answers {status}")));
    }
    if !status.is_success() {
        return Err(protocol(format!("the package's host answers {status}")));
    }
    Ok(answer)
}
