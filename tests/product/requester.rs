//! People at the pool, over its REST interface.

use crate::package::sha256;
use crate::patience::{LONG, until};
use futures_util::StreamExt;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

pub const PASSWORD: &str = "correct horse battery staple";

#[derive(Clone)]
pub struct Person {
    http: Client,
    url: String,
    pub name: String,
    token: String,
}

/// What a task asks for; the defaults are small, because tests share a machine.
pub struct Wish {
    pub cpu_cores: &'static str,
    pub memory_gb: &'static str,
    pub gpu: bool,
    pub timeout_seconds: u64,
}

impl Default for Wish {
    fn default() -> Self {
        Self { cpu_cores: "0.5", memory_gb: "0.25", gpu: false, timeout_seconds: 600 }
    }
}

/// A downloaded result.
pub struct Download {
    pub bytes: Vec<u8>,
    pub header_sha256: String,
}

async fn answer(request: RequestBuilder) -> Result<(u16, Value), reqwest::Error> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let text = answer.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

impl Person {
    pub async fn register(url: &str, name: &str) -> Self {
        let http = Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        let credentials = json!({ "username": name, "password": PASSWORD });
        let post = |path: &str| http.post(format!("{url}api/{path}")).json(&credentials);
        let (status, registered) = answer(post("register")).await.expect("registered");
        assert_eq!(status, 201, "{registered}");
        assert_eq!(registered["balance_cpt"], 150);
        let (status, signed_in) = answer(post("login")).await.expect("signed in");
        assert_eq!(status, 200, "{signed_in}");
        let token = signed_in["token"].as_str().expect("a token").to_owned();
        Self { http, url: url.to_owned(), name: name.to_owned(), token }
    }

    async fn get(&self, path: &str) -> Result<(u16, Value), reqwest::Error> {
        answer(self.http.get(format!("{}api/{path}", self.url)).bearer_auth(&self.token)).await
    }

    async fn got(&self, path: &str) -> Value {
        let (status, value) = self.get(path).await.expect("an answer");
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub async fn submit(&self, name: &str, package: Vec<u8>, wish: &Wish) -> String {
        let form = Form::new()
            .text("task_name", name.to_owned())
            .text("cpu_cores", wish.cpu_cores)
            .text("memory_gb", wish.memory_gb)
            .text("gpu_required", wish.gpu.to_string())
            .text("timeout_seconds", wish.timeout_seconds.to_string())
            .part("task_file", Part::bytes(package.clone()).file_name("task.zip"));
        let request = self.http.post(format!("{}api/tasks", self.url)).bearer_auth(&self.token);
        let (status, value) = answer(request.multipart(form)).await.expect("handed in");
        assert_eq!((status, &value["state"]), (201, &json!("queued")), "{value}");
        assert_eq!(value["package_sha256"], sha256(&package));
        value["task_id"].as_str().expect("an id").to_owned()
    }

    pub async fn task(&self, id: &str) -> Value {
        self.got(&format!("tasks/{id}")).await
    }

    /// Waits until `done` says yes; a pool that is away is asked again.
    pub async fn wait_for(&self, id: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let path = format!("tasks/{id}");
        until(&format!("the task {what}"), LONG, async || {
            let (status, task) = self.get(&path).await.ok()?;
            assert_eq!(status, 200, "{task}");
            assert!(done(&task) || !is_final(&task) || what == "ends", "it ended instead: {task}");
            done(&task).then_some(task)
        })
        .await
    }

    pub async fn wait_for_end(&self, id: &str) -> Value {
        self.wait_for(id, "ends", is_final).await
    }

    /// Waits until the program itself has printed something.
    pub async fn wait_for_running(&self, id: &str, attempt: u64) -> Value {
        self.wait_for(id, "runs", |task| task["attempt"] == attempt && task["phase"] == "running").await
    }

    /// Gives each line, as it comes, to `tell`, until the log ends.
    pub async fn follow(&self, id: &str, mut tell: impl AsyncFnMut(&str)) {
        // The answer is open for as long as the task runs.
        let http = Client::builder().read_timeout(LONG).build().expect("a client");
        let url = format!("{}api/tasks/{id}/logs?follow=1", self.url);
        let answer = http.get(url).bearer_auth(&self.token).send().await.expect("a log");
        assert_eq!(answer.status(), 200);
        let mut stream = answer.bytes_stream();
        let mut rest = Vec::new();
        while let Some(piece) = stream.next().await {
            rest.extend_from_slice(&piece.expect("the log goes on"));
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                tell(String::from_utf8_lossy(&line).trim_end()).await;
            }
        }
    }

    /// The log as it is now.
    pub async fn log(&self, id: &str) -> Vec<String> {
        let log = self.got(&format!("tasks/{id}/logs")).await;
        let lines = log["lines"].as_array().expect("lines");
        lines.iter().map(|line| line["text"].as_str().expect("text").to_owned()).collect()
    }

    pub async fn download(&self, id: &str) -> Download {
        let url = format!("{}api/tasks/{id}/result", self.url);
        let answer = self.http.get(url).bearer_auth(&self.token).send().await.expect("a result");
        assert_eq!(answer.status(), 200);
        let header = answer.headers().get("x-content-sha256").expect("the header").to_str().expect("text");
        let header_sha256 = header.to_owned();
        Download { bytes: answer.bytes().await.expect("the whole result").to_vec(), header_sha256 }
    }

    pub async fn stop(&self, id: &str) -> Value {
        let request = self.http.post(format!("{}api/tasks/{id}/stop", self.url)).bearer_auth(&self.token);
        let (status, value) = answer(request).await.expect("stopped");
        assert_eq!(status, 200, "{value}");
        value
    }

    /// Everything that is this person's: available, held for tasks, and earned but not settled.
    pub async fn balance(&self) -> i64 {
        let balance = self.got("balance").await;
        let part = |name: &str| balance[name].as_i64().unwrap_or_else(|| panic!("no {name} in {balance}"));
        assert_eq!(balance["username"], *self.name);
        part("balance_cpt") + part("held_cpt") + part("pending_cpt")
    }

    /// The pool's nodes.
    pub async fn nodes(&self) -> Vec<Value> {
        self.got("nodes").await["nodes"].as_array().expect("a list").clone()
    }
}

pub fn is_final(task: &Value) -> bool {
    !matches!(task["state"].as_str(), Some("queued" | "running"))
}
