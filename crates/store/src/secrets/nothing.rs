//! Systems whose keyring is not known here.

use super::KeyringError;

pub(super) fn load(_service: &str, _user: &str) -> Result<Option<Vec<u8>>, KeyringError> {
    Err(KeyringError::Missing)
}

pub(super) fn save(_service: &str, _user: &str, _secret: &[u8]) -> Result<(), KeyringError> {
    Err(KeyringError::Missing)
}

pub(super) fn clear(_service: &str, _user: &str) -> Result<(), KeyringError> {
    Err(KeyringError::Missing)
}
