//! Packages and results on disk: streamed, hashed on the way, synced, then renamed into place.

use crate::error::PoolError;
use crate::pool::blocking;
use hivemind_domain::ids::{TaskId, TaskKey};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The pool's folders.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: PathBuf,
}

const FOLDERS: [&str; 4] = ["incoming", "packages", "results", "logs"];

impl Files {
    /// Makes the folders, and removes packages whose upload never came to an end.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        for folder in FOLDERS {
            std::fs::create_dir_all(root.join(folder))?;
        }
        restrict(root)?;
        for entry in std::fs::read_dir(root.join("incoming"))? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A task's package; the sub-tasks of a task of many share the one of the whole.
    pub(crate) fn package(&self, task: &TaskId) -> PathBuf {
        let whole = task.as_str().split('.').next().unwrap_or_default();
        self.root.join("packages").join(format!("{whole}.zip"))
    }

    /// Outputs that are complete.
    pub(crate) fn result(&self, key: &TaskKey) -> PathBuf {
        self.root.join("results").join(format!("{}.{}.zip", key.task, key.attempt))
    }

    /// Outputs on their way; the hash in the name keeps two versions apart.
    pub(crate) fn partial_result(&self, key: &TaskKey, sha256: &str) -> PathBuf {
        self.root.join("results").join(format!("{}.{}.{sha256}.part", key.task, key.attempt))
    }

    /// Results of sub-tasks that are being put together.
    pub(crate) fn gathering(&self, whole: &TaskId) -> PathBuf {
        self.root.join("incoming").join(format!("{whole}.gathering"))
    }

    /// Makes what was renamed into the results' folder durable.
    pub(crate) async fn sync_results(&self) -> Result<(), PoolError> {
        let folder = self.root.join("results");
        blocking(move || Ok(sync_folder(&folder)?)).await
    }

    /// Begins a new package.
    pub(crate) async fn incoming(&self, max_bytes: u64) -> Result<Receiving, PoolError> {
        let path = self.root.join("incoming").join(uuid::Uuid::new_v4().to_string());
        Receiving::begin(path, 0, max_bytes).await
    }

    /// Removes what was received for an attempt that is over.
    pub(crate) async fn drop_partial_results(&self, key: &TaskKey) {
        let prefix = format!("{}.{}.", key.task, key.attempt);
        let folder = self.root.join("results");
        let dropped = blocking(move || {
            for entry in std::fs::read_dir(folder)?.flatten() {
                let name = entry.file_name();
                if name.to_str().is_some_and(|n| n.starts_with(&prefix) && n.ends_with(".part")) {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        });
        if let Err(error) = dropped.await {
            tracing::warn!(attempt = %key, %error, "parts of a result stay behind");
        }
    }
}

/// Only the pool's own user may read what requesters hand in.
#[cfg(unix)]
fn restrict(root: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o700))
}

/// A folder in the user's profile carries its permissions already.
#[cfg(not(unix))]
fn restrict(_root: &Path) -> io::Result<()> {
    Ok(())
}

/// A file that is being received.
#[derive(Debug)]
pub(crate) struct Receiving {
    path: PathBuf,
    file: File,
    hash: Sha256,
    length: u64,
    max_bytes: u64,
}

impl Receiving {
    /// Begins, or goes on after `offset` bytes of an earlier try; what lies behind them is cut off.
    pub(crate) async fn begin(path: PathBuf, offset: u64, max_bytes: u64) -> Result<Self, PoolError> {
        blocking(move || {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&path)?;
            let stored = file.metadata()?.len();
            if offset > stored {
                return Err(PoolError::OffsetMismatch { stored });
            }
            file.set_len(offset)?;
            let mut hash = Sha256::new();
            if io::copy(&mut file, &mut hash)? != offset {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            Ok(Self { path, file: File::from_std(file), hash, length: offset, max_bytes })
        })
        .await
    }

    /// Bytes received so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends.
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), PoolError> {
        let length = self.length.saturating_add(data.len() as u64);
        if length > self.max_bytes {
            return Err(PoolError::TooLarge { allowed: self.max_bytes });
        }
        self.file.write_all(data).await?;
        self.hash.update(data);
        self.length = length;
        Ok(())
    }

    /// Puts what was received on disk for a later try.
    pub(crate) async fn keep(mut self) -> Result<(), PoolError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(())
    }

    /// Syncs and closes; says the hash. The file stays where it is.
    pub(crate) async fn complete(mut self) -> Result<Received, PoolError> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(Received { path: self.path, sha256: hex::encode(self.hash.finalize()), length: self.length })
    }

    /// Removes what was received.
    pub(crate) async fn discard(self) {
        drop(self.file);
        let _ = tokio::fs::remove_file(&self.path).await;
    }
}

/// A file that was received whole.
#[derive(Debug)]
pub(crate) struct Received {
    path: PathBuf,
    pub(crate) sha256: String,
    pub(crate) length: u64,
}

impl Received {
    /// Moves it to its place for good.
    pub(crate) async fn place(self, target: PathBuf) -> Result<(), PoolError> {
        blocking(move || {
            std::fs::rename(&self.path, &target)?;
            Ok(sync_folder(target.parent().unwrap_or(&target))?)
        })
        .await
    }

    /// First bytes, to tell what it is.
    pub(crate) async fn first(&self, count: u64) -> Result<Vec<u8>, PoolError> {
        let mut bytes = Vec::new();
        File::open(&self.path).await?.take(count).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    /// Removes it.
    pub(crate) async fn discard(self) {
        let _ = tokio::fs::remove_file(&self.path).await;
    }
}

/// A rename is on disk only when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Windows offers no such call; NTFS journals the rename itself.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(data: &[u8]) -> String {
        hex::encode(Sha256::digest(data))
    }

    #[tokio::test]
    async fn an_upload_resumes_where_it_stopped_with_the_right_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.part");
        let data: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
        let mut first = Receiving::begin(path.clone(), 0, 1 << 20).await.unwrap();
        first.write(&data[..150_000]).await.unwrap();
        first.keep().await.unwrap();
        let hole = Receiving::begin(path.clone(), 150_001, 1 << 20).await.unwrap_err();
        assert!(matches!(hole, PoolError::OffsetMismatch { stored: 150_000 }));
        let mut second = Receiving::begin(path.clone(), 100_000, 1 << 20).await.unwrap();
        second.write(&data[100_000..]).await.unwrap();
        let received = second.complete().await.unwrap();
        assert_eq!((received.length, received.sha256.as_str()), (200_000, sha(&data).as_str()));
        let target = dir.path().join("x.zip");
        received.place(target.clone()).await.unwrap();
        assert_eq!((std::fs::read(target).unwrap() == data, path.exists()), (true, false));
    }

    #[tokio::test]
    async fn more_than_allowed_is_refused_and_left_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        let mut incoming = files.incoming(10).await.unwrap();
        incoming.write(&[0; 10]).await.unwrap();
        assert!(matches!(incoming.write(&[0]).await, Err(PoolError::TooLarge { allowed: 10 })));
        incoming.discard().await;
        assert_eq!(std::fs::read_dir(dir.path().join("incoming")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_start_clears_half_packages() {
        let dir = tempfile::tempdir().unwrap();
        Files::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("incoming/half"), b"x").unwrap();
        Files::open(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("incoming")).unwrap().count(), 0);
    }
}
