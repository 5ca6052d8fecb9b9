//! Tokens, in the system's keyring where there is one, else in a file that only this user can read.
//!
//! Locked is not absent: a locked keyring answers "no such entry". So it is asked whether it is locked before
//! anything is concluded from an entry that is not there.
//!
//! Away is not absent either: a keyring's service may start later than the worker. The list of changes names what was
//! put into it, so an entry that is named there is waited for.

mod file;
#[cfg_attr(target_os = "linux", path = "secrets/secret_service.rs")]
#[cfg_attr(windows, path = "secrets/credential_manager.rs")]
#[cfg_attr(not(any(target_os = "linux", windows)), path = "secrets/nothing.rs")]
mod keyring;

use crate::{Change, ChangeJournal, DataFolder};
use async_trait::async_trait;
use file::TokenFile;
use hivemind_worker_core::port::{SecretError, Secrets, Tokens, Vault};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Name of our entries in a keyring.
const SERVICE: &str = "hivemind-worker";

/// Why the keyring did not do it.
#[derive(Debug)]
enum KeyringError {
    /// There is none on this system.
    Missing,
    /// It is there and says neither yes nor no: locked, or it does not answer.
    Locked,
}

/// Tokens of this installation, one entry for each pool's address.
pub struct KeyringSecrets {
    inner: Arc<Inner>,
}

struct Inner {
    file: TokenFile,
    install: String,
    allow_keyring: bool,
    in_file: AtomicBool,
    changes: ChangeJournal,
}

impl KeyringSecrets {
    /// Asks nobody yet. Without `allow_keyring` the file is used at once.
    #[must_use]
    pub fn new(folder: &DataFolder, allow_keyring: bool) -> Self {
        let file = TokenFile::new(folder.data().join("tokens.json"));
        let in_file = AtomicBool::new(!allow_keyring || file.exists());
        let install = folder.install().as_str().to_owned();
        let changes = ChangeJournal::open(folder.data());
        Self { inner: Arc::new(Inner { file, install, allow_keyring, in_file, changes }) }
    }

    /// The list of changes that entries of the keyring are noted in; there is one list for each data folder.
    #[must_use]
    pub fn changes(&self) -> ChangeJournal {
        self.inner.changes.clone()
    }

    /// Removes an entry of the keyring by the name that the list of changes has. One that is not there is no error.
    ///
    /// # Errors
    /// When the keyring is locked or does not answer.
    pub async fn forget_entry(&self, user: &str) -> Result<(), SecretError> {
        let user = user.to_owned();
        self.on_own_thread(move |inner| inner.keyring(|| keyring::clear(SERVICE, &user)).map(drop)).await
    }

    async fn on_own_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, SecretError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or(Err(SecretError::Unavailable))
    }
}

#[async_trait]
impl Vault for KeyringSecrets {
    async fn key(&self, name: &str) -> Result<Option<String>, SecretError> {
        let name = name.to_owned();
        self.on_own_thread(move |inner| {
            let user = inner.user(&name);
            let kept = inner.entry(&user, || keyring::load(SERVICE, &user))?.flatten();
            Ok(kept.and_then(|bytes| String::from_utf8(bytes).ok()))
        })
        .await
    }

    async fn keep_key(&self, name: &str, key: &str) -> Result<bool, SecretError> {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.on_own_thread(move |inner| {
            let user = inner.user(&name);
            Ok(inner.keep(&user, key.as_bytes())?.is_some())
        })
        .await
    }
}

#[async_trait]
impl Secrets for KeyringSecrets {
    async fn load(&self, pool: &str) -> Result<Option<Tokens>, SecretError> {
        let pool = pool.to_owned();
        self.on_own_thread(move |inner| inner.load(&pool)).await
    }

    async fn save(&self, pool: &str, tokens: &Tokens) -> Result<(), SecretError> {
        let (pool, tokens) = (pool.to_owned(), tokens.clone());
        self.on_own_thread(move |inner| inner.save(&pool, &tokens)).await
    }

    async fn clear(&self, pool: &str) -> Result<(), SecretError> {
        let pool = pool.to_owned();
        self.on_own_thread(move |inner| inner.clear(&pool)).await
    }

    fn in_file(&self) -> bool {
        self.inner.in_file.load(Ordering::Relaxed)
    }
}

impl Inner {
    /// Two installations of one user share a keyring, and a session belongs to one of them.
    fn user(&self, pool: &str) -> String {
        format!("{pool} {}", self.install)
    }

