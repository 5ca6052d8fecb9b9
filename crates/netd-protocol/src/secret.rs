//! 32 bytes that nobody else may see.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use zeroize::Zeroizing;

/// A key. Wiped when it goes, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Says nothing of what was given: it may have been a secret.
        let wrong = || de::Error::custom("a key is 44 base64 characters that stand for 32 bytes");
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        if text.len() != 44 {
            return Err(wrong());
        }
        let bytes = Zeroizing::new(STANDARD.decode(text.as_bytes()).map_err(|_| wrong())?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| wrong())?;
        Ok(Self::new(bytes))
    }
}
