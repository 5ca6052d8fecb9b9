//! The key with which the face signs what it pushes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;
use std::fmt;

/// How long a token for a push is good, in seconds.
pub(super) const GOOD_FOR: i64 = 300;
/// What stands before an Ed25519 key in its public form (RFC 8410).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An Ed25519 key that lives as long as the process.
pub struct ExecutionKey {
    pair: Ed25519KeyPair,
}

impl fmt::Debug for ExecutionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionKey").finish_non_exhaustive()
    }
}

impl ExecutionKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> std::io::Result<Self> {
        let bytes = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| std::io::Error::other("no random bytes for a key"))?;
        let pair = Ed25519KeyPair::from_pkcs8(bytes.as_ref())
            .map_err(|why| std::io::Error::other(why.to_string()))?;
        Ok(Self { pair })
    }

    /// Its public half as PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        let key = [&SPKI_HEAD, self.pair.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key))
    }

    /// A JWT of any head and claims, as they are.
    #[must_use]
    pub fn sign(&self, head: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(head), encode(claims));
        let proof = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{proof}")
    }
}

/// The head of every token for a push.
pub(super) fn head() -> Value {
    serde_json::json!({ "typ": "JWT", "alg": "EdDSA" })
}

/// What a token says: whose task, which task, which worker, and until when.
pub(super) fn claims(owner: &str, task: &str, worker: &str, now_s: i64) -> Value {
    serde_json::json!({
        "sub": owner,
        "user_id": owner,
        "role": "worker-execution",
        "task_id": task,
        "worker_id": worker,
        "iat": now_s,
        "exp": now_s + GOOD_FOR,
    })
}
