//! What only the browser listener serves: the UI, pairing, health and metrics.

use crate::assets;
use crate::failure::Failure;
use crate::guard::cookie_name;
use crate::metrics::{OPENMETRICS, openmetrics};
use crate::router::{Door, Room};
use crate::sessions::SESSION_IDLE;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

const HTML: (HeaderName, &str) = (header::CONTENT_TYPE, "text/html; charset=utf-8");

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

pub(crate) async fn metrics(State(room): State<Room>) -> Result<Response, Failure> {
    let snapshot = room.control.snapshot(()).await?;
    let text = openmetrics(&snapshot, &room.control.metrics(()).await?);
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

pub(crate) async fn pair(State(room): State<Room>, uri: Uri) -> Response {
    let Door::Browser(door) = &room.door else { return StatusCode::NOT_FOUND.into_response() };
    let code = uri.query().and_then(|q| q.strip_prefix("code=")).unwrap_or_default();
    let Some(token) = door.sessions.redeem(code) else {
        return (StatusCode::FORBIDDEN, [HTML], STALE_CODE).into_response();
    };
    let cookie = format!(
        "{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}",
        cookie_name(door.port),
        SESSION_IDLE.as_secs()
    );
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)])
        .into_response()
}

pub(crate) async fn ui(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let file = match path {
        "" | "index.html" => assets::get("index.html"),
        "monitor.html" => assets::get("monitor.html").or_else(|| assets::get("index.html")),
        other => assets::get(other),
    };
    match file {
        Some((bytes, kind)) => {
            // The bundler writes a hash of the content into these names.
            let keep =
                if path.starts_with("assets/") { "private, max-age=31536000, immutable" } else { "no-cache" };
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], bytes).into_response()
        }
        None if matches!(path, "" | "index.html" | "monitor.html") => ([HTML], NOT_BUILT).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

const STALE_CODE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>HiveMind Worker</title>\
<h1>This link no longer works</h1><p>A link pairs one browser once, within two minutes. \
Choose <b>Open dashboard</b> in the tray, or run <code>hivemind-worker open</code>, to get a new one.</p></html>\n";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>HiveMind Worker</title>\
<h1>The worker runs</h1><p>This build carries no web pages: <code>ui/dist</code> was missing when it was made. \
The command line does everything: <code>hivemind-worker status</code>.</p></html>\n";
