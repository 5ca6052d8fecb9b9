//! Users, balances, nodes.

use super::answer::{Caller, Failure, Json};
use super::{Peer, Site};
use crate::nodes::NodeView;
use crate::sessions::Tokens;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Installation named by sign-ins over HTTP.
const INSTALL: &str = "http";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    username: String,
    password: String,
}

#[derive(Serialize)]
pub(super) struct Registered {
    username: String,
    balance_cpt: u64,
}

pub(super) async fn register(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    Json(new): Json<Credentials>,
) -> Result<(StatusCode, axum::Json<Registered>), Failure> {
    let user = site.pool.register(new.username, new.password, peer).await?;
    let balance_cpt = site.pool.balance(user.id).await?.available;
    Ok((StatusCode::CREATED, axum::Json(Registered { username: user.username, balance_cpt })))
}

#[derive(Serialize)]
pub(super) struct SignedIn {
    username: String,
    token: String,
    expires_ms: i64,
    refresh_token: String,
    refresh_expires_ms: i64,
}

impl From<Tokens> for SignedIn {
    fn from(tokens: Tokens) -> Self {
        Self {
            username: tokens.user.username,
            token: tokens.session,
            expires_ms: tokens.session_expires_ms,
            refresh_token: tokens.refresh,
            refresh_expires_ms: tokens.refresh_expires_ms,
        }
    }
}

pub(super) async fn login(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    Json(who): Json<Credentials>,
) -> Result<axum::Json<SignedIn>, Failure> {
    use hivemind_proto::limits::{MAX_PASSWORD_BYTES, MAX_USERNAME_BYTES};
    if who.username.len() > MAX_USERNAME_BYTES || who.password.len() > MAX_PASSWORD_BYTES {
        return Err(crate::error::PoolError::WrongCredentials.into());
    }
    Ok(axum::Json(site.pool.login(who.username, who.password, INSTALL.into(), peer).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshBody {
    refresh_token: String,
}

pub(super) async fn refresh(
    State(site): State<Site>,
    Json(body): Json<RefreshBody>,
) -> Result<axum::Json<SignedIn>, Failure> {
    Ok(axum::Json(site.pool.refresh(&body.refresh_token, INSTALL.into()).await?.into()))
}

pub(super) async fn logout(State(site): State<Site>, Caller(session): Caller) -> Result<StatusCode, Failure> {
    site.pool.logout(session).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
pub(super) struct Balance {
    username: String,
    balance_cpt: u64,
    /// Charged for the caller's running tasks, not yet paid to anybody.
    held_cpt: u64,
    /// Earned by the caller's nodes, not yet settled.
    pending_cpt: u64,
}

async fn shown_balance(
    site: &Site,
    session: crate::sessions::Session,
) -> Result<axum::Json<Balance>, Failure> {
    let balance = site.pool.balance(session.user.id).await?;
    Ok(axum::Json(Balance {
        username: session.user.username,
        balance_cpt: balance.available,
        held_cpt: balance.held_for_tasks,
        pending_cpt: balance.pending,
    }))
}

pub(super) async fn balance(
    State(site): State<Site>,
    Caller(session): Caller,
) -> Result<axum::Json<Balance>, Failure> {
    shown_balance(&site, session).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    to: String,
    amount: u64,
}

pub(super) async fn transfer(
    State(site): State<Site>,
    Caller(session): Caller,
    Json(wish): Json<Transfer>,
) -> Result<axum::Json<Balance>, Failure> {
    site.pool.transfer(session.user.id, wish.to, wish.amount).await?;
    shown_balance(&site, session).await
}

#[derive(Serialize)]
pub(super) struct Nodes {
    nodes: Vec<NodeView>,
}

pub(super) async fn nodes(
    State(site): State<Site>,
    Caller(session): Caller,
) -> Result<axum::Json<Nodes>, Failure> {
    Ok(axum::Json(Nodes { nodes: site.pool.list_nodes(Some(session.user.id)).await? }))
}
