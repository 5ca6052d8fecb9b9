//! A clock that is hours off: the computer's own, by libfaketime, and the pool's, by a page that tells another date.

use super::{Ill, Patient, can};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HOURS: i64 = 3 * 3600;

/// The pool's page with a date of its own.
async fn page_of(pool: SocketAddr, off: Arc<AtomicI64>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("its number");
    let known = reqwest::get(format!("http://{pool}/.well-known/hivemind")).await.expect("an answer");
    let body = known.text().await.expect("a page");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let off = off.load(Ordering::Relaxed);
            let by = Duration::from_secs(off.unsigned_abs());
            let now = now();
            let date = httpdate::fmt_http_date(if off < 0 { now - by } else { now + by });
            let head = format!(
                "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    at
}

#[expect(clippy::disallowed_methods, reason = "a date of the real time is what is told here")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// How many seconds the proof tells.
fn told(proof: &str) -> i64 {
    let number = proof.split_whitespace().find_map(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no number in {proof}"))
}

#[tokio::test]
async fn a_pool_that_tells_another_time_is_told_with_way_and_distance() {
    let mut patient = Patient::new(|_| ()).await;
    let off = Arc::new(AtomicI64::new(HOURS));
    let page = page_of(patient.pool.http_addr(), Arc::clone(&off)).await;
    patient.surround("MASTER_NODE_URL", format!("http://{page}"));
    patient.start().await;
    for (fault, by, way) in
        [("clock-late", HOURS, "behind the pool's"), ("clock-early", -HOURS, "ahead of the pool's")]
    {
        off.store(by, Ordering::Relaxed);
        let ill = Ill {
            fault,
            number: 33,
            level: "warning",
            code: Some("CLOCK_WRONG"),
            proof: &[way],
            fix: "Compare this computer's clock",
        };
        let found = patient.is_ill(&ill).await;
        let seconds = told(found["proof"].as_str().expect("a proof"));
        assert!((HOURS - 5..=HOURS + 5).contains(&seconds), "{found}");
    }
    off.store(0, Ordering::Relaxed);
    let proof = patient.is_well(33).await;
    assert!(told(&proof) <= 5, "{proof}");
    patient.end().await;
}

#[tokio::test]
async fn a_computer_whose_clock_is_wrong_is_told_with_way_and_distance() {
    let name = "a_computer_whose_clock_is_wrong_is_told_with_way_and_distance";
    if !can(name, &["faketime"]) {
        return;
    }
    let preload = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    if !Path::new(preload).is_file() {
        println!("SKIPPED {name}: {preload} is missing");
        return;
    }
    let mut patient = Patient::new(|_| ()).await;
    let now = patient.path("clock");
    std::fs::write(&now, "-3h").expect("written");
    patient.surround("LD_PRELOAD", preload);
    patient.surround("FAKETIME_TIMESTAMP_FILE", now.display().to_string());
    patient.surround("FAKETIME_NO_CACHE", "1");
    patient.surround("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    patient.start().await;
    let ill = Ill {
        fault: "clock-late",
        number: 33,
        level: "warning",
        code: Some("CLOCK_WRONG"),
        proof: &["this computer's clock is ", "behind the pool's"],
        fix: "Compare this computer's clock",
    };
    let found = patient.is_ill(&ill).await;
    let seconds = told(found["proof"].as_str().expect("a proof"));
    assert!((HOURS - 5..=HOURS + 5).contains(&seconds), "{found}");
    std::fs::write(&now, "+0").expect("written");
    patient.is_well(33).await;
    patient.end().await;
}
