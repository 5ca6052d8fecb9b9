//! Which language the browser's owner reads, as the browser tells with each request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::convert::Infallible;

/// Entries of one header that are looked at; browsers send a handful.
const MAX_ENTRIES: usize = 16;

/// A language that the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    English,
    Chinese,
}

impl Tongue {
    /// The most wanted of ours; English where none is named.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let wishes = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let mut best = (0, Self::English);
        for (tongue, weight) in wishes.unwrap_or_default().split(',').take(MAX_ENTRIES).filter_map(wish) {
            // Of two that are wanted alike, the first is meant.
            if weight > best.0 {
                best = (weight, tongue);
            }
        }
        best.1
    }

    /// The same in the words of HTML, as the screens name it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-TW",
        }
    }
}

/// One of ours with its weight in thousandths; nothing for another, or for what is no wish.
fn wish(entry: &str) -> Option<(Tongue, u16)> {
    let (tag, weight) = match entry.split_once(';') {
        Some((tag, weight)) => (tag, thousandths(weight.trim().strip_prefix("q=")?)?),
        None => (entry, 1000),
    };
    let primary = tag.trim().split('-').next().unwrap_or_default();
    let tongue = match primary.to_ascii_lowercase().as_str() {
        "zh" => Tongue::Chinese,
        "en" => Tongue::English,
        _ => return None,
    };
    Some((tongue, weight))
}

/// `0`, `1`, or such with up to three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let part: u16 = if digits { format!("{part:0<3}").parse().ok()? } else { return None };
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

impl<S: Sync> FromRequestParts<S> for Tongue {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_of_ours_is_spoken_and_english_where_none_is() {
        for (wishes, tongue) in [
            ("", Tongue::English),
            ("*", Tongue::English),
            ("de-DE,de;q=0.9", Tongue::English),
            ("zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7", Tongue::Chinese),
            ("zh-Hant-TW", Tongue::Chinese),
            ("ZH", Tongue::Chinese),
            ("en-US,en;q=0.9,zh-TW;q=0.8", Tongue::English),
            ("de, zh-TW;q=0.8, en;q=0.5", Tongue::Chinese),
            ("en;q=0.5, zh ; q=0.501", Tongue::Chinese),
            ("en;q=0.5,zh;q=0.5", Tongue::English),
            ("zh;q=0,en;q=0.1", Tongue::English),
            ("zh;q=0", Tongue::English),
            ("zh;q=1.0", Tongue::Chinese),
            // No wish at all.
            ("zh;q=2,en;q=0.1", Tongue::English),
            ("zh;q=NaN", Tongue::English),
            ("zh;q=0.00001", Tongue::English),
            ("zh;q=-1", Tongue::English),
            ("zh;q=+1", Tongue::English),
            ("zh;q", Tongue::English),
            ("zhuang", Tongue::English),
            (",,;;zh", Tongue::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, wishes.parse().unwrap());
            assert_eq!(Tongue::of(&headers), tongue, "{wishes:?}");
        }
        assert_eq!(Tongue::of(&HeaderMap::new()), Tongue::English);
        let late = format!("{}zh", "de,".repeat(MAX_ENTRIES));
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, late.parse().unwrap());
        assert_eq!(Tongue::of(&headers), Tongue::English, "no end of entries is read");
    }
}
