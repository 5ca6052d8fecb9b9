//! The socket.

use super::peer::Allowed;
use super::wire::SocketWire;
use crate::desk::Desk;
use crate::session::{converse, turn_away};
use crate::system::System;
use hivemind_netd_protocol::Refused;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;

/// A socket that goes with this.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Opens it for this program's own user. What an earlier run left behind is replaced; nothing else is.
    ///
    /// # Errors
    /// Something else is there, or the folder does not take it.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Serves until it is dropped.
pub async fn serve<S: System>(listener: &Listener, allowed: &Allowed, desk: &Arc<Desk<S>>) {
    loop {
        let stream = match listener.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "nobody can be heard");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let known = allowed.check(&stream);
        let mut wire = SocketWire::new(stream);
        let (known, seat) = match known {
            Ok(()) => (Ok(()), desk.seat()),
            Err(why) => (Err(why), None),
        };
        match (known, seat) {
            (Ok(()), Some(seat)) => {
                tokio::spawn(async move { converse(&mut wire, seat).await });
            }
            (Ok(()), None) => turn_away(&mut wire, Refused::Busy).await,
            (Err(why), _) => turn_away(&mut wire, why).await,
        }
    }
}
