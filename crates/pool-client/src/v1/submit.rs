//! Sends a result, resumed at what the pool has.

use super::{UNARY, V1Pool, encode};
use crate::check;
use crate::failure::{disk, failed, within};
use hivemind_domain::task::Credit;
use hivemind_proto::limits::CHUNK_BYTES;
use hivemind_proto::v1::submit_task_result_request::Body;
use hivemind_proto::v1::{self, result_status_response::Status as Stored};
use hivemind_worker_core::port::{PoolError, ResultHeader};
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Time for the pool's answer after the last byte, on top of the time the bytes take.
const ANSWER: Duration = Duration::from_secs(60);
/// Slowest upload that is waited for, in bytes per second.
const SLOWEST: u64 = 16 * 1024;

/// Sends header and outputs; the pool's answer says that it has them for good.
pub(super) async fn run(
    pool: &V1Pool,
    header: &ResultHeader,
    path: Option<&Path>,
) -> Result<Credit, PoolError> {
    let size = header.file.as_ref().map_or(0, |file| file.size_bytes);
    let offset = match &header.file {
        Some(file) => match stored(pool, header, &file.sha256).await? {
            Stored::Answer(answer) => return check::credit(&answer),
            Stored::Offset(offset) => offset.min(size),
        },
        None => 0,
    };
    let file = match path {
        Some(path) if size > 0 => {
            let mut file = File::open(path).await.map_err(|e| disk(&e))?;
            file.seek(std::io::SeekFrom::Start(offset)).await.map_err(|e| disk(&e))?;
            Some(file)
        }
        _ => None,
    };
    let (messages, outgoing) = mpsc::channel(2);
    let first = Body::Header(encode::result_header(header, offset));
    let request = pool.signed(ReceiverStream::new(outgoing))?;
    let mut client = pool.tasks()?;
    let limit = ANSWER + Duration::from_secs((size - offset) / SLOWEST);
    let call = within(limit, async { client.submit_task_result(request).await.map_err(failed) });
    let feed = feed(messages, first, file, offset);
    let (answer, fed) = tokio::join!(call, feed);
    // A broken call stops the feed too: the call's own error says more.
    let answer = answer?;
    fed.map_err(|e| disk(&e))?;
    check::credit(&answer.into_inner())
}

async fn stored(pool: &V1Pool, header: &ResultHeader, sha256: &str) -> Result<Stored, PoolError> {
    let key = Some(encode::key(&header.key));
    let request = pool.signed(v1::ResultStatusRequest { key, sha256: sha256.to_owned() })?;
    let mut client = pool.tasks()?;
    let answer = within(UNARY, async { client.result_status(request).await.map_err(failed) }).await?;
    Ok(answer.into_inner().status.unwrap_or(Stored::Offset(0)))
}

/// Header, then chunks. Ends early when nobody takes them any more.
async fn feed(
    messages: mpsc::Sender<v1::SubmitTaskResultRequest>,
    header: Body,
    file: Option<File>,
    mut offset: u64,
) -> std::io::Result<()> {
    if messages.send(v1::SubmitTaskResultRequest { body: Some(header) }).await.is_err() {
        return Ok(());
    }
    let Some(mut file) = file else { return Ok(()) };
    loop {
        let mut data = Vec::with_capacity(CHUNK_BYTES);
        (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut data).await?;
        if data.is_empty() {
            return Ok(());
        }
        let length = data.len() as u64;
        let chunk = Body::Chunk(v1::ResultChunk { offset, data: data.into() });
        if messages.send(v1::SubmitTaskResultRequest { body: Some(chunk) }).await.is_err() {
            return Ok(());
        }
        offset += length;
    }
}
