//! Every browser request is judged here, before any handler sees it.
//!
//! A page of another site can make this computer's browser send requests to us. It cannot choose the `Host` header
//! (which stops DNS rebinding), it cannot hide its origin on requests that change something, it cannot add our own
//! header without a preflight that is never answered, and it has no session cookie (SameSite=Strict).

use crate::connections::Ends;
use crate::door::BrowserDoor;
use crate::failure::Failure;
use crate::router::MAX_BODY;
use crate::sessions::Rights;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use hivemind_control::ErrorCode;

/// The strictest policy the UI runs under.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// Proof that the caller could set a header, which no page of another origin can.
const OWN_HEADER: &str = "x-hivemind";

pub(crate) fn judge(door: &BrowserDoor, request: &Parts) -> Result<(), Failure> {
    if request.method != Method::GET && request.method != Method::POST {
        return Err(Failure::with_status(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::InvalidRequest,
            "Only GET and POST are served.",
        ));
    }
    let host = host(door, request)?;
    origin(&request.headers, &format!("{}://{host}", door.scheme()))?;
    fetch_metadata(&request.headers)?;
    if request.method == Method::POST {
        posted(&request.headers)?;
    }
    Ok(())
}

/// What the paired browser, or the program with a token, may do that sent the request.
pub(crate) fn paired(door: &BrowserDoor, headers: &HeaderMap) -> Result<Rights, Failure> {
    admitted(door, headers).ok_or_else(|| {
        Failure::new(
            ErrorCode::NotPaired,
            "This page is not paired. Run `hivemind-worker open`, or choose Open dashboard in the tray.",
        )
    })
}

/// The host in small letters, when it is one of ours.
fn host(door: &BrowserDoor, request: &Parts) -> Result<String, Failure> {
    let misdirected =
        || Failure::with_status(StatusCode::MISDIRECTED_REQUEST, ErrorCode::Forbidden, door.names_told());
    let ends = request.extensions.get::<Ends>().copied().unwrap_or_default();
    let ours = |text: &str| {
        let text = text.to_ascii_lowercase();
        door.answers_to(&text, ends).then_some(text)
    };
    let host =
        single(&request.headers, &header::HOST).and_then(|h| h.and_then(ours)).ok_or_else(misdirected)?;
    // `GET http://other/ HTTP/1.1` names its host twice.
    match request.uri.authority() {
        Some(authority) if authority.as_str().to_ascii_lowercase() != host => Err(misdirected()),
        _ => Ok(host),
    }
}

/// The only value of a header. Outer `None`: it came twice or is no text; inner `None`: it is absent.
#[expect(clippy::option_option, reason = "absent and unusable lead to different answers")]
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => Some(Some(value.to_str().ok()?)),
        (Some(_), Some(_)) => None,
    }
}

fn origin(headers: &HeaderMap, ours: &str) -> Result<(), Failure> {
    match single(headers, &header::ORIGIN) {
        Some(None) => Ok(()),
        Some(Some(origin)) if origin.to_ascii_lowercase() == ours => Ok(()),
        _ => Err(Failure::new(ErrorCode::Forbidden, "A page of another origin may not speak to the worker.")),
    }
}

fn fetch_metadata(headers: &HeaderMap) -> Result<(), Failure> {
    match single(headers, &HeaderName::from_static("sec-fetch-site")) {
        Some(None | Some("same-origin" | "none")) => Ok(()),
        _ => Err(Failure::new(
            ErrorCode::Forbidden,
            "Another site led here. Type the address into the browser, or choose Open dashboard in the tray.",
        )),
    }
}

fn posted(headers: &HeaderMap) -> Result<(), Failure> {
    if single(headers, &HeaderName::from_static(OWN_HEADER)) != Some(Some("1")) {
        return Err(Failure::new(ErrorCode::Forbidden, "The header X-HiveMind: 1 is missing."));
    }
    let json = single(headers, &header::CONTENT_TYPE).flatten().is_some_and(|kind| {
        kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json {
        return Err(Failure::with_status(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::InvalidRequest,
            "A request must be application/json.",
        ));
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > MAX_BODY) {
        return Err(too_large());
    }
    Ok(())
}

pub(crate) fn too_large() -> Failure {
    Failure::with_status(
        StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::InvalidRequest,
        "A request may hold at most 64 KiB.",
    )
}

fn admitted(door: &BrowserDoor, headers: &HeaderMap) -> Option<Rights> {
    let admit = |token: &str| door.sessions.admit(door.via(), token);
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).and_then(admit);
    }
    let name = door.cookie_name();
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .take(4)
        .find_map(|(_, token)| admit(token))
}

/// Adds what every answer carries, refusals included.
pub(crate) fn seal(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
