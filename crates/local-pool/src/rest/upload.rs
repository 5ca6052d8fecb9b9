//! `POST /api/tasks`: a multipart form with the package, streamed to disk.

use super::Site;
use super::answer::{Caller, Failure};
use super::tasks::Patience;
use crate::error::PoolError;
use crate::files::Received;
use crate::pool::{NewUpload, TaskWish};
use crate::tasks::TaskView;
use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::StatusCode;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::GIB;
use serde::Serialize;
use std::time::Duration;

/// Fields in one form.
const MAX_FIELDS: usize = 16;
/// Bytes of one field other than the file.
const MAX_FIELD_BYTES: usize = 64 * 1024;
/// A sender that is silent for so long is taken for dead.
const CHUNK_WAIT: Duration = Duration::from_secs(60);

/// What the requester is told: where the task stands, and with `?wait=S` all of it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Submitted {
    Queued { task_id: String, state: &'static str, package_sha256: String },
    Waited(Box<TaskView>),
}

pub(super) async fn submit(
    State(site): State<Site>,
    Caller(session): Caller,
    Query(patience): Query<Patience>,
    request: Request,
) -> Result<(StatusCode, axum::Json<Submitted>), Failure> {
    let wait = patience.wait()?;
    let mut request = request;
    // The file has a bound of its own, which is larger than axum's for whole bodies.
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &site).await.map_err(|e: MultipartRejection| {
        Failure::plain(400, "INVALID_FIELD", &format!("The body must be a multipart form: {e}."))
    })?;
    let (wish, package) = read(&site, form).await?;
    let package_sha256 = package.sha256.clone();
    let upload = NewUpload { owner: session.user.id, wish, package };
    let task_id = site.pool.submit(upload).await?;
    let told = match wait {
        Some(limit) => {
            let view = site.pool.wait_for_end(task_id, Some(session.user.id), limit).await?;
            Submitted::Waited(Box::new(view))
        }
        None => Submitted::Queued { task_id: task_id.into(), state: "queued", package_sha256 },
    };
    Ok((StatusCode::CREATED, axum::Json(told)))
}

async fn read(site: &Site, mut form: Multipart) -> Result<(TaskWish, Received), Failure> {
    let mut wish = TaskWish::default();
    let mut package = None;
    let mut outcome = Ok(());
    for _ in 0..=MAX_FIELDS {
        match next(site, &mut form, &mut wish, &mut package).await {
            Ok(true) => {}
            Ok(false) => {
                return match package {
                    Some(package) => Ok((wish, package)),
                    None => Err(PoolError::field("task_file", "present").into()),
                };
            }
            Err(refused) => {
                outcome = Err(refused);
                break;
            }
        }
    }
    if let Some(package) = package {
        package.discard().await;
    }
    outcome.and(Err(Failure::plain(400, "INVALID_FIELD", "The form has too many fields.")))
}

/// Takes the next field in; false after the last.
async fn next(
    site: &Site,
    form: &mut Multipart,
    wish: &mut TaskWish,
    package: &mut Option<Received>,
) -> Result<bool, Failure> {
    let field = tokio::time::timeout(CHUNK_WAIT, form.next_field()).await.map_err(|_| broken())?;
    let Some(mut field) = field.map_err(|_| broken())? else { return Ok(false) };
    let name = field.name().unwrap_or_default().to_owned();
    if name == "task_file" {
        if package.is_some() {
            return Err(PoolError::field("task_file", "given once").into());
        }
        *package = Some(receive(site, &mut field).await?);
        return Ok(true);
    }
    let text = text(&mut field).await?;
    set(wish, &name, text.trim())?;
    Ok(true)
}

fn broken() -> Failure {
    Failure::plain(400, "INVALID_FIELD", "The form broke off or is malformed.")
}

async fn receive(site: &Site, field: &mut Field<'_>) -> Result<Received, Failure> {
    let mut receiving = site.pool.files.incoming(site.pool.config.max_package_bytes).await?;
    loop {
        let chunk = tokio::select! {
            chunk = tokio::time::timeout(CHUNK_WAIT, field.chunk()) => chunk,
            () = site.pool.closing.cancelled() => {
                receiving.discard().await;
                return Err(PoolError::Closing.into());
            }
        };
        let written = match chunk {
            Ok(Ok(Some(bytes))) => receiving.write(&bytes).await.map_err(Failure::from),
            Ok(Ok(None)) => return Ok(receiving.complete().await?),
            Ok(Err(_)) | Err(_) => Err(broken()),
        };
        if let Err(refused) = written {
            receiving.discard().await;
            return Err(refused);
        }
    }
}

