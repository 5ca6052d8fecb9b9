//! Packages: a tracker that answers in JSON and forgets, and a seeder that sends numbers.

use crate::stage::{Stage, quick};
use hivemind_local_pool::nodepool::FaceTimes;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Of "hello" under the name t-1.zip, computed apart from this code.
const HASH: &str = "e9fb9428030676c5b351386d9325325b575a982e";
const PIECE: usize = 524_288;

fn hash_of(magnet: &str) -> &str {
    magnet.strip_prefix("magnet:?xt=urn:btih:").unwrap().split('&').next().unwrap()
}

/// Status and JSON of a page.
async fn page(url: &str) -> (u16, Value) {
    let (_, rest) = url.split_once("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let asked = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// The peers that `asker` is told.
async fn peers(stage: &Stage, hash: &str, asker: &str, port: u16) -> Vec<Value> {
    let at = stage.face.http_addr();
    let url = format!(
        "http://{at}/announce?info_hash={hash}&peer_id={asker}&port={port}&uploaded=0&downloaded=0&left=1&compact=0"
    );
    let (status, answer) = page(&url).await;
    assert_eq!((status, &answer["interval"]), (200, &json!(60)));
    answer["peers"].as_array().unwrap().clone()
}

/// A peer's call to the seeder, after the greeting.
async fn seeder(stage: &Stage, hash: &str) -> TcpStream {
    let found = peers(stage, hash, "reader", 0).await;
    let at = format!("{}:{}", found[0]["ip"].as_str().unwrap(), found[0]["port"]);
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut hello = [&b"\x13BitTorrent protocol"[..], &[0; 8]].concat();
    hello.extend(hex::decode(hash).unwrap());
    hello.extend(b"a-reader-of-twenty--");
    stream.write_all(&hello).await.unwrap();
    let mut back = [0; 68];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back[..48], &hello[..48]);
    stream
}

async fn ask(stream: &mut TcpStream, hash: &str, piece: usize) -> Value {
    let body = json!({ "info_hash": hash, "piece_index": piece }).to_string();
    stream.write_u32(u32::try_from(body.len()).unwrap()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut answer).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

#[tokio::test]
async fn a_reference_is_a_magnet_with_forty_digits_the_name_and_the_trackers_address() {
    let stage = Stage::start(quick()).await;
    let magnet = stage.face.offer("t-1.zip", b"hello");
    let tracker = stage.face.http_addr().to_string().replace(':', "%3A");
    assert_eq!(magnet, format!("magnet:?xt=urn:btih:{HASH}&dn=t-1.zip&tr=http%3A%2F%2F{tracker}%2Fannounce"));
}

#[tokio::test]
async fn the_hash_is_not_a_torrents() {
    let stage = Stage::start(quick()).await;
    assert_eq!(hash_of(&stage.face.offer("t-1.zip", b"hello")), HASH);
    let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let head = "d6:lengthi5e4:name7:t-1.zip12:piece lengthi524288e6:pieces";
    let torrent = [head.as_bytes(), b"20:", sha1(b"hello").as_ref(), b"e"].concat();
    assert_ne!(hex::encode(sha1(&torrent)), HASH);
}

#[tokio::test]
async fn the_tracker_answers_in_json_with_peers_as_address_and_port() {
    let stage = Stage::start(quick()).await;
    let magnet = stage.face.offer("t-1.zip", b"hello");
    let found = peers(&stage, &hash_of(&magnet).to_ascii_uppercase(), "reader", 0).await;
    assert_eq!((found.len(), &found[0]["ip"]), (1, &json!("127.0.0.1")));
    assert!(found[0]["port"].as_u64().is_some_and(|port| port > 0) && found[0]["peer_id"].is_string());
    assert!(peers(&stage, &"0".repeat(40), "reader", 0).await.is_empty());
}

#[tokio::test]
async fn an_announcement_without_its_fields_is_refused_with_a_reason() {
    let stage = Stage::start(quick()).await;
    let at = stage.face.http_addr();
    let asked =
        ["", "info_hash=x", "peer_id=x&port=0", "info_hash=x&peer_id=x", "info_hash=x&peer_id=x&port=70000"];
    for query in asked {
        let (status, answer) = page(&format!("http://{at}/announce?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(answer["failure reason"].as_str().is_some_and(|why| !why.is_empty()), "{query}: {answer}");
    }
}

#[tokio::test]
async fn who_announces_becomes_a_peer() {
    let stage = Stage::start(quick()).await;
    let hash = hash_of(&stage.face.offer("t-1.zip", b"hello")).to_owned();
    peers(&stage, &hash, "one", 0).await;
    let found = peers(&stage, &hash, "two", 7000).await;
    assert_eq!(found[1], json!({ "peer_id": "one", "ip": "127.0.0.1", "port": 0 }), "nobody can use it");
    let found = peers(&stage, &hash, "one", 0).await;
    assert_eq!(found[1], json!({ "peer_id": "two", "ip": "127.0.0.1", "port": 7000 }));
}

#[tokio::test]
async fn a_seeder_sends_pieces_of_524288_bytes_as_numbers_in_frames() {
    let stage = Stage::start(quick()).await;
    let package: Vec<u8> = (0..PIECE + 3).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let hash = hash_of(&stage.face.offer("t-1.zip", &package)).to_owned();
    let mut stream = seeder(&stage, &hash).await;
    let mut whole = Vec::new();
    for (piece, length) in [(0, PIECE), (1, 3)] {
        let answer = ask(&mut stream, &hash, piece).await;
        assert_eq!((&answer["ok"], &answer["piece_index"]), (&json!(true), &json!(piece)));
        assert_eq!((&answer["total_length"], &answer["piece_count"]), (&json!(PIECE + 3), &json!(2)));
        let data: Vec<u8> = serde_json::from_value(answer["data"].clone()).unwrap();
        assert_eq!(data.len(), length);
        whole.extend(data);
    }
    assert!(whole == package);
}

#[tokio::test]
async fn a_seeder_closes_after_a_refusal() {
    let stage = Stage::start(quick()).await;
    let hash = hash_of(&stage.face.offer("t-1.zip", b"hello")).to_owned();
    let mut stream = seeder(&stage, &hash).await;
    let answer = ask(&mut stream, &hash, 1).await;
    assert_eq!(answer["ok"], json!(false));
    let mut after = [0; 1];
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut after)).await;
    assert_eq!(read.expect("an end").unwrap(), 0, "closed");
}

/// So much time passes; see `patience`.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_tracker_forgets_after_300_seconds_what_was_announced_once() {
    let stage = Stage::start(FaceTimes::default()).await;
    let hash = hash_of(&stage.face.offer("t-1.zip", b"hello")).to_owned();
    pass(290).await;
    assert_eq!(peers(&stage, &hash, "reader", 0).await.len(), 1);
    pass(20).await;
    // Who asked before is still known, and of no use.
    let found = peers(&stage, &hash, "late", 0).await;
    assert_eq!((found.len(), &found[0]["port"]), (1, &json!(0)));
}

#[tokio::test]
async fn of_a_package_that_was_forgotten_no_peers_are_listed() {
    let stage = Stage::start(FaceTimes { forgets_after: Duration::ZERO, ..quick() }).await;
    let hash = hash_of(&stage.face.offer("t-1.zip", b"hello")).to_owned();
    assert!(peers(&stage, &hash, "reader", 0).await.is_empty());
    assert!(peers(&stage, &hash, "reader", 0).await.is_empty());
}
