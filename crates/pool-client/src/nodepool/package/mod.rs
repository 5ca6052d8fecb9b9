//! Packages of the live network.

pub(crate) mod hash;
pub(crate) mod peer;
pub(crate) mod place;
pub(crate) mod reach;
#[cfg(test)]
mod tests;
pub(crate) mod tracker;

use crate::failure::{disk, protocol};
use hash::InfoHash;
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use place::Place;
use reqwest::Url;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// Port of the pool's own tracker.
const TRACKER_PORT: u16 = 6969;
/// Time for one try at a package, whatever its size.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What is fetched, and under which bounds.
pub(crate) struct Wish<'a> {
    pub(crate) place: &'a Place,
    /// Where the pool itself answers.
    pub(crate) pool: IpAddr,
    /// A proxy into the overlay.
    pub(crate) proxy: Option<SocketAddr>,
    /// How this computer calls itself.
    pub(crate) peer_id: &'a str,
    /// Most bytes.
    pub(crate) most: u64,
}

/// Brings a package into `into`, whole and checked, or not at all.
pub(crate) async fn fetch(wish: &Wish<'_>, into: &Path) -> Result<(), PoolError> {
    let part = PathBuf::from(format!("{}.part", into.display()));
    let work = async {
        match wish.place {
            Place::Swarm { hash, name, trackers } => swarm(wish, *hash, name, trackers, &part).await,
            Place::Page(url) => page(wish, url, &part).await,
        }
    };
    let done = tokio::time::timeout(PATIENCE, work).await;
    let done = done.unwrap_or_else(|_| Err(protocol("the package did not come within half an hour")));
    if done.is_err() {
        let _ = fs::remove_file(&part).await;
        return done;
    }
    fs::rename(&part, into).await.map_err(|error| disk(&error))
}

async fn empty(part: &Path) -> Result<File, PoolError> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(part).await.map_err(|error| disk(&error))
}

async fn swarm(
    wish: &Wish<'_>,
    hash: InfoHash,
    name: &str,
    trackers: &[Url],
    part: &Path,
) -> Result<(), PoolError> {
    let own = Url::parse(&format!("http://{}/announce", SocketAddr::new(wish.pool, TRACKER_PORT)));
    let own: Vec<Url> = own.into_iter().collect();
    let trackers = if trackers.is_empty() { &own } else { trackers };
    let mut last = PoolError::new(PoolErrorKind::NotFound, "nobody has the package any more");
    for tracker in trackers {
        let peers = match tracker::peers(tracker, hash, wish.peer_id, wish.pool, wish.proxy).await {
            Ok(peers) => peers,
            Err(error) => {
                last = error;
                continue;
            }
        };
        for peer in peers {
            let mut file = empty(part).await?;
            match peer::download(peer, hash, wish, &mut file).await {
                Ok(pieces) if pieces.info_hash(name) == hash => {
                    return file.flush().await.map_err(|error| disk(&error));
                }
                Ok(_) => last = protocol("the package's bytes do not match its hash"),
                Err(error) if error.kind == PoolErrorKind::Disk => return Err(error),
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

async fn page(wish: &Wish<'_>, url: &Url, part: &Path) -> Result<(), PoolError> {
    let addresses = reach::judged(url, wish.pool).await?;
    let mut answer = tracker::open(url, &addresses, PATIENCE, wish.proxy).await?;
    let mut file = empty(part).await?;
    let mut length = 0;
    let broken = |_| crate::failure::unreachable("the package's host broke off");
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        length += chunk.len() as u64;
        if length > wish.most {
            return Err(protocol(format!(
                "the package has more than the {} bytes that are taken",
                wish.most
            )));
        }
        file.write_all(&chunk).await.map_err(|error| disk(&error))?;
    }
    file.flush().await.map_err(|error| disk(&error))
}
