//! The gRPC listener: checks every message, finds out who calls, and hands over to the pool.

mod account;
mod artifact;
mod node;
mod task;

use crate::config::TlsIdentity;
use crate::error::PoolError;
use crate::pool::Pool;
use crate::sessions::Session;
use crate::vpn::TunnelIo;
use hivemind_proto::bounds::Bounded;
use hivemind_proto::limits::MAX_MESSAGE_BYTES;
use hivemind_proto::v1::{
    account_service_server::AccountServiceServer, artifact_service_server::ArtifactServiceServer,
    node_service_server::NodeServiceServer, task_service_server::TaskServiceServer,
};
use hivemind_wireguard::TunnelListener;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tonic::transport::server::{Connected, TcpIncoming};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

/// Calls one worker may have open at once: three long ones, and two per task it runs.
const MAX_STREAMS: u32 = 256;

/// The services of one pool.
#[derive(Debug, Clone)]
struct Services(Arc<Pool>);

impl Services {
    /// Who calls, and the checked message.
    fn open<T: Bounded>(&self, request: Request<T>) -> Result<(Session, T), Status> {
        let session = self.session(&request)?;
        let message = request.into_inner();
        message.check()?;
        Ok((session, message))
    }

    fn session<T>(&self, request: &Request<T>) -> Result<Session, PoolError> {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        self.0.authenticate(header)
    }
}

fn peer<T>(request: &Request<T>) -> IpAddr {
    request.remote_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip())
}

/// The listener's settings; fails when the certificate cannot be used.
pub(crate) fn prepare(tls: Option<&TlsIdentity>) -> Result<Server, PoolError> {
    let server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(MAX_STREAMS);
    let Some(tls) = tls else { return Ok(server) };
    let identity = Identity::from_pem(&tls.certificate_pem, &tls.key_pem);
    server
        .tls_config(ServerTlsConfig::new().identity(identity))
        .map_err(|e| PoolError::Tls(e.source().map_or_else(|| e.to_string(), ToString::to_string)))
}

/// Serves until the pool ends.
pub(crate) async fn serve(pool: Arc<Pool>, server: Server, listener: TcpListener) -> Result<(), PoolError> {
    // Without it a small answer waits 40 ms for the other side's delayed acknowledgement. The server's own switch is
    // for listeners that it opens itself.
    serve_on(pool, server, TcpIncoming::from(listener).with_nodelay(Some(true))).await
}

/// Serves connections inside the tunnel until the pool ends. The tunnel encrypts, so there is no TLS in it.
pub(crate) async fn serve_inside(pool: Arc<Pool>, listener: TunnelListener) -> Result<(), PoolError> {
    let server = prepare(None)?;
    serve_on(pool, server, TunnelIo::incoming(listener)).await
}

async fn serve_on<I, C>(pool: Arc<Pool>, mut server: Server, incoming: I) -> Result<(), PoolError>
where
    I: futures_util::Stream<Item = std::io::Result<C>>,
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let services = Services(pool.clone());
    server
        .add_service(AccountServiceServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(NodeServiceServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(TaskServiceServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(ArtifactServiceServer::new(services).max_decoding_message_size(MAX_MESSAGE_BYTES))
        .serve_with_incoming_shutdown(incoming, pool.closing.clone().cancelled_owned())
        .await
        .map_err(|e| PoolError::Internal(format!("gRPC listener: {e}")))
}
