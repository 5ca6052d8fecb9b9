//! The way to one client.

use std::future::Future;
use std::io;

/// What lets a client carry an interface's packets.
#[cfg(unix)]
pub type Handle = std::os::fd::OwnedFd;
/// What lets a client carry an interface's packets: nothing on this system, where a driver does it.
#[cfg(not(unix))]
#[derive(Debug)]
pub enum Handle {}

/// Bytes from and to one client.
pub trait Wire: Send {
    /// What came; 0 at the end.
    fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Sends a whole frame, and a handle with its first byte.
    fn send(&mut self, frame: &[u8], handle: Option<Handle>) -> impl Future<Output = io::Result<()>> + Send;
}
