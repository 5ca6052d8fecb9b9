//! A keyring in memory.

use crate::lock;
use async_trait::async_trait;
use hivemind_worker_core::port::{SecretError, Secrets, Tokens};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// How the keyring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vault {
    /// Open.
    #[default]
    Open,
    /// Locked: what is in it is neither shown nor absent.
    Locked,
    /// Its service has not started yet: what is in it is not absent.
    Away,
    /// There is none, and no file either.
    Absent,
}

/// Keeps tokens by pool.
#[derive(Default)]
pub struct MemorySecrets {
    state: Mutex<(Vault, BTreeMap<String, Tokens>)>,
}

impl MemorySecrets {
    /// Opens, locks or takes the keyring away; what is in it stays.
    pub fn set(&self, vault: Vault) {
        lock(&self.state).0 = vault;
    }

    /// What is in it, open or not.
    #[must_use]
    pub fn peek(&self, pool: &str) -> Option<Tokens> {
        lock(&self.state).1.get(pool).cloned()
    }

    /// Puts tokens in by hand.
    pub fn put(&self, pool: &str, tokens: &Tokens) {
        lock(&self.state).1.insert(pool.to_owned(), tokens.clone());
    }

    fn open<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Tokens>) -> T) -> Result<T, SecretError> {
        let mut state = lock(&self.state);
        match state.0 {
            Vault::Open => Ok(work(&mut state.1)),
            Vault::Locked => Err(SecretError::Locked),
            Vault::Away => Err(SecretError::Away),
            Vault::Absent => Err(SecretError::Unavailable),
        }
    }
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn load(&self, pool: &str) -> Result<Option<Tokens>, SecretError> {
        self.open(|kept| kept.get(pool).cloned())
    }

    async fn save(&self, pool: &str, tokens: &Tokens) -> Result<(), SecretError> {
        self.open(|kept| {
            kept.insert(pool.to_owned(), tokens.clone());
        })
    }

    async fn clear(&self, pool: &str) -> Result<(), SecretError> {
        self.open(|kept| {
            kept.remove(pool);
        })
    }

    fn in_file(&self) -> bool {
        false
    }
}
