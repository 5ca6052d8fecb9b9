//! Sends a result, resumed at what the pool has.

use super::{UNARY, V1Pool, encode};
use crate::check;
use crate::failure::{disk, failed, lost, protocol, unreachable, within};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::Credit;
use hivemind_proto::error;
use hivemind_proto::limits::CHUNK_BYTES;
use hivemind_proto::v1::submit_task_result_request::Body;
use hivemind_proto::v1::{self, ErrorCode, result_status_response::Status as Stored};
use hivemind_worker_core::at_hand;
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::{PoolError, ResultHeader};
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Time for the pool's answer after the last byte, on top of the time the bytes take.
const ANSWER: Duration = Duration::from_secs(60);
/// Slowest upload that is waited for, in bytes per second.
const SLOWEST: u64 = 16 * 1024;
/// Time in which at least one chunk must leave.
const STALL: Duration = Duration::from_secs(60);

enum Refusal {
    /// The pool threw the bytes away: they came damaged.
    Damaged(PoolError),
    Other(PoolError),
}

/// Sends header and outputs; the pool's answer says that it has them for good.
pub(super) async fn run(
    pool: &V1Pool,
    header: &ResultHeader,
    path: Option<&Path>,
) -> Result<Credit, PoolError> {
    match once(pool, header, path).await {
        // Bytes that an earlier try left there may be the damaged ones: once more, from the start.
        Err(Refusal::Damaged(_)) => match once(pool, header, path).await {
            Ok(credit) => Ok(credit),
            Err(Refusal::Damaged(error)) => Err(whose_damage(header, path, error).await),
            Err(Refusal::Other(error)) => Err(error),
        },
        Err(Refusal::Other(error)) => Err(error),
        Ok(credit) => Ok(credit),
    }
}

/// The pool keeps finding damage: either our file has changed, or the pool is wrong and may come to its senses.
async fn whose_damage(header: &ResultHeader, path: Option<&Path>, error: PoolError) -> PoolError {
    let (Some(file), Some(path)) = (&header.file, path) else { return error };
    let path = path.to_owned();
    let hashed = at_hand::spawn_blocking(move || {
        let (mut file, mut hash) = (std::fs::File::open(path)?, Sha256::new());
        std::io::copy(&mut file, &mut hash)?;
        Ok::<_, std::io::Error>(hex::encode(hash.finalize()))
    });
    match hashed.await {
        Ok(Ok(found)) if found != file.sha256 => lost("its bytes have changed"),
        Ok(Ok(_) | Err(_)) | Err(_) => error,
    }
}

async fn once(pool: &V1Pool, header: &ResultHeader, path: Option<&Path>) -> Result<Credit, Refusal> {
    let size = header.file.as_ref().map_or(0, |file| file.size_bytes);
    let offset = match &header.file {
        // A question would cost more than what it could spare. The pool answers a result that it has without it.
        Some(_) if size <= CHUNK_BYTES as u64 => 0,
        Some(file) => match stored(pool, &header.key, &file.sha256).await.map_err(Refusal::Other)? {
            Stored::Answer(answer) => return check::credit(&answer).map_err(Refusal::Other),
            Stored::Offset(offset) => check::upload_offset(offset, size).map_err(Refusal::Other)?,
        },
        None => 0,
    };
    send_from(pool, header, path, offset).await.map_err(|refusal| match refusal {
        Refusal::Damaged(error) => Refusal::Damaged(error.resumed_at(offset)),
        Refusal::Other(error) => Refusal::Other(error.resumed_at(offset)),
    })
}

/// Sends what the pool does not have yet.
async fn send_from(
    pool: &V1Pool,
    header: &ResultHeader,
    path: Option<&Path>,
    offset: u64,
) -> Result<Credit, Refusal> {
    let size = header.file.as_ref().map_or(0, |file| file.size_bytes);
    let outputs = match path {
        Some(path) if size > 0 => Some(open(path.to_owned(), offset, size).await.map_err(Refusal::Other)?),
        Some(_) => None,
        None if size > 0 => return Err(Refusal::Other(protocol("the result's file is missing"))),
        None => None,
    };
    let (messages, outgoing) = mpsc::channel(2);
    let first = Body::Header(encode::result_header(header, offset));
    let request = pool.signed(ReceiverStream::new(outgoing)).map_err(Refusal::Other)?;
    let mut client = pool.tasks().map_err(Refusal::Other)?;
    let limit = ANSWER + Duration::from_secs((size - offset) / SLOWEST);
    let call = async {
        let answer = tokio::time::timeout(limit, client.submit_task_result(request)).await;
        answer.map_err(|_| Refusal::Other(unreachable("the pool did not answer in time")))?.map_err(
            |status| {
                let damaged = error::code(&status) == ErrorCode::HashMismatch;
                let error = failed(status);
                if damaged { Refusal::Damaged(error) } else { Refusal::Other(error) }
            },
        )
    };
    tokio::pin!(call);
    let answer = tokio::select! {
        // A broken call ends the feed too, and its own error says more.
        biased;
        answer = &mut call => answer?,
        fed = feed(&pool.moved, messages, first, outputs, offset, size) => {
            fed.map_err(Refusal::Other)?;
            failpoint::reach("submit.sent");
            call.await?
        }
    };
    check::credit(&answer.into_inner()).map_err(Refusal::Other)
}

