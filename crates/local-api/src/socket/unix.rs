//! A Unix domain socket of mode 0600 in a folder that others cannot write.

use crate::connections::{Accept, Ends};
use crate::serve_error::ServeError;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// `sun_path` on Linux without its closing zero.
const MAX_PATH: usize = 107;

#[derive(Debug)]
pub(crate) struct Listener {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
    /// Held as long as the socket is ours, so that two workers starting at once cannot both replace a stale one.
    _lock: File,
}

impl Listener {
    pub(crate) async fn bind(path: &Path) -> Result<Self, ServeError> {
        if path.as_os_str().len() > MAX_PATH {
            return Err(ServeError::PathTooLong(path.to_owned()));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let failed = || ServeError::bind(path.display().to_string());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed())?;
        let found = fs::metadata(folder).map_err(failed())?;
        if found.mode() & 0o022 != 0 {
            return Err(ServeError::FolderOpenToOthers(folder.to_owned()));
        }
        if !ours(found.uid()) {
            return Err(ServeError::FolderOfAnotherUser(folder.to_owned()));
        }
        let lock = lock(path)?;
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed()(e)),
            Ok(there) if !there.file_type().is_socket() => {
                return Err(ServeError::NotASocket(path.to_owned()));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(ServeError::AlreadyServed(path.to_owned()));
            }
            Ok(_) => {}
        }
        // The rights are set before the socket gets its name; the move replaces a stale one in one step.
        let unnamed = folder.join(format!(".{:08x}", std::process::id()));
        let _ = fs::remove_file(&unnamed);
        let listener = UnixListener::bind(&unnamed).map_err(failed())?;
        let owner = fs::set_permissions(&unnamed, Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&unnamed, path))
            .and_then(|()| fs::metadata(path))
            .inspect_err(|_| {
                let _ = fs::remove_file(&unnamed);
            })
            .map_err(failed())?
            .uid();
        Ok(Self { listener, path: path.to_owned(), owner, _lock: lock })
    }
}

/// Whether a user is this one, or root, whom nothing keeps out.
fn ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

fn lock(path: &Path) -> Result<File, ServeError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = || ServeError::bind(path.display().to_string());
    // Neither through a link nor into a pipe, which would wait for its other end.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    let file = options.open(&name).map_err(failed())?;
    if !file.metadata().map_err(failed())?.is_file() {
        return Err(ServeError::NotASocket(name.into()));
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::AlreadyServed(path.to_owned())),
        Err(TryLockError::Error(e)) => Err(failed()(e)),
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Accept for Listener {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Ends)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            // The mode already keeps others out; the kernel's word about the caller does so once more.
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == self.owner || peer.uid() == 0 => {
                    return Ok((stream, Ends::default()));
                }
                Ok(peer) => tracing::warn!(uid = peer.uid(), "another user tried the owner's socket"),
                Err(error) => tracing::debug!(%error, "a caller left before it was known"),
            }
        }
    }
}

/// A worker of this user, or of root: somebody else who answers there would be told passwords.
pub(crate) async fn dial(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path).await?;
    if !ours(stream.peer_cred()?.uid()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "another user answers at the socket"));
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[tokio::test]
    async fn socket_is_0600_in_a_folder_of_0700_and_goes_with_its_listener() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/worker.sock");
        let listener = Listener::bind(&path).await.unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("worker.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "left behind");
        let first = Listener::bind(&path).await.unwrap();
        assert!(matches!(Listener::bind(&path).await, Err(ServeError::AlreadyServed(_))));
        drop(first);
        let second = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(Listener::bind(&path).await, Err(ServeError::AlreadyServed(_))), "without our lock");
        drop(second);
        Listener::bind(&path).await.unwrap();
    }

    #[tokio::test]
    async fn refuses_what_is_no_socket_an_open_folder_and_a_long_path() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("notes");
        fs::write(&file, "mine").unwrap();
        assert!(matches!(Listener::bind(&file).await, Err(ServeError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        let open = home.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(Listener::bind(&open.join("s")).await, Err(ServeError::FolderOpenToOthers(_))));
        let long = home.path().join("x".repeat(100)).join("s");
        assert!(matches!(Listener::bind(&long).await, Err(ServeError::PathTooLong(_))));
    }
}
