//! Interfaces through the driver `wireguard-nt`. Linked, never run: it needs a real Windows.

use super::library;
use crate::system::{Judged, System};
use crate::wire::Handle;
use hivemind_netd_protocol::{INTERFACE, Kind, Refused, State};
use hivemind_wireguard::KeySource;
use ipnet::IpNet;
use std::future::{Future, ready};
use std::io;
use sysinfo::Networks;
use wireguard_nt::{Adapter, SetInterface, SetPeer, Wireguard};

/// How the interface's routes rank: behind the computer's own.
const METRIC: u32 = 5;

/// This computer's network.
#[derive(Default)]
pub struct DriverNetwork {
    library: Option<Wireguard>,
}

impl DriverNetwork {
    fn library(&mut self) -> Result<&Wireguard, Refused> {
        if self.library.is_none() {
            self.library = Some(library::load()?);
        }
        self.library.as_ref().ok_or(Refused::System(0))
    }

    fn make(&mut self, wanted: &Judged) -> Result<Adapter, Refused> {
        apart(wanted)?;
        let config = &wanted.config;
        let KeySource::Here(private_key) = &config.private_key else { return Err(Refused::Keys) };
        let peer = &config.peer;
        let settings = SetInterface {
            listen_port: (config.listen_port > 0).then_some(config.listen_port),
            public_key: None,
            private_key: Some(*private_key.bytes()),
            peers: vec![SetPeer {
                public_key: Some(*peer.public_key.as_bytes()),
                preshared_key: peer.preshared.as_ref().map(|key| *key.as_bytes()),
                keep_alive: (peer.keepalive > 0).then_some(peer.keepalive),
                endpoint: wanted.endpoint,
                allowed_ips: peer.allowed_ips.clone(),
            }],
        };
        let failed = |error: wireguard_nt::Error| {
            tracing::warn!(%error, "the interface cannot be made");
            match error {
                wireguard_nt::Error::Driver(error) | wireguard_nt::Error::Windows(_, error) => {
                    Refused::System(error.raw_os_error().unwrap_or(0))
                }
                wireguard_nt::Error::Null(_) | wireguard_nt::Error::NameTooLarge => Refused::System(0),
            }
        };
        // It goes with the handle, so every failure below takes it away again.
        let adapter = Adapter::create(self.library()?, "HiveMind", INTERFACE, None).map_err(failed)?;
        adapter.set_config(&settings).map_err(failed)?;
        let alone: Vec<IpNet> = config.addresses.iter().map(|net| IpNet::from(net.addr())).collect();
        adapter.set_route_with_metric(&alone, &settings, METRIC).map_err(failed)?;
        adapter.up().map_err(failed)?;
        Ok(adapter)
    }
}

/// Refuses what would take the traffic of a network that this computer is in.
fn apart(wanted: &Judged) -> Result<(), Refused> {
    let networks = Networks::new_with_refreshed_list().map_err(|_| Refused::System(0))?;
    for there in networks.values().flat_map(|data| data.ip_networks()) {
        let Ok(there) = IpNet::new(there.addr, there.prefix) else { continue };
        let hit = wanted.config.peer.allowed_ips.iter().find(|n| n.contains(&there) || there.contains(*n));
        if let Some(wanted) = hit {
            return Err(Refused::Overlap { wanted: *wanted, there: there.trunc() });
        }
    }
    Ok(())
}

impl System for DriverNetwork {
    type Link = Adapter;

    fn kind(&self) -> Kind {
        Kind::Driver
    }

    fn up(&mut self, wanted: &Judged) -> impl Future<Output = Result<Adapter, Refused>> + Send {
        ready(self.make(wanted))
    }

    fn down(&mut self, link: Adapter) -> impl Future<Output = ()> + Send {
        drop(link);
        ready(())
    }

    fn handle(&self, _: &Adapter) -> io::Result<Option<Handle>> {
        Ok(None)
    }

    fn state(&self, link: &Adapter) -> State {
        let peer = link.get_config().peers.into_iter().next();
        let handshake = peer.as_ref().and_then(|peer| peer.last_handshake);
        State {
            up: link.is_up().unwrap_or(false),
            handshake_s: handshake.and_then(|then| then.elapsed().ok()).map(|age| age.as_secs()),
            received: peer.as_ref().map_or(0, |peer| peer.rx_bytes),
            sent: peer.as_ref().map_or(0, |peer| peer.tx_bytes),
        }
    }
}
