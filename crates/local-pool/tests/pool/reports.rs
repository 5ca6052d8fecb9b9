use crate::support::{Bench, Worker, code, succeeded, used};
use hivemind_proto::v1::{self, ErrorCode, LogStream, task_report::Body};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Streaming;

struct Stream {
    key: v1::TaskKey,
    messages: mpsc::Sender<v1::TaskReport>,
    acks: Streaming<v1::TaskReportAck>,
}

impl Stream {
    async fn open(worker: &Worker, key: &v1::TaskKey) -> Result<Self, tonic::Status> {
        let (messages, receiver) = mpsc::channel(64);
        let hello = Body::Hello(v1::ReportHello {});
        messages.send(v1::TaskReport { key: Some(key.clone()), seq: 0, body: Some(hello) }).await.unwrap();
        let request = worker.signed(tokio_stream::wrappers::ReceiverStream::new(receiver));
        let acks = worker.tasks().report_task(request).await?.into_inner();
        Ok(Self { key: key.clone(), messages, acks })
    }

    async fn send(&self, seq: u64, body: Body) {
        let report = v1::TaskReport { key: Some(self.key.clone()), seq, body: Some(body) };
        self.messages.send(report).await.unwrap();
    }

    async fn ack(&mut self) -> v1::TaskReportAck {
        let waiting = tokio::time::timeout(Duration::from_secs(5), self.acks.message());
        waiting.await.expect("an answer").unwrap().expect("an acknowledgement")
    }
}

/// The first acknowledgement that reaches `seq`.
async fn reached(stream: &mut Stream, seq: u64) -> v1::TaskReportAck {
    loop {
        let ack = stream.ack().await;
        if ack.durable_seq >= seq {
            return ack;
        }
    }
}

fn lines(first_line: u64, count: u64) -> Body {
    let line = |n: u64| v1::LogLine {
        stream: if n.is_multiple_of(2) { LogStream::Stderr } else { LogStream::Stdout }.into(),
        time_ns: n as i64 * 10,
        text: format!("line {n}"),
    };
    Body::Log(v1::LogChunk { first_line, lines: (first_line..first_line + count).map(line).collect() })
}

fn state(phase: &str) -> Body {
    Body::State(v1::StateChange { phase: phase.into(), message: "so it is".into(), time_ms: 5 })
}

#[tokio::test]
async fn reports_are_acknowledged_when_durable_and_resume_after_a_break() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let id = bench.submit(&ann, "job").await;
    assert_eq!(bench.pool.task(&id).await.unwrap().assigned_ms, None);
    let key = worker.next_key().await;
    let view = bench.pool.task(&id).await.unwrap();
    assert!(view.assigned_ms.is_some_and(|at| at >= view.created_ms));
    let mut stream = Stream::open(&worker, &key).await.unwrap();
    assert_eq!(stream.ack().await, v1::TaskReportAck::default());
    stream.send(1, state("running")).await;
    assert_eq!(stream.ack().await.durable_seq, 1);
    let view = bench.pool.task(&id).await.unwrap();
    assert_eq!((view.phase.as_deref(), view.message.as_str()), (Some("running"), "so it is"));
    assert!(view.started_ms.is_some());
    stream.send(2, lines(1, 5)).await;
    stream.send(3, Body::Usage(used(50.0, 2))).await;
    stream.send(4, Body::Progress(v1::Progress { percent: 40.0, message: "two of five".into() })).await;
    let ack = reached(&mut stream, 4).await;
    assert_eq!((ack.durable_seq, ack.durable_log_line, ack.last_log_time_ns), (4, 5, 50));
    drop(stream);

    let mut again = Stream::open(&worker, &key).await.unwrap();
    assert_eq!(again.ack().await, ack, "what is durable is told first");
    again.send(2, lines(4, 3)).await;
    again.send(1, state("preparing")).await;
    let ack = again.ack().await;
    assert_eq!((ack.durable_seq, ack.durable_log_line), (4, 6));
    let view = bench.pool.task(&id).await.unwrap();
    assert_eq!((view.phase.as_deref(), view.progress), (Some("running"), Some(40.0)), "old news are ignored");
    assert_eq!(view.usage.unwrap().cpu_percent, 50.0);
    let log = bench.pool.log(&id).await.unwrap();
    let texts: Vec<_> = log.iter().map(|l| (l.n, l.stream.as_str())).collect();
    let odd = |n: u64| if n.is_multiple_of(2) { "stderr" } else { "stdout" };
    assert_eq!(texts, (1..=6).map(|n| (n, odd(n))).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_lines_may_come_after_the_result_but_not_after_the_attempt_was_lost() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let id = bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    worker.submit(&key, succeeded(), used(1.0, 1), b"x").await.unwrap();
    let mut stream = Stream::open(&worker, &key).await.unwrap();
    stream.ack().await;
    stream.send(1, lines(1, 1)).await;
    stream.send(2, state("running")).await;
    assert_eq!(stream.ack().await.durable_log_line, 1);
    assert_eq!(bench.pool.log(&id).await.unwrap().len(), 1);
    assert_eq!(bench.pool.task(&id).await.unwrap().phase.as_deref(), Some("ended"));

    let id = bench.submit(&ann, "lost").await;
    let key = worker.next_key().await;
    assert_eq!(key.task_id, id);
    let mut stream = Stream::open(&worker, &key).await.unwrap();
    stream.ack().await;
    worker.hand_back(&key, v1::HandBackReason::OwnerStopped).await.unwrap();
    stream.send(1, state("running")).await;
    let refused = stream.acks.message().await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::StaleAttempt);
    let refused = Stream::open(&worker, &key).await.map(|_| ()).unwrap_err();
    assert_eq!(code(&refused), ErrorCode::StaleAttempt);
}

#[tokio::test]
async fn a_newer_stream_ends_the_older() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let mut older = Stream::open(&worker, &key).await.unwrap();
    older.ack().await;
    let mut newer = Stream::open(&worker, &key).await.unwrap();
    newer.ack().await;
    assert_eq!(code(&older.acks.message().await.unwrap_err()), ErrorCode::Superseded);
    newer.send(1, lines(1, 1)).await;
    assert_eq!(newer.ack().await.durable_log_line, 1);
}

#[tokio::test]
async fn a_long_log_stays_bounded() {
    let bench = Bench::with(|config| config.max_log_bytes = 100_000).await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let id = bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let mut stream = Stream::open(&worker, &key).await.unwrap();
    stream.ack().await;
    for chunk in 0..20u64 {
        stream.send(chunk + 1, lines(chunk * 500 + 1, 500)).await;
    }
    while stream.ack().await.durable_log_line < 10_000 {}
    let log = bench.pool.log(&id).await.unwrap();
    assert_eq!((log.first().map(|l| l.n), log.last().map(|l| l.n)), (Some(1), Some(10_000)));
    assert!(log.len() < 2500 && log.iter().any(|l| l.stream == "pool" && l.text.contains("left out")));
}
