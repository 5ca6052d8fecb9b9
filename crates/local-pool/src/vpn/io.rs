//! A connection inside the tunnel, as the gRPC server wants it.

use hivemind_wireguard::{TunnelListener, TunnelStream};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// One of them.
pub(crate) struct TunnelIo(TunnelStream);

impl TunnelIo {
    /// The connections as they come, until the tunnel ends.
    pub(crate) fn incoming(
        listener: TunnelListener,
    ) -> impl futures_util::Stream<Item = io::Result<Self>> + Send + 'static {
        futures_util::stream::unfold(listener, |mut listener| async move {
            let accepted = listener.accept().await.ok()?;
            Some((Ok(Self(accepted)), listener))
        })
    }
}

impl Connected for TunnelIo {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        let local_addr: Option<SocketAddr> = None;
        let remote: IpAddr = self.0.peer_addr().ip();
        TcpConnectInfo { local_addr, remote_addr: Some(SocketAddr::new(remote, self.0.peer_addr().port())) }
    }
}

impl AsyncRead for TunnelIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TunnelIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
