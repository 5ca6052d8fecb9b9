//! Curve25519 keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boringtun::x25519;
use std::fmt;
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of every key.
const BYTES: usize = 32;
/// Base64 digits of every key.
const DIGITS: usize = 44;

/// A text or bytes that are no key. Says nothing of what was given: it may have been a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 44 base64 digits of 32 bytes.
    #[error("a key is 44 base64 characters that stand for 32 bytes")]
    Shape,
    /// A public key with which every secret comes out the same.
    #[error("this public key protects nothing")]
    Weak,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

fn decode(text: &str) -> Result<Zeroizing<[u8; BYTES]>, KeyError> {
    if text.len() != DIGITS {
        return Err(KeyError::Shape);
    }
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::Shape)?);
    let mut key = Zeroizing::new([0; BYTES]);
    if bytes.len() != BYTES {
        return Err(KeyError::Shape);
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

/// A private key. It is wiped from memory when it goes, and is never shown.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<[u8; BYTES]>);

impl PrivateKey {
    /// A new one from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Random)?;
        // As RFC 7748 wants it, so that every tool that reads it sees the same key.
        bytes[0] &= 248;
        bytes[31] = (bytes[31] & 127) | 64;
        Ok(Self(bytes))
    }

    /// Reads base64 digits.
    ///
    /// # Errors
    /// [`KeyError::Shape`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        decode(text).map(Self)
    }

    /// Takes the 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The base64 digits, for a file or a keyring and nothing else; wiped when dropped.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// The 32 bytes, for the system's own WireGuard and nothing else.
    #[must_use]
    pub fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519::PublicKey::from(&self.secret()).to_bytes())
    }

    pub(crate) fn secret(&self) -> x25519::StaticSecret {
        x25519::StaticSecret::from(*self.0)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// Equal when their public keys are: no secret is compared.
impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.public() == other.public()
    }
}

impl Eq for PrivateKey {}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; BYTES]);

impl PublicKey {
    /// Takes the 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Weak`] for points of small order.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Result<Self, KeyError> {
        // With a point of small order every secret gives zero: whichever secret is tried shows it.
        let any = x25519::StaticSecret::from([0x42; BYTES]);
        let shared = any.diffie_hellman(&x25519::PublicKey::from(bytes));
        if shared.was_contributory() { Ok(Self(bytes)) } else { Err(KeyError::Weak) }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    pub(crate) fn point(self) -> x25519::PublicKey {
        x25519::PublicKey::from(self.0)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(*decode(text)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A secret that both ends know beside their keys. Wiped and never shown, as a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct PresharedKey(Zeroizing<[u8; BYTES]>);

impl PresharedKey {
    /// Reads base64 digits.
    ///
    /// # Errors
    /// [`KeyError::Shape`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        decode(text).map(Self)
    }

    pub(crate) fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// The 32 bytes, for the system's own WireGuard and nothing else.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    pub(crate) fn bytes(&self) -> [u8; BYTES] {
        *self.0
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey(…)")
    }
}

impl Drop for PresharedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_other_tools_make_of_them() {
        // Alice's pair of RFC 7748, section 6.1.
        let private = PrivateKey::parse("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=").unwrap();
        assert_eq!(private.public().to_string(), "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
        assert_eq!(PrivateKey::parse(&private.reveal()).unwrap(), private);
        let one = PrivateKey::generate().unwrap();
        assert_ne!(one, PrivateKey::generate().unwrap());
        assert_eq!(one.public().to_string().parse(), Ok(one.public()));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let good = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        for text in ["", "AAAA", &good[1..], &format!("{good}="), &good.replace('/', "_"), &"=".repeat(44)] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Shape), "{text}");
            assert_eq!(PrivateKey::parse(text).err(), Some(KeyError::Shape), "{text}");
        }
        let zero = STANDARD.encode([0; 32]);
        let mut one = [0; 32];
        one[0] = 1;
        for text in [zero, STANDARD.encode(one)] {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Weak), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let key = PrivateKey::generate().unwrap();
        let preshared = PresharedKey::parse(&key.reveal()).unwrap();
        let shown = format!("{key:?} {preshared:?} {:?}", KeyError::Shape);
        assert!(!shown.contains(&key.reveal()[..8]), "{shown}");
    }
}
