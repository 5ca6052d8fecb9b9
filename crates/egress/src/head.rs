//! The head of a request to the proxy, read strictly: what two programs could read in two ways is refused.

use crate::refusal::Refusal;
use hivemind_domain::hosts::Host;

/// Longest head in bytes.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most header lines.
const MAX_HEADERS: usize = 100;
const MAX_METHOD_BYTES: usize = 32;
/// Headers that concern one connection only (RFC 9110, 7.6.1), or the proxy.
const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "te", "trailer", "upgrade", "host", "http2-settings"];

/// Length of the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Length(u64),
    Chunked,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Carry bytes both ways.
    Tunnel,
    /// Send this head and the body, and bring the answer.
    Forward { head: Vec<u8>, body: Body },
}

/// A request that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) wish: Wish,
}

/// Where the head ends, when it is whole.
///
/// # Errors
/// As soon as a line ends in another way than CRLF, or the head holds a zero byte or is too long.
pub(crate) fn end_of_head(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut previous = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, previous) {
            (0, _) => return Err(Refusal::Request("the head holds a zero byte")),
            (b'\n', b'\r') if bytes.get(..=at).is_some_and(|head| head.ends_with(b"\r\n\r\n")) => {
                return Ok(Some(at + 1));
            }
            (b'\n', b'\r') => {}
            (b'\n', _) => return Err(Refusal::Request("a line ends without a carriage return")),
            (_, b'\r') => return Err(Refusal::Request("a carriage return stands inside a line")),
            _ => {}
        }
        if at >= MAX_HEAD_BYTES {
            return Err(Refusal::Request("the head is larger than 16 KiB"));
        }
        previous = *byte;
    }
    Ok(None)
}

/// Reads a whole head, its empty line included.
pub(crate) fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let text = std::str::from_utf8(head).map_err(|_| Refusal::Request("the head is no plain text"))?;
    let text = text.strip_suffix("\r\n\r\n").ok_or(Refusal::Request("the head has no end"))?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut parts = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Request("the first line is no method, address and version"));
    };
    if method.is_empty() || method.len() > MAX_METHOD_BYTES || !method.bytes().all(is_token) {
        return Err(Refusal::Request("the method is none"));
    }
    if version != "HTTP/1.1" && version != "HTTP/1.0" {
        return Err(Refusal::Request("only HTTP/1.1 and HTTP/1.0 are spoken"));
    }
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Refusal::Request("the address holds what no address holds"));
    }
    let headers = headers(lines)?;
    let body = body(&headers)?;
    if method == "CONNECT" {
        if body != Body::Length(0) {
            return Err(Refusal::Request("CONNECT has no body"));
        }
        let (host, port) = authority(target)?;
        let port = port.ok_or(Refusal::Request("CONNECT needs a port"))?;
        return Ok(Request { host, port, wish: Wish::Tunnel });
    }
    forward(method, target, &headers, body)
}

fn forward(method: &str, target: &str, headers: &[(&str, &str)], body: Body) -> Result<Request, Refusal> {
    let is_http = target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = if is_http { target.get(7..).unwrap_or_default() } else { "" };
    if rest.is_empty() {
        return Err(Refusal::Request(
            "this is a proxy: it takes CONNECT, and addresses that begin with http://",
        ));
    }
    if target.contains('#') {
        return Err(Refusal::Request("an address sent to a proxy has no fragment"));
    }
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(cut);
    let (host, port) = authority(place)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let shown_port = port.map_or(String::new(), |port| format!(":{port}"));
    let mut out = format!("{method} {slash}{path} HTTP/1.1\r\nHost: {host}{shown_port}\r\n");
    let named: Vec<String> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        let framing = lower == "content-length" || lower == "transfer-encoding";
        let for_us = HOP_BY_HOP.contains(&lower.as_str()) || lower.starts_with("proxy-");
        // A Connection header must not take away what says where the body ends.
        if for_us || (named.contains(&lower) && !framing) {
            continue;
        }
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("Connection: close\r\n\r\n");
    Ok(Request { host, port: port.unwrap_or(80), wish: Wish::Forward { head: out.into_bytes(), body } })
}

/// Host and port; user names and passwords are refused.
fn authority(text: &str) -> Result<(Host, Option<u16>), Refusal> {
    if text.contains('@') {
        return Err(Refusal::Request("an address sent to a proxy names no user"));
    }
    let inside_brackets = text.rfind(']');
    let colon = text.rfind(':').filter(|at| inside_brackets.is_none_or(|end| *at > end));
    let (host, port) = match colon {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let port = port.map(read_port).transpose()?;
    let host = Host::parse(host)
        .map_err(|why| Refusal::Host { host: hivemind_domain::text::plain_line(host, 80), why })?;
    Ok((host, port))
}

fn read_port(text: &str) -> Result<u16, Refusal> {
    let plain = (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let port = if plain { text.parse::<u16>().ok() } else { None };
    port.filter(|port| *port != 0).ok_or(Refusal::Request("the port is no number from 1 to 65535"))
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
    let mut headers = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            return Err(Refusal::Request("a header is folded over lines"));
        }
        let (name, value) = line.split_once(':').ok_or(Refusal::Request("a header has no colon"))?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Refusal::Request("the name of a header is none"));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Refusal::Request("a header holds control characters"));
        }
        if headers.len() >= MAX_HEADERS {
            return Err(Refusal::Request("there are more than 100 headers"));
        }
        headers.push((name, value.trim_matches([' ', '\t'])));
    }
    if headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count() > 1 {
        return Err(Refusal::Request("there is more than one Host"));
    }
    Ok(headers)
}

