//! The UI's files, packed by the build script: a third of their size in the program, and on the way to a browser.

use axum::body::Bytes;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use std::io::Read;

/// Names below the UI's folder, with their bytes packed by gzip.
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A file of the UI.
#[derive(Debug)]
pub(crate) struct Asset {
    packed: &'static [u8],
    kind: &'static str,
}

/// Only names of the list and of known kinds are found.
pub(crate) fn get(path: &str) -> Option<Asset> {
    let kind = media_type(path)?;
    let (_, packed) = FILES.iter().find(|(name, _)| *name == path)?;
    Some(Asset { packed, kind })
}

impl Asset {
    /// Packed for whoever takes it so, which every browser does.
    pub(crate) fn answer(self, request: &HeaderMap) -> Response {
        let head = [(CONTENT_TYPE, self.kind), (VARY, "accept-encoding")];
        if takes_gzip(request) {
            return (head, [(CONTENT_ENCODING, "gzip")], Bytes::from_static(self.packed)).into_response();
        }
        let mut bytes = Vec::new();
        match GzDecoder::new(self.packed).read_to_end(&mut bytes) {
            Ok(_) => (head, bytes).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// RFC 9110, 12.5.3: gzip is named, or else all codings are, and not at weight 0.
fn takes_gzip(request: &HeaderMap) -> bool {
    let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let codings: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    let weight = |wanted: &str| {
        codings.iter().find_map(|coding| {
            let (name, rest) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = rest.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            name.trim().eq_ignore_ascii_case(wanted).then(|| weight.unwrap_or(0.0))
        })
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

fn media_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use http_body_util::BodyExt;
    use std::io::Write;

    #[test]
    fn nothing_outside_the_ui_is_served() {
        for path in
            ["../Cargo.toml", "/etc/passwd", "a/../../package.json", "..%2fpackage.json", "index", "x\\y.js"]
        {
            assert!(get(path).is_none(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_file_is_the_same_packed_and_unpacked() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(b"a page").unwrap();
        let packed: &'static [u8] = packer.finish().unwrap().leak();
        let asset = || Asset { packed, kind: "text/html; charset=utf-8" };
        let plain = asset().answer(&HeaderMap::new());
        assert_eq!(plain.headers().get(CONTENT_ENCODING), None);
        assert_eq!(bytes(plain).await, b"a page");
        let gzip = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        let sent = asset().answer(&gzip);
        assert_eq!(
            (&sent.headers()[CONTENT_ENCODING], &sent.headers()[VARY]),
            (&HeaderValue::from_static("gzip"), &HeaderValue::from_static("accept-encoding"))
        );
        assert_eq!(bytes(sent).await, packed);
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |values: &[&'static str]| {
            let mut request = HeaderMap::new();
            for value in values {
                request.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            takes_gzip(&request)
        };
        for taken in [&["gzip, deflate, br, zstd"][..], &["br;q=1.0, GZIP ; q=0.5"], &["*"], &["br", "gzip"]]
        {
            assert!(takes(taken), "{taken:?}");
        }
        let refused =
            [&[][..], &["br"], &["gzip;q=0"], &["gzip;q=0, *"], &["*;q=0"], &["gzip;q=much"], &["xgzip"]];
        for refused in refused {
            assert!(!takes(refused), "{refused:?}");
        }
    }

    async fn bytes(response: Response) -> Vec<u8> {
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }
}
