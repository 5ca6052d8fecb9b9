//! Tasks, their logs and results.

use super::Site;
use super::answer::{Caller, Failure};
use crate::error::PoolError;
use crate::logs::StoredLine;
use crate::pool::Follower;
use crate::tasks::TaskView;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use hivemind_domain::ids::TaskId;
use hivemind_domain::text::plain_line;
use hivemind_proto::limits::MAX_LOG_LINE_BYTES;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// Tasks in one list.
const MAX_LISTED: u32 = 200;
/// Longest wait for a task's end.
const MAX_WAIT_SECONDS: f64 = 300.0;
/// Bytes read at a time when a result is sent.
const READ_BYTES: usize = 64 * 1024;

fn known(id: String) -> Result<TaskId, Failure> {
    TaskId::new(id).map_err(|_| PoolError::TaskUnknown.into())
}

#[derive(Serialize)]
pub(super) struct Tasks {
    tasks: Vec<TaskView>,
}

pub(super) async fn list(
    State(site): State<Site>,
    Caller(session): Caller,
) -> Result<axum::Json<Tasks>, Failure> {
    Ok(axum::Json(Tasks { tasks: site.pool.tasks(session.user.id, MAX_LISTED).await? }))
}

/// `?wait=S`: answer when the task has ended, or after S seconds with the state then.
#[derive(Deserialize)]
pub(super) struct Patience {
    #[serde(default)]
    wait: String,
}

impl Patience {
    /// How long; `None` when the answer shall come at once.
    pub(super) fn wait(&self) -> Result<Option<Duration>, PoolError> {
        if self.wait.is_empty() {
            return Ok(None);
        }
        let seconds = self.wait.parse().ok().filter(|s: &f64| *s > 0.0 && *s <= MAX_WAIT_SECONDS);
        let wrong = || PoolError::field("wait", "a number of seconds above 0 and up to 300");
        seconds.map(Duration::from_secs_f64).map(Some).ok_or_else(wrong)
    }
}

pub(super) async fn one(
    State(site): State<Site>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Query(patience): Query<Patience>,
) -> Result<axum::Json<TaskView>, Failure> {
    let (id, owner) = (known(id)?, Some(session.user.id));
    Ok(axum::Json(match patience.wait()? {
        Some(limit) => site.pool.wait_for_end(id, owner, limit).await?,
        None => site.pool.task(id, owner).await?,
    }))
}

pub(super) async fn parts(
    State(site): State<Site>,
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Tasks>, Failure> {
    Ok(axum::Json(Tasks { tasks: site.pool.parts(known(id)?, Some(session.user.id)).await? }))
}

pub(super) async fn stop(
    State(site): State<Site>,
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<TaskView>, Failure> {
    let id = known(id)?;
    site.pool.cancel(id.clone(), session.user.id).await?;
    Ok(axum::Json(site.pool.task(id, Some(session.user.id)).await?))
}

#[derive(Deserialize)]
pub(super) struct LogWish {
    /// `1` keeps the answer open while the task runs.
    #[serde(default)]
    follow: String,
    /// `text`, one line each; `json`, one document, or when following one object per line. Without it: text when
    /// following, else JSON.
    #[serde(default)]
    format: String,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Document,
    ObjectPerLine,
}

impl LogWish {
    fn form(&self, follow: bool) -> Result<Form, PoolError> {
        match (self.format.as_str(), follow) {
            ("text", _) | ("", true) => Ok(Form::Text),
            ("json" | "", false) => Ok(Form::Document),
            ("json", true) => Ok(Form::ObjectPerLine),
            _ => Err(PoolError::field("format", "text or json")),
        }
    }
}

pub(super) async fn logs(
    State(site): State<Site>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Query(wish): Query<LogWish>,
) -> Result<Response, Failure> {
    let id = known(id)?;
    let view = site.pool.task(id.clone(), Some(session.user.id)).await?;
    let follow = matches!(wish.follow.as_str(), "1" | "true" | "yes");
    let form = wish.form(follow)?;
    let kind = match form {
        Form::Text => "text/plain; charset=utf-8",
        Form::Document => "application/json",
        Form::ObjectPerLine => "application/x-ndjson",
    };
    let follower = Follower::new(site.pool.clone(), id, follow);
    let lines = futures_util::stream::try_unfold((follower, true), move |(mut follower, first)| async move {
        let lines =
            follower.next().await.inspect_err(|error| tracing::error!(%error, "a log could not be read"))?;
        Ok::<_, PoolError>(lines.map(|lines| (written(lines, form, first), (follower, false))))
    });
    let (head, tail) = match form {
        Form::Document => {
            (format!("{{\"task_id\":\"{}\",\"attempt\":{},\"lines\":[", view.task_id, view.attempt), "]}\n")
        }
        Form::Text | Form::ObjectPerLine => (String::new(), ""),
    };
    let piece = |text: Bytes| futures_util::stream::iter((!text.is_empty()).then_some(Ok(text)));
    let whole = piece(head.into()).chain(lines).chain(piece(tail.into()));
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(whole)).into_response())
}

/// Lines on their way out, made safe to be shown.
fn written(lines: Vec<StoredLine>, form: Form, mut first: bool) -> Bytes {
    let mut out = Vec::new();
    for mut line in lines {
        line.text = plain_line(&line.text, MAX_LOG_LINE_BYTES);
        if form == Form::Document && !std::mem::take(&mut first) {
            out.push(b',');
        }
        if form == Form::Text {
            out.extend_from_slice(line.text.as_bytes());
        } else {
            // Writing plain fields into memory cannot fail; a line that did would only be left out.
            let _ = serde_json::to_writer(&mut out, &line);
        }
        out.push(b'\n');
    }
    out.into()
}

pub(super) async fn result(
    State(site): State<Site>,
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let id = known(id)?;
    let name = format!("attachment; filename=\"{id}.zip\"");
    let (file, sha256, size) = site.pool.result_file(id, Some(session.user.id)).await?;
    let digest = hex::decode(&sha256).map(|bytes| STANDARD.encode(bytes)).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/zip".to_owned()),
        (header::CONTENT_LENGTH.as_str(), size.to_string()),
        (header::CONTENT_DISPOSITION.as_str(), name),
        ("repr-digest", format!("sha-256=:{digest}:")),
        ("x-content-sha256", sha256),
    ];
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(size), READ_BYTES));
    Ok((headers, body).into_response())
}
