//! What the system does for us.

use crate::wire::Handle;
use hivemind_netd_protocol::{Kind, Refused, State};
use hivemind_wireguard::LinkConfig;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

/// A tunnel that may be made: it has passed [`crate::judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Addresses, sizes, and keys where a driver needs them.
    pub config: LinkConfig,
    /// Where the pool's end is.
    pub endpoint: SocketAddr,
}

/// Makes interfaces. There is one at a time.
pub trait System: Send + 'static {
    /// An interface that is there. It goes when this is dropped, at the latest.
    type Link: Send;

    /// How tunnels are made.
    fn kind(&self) -> Kind;

    /// Makes the interface with its addresses and routes, or nothing at all.
    fn up(&mut self, wanted: &Judged) -> impl Future<Output = Result<Self::Link, Refused>> + Send;

    /// Takes it away with all that belongs to it.
    fn down(&mut self, link: Self::Link) -> impl Future<Output = ()> + Send;

    /// What the client needs to carry its packets.
    ///
    /// # Errors
    /// The system has no more descriptors.
    fn handle(&self, link: &Self::Link) -> io::Result<Option<Handle>>;

    /// How it is.
    fn state(&self, link: &Self::Link) -> State;
}
