//! `TaskService`.

use super::Services;
use crate::clock;
use crate::error::PoolError;
use crate::pool::{Begun, ReportStream, ResultStatus};
use crate::tasks::{Finished, Submission};
use crate::wire;
use hivemind_proto::bounds::Bounded;
use hivemind_proto::limits::MAX_ASSIGN_WAIT_MS;
use hivemind_proto::v1::cancel_task_request::By;
use hivemind_proto::v1::submit_task_result_request::Body;
use hivemind_proto::v1::{self, task_report, task_service_server::TaskService};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// How long reports are gathered before they are made durable and acknowledged.
const GATHER: Duration = Duration::from_millis(200);
/// A sender of chunks that is silent for so long is taken for dead.
const CHUNK_WAIT: Duration = Duration::from_secs(30);
/// Acknowledgements that wait for the network.
const WAITING_ACKS: usize = 4;

fn answer(finished: Finished) -> v1::SubmitTaskResultResponse {
    v1::SubmitTaskResultResponse { durable: true, credited_cpt: finished.credited, settled: true }
}

#[tonic::async_trait]
impl TaskService for Services {
    type ReportTaskStream = ReceiverStream<Result<v1::TaskReportAck, Status>>;

    async fn assign_task(
        &self,
        request: Request<v1::AssignTaskRequest>,
    ) -> Result<Response<v1::AssignTaskResponse>, Status> {
        let (session, offer) = self.open(request)?;
        let node = wire::node(offer.node_id)?;
        let free = wire::resources(offer.free.unwrap_or_default());
        let wait = match offer.wait_ms {
            1..=MAX_ASSIGN_WAIT_MS => offer.wait_ms,
            _ => MAX_ASSIGN_WAIT_MS,
        };
        let wait = Duration::from_millis(u64::from(wait));
        let assignment = self.0.poll(session.user.id, node, free, offer.running, wait).await?;
        Ok(Response::new(v1::AssignTaskResponse { assignment, lease_ms: clock::ms_u32(self.0.config.lease) }))
    }

