//! Where a pool tells its public key for private links, and takes ours: `/api/vpn` over HTTPS.

use crate::config::V1Config;
use crate::discovery;
use crate::tls::Pin;
use async_trait::async_trait;
use hivemind_control::{ApiError, ErrorCode};
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::{LinkDesk, LinkMember, LinkOffer, PoolError};
use reqwest::{Method, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Largest answer that is read.
const MOST: usize = 16 * 1024;

/// The desk of one pool.
pub struct PoolDesk {
    config: V1Config,
    pin: Option<Pin>,
}

#[derive(Deserialize)]
struct Offer {
    public_key: String,
    endpoint: String,
    allowed_ips: String,
}

#[derive(Deserialize)]
struct Member {
    #[serde(flatten)]
    offer: Offer,
    address: String,
    #[serde(default)]
    keepalive: u16,
    token: Option<String>,
}

impl From<Offer> for LinkOffer {
    fn from(offer: Offer) -> Self {
        let Offer { public_key, endpoint, allowed_ips } = offer;
        Self { public_key, endpoint, allowed_ips, clock_skew_s: None }
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
}

fn no_https(why: &str) -> ApiError {
    ApiError::new(
        ErrorCode::LinkNoHttps,
        format!("the pool's key for the private link cannot be downloaded: {why}"),
    )
}

impl PoolDesk {
    /// A desk that believes the pinned certificate, or those of public authorities.
    ///
    /// # Errors
    /// When the text names no SHA-256.
    pub fn new(config: V1Config, certificate_sha256: &str) -> Result<Self, PoolError> {
        Ok(Self { config, pin: Pin::parse(certificate_sha256)? })
    }

    /// The page's address. A key that came unencrypted from elsewhere could be anybody's.
    fn url(&self, path: &str) -> Result<Url, ApiError> {
        let wrong = || no_https("the pool's address is not a URL");
        let url = Url::parse(&self.config.master_url).map_err(|_| wrong())?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if url.scheme() != "https" && !here {
            return Err(no_https("its address does not begin with https://"));
        }
        url.join(path).map_err(|_| wrong())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
        token: Option<&str>,
    ) -> Result<(T, Option<i64>), ApiError> {
        let url = self.url(path)?;
        let client = discovery::client(self.pin).map_err(|e| no_https(&e.message))?;
        let client = client.build().map_err(|e| no_https(&e.to_string()))?;
        let mut request = client.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|e| {
            no_https(if e.is_timeout() {
                "it did not answer in time"
            } else {
                "no answer over HTTPS, or its certificate is not valid"
            })
        })?;
        let (status, date) = (answer.status(), discovery::skew(&answer));
        let bytes = bytes(answer).await?;
        if !status.is_success() {
            let code = serde_json::from_slice::<Refusal>(&bytes).map(|r| r.error.code).unwrap_or_default();
            return Err(match code.as_str() {
                "ADDRESS_TAKEN" | "NO_ADDRESS" => ApiError::new(
                    ErrorCode::LinkAddressTaken,
                    "the pool has no address for this computer in its private network",
                )
                .with("reason", code),
                _ => no_https(&format!("the pool answers {status} {}", plain_line(&code, 40))),
            });
        }
        let value = serde_json::from_slice(&bytes).map_err(|_| no_https("its answer cannot be read"))?;
        Ok((value, date))
    }
}

async fn bytes(mut answer: Response) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| no_https("its answer broke off"))? {
        if body.len() + chunk.len() > MOST {
            return Err(no_https("its answer is larger than 16 KiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[async_trait]
impl LinkDesk for PoolDesk {
    async fn offer(&self) -> Result<LinkOffer, ApiError> {
        let (offer, skew) = self.ask::<Offer>(Method::GET, "/api/vpn/public-key", None, None).await?;
        Ok(LinkOffer { clock_skew_s: skew, ..offer.into() })
    }

    async fn join(&self, public_key: &str, token: Option<&str>) -> Result<LinkMember, ApiError> {
        let body =
            serde_json::json!({ "public_key": public_key, "install_id": self.config.install.as_str() });
        let (member, _) = self.ask::<Member>(Method::POST, "/api/vpn/join", Some(&body), token).await?;
        let Member { offer, address, keepalive, token } = member;
        let token =
            token.filter(|token| token.len() <= 128 && token.bytes().all(|b| b.is_ascii_alphanumeric()));
        Ok(LinkMember { offer: offer.into(), address, keepalive, token })
    }
}
