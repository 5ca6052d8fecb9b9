//! What every request must show, and what every answer carries.

use super::Site;
use super::answer::Failure;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Host names under which the pool answers. Any other means that somebody else's name points here, which is how
/// pages on the internet reach services on this computer.
#[derive(Debug)]
pub(super) struct Hosts {
    names: Vec<String>,
    any_address: bool,
}

impl Hosts {
    pub(super) fn new(allowed: &[String], bound: IpAddr) -> Self {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
        names.extend(allowed.iter().map(|name| name.to_ascii_lowercase()));
        match bound {
            IpAddr::V4(ip) => names.push(ip.to_string()),
            IpAddr::V6(ip) => names.push(format!("[{ip}]")),
        }
        Self { names, any_address: bound.is_unspecified() }
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        // A bare address cannot be pointed elsewhere by a name server.
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        self.names.contains(&host) || (self.any_address && address)
    }
}

fn without_port(authority: &str) -> Option<&str> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            port.parse::<u16>().ok()?;
            host
        }
        _ => authority,
    };
    (!host.is_empty()).then_some(host)
}

/// The host named by a request, without its port.
pub(super) fn host_name(headers: &HeaderMap) -> Option<String> {
    let authority = headers.get(header::HOST)?.to_str().ok()?;
    without_port(authority).map(str::to_ascii_lowercase)
}

/// Refuses wrong hosts and other origins, then dresses the answer.
pub(super) async fn check(State(site): State<Site>, request: Request<Body>, next: Next) -> Response {
    let mut response = match refusal(&site.hosts, site.encrypted, request.headers()) {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in DRESS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refusal(hosts: &Hosts, encrypted: bool, headers: &HeaderMap) -> Option<Failure> {
    let host = host_name(headers);
    if headers.get_all(header::HOST).iter().count() != 1 || !host.is_some_and(|host| hosts.knows(&host)) {
        return Some(Failure::plain(421, "WRONG_HOST", "This pool does not answer under this name."));
    }
    // A browser names the page that asks. Pages of other origins have no business here, whatever they carry.
    if let Some(origin) = headers.get(header::ORIGIN) {
        let scheme = if encrypted { "https" } else { "http" };
        let own = headers.get(header::HOST).and_then(|h| h.to_str().ok()).map(|h| format!("{scheme}://{h}"));
        if own.is_none_or(|own| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())) {
            return Some(Failure::plain(403, "WRONG_ORIGIN", "Pages of other origins may not ask here."));
        }
    }
    None
}

const DRESS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_pass() {
        let hosts = Hosts::new(&["pool.lan".into()], IpAddr::from([127, 0, 0, 1]));
        for (authority, good) in [
            ("localhost:5000", true),
            ("LOCALHOST", true),
            ("127.0.0.1:1", true),
            ("[::1]:5000", true),
            ("pool.lan", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example:5000", false),
            ("10.0.0.9:5000", false),
            ("localhost:port", false),
            ("", false),
        ] {
            let known = without_port(authority).is_some_and(|host| hosts.knows(host));
            assert_eq!(known, good, "{authority}");
        }
        let everywhere = Hosts::new(&[], IpAddr::from([0, 0, 0, 0]));
        assert!(everywhere.knows("10.0.0.9") && !everywhere.knows("evil.example"));
    }
}
