//! The private link in six steps: look for a configuration, make a key pair, fetch the pool's public key over HTTPS,
//! join with ours and write the file, start and verify, start anew when the file changes.
//!
//! Architecture invariant: whatever a pool answers becomes a configuration only through the reader that also reads
//! files; the private key goes into the keyring or the 0600 file and nowhere else.

mod link;
mod problem;
mod setup;
mod state;

pub use link::{Link, LinkConfigSource, Surroundings};
