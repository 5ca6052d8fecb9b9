//! The Windows Credential Manager. It is always there and open while its user is signed in.

use super::KeyringError;
use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use windows_native_keyring_store::Store;

pub(super) fn load(service: &str, user: &str) -> Result<Option<Vec<u8>>, KeyringError> {
    match entry(service, user)?.get_secret() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

pub(super) fn save(service: &str, user: &str, secret: &[u8]) -> Result<(), KeyringError> {
    entry(service, user)?.set_secret(secret).map_err(|e| refused(&e))
}

pub(super) fn clear(service: &str, user: &str) -> Result<(), KeyringError> {
    match entry(service, user)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(refused(&error)),
    }
}

fn entry(service: &str, user: &str) -> Result<Entry, KeyringError> {
    let store = Store::new().map_err(|e| refused(&e))?;
    store.build(service, user, None).map_err(|e| refused(&e))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn refused(error: &Error) -> KeyringError {
    tracing::warn!(%error, "the Credential Manager refused");
    match error {
        // A session without a logon, such as a service's, has no credential set.
        Error::NoDefaultStore | Error::NotSupportedByStore(_) => KeyringError::Missing,
        _ => KeyringError::Locked,
    }
}