async fn text(field: &mut Field<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) =
        tokio::time::timeout(CHUNK_WAIT, field.chunk()).await.map_err(|_| broken())?.map_err(|_| broken())?
    {
        if bytes.len() + chunk.len() > MAX_FIELD_BYTES {
            return Err(Failure::plain(413, "TOO_LARGE", "A field of the form is larger than 64 KiB."));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::plain(400, "INVALID_FIELD", "A field of the form is not UTF-8."))
}

fn set(wish: &mut TaskWish, name: &str, text: &str) -> Result<(), PoolError> {
    let limits: &mut TaskLimits = &mut wish.limits;
    match name {
        "task_name" => text.clone_into(&mut wish.name),
        "array" => {
            let count =
                text.parse().map_err(|_| PoolError::field("array", "a whole number from 1 to 1000"))?;
            wish.array = Some(count);
        }
        "image" => wish.image = (!text.is_empty()).then(|| text.to_owned()),
        "command" if text.is_empty() => wish.command.clear(),
        "command" => {
            wish.command = serde_json::from_str(text).map_err(|_| {
                PoolError::field("command", "a JSON list of strings such as [\"python3\", \"a.py\"]")
            })?;
        }
        "cpu_cores" => limits.resources.cpu_millis = whole("cpu_cores", text, 1000.0)?,
        "memory_gb" => limits.resources.memory_bytes = whole("memory_gb", text, GIB as f64)?,
        "disk_gb" => limits.disk_bytes = whole("disk_gb", text, GIB as f64)?,
        "gpu_required" => {
            limits.resources.gpus = match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => 1,
                "false" | "0" | "no" | "off" | "" => 0,
                _ => return Err(PoolError::field("gpu_required", "true or false")),
            };
        }
        "timeout_seconds" => {
            let seconds: u64 =
                text.parse().map_err(|_| PoolError::field("timeout_seconds", "a whole number of seconds"))?;
            limits.timeout = Duration::from_secs(seconds);
        }
        _ => {
            return Err(PoolError::field(
                "form",
                "of task_name, task_file, cpu_cores, memory_gb, disk_gb, gpu_required, image, timeout_seconds, command and array",
            ));
        }
    }
    Ok(())
}

/// A decimal number times `unit`, as a whole number. Ranges are checked later, with all other limits.
fn whole<T: TryFrom<u64>>(field: &'static str, text: &str, unit: f64) -> Result<T, PoolError> {
    let wrong = || PoolError::field(field, "a positive number");
    let value: f64 = text.parse().map_err(|_| wrong())?;
    let scaled = (value * unit).round();
    if !(scaled.is_finite() && (1.0..1e15).contains(&scaled)) {
        return Err(wrong());
    }
    T::try_from(scaled as u64).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them_and_nonsense_is_named() {
        let mut wish = TaskWish::default();
        for (name, text) in [
            ("cpu_cores", "1.5"),
            ("memory_gb", "0.5"),
            ("disk_gb", "2"),
            ("gpu_required", "True"),
            ("timeout_seconds", "60"),
        ] {
            set(&mut wish, name, text).unwrap();
        }
        let r = wish.limits.resources;
        assert_eq!(wish.limits.disk_bytes, 2 * GIB);
        assert_eq!(
            (r.cpu_millis, r.memory_bytes, r.gpus, wish.limits.timeout.as_secs()),
            (1500, GIB / 2, 1, 60)
        );
        for (name, text) in [
            ("cpu_cores", "NaN"),
            ("cpu_cores", "-1"),
            ("cpu_cores", "9e99"),
            ("memory_gb", "inf"),
            ("memory_gb", ""),
            ("gpu_required", "maybe"),
            ("timeout_seconds", "-5"),
            ("command", "rm -rf"),
            ("colour", "red"),
        ] {
            assert!(set(&mut wish, name, text).is_err(), "{name}={text}");
        }
    }
}
