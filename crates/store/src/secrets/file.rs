//! The file for systems without a keyring.

use crate::damage::aside;
use crate::{durable, own_file};
use hivemind_worker_core::port::{SecretError, Tokens};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

const MOST_BYTES: u64 = 1 << 20;

type Kept = BTreeMap<String, Tokens>;

/// Tokens by the pool's address, as JSON, mode 0600.
pub(super) struct TokenFile {
    path: PathBuf,
    one_at_a_time: Mutex<()>,
}

impl TokenFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, one_at_a_time: Mutex::new(()) }
    }

    pub(super) fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    pub(super) fn load(&self, pool: &str) -> Result<Option<Tokens>, SecretError> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.read()?.remove(pool))
    }

    pub(super) fn save(&self, pool: &str, tokens: &Tokens) -> Result<(), SecretError> {
        self.change(|kept| {
            kept.insert(pool.to_owned(), tokens.clone());
        })
    }

    pub(super) fn clear(&self, pool: &str) -> Result<(), SecretError> {
        self.change(|kept| {
            kept.remove(pool);
        })
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), SecretError> {
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = self.read()?;
        let before = kept.clone();
        change(&mut kept);
        if kept == before {
            return Ok(());
        }
        let written = if kept.is_empty() {
            std::fs::remove_file(&self.path)
        } else {
            serde_json::to_vec(&kept)
                .map_err(io::Error::other)
                .and_then(|bytes| durable::replace(&self.path, &bytes))
        };
        written.map_err(|error| {
            tracing::warn!(%error, "the token file cannot be written");
            SecretError::Unavailable
        })
    }

    /// A damaged file is set aside; its owner has to sign in again.
    fn read(&self) -> Result<Kept, SecretError> {
        let mut bytes = Vec::new();
        let read = own_file::read(&self.path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Kept::new()),
            Err(error) => {
                tracing::warn!(%error, "the token file cannot be read");
                return Err(SecretError::Unavailable);
            }
        }
        serde_json::from_slice(&bytes).or_else(|_| {
            let kept = aside(&self.path);
            tracing::warn!(kept = %kept.display(), "the token file was damaged and is set aside");
            std::fs::rename(&self.path, kept).map_err(|_| SecretError::Unavailable)?;
            Ok(Kept::new())
        })
    }
}
