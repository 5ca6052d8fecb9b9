//! The UI's files. A release carries them inside; a debug build reads them from the source folder.

use axum::body::Bytes;
use rust_embed::Embed;
use std::borrow::Cow;

#[derive(Embed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// A file of the UI with its media type. Only plain names of known kinds are looked up.
pub(crate) fn get(path: &str) -> Option<(Bytes, &'static str)> {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'));
    if !plain || path.contains("..") || path.starts_with('/') {
        return None;
    }
    let kind = media_type(path)?;
    let bytes = match Dist::get(path)?.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some((bytes, kind))
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

    #[test]
    fn nothing_outside_the_ui_is_served() {
        for path in
            ["../Cargo.toml", "/etc/passwd", "a/../../package.json", "..%2fpackage.json", "index", "x\\y.js"]
        {
            assert!(get(path).is_none(), "{path}");
        }
    }
}
