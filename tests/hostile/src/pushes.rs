//! Calls as a hostile caller, or a hostile pool with the right key, would make them to a worker that is pushed to: over
//! real connections to the worker's real listener.

use crate::ALLOCATOR;
use crate::case::{Case, Seen};
use crate::cost::Cost;
use crate::live::{good, install, ready};
use crate::messages::server::{Pool, framed};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hivemind_pool_client::{NetworkWishes, NodePool, NodePoolConfig, Work};
use hivemind_proto::nodepool as wire;
use hivemind_worker_core::port::Pool as _;
use http::{HeaderMap, Request};
use prost::Message;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HASH: &str = "e9fb9428030676c5b351386d9325325b575a982e";
const WORKER: &str = "hw-i-1";
const EXECUTE: &str = "ExecuteTask";
const STOP: &str = "StopTaskExecution";
/// What stands before an Ed25519 key in its public form (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key")
}

fn public(pair: &Ed25519KeyPair) -> String {
    STANDARD.encode([&SPKI, pair.public_key().as_ref()].concat())
}

#[expect(clippy::disallowed_methods, reason = "tokens are of the time at which they are tried")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}

fn claims(task: &str) -> Value {
    let now = now();
    json!({
        "sub": "ann", "user_id": "ann", "role": "worker-execution", "task_id": task, "worker_id": WORKER,
        "iat": now, "exp": now + 300,
    })
}

fn head() -> Value {
    json!({ "typ": "JWT", "alg": "EdDSA" })
}

fn sign(seed: u8, head: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let proof = pair(seed).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(proof.as_ref()))
}

fn token(task: &str) -> String {
    sign(1, &head().to_string(), &claims(task).to_string())
}

/// What is sent.
enum Sent {
    /// Calls, one after the other; the last answer counts.
    Calls(Vec<(&'static str, Vec<u8>)>),
    /// A call whose body is held back after these bytes.
    Slowly(Vec<u8>),
    /// Bytes on a bare connection.
    Bytes(Vec<u8>),
    /// So many connections that say nothing.
    Crowd(usize),
}

/// All of them.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut list = Vec::new();
    tokens(&mut list);
    ids(&mut list);
    packages(&mut list);
    functions(&mut list);
    replays(&mut list);
    frames(&mut list);
    list
}

fn case(list: &mut Vec<Case>, name: String, expected: &str, sent: Sent) {
    let run = move |_: &Path| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(meet(sent))
    };
    let expected = expected.to_owned();
    list.push(Case { name, built: "a call to the worker".to_owned(), expected, run: Box::new(run) });
}

fn execute(request: wire::ExecuteTaskRequest) -> (&'static str, Vec<u8>) {
    (EXECUTE, framed(&request.encode_to_vec()))
}

fn package(task: &str, torrent: &str, token: String) -> wire::ExecuteTaskRequest {
    wire::ExecuteTaskRequest { task_id: task.into(), torrent: torrent.into(), token, ..Default::default() }
}

fn magnet() -> String {
    format!("magnet:?xt=urn:btih:{HASH}&dn=t.zip")
}

async fn meet(sent: Sent) -> Seen {
    let pool = Pool::speaking(good).await;
    let client = NodePool::new(NodePoolConfig {
        address: pool.address.to_string(),
        allow_unencrypted: false,
        install: install(),
        wishes: NetworkWishes::new(Work::Push, 0, &public(&pair(1)), "", false).expect("wishes"),
    });
    let first = ready(&client).await;
    assert!(first.is_ok(), "{first:?}");
    let standing = client.heartbeat(&[]).await.expect("a heartbeat").standing.expect("a standing");
    let worker: SocketAddr = standing.address.parse().expect("an address");
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let done = tokio::time::timeout(Duration::from_secs(30), perform(worker, sent)).await;
    let bytes = ALLOCATOR.peak_usage().saturating_sub(before) as u64;
    let mut outcome = done.unwrap_or_else(|_| "no end in 30 s".to_owned());
    // Everything goes on as before.
    if let Err(error) = client.heartbeat(&[]).await {
        outcome = format!("{outcome}, and then: {error}");
    }
    let request = wire::StopTaskExecutionRequest { task_id: "after".into(), token: token("after") };
    let after = call(worker, STOP, framed(&request.encode_to_vec())).await;
    if after != "0" {
        outcome = format!("{outcome}, and then a good call ended with {after}");
    }
    Seen { outcome, cost: Some(Cost { bytes, time: Duration::ZERO }) }
}

