//! The requesters' page: three files, built in.

use super::Site;
use axum::Router;
use axum::http::{HeaderName, header};
use axum::routing::get;

type File = ([(HeaderName, &'static str); 2], &'static str);

fn file(kind: &'static str, text: &'static str) -> File {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text)
}

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("../page/index.html"))))
        .route("/page.css", get(async || file("text/css; charset=utf-8", include_str!("../page/page.css"))))
        .route(
            "/page.js",
            get(async || file("text/javascript; charset=utf-8", include_str!("../page/page.js"))),
        )
        .route(
            "/words.js",
            get(async || file("text/javascript; charset=utf-8", include_str!("../page/words.js"))),
        )
        .route("/icon.svg", get(async || file("image/svg+xml", include_str!("../page/icon.svg"))))
}
