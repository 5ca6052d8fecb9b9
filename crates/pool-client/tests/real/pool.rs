//! The client against a real pool.

use crate::bench::{Bench, PASSWORD, Wire, capabilities, config, free, install, noise, zip};
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::task::{CancelledBy, HandBack, ResultFile, Verdict};
use hivemind_domain::usage::{AverageUse, TaskUsage};
use hivemind_local_pool::{TaskRequest, TaskState};
use hivemind_pool_client::V1Pool;
use hivemind_worker_core::port::{
    Durable, Offer, OutputLine, Pool, PoolErrorKind, Report, ResultHeader, StatusReport, TaskStatus, Tokens,
};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn result(key: &TaskKey, path: &Path, bytes: &[u8]) -> ResultHeader {
    std::fs::write(path, bytes).unwrap();
    let file = ResultFile { sha256: sha256(bytes), size_bytes: bytes.len() as u64, entries: 1 };
    ResultHeader {
        key: key.clone(),
        verdict: Verdict::Succeeded,
        usage: TaskUsage { active_ms: 1000, cpu_total_ns: 900_000_000, ..TaskUsage::default() },
        average: AverageUse::default(),
        wall: Duration::from_secs(1),
        image_digest: "sha256:0".into(),
        file: Some(file),
        times: PhaseTimes { run_ms: 1000, ..PhaseTimes::default() },
        input_bytes: 7,
        gpu_ms: 0,
        function: false,
    }
}

fn lines(range: std::ops::Range<u64>) -> Report {
    let first = range.start;
    let line =
        |n: u64| OutputLine { stderr: n % 2 == 1, time_ns: 1000 + n as i64, text: format!("line {n}") };
    Report::Lines { first, lines: range.map(line).collect() }
}

fn package_of(bench: &Bench, client_key: &TaskKey) -> PathBuf {
    bench.path(&format!("{}.zip", client_key.task))
}