async fn perform(worker: SocketAddr, sent: Sent) -> String {
    match sent {
        Sent::Calls(calls) => {
            let mut last = String::new();
            for (method, body) in calls {
                last = in_words(&call(worker, method, body).await);
            }
            last
        }
        Sent::Slowly(body) => {
            let late = tokio::time::timeout(Duration::from_secs(20), held_back(worker, body)).await;
            late.map_or_else(|_| "waited for".to_owned(), |status| in_words(&status))
        }
        Sent::Bytes(bytes) => bare(worker, bytes).await,
        Sent::Crowd(size) => crowd(worker, size).await,
    }
}

/// The gRPC status of a call.
async fn call(worker: SocketAddr, method: &str, body: Vec<u8>) -> String {
    exchange(worker, method, body, true).await.unwrap_or_else(|why| format!("none: {why}"))
}

async fn held_back(worker: SocketAddr, body: Vec<u8>) -> String {
    exchange(worker, EXECUTE, body, false).await.unwrap_or_else(|why| format!("none: {why}"))
}

async fn exchange(worker: SocketAddr, method: &str, body: Vec<u8>, whole: bool) -> Result<String, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect(worker).await.map_err(|e| said(&e))?;
    let (mut sender, connection) = h2::client::handshake(stream).await.map_err(|e| said(&e))?;
    let driving = tokio::spawn(connection);
    let request = Request::post(format!("http://{worker}/nodepool.WorkerNodeService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .map_err(|e| said(&e))?;
    let (answer, mut outgoing) = sender.send_request(request, false).map_err(|e| said(&e))?;
    // A refusal may come before all of it is there.
    let _ = outgoing.send_data(Bytes::from(body), whole);
    let answer = answer.await.map_err(|e| said(&e))?;
    let status = |headers: &HeaderMap| {
        headers.get("grpc-status").and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let plain = |headers: &HeaderMap| headers.get("grpc-message").is_none_or(|words| words.len() <= 1000);
    let found = match status(answer.headers()) {
        Some(found) => plain(answer.headers()).then_some(found).ok_or("long words")?,
        None => {
            let mut body = answer.into_body();
            while let Some(piece) = body.data().await {
                let piece = piece.map_err(|e| said(&e))?;
                let _ = body.flow_control().release_capacity(piece.len());
            }
            let trailers = body.trailers().await.map_err(|e| said(&e))?.ok_or("no trailers")?;
            status(&trailers).ok_or("no status")?
        }
    };
    driving.abort();
    Ok(found)
}

fn in_words(status: &str) -> String {
    match status {
        "0" => "taken",
        "3" => "refused (invalid argument)",
        "4" => "refused (late)",
        "7" => "refused (permission denied)",
        "8" => "refused (exhausted)",
        "9" => "refused (precondition)",
        "11" => "refused (out of range)",
        "12" => "refused (unimplemented)",
        "13" => "refused (unreadable)",
        "16" => "refused (unauthenticated)",
        other => other,
    }
    .to_owned()
}

/// Whether bytes that are no HTTP/2 get anything but the end of the connection.
async fn bare(worker: SocketAddr, bytes: Vec<u8>) -> String {
    let Ok(mut stream) = TcpStream::connect(worker).await else { return "no connection".to_owned() };
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let mut bounded = stream.take(1 << 16);
    let read = tokio::time::timeout(Duration::from_secs(15), bounded.read_to_end(&mut answer));
    match read.await {
        Err(_) => "left open".to_owned(),
        Ok(_) if answer.len() > 4096 => format!("{} bytes of answer", answer.len()),
        Ok(_) => "closed".to_owned(),
    }
}

async fn crowd(worker: SocketAddr, size: usize) -> String {
    let mut streams = Vec::new();
    for _ in 0..size {
        streams.extend(TcpStream::connect(worker).await.ok());
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut open = 0;
    for stream in &streams {
        let mut byte = [0];
        let closed = matches!(stream.try_read(&mut byte), Ok(0))
            || stream.try_read(&mut byte).is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock);
        open += usize::from(!closed);
    }
    // They go, and others are served again.
    drop(streams);
    tokio::time::sleep(Duration::from_millis(300)).await;
    if open <= 96 { "bounded".to_owned() } else { format!("{open} connections are held") }
}

fn tokens(list: &mut Vec<Case>) {
    let plain = |claims: &Value| sign(1, &head().to_string(), &claims.to_string());
    let with = |key: &str, value: Value| {
        let mut changed = claims("t-1");
        changed[key] = value;
        plain(&changed)
    };
    let without = |key: &str| {
        let mut changed = claims("t-1");
        changed.as_object_mut().expect("claims").remove(key);
        plain(&changed)
    };
    let headed = |head: &str| sign(1, head, &claims("t-1").to_string());
    let good = token("t-1");
    let parts: Vec<&str> = good.split('.').collect();
    let forged =
        |claims: &Value| format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2]);
    let mut richer = claims("t-1");
    richer["exp"] = json!(now() + 301);
    let unauthenticated = "refused (unauthenticated)";
    let denied = "refused (permission denied)";
    let table: Vec<(&str, String, &str)> = vec![
        ("none", String::new(), unauthenticated),
        ("a dot", ".".into(), unauthenticated),
        ("two dots", "..".into(), unauthenticated),
        ("three dots", "...".into(), unauthenticated),
        ("words", "let me in".into(), unauthenticated),
        ("5,000 bytes", "a".repeat(5000), unauthenticated),
        ("NUL", "a\0.b.c".into(), unauthenticated),
        ("no base64", "!.!.!".into(), unauthenticated),
        ("without its proof", format!("{}.{}.", parts[0], parts[1]), unauthenticated),
        ("a proof of zeros", format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)), unauthenticated),
        ("half a proof", good[..good.len() - 43].to_owned(), unauthenticated),
        ("a proof twice", format!("{good}{}", parts[2]), unauthenticated),
        ("padded", format!("{good}=="), unauthenticated),
        ("other claims under the proof", forged(&richer), unauthenticated),
        ("another key", sign(2, &head().to_string(), &claims("t-1").to_string()), unauthenticated),
        ("no algorithm", headed("{\"typ\":\"JWT\"}"), unauthenticated),
        ("the algorithm none", headed("{\"typ\":\"JWT\",\"alg\":\"none\"}"), unauthenticated),
        ("the algorithm HS256", headed("{\"typ\":\"JWT\",\"alg\":\"HS256\"}"), unauthenticated),
        ("the algorithm RS256", headed("{\"typ\":\"JWT\",\"alg\":\"RS256\"}"), unauthenticated),
        ("the algorithm ES256", headed("{\"typ\":\"JWT\",\"alg\":\"ES256\"}"), unauthenticated),
        ("the algorithm in small letters", headed("{\"typ\":\"JWT\",\"alg\":\"eddsa\"}"), unauthenticated),
        (
            "a key of its own",
            headed("{\"typ\":\"JWT\",\"alg\":\"EdDSA\",\"jwk\":{\"x\":\"y\"}}"),
            unauthenticated,
        ),
        ("an address of a key", headed("{\"alg\":\"EdDSA\",\"jku\":\"http://127.0.0.1/\"}"), unauthenticated),
        ("a part that is critical", headed("{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}"), unauthenticated),
        ("another type", headed("{\"typ\":\"JWE\",\"alg\":\"EdDSA\"}"), unauthenticated),
        ("a head that is a list", headed("[]"), unauthenticated),
        (
            "a head of 3 KB",
            headed(&format!("{{\"alg\":\"EdDSA\",\"typ\":\"{}\"}}", "J".repeat(3000))),
            unauthenticated,
        ),
        ("claims that are a number", sign(1, &head().to_string(), "7"), unauthenticated),
        ("claims that are deep", sign(1, &head().to_string(), &"[".repeat(900)), unauthenticated),
        (
            "claims twice",
            {
                let text = claims("t-1").to_string();
                sign(1, &head().to_string(), &text.replace("\"exp\"", "\"exp\":1,\"exp\""))
            },
            unauthenticated,
        ),
        ("expired an hour ago", with("exp", json!(now() - 3600)), unauthenticated),
        (
            "expired two minutes ago",
            {
                let mut old = claims("t-1");
                (old["iat"], old["exp"]) = (json!(now() - 420), json!(now() - 120));
                plain(&old)
            },
            unauthenticated,
        ),
        (
            "from the future",
            {
                let mut early = claims("t-1");
                (early["iat"], early["exp"]) = (json!(now() + 600), json!(now() + 900));
                plain(&early)
            },
            unauthenticated,
        ),
        ("good for a year", with("exp", json!(now() + 31_536_000)), unauthenticated),
        ("good until the end of time", with("exp", json!(i64::MAX)), unauthenticated),
        ("issued at the beginning of time", with("iat", json!(i64::MIN)), unauthenticated),
        ("times as words", with("exp", json!("tomorrow")), unauthenticated),
        ("times as fractions", with("exp", json!(1.5e300)), unauthenticated),
        ("without an end", without("exp"), unauthenticated),
        ("without a beginning", without("iat"), unauthenticated),
        ("without a role", without("role"), denied),
        ("the role of a user", with("role", Value::Null), denied),
        ("the role of an administrator", with("role", json!("admin")), denied),
        ("a role in capitals", with("role", json!("WORKER-EXECUTION")), denied),
        ("without a task", without("task_id"), denied),
        ("another task", with("task_id", json!("t-2")), denied),
        ("a task with a space", with("task_id", json!("t-1 ")), denied),
        ("without a worker", without("worker_id"), denied),
        ("another worker", with("worker_id", json!("hw-i-2")), denied),
        ("a user's worker", with("worker_id", json!("ann")), denied),
        ("every worker", with("worker_id", json!("*")), denied),
        ("a worker in capitals", with("worker_id", json!("HW-I-1")), denied),
        ("a list of workers", with("worker_id", json!([WORKER])), unauthenticated),
    ];
    for (what, token, expected) in table {
        let calls = vec![execute(package("t-1", &magnet(), token.clone()))];
        case(list, format!("token: {what}"), expected, Sent::Calls(calls));
        let stop = wire::StopTaskExecutionRequest { task_id: "t-1".into(), token };
        let calls = vec![(STOP, framed(&stop.encode_to_vec()))];
        case(list, format!("token to stop: {what}"), expected, Sent::Calls(calls));
    }
}

