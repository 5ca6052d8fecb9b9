//! Passwords: argon2id, a few at a time so that many sign-ins at once cannot take all memory.

use crate::error::PoolError;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use rand::RngCore;
use tokio::sync::Semaphore;

/// Hashes computed at the same time; each takes about 19 MiB.
const AT_ONCE: usize = 2;

/// Computes and compares password hashes.
#[derive(Debug)]
pub(crate) struct Passwords {
    permits: Semaphore,
    /// Compared against when the user is unknown, so that both answers take the same time.
    nobody: String,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, PoolError> {
        Ok(Self { permits: Semaphore::new(AT_ONCE), nobody: hash("nobody has this password")? })
    }

    /// Hash of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PoolError> {
        let _permit = self.permits.acquire().await.map_err(|_| PoolError::Closing)?;
        blocking(move || hash(&password)).await?
    }

    /// Whether the password is right; `stored` is `None` for an unknown user.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, PoolError> {
        let _permit = self.permits.acquire().await.map_err(|_| PoolError::Closing)?;
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        let matches = blocking(move || {
            PasswordHash::new(&stored)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await?;
        Ok(known && matches)
    }
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<T, PoolError> {
    tokio::task::spawn_blocking(f).await.map_err(|e| PoolError::Internal(format!("password hash: {e}")))
}

fn hash(password: &str) -> Result<String, PoolError> {
    let failed = |e: &dyn std::fmt::Display| PoolError::Internal(format!("password hash: {e}"));
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|e| failed(&e))?;
    // OWASP's first choice for argon2id: 19 MiB, two passes, one lane; also the crate's default.
    let argon = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::default());
    Ok(argon.hash_password(password.as_bytes(), &salt).map_err(|e| failed(&e))?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_passes() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(passwords.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("nobody has this password".into(), None).await.unwrap());
    }
}
