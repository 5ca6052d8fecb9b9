//! Why a listener could not be opened.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another worker answers there.
    #[error("another worker already answers at {}", .0.display())]
    AlreadyServed(PathBuf),
    /// Something that is no socket lies at the path; it is left alone.
    #[error("{} exists and is not a socket; move it away", .0.display())]
    NotASocket(PathBuf),
    /// Other users could replace the socket.
    #[error("other users may write into {}; take that right away from them (chmod go-w)", .0.display())]
    FolderOpenToOthers(PathBuf),
    /// Its owner could replace the socket.
    #[error("{} belongs to another user; name a folder of your own", .0.display())]
    FolderOfAnotherUser(PathBuf),
    /// The operating system allows about 100 bytes for the path of a socket.
    #[error("the path {} is too long for a socket", .0.display())]
    PathTooLong(PathBuf),
    /// Only loopback addresses are served.
    #[error("{0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The address is taken or forbidden.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

impl ServeError {
    pub(crate) fn bind(address: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let address = address.into();
        move |source| Self::Bind { address, source }
    }
}
