//! The owner's socket.

use crate::connections;
use crate::router::{Door, Room, router};
use crate::serve_error::ServeError;
use hivemind_control::Control;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[cfg(windows)]
mod pipe;
#[cfg(unix)]
mod unix;

#[cfg(windows)]
use pipe as system;
#[cfg(unix)]
use unix as system;

pub(crate) use system::dial;

const MAX_CONNECTIONS: usize = 64;

/// The owner's socket, bound and not yet served. Only this user can open it.
#[derive(Debug)]
pub struct SocketListener(system::Listener);

impl SocketListener {
    /// Takes `path`: on Unix the file of the socket (its folder is made with mode 0700 where missing); on Windows a
    /// named pipe whose name is made from the path. What a dead worker left is replaced.
    ///
    /// # Errors
    /// When another worker answers there, when other users could replace the socket, or when it cannot be made.
    pub async fn bind(path: &Path) -> Result<Self, ServeError> {
        system::Listener::bind(path).await.map(Self)
    }

    /// Serves every command until `shutdown`; then the socket is gone.
    pub async fn serve(self, control: Arc<dyn Control>, shutdown: CancellationToken) {
        let room = Room::new(control, Door::Owner, shutdown.clone());
        connections::serve(self.0, |stream| ready(Ok(stream)), router(room), MAX_CONNECTIONS, shutdown).await;
    }
}

/// Binds and serves in one call.
///
/// # Errors
/// As [`SocketListener::bind`].
pub async fn serve_socket(
    path: &Path,
    control: Arc<dyn Control>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    SocketListener::bind(path).await?.serve(control, shutdown).await;
    Ok(())
}