fn ids(list: &mut Vec<Case>) {
    let long = "a".repeat(65);
    let huge = "a".repeat(100_000);
    for (what, id) in [
        ("empty", ""),
        ("dot", "."),
        ("parent", ".."),
        ("traversal", "../../etc/passwd"),
        ("slash", "a/b"),
        ("backslash", "a\\b"),
        ("drive", "C:a"),
        ("NUL", "a\0b"),
        ("newline", "a\r\nb"),
        ("escape", "a\u{1b}[2Jb"),
        ("direction", "a\u{202e}b"),
        ("option", "--privileged"),
        ("space", "a b"),
        ("other letters", "n\u{f6}de"),
        ("65 bytes", long.as_str()),
        ("100 KB", huge.as_str()),
    ] {
        // The pool itself sends it, with a token that says the same.
        let calls = vec![execute(package(id, &magnet(), token(id)))];
        case(list, format!("id: {what}"), "refused (invalid argument)", Sent::Calls(calls));
    }
}

fn packages(list: &mut Vec<Case>) {
    let mut refused = |what: String, request: wire::ExecuteTaskRequest| {
        case(list, what, "refused (precondition)", Sent::Calls(vec![execute(request)]));
    };
    for (what, reference) in [
        ("empty", String::new()),
        ("JSON", "{\"input\":[1,2]}".to_owned()),
        ("file", "file:///etc/passwd".to_owned()),
        ("https", "https://100.64.0.1/p.zip".to_owned()),
        ("gopher", "gopher://100.64.0.1:25/x".to_owned()),
        ("user", "http://user:word@100.64.0.1/p.zip".to_owned()),
        ("newline", "http://100.64.0.1/\r\nx-evil: 1".to_owned()),
        ("port 0", "http://100.64.0.1:0/".to_owned()),
        ("39 digits", HASH[1..].to_owned()),
        ("magnet without hash", "magnet:?dn=a.zip".to_owned()),
        ("magnet with a path", format!("magnet:?xt=urn:btih:{HASH}&dn=..%2F..%2Fa.zip")),
        ("magnet of two", format!("magnet:?xt=urn:btih:{HASH}&xt=urn:btih:{HASH}&dn=a.zip")),
        ("magnet with a UDP tracker", format!("{}&tr=udp%3A%2F%2F100.64.0.1%3A1", magnet())),
        ("program", format!("magnet:?xt=urn:btih:{HASH}&dn=a.exe")),
        ("100 KB", "x".repeat(100_000)),
    ] {
        refused(format!("package: {what}"), package("t-1", &reference, token("t-1")));
    }
    for (what, spec) in [
        ("negative memory", wire::ResourceSpec { memory_mb: -1, ..Default::default() }),
        ("all memory", wire::ResourceSpec { memory_mb: i32::MAX, ..Default::default() }),
        ("negative cores", wire::ResourceSpec { cpu_cores: i32::MIN, ..Default::default() }),
        ("all cores", wire::ResourceSpec { cpu_cores: i32::MAX, ..Default::default() }),
        ("all GPUs", wire::ResourceSpec { gpu_count: i32::MAX, ..Default::default() }),
        ("negative GPU memory", wire::ResourceSpec { vram_mb: -1, ..Default::default() }),
        ("all disk", wire::ResourceSpec { storage_total_gb: i32::MAX, ..Default::default() }),
        ("negative disk", wire::ResourceSpec { storage_total_gb: -7, ..Default::default() }),
    ] {
        let request = package("t-1", &magnet(), token("t-1"));
        refused(
            format!("limits: {what}"),
            wire::ExecuteTaskRequest { resource_limits: Some(spec), ..request },
        );
    }
}

