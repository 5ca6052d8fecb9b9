//! `/api/vpn`: how a worker gets into the private link. It tells its public key and nothing else of its keys.

use super::answer::{Failure, Json};
use super::guard::host_name;
use super::{Peer, Site};
use crate::vpn::{Gateway, KEEPALIVE, Refused};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use hivemind_domain::ids::InstallId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Offer {
    public_key: String,
    endpoint: String,
    allowed_ips: String,
    grpc_addr: String,
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    public_key: String,
    install_id: String,
}

#[derive(Serialize)]
pub(super) struct Member {
    #[serde(flatten)]
    offer: Offer,
    address: String,
    keepalive: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Status {
    address: String,
    handshake_age_ms: Option<u64>,
    received_bytes: u64,
    sent_bytes: u64,
    endpoint: Option<String>,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => {
                Self::plain(503, "NO_ADDRESS", "Every address of the pool's private network is taken.")
            }
            Refused::Taken => Self::plain(
                409,
                "ADDRESS_TAKEN",
                "This computer, or this key, has joined already and is in use with another one.",
            ),
            Refused::Unknown => Self::plain(401, "NOT_JOINED", "This token belongs to no private link."),
            Refused::TooOften(wait) => crate::error::PoolError::RateLimited(wait).into(),
            Refused::Key => Self::plain(400, "INVALID_FIELD", "public_key is no key that protects."),
            Refused::Pool(error) => error.into(),
        }
    }
}

fn gateway(site: &Site) -> Result<&Arc<Gateway>, Failure> {
    let none = || Failure::plain(404, "NO_PRIVATE_LINK", "This pool offers no private link.");
    let gateway = site.gateway.as_ref().ok_or_else(none)?;
    // A key that somebody on the way could exchange is worth nothing.
    if !site.encrypted && !site.loopback {
        return Err(Failure::plain(403, "NOT_ENCRYPTED", "Keys are told over HTTPS only."));
    }
    Ok(gateway)
}

fn offer(gateway: &Gateway, headers: &HeaderMap) -> Offer {
    Offer {
        public_key: gateway.public_key().to_string(),
        endpoint: gateway.endpoint(host_name(headers).as_deref()),
        allowed_ips: gateway.allowed_ips().to_string(),
        grpc_addr: gateway.grpc().to_string(),
        required: gateway.is_required(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").filter(|token| !token.is_empty() && token.len() <= 128)
}

pub(super) async fn public_key(
    State(site): State<Site>,
    headers: HeaderMap,
) -> Result<axum::Json<Offer>, Failure> {
    Ok(axum::Json(offer(gateway(&site)?, &headers)))
}

pub(super) async fn join(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Json(wish): Json<Join>,
) -> Result<axum::Json<Member>, Failure> {
    let gateway = gateway(&site)?;
    let install = InstallId::new(wish.install_id)
        .map_err(|e| Failure::plain(400, "INVALID_FIELD", &format!("install_id: {e}")))?;
    let member = gateway.join(&site.pool, peer, &wish.public_key, install, bearer(&headers)).await?;
    let address = hivemind_wireguard::IpNet::from(member.address).to_string();
    let offer = offer(gateway, &headers);
    Ok(axum::Json(Member { offer, address, keepalive: KEEPALIVE, token: member.token }))
}

pub(super) async fn leave(State(site): State<Site>, headers: HeaderMap) -> Result<StatusCode, Failure> {
    let token = bearer(&headers).ok_or(Refused::Unknown)?;
    gateway(&site)?.leave(&site.pool, token).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn status(
    State(site): State<Site>,
    headers: HeaderMap,
) -> Result<axum::Json<Status>, Failure> {
    let token = bearer(&headers).ok_or(Refused::Unknown)?;
    let (address, peer) = gateway(&site)?.status(&site.pool, token).await?;
    let age = peer.as_ref().and_then(|peer| peer.handshake_age);
    Ok(axum::Json(Status {
        address: address.to_string(),
        handshake_age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        received_bytes: peer.as_ref().map_or(0, |peer| peer.received),
        sent_bytes: peer.as_ref().map_or(0, |peer| peer.sent),
        endpoint: peer.and_then(|peer| peer.endpoint).map(|endpoint| endpoint.to_string()),
    }))
}