    /// Keeps an entry in the keyring, noted first: one that is on no list would never be taken back.
    fn keep(&self, user: &str, secret: &[u8]) -> Result<Option<()>, SecretError> {
        self.keyring(|| {
            let noted = self.changes.note(Change::Keyring { user: user.to_owned() });
            noted.map_err(|error| {
                tracing::warn!(%error, "nothing is put into the keyring, because it cannot be noted");
                KeyringError::Missing
            })?;
            keyring::save(SERVICE, user, secret)
        })
    }

    /// Runs `work` on the keyring; `None` says that there is none.
    fn keyring<T>(&self, work: impl FnOnce() -> Result<T, KeyringError>) -> Result<Option<T>, SecretError> {
        if !self.allow_keyring {
            return Ok(None);
        }
        match work() {
            Ok(done) => Ok(Some(done)),
            Err(KeyringError::Missing) => Ok(None),
            Err(KeyringError::Locked) => Err(SecretError::Locked),
        }
    }

    /// Like [`Inner::keyring`] for reading an entry: one that was put there is not missing because the keyring is.
    fn entry<T>(
        &self,
        user: &str,
        work: impl FnOnce() -> Result<T, KeyringError>,
    ) -> Result<Option<T>, SecretError> {
        let asked = self.keyring(work)?;
        let kept = Change::Keyring { user: user.to_owned() };
        if asked.is_none() && self.allow_keyring && self.changes.names(&kept) {
            return Err(SecretError::Away);
        }
        Ok(asked)
    }

    fn load(&self, pool: &str) -> Result<Option<Tokens>, SecretError> {
        let user = self.user(pool);
        let asked = self.entry(&user, || {
            self.remove_left(&user)?;
            keyring::load(SERVICE, &user)
        });
        self.choose(pool, asked)
    }

    /// What the file has is newer: it is written only while there is no keyring, and emptied once a keyring has it.
    fn choose(
        &self,
        pool: &str,
        asked: Result<Option<Option<Vec<u8>>>, SecretError>,
    ) -> Result<Option<Tokens>, SecretError> {
        let in_keyring = asked.as_ref().is_ok_and(Option::is_some);
        match self.file.load(pool) {
            Ok(Some(tokens)) => {
                // The file is emptied only after the keyring has them.
                let moved = in_keyring && self.save(pool, &tokens).is_ok();
                self.in_file.store(!moved, Ordering::Relaxed);
                Ok(Some(tokens))
            }
            in_file => {
                let kept = asked.map(Option::flatten).map(|kept| kept.and_then(|bytes| understood(&bytes)));
                if !matches!(kept, Ok(Some(_))) {
                    in_file?;
                }
                if kept.is_ok() {
                    self.in_file.store(!in_keyring, Ordering::Relaxed);
                }
                kept
            }
        }
    }

    fn save(&self, pool: &str, tokens: &Tokens) -> Result<(), SecretError> {
        let bytes = serde_json::to_vec(tokens).map_err(|_| SecretError::Unavailable)?;
        let user = self.user(pool);
        if self.keep(&user, &bytes)?.is_some() {
            self.strike(&Change::KeyringLeft { user });
            self.in_file.store(false, Ordering::Relaxed);
            return self.file.clear(pool);
        }
        self.file.save(pool, tokens)?;
        self.in_file.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn clear(&self, pool: &str) -> Result<(), SecretError> {
        self.file.clear(pool)?;
        let user = self.user(pool);
        if self.keyring(|| keyring::clear(SERVICE, &user))?.is_some() {
            self.strike(&Change::KeyringLeft { user: user.clone() });
            self.strike(&Change::Keyring { user });
        } else if self.changes.names(&Change::Keyring { user: user.clone() }) {
            // Whoever signs out without the keyring is not signed in again by it when it comes.
            let left = self.changes.note(Change::KeyringLeft { user: user.clone() });
            left.map_err(|error| {
                tracing::warn!(%error, "what is to be removed from the keyring cannot be noted");
                SecretError::Unavailable
            })?;
            self.strike(&Change::Keyring { user });
        }
        Ok(())
    }

    /// Removes what was to be removed while the keyring was away.
    fn remove_left(&self, user: &str) -> Result<(), KeyringError> {
        let left = Change::KeyringLeft { user: user.to_owned() };
        if self.changes.names(&left) {
            keyring::clear(SERVICE, user)?;
            self.strike(&left);
        }
        Ok(())
    }

    fn strike(&self, change: &Change) {
        if let Err(error) = self.changes.strike(change) {
            tracing::warn!(%error, "the list of changes names a keyring entry that is gone");
        }
    }
}

fn understood(entry: &[u8]) -> Option<Tokens> {
    let tokens = serde_json::from_slice(entry).ok();
    if tokens.is_none() {
        tracing::warn!("the keyring's entry cannot be understood; a new sign-in will replace it");
    }
    tokens
}

#[cfg(test)]
mod tests;