fn functions(list: &mut Vec<Case>) {
    let function = |runtime: &str, source: String, input: String| wire::ExecuteTaskRequest {
        runtime: runtime.into(),
        task_source: source,
        ..package("t-1", &input, token("t-1"))
    };
    let managed = "managed-function-v0";
    for (what, request) in [
        ("another runtime", function("docker", String::new(), magnet())),
        ("a runtime of escapes", function("\u{1b}[2J", String::new(), magnet())),
        ("a runtime of 100 KB", function(&"m".repeat(100_000), String::new(), magnet())),
        ("a newer runtime", function("managed-function-v1", "1;".into(), String::new())),
        ("no source", function(managed, String::new(), String::new())),
        ("a source of spaces", function(managed, " \n\t".into(), String::new())),
        ("a source of more than 1 MiB", function(managed, "1;".repeat((1 << 19) + 1), String::new())),
        ("an input of more than 1 MiB", function(managed, "1;".into(), "1".repeat((1 << 20) + 1))),
    ] {
        let sent = Sent::Calls(vec![execute(request)]);
        case(list, format!("function: {what}"), "refused (precondition)", sent);
    }
    let huge = function(managed, "1".repeat(1 << 20), "1".repeat((1 << 20) + (128 << 10)));
    case(
        list,
        "function: more than a call may be".into(),
        "refused (out of range)",
        Sent::Calls(vec![execute(huge)]),
    );
}

