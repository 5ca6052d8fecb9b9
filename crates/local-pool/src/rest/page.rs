//! The requesters' page: its files, built in.

use super::Site;
use axum::Router;
use axum::http::{HeaderName, header};
use axum::routing::get;

type File = ([(HeaderName, &'static str); 2], &'static str);

fn file(kind: &'static str, text: &'static str) -> File {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text)
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("../page/index.html"))))
        .route("/page.css", get(async || file("text/css; charset=utf-8", include_str!("../page/page.css"))))
        .route("/page.js", get(async || file(SCRIPT, include_str!("../page/page.js"))))
        .route("/refused.js", get(async || file(SCRIPT, include_str!("../page/refused.js"))))
        .route("/sending.js", get(async || file(SCRIPT, include_str!("../page/sending.js"))))
        .route("/upload.js", get(async || file(SCRIPT, include_str!("../page/upload.js"))))
        .route("/words.js", get(async || file(SCRIPT, include_str!("../page/words.js"))))
        .route("/icon.svg", get(async || file("image/svg+xml", include_str!("../page/icon.svg"))))
}
