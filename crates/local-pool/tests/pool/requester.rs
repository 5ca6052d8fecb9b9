use crate::support::{Bench, PASSWORD, package, sha256, succeeded, used};
use hivemind_proto::v1::{self, task_report::Body};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

pub struct Requester {
    pub client: Client,
    pub base: String,
    pub token: String,
}

impl Requester {
    fn new(bench: &Bench) -> Self {
        // Plain HTTP only, but the client wants to be told whose cryptography it would use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = format!("http://{}", bench.pool.http_addr());
        Self { client: Client::builder().no_proxy().build().unwrap(), base, token: String::new() }
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    pub async fn join(bench: &Bench, name: &str) -> Self {
        let mut requester = Self::new(bench);
        let body = json!({ "username": name, "password": PASSWORD });
        let made = requester.call(Method::POST, "/api/register", Some(body.clone())).await;
        assert_eq!(made.status(), 201);
        assert_eq!(made.json::<Value>().await.unwrap(), json!({ "username": name, "balance_cpt": 150 }));
        let answer: Value =
            requester.call(Method::POST, "/api/login", Some(body)).await.json().await.unwrap();
        answer["token"].as_str().unwrap().clone_into(&mut requester.token);
        requester
    }

    pub fn form(fields: &[(&'static str, &'static str)], file: Option<Vec<u8>>) -> Form {
        let mut form = Form::new();
        for (name, value) in fields {
            form = form.text(*name, *value);
        }
        if let Some(file) = file {
            form = form.part("task_file", Part::bytes(file).file_name("task.zip"));
        }
        form
    }

    pub async fn submit(&self, form: Form) -> Response {
        let url = format!("{}/api/tasks", self.base);
        self.client.post(url).bearer_auth(&self.token).multipart(form).send().await.unwrap()
    }
}

pub const FIELDS: [(&str, &str); 4] =
    [("task_name", "primes"), ("cpu_cores", "1.5"), ("memory_gb", "0.5"), ("gpu_required", "false")];

pub async fn refused(answer: Response, status: u16, code: &str) -> Value {
    assert_eq!(answer.status(), status);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], code, "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
    body
}

#[tokio::test]
async fn a_task_from_submission_to_result_with_its_log_live() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    bench.user("bob").await;
    let answer = ann.submit(Requester::form(&FIELDS, Some(package()))).await;
    assert_eq!(answer.status(), 201);
    let made: Value = answer.json().await.unwrap();
    assert_eq!(made["package_sha256"], sha256(&package()));
    let id = made["task_id"].as_str().unwrap();
    let task = ann.get(&format!("/api/tasks/{id}")).await;
    assert_eq!(
        (&task["state"], &task["name"], &task["cpu_cores"]),
        (&json!("queued"), &json!("primes"), &json!(1.5))
    );

    let worker = bench.worker("bob", "one").await;
    let assignment = worker.poll(5000).await.unwrap().unwrap();
    let limits = assignment.limits.unwrap();
    assert_eq!(limits.resources.unwrap().cpu_millis, 1500);
    assert_eq!((assignment.image.as_str(), assignment.network_hosts.len()), ("", 0));
    let key = assignment.key.unwrap();

    let mut live = ann.call(Method::GET, &format!("/api/tasks/{id}/logs?follow=1"), None).await;
    assert_eq!(live.headers()["content-type"], "text/plain; charset=utf-8");
    let (reports, receiver) = tokio::sync::mpsc::channel(8);
    let report = |seq, body| v1::TaskReport { key: Some(key.clone()), seq, body: Some(body) };
    reports.send(report(0, Body::Hello(v1::ReportHello {}))).await.unwrap();
    let request = worker.signed(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let _acks = worker.tasks().report_task(request).await.unwrap();
    for n in 1..=3u64 {
        let line = v1::LogLine { text: format!("line {n} \u{1b}[31m"), ..Default::default() };
        let chunk = v1::LogChunk { first_line: n, lines: vec![line] };
        reports.send(report(n, Body::Log(chunk))).await.unwrap();
        let piece = tokio::time::timeout(Duration::from_secs(5), live.chunk()).await.expect("live").unwrap();
        assert_eq!(piece.unwrap(), format!("line {n} [31m\n").as_bytes(), "as it is written, made safe");
    }
    drop(reports);
    let result = b"PK\x05\x06 not looked at".to_vec();
    let paid = worker.submit(&key, succeeded(), used(10.0, 1), &result).await.unwrap();
    assert_eq!(live.chunk().await.unwrap(), None, "the stream ends with the task");

    let task = ann.get(&format!("/api/tasks/{id}")).await;
    assert_eq!((&task["state"], &task["exit_code"]), (&json!("succeeded"), &json!(0)));
    assert_eq!(task["result"], json!({ "sha256": sha256(&result), "size_bytes": result.len() }));
    let report = &task["report"];
    let told =
        ["exit_class", "exit_code", "wall_ms", "bytes_in", "bytes_out", "image_digest"].map(|k| &report[k]);
    let digest = json!("sha256:abc");
    assert_eq!(
        told,
        [&json!("succeeded"), &json!(0), &json!(1000), &json!(99), &json!(result.len()), &digest]
    );
    assert_eq!((&report["phases"]["fetch_ms"], &report["phases"]["run_ms"]), (&json!(3), &json!(1000)));
    assert!(report["phases"]["queue_ms"].is_u64() && report["phases"]["upload_ms"].is_u64(), "{report}");
    let answer = ann.call(Method::GET, &format!("/api/tasks/{id}/result"), None).await;
    assert_eq!(answer.headers()["x-content-sha256"], sha256(&result).as_str());
    assert_eq!(answer.headers()["content-type"], "application/zip");
    assert_eq!(answer.bytes().await.unwrap(), result);
    let logs = ann.get(&format!("/api/tasks/{id}/logs")).await;
    assert_eq!((logs["lines"].as_array().unwrap().len(), &logs["lines"][2]["n"]), (3, &json!(3)));
    let text = ann.call(Method::GET, &format!("/api/tasks/{id}/logs?format=text"), None).await;
    assert_eq!(text.text().await.unwrap(), "line 1 [31m\nline 2 [31m\nline 3 [31m\n");

    assert_eq!(ann.get("/api/balance").await["balance_cpt"], 150 - paid.credited_cpt);
    assert_eq!(ann.get("/api/tasks").await["tasks"][0]["task_id"], id);
    let nodes = ann.get("/api/nodes").await;
    assert_eq!(
        (&nodes["nodes"][0]["node_id"], &nodes["nodes"][0]["hostname"]),
        (&json!(worker.node), &json!(""))
    );
    bench.books_balance().await;
}