#[tokio::test]
async fn signs_in_registers_and_lives() {
    let bench = Bench::start().await;
    let client = V1Pool::new(config(bench.master_url(), String::new()));
    assert_eq!(client.link(), "");
    assert_eq!(client.heartbeat(&[]).await.unwrap_err().kind, PoolErrorKind::NodeUnknown);
    client.connect().await.unwrap();
    assert_eq!(client.link(), "loopback");
    let error = client.login("worker", "wrong", &install()).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::WrongCredentials);
    assert_eq!(client.balance().await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
    let tokens = client.login("worker", PASSWORD, &install()).await.unwrap();
    assert_eq!(tokens.username, "worker");
    assert!((890..=900).contains(&tokens.session_for.as_secs()), "{:?}", tokens.session_for);
    let shown = format!("{tokens:?}");
    assert!(!shown.contains(&tokens.session) && !shown.contains(&tokens.refresh));
    assert_eq!(client.balance().await.unwrap(), 150);
    let registered = client.register(&install(), "bench", &capabilities()).await.unwrap();
    assert_eq!((registered.heartbeat_every, registered.lease.as_secs()), (Duration::from_secs(1), 120));
    let answer = client.heartbeat(&[]).await.unwrap();
    assert!(answer.void.is_empty() && answer.cancelled.is_empty());
    let foreign = TaskKey { task: TaskId::new("never-given").unwrap(), attempt: 1 };
    assert_eq!(client.heartbeat(std::slice::from_ref(&foreign)).await.unwrap().void, [foreign]);
    client.logout().await.unwrap();
    assert_eq!(client.balance().await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
    client.disconnect().await;
    assert_eq!(client.link(), "");
    assert_eq!(
        client.login("worker", PASSWORD, &install()).await.unwrap_err().kind,
        PoolErrorKind::Unreachable
    );
}

#[tokio::test]
async fn a_session_is_resumed_and_renewed() {
    let bench = Bench::start().await;
    let tokens = bench.client().await.login("worker", PASSWORD, &install()).await.unwrap();
    let client = V1Pool::new(config(bench.master_url(), String::new()));
    client.connect().await.unwrap();
    client.resume(&tokens).await;
    assert_eq!(client.balance().await.unwrap(), 150);
    let newer = client.refresh(&tokens.refresh).await.unwrap();
    assert_ne!(newer.session, tokens.session);
    assert_eq!(client.balance().await.unwrap(), 150);
    assert_eq!(client.refresh("no such token").await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
    let forged = Tokens { session: "forged".into(), ..newer };
    client.resume(&forged).await;
    assert_eq!(client.balance().await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
    client.resume(&Tokens { session: "line\r\nx-evil: 1".into(), ..forged }).await;
    assert!(client.balance().await.is_err());
}

#[tokio::test]
async fn a_task_goes_from_offer_to_credit() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let package = zip(&noise(700_000));
    let waiting = client.next_task(Offer::new(free(), 0));
    let handing_in = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        bench.task(&package).await
    };
    let (found, task) = tokio::join!(waiting, handing_in);
    let found = found.unwrap().expect("a task");
    let key = found.assignment.key.clone();
    assert_eq!((key.task.as_str(), key.attempt, found.lease.as_secs()), (task.as_str(), 1, 120));
    let wanted = found.assignment.package.clone().unwrap();
    assert_eq!(wanted.sha256, sha256(&package));

    let into = package_of(&bench, &key);
    client.fetch(&key, &wanted, &into).await.unwrap();
    assert_eq!(std::fs::read(&into).unwrap(), package);
    client.fetch(&key, &wanted, &into).await.unwrap();
    assert_eq!(client.moved_bytes(), package.len() as u64, "what is here already is not moved again");

    let usage = TaskUsage { active_ms: 500, cpu_total_ns: 400_000_000, ..TaskUsage::default() };
    let status = TaskStatus { key: key.clone(), usage, average: AverageUse::default() };
    let report = StatusReport { tasks: vec![status], ..StatusReport::default() };
    let answer = client.report_status(&report).await.unwrap();
    assert_eq!((answer.charged.len(), answer.balance_cpt), (1, Some(150)));

    let (reports, outgoing) = mpsc::channel(8);
    let (acks, mut durable) = mpsc::channel::<Durable>(8);
    let telling = async {
        assert_eq!(durable.recv().await.unwrap().lines, 0);
        reports.send(Report::Phase("running")).await.unwrap();
        reports.send(Report::Usage(usage)).await.unwrap();
        reports.send(lines(0..5)).await.unwrap();
        drop(reports);
        let mut last = 0;
        while let Some(ack) = durable.recv().await {
            last = ack.lines;
        }
        assert_eq!(last, 5);
    };
    let report = async {
        // The sender goes with the call, which ends the listener's loop.
        client.report(&key, outgoing, acks).await
    };
    let (reported, ()) = tokio::join!(report, telling);
    reported.unwrap();
    let log: Vec<_> = bench.pool.log(&task).await.unwrap().into_iter().map(|line| line.text).collect();
    assert_eq!(log, (0..5).map(|n| format!("line {n}")).collect::<Vec<_>>());

    let bytes = noise(1_500_000);
    let path = bench.path("result.zip");
    let header = result(&key, &path, &bytes);
    let credit = client.submit(&header, Some(&path)).await.unwrap();
    assert!(credit.cpt >= 1);
    assert_eq!(client.submit(&header, Some(&path)).await.unwrap().cpt, credit.cpt, "the same result twice");
    assert_eq!(client.moved_bytes(), (package.len() + bytes.len()) as u64);
    let ended = bench.pool.wait_for_end(&task, Duration::from_secs(10)).await.unwrap().unwrap();
    assert_eq!(ended.state, TaskState::Succeeded);
    let saved = bench.path("saved.zip");
    assert_eq!(bench.pool.save_result(&task, &saved).await.unwrap(), sha256(&bytes));
    assert_eq!(std::fs::read(&saved).unwrap(), bytes);

    let other = result(&key, &path, &noise(10));
    assert_eq!(client.submit(&other, Some(&path)).await.unwrap_err().kind, PoolErrorKind::Conflict);
    assert_eq!(client.balance().await.unwrap(), 150 + i64::try_from(credit.cpt).unwrap());
}

#[tokio::test]
async fn a_package_is_resumed_and_damage_of_the_first_try_is_mended() {
    let bench = Bench::start().await;
    let wire = Wire::to(bench.pool.grpc_addr()).await;
    let client = bench.client_at(wire.address.to_string()).await;
    let package = zip(&noise(3_000_000));
    bench.task(&package).await;
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().unwrap().assignment;
    let (key, wanted) = (found.key, found.package.unwrap());
    let into = package_of(&bench, &key);
    let part = PathBuf::from(format!("{}.part", into.display()));
    let half = package.len() / 2;
    std::fs::write(&part, &package[..half]).unwrap();
    client.fetch(&key, &wanted, &into).await.unwrap();
    assert_eq!(std::fs::read(&into).unwrap(), package);
    assert!(!part.exists());

    // A damaged beginning, one that is too long, and one that is whole.
    for left in [vec![7; half], vec![7; package.len() + 1], vec![7; package.len()], package.clone()] {
        std::fs::remove_file(&into).unwrap();
        std::fs::write(&part, left).unwrap();
        client.fetch(&key, &wanted, &into).await.unwrap();
        assert_eq!(std::fs::read(&into).unwrap(), package);
    }

    // The file that stands there already is not the package.
    std::fs::write(&into, vec![9; package.len()]).unwrap();
    client.fetch(&key, &wanted, &into).await.unwrap();
    assert_eq!(std::fs::read(&into).unwrap(), package);

    let mut lying = wanted.clone();
    lying.sha256 = "0".repeat(64);
    let elsewhere = bench.path("other.zip");
    let error = client.fetch(&key, &lying, &elsewhere).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::Protocol, "{error}");
    assert!(!elsewhere.exists() && !bench.path("other.zip.part").exists());
    let mut larger = wanted.clone();
    larger.size_bytes += 1;
    assert_eq!(client.fetch(&key, &larger, &elsewhere).await.unwrap_err().kind, PoolErrorKind::Protocol);
    let mut unknown = wanted.clone();
    unknown.id = "no-such-package".into();
    let error = client.fetch(&key, &unknown, &bench.path("unknown.zip")).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::NotFound, "{error}");
    let nowhere = bench.path("no/such/folder/x.zip");
    assert_eq!(client.fetch(&key, &wanted, &nowhere).await.unwrap_err().kind, PoolErrorKind::Disk);
}

