//! What only the browser listener serves: the UI, pairing, health and metrics.

use crate::assets;
use crate::connections::Ends;
use crate::door::TooMany;
use crate::failure::Failure;
use crate::metrics::{OPENMETRICS, openmetrics};
use crate::router::{Door, Room};
use axum::extract::{Extension, State};
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

pub(crate) async fn pair(State(room): State<Room>, Extension(ends): Extension<Ends>, uri: Uri) -> Response {
    let Door::Browser(door) = &room.door else { return StatusCode::NOT_FOUND.into_response() };
    let code = uri.query().and_then(|q| q.strip_prefix("code=")).unwrap_or_default();
    match door.redeem(code, ends) {
        Ok(Some(token)) => {
            let to = [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, door.cookie(&token))];
            (StatusCode::SEE_OTHER, to).into_response()
        }
        Ok(None) => (StatusCode::FORBIDDEN, [HTML], STALE_CODE).into_response(),
        Err(TooMany) => (StatusCode::TOO_MANY_REQUESTS, [HTML], TOO_MANY).into_response(),
    }
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

const TOO_MANY: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>HiveMind Worker</title>\
<h1>Too many wrong links</h1><p>Wait a minute, then open a new link.</p></html>\n";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>HiveMind Worker</title>\
<h1>The worker runs</h1><p>This build carries no web pages: <code>ui/dist</code> was missing when it was made. \
The command line does everything: <code>hivemind-worker status</code>.</p></html>\n";