#[tokio::test]
async fn a_task_can_be_stopped_and_belongs_to_its_owner_only() {
    let bench = Bench::start().await;
    let (ann, eve) = (Requester::join(&bench, "ann").await, Requester::join(&bench, "eve").await);
    let made: Value = ann.submit(Requester::form(&FIELDS, Some(package()))).await.json().await.unwrap();
    let id = made["task_id"].as_str().unwrap();
    for (method, path) in
        [(Method::GET, ""), (Method::GET, "/logs"), (Method::GET, "/result"), (Method::POST, "/stop")]
    {
        let answer = eve.call(method, &format!("/api/tasks/{id}{path}"), None).await;
        refused(answer, 404, "TASK_UNKNOWN").await;
    }
    refused(ann.call(Method::GET, &format!("/api/tasks/{id}/result"), None).await, 404, "NO_RESULT").await;
    let stopped: Value =
        ann.call(Method::POST, &format!("/api/tasks/{id}/stop"), None).await.json().await.unwrap();
    assert_eq!((&stopped["state"], &stopped["cancel"]), (&json!("cancelled"), &json!("requester")));
}

#[tokio::test]
async fn wrong_forms_are_refused_with_the_field_and_leave_nothing() {
    let bench = Bench::with(|config| config.max_package_bytes = 4096).await;
    let ann = Requester::join(&bench, "ann").await;
    let with = |name: &'static str, value: &'static str| {
        let mut fields: Vec<_> = FIELDS.into_iter().filter(|(n, _)| *n != name).collect();
        fields.push((name, value));
        fields
    };
    for (fields, file, field) in [
        (FIELDS.to_vec(), None, "task_file"),
        (FIELDS.to_vec(), Some(b"MZ not a zip".to_vec()), "task_file"),
        (with("task_name", ""), Some(package()), "task_name"),
        (with("task_name", "a\u{202e}b"), Some(package()), "task_name"),
        (with("cpu_cores", "0.001"), Some(package()), "cpu_cores"),
        (with("cpu_cores", "many"), Some(package()), "cpu_cores"),
        (with("memory_gb", "0.001"), Some(package()), "memory_gb"),
        (with("gpu_required", "perhaps"), Some(package()), "gpu_required"),
        (with("timeout_seconds", "0"), Some(package()), "timeout_seconds"),
        (with("image", "-v/:/host busybox"), Some(package()), "image"),
        (with("privileged", "true"), Some(package()), "form"),
    ] {
        let body = refused(ann.submit(Requester::form(&fields, file)).await, 400, "INVALID_FIELD").await;
        assert_eq!(body["error"]["field"], field, "{body}");
    }
    let mut large = package();
    large.resize(5000, 0);
    refused(ann.submit(Requester::form(&FIELDS, Some(large))).await, 413, "TOO_LARGE").await;
    for folder in ["incoming", "packages"] {
        let left = std::fs::read_dir(bench.config.data_dir.join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder}");
    }
    assert_eq!(ann.get("/api/tasks").await, json!({ "tasks": [] }));
}