#[tokio::test]
async fn an_upload_that_was_cut_goes_on_where_it_was() {
    let bench = Bench::start().await;
    let wire = Wire::to(bench.pool.grpc_addr()).await;
    let client = bench.client_at(wire.address.to_string()).await;
    let found = bench.assigned(&client).await.assignment;
    let bytes = noise(24 << 20);
    let path = bench.path("result.zip");
    let header = result(&found.key, &path, &bytes);
    let mut sent = 0;
    for cut in [3_000_000, 9_000_000] {
        wire.counted();
        wire.break_after(cut);
        let error = client.submit(&header, Some(&path)).await.unwrap_err();
        assert_eq!(error.kind, PoolErrorKind::Unreachable, "{error}");
        sent += wire.counted();
    }
    wire.mend();
    client.submit(&header, Some(&path)).await.unwrap();
    sent += wire.counted();
    let again = sent - bytes.len() as u64;
    assert!(again <= 2 * (4 << 20), "{again} bytes were sent again after two cuts");
    let saved = bench.path("saved.zip");
    let task = found.key.task.as_str();
    assert_eq!(bench.pool.save_result(task, &saved).await.unwrap(), header.file.unwrap().sha256);
}

#[tokio::test]
async fn a_result_that_changed_on_the_disk_is_not_sent() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let found = bench.assigned(&client).await.assignment;
    let path = bench.path("result.zip");
    let header = result(&found.key, &path, &noise(600_000));
    std::fs::write(&path, noise(500_000)).unwrap();
    assert_eq!(client.submit(&header, Some(&path)).await.unwrap_err().kind, PoolErrorKind::ResultLost);
    std::fs::write(&path, vec![1; 600_000]).unwrap();
    let error = client.submit(&header, Some(&path)).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::ResultLost, "the pool saw another hash: {error}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(client.submit(&header, Some(&path)).await.unwrap_err().kind, PoolErrorKind::ResultLost);
    assert_eq!(client.submit(&header, None).await.unwrap_err().kind, PoolErrorKind::Protocol);
    std::fs::write(&path, noise(600_000)).unwrap();
    client.submit(&header, Some(&path)).await.unwrap();
}

#[tokio::test]
async fn a_failure_without_outputs_is_told() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let found = bench.assigned(&client).await.assignment;
    let header = ResultHeader {
        verdict: Verdict::Failed {
            class: hivemind_domain::task::FailureClass::ExitCode,
            exit_code: Some(3),
            message: "the program ended with exit code 3".into(),
        },
        file: None,
        ..result(&found.key, &bench.path("unused"), b"x")
    };
    let credit = client.submit(&header, None).await.unwrap();
    assert_eq!(client.submit(&header, None).await.unwrap(), credit);
    let ended = bench.pool.task(found.key.task.as_str()).await.unwrap();
    assert_eq!((ended.state, ended.exit_code), (TaskState::Failed, Some(3)));
}

