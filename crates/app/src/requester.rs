//! A requester's calls to a pool's REST interface.

use crate::cli::RequesterOptions;
use crate::words::words;
use anyhow::Context;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Largest JSON answer that is read.
const MOST: usize = 4 << 20;

/// A signed-in requester.
pub(crate) struct Requester {
    client: Client,
    base: Url,
    token: String,
}

async fn json(answer: Response) -> anyhow::Result<Value> {
    let mut answer = answer;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.with_context(|| words().answer_broke_off())? {
        anyhow::ensure!(body.len() + chunk.len() <= MOST, words().answer_too_large());
        body.extend_from_slice(&chunk);
    }
    let value: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).with_context(|| words().answer_no_json(status))?
    };
    if status.is_success() {
        return Ok(value);
    }
    let said = value["error"]["message"].as_str().map(|text| hivemind_domain::text::plain_line(text, 300));
    anyhow::bail!(words().pool_answers(status, said.as_deref()))
}

fn base(url: &str) -> anyhow::Result<Url> {
    Url::parse(url).with_context(|| words().no_address(url))
}

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder()
        .connect_timeout(Duration::from_secs(10))
        // The pool may wait 300 s for a task's end before it answers.
        .read_timeout(Duration::from_secs(330))
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

impl Requester {
    /// Creates an account.
    pub(crate) async fn register(who: &RequesterOptions) -> anyhow::Result<Value> {
        let body = serde_json::json!({ "username": who.user, "password": who.password });
        json(client()?.post(base(&who.url)?.join("/api/register")?).json(&body).send().await?).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(who: &RequesterOptions) -> anyhow::Result<Self> {
        let (client, base) = (client()?, base(&who.url)?);
        let body = serde_json::json!({ "username": who.user, "password": who.password });
        let answer = json(client.post(base.join("/api/login")?).json(&body).send().await?).await?;
        let token = answer["token"].as_str().with_context(|| words().no_token())?.to_owned();
        Ok(Self { client, base, token })
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        json(request.bearer_auth(&self.token).send().await?).await
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(self.client.get(self.base.join(path)?)).await
    }

    pub(crate) async fn stop(&self, id: &str) -> anyhow::Result<Value> {
        self.call(self.client.post(self.base.join(&format!("/api/tasks/{id}/stop"))?)).await
    }

    /// Hands a task in; the file is streamed. `wait` is nothing, or `?wait=S`.
    pub(crate) async fn submit(
        &self,
        file: &Path,
        fields: &[(&'static str, String)],
        wait: &str,
    ) -> anyhow::Result<Value> {
        let opened = tokio::fs::File::open(file).await.with_context(|| words().unopenable(file.display()))?;
        let length = opened.metadata().await?.len();
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(opened));
        let mut form = Form::new();
        for (key, value) in fields {
            form = form.text(*key, value.clone());
        }
        form = form.part("task_file", Part::stream_with_length(body, length).file_name(name));
        self.call(self.client.post(self.base.join(&format!("/api/tasks{wait}"))?).multipart(form)).await
    }

    /// Downloads a result into a new file; gives its size.
    pub(crate) async fn download(&self, id: &str, out: &Path) -> anyhow::Result<u64> {
        let url = self.base.join(&format!("/api/tasks/{id}/result"))?;
        let mut answer = self.client.get(url).bearer_auth(&self.token).send().await?;
        if !answer.status().is_success() {
            json(answer).await?;
            anyhow::bail!(words().no_result());
        }
        let mut file =
            tokio::fs::File::create_new(out).await.with_context(|| words().unmakeable(out.display()))?;
        let mut size = 0;
        while let Some(chunk) = answer.chunk().await.with_context(|| words().download_broke_off())? {
            file.write_all(&chunk).await?;
            size += chunk.len() as u64;
        }
        file.sync_all().await?;
        Ok(size)
    }
}
