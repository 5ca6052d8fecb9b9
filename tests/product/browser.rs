//! What a web page can get from the monitor's port: nothing, until it is paired.

use crate::pool::Pool;
use crate::scene::Scene;
use crate::worker::Worker;
use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::Value;

/// A command as the paired page sends it, without cookie.
fn command(http: &Client, monitor: &str, name: &str) -> RequestBuilder {
    let origin = monitor.trim_end_matches('/');
    http.post(format!("{monitor}rpc/{name}"))
        .header("x-hivemind", "1")
        .header("content-type", "application/json")
        .header("origin", origin)
        .header("sec-fetch-site", "same-origin")
        .body("null")
}

async fn refused(answer: Result<Response, reqwest::Error>, status: u16, code: &str) {
    let answer = answer.expect("an answer");
    let found = answer.status().as_u16();
    assert!(answer.headers().get("access-control-allow-origin").is_none());
    let body: Value = answer.json().await.expect("a stated reason");
    assert_eq!((found, body["code"].as_str()), (status, Some(code)), "{body}");
}

#[tokio::test]
async fn other_pages_are_refused_and_a_paired_one_is_served() {
    let Some(scene) = Scene::open("other_pages_are_refused_and_a_paired_one_is_served").await else { return };
    let pool = Pool::open(&scene).await;
    let works = pool.person("works").await;
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let monitor = worker.monitor();
    let http = Client::builder().redirect(Policy::none()).build().expect("a client");

    refused(command(&http, &monitor, "stop").send().await, 401, "NOT_PAIRED").await;
    refused(http.get(format!("{monitor}metrics")).send().await, 401, "NOT_PAIRED").await;
    refused(http.get(format!("{monitor}events")).send().await, 401, "NOT_PAIRED").await;

    let opened = worker.call(&["open"]).await.ok();
    let address = opened["url"].as_str().expect("an address");
    assert!(address.starts_with(&monitor), "{address}");
    let paired = http.get(address).send().await.expect("paired");
    assert_eq!(paired.status(), 303);
    let set = paired.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    let cookie = set.split(';').next().expect("the cookie").to_owned();
    assert_eq!(http.get(address).send().await.expect("an answer").status(), 403, "a code works once");

    let with = |request: RequestBuilder| request.header("cookie", &cookie);
    // reqwest adds a header to those there are; what is changed is taken out first.
    let changed = |name: &'static str, value: &str| {
        let mut request = with(command(&http, &monitor, "stop")).build().expect("a request");
        request.headers_mut().insert(name, value.parse().expect("a value"));
        http.execute(request)
    };
    refused(changed("origin", "https://evil.example").await, 403, "FORBIDDEN").await;
    refused(changed("origin", "null").await, 403, "FORBIDDEN").await;
    refused(changed("host", "evil.example").await, 421, "FORBIDDEN").await;
    refused(changed("sec-fetch-site", "cross-site").await, 403, "FORBIDDEN").await;
    refused(changed("cookie", &format!("{}x", &cookie[..cookie.len() - 1])).await, 401, "NOT_PAIRED").await;
    refused(with(command(&http, &monitor, "pair")).send().await, 403, "FORBIDDEN").await;
    let snapshot = worker.snapshot().await;
    assert_eq!(snapshot["status"]["contributing"], true, "nothing has changed: {snapshot}");
    assert_eq!(snapshot["status"]["state"], "ready");

    let served: Value =
        with(command(&http, &monitor, "snapshot")).send().await.expect("sent").json().await.expect("JSON");
    assert_eq!(served["account"]["username"], "works");
    let stopped = with(command(&http, &monitor, "stop")).send().await.expect("sent");
    assert_eq!(stopped.status(), 200);
    assert_eq!(worker.snapshot().await["status"]["contributing"], false, "the paired page may");
    let metrics = with(http.get(format!("{monitor}metrics"))).send().await.expect("sent");
    assert!(metrics.text().await.expect("text").contains("# TYPE"));
    let page = http.get(&monitor).send().await.expect("a page");
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = page.text().await.expect("text");
    assert!(!page.contains("works"), "the page holds no data");
    assert_eq!(
        http.get(format!("{monitor}healthz")).send().await.expect("sent").text().await.expect("text"),
        "ok\n"
    );
}
