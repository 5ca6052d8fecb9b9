//! The HTTP listener: the requesters' REST interface and their page.

mod account;
mod answer;
mod guard;
mod page;
mod tasks;
mod upload;
mod vpn;

use crate::error::PoolError;
use crate::pool::Pool;
use crate::vpn::Gateway;
use answer::Failure;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once.
const MAX_CONNECTIONS: usize = 512;
/// Time for a request's head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Time for open answers when the pool ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// What every handler gets.
#[derive(Debug, Clone)]
struct Site {
    pool: Arc<Pool>,
    grpc: SocketAddr,
    hosts: Arc<guard::Hosts>,
    gateway: Option<Arc<Gateway>>,
    /// Whether the listener speaks TLS.
    encrypted: bool,
    /// Whether it can be reached from this computer alone.
    loopback: bool,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

fn router(site: Site) -> Router {
    let api = Router::new()
        .route("/register", post(account::register))
        .route("/login", post(account::login))
        .route("/refresh", post(account::refresh))
        .route("/logout", post(account::logout))
        .route("/balance", get(account::balance))
        .route("/transfer", post(account::transfer))
        .route("/nodes", get(account::nodes))
        .route("/vpn/public-key", get(vpn::public_key))
        .route("/vpn/join", post(vpn::join).delete(vpn::leave))
        .route("/vpn/status", get(vpn::status))
        .route("/tasks", get(tasks::list).post(upload::submit))
        .route("/tasks/{id}", get(tasks::one))
        .route("/tasks/{id}/parts", get(tasks::parts))
        .route("/tasks/{id}/logs", get(tasks::logs))
        .route("/tasks/{id}/result", get(tasks::result))
        .route("/tasks/{id}/stop", post(tasks::stop));
    Router::new()
        .nest("/api", api)
        .route("/.well-known/hivemind", get(well_known))
        .merge(page::routes())
        .fallback(async || Failure::not_found())
        .method_not_allowed_fallback(async || Failure::wrong_method())
        .layer(axum::middleware::from_fn_with_state(site.clone(), guard::check))
        .with_state(site)
}

#[derive(Serialize)]
struct WellKnown {
    dialect: &'static str,
    protocol_version: u32,
    grpc_addr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpn: Option<PrivateWay>,
}

/// The way through a private link.
#[derive(Serialize)]
struct PrivateWay {
    grpc_addr: String,
    required: bool,
}

/// Tells a worker where to connect.
async fn well_known(State(site): State<Site>, headers: axum::http::HeaderMap) -> axum::Json<WellKnown> {
    let config = &site.pool.config;
    let grpc_addr = config.public_grpc_address.clone().unwrap_or_else(|| {
        let scheme = if config.tls.is_some() { "https://" } else { "" };
        // Bound to every address: the caller knows one that works.
        let named = guard::host_name(&headers).filter(|_| site.grpc.ip().is_unspecified());
        match named {
            Some(host) => format!("{scheme}{host}:{}", site.grpc.port()),
            None => format!("{scheme}{}", site.grpc),
        }
    });
    let protocol_version = hivemind_proto::limits::PROTOCOL_VERSION;
    let vpn = site
        .gateway
        .as_ref()
        .map(|gateway| PrivateWay { grpc_addr: gateway.grpc().to_string(), required: gateway.is_required() });
    let inside = vpn.as_ref().filter(|vpn| vpn.required).map(|vpn| vpn.grpc_addr.clone());
    let grpc_addr = inside.unwrap_or(grpc_addr);
    axum::Json(WellKnown { dialect: "hivemind.v1", protocol_version, grpc_addr, vpn })
}

/// Serves until the pool ends.
pub(crate) async fn serve(
    pool: Arc<Pool>,
    listener: TcpListener,
    grpc: SocketAddr,
    gateway: Option<Arc<Gateway>>,
    tls: Option<TlsAcceptor>,
) -> Result<(), PoolError> {
    let bound = listener.local_addr()?.ip();
    let hosts = Arc::new(guard::Hosts::new(&pool.config.allowed_hosts, bound));
    let (encrypted, loopback) = (tls.is_some(), bound.is_loopback());
    let router = router(Site { pool: pool.clone(), grpc, hosts, gateway, encrypted, loopback });
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = TaskTracker::new();
    while let Some((stream, peer)) = accept(&pool, &listener).await {
        let Ok(place) = room.clone().acquire_owned().await else { break };
        let (router, pool, tls) = (router.clone(), pool.clone(), tls.clone());
        open.spawn(async move {
            let Some(tls) = tls else {
                connection(&pool, stream, peer.ip(), router).await;
                return drop(place);
            };
            match tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await {
                Ok(Ok(stream)) => connection(&pool, stream, peer.ip(), router).await,
                Ok(Err(error)) => tracing::debug!(%error, "a connection began without TLS"),
                Err(_) => tracing::debug!("a connection began with silence"),
            }
            drop(place);
        });
    }
    open.close();
    let _ = tokio::time::timeout(GOODBYE, open.wait()).await;
    Ok(())
}

async fn accept(pool: &Pool, listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = pool.closing.cancelled() => return None,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Only speed is lost without it.
                let _ = stream.set_nodelay(true);
                return Some((stream, peer));
            }
            Err(error) => {
                // Out of file descriptors, most likely; the listener itself is fine.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(pool: &Pool, stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr, router: Router) {
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = pool.closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(GOODBYE, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
