//! What carries the packets: a tunnel inside this process, or an interface of the system.

use crate::problem;
#[cfg(target_os = "linux")]
use crate::service::Service;
use hivemind_control::ApiError;
use hivemind_wireguard::{PeerConfig, PeerStatus, Tunnel, TunnelConfig};
use hivemind_worker_core::port::ByteStream;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// How often a wait looks whether the handshake is there.
const LOOK: Duration = Duration::from_millis(20);

/// A running tunnel.
#[derive(Clone)]
pub(crate) enum Carrier {
    /// Inside this process.
    Inside(Tunnel),
    /// An interface of the system.
    #[cfg(target_os = "linux")]
    System(linux::SystemTunnel),
}

impl Carrier {
    pub(crate) async fn inside(config: TunnelConfig, peer: PeerConfig) -> Result<Self, ApiError> {
        Tunnel::start(config, vec![peer]).await.map(Self::Inside).map_err(|error| problem::tunnel(&error))
    }

    #[cfg(target_os = "linux")]
    pub(crate) async fn of_the_system(
        service: &Path,
        config: TunnelConfig,
        peer: PeerConfig,
    ) -> Result<Self, ApiError> {
        let service = Service::connect(service).await?;
        linux::SystemTunnel::start(service, config, peer).await.map(Self::System)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) async fn of_the_system(_: &Path, _: TunnelConfig, _: PeerConfig) -> Result<Self, ApiError> {
        Err(problem::no_service("the tunnel of the system is not yet spoken to on this system"))
    }

    /// The other end.
    pub(crate) fn peer(&self) -> Option<PeerStatus> {
        let status = match self {
            Self::Inside(tunnel) => tunnel.status(),
            #[cfg(target_os = "linux")]
            Self::System(tunnel) => tunnel.packets.status(),
        };
        status.peers.into_iter().next()
    }

    /// Whether it still carries.
    pub(crate) fn is_up(&self) -> bool {
        match self {
            Self::Inside(_) => true,
            #[cfg(target_os = "linux")]
            Self::System(tunnel) => !tunnel.packets.is_closed(),
        }
    }

    /// Begins a handshake.
    pub(crate) fn refresh(&self) {
        match self {
            Self::Inside(tunnel) => tunnel.refresh(),
            #[cfg(target_os = "linux")]
            Self::System(tunnel) => tunnel.packets.refresh(),
        }
    }

    /// Waits for the first handshake; whether it came.
    pub(crate) async fn session(&self, within: Duration) -> bool {
        let there = async {
            while self.peer().is_none_or(|peer| peer.handshake_age.is_none()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        timeout(within, there).await.is_ok()
    }

    /// Opens a connection inside.
    pub(crate) async fn dial(&self, to: SocketAddr) -> std::io::Result<Box<dyn ByteStream>> {
        match self {
            Self::Inside(tunnel) => Ok(Box::new(tunnel.connect(to).await?)),
            #[cfg(target_os = "linux")]
            Self::System(tunnel) => tunnel.dial(to).await,
        }
    }

    /// Ends it. An interface of the system is gone afterwards.
    pub(crate) async fn close(self) {
        match self {
            Self::Inside(tunnel) => tunnel.close(),
            #[cfg(target_os = "linux")]
            Self::System(tunnel) => tunnel.close().await,
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{ApiError, ByteStream, Duration, PeerConfig, SocketAddr, TunnelConfig, problem, timeout};
    use crate::service::Service;
    use hivemind_netd_protocol::{INTERFACE, Network, Request, Up};
    use hivemind_wireguard::{IpNet, PacketTunnel};
    use std::io;
    use std::net::IpAddr;
    use std::sync::Arc;
    use tokio::net::TcpSocket;
    use tokio::sync::Mutex;

    /// Time for a connection inside the tunnel, and for the service's answer at the end.
    const CONNECT: Duration = Duration::from_secs(10);
    const GOODBYE: Duration = Duration::from_secs(2);

    /// An interface whose packets this process encrypts.
    #[derive(Clone)]
    pub(crate) struct SystemTunnel {
        pub(super) packets: PacketTunnel,
        /// The interface stays while this is connected.
        service: Arc<Mutex<Service>>,
        addresses: Arc<[IpNet]>,
    }

    impl SystemTunnel {
        pub(super) async fn start(
            mut service: Service,
            config: TunnelConfig,
            peer: PeerConfig,
        ) -> Result<Self, ApiError> {
            let network = Network {
                addresses: config.addresses.clone(),
                allowed_ips: peer.allowed_ips.clone(),
                mtu: config.mtu,
                endpoint: peer.endpoint.unwrap_or(config.bind),
            };
            // The keys stay here: the service makes the interface, we carry its packets.
            let up = Request::Up(Box::new(Up { network, keys: None }));
            let handle =
                service.ask(&up).await?.ok_or_else(|| problem::no_service("it gave no interface"))?;
            let addresses = config.addresses.clone().into();
            let packets = PacketTunnel::start(config, vec![peer], handle).await;
            let packets = packets.map_err(|error| problem::tunnel(&error))?;
            Ok(Self { packets, service: Arc::new(Mutex::new(service)), addresses })
        }

        /// Through this interface or not at all: were it gone, the system would send our words to its own router.
        pub(super) async fn dial(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
            let ours =
                self.addresses.iter().map(IpNet::addr).find(|ip: &IpAddr| ip.is_ipv4() == to.is_ipv4());
            let ours = ours.ok_or(io::ErrorKind::AddrNotAvailable)?;
            let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind_device(Some(INTERFACE.as_bytes()))?;
            socket.bind(SocketAddr::new(ours, 0))?;
            socket.set_nodelay(true)?;
            match timeout(CONNECT, socket.connect(to)).await {
                Ok(stream) => Ok(Box::new(stream?)),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer through the tunnel")),
            }
        }

        pub(super) async fn close(self) {
            self.packets.close();
            let down = async { self.service.lock().await.ask(&Request::Down).await };
            match timeout(GOODBYE, down).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "the service did not hear that the tunnel ends"),
                Err(_) => tracing::debug!("the service did not answer that the tunnel ends"),
            }
        }
    }
}