fn replays(list: &mut Vec<Case>) {
    let denied = "refused (permission denied)";
    let once = token("t-1");
    let bad = package("t-1", "not a package", once.clone());
    let twice = vec![execute(bad.clone()), execute(bad)];
    case(list, "replay: a refused task".into(), denied, Sent::Calls(twice));
    let stop = wire::StopTaskExecutionRequest { task_id: "t-2".into(), token: token("t-2") };
    let after_stop =
        vec![(STOP, framed(&stop.encode_to_vec())), execute(package("t-2", &magnet(), stop.token.clone()))];
    case(list, "replay: a token that stopped".into(), denied, Sent::Calls(after_stop));
    let many = (0..50).map(|_| execute(package("t-3", "no", token("t-3")))).collect();
    case(list, "replay: fifty times".into(), denied, Sent::Calls(many));
}

fn frames(list: &mut Vec<Case>) {
    let good = package("t-1", &magnet(), token("t-1")).encode_to_vec();
    let lying = |length: u32, bytes: &[u8]| [&[0][..], &length.to_be_bytes(), bytes].concat();
    for (what, body, expected) in [
        ("nothing", Vec::new(), "refused (unreadable)"),
        ("half a head", vec![0, 0, 0], "refused (unreadable)"),
        ("4 GB announced", lying(u32::MAX, &[]), "refused (out of range)"),
        ("3 MiB announced", lying(3 << 20, &[]), "refused (out of range)"),
        ("one byte of a hundred", lying(100, b"x"), "refused (unreadable)"),
        ("3 MiB sent", framed(&vec![0x0a; 3 << 20]), "refused (out of range)"),
        (
            "random bytes",
            framed(&(0..250_u8).map(|n| n.wrapping_mul(151)).collect::<Vec<_>>()),
            "refused (unreadable)",
        ),
        ("text that is no UTF-8", framed(&[0x0a, 2, 0xff, 0xfe]), "refused (unreadable)"),
        ("a field longer than the message", framed(&[0x0a, 0xff, 0xff, 0xff, 0x7f]), "refused (unreadable)"),
        ("groups in groups", framed(&[0x0b; 4000]), "refused (unreadable)"),
        ("compressed", [&[1][..], &5_u32.to_be_bytes(), b"abcde"].concat(), "refused (unreadable)"),
        ("a flag of 7", [&[7][..], &5_u32.to_be_bytes(), b"abcde"].concat(), "refused (unreadable)"),
        ("a field ten thousand times", framed(&[0x3a, 0].repeat(10_000)), "refused (invalid argument)"),
    ] {
        case(list, format!("frame: {what}"), expected, Sent::Calls(vec![(EXECUTE, body)]));
    }
    case(
        list,
        "frame: another call".into(),
        "refused (unimplemented)",
        Sent::Calls(vec![("TaskUsage", framed(&[]))]),
    );
    let half = framed(&good)[..20].to_vec();
    case(list, "frame: held back".into(), "refused (late)", Sent::Slowly(half));
    for (what, bytes) in [
        ("HTTP/1", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("TLS", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("zeros", vec![0; 100_000]),
        ("a preface and no more", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("a frame of 16 MB", [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 9]].concat()),
    ] {
        case(list, format!("bare: {what}"), "closed", Sent::Bytes(bytes));
    }
    case(list, "bare: 300 connections".into(), "bounded", Sent::Crowd(300));
}
