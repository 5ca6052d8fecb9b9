use crate::support::{Bench, PASSWORD, Worker, chunks, code, field, header, succeeded, used};
use hivemind_proto::v1::{self, ErrorCode, account_service_client::AccountServiceClient, task_report::Body};
use std::time::Duration;
use tonic::Code;

async fn login(bench: &Bench, username: &str, password: &str) -> Result<(), tonic::Status> {
    let request =
        v1::LoginRequest { username: username.into(), password: password.into(), install_id: "one".into() };
    AccountServiceClient::new(Worker::channel(&bench.pool).await).login(request).await.map(|_| ())
}

#[tokio::test]
async fn every_field_over_its_bound_is_named() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;

    let mut registration = worker.registration();
    registration.hostname = "h".repeat(129);
    let refused = worker.nodes().register_node(worker.signed(registration)).await.unwrap_err();
    assert_eq!(field(&refused), "hostname");
    let mut registration = worker.registration();
    registration.protocol_version = 2;
    let refused = worker.nodes().register_node(worker.signed(registration)).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::ProtocolUnsupported);

    let many: Vec<_> = std::iter::repeat_n(&key, 257).collect();
    assert_eq!(field(&worker.beat(&many).await.unwrap_err()), "held");
    let evil = v1::TaskKey { task_id: "../../etc".into(), attempt: 1 };
    assert_eq!(field(&worker.beat(&[&evil]).await.unwrap_err()), "held");
    let zero = v1::TaskKey { attempt: 0, ..key.clone() };
    assert_eq!(field(&worker.beat(&[&zero]).await.unwrap_err()), "held");

    let mut usage = used(1.0, 1);
    usage.memory_byte_ms = f64::NAN;
    let refused = worker.submit(&key, succeeded(), usage, b"x").await.unwrap_err();
    assert_eq!(field(&refused), "usage.memory_byte_ms");
    let mut traversal = header(&key, succeeded(), used(1.0, 1), b"x", 0);
    traversal.sha256 = format!("../../{}", "a".repeat(58));
    assert_eq!(field(&worker.send(traversal, vec![]).await.unwrap_err()), "header.sha256");
    let huge = v1::ResultHeader { size_bytes: u64::MAX, ..header(&key, succeeded(), used(1.0, 1), b"x", 0) };
    assert_eq!(code(&worker.send(huge, vec![]).await.unwrap_err()), ErrorCode::TooLarge);
    let more = header(&key, succeeded(), used(1.0, 1), b"abc", 0);
    let refused = worker.send(more, chunks(b"abcd", 0)).await.unwrap_err();
    assert_eq!(field(&refused), "chunk.data");
    let twice = vec![chunks(b"ab", 0).remove(0), chunks(b"ab", 0).remove(0)];
    let refused = worker.send(header(&key, succeeded(), used(1.0, 1), b"abc", 0), twice).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::OffsetMismatch);
}

#[tokio::test]
async fn a_message_larger_than_any_legal_one_is_not_even_read() {
    let bench = Bench::start().await;
    bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    let beat = v1::HeartbeatRequest { node_id: "n".repeat(5 << 20), held: vec![], leaving: false };
    let refused = worker.nodes().heartbeat(worker.signed(beat)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    worker.beat(&[]).await.expect("the pool goes on");
}

#[tokio::test]
async fn a_report_stream_that_breaks_the_rules_is_ended() {
    let bench = Bench::start().await;
    let ann = bench.user("ann").await;
    let worker = bench.worker("ann", "one").await;
    bench.submit(&ann, "job").await;
    let key = worker.next_key().await;
    let report = |seq, body| v1::TaskReport { key: Some(key.clone()), seq, body: Some(body) };
    let hello = report(0, Body::Hello(v1::ReportHello {}));
    let other = v1::TaskReport {
        key: Some(v1::TaskKey { attempt: 9, ..key.clone() }),
        ..report(1, Body::Usage(used(1.0, 1)))
    };
    let phase = v1::StateChange { phase: "owned".into(), ..Default::default() };
    let line = v1::LogLine { text: "x".repeat(16_385), ..Default::default() };
    for (messages, wrong) in [
        (vec![report(1, Body::Usage(used(1.0, 1)))], "hello"),
        (vec![], "hello"),
        (vec![hello.clone(), hello.clone()], "hello"),
        (vec![hello.clone(), other], "key"),
        (vec![hello.clone(), report(1, Body::State(phase))], "state.phase"),
        (
            vec![hello.clone(), report(1, Body::Log(v1::LogChunk { first_line: 1, lines: vec![line] }))],
            "log.lines.text",
        ),
    ] {
        let request = worker.signed(tokio_stream::iter(messages));
        let refused = match worker.tasks().report_task(request).await {
            Err(refused) => refused,
            Ok(answer) => {
                let mut acks = answer.into_inner();
                loop {
                    match acks.message().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("{wrong}: ended without an error"),
                        Err(refused) => break refused,
                    }
                }
            }
        };
        assert_eq!(field(&refused), wrong);
    }
}

