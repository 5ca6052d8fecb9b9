//! Whatever another page, a stranger or a broken program sends: refused, and the worker was asked nothing.

use crate::http::{Site, request};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The paired page's request with some headers taken away (by the start of the line) and others added.
async fn changed(site: &Site, without: &[&str], with: &[&str]) -> (u16, String) {
    let own = site.page_headers();
    let kept = own.iter().map(String::as_str).filter(|h| !without.iter().any(|w| h.starts_with(w)));
    let headers: Vec<&str> = kept.chain(with.iter().copied()).collect();
    let answer = site.raw(&request("POST", "/rpc/start", &headers, "null")).await;
    (answer.status, answer.code())
}

#[tokio::test]
async fn every_changed_proof_is_refused_and_nothing_happens() {
    let site = Site::open().await;
    let port = site.address.port();
    assert_eq!(changed(&site, &[], &[]).await, (200, String::new()), "unchanged it is served");
    assert_eq!(site.worker.take_calls().len(), 1);
    let host = |h: &str| format!("Host: {h}");
    let origin = |o: &str| format!("Origin: {o}");
    let forbidden = |n: u16| (n, "FORBIDDEN".to_owned());
    let hosts = [
        "evil.example",
        &format!("evil.example:{port}"),
        &format!("127.0.0.1.nip.io:{port}"),
        &format!("localhost.evil.example:{port}"),
        "127.0.0.1",
        "localhost:1",
        &format!("localhost.:{port}"),
        &format!("0.0.0.0:{port}"),
        &format!("127.0.0.2:{port}"),
        &format!("user@localhost:{port}"),
        "",
    ];
    for name in hosts {
        assert_eq!(changed(&site, &["Host"], &[&host(name)]).await, forbidden(421), "Host {name}");
    }
    assert_eq!(changed(&site, &["Host"], &[]).await, forbidden(421), "no Host");
    assert_eq!(changed(&site, &[], &[&host("evil.example")]).await, forbidden(421), "two Hosts");
    let origins = [
        "null",
        "https://evil.example",
        "http://evil.example",
        &format!("https://127.0.0.1:{port}"),
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        &format!("http://localhost:{port}"),
        &format!("http://127.0.0.1:{port}.evil.example"),
        "file://",
        "",
    ];
    for name in origins {
        assert_eq!(changed(&site, &["Origin"], &[&origin(name)]).await, forbidden(403), "Origin {name}");
    }
    assert_eq!(changed(&site, &[], &[&origin("null")]).await, forbidden(403), "two origins");
    for site_ in ["cross-site", "same-site", "", "none, same-origin"] {
        let header = format!("Sec-Fetch-Site: {site_}");
        assert_eq!(changed(&site, &["Sec-Fetch-Site"], &[&header]).await, forbidden(403), "{header}");
    }
    for with in [&[][..], &["X-HiveMind: 0"], &["X-HiveMind: 1", "X-HiveMind: 1"]] {
        assert_eq!(changed(&site, &["X-HiveMind"], with).await, forbidden(403), "{with:?}");
    }
    let unsupported = (415, "INVALID_REQUEST".to_owned());
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""]
    {
        let header = format!("Content-Type: {kind}");
        assert_eq!(changed(&site, &["Content-Type"], &[&header]).await, unsupported, "{header}");
    }
    assert_eq!(changed(&site, &["Content-Type"], &[]).await, unsupported, "no Content-Type");
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn without_a_session_there_is_nothing_but_the_shell() {
    let site = Site::open().await;
    let good = site.cookie();
    let (name, token) = good.strip_prefix("Cookie: ").unwrap().split_once('=').unwrap();
    let flipped = format!("{}{}", if token.starts_with('0') { '1' } else { '0' }, &token[1..]);
    let not_paired = (401, "NOT_PAIRED".to_owned());
    let cookies = [
        String::new(),
        format!("Cookie: {name}="),
        format!("Cookie: {name}={flipped}"),
        format!("Cookie: {name}={}", &token[..62]),
        format!("Cookie: {name}={token}00"),
        format!("Cookie: {name}=\"{token}\""),
        format!("Cookie: hivemind_1={token}"),
        format!("Cookie: x{name}={token}"),
        format!("Authorization: Bearer {flipped}"),
        format!("Authorization: Basic {token}"),
    ];
    for cookie in &cookies {
        let with: Vec<&str> = if cookie.is_empty() { vec![] } else { vec![cookie] };
        assert_eq!(changed(&site, &["Cookie"], &with).await, not_paired, "{cookie}");
        for path in ["/events", "/metrics"] {
            let answer = site.get(path, &with).await;
            assert_eq!((answer.status, answer.code()), not_paired, "{path} {cookie}");
            assert!(!answer.body.contains("9.9.9"));
        }
    }
    for path in ["/events/", "/metrics/", "//events", "/%65vents", "/rpc/snapshot", "/EVENTS"] {
        let answer = site.get(path, &[]).await;
        assert!(matches!(answer.status, 401 | 404), "{path} {}", answer.status);
    }
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn commands_of_the_owner_never_come_from_a_browser() {
    let site = Site::open().await;
    for info in hivemind_control::COMMANDS.iter().filter(|c| c.access == hivemind_control::Access::Own) {
        let answer = site.rpc(info.name, "null").await;
        assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN".into()), "{}", info.name);
    }
    for name in ["nothing", "snapshot%00", "pair/", "..", "%2e%2e", "PAIR", "p%61ir"] {
        let answer = site.rpc(name, "null").await;
        assert!(matches!(answer.status, 400 | 403 | 404 | 405), "{name} {}", answer.status);
    }
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn other_methods_are_refused_and_preflights_get_no_permission() {
    let site = Site::open().await;
    let host = format!("Host: {}", site.host());
    let cookie = site.cookie();
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "PROPFIND", "X"] {
        for path in ["/", "/rpc/start", "/events"] {
            let headers = [
                host.as_str(),
                &cookie,
                "X-HiveMind: 1",
                "Access-Control-Request-Method: POST",
                "Content-Length: 0",
            ];
            let answer = site.raw(&request(method, path, &headers, "")).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(!answer.head.contains("access-control-"), "{method} {path}");
        }
    }
    let answer = site.get("/rpc/start", &[&cookie, "X-HiveMind: 1"]).await;
    assert_eq!(answer.status, 405);
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn the_target_may_not_name_another_host() {
    let site = Site::open().await;
    let headers = site.page_headers();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let answer = site.raw(&request("POST", "http://evil.example/rpc/start", &headers, "null")).await;
    assert_eq!(answer.status, 421);
    assert_eq!(site.worker.take_calls(), []);
    let same = format!("http://{}/rpc/start", site.host());
    assert_eq!(site.raw(&request("POST", &same, &headers, "null")).await.status, 200);
}

#[tokio::test]
async fn bodies_are_bounded_and_must_be_what_the_command_wants() {
    let site = Site::open().await;
    let at_most = format!("\"{}\"", "x".repeat(64 * 1024 - 2));
    assert_eq!(site.rpc("task", &at_most).await.code(), "INVALID_REQUEST", "read, and no task reference");
    let announced = site.rpc("start", &format!("\"{}\"", "x".repeat(64 * 1024))).await;
    assert_eq!((announced.status, announced.code()), (413, "INVALID_REQUEST".into()));
    let mut headers = site.page_headers();
    headers.push("Transfer-Encoding: chunked".into());
    let mut chunked =
        format!("POST /rpc/start HTTP/1.1\r\nConnection: close\r\n{}\r\n\r\n", headers.join("\r\n"));
    for _ in 0..9 {
        chunked.push_str(&format!("2000\r\n{}\r\n", " ".repeat(0x2000)));
    }
    assert_eq!(site.raw(&(chunked + "0\r\n\r\n")).await.status, 413, "not announced");
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in ["{", "not json", "{} {}", "nul", deep.as_str(), "[1,2]", "{\"task_id\":7}"] {
        let answer = site.rpc("task", body).await;
        assert_eq!((answer.status, answer.code()), (400, "INVALID_REQUEST".into()), "{:.20}", body);
    }
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn a_head_without_end_is_given_up() {
    let site = Site::open().await;
    let mut headers = site.page_headers();
    headers.push(format!("X-Long: {}", "x".repeat(20_000)));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    assert_eq!(site.raw(&request("POST", "/rpc/start", &headers, "null")).await.status, 431, "too long");
    let mut slow = TcpStream::connect(site.address).await.unwrap();
    slow.write_all(b"POST /rpc/start HTTP/1.1\r\nHost: ").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(15), slow.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "closed within fifteen seconds");
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let site = Site::open().await;
    let headers = site.page_headers().join("\r\n");
    let text =
        format!("POST /rpc/start HTTP/1.1\r\nConnection: close\r\n{headers}\r\nContent-Length: 9\r\n\r\nnul");
    assert_eq!(site.raw(&text).await.status, 408);
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn hoarded_connections_hold_nobody_up_for_long() {
    let site = Site::open().await;
    let mut hoard = Vec::new();
    for _ in 0..100 {
        hoard.push(TcpStream::connect(site.address).await.unwrap());
    }
    let answer = tokio::time::timeout(Duration::from_secs(15), site.get("/healthz", &[])).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn streams_are_counted() {
    let site = Site::open().await;
    let (host, cookie) = (format!("Host: {}", site.host()), site.cookie());
    let ask = request("GET", "/events", &[&host, &cookie], "");
    let mut open = Vec::new();
    for _ in 0..24 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(stream);
    }
    assert_eq!(site.raw(&ask).await.status, 503);
    open.pop();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        if &first == b"HTTP/1.1 200" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a closed stream keeps its seat");
}

#[tokio::test]
async fn a_listener_takes_only_loopback() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = hivemind_local_api::BrowserListener::bind(address.parse().unwrap()).await;
        assert!(matches!(refused, Err(hivemind_local_api::ServeError::NotLoopback(_))), "{address}");
    }
}
