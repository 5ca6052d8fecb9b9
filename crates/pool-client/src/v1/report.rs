//! The stream that tells about a running attempt.

use super::{UNARY, V1Pool, encode};
use crate::failure::{failed, protocol, within};
use hivemind_domain::ids::TaskKey;
use hivemind_proto::limits::{MAX_LOG_CHUNK_BYTES, MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
use hivemind_proto::v1;
use hivemind_proto::v1::task_report::Body;
use hivemind_worker_core::port::{Durable, OutputLine, PoolError, Report};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Runs until `reports` ends and the pool has closed its side, or the stream breaks.
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
    let mut acks =
        within(UNARY, async { client.report_task(request).await.map_err(failed) }).await?.into_inner();
    let first = within(UNARY, next(&mut acks)).await?;
    let Some(first) = first else { return Err(protocol("the pool closed the stream at once")) };
    let mut seq = first.durable_seq;
    if durable.send(durable_of(&first)).await.is_err() {
        return Ok(());
    }
    let incoming = async {
        while let Some(ack) = next(&mut acks).await? {
            if durable.send(durable_of(&ack)).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let sending = send_all(reports, messages, key, &mut seq);
    let (received, ()) = tokio::join!(incoming, sending);
    received
}

async fn next(acks: &mut Streaming<v1::TaskReportAck>) -> Result<Option<v1::TaskReportAck>, PoolError> {
    acks.message().await.map_err(failed)
}

fn durable_of(ack: &v1::TaskReportAck) -> Durable {
    Durable { lines: ack.durable_log_line, last_time_ns: ack.last_log_time_ns }
}

/// Sends until the reports end, then closes our side.
async fn send_all(
    mut reports: mpsc::Receiver<Report>,
    messages: mpsc::Sender<v1::TaskReport>,
    key: &TaskKey,
    seq: &mut u64,
) {
    while let Some(report) = reports.recv().await {
        let bodies = match report {
            Report::Phase(phase) => {
                vec![Body::State(v1::StateChange { phase: phase.to_owned(), ..v1::StateChange::default() })]
            }
            Report::Usage(usage) => vec![Body::Usage(encode::task_usage(&usage))],
            Report::Lines { first, lines } => chunks(first, lines).into_iter().map(Body::Log).collect(),
        };
        for body in bodies {
            *seq += 1;
            let message = v1::TaskReport { key: Some(encode::key(key)), seq: *seq, body: Some(body) };
            if messages.send(message).await.is_err() {
                return;
            }
        }
    }
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