#[tokio::test]
async fn nothing_works_without_a_session() {
    let bench = Bench::start().await;
    bench.user("ann").await;
    let mut worker = bench.worker("ann", "one").await;
    worker.token = "made-up".into();
    assert_eq!(code(&worker.beat(&[]).await.unwrap_err()), ErrorCode::SignInNeeded);
    assert_eq!(code(&worker.poll(100).await.unwrap_err()), ErrorCode::SignInNeeded);
    let key = v1::TaskKey { task_id: "t".into(), attempt: 1 };
    let refused = worker.submit(&key, succeeded(), used(1.0, 1), b"x").await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::SignInNeeded);
    let bare = worker.nodes().heartbeat(v1::HeartbeatRequest::default()).await.unwrap_err();
    assert_eq!(code(&bare), ErrorCode::SignInNeeded);
}

#[tokio::test]
async fn a_session_ends_and_says_so() {
    let bench = Bench::with(|config| config.session_ttl = Duration::from_millis(300)).await;
    bench.user("ann").await;
    let worker = Worker::sign_in(&bench, "ann", "one").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let refused = worker.accounts().get_balance(worker.signed(v1::GetBalanceRequest {})).await.unwrap_err();
    assert_eq!(code(&refused), ErrorCode::SessionExpired);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let bench = Bench::with(|config| config.sign_ins_per_minute = 3).await;
    bench.user("ann").await;
    bench.user("bob").await;
    for _ in 0..3 {
        assert_eq!(
            code(&login(&bench, "ann", "wrong password").await.unwrap_err()),
            ErrorCode::WrongCredentials
        );
    }
    let slowed = login(&bench, "ANN", PASSWORD).await.unwrap_err();
    assert_eq!(code(&slowed), ErrorCode::RateLimited);
    assert!(hivemind_proto::error::detail(&slowed).unwrap().retry_after_ms > 30_000);
    login(&bench, "bob", PASSWORD).await.expect("others may still sign in");
    let unknown = login(&bench, "nobody", PASSWORD).await.unwrap_err();
    assert_eq!(code(&unknown), ErrorCode::WrongCredentials);
}

#[tokio::test]
async fn an_unusable_certificate_or_port_ends_the_start() {
    use hivemind_local_pool::{LocalPool, PoolConfig, PoolError, TlsIdentity};
    let dir = tempfile::tempdir().unwrap();
    let mut config = PoolConfig::ephemeral(dir.path());
    config.tls = Some(TlsIdentity { certificate_pem: "none".into(), key_pem: "none".into() });
    assert!(matches!(LocalPool::start(config.clone()).await, Err(PoolError::Tls(_))));
    config.tls = None;
    let taken = tokio::net::TcpListener::bind(config.grpc_addr).await.unwrap();
    config.grpc_addr = taken.local_addr().unwrap();
    assert!(matches!(LocalPool::start(config).await, Err(PoolError::Listen { .. })));
}
