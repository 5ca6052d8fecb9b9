//! Where a pool takes calls: `GET {url}/.well-known/hivemind`.

use crate::config::V1Config;
use crate::dial::{look_up, not_connected, unprotected};
use crate::failure::{protocol, unreachable};
use crate::link::{Protection, plain};
use crate::tls::{self, Pin};
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::PoolError;
use reqwest::{Response, Url};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// Largest answer that is read.
const MOST: usize = 16 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Port for calls when a pool names none.
const DEFAULT_PORT: u16 = 50051;

/// What a pool says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct WellKnown {
    dialect: String,
    #[serde(alias = "grpc", alias = "grpc_address")]
    grpc_addr: String,
    #[serde(default)]
    vpn: Option<PrivateWay>,
}

/// What a pool speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `hivemind.v1`.
    V1,
    /// The live network's, at this address; empty where the pool does not name one.
    NodePool(String),
}

/// The way through a private link, as a pool names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct PrivateWay {
    grpc_addr: String,
    #[serde(default)]
    required: bool,
}

/// The way through a private link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inside {
    /// Where calls go inside.
    pub(crate) address: SocketAddr,
    /// Whether the pool takes calls in no other way.
    pub(crate) required: bool,
    /// Whether the pool offers it; else a configuration on this computer covers the address.
    pub(crate) offered: bool,
}

/// Host, port and whether TLS is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) inside: Option<Inside>,
}

/// Finds out where calls go.
pub(crate) async fn find(config: &V1Config, pin: Option<Pin>) -> Result<Target, PoolError> {
    let master = Url::parse(&config.master_url).map_err(|_| protocol("the pool's address is not a URL"))?;
    let tls = master.scheme() == "https";
    if !config.address.is_empty() {
        return target(&config.address, tls);
    }
    let known = asked(&master, config, pin).await?;
    let known = known.ok_or_else(|| protocol("the pool's address does not name its service"))?;
    if known.dialect != "hivemind.v1" {
        let dialect = plain_line(&known.dialect, 40);
        return Err(protocol(format!("the pool speaks \"{dialect}\", which this program does not")));
    }
    let mut found = target(&known.grpc_addr, tls)?;
    if let Some(way) = known.vpn {
        let wrong = |_| protocol("the pool's address in its private network must be an address with a port");
        let address = way.grpc_addr.parse().map_err(wrong)?;
        found.inside = Some(Inside { address, required: way.required, offered: true });
    }
    Ok(found)
}

async fn asked(master: &Url, config: &V1Config, pin: Option<Pin>) -> Result<Option<WellKnown>, PoolError> {
    tokio::time::timeout(TIMEOUT, well_known(master, config.allow_unencrypted, pin))
        .await
        .unwrap_or_else(|_| Err(unreachable("the pool did not answer in time")))
}

/// Finds out what a pool speaks. One that says nothing of itself is the live network's.
pub(crate) async fn dialect(config: &V1Config, pin: Option<Pin>) -> Result<Dialect, PoolError> {
    let master = Url::parse(&config.master_url).map_err(|_| protocol("the pool's address is not a URL"))?;
    Ok(match asked(&master, config, pin).await? {
        None => Dialect::NodePool(String::new()),
        Some(known) if known.dialect == "nodepool" => Dialect::NodePool(known.grpc_addr),
        Some(_) => Dialect::V1,
    })
}

/// A client for a pool's page: no proxy, no redirection, no long wait.
pub(crate) fn client(pin: Option<Pin>) -> Result<reqwest::ClientBuilder, PoolError> {
    Ok(reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(tls::for_discovery(pin)?))
}

/// What a pool says about itself; `None` when it says nothing.
async fn well_known(
    master: &Url,
    allow_unencrypted: bool,
    pin: Option<Pin>,
) -> Result<Option<WellKnown>, PoolError> {
    let url =
        master.join("/.well-known/hivemind").map_err(|_| protocol("the pool's address is not a URL"))?;
    let mut answer = page(url, allow_unencrypted, pin).await?;
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(unreachable(format!("the pool answers {status}")));
    }
    if matches!(status.as_u16(), 404 | 410) {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(protocol(format!("the pool's address answers {status} instead of naming its service")));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| unreachable("the pool's answer broke off"))? {
        if body.len() + chunk.len() > MOST {
            return Err(protocol("the pool's description of itself is larger than 16 KiB"));
        }
        body.extend_from_slice(&chunk);
    }
    // Sites of one page answer everything with that page.
    if body.trim_ascii_start().starts_with(b"<") {
        return Ok(None);
    }
    let known = serde_json::from_slice(&body);
    known.map(Some).map_err(|_| protocol("the pool's description of itself cannot be read"))
}