/// A result's file, read up to the end of its first piece.
struct Outputs {
    file: File,
    first: Vec<u8>,
}

/// All in one go: every way to a thread that may wait for the disk, and back, costs time.
async fn open(path: PathBuf, offset: u64, size: u64) -> Result<Outputs, PoolError> {
    let opened = at_hand::spawn_blocking(move || {
        let gone = |e: &std::io::Error| e.kind() == std::io::ErrorKind::NotFound;
        let mut file = std::fs::File::open(path)
            .map_err(|e| if gone(&e) { lost("it is not there any more") } else { disk(&e) })?;
        let length = file.metadata().map_err(|e| disk(&e))?.len();
        if length != size {
            return Err(lost(format!("it has {length} bytes and should have {size}")));
        }
        file.seek(SeekFrom::Start(offset)).map_err(|e| disk(&e))?;
        let mut first = Vec::new();
        (&mut file).take(piece(offset, size)).read_to_end(&mut first).map_err(|e| disk(&e))?;
        Ok(Outputs { file: File::from_std(file), first })
    });
    opened.await.map_err(|e| disk(&std::io::Error::other(e)))?
}

/// Bytes of the next chunk.
fn piece(offset: u64, size: u64) -> u64 {
    (size - offset).min(CHUNK_BYTES as u64)
}

/// The pool's word on a result it has.
pub(super) async fn settlement(pool: &V1Pool, key: &TaskKey, sha256: &str) -> Result<Credit, PoolError> {
    match stored(pool, key, sha256).await? {
        Stored::Answer(answer) => check::credit(&answer),
        Stored::Offset(_) => Err(protocol("the pool does not have a result that it has acknowledged")),
    }
}

async fn stored(pool: &V1Pool, key: &TaskKey, sha256: &str) -> Result<Stored, PoolError> {
    let key = Some(encode::key(key));
    let request = pool.signed(v1::ResultStatusRequest { key, sha256: sha256.to_owned() })?;
    let mut client = pool.tasks()?;
    let answer = within(UNARY, async { client.result_status(request).await.map_err(failed) }).await?;
    Ok(answer.into_inner().status.unwrap_or(Stored::Offset(0)))
}

/// Header, then chunks, then the end of our side. Ends early when nobody takes them any more.
async fn feed(
    moved: &AtomicU64,
    messages: mpsc::Sender<v1::SubmitTaskResultRequest>,
    header: Body,
    outputs: Option<Outputs>,
    mut offset: u64,
    size: u64,
) -> Result<(), PoolError> {
    if !send(&messages, header).await? {
        return Ok(());
    }
    let Some(Outputs { mut file, first: mut data }) = outputs else { return Ok(()) };
    while offset < size {
        let read = data.len() as u64;
        if read == 0 {
            return Err(disk(&std::io::Error::from(std::io::ErrorKind::UnexpectedEof)));
        }
        if !send(&messages, Body::Chunk(v1::ResultChunk { offset, data: data.into() })).await? {
            return Ok(());
        }
        offset += read;
        moved.fetch_add(read, Ordering::Relaxed);
        data = Vec::with_capacity(usize::try_from(piece(offset, size)).unwrap_or_default());
        (&mut file).take(piece(offset, size)).read_to_end(&mut data).await.map_err(|e| disk(&e))?;
    }
    Ok(())
}

/// Whether somebody still takes messages.
async fn send(messages: &mpsc::Sender<v1::SubmitTaskResultRequest>, body: Body) -> Result<bool, PoolError> {
    let sent = messages.send(v1::SubmitTaskResultRequest { body: Some(body) });
    let sent = tokio::time::timeout(STALL, sent).await;
    sent.map(|sent| sent.is_ok()).map_err(|_| unreachable("the pool takes nothing of the result"))
}