    async fn report_task(
        &self,
        request: Request<Streaming<v1::TaskReport>>,
    ) -> Result<Response<Self::ReportTaskStream>, Status> {
        let session = self.session(&request)?;
        let mut reports = request.into_inner();
        let first = tokio::time::timeout(CHUNK_WAIT, reports.message())
            .await
            .map_err(|_| PoolError::field("hello", "sent at once"))??
            .ok_or_else(|| PoolError::field("hello", "present"))?;
        first.check()?;
        if !matches!(first.body, Some(task_report::Body::Hello(_))) {
            return Err(PoolError::field("hello", "the first message").into());
        }
        let key = wire::needed_key(first.key)?;
        let stream = ReportStream::open(self.0.clone(), session.user.id, key).await?;
        let (acks, receiver) = mpsc::channel(WAITING_ACKS);
        let closing = self.0.closing.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = follow_reports(stream, reports, &acks) => ended,
                () = closing.cancelled() => Err(PoolError::Closing.into()),
            };
            if let Err(status) = ended {
                let _ = acks.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn submit_task_result(
        &self,
        request: Request<Streaming<v1::SubmitTaskResultRequest>>,
    ) -> Result<Response<v1::SubmitTaskResultResponse>, Status> {
        let session = self.session(&request)?;
        let mut messages = request.into_inner();
        let Some(Body::Header(header)) = next_part(&mut messages).await? else {
            return Err(PoolError::field("header", "the first message").into());
        };
        let key = wire::needed_key(header.key.clone())?;
        let mut usage = wire::usage(&header.usage.unwrap_or_default());
        usage.active_ms = usage.active_ms.max(header.active_ms);
        let verdict = wire::verdict(&header.verdict.clone().unwrap_or_default())?;
        let submission = Submission {
            report: wire::report(&header, &verdict, &usage),
            verdict,
            usage,
            wall_ms: header.wall_ms,
            image_digest: hivemind_domain::text::plain_line(&header.image_digest, 256),
            sha256: header.sha256,
            size: header.size_bytes,
        };
        let mut upload = match self.0.begin_result(session.user.id, key, submission, header.offset).await? {
            Begun::Final(finished) => return Ok(Response::new(answer(finished))),
            Begun::Upload(upload) => upload,
        };
        let superseded = upload.superseded();
        while !upload.is_whole() {
            let part = tokio::select! {
                part = next_part(&mut messages) => part,
                () = superseded.cancelled() => Err(PoolError::Superseded.into()),
                () = self.0.closing.cancelled() => Err(PoolError::Closing.into()),
            };
            let refused: Status = match part {
                Ok(Some(Body::Chunk(chunk))) => match upload.write(chunk.offset, &chunk.data).await {
                    Ok(()) => continue,
                    Err(refused) => refused.into(),
                },
                Ok(Some(Body::Header(_))) => PoolError::field("header", "the first message only").into(),
                Ok(None) => PoolError::field("chunk", "sent until the announced size is reached").into(),
                Err(status) => status,
            };
            upload.keep().await?;
            return Err(refused);
        }
        Ok(Response::new(answer(upload.finish().await?)))
    }

    async fn result_status(
        &self,
        request: Request<v1::ResultStatusRequest>,
    ) -> Result<Response<v1::ResultStatusResponse>, Status> {
        use v1::result_status_response::Status as Known;
        let (session, asked) = self.open(request)?;
        let key = wire::needed_key(asked.key)?;
        let status = match self.0.result_status(session.user.id, key, &asked.sha256).await? {
            ResultStatus::Offset(offset) => Known::Offset(offset),
            ResultStatus::Final(finished) => Known::Answer(answer(finished)),
        };
        Ok(Response::new(v1::ResultStatusResponse { status: Some(status) }))
    }

    async fn cancel_task(
        &self,
        request: Request<v1::CancelTaskRequest>,
    ) -> Result<Response<v1::CancelTaskResponse>, Status> {
        let (session, asked) = self.open(request)?;
        match asked.by {
            Some(By::HandBack(back)) => {
                let reason = wire::hand_back(back.reason())?;
                let key = wire::needed_key(back.key)?;
                self.0.hand_back(session.user.id, key, reason, back.message).await?;
            }
            Some(By::RequesterTaskId(task)) => self.0.cancel(wire::task(task)?, session.user.id).await?,
            None => return Err(PoolError::field("by", "present").into()),
        }
        Ok(Response::new(v1::CancelTaskResponse {}))
    }
}

async fn next_part(messages: &mut Streaming<v1::SubmitTaskResultRequest>) -> Result<Option<Body>, Status> {
    let message = tokio::time::timeout(CHUNK_WAIT, messages.message())
        .await
        .map_err(|_| PoolError::field("chunk", "sent without a pause of 30 s"))??;
    let Some(message) = message else { return Ok(None) };
    message.check()?;
    Ok(message.body)
}

async fn follow_reports(
    mut stream: ReportStream,
    mut reports: Streaming<v1::TaskReport>,
    acks: &mpsc::Sender<Result<v1::TaskReportAck, Status>>,
) -> Result<(), Status> {
    let superseded = stream.superseded();
    if acks.send(Ok(stream.ack())).await.is_err() {
        return Ok(());
    }
    let mut due = tokio::time::interval(GATHER);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let mut over = false;
        let mut flush = false;
        tokio::select! {
            report = reports.message() => match report {
                Ok(Some(report)) => {
                    report.check()?;
                    stream.take(report)?;
                    flush = stream.is_urgent();
                }
                Ok(None) => over = true,
                // The connection broke; what came in is kept all the same.
                Err(_) => over = true,
            },
            _ = due.tick(), if stream.is_dirty() => flush = true,
            () = superseded.cancelled() => {
                stream.flush().await?;
                return Err(PoolError::Superseded.into());
            }
        }
        if (flush || over) && stream.is_dirty() {
            stream.flush().await?;
            if acks.send(Ok(stream.ack())).await.is_err() {
                return Ok(());
            }
        }
        if over {
            return Ok(());
        }
    }
}
