//! Which pools are believed, and what a hostile or broken page can do: nothing.

use crate::bench::{Bench, PASSWORD, config, install};
use hivemind_local_pool::TlsIdentity;
use hivemind_pool_client::V1Pool;
use hivemind_worker_core::port::{Pool, PoolError, PoolErrorKind};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn identity() -> (TlsIdentity, String) {
    let made = rcgen::generate_simple_self_signed(vec!["pool.test".into()]).unwrap();
    let pin = hex::encode(Sha256::digest(made.cert.der()));
    (TlsIdentity { certificate_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() }, pin)
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_and_no_other() {
    let (identity, pin) = identity();
    let bench = Bench::start_with(|config| config.tls = Some(identity)).await;
    let client = || V1Pool::new(config(bench.master_url(), String::new()));
    let pinned = client().pinned(&pin).unwrap();
    pinned.connect().await.unwrap();
    assert_eq!(pinned.link(), "tls");
    pinned.login("worker", PASSWORD, &install()).await.unwrap();
    assert_eq!(pinned.balance().await.unwrap(), 150);

    let error = client().connect().await.unwrap_err();
    assert_eq!(error.kind, PoolErrorKind::Unreachable);
    assert!(error.message.contains("certificate is not valid"), "{error}");
    let error = client().pinned(&"00".repeat(32)).unwrap().connect().await.unwrap_err();
    assert!(error.message.contains("another certificate than the pinned one"), "{error}");
    assert!(client().pinned("not a hash").is_err());

    // Encryption that was asked for is never given up.
    let plain = Bench::start().await;
    let address = format!("https://{}", plain.pool.grpc_addr());
    let client = V1Pool::new(config(plain.master_url(), address)).pinned(&pin).unwrap();
    assert_eq!(client.connect().await.unwrap_err().kind, PoolErrorKind::Unreachable);
}

/// An address of this machine that is neither loopback nor overlay.
fn lan() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback()).then_some(ip)
}

#[tokio::test]
async fn an_unprotected_link_needs_the_owners_word() {
    let Some(ip) = lan() else {
        eprintln!("SKIPPED an_unprotected_link_needs_the_owners_word: no network interface");
        return;
    };
    let any = |port| SocketAddr::new(ip, port);
    let bench = Bench::start_with(|config| {
        config.grpc_addr = any(0);
        config.http_addr = any(0);
    })
    .await;
    let grpc = bench.pool.grpc_addr().to_string();
    for address in [String::new(), grpc.clone(), format!("http://{grpc}")] {
        let mut settings = config(bench.master_url(), address.clone());
        let error = V1Pool::new(settings.clone()).connect().await.unwrap_err();
        assert_eq!(error.kind, PoolErrorKind::Unencrypted, "{address}: {error}");
        settings.allow_unencrypted = true;
        let client = V1Pool::new(settings);
        client.connect().await.unwrap();
        assert_eq!(client.link(), "unencrypted");
        client.login("worker", PASSWORD, &install()).await.unwrap();
    }
}

/// A page that answers every request with these bytes, then does what `then` says.
async fn page(answer: Vec<u8>, endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
                while endless && stream.write_all(&[b' '; 4096]).await.is_ok() {}
            });
        }
    });
    format!("http://{address}")
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

async fn refusal(master: String) -> PoolError {
    let client = V1Pool::new(config(master, String::new()));
    let tried = tokio::time::timeout(Duration::from_secs(25), client.connect()).await;
    tried.expect("no end").expect_err("believed")
}

#[tokio::test]
async fn a_hostile_or_broken_page_leads_nowhere() {
    use PoolErrorKind as K;
    let elsewhere = Bench::start().await;
    let redirect = format!("location: {}/.well-known/hivemind\r\n", elsewhere.master_url());
    let good = r#"{"dialect":"hivemind.v1","grpc_addr":"ADDR"}"#;
    let naming = |address: &str| http("200 OK", "", &good.replace("ADDR", address));
    let cases = [
        ("redirect", http("302 Found", &redirect, ""), K::Protocol),
        ("not found", http("404 Not Found", "", ""), K::Protocol),
        ("broken", http("500 Oops", "", ""), K::Unreachable),
        ("busy", http("503 Busy", "", ""), K::Unreachable),
        ("too many", http("429 Slow down", "", ""), K::Unreachable),
        ("empty", http("200 OK", "", ""), K::Protocol),
        ("no JSON", http("200 OK", "", "<html>"), K::Protocol),
        ("a list", http("200 OK", "", "[]"), K::Protocol),
        ("no address", http("200 OK", "", r#"{"dialect":"hivemind.v1"}"#), K::Protocol),
        ("another dialect", http("200 OK", "", r#"{"dialect":"\u001b[2Jx","grpc_addr":"a:1"}"#), K::Protocol),
        ("too large", http("200 OK", "", &" ".repeat(17 << 10)), K::Protocol),
        ("deep", http("200 OK", "", &"[".repeat(10_000)), K::Protocol),
        ("empty address", naming(""), K::Protocol),
        ("file", naming("file:///etc/passwd"), K::Protocol),
        ("unix socket", naming("unix:///var/run/docker.sock"), K::Protocol),
        ("port out of range", naming("127.0.0.1:99999"), K::Protocol),
        ("with a user", naming("https://a:b@127.0.0.1:1"), K::Protocol),
        ("long", naming(&"a".repeat(2000)), K::Protocol),
        ("plain to the world", naming("http://192.0.2.1:50051"), K::Unencrypted),
        ("metadata service", naming("169.254.169.254:80"), K::Unencrypted),
        ("every address", naming("0.0.0.0:1"), K::Unencrypted),
        ("closed port", naming("127.0.0.1:1"), K::Unreachable),
        ("no HTTP", b"SSH-2.0-x\r\n".to_vec(), K::Unreachable),
        ("cut off", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{".to_vec(), K::Unreachable),
    ];
    for (case, answer, kind) in cases {
        let error = refusal(page(answer, false).await).await;
        assert_eq!(error.kind, kind, "{case}: {error}");
        assert!(!error.message.contains('\u{1b}'), "{case}");
    }
    let endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    assert_eq!(refusal(page(endless, true).await).await.kind, K::Protocol, "endless");
    assert_eq!(refusal("http://192.0.2.1".into()).await.kind, K::Unencrypted);
    assert_eq!(refusal("no url".into()).await.kind, K::Protocol);
    assert_eq!(refusal("http://127.0.0.1:1".into()).await.kind, K::Unreachable);
}

#[tokio::test]
async fn silence_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    assert_eq!(refusal(format!("http://{address}")).await.kind, PoolErrorKind::Unreachable);
    // The call's own port is silent.
    let client = V1Pool::new(config("http://127.0.0.1:1".into(), format!("https://{address}")));
    let tried = tokio::time::timeout(Duration::from_secs(25), client.connect()).await.expect("no end");
    assert_eq!(tried.unwrap_err().kind, PoolErrorKind::Unreachable);
    // Connected without a word of HTTP/2 in return: the first call ends by its own limit.
    let client = V1Pool::new(config("http://127.0.0.1:1".into(), address.to_string()));
    let call = async {
        client.connect().await?;
        client.login("worker", PASSWORD, &install()).await
    };
    let tried = tokio::time::timeout(Duration::from_secs(25), call).await.expect("no end");
    assert_eq!(tried.unwrap_err().kind, PoolErrorKind::Unreachable);
    held.abort();
}
