//! Byte vectors, written from the network's description and computed apart from this code; and what strangers may
//! send.

use super::hash::{InfoHash, PIECE, Pieces, count};
use super::peer::{handshake, request, talk};
use super::reach::may_dial;
use super::tracker;
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const HASH: &str = "e9fb9428030676c5b351386d9325325b575a982e";

fn hash() -> InfoHash {
    InfoHash::from_hex(HASH).expect("a hash")
}

fn hashed(name: &str, bytes: &[u8]) -> String {
    let mut pieces = Pieces::default();
    bytes.chunks(PIECE as usize).for_each(|piece| pieces.add(piece));
    pieces.info_hash(name).to_string()
}

#[test]
fn info_hashes_are_as_the_network_computes_them() {
    assert_eq!(hashed("t-1.zip", b"hello"), HASH);
    let long: Vec<u8> = (0..524_291_u32).map(|i| (i % 251) as u8).collect();
    assert_eq!(hashed("t-1.zip", &long), "9b37126b8fa523234c6b83215f3085a649a7406b");
    assert_eq!(hashed("ü.zip", b"x"), "aa599f90d2af94eadbc43b4190e409e441c2d55d");
    assert_ne!(hashed("t-2.zip", b"hello"), HASH, "the name counts");
    assert_eq!((count(0), count(1), count(PIECE), count(PIECE + 1)), (0, 1, 1, 2));
}

#[test]
fn handshake_and_request_have_their_bytes() {
    let bytes = handshake(hash(), "hw-1");
    assert_eq!(&bytes[..20], b"\x13BitTorrent protocol");
    assert_eq!(bytes[20..28], [0; 8]);
    assert_eq!(hex::encode(&bytes[28..48]), HASH);
    assert_eq!(&bytes[48..], b"hw-1----------------");
    assert_eq!(&handshake(hash(), &"x".repeat(99))[48..], [b'x'; 20]);
    let mut expected = vec![0, 0, 0, 72];
    expected.extend(format!("{{\"info_hash\":\"{HASH}\",\"piece_index\":7}}").bytes());
    assert_eq!(request(hash(), 7), expected);
}

/// A peer that says `answers`, whatever it is asked.
async fn peer(mut theirs: DuplexStream, hello: Vec<u8>, answers: Vec<Vec<u8>>) {
    let mut heard = [0; 68];
    let _ = theirs.read_exact(&mut heard).await;
    let _ = theirs.write_all(&hello).await;
    for answer in answers {
        let _ = theirs.write_all(&answer).await;
    }
    // Open until the other side has had enough.
    let _ = theirs.shutdown().await;
    let _ = theirs.read_to_end(&mut Vec::new()).await;
}

fn framed(body: &str) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend(body.bytes());
    frame
}

async fn told(hello: Vec<u8>, answers: Vec<Vec<u8>>) -> Result<(String, Vec<u8>), PoolError> {
    let (mut ours, theirs) = duplex(64 << 10);
    let (mut file, done) = (Vec::new(), tokio::spawn(peer(theirs, hello, answers)));
    let pieces = talk(&mut ours, hash(), "hw-1", 1 << 20, &mut file).await;
    drop(ours);
    done.await.expect("the peer");
    Ok((pieces?.info_hash("t-1.zip").to_string(), file))
}

const GOOD: &str = "{\"ok\":true,\"message\":\"\",\"piece_index\":0,\"data\":[104,101,108,108,111],\
    \"total_length\":5,\"piece_count\":1}";

#[tokio::test]
async fn a_package_comes_from_a_peer() {
    let (hash, bytes) =
        told(handshake(hash(), "seeder").into(), vec![framed(GOOD)]).await.expect("a package");
    assert_eq!((hash.as_str(), bytes.as_slice()), (HASH, b"hello".as_slice()));
}

#[tokio::test]
async fn lying_peers_are_refused() {
    let hello: Vec<u8> = handshake(hash(), "seeder").into();
    let other = handshake(InfoHash([7; 20]), "seeder").into();
    let mut wrong = hello.clone();
    wrong[5] = b'X';
    let with = |from: &str, to: &str| vec![framed(&GOOD.replace(from, to))];
    let huge = vec![(u32::MAX).to_be_bytes().to_vec()];
    let large = vec![((4_u32 << 20) + 1).to_be_bytes().to_vec()];
    let table = [
        ("another hash", other, vec![framed(GOOD)]),
        ("no torrent", wrong, vec![framed(GOOD)]),
        ("silence", Vec::new(), Vec::new()),
        ("half a hello", hello[..30].to_vec(), Vec::new()),
        ("no answer", hello.clone(), Vec::new()),
        ("giant frame", hello.clone(), huge),
        ("large frame", hello.clone(), large),
        ("half a frame", hello.clone(), vec![framed(GOOD)[..50].to_vec()]),
        ("no JSON", hello.clone(), vec![framed("{")]),
        ("empty", hello.clone(), vec![framed("")]),
        ("a refusal", hello.clone(), with("true", "false")),
        ("another piece", hello.clone(), with("\"piece_index\":0", "\"piece_index\":1")),
        ("no length", hello.clone(), with("\"total_length\":5", "\"total_length\":0")),
        ("a longer one", hello.clone(), with("\"total_length\":5", "\"total_length\":6")),
        ("a shorter one", hello.clone(), with("\"total_length\":5", "\"total_length\":4")),
        ("a giant", hello.clone(), with("\"total_length\":5", "\"total_length\":18446744073709551615")),
        ("negative", hello.clone(), with("\"total_length\":5", "\"total_length\":-5")),
        ("over the cap", hello.clone(), with("\"total_length\":5", "\"total_length\":1048577")),
        ("more pieces", hello.clone(), with("\"piece_count\":1", "\"piece_count\":2")),
        ("no pieces", hello.clone(), with("\"piece_count\":1", "\"piece_count\":0")),
        ("no byte", hello.clone(), with("104", "256")),
        ("a text", hello.clone(), with("[104,101,108,108,111]", "\"hello\"")),
        ("nothing", hello.clone(), with("[104,101,108,108,111]", "[]")),
        ("null", hello.clone(), with("[104,101,108,108,111]", "null")),
        ("too much", hello.clone(), with("111]", "111,1]")),
        ("nested", hello.clone(), vec![framed(&"[".repeat(100_000))]),
    ];
    for (what, hello, answers) in table {
        let refused = told(hello, answers).await.expect_err(what);
        assert!(
            matches!(refused.kind, PoolErrorKind::Protocol | PoolErrorKind::Unreachable),
            "{what}: {refused:?}"
        );
        assert!(!refused.message.contains(char::is_control), "{what}");
    }
}