/// How the body ends. Two answers to that are none.
fn body(headers: &[(&str, &str)]) -> Result<Body, Refusal> {
    let all = |wanted: &str| {
        let wanted = wanted.to_owned();
        headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(&wanted)).map(|(_, value)| *value)
    };
    let (mut lengths, mut codings) = (all("content-length"), all("transfer-encoding"));
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, None, None, None) => Ok(Body::Length(0)),
        (Some(length), None, None, None) => {
            let plain = (1..=18).contains(&length.len()) && length.bytes().all(|b| b.is_ascii_digit());
            let length = if plain { length.parse().ok() } else { None };
            length.map(Body::Length).ok_or(Refusal::Request("Content-Length is no number"))
        }
        (None, None, Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Body::Chunked),
        (None, None, Some(_), None) => Err(Refusal::Request("Transfer-Encoding may only be chunked")),
        _ => Err(Refusal::Request("Content-Length and Transfer-Encoding say more than one thing")),
    }
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Request, Refusal> {
        let end = end_of_head(text.as_bytes())?.ok_or(Refusal::Request("unfinished"))?;
        parse(text.as_bytes().get(..end).expect("within"))
    }

    #[test]
    fn connect_names_host_and_port() {
        let request =
            read("CONNECT PyPI.org:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic x\r\n\r\n");
        let request = request.expect("a request");
        assert_eq!((request.host.to_string().as_str(), request.port), ("pypi.org", 443));
        assert_eq!(request.wish, Wish::Tunnel);
        let v6 = read("CONNECT [2606::1]:443 HTTP/1.1\r\n\r\n").expect("a request");
        assert_eq!((v6.host.to_string().as_str(), v6.port), ("[2606::1]", 443));
    }

    #[test]
    fn what_is_forwarded_is_written_anew() {
        let request = read(
            "GET http://A.org:8080?q=1 HTTP/1.0\r\nHost: evil.org\r\nConnection: X-Secret, keep-alive, content-length\r\n\
             X-Secret: 1\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n\
             Keep-Alive: 5\r\nTE: trailers\r\nContent-Length: 3\r\nAccept:   */*\t\r\n\r\nabc",
        )
        .expect("a request");
        let Wish::Forward { head, body } = request.wish else { panic!("no tunnel") };
        assert_eq!(
            String::from_utf8(head).expect("text"),
            "GET /?q=1 HTTP/1.1\r\nHost: a.org:8080\r\nContent-Length: 3\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        assert_eq!((request.port, body), (8080, Body::Length(3)));
        let chunked =
            read("POST http://a.org/x HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n").expect("fine");
        assert!(matches!(chunked.wish, Wish::Forward { body: Body::Chunked, .. }));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let long = format!("GET http://a.org/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES));
        let many = format!("GET http://a.org/ HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(101));
        for text in [
            "GET http://a.org/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nX : a\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nX\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\n: x\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\nX: a\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nX: a\rb\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nX: a\0\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nX: a\u{1}\r\n\r\n",
            "GET http://a.org/ HTTP/1.1\r\nHost: a.org\r\nHost: b.org\r\n\r\n",
            "GET  http://a.org/ HTTP/1.1\r\n\r\n",
            "GET http://a.org/ b HTTP/1.1\r\n\r\n",
            "GET http://a.org/\tb HTTP/1.1\r\n\r\n",
            "GET http://a.org/ HTTP/2\r\n\r\n",
            "GET http://a.org/\r\n\r\n",
            "G<T http://a.org/ HTTP/1.1\r\n\r\n",
            "GET /etc/passwd HTTP/1.1\r\n\r\n",
            "GET https://a.org/ HTTP/1.1\r\n\r\n",
            "GET ftp://a.org/ HTTP/1.1\r\n\r\n",
            "GET http:// HTTP/1.1\r\n\r\n",
            "GET http:///x HTTP/1.1\r\n\r\n",
            "GET http://u:p@a.org/ HTTP/1.1\r\n\r\n",
            "GET http://a.org#x HTTP/1.1\r\n\r\n",
            "GET http://a.org:/ HTTP/1.1\r\n\r\n",
            "GET http://a.org:0/ HTTP/1.1\r\n\r\n",
            "GET http://a.org:65536/ HTTP/1.1\r\n\r\n",
            "GET http://a.org:80:80/ HTTP/1.1\r\n\r\n",
            "GET http://a.org\\@b.org/ HTTP/1.1\r\n\r\n",
            "GET http://a%2eorg/ HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "CONNECT a.org HTTP/1.1\r\n\r\n",
            "CONNECT http://a.org:443 HTTP/1.1\r\n\r\n",
            "CONNECT a.org:443/ HTTP/1.1\r\n\r\n",
            "CONNECT u@a.org:443 HTTP/1.1\r\n\r\n",
            "CONNECT a.org:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
            "CONNECT [::1%lo]:443 HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
            long.as_str(),
            many.as_str(),
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
