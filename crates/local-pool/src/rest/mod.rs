//! The HTTP listener.

use crate::error::PoolError;
use crate::pool::Pool;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until the pool ends.
pub(crate) async fn serve(_pool: Arc<Pool>, _listener: TcpListener, _grpc: SocketAddr) -> Result<(), PoolError> {
    Ok(())
}
