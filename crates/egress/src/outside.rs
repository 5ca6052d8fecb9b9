//! Names and connections: small traits, so that tests can present a hostile name service.

use async_trait::async_trait;
use hivemind_worker_core::port::ByteStream;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Turns names into addresses.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Every address of `name`, which is checked and in lower case.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Opens connections.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// The address of this computer from which `to` would be reached. Nothing is sent.
    fn source(&self, to: SocketAddr) -> io::Result<IpAddr>;

    /// Opens a connection to exactly this address.
    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>>;
}

/// The real thing: the system's resolver and TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct Internet;

#[async_trait]
impl Resolver for Internet {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        // With a dot at the end no search domain of this computer's network is tried.
        let absolute = format!("{name}.");
        let found = tokio::net::lookup_host((absolute.as_str(), 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

#[async_trait]
impl Connector for Internet {
    fn source(&self, to: SocketAddr) -> io::Result<IpAddr> {
        let any: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        // A UDP socket is only told its peer: the kernel chooses the way and no packet leaves.
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(to)?;
        Ok(socket.local_addr()?.ip())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        let stream = tokio::net::TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_ourselves_begins_at_ourselves() {
        let source = Internet.source(SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(source.expect("a way").to_string(), "127.0.0.1");
    }
}
