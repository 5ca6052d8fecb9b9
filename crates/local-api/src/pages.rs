//! What only the browser listener serves: the UI, pairing, health and metrics.

use crate::assets;
use crate::connections::Ends;
use crate::door::TooMany;
use crate::explained::Page;
use crate::failure::Failure;
use crate::metrics::{OPENMETRICS, openmetrics};
use crate::router::{Door, Room};
use crate::sessions::Via;
use crate::tongue::Tongue;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

pub(crate) async fn metrics(State(room): State<Room>) -> Result<Response, Failure> {
    let snapshot = room.control.snapshot(()).await?;
    let text = openmetrics(&snapshot, &room.control.metrics(()).await?);
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

pub(crate) async fn pair(
    State(room): State<Room>,
    Extension(ends): Extension<Ends>,
    tongue: Tongue,
    uri: Uri,
) -> Response {
    let Door::Browser(door) = &room.door else { return StatusCode::NOT_FOUND.into_response() };
    let code = uri.query().and_then(|q| q.strip_prefix("code=")).unwrap_or_default();
    match door.redeem(code, ends) {
        Ok(Some(token)) => {
            let to = [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, door.cookie(&token))];
            (StatusCode::SEE_OTHER, to).into_response()
        }
        Ok(None) => {
            let page = match door.via() {
                Via::Loopback => Page::StaleCode,
                Via::Lan => Page::StaleLanCode,
            };
            page.answer(StatusCode::FORBIDDEN, tongue)
        }
        Err(TooMany) => Page::TooMany.answer(StatusCode::TOO_MANY_REQUESTS, tongue),
    }
}

pub(crate) async fn ui(tongue: Tongue, uri: Uri, request: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let file = match path {
        "" | "index.html" => assets::get("index.html"),
        "monitor.html" => assets::get("monitor.html").or_else(|| assets::get("index.html")),
        other => assets::get(other),
    };
    match file {
        Some(file) => {
            // The bundler writes a hash of the content into these names.
            let keep =
                if path.starts_with("assets/") { "private, max-age=31536000, immutable" } else { "no-cache" };
            ([(header::CACHE_CONTROL, keep)], file.answer(&request)).into_response()
        }
        None if matches!(path, "" | "index.html" | "monitor.html") => {
            Page::NotBuilt.answer(StatusCode::OK, tongue)
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
