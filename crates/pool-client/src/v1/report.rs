//! The stream that tells about a running attempt.

use super::{UNARY, V1Pool, encode};
use crate::check;
use crate::failure::{failed, protocol, unreachable, within};
use hivemind_domain::ids::TaskKey;
use hivemind_proto::limits::{MAX_LOG_CHUNK_BYTES, MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
use hivemind_proto::v1;
use hivemind_proto::v1::task_report::Body;
use hivemind_worker_core::port::{Durable, OutputLine, PoolError, Report};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Time the pool has to make the last reports durable and to close its side.
const LAST_ACKS: Duration = Duration::from_secs(20);

/// Runs until `reports` has ended and the pool has closed its side, or the stream breaks.
pub(super) async fn run(
    pool: &V1Pool,
    key: &TaskKey,
    reports: mpsc::Receiver<Report>,
    durable: mpsc::Sender<Durable>,
) -> Result<(), PoolError> {
    let (messages, outgoing) = mpsc::channel(4);
    let hello = Body::Hello(v1::ReportHello {});
    let message = v1::TaskReport { key: Some(encode::key(key)), seq: 0, body: Some(hello) };
    // The channel is new and has room.
    let _ = messages.send(message).await;
    let request = pool.signed(ReceiverStream::new(outgoing))?;
    let mut client = pool.tasks()?;
    let call = async { client.report_task(request).await.map_err(failed) };
    let mut acks = within(UNARY, call).await?.into_inner();
    let first = within(UNARY, next(&mut acks)).await?;
    let (seq, first) = first.ok_or_else(|| protocol("the pool closed the stream at once"))?;
    if durable.send(first).await.is_err() {
        return Ok(());
    }
    let incoming = forward(acks, &durable);
    tokio::pin!(incoming);
    tokio::select! {
        // The stream broke while there was more to tell, or nobody listens any more.
        ended = &mut incoming => ended,
        closed = send_all(reports, messages, key, seq) => match closed {
            Sent::All => tokio::time::timeout(LAST_ACKS, incoming)
                .await
                .unwrap_or_else(|_| Err(unreachable("the pool did not confirm the last reports in time"))),
            // Nobody takes messages any more: the incoming side knows why.
            Sent::Stuck => within(UNARY, incoming).await.and_then(|()| Err(unreachable("the pool closed the stream"))),
        },
    }
}

async fn next(acks: &mut Streaming<v1::TaskReportAck>) -> Result<Option<(u64, Durable)>, PoolError> {
    acks.message().await.map_err(failed)?.map(|ack| check::durable(&ack)).transpose()
}

/// Passes on what became durable. A listener that is slow gets the newest, and never holds the stream up.
async fn forward(
    mut acks: Streaming<v1::TaskReportAck>,
    durable: &mpsc::Sender<Durable>,
) -> Result<(), PoolError> {
    let mut newest = None;
    loop {
        tokio::select! {
            room = durable.reserve(), if newest.is_some() => match (room, newest.take()) {
                (Ok(room), Some(ack)) => room.send(ack),
                _ => return Ok(()),
            },
            ack = next(&mut acks) => match ack? {
                Some((_, ack)) => newest = Some(ack),
                None => {
                    if let Some(ack) = newest {
                        // Full or closed: then the listener has stopped listening.
                        let _ = durable.try_send(ack);
                    }
                    return Ok(());
                }
            },
        }
    }
}

enum Sent {
    All,
    Stuck,
}

/// Sends until the reports end, then closes our side.
async fn send_all(
    mut reports: mpsc::Receiver<Report>,
    messages: mpsc::Sender<v1::TaskReport>,
    key: &TaskKey,
    mut seq: u64,
) -> Sent {
    while let Some(report) = reports.recv().await {
        let bodies = match report {
            Report::Phase(phase) => {
                vec![Body::State(v1::StateChange { phase: phase.to_owned(), ..v1::StateChange::default() })]
            }
            Report::Usage(usage) => vec![Body::Usage(encode::task_usage(&usage))],
            // Here lines count from 0, there from 1.
            Report::Lines { first, lines } => chunks(first + 1, lines).into_iter().map(Body::Log).collect(),
        };
        for body in bodies {
            seq += 1;
            let message = v1::TaskReport { key: Some(encode::key(key)), seq, body: Some(body) };
            if messages.send(message).await.is_err() {
                return Sent::Stuck;
            }
        }
    }
    Sent::All
}

/// Splits lines into chunks within the protocol's bounds.
fn chunks(mut first: u64, lines: Vec<OutputLine>) -> Vec<v1::LogChunk> {
    let mut all = Vec::new();
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for line in lines {
        let text = cut(line.text);
        let full = bytes + text.len() > MAX_LOG_CHUNK_BYTES || chunk.len() >= MAX_LOG_LINES;
        if full && !chunk.is_empty() {
            let lines: Vec<_> = std::mem::take(&mut chunk);
            let next = first + lines.len() as u64;
            all.push(v1::LogChunk { first_line: first, lines });
            first = next;
            bytes = 0;
        }
        bytes += text.len();
        let stream = if line.stderr { v1::LogStream::Stderr } else { v1::LogStream::Stdout };
        chunk.push(v1::LogLine { stream: stream.into(), time_ns: line.time_ns, text });
    }
    if !chunk.is_empty() {
        all.push(v1::LogChunk { first_line: first, lines: chunk });
    }
    all
}

fn cut(mut text: String) -> String {
    let mut end = text.len().min(MAX_LOG_LINE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_order_and_bounds() {
        let line = |n: usize| OutputLine {
            stderr: n.is_multiple_of(2),
            time_ns: n as i64,
            text: "繁".repeat(n * 10),
        };
        let lines: Vec<_> = (0..700).map(line).collect();
        let chunks = chunks(5, lines);
        assert!(chunks.len() > 1);
        let mut next = 5;
        for chunk in &chunks {
            assert_eq!(chunk.first_line, next);
            assert!(chunk.lines.len() <= MAX_LOG_LINES);
            assert!(chunk.lines.iter().map(|l| l.text.len()).sum::<usize>() <= MAX_LOG_CHUNK_BYTES);
            assert!(chunk.lines.iter().all(|l| l.text.len() <= MAX_LOG_LINE_BYTES));
            next += chunk.lines.len() as u64;
        }
        assert_eq!(next, 705);
    }
}
