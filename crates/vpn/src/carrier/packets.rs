//! An interface of the system whose packets this process encrypts.

use super::{GOODBYE, Surface, network};
use crate::problem;
use crate::service::Service;
use hivemind_control::ApiError;
use hivemind_netd_protocol::{INTERFACE, Up};
use hivemind_wireguard::{PacketTunnel, PeerConfig, TunnelConfig};
use hivemind_worker_core::port::ByteStream;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A running one.
#[derive(Clone)]
pub(crate) struct PacketCarrier {
    pub(super) packets: PacketTunnel,
    /// The interface stays while this is connected.
    service: Arc<Mutex<Service>>,
    surface: Surface,
}

impl PacketCarrier {
    pub(super) async fn start(
        mut service: Service,
        config: TunnelConfig,
        peer: PeerConfig,
    ) -> Result<Self, ApiError> {
        // The keys stay here: the service makes the interface, we carry its packets.
        let up = Up { network: network(&config, &peer), keys: None };
        let handle = service.up(up).await?.ok_or_else(|| problem::no_service("it gave no interface"))?;
        let surface = Surface::of(&config);
        let packets = PacketTunnel::start(config, vec![peer], handle).await;
        let packets = packets.map_err(|error| problem::tunnel(&error))?;
        Ok(Self { packets, service: Arc::new(Mutex::new(service)), surface })
    }

    /// Through this interface or not at all: were it gone, the system would send our words to its own router.
    pub(super) async fn dial(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        self.surface.dial(to, |socket| socket.bind_device(Some(INTERFACE.as_bytes()))).await
    }

    pub(super) async fn close(self) {
        self.packets.close();
        match timeout(GOODBYE, async { self.service.lock().await.down().await }).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the service did not hear that the tunnel ends"),
            Err(_) => tracing::debug!("the service did not answer that the tunnel ends"),
        }
    }
}
