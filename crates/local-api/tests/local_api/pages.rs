//! What a browser is served: pairing, commands, the stream, metrics, and the shell without data.

use crate::http::{Site, request};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn path_of(url: &str) -> String {
    format!("/{}", url.splitn(4, '/').nth(3).unwrap())
}

#[tokio::test]
async fn a_code_becomes_a_cookie_once() {
    let site = Site::open().await;
    let code = site.sessions.new_code().unwrap();
    assert!(code.url.starts_with(&format!("http://{}/pair?code=", site.address)), "{}", code.url);
    assert_eq!(code.expires_in_seconds, 120);
    let path = path_of(&code.url);
    let wrong = site.get(&format!("/pair?code={}", "0".repeat(32)), &[]).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None));
    let cross = site.get(&path, &["Sec-Fetch-Site: cross-site"]).await;
    assert_eq!((cross.status, cross.header("set-cookie")), (403, None), "another site led here");
    let paired = site.get(&path, &["Sec-Fetch-Site: none"]).await;
    assert_eq!((paired.status, paired.header("location")), (303, Some("/")));
    let cookie = paired.header("set-cookie").unwrap().to_owned();
    for part in ["; path=/", "; httponly", "; samesite=strict", "; max-age=2592000"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(cookie.starts_with(&format!("hivemind_{}=", site.address.port())));
    assert_eq!(paired.header("cache-control"), Some("no-store"));
    let replayed = site.get(&path, &[]).await;
    assert_eq!((replayed.status, replayed.header("set-cookie")), (403, None));
    assert_eq!(site.worker.take_calls(), []);
    let cookie = format!("Cookie: a=b; {}; c=d", cookie.split(';').next().unwrap());
    let metrics = site.get("/metrics", &[&cookie]).await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("hivemind_worker_info{version=\"9.9.9\"} 1\n"), "{}", metrics.body);
    assert!(metrics.body.contains("hivemind_worker_cpu_ratio{by=\"all\"} 0.25\n"));
    let bearer = format!("Authorization: Bearer {}", site.sessions.new_token().unwrap());
    assert_eq!(site.get("/metrics", &[&bearer]).await.status, 200, "as a scraper does");
    site.sessions.clear();
    assert_eq!(site.get("/metrics", &[&cookie]).await.status, 401);
}

#[tokio::test]
async fn commands_reach_the_worker_and_errors_come_back_whole() {
    let site = Site::open().await;
    let answer = site.rpc("snapshot", "null").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let snapshot: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(snapshot["seq"], 41);
    assert_eq!(site.rpc("snapshot", "").await.status, 200, "no body means null");
    let answer = site.rpc("task", "{\"task_id\":\"t\",\"attempt\":null}").await;
    assert_eq!((answer.status, answer.code()), (404, "TASK_UNKNOWN".into()));
    let error: hivemind_control::ApiError = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(error.facts["task"], "t");
    let answer = site.rpc("login", "{\"username\":\"a\",\"password\":\"b\"}").await;
    assert_eq!((answer.status, answer.code()), (422, "WRONG_CREDENTIALS".into()), "never 401");
    let called: Vec<_> = site.worker.take_calls().into_iter().map(|(name, _)| name).collect();
    assert_eq!(called, ["snapshot", "snapshot", "task", "login"]);
}

#[tokio::test]
async fn every_command_but_the_owners_is_served_to_a_page() {
    let site = Site::open().await;
    for info in hivemind_control::COMMANDS {
        let body = if info.name == "invite" { r#"{"lan":true,"full":false}"# } else { "null" };
        let answer = site.rpc(info.name, body).await;
        let expected = info.access == hivemind_control::Access::Own;
        assert_eq!(answer.code() == "FORBIDDEN", expected, "{}: {}", info.name, answer.body);
    }
}

#[tokio::test]
async fn all_three_names_of_this_computer_work() {
    let site = Site::open().await;
    for name in ["localhost", "127.0.0.1", "[::1]", "LocalHost"] {
        let headers = [
            format!("Host: {name}:{}", site.address.port()),
            format!("Origin: http://{}:{}", name.to_lowercase(), site.address.port()),
            "X-HiveMind: 1".into(),
            "Content-Type: application/json; charset=utf-8".into(),
            site.cookie(),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_eq!(site.raw(&request("POST", "/rpc/start", &headers, "null")).await.status, 200, "{name}");
    }
    assert_eq!(site.worker.take_calls().len(), 4);
}

#[tokio::test]
async fn the_shell_is_served_to_anyone_and_holds_nothing() {
    let site = Site::open().await;
    let health = site.get("/healthz", &[]).await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    for path in ["/", "/index.html", "/monitor.html"] {
        let page = site.get(path, &[]).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(page.body.contains("<!doctype html>") || page.body.contains("<!DOCTYPE html>"), "{path}");
    }
    assert_eq!(site.get("/nothing.js", &[]).await.status, 404);
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn every_answer_is_sealed() {
    let site = Site::open().await;
    let evil = "Origin: http://evil.example";
    for answer in [
        site.get("/", &[]).await,
        site.get("/healthz", &[]).await,
        site.get("/nothing", &[]).await,
        site.get("/events", &[]).await,
        site.get("/pair?code=1", &[]).await,
        site.get("/", &[evil]).await,
        site.rpc("snapshot", "null").await,
    ] {
        assert_eq!(answer.header("content-security-policy"), Some(CSP.to_ascii_lowercase().as_str()));
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "deny"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{}", answer.head);
        }
        assert!(answer.header("cache-control").is_some());
        assert!(!answer.head.contains("access-control-"));
    }
}

#[tokio::test]
async fn the_stream_begins_with_the_snapshot() {
    let site = Site::open().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let host = format!("Host: {}", site.host());
    let headers = [host.as_str(), &site.cookie(), "Sec-Fetch-Site: same-origin"];
    stream.write_all(request("GET", "/events", &headers, "").as_bytes()).await.unwrap();
    let mut text = String::new();
    read_until(&mut stream, &mut text, "\n\n").await;
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    assert!(text.contains("data: {\"event\":\"snapshot\",\"data\":{\"seq\":41,"), "{text}");
    text.clear();
    site.worker.hints.send(hivemind_control::Event::RaiseWindow).unwrap();
    read_until(&mut stream, &mut text, "{\"event\":\"raise_window\"}\n\n").await;
    site.worker.snapshots.send_modify(|s| std::sync::Arc::make_mut(s).seq = 42);
    read_until(&mut stream, &mut text, "{\"seq\":42,").await;
}

async fn read_until(stream: &mut TcpStream, text: &mut String, end: &str) {
    let mut piece = [0; 4096];
    while !text.split_once("\r\n\r\n").map_or(text.as_str(), |(_, body)| body).contains(end) {
        let n = timeout(Duration::from_secs(5), stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(n > 0, "ended after {text}");
        text.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
}
