//! `ArtifactService`.

use super::Services;
use crate::error::PoolError;
use crate::wire;
use bytes::Bytes;
use hivemind_proto::limits::CHUNK_BYTES;
use hivemind_proto::v1::{self, artifact_service_server::ArtifactService};
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Chunks read ahead of the network.
const AHEAD: usize = 2;

#[tonic::async_trait]
impl ArtifactService for Services {
    type FetchStream = ReceiverStream<Result<v1::FetchChunk, Status>>;

    async fn fetch(&self, request: Request<v1::FetchRequest>) -> Result<Response<Self::FetchStream>, Status> {
        let (session, wish) = self.open(request)?;
        let key = wire::needed_key(wish.key)?;
        if wish.artifact_id != key.task.as_str() {
            return Err(PoolError::ArtifactUnknown.into());
        }
        let (asked, user) = (key.clone(), session.user.id);
        let (state, _) = self.0.db.call(move |t| crate::tasks::holder(t, &asked, user)).await?;
        if state != "held" {
            return Err(PoolError::StaleAttempt.into());
        }
        // One that has vanished from the disk will not come back: the worker should not wait for it.
        let gone = |error: std::io::Error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                PoolError::ArtifactUnknown
            } else {
                error.into()
            }
        };
        let mut file = File::open(self.0.files.package(&key.task)).await.map_err(gone)?;
        let total = file.metadata().await.map_err(PoolError::from)?.len();
        if wish.offset > total {
            return Err(PoolError::OffsetMismatch { stored: total }.into());
        }
        file.seek(SeekFrom::Start(wish.offset)).await.map_err(PoolError::from)?;
        let (chunks, receiver) = mpsc::channel(AHEAD);
        let closing = self.0.closing.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = send(file, wish.offset, total, chunks) => {}
                () = closing.cancelled() => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

async fn send(
    mut file: File,
    mut offset: u64,
    total: u64,
    chunks: mpsc::Sender<Result<v1::FetchChunk, Status>>,
) {
    loop {
        let mut data = Vec::with_capacity(CHUNK_BYTES);
        let chunk = match (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut data).await {
            Ok(_) => Ok(v1::FetchChunk { offset, data: Bytes::from(data), total_size: total }),
            Err(e) => Err(PoolError::from(e).into()),
        };
        let length = chunk.as_ref().map_or(0, |chunk| chunk.data.len() as u64);
        offset += length;
        if chunks.send(chunk).await.is_err() || length == 0 || offset >= total {
            return;
        }
    }
}