#[tokio::test]
async fn reports_go_on_after_a_broken_stream_and_stand_once() {
    let bench = Bench::start().await;
    let wire = Wire::to(bench.pool.grpc_addr()).await;
    let client = bench.client_at(wire.address.to_string()).await;
    let key = bench.assigned(&client).await.assignment.key;
    let mut told = 0;
    for round in 0..3 {
        let (reports, outgoing) = mpsc::channel(8);
        let (acks, mut durable) = mpsc::channel::<Durable>(8);
        let talking = async {
            let known = durable.recv().await.unwrap();
            assert!(known.lines <= told && (round == 0 || known.lines >= 600 * round), "{known:?} of {told}");
            assert!(known.lines == 0 || known.last_time_ns == 999 + known.lines as i64);
            let end = 600 * (round + 1);
            reports.send(lines(known.lines..end)).await.unwrap();
            told = end;
            while durable.recv().await.unwrap().lines < end {}
            if round < 2 {
                // Not durable for certain: the next stream tells them again where needed.
                reports.send(lines(end..end + 50)).await.unwrap();
                told += 50;
                wire.cut_now();
                // Nothing more to tell: the call has to notice by itself.
                std::future::pending::<()>().await;
            }
            drop(reports);
        };
        let call = client.report(&key, outgoing, acks);
        let ended = tokio::time::timeout(Duration::from_secs(30), async {
            tokio::pin!(call, talking);
            tokio::select! {
                ended = &mut call => ended,
                () = &mut talking => call.await,
            }
        });
        let ended = ended.await.expect("the call noticed nothing");
        assert_eq!(ended.is_ok(), round == 2, "round {round}: {ended:?}");
    }
    let log: Vec<_> = bench.pool.log(key.task.as_str()).await.unwrap().into_iter().map(|l| l.text).collect();
    assert_eq!(log, (0..1800).map(|n| format!("line {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_listener_that_stops_listening_holds_nothing_up() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let key = bench.assigned(&client).await.assignment.key;
    let (reports, outgoing) = mpsc::channel(1);
    let (acks, mut durable) = mpsc::channel::<Durable>(1);
    let talking = async {
        durable.recv().await.unwrap();
        for n in 0..200 {
            reports.send(lines(n..n + 1)).await.unwrap();
        }
        drop(reports);
    };
    let both = async { tokio::join!(client.report(&key, outgoing, acks), talking).0 };
    tokio::time::timeout(Duration::from_secs(30), both).await.expect("held up").unwrap();
    assert_eq!(bench.pool.log(key.task.as_str()).await.unwrap().len(), 200);
}

#[tokio::test]
async fn cancellations_hand_backs_and_stale_attempts_are_told_apart() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let key = bench.assigned(&client).await.assignment.key;
    bench.pool.cancel(&bench.requester, key.task.as_str()).await.unwrap();
    let answer = client.heartbeat(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(answer.cancelled, [(key.clone(), CancelledBy::Requester)]);

    let key = bench.assigned(&client).await.assignment.key;
    client.hand_back(&key, HandBack::OwnerStopped, "stopped \u{1b}[2J by its owner").await.unwrap();
    client.hand_back(&key, HandBack::OwnerStopped, "").await.unwrap();
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, std::slice::from_ref(&key));
    let path = bench.path("late.zip");
    let late = result(&key, &path, &noise(1000));
    let error = client.submit(&late, Some(&path)).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::StaleAttempt, "{error}");
    let (_reports, outgoing) = mpsc::channel(1);
    let (acks, _durable) = mpsc::channel(1);
    let error = client.report(&key, outgoing, acks).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::StaleAttempt, "{error}");
}

#[tokio::test]
async fn a_pool_that_went_away_and_came_back_is_used_again() {
    let bench = Bench::start().await;
    let wire = Wire::to(bench.pool.grpc_addr()).await;
    let client = bench.client_at(wire.address.to_string()).await;
    wire.break_after(0);
    wire.cut_now();
    let mut last = None;
    for _ in 0..3 {
        last = client.heartbeat(&[]).await.err().map(|e| e.kind);
    }
    assert_eq!(last, Some(PoolErrorKind::Unreachable));
    wire.mend();
    client.connect().await.unwrap();
    client.heartbeat(&[]).await.unwrap();
    bench.pool.shutdown().await;
    wire.cut_now();
    assert_eq!(client.heartbeat(&[]).await.unwrap_err().kind, PoolErrorKind::Unreachable);
}

#[tokio::test]
async fn a_request_beyond_the_bounds_is_refused_by_the_pool_and_not_tried_again() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let error = client.login(&"u".repeat(65), PASSWORD, &install()).await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::Protocol, "{error}");
    assert!(error.message.contains("username"), "{error}");
    let huge = TaskRequest::named("x".repeat(500));
    assert!(bench.pool.submit(&bench.requester, huge, &zip(b"x")[..]).await.is_err());
}
