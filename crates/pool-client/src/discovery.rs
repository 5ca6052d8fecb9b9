//! Where a pool takes calls: `GET {url}/.well-known/hivemind`.

use crate::failure::{protocol, unreachable};
use hivemind_worker_core::port::PoolError;
use serde::Deserialize;
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
}

/// Host, port and whether TLS is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

/// Finds out where calls go.
pub(crate) async fn find(master_url: &str, address: &str) -> Result<Target, PoolError> {
    let master = reqwest::Url::parse(master_url).map_err(|_| protocol("the pool's address is not a URL"))?;
    let tls = master.scheme() == "https";
    if !address.is_empty() {
        return target(address, tls);
    }
    let known = well_known(&master).await?;
    if known.dialect != "hivemind.v1" {
        let dialect = hivemind_domain::text::plain_line(&known.dialect, 40);
        return Err(protocol(format!("the pool speaks {dialect}, which this program does not")));
    }
    let target = target(&known.grpc_addr, tls)?;
    // A pool behind another name than its own would let any page on its host send workers anywhere.
    if !target.tls && tls {
        return Err(protocol("the pool wants calls without encryption although its address is https"));
    }
    Ok(target)
}

async fn well_known(master: &reqwest::Url) -> Result<WellKnown, PoolError> {
    let url =
        master.join("/.well-known/hivemind").map_err(|_| protocol("the pool's address is not a URL"))?;
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| protocol(e.to_string()))?;
    let mut answer = client.get(url).send().await.map_err(|e| {
        unreachable(if e.is_timeout() {
            "the pool did not answer in time"
        } else {
            "the pool does not answer"
        })
    })?;
    let status = answer.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(unreachable(format!("the pool answers {status}")));
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
    serde_json::from_slice(&body).map_err(|_| protocol("the pool's description of itself cannot be read"))
}

fn target(address: &str, tls: bool) -> Result<Target, PoolError> {
    let wrong = || protocol("the pool's address for calls must be host:port");
    let text = if address.contains("://") {
        address.to_owned()
    } else {
        format!("{}://{address}", if tls { "https" } else { "http" })
    };
    let url = reqwest::Url::parse(&text).map_err(|_| wrong())?;
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(wrong()),
    };
    let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
    Ok(Target { host, port: url.port().unwrap_or(DEFAULT_PORT), tls })
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
            assert_eq!(target(text, tls), Ok(Target { host: host.into(), port, tls: wants }), "{text}");
        }
        for text in ["", "ftp://x", "http://", "a b"] {
            assert!(target(text, true).is_err(), "{text}");
        }
    }
}