/// The pool's page, from the addresses that were judged.
async fn page(url: Url, allow_unencrypted: bool, pin: Option<Pin>) -> Result<Response, PoolError> {
    let (host, addresses) = judged(&url, allow_unencrypted).await?;
    let client = client(pin)?.resolve_to_addrs(&host, &addresses).build();
    let client = client.map_err(|e| protocol(e.to_string()))?;
    client.get(url).send().await.map_err(|e| {
        if e.is_timeout() {
            unreachable("the pool did not answer in time")
        } else {
            not_connected(&e, pin.is_some())
        }
    })
}

/// How far the pool's clock is from ours now, in seconds, as its page tells; more is later there.
pub(crate) async fn clock_skew(config: &V1Config, pin: Option<Pin>) -> Option<i64> {
    let url = Url::parse(&config.master_url).ok()?.join("/.well-known/hivemind").ok()?;
    let asked = tokio::time::timeout(TIMEOUT, page(url, config.allow_unencrypted, pin));
    skew(&asked.await.ok()?.ok()?)
}

/// How far the pool's clock is from ours, in seconds, by the answer's date.
#[expect(clippy::disallowed_methods, reason = "the wall clock itself is what is compared here")]
pub(crate) fn skew(answer: &Response) -> Option<i64> {
    // What was kept on the way carries the date of then, and what refuses on the way may be anybody's.
    let direct = answer.status().is_success() || answer.status() == reqwest::StatusCode::NOT_FOUND;
    if !direct || answer.headers().contains_key(reqwest::header::AGE) {
        return None;
    }
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(date).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let ours = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(i64::try_from(theirs.as_secs()).ok()? - i64::try_from(ours.as_secs()).ok()?)
}

/// What a page says, and where that leads. For fuzzing.
#[cfg(feature = "fuzzing")]
pub(crate) fn read(page: &[u8]) {
    if let Ok(known) = serde_json::from_slice::<WellKnown>(page)
        && let Ok(target) = target(&known.grpc_addr, true)
    {
        assert!(!target.host.is_empty() && !target.host.contains(['/', '@', ' ']), "{target:?}");
    }
}

/// The addresses behind the page's host that may be dialled, and are. Whoever can change the page can name another
/// pool: without TLS it needs the protection that calls need.
async fn judged(url: &Url, allow_unencrypted: bool) -> Result<(String, Vec<SocketAddr>), PoolError> {
    let host = url.host_str().ok_or_else(|| protocol("the pool's address names no host"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let found = look_up(host.trim_matches(['[', ']']), port).await?;
    let open = allow_unencrypted || url.scheme() == "https";
    let protected = |address: &SocketAddr| open || plain(address.ip()) != Protection::None;
    let kept: Vec<_> = found.into_iter().filter(protected).collect();
    if kept.is_empty() { Err(unprotected()) } else { Ok((host.to_owned(), kept)) }
}

fn target(address: &str, tls: bool) -> Result<Target, PoolError> {
    let wrong = || protocol("the pool's address for calls must be host:port");
    let text = if address.contains("://") {
        address.to_owned()
    } else {
        format!("{}://{address}", if tls { "https" } else { "http" })
    };
    let url = Url::parse(&text).map_err(|_| wrong())?;
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(wrong()),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    if !url.username().is_empty() || url.password().is_some() || address.len() > 300 {
        return Err(wrong());
    }
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok(Target { host, port: url.port().unwrap_or(DEFAULT_PORT), tls, inside: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_spellings() {
        let table = [
            ("127.0.0.1:50051", false, "127.0.0.1", 50051, false),
            ("pool.example", true, "pool.example", 50051, true),
            ("https://pool.example:7", false, "pool.example", 7, true),
            ("http://[::1]:9", true, "::1", 9, false),
        ];
        for (text, tls, host, port, wants) in table {
            assert_eq!(
                target(text, tls),
                Ok(Target { host: host.into(), port, tls: wants, inside: None }),
                "{text}"
            );
        }
        for text in
            ["", "ftp://x", "http://", "a b", "user@host:1", "https://u:p@h", "h:99999", &"a".repeat(400)]
        {
            assert!(target(text, true).is_err(), "{text}");
        }
    }
}
