//! The private link in six steps: look for a configuration, make a key pair, fetch the pool's public key over HTTPS,
//! join with ours and write the file, start and verify, start anew when the file changes.
//!
//! Architecture invariant: whatever a pool answers becomes a configuration only through the reader that also reads
//! files; the private key goes into the keyring or the 0600 file and nowhere else.

mod carrier;
mod link;
mod problem;
mod service;
mod setup;
mod state;
mod watch;

pub use link::{Carriage, Link, LinkConfigSource, Surroundings};

/// Where `hivemind-netd` listens for this user.
#[must_use]
pub fn own_service() -> std::path::PathBuf {
    #[cfg(target_os = "linux")]
    return hivemind_netd_protocol::socket_of(rustix::process::getuid().as_raw());
    #[cfg(not(target_os = "linux"))]
    hivemind_netd_protocol::PIPE.into()
}
