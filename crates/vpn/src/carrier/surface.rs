//! An interface of the system, as calls through it see it.

use hivemind_wireguard::{IpNet, TunnelConfig};
use hivemind_worker_core::port::ByteStream;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// Time for a connection inside the tunnel.
const CONNECT: Duration = Duration::from_secs(10);

/// This computer's addresses in the tunnel.
#[derive(Clone)]
pub(super) struct Surface(Arc<[IpNet]>);

impl Surface {
    pub(super) fn of(config: &TunnelConfig) -> Self {
        Self(config.addresses.clone().into())
    }

    /// Connects from our own address in the tunnel, with a socket that was made ready before.
    pub(super) async fn dial(
        &self,
        to: SocketAddr,
        ready: impl FnOnce(&TcpSocket) -> io::Result<()>,
    ) -> io::Result<Box<dyn ByteStream>> {
        let ours = self.0.iter().map(IpNet::addr).find(|ip: &IpAddr| ip.is_ipv4() == to.is_ipv4());
        let ours = ours.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        ready(&socket)?;
        socket.bind(SocketAddr::new(ours, 0))?;
        socket.set_nodelay(true)?;
        match timeout(CONNECT, socket.connect(to)).await {
            Ok(stream) => Ok(Box::new(stream?)),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer through the tunnel")),
        }
    }
}