#[tokio::test]
async fn sign_up_and_sign_in_refuse_what_they_must() {
    let bench = Bench::with(|config| config.registrations_per_minute = 3).await;
    let ann = Requester::join(&bench, "ann").await;
    let mut nobody = Requester::new(&bench);
    let body = |name: &str, password: &str| Some(json!({ "username": name, "password": password }));
    let post = Method::POST;
    refused(nobody.call(post.clone(), "/api/register", body("ANN", PASSWORD)).await, 409, "NAME_TAKEN").await;
    refused(nobody.call(post.clone(), "/api/register", body("bob", "short")).await, 400, "INVALID_FIELD")
        .await;
    refused(
        nobody.call(post.clone(), "/api/login", body("ann", "wrong password")).await,
        401,
        "WRONG_CREDENTIALS",
    )
    .await;
    let long = body("ann", &"x".repeat(20_000));
    refused(nobody.call(post.clone(), "/api/login", long).await, 413, "TOO_LARGE").await;
    refused(nobody.call(post.clone(), "/api/login", Some(json!([1]))).await, 400, "INVALID_FIELD").await;
    refused(nobody.call(Method::GET, "/api/balance", None).await, 401, "SIGN_IN_NEEDED").await;
    nobody.token = "made-up".into();
    refused(nobody.call(Method::GET, "/api/tasks", None).await, 401, "SIGN_IN_NEEDED").await;
    refused(nobody.submit(Requester::form(&FIELDS, Some(package()))).await, 401, "SIGN_IN_NEEDED").await;
    refused(ann.call(Method::GET, "/api/nothing", None).await, 404, "NOT_FOUND").await;
    refused(ann.call(Method::DELETE, "/api/tasks", None).await, 405, "WRONG_METHOD").await;
    nobody.call(post.clone(), "/api/register", body("bob", PASSWORD)).await;
    let slowed = nobody.call(post, "/api/register", body("eve", PASSWORD)).await;
    assert!(slowed.headers().contains_key("retry-after"));
    refused(slowed, 429, "RATE_LIMITED").await;
}

#[tokio::test]
async fn tokens_can_be_refreshed_and_given_up() {
    let bench = Bench::start().await;
    let mut ann = Requester::join(&bench, "ann").await;
    let body = json!({ "username": "ann", "password": PASSWORD });
    let first: Value = ann.call(Method::POST, "/api/login", Some(body)).await.json().await.unwrap();
    let wish = json!({ "refresh_token": first["refresh_token"] });
    let next: Value = ann.call(Method::POST, "/api/refresh", Some(wish)).await.json().await.unwrap();
    next["token"].as_str().unwrap().clone_into(&mut ann.token);
    assert_eq!(ann.get("/api/balance").await["username"], "ann");
    assert_eq!(ann.call(Method::POST, "/api/logout", None).await.status(), 204);
    refused(ann.call(Method::GET, "/api/balance", None).await, 401, "SIGN_IN_NEEDED").await;
}

#[tokio::test]
async fn wrong_hosts_and_other_origins_are_refused_and_change_nothing() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    let url = format!("{}/api/transfer", ann.base);
    bench.user("eve").await;
    let wish = json!({ "to": "eve", "amount": 100 });
    let own = ann.base.clone();
    for (name, value, status) in [
        ("host", "evil.example", 421),
        ("host", "127.0.0.1.evil.example", 421),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "http://127.0.0.1:1", 403),
        ("origin", own.as_str(), 200),
    ] {
        let request = ann.client.post(&url).bearer_auth(&ann.token).json(&wish).header(name, value);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}: {value}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
    assert_eq!(ann.get("/api/balance").await["balance_cpt"], 50, "only the page's own request counted");
}

#[tokio::test]
async fn a_worker_finds_the_way() {
    let bench = Bench::start().await;
    let found = Requester::new(&bench).get("/.well-known/hivemind").await;
    assert_eq!(found["dialect"], "hivemind.v1");
    assert_eq!(found["grpc_addr"], bench.pool.grpc_addr().to_string());
}
