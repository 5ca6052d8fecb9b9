//! On Linux: a socket, a look at who speaks, and interfaces through /dev/net/tun and netlink.

mod listen;
mod network;
mod peer;
mod rights;
mod wire;

pub use listen::{Listener, serve};
pub use network::LinuxNetwork;
pub use peer::Allowed;
pub use rights::keep_network_rights_alone;
pub use wire::SocketWire;
