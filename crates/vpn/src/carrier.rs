//! What carries the packets: a tunnel inside this process, or an interface of the system.

#[cfg(any(windows, test))]
mod driver;
#[cfg(target_os = "linux")]
mod packets;
#[cfg(any(target_os = "linux", windows))]
mod surface;

use crate::problem;
#[cfg(any(target_os = "linux", windows))]
use crate::service::Service;
use hivemind_control::ApiError;
#[cfg(any(target_os = "linux", windows))]
use hivemind_netd_protocol::{Kind, Network};
use hivemind_wireguard::{PeerConfig, PeerStatus, Tunnel, TunnelConfig};
use hivemind_worker_core::port::ByteStream;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
#[cfg(any(target_os = "linux", windows))]
use surface::Surface;
use tokio::time::timeout;

/// How often a wait looks whether the handshake is there.
const LOOK: Duration = Duration::from_millis(20);
/// Time for the service's answer at the end.
#[cfg(any(target_os = "linux", windows))]
const GOODBYE: Duration = Duration::from_secs(2);

/// A running tunnel.
#[derive(Clone)]
pub(crate) enum Carrier {
    /// Inside this process.
    Inside(Tunnel),
    /// An interface of the system, whose packets we carry.
    #[cfg(target_os = "linux")]
    Packets(packets::PacketCarrier),
    /// An interface of the system, whose packets a driver carries.
    #[cfg(windows)]
    Driver(driver::DriverCarrier),
}

impl Carrier {
    pub(crate) async fn inside(config: TunnelConfig, peer: PeerConfig) -> Result<Self, ApiError> {
        Tunnel::start(config, vec![peer]).await.map(Self::Inside).map_err(|error| problem::tunnel(&error))
    }

    /// Through `hivemind-netd`. Each system has one way, and no service can choose another: keys are said to a driver's
    /// service alone.
    #[cfg(any(target_os = "linux", windows))]
    pub(crate) async fn of_the_system(
        path: &Path,
        config: TunnelConfig,
        peer: PeerConfig,
    ) -> Result<Self, ApiError> {
        let service = Service::connect(path).await?;
        match service.kind() {
            #[cfg(target_os = "linux")]
            Kind::Packets => packets::PacketCarrier::start(service, config, peer).await.map(Self::Packets),
            #[cfg(windows)]
            Kind::Driver => driver::DriverCarrier::start(service, config, peer).await.map(Self::Driver),
            #[cfg(target_os = "linux")]
            Kind::Driver => Err(problem::no_service("it wants keys, which it needs on Windows alone")),
            #[cfg(windows)]
            Kind::Packets => Err(problem::no_service("it offers packets, which it can on Linux alone")),
        }
    }

    #[cfg(not(any(target_os = "linux", windows)))]
    pub(crate) async fn of_the_system(_: &Path, _: TunnelConfig, _: PeerConfig) -> Result<Self, ApiError> {
        Err(problem::no_service("a tunnel of the system is made on Linux and Windows only"))
    }

    /// The other end.
    pub(crate) fn peer(&self) -> Option<PeerStatus> {
        match self {
            Self::Inside(tunnel) => tunnel.status().peers.into_iter().next(),
            #[cfg(target_os = "linux")]
            Self::Packets(tunnel) => tunnel.packets.status().peers.into_iter().next(),
            #[cfg(windows)]
            Self::Driver(tunnel) => tunnel.peer(),
        }
    }

    /// Whether it still carries.
    pub(crate) fn is_up(&self) -> bool {
        match self {
            Self::Inside(_) => true,
            #[cfg(target_os = "linux")]
            Self::Packets(tunnel) => !tunnel.packets.is_closed(),
            #[cfg(windows)]
            Self::Driver(tunnel) => tunnel.is_up(),
        }
    }

    /// Whether the other end answers now: a new handshake shows it.
    pub(crate) async fn answers(&self, within: Duration) -> bool {
        let Some(before) = self.peer() else { return false };
        match self {
            Self::Inside(tunnel) => tunnel.refresh(),
            #[cfg(target_os = "linux")]
            Self::Packets(tunnel) => tunnel.packets.refresh(),
            #[cfg(windows)]
            Self::Driver(tunnel) => return tunnel.answers().await,
        }
        let renewed = async {
            while self.is_up() && self.peer().is_some_and(|now| now.handshakes <= before.handshakes) {
                tokio::time::sleep(LOOK).await;
            }
        };
        timeout(within, renewed).await.is_ok() && self.is_up()
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
            Self::Packets(tunnel) => tunnel.dial(to).await,
            #[cfg(windows)]
            Self::Driver(tunnel) => tunnel.dial(to).await,
        }
    }

    /// Ends it. An interface of the system is gone afterwards.
    pub(crate) async fn close(self) {
        match self {
            Self::Inside(tunnel) => tunnel.close(),
            #[cfg(target_os = "linux")]
            Self::Packets(tunnel) => tunnel.close().await,
            #[cfg(windows)]
            Self::Driver(tunnel) => tunnel.close().await,
        }
    }
}

/// What the service is told of addresses and sizes.
#[cfg(any(target_os = "linux", windows))]
fn network(config: &TunnelConfig, peer: &PeerConfig) -> Network {
    Network {
        addresses: config.addresses.clone(),
        allowed_ips: peer.allowed_ips.clone(),
        mtu: config.mtu,
        endpoint: peer.endpoint.unwrap_or(config.bind),
    }
}
