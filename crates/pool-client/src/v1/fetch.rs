//! Brings a package onto this computer, resumed and checked.

use super::{V1Pool, encode};
use crate::check;
use crate::failure::{disk, failed, protocol, unreachable, within};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::PackageRef;
use hivemind_proto::limits::MAX_MESSAGE_BYTES;
use hivemind_proto::v1;
use hivemind_proto::v1::artifact_service_client::ArtifactServiceClient;
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::PoolError;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Silence after which a stream counts as broken.
const SILENCE: Duration = Duration::from_secs(20);
/// Time for a package, on top of the time its bytes take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Slowest download that is waited for, in bytes per second.
const SLOWEST: u64 = 16 * 1024;

fn part(into: &Path) -> PathBuf {
    let mut name = into.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Downloads, or finds it there already. Nothing is synced to disk: what a power failure takes is fetched again, and
/// what is found is believed by its hash only.
pub(super) async fn run(
    pool: &V1Pool,
    key: &TaskKey,
    wanted: &PackageRef,
    into: &Path,
) -> Result<(), PoolError> {
    if let Ok(present) = fs::metadata(into).await
        && present.len() == wanted.size_bytes
        && hash(into).await.map_err(|e| disk(&e))?.0 == wanted.sha256
    {
        return Ok(());
    }
    let part = part(into);
    let limit = PATIENCE + Duration::from_secs(wanted.size_bytes / SLOWEST);
    let download = download(pool, key, wanted, &part);
    let good = match within(limit, download).await? {
        Download { matches: false, resumed: true } => {
            // What an earlier try left may be the damaged part: once more, from the start.
            let again = download_anew(pool, key, wanted, &part);
            within(limit, again).await?.matches
        }
        Download { matches, .. } => matches,
    };
    if !good {
        fs::remove_file(&part).await.map_err(|e| disk(&e))?;
        return Err(protocol("the package's bytes do not match the hash that the pool named"));
    }
    failpoint::reach("fetch.whole");
    fs::rename(&part, into).await.map_err(|e| disk(&e))?;
    failpoint::reach("fetch.renamed");
    Ok(())
}

struct Download {
    matches: bool,
    resumed: bool,
}

async fn download_anew(
    pool: &V1Pool,
    key: &TaskKey,
    wanted: &PackageRef,
    part: &Path,
) -> Result<Download, PoolError> {
    fs::remove_file(part).await.map_err(|e| disk(&e))?;
    download(pool, key, wanted, part).await
}

/// Fills the part.
async fn download(
    pool: &V1Pool,
    key: &TaskKey,
    wanted: &PackageRef,
    part: &Path,
) -> Result<Download, PoolError> {
    let (mut hasher, mut offset) = resume_at(part, wanted.size_bytes).await.map_err(|e| disk(&e))?;
    let resumed = offset > 0;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(part).await.map_err(|e| disk(&e))?;
    while offset < wanted.size_bytes {
        offset = stream(pool, key, wanted, &mut file, &mut hasher, offset).await?;
    }
    Ok(Download { matches: hex::encode(hasher.finalize()) == wanted.sha256, resumed })
}

/// One stream from `offset` on; gives how far it came. The same pass hashes and writes.
async fn stream(
    pool: &V1Pool,
    key: &TaskKey,
    wanted: &PackageRef,
    file: &mut File,
    hasher: &mut Sha256,
    mut offset: u64,
) -> Result<u64, PoolError> {
    let request = pool.signed(v1::FetchRequest {
        key: Some(encode::key(key)),
        artifact_id: wanted.id.clone(),
        offset,
    })?;
    let mut client = ArtifactServiceClient::new(pool.channel()?).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let mut chunks =
        within(SILENCE, async { client.fetch(request).await.map_err(failed) }).await?.into_inner();
    let begin = offset;
    while let Some(chunk) = within(SILENCE, async { chunks.message().await.map_err(failed) }).await? {
        pool.moved.fetch_add(chunk.data.len() as u64, Ordering::Relaxed);
        let end = check::piece(&chunk, offset, wanted.size_bytes)?;
        file.write_all(&chunk.data).await.map_err(|e| disk(&e))?;
        hasher.update(&chunk.data);
        offset = end;
    }
    file.flush().await.map_err(|e| disk(&e))?;
    if offset == begin { Err(unreachable("the pool sent nothing of the package")) } else { Ok(offset) }
}

/// What is there of an earlier try; a longer file than wanted is begun anew.
async fn resume_at(part: &Path, size: u64) -> std::io::Result<(Sha256, u64)> {
    match fs::metadata(part).await {
        Ok(present) if present.len() <= size => read(part).await,
        Ok(_) => {
            fs::remove_file(part).await?;
            Ok((Sha256::new(), 0))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((Sha256::new(), 0)),
        Err(error) => Err(error),
    }
}

async fn read(path: &Path) -> std::io::Result<(Sha256, u64)> {
    let mut file = File::open(path).await?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        let n = file.read(&mut buffer).await?;
        if n == 0 {
            return Ok((hasher, length));
        }
        hasher.update(&buffer[..n]);
        length += n as u64;
    }
}

async fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let (hasher, length) = read(path).await?;
    Ok((hex::encode(hasher.finalize()), length))
}
