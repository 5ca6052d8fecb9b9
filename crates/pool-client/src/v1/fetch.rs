//! Brings a package onto this computer, resumed and checked.

use super::{V1Pool, encode};
use crate::check;
use crate::failure::{disk, failed, protocol, unreachable, within};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::PackageRef;
use hivemind_proto::limits::MAX_MESSAGE_BYTES;
use hivemind_proto::v1;
use hivemind_proto::v1::artifact_service_client::ArtifactServiceClient;
use hivemind_worker_core::at_hand;
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::PoolError;
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

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
    let part = part(into);
    let limit = PATIENCE + Duration::from_secs(wanted.size_bytes / SLOWEST);
    let Some(begun) = look(into.to_owned(), part.clone(), wanted.clone()).await? else { return Ok(()) };
    let resumed = begun.offset > 0;
    let mut good = within(limit, download(pool, key, wanted, begun)).await?;
    if !good && resumed {
        // What an earlier try left may be the damaged part: once more, from the start.
        fs::remove_file(&part).await.map_err(|e| disk(&e))?;
        let again = look(into.to_owned(), part.clone(), wanted.clone()).await?;
        let Some(again) = again else { return Ok(()) };
        good = within(limit, download(pool, key, wanted, again)).await?;
    }
    if !good {
        fs::remove_file(&part).await.map_err(|e| disk(&e))?;
        return Err(protocol("the package's bytes do not match the hash that the pool named"));
    }
    failpoint::reach("fetch.whole");
    fs::rename(&part, into).await.map_err(|e| disk(&e))?;
    failpoint::reach("fetch.renamed");
    Ok(())
}

/// A part of a package, perhaps of no bytes, and the hash of what is there.
struct Part {
    file: File,
    hasher: Sha256,
    offset: u64,
}

/// Looks at what earlier tries left; `None` when the whole package is there. All in one go: every way to a thread that
/// may wait for the disk, and back, costs time.
async fn look(into: PathBuf, part: PathBuf, wanted: PackageRef) -> Result<Option<Part>, PoolError> {
    let look = move || {
        if std::fs::metadata(&into).is_ok_and(|present| present.len() == wanted.size_bytes)
            && hex::encode(read(&into)?.0.finalize()) == wanted.sha256
        {
            return Ok(None);
        }
        let (hasher, offset) = resume_at(&part, wanted.size_bytes)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        options.mode(0o600);
        Ok(Some(Part { file: File::from_std(options.open(&part)?), hasher, offset }))
    };
    let looked = at_hand::spawn_blocking(look).await;
    looked.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| disk(&e))
}

/// Fills the part; says whether its bytes are the wanted ones.
async fn download(pool: &V1Pool, key: &TaskKey, wanted: &PackageRef, part: Part) -> Result<bool, PoolError> {
    let Part { mut file, mut hasher, mut offset } = part;
    while offset < wanted.size_bytes {
        let streamed = stream(pool, key, wanted, &mut file, &mut hasher, offset).await;
        if streamed.is_err() {
            // What is still on its way to the disk must not come after the next look.
            let _ = file.flush().await;
        }
        offset = streamed?;
    }
    Ok(hex::encode(hasher.finalize()) == wanted.sha256)
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
fn resume_at(part: &Path, size: u64) -> io::Result<(Sha256, u64)> {
    match std::fs::metadata(part) {
        Ok(present) if present.len() <= size => read(part),
        Ok(_) => {
            std::fs::remove_file(part)?;
            Ok((Sha256::new(), 0))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Sha256::new(), 0)),
        Err(error) => Err(error),
    }
}

/// Hash and number of a file's bytes.
fn read(path: &Path) -> io::Result<(Sha256, u64)> {
    let mut hasher = Sha256::new();
    let length = io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok((hasher, length))
}
