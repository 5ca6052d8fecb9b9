//! WireGuard without an administrator: keys, a configuration reader that takes only what it knows, and a tunnel with
//! its own TCP/IP stack that lives inside the process.
//!
//! Architecture invariants: nothing here touches the system's interfaces, routes or resolver, and nothing starts a
//! process. A private key never appears in a log, an error or a `Debug` output. What a configuration says is data;
//! a key that is not in the list is refused, never skipped.

mod clock;
mod config;
mod file;
mod keys;
mod tunnel;

pub use config::{
    DEFAULT_MTU, Endpoint, Host, KeySource, LinkConfig, MAX_BYTES, Narrowed, PeerSection, Reason, Refusal,
};
pub use file::{FileError, KeptConfig, keep_before, narrowed_file, read_file, write_file};
pub use ipnet::{IpNet, Ipv4Net};
pub use keys::{KeyError, PresharedKey, PrivateKey, PublicKey};
#[cfg(unix)]
pub use tunnel::PacketTunnel;
pub use tunnel::{
    PeerConfig, PeerStatus, Tunnel, TunnelConfig, TunnelError, TunnelListener, TunnelStatus, TunnelStream,
};