#[test]
fn only_the_pool_and_its_overlay_are_dialled() {
    let pool: IpAddr = "203.0.113.9".parse().expect("an address");
    let allowed = ["203.0.113.9", "100.64.0.1", "100.127.255.255", "::ffff:100.64.0.7", "::ffff:203.0.113.9"];
    for to in allowed {
        assert!(may_dial(to.parse().expect(to), pool), "{to}");
    }
    let refused = [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.1.1",
        "100.63.255.255",
        "100.128.0.0",
        "203.0.113.8",
        "8.8.8.8",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001::1",
        "::ffff:0:127.0.0.1",
    ];
    for to in refused {
        assert!(!may_dial(to.parse().expect(to), pool), "{to}");
    }
    // A pool on this computer is reached at its own address, and nothing else here is.
    let local: IpAddr = "127.0.0.1".parse().expect("an address");
    assert!(may_dial(local, local) && !may_dial("127.0.0.2".parse().expect("one"), local));
    assert!(!may_dial("0.0.0.0".parse().expect("one"), "0.0.0.0".parse().expect("one")));
}

#[tokio::test]
async fn spellings_of_this_computer_lead_nowhere() {
    let pool: IpAddr = "100.64.0.1".parse().expect("an address");
    for text in [
        "http://localhost/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0/",
        "http://192.168.1.1/",
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://10.1/",
        "http://0xa9fea9fe/",
        "http://[64:ff9b::a9fe:a9fe]/",
    ] {
        let url = reqwest::Url::parse(text).expect(text);
        assert!(super::reach::judged(&url, pool).await.is_err(), "{text}");
    }
    let url = reqwest::Url::parse("http://100.64.0.9:81/").expect("a page");
    assert_eq!(super::reach::judged(&url, pool).await.expect("the overlay")[0].to_string(), "100.64.0.9:81");
}

#[test]
fn a_trackers_answer_gives_peers_that_may_be_dialled() {
    let pool: IpAddr = "100.64.0.1".parse().expect("an address");
    let read = |text: &str| tracker::read(text.as_bytes(), pool);
    let peers = read(
        "{\"interval\":60,\"peers\":[{\"peer_id\":\"a\",\"ip\":\"100.64.0.5\",\"port\":6881},\
         {\"peer_id\":\"b\",\"ip\":\"127.0.0.1\",\"port\":6881},{\"peer_id\":\"c\",\"ip\":\"100.64.0.6\",\"port\":0},\
         {\"peer_id\":\"d\",\"ip\":\"100.64.0.7\",\"port\":70000},{\"peer_id\":\"e\",\"ip\":\"evil.example\",\"port\":1},\
         {\"peer_id\":\"f\",\"ip\":\"0x64400008\",\"port\":1},{\"peer_id\":\"g\",\"ip\":\"192.168.0.2\",\"port\":22}]}",
    );
    let peers: Vec<_> = peers.expect("peers").iter().map(ToString::to_string).collect();
    assert_eq!(peers, ["100.64.0.5:6881"]);
    assert_eq!(read("{\"interval\":60,\"peers\":[]}"), Ok(Vec::new()));
    for text in ["", "5", "d8:intervali60ee", "{\"peers\":{}}", "{\"peers\":[{\"ip\":5,\"port\":1}]}"] {
        assert!(read(text).is_err(), "{text}");
    }
    let many = vec!["{\"ip\":\"100.64.0.5\",\"port\":1}"; 5000].join(",");
    assert_eq!(read(&format!("{{\"peers\":[{many}]}}")).expect("peers").len(), 16);
}

#[tokio::test]
async fn an_announcement_has_its_bytes() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let url = reqwest::Url::parse(&format!("http://{address}/announce")).expect("an address");
    let tracker = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a worker");
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.expect("a request");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"interval\":60,\"peers\":[]}";
        stream.write_all(answer.as_bytes()).await.expect("taken");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let pool = address.ip();
    let peers = super::tracker::peers(&url, hash(), "hw-i-1", pool, None).await.expect("an answer");
    assert!(peers.is_empty());
    let request = tracker.await.expect("a request");
    let expected = format!(
        "GET /announce?info_hash={}&peer_id=hw-i-1&port=0&uploaded=0&downloaded=0&left=1&compact=0 HTTP/1.1\r\n",
        hash().to_string().to_ascii_uppercase()
    );
    assert!(request.starts_with(&expected), "{request}");
}
