//! What a configuration may say, and what it means.
//!
//! The reader knows a list of keys and refuses everything else: a file that a pool, a web page or a friend made must
//! not be able to run a command, to take the computer's traffic, or to change its name resolution.

mod address;
mod narrow;
mod reader;
mod refusal;
mod writer;

pub use narrow::Narrowed;
pub use refusal::{Reason, Refusal};

use crate::keys::{PresharedKey, PrivateKey, PublicKey};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Largest configuration, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Bytes of one packet inside the tunnel, unless the file says otherwise. With WireGuard's and the outer headers it
/// fits through links of 1280 bytes; larger ones stall there.
pub const DEFAULT_MTU: u16 = 1220;

/// Where the private key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In the file.
    Here(PrivateKey),
    /// In the system's keyring; the public key that belongs to it is named.
    Keyring(PublicKey),
}

impl KeySource {
    /// The public key that belongs to it.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Here(key) => key.public(),
            Self::Keyring(public) => *public,
        }
    }
}

/// The host of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name that has to be looked up.
    Name(String),
}

/// Where a peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its host.
    pub host: Host,
    /// Its UDP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// The other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSection {
    /// Its public key.
    pub public_key: PublicKey,
    /// The secret beside the keys.
    pub preshared: Option<PresharedKey>,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Addresses that are reached through it; never empty.
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between packets that keep the way through a router open; 0 for none.
    pub keepalive: u16,
}

/// A configuration that was found harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// Our private key.
    pub private_key: KeySource,
    /// Our addresses in the tunnel; never empty.
    pub addresses: Vec<IpNet>,
    /// Bytes of one packet inside the tunnel.
    pub mtu: u16,
    /// UDP port to send from; 0 for any.
    pub listen_port: u16,
    /// The pool.
    pub peer: PeerSection,
}

impl LinkConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`Refusal`], with line, key and reason, for whatever is not in the list of what a configuration may say.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        reader::read(bytes)
    }

    /// The file's text. It holds the private key unless that is in the keyring.
    #[must_use]
    pub fn to_text(&self) -> zeroize::Zeroizing<String> {
        writer::text(self)
    }

    /// Whether an address is reached through the tunnel.
    #[must_use]
    pub fn covers(&self, ip: IpAddr) -> bool {
        self.peer.allowed_ips.iter().any(|net| net.contains(&ip))
    }

    /// Refuses a configuration whose addresses are also used around this computer.
    ///
    /// # Errors
    /// [`Reason::LanOverlap`], naming both networks.
    pub fn apart_from(&self, networks: &[IpNet]) -> Result<(), Refusal> {
        let ours = self.peer.allowed_ips.iter().map(|net| ("AllowedIPs", net));
        for (key, net) in ours.chain(self.addresses.iter().map(|net| ("Address", net))) {
            if let Some(lan) = networks.iter().find(|lan| address::overlap(net, lan)) {
                let detail = format!("{} and {}", net.trunc(), lan.trunc());
                return Err(Refusal::new(0, key, Reason::LanOverlap).about(&detail));
            }
        }
        Ok(())
    }

    /// Refuses an endpoint, found by looking its name up, that would have to be reached through the tunnel itself.
    ///
    /// # Errors
    /// [`Reason::EndpointInside`] or [`Reason::Endpoint`].
    pub fn endpoint_at(&self, ip: IpAddr) -> Result<(), Refusal> {
        address::endpoint_ip(ip).map_err(|reason| Refusal::new(0, "Endpoint", reason))?;
        // A mapped address leads to the same place as the one that it maps.
        if self.covers(ip.to_canonical()) {
            return Err(Refusal::new(0, "Endpoint", Reason::EndpointInside).about(&ip.to_string()));
        }
        Ok(())
    }

    /// What a full-tunnel file would be with the pool's own network alone; nothing when that cannot be told.
    #[must_use]
    pub fn narrowed(bytes: &[u8]) -> Option<Narrowed> {
        narrow::narrow(bytes)
    }
}

#[cfg(test)]
mod tests;
