//! A SOCKS5 proxy of this computer, such as a user-space overlay client opens: for a computer that has no interface in
//! the overlay. Only connections that this computer opens go through it, so that work is pulled.

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tonic::transport::Uri;
use tower::Service;

const CONNECT: Duration = Duration::from_secs(10);

/// Opens a connection to an address that was judged, straight or through the proxy.
pub(crate) async fn connect(proxy: Option<SocketAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let opening = async {
        match proxy {
            None => TcpStream::connect(to).await,
            Some(proxy) => through(proxy, to).await,
        }
    };
    let late = |_| Err(io::ErrorKind::TimedOut.into());
    let stream = tokio::time::timeout(CONNECT, opening).await.unwrap_or_else(late)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn through(proxy: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let uri = |scheme: &str, at: SocketAddr| {
        format!("{scheme}://{at}").parse::<Uri>().map_err(|error| io::Error::other(error.to_string()))
    };
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    let mut socks = SocksV5::new(uri("socks5", proxy)?, plain).local_dns(true);
    let opened = socks.call(uri("http", to)?).await;
    opened.map(hyper_util::rt::TokioIo::into_inner).map_err(|error| io::Error::other(error.to_string()))
}
