//! The certificate that this computer shows to the local network. Nobody vouches for it: people compare its SHA-256.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ServerConfig, version};

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IdentityError(String);

/// A certificate with its key.
pub struct LanIdentity {
    text: String,
    fingerprint: String,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for LanIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanIdentity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl LanIdentity {
    /// A new one, for a computer of this name. Addresses change; it names none.
    ///
    /// # Errors
    /// Without random numbers.
    pub fn make(hostname: &str) -> Result<Self, IdentityError> {
        let wrong = |error: rcgen::Error| IdentityError(format!("no certificate can be made: {error}"));
        let label = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let bare = hostname.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let named = (1..=63).contains(&bare.len()) && bare.bytes().all(label);
        let name = if named { bare } else { "hivemind-worker".to_owned() };
        let mut wanted =
            CertificateParams::new(vec![name.clone(), format!("{name}.local")]).map_err(wrong)?;
        wanted.distinguished_name = DistinguishedName::new();
        wanted.distinguished_name.push(DnType::CommonName, format!("HiveMind Worker on {name}"));
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = wanted.self_signed(&key).map_err(wrong)?;
        Self::from_pem(format!("{}{}", certificate.pem(), key.serialize_pem()))
    }

    /// One that was kept as text.
    ///
    /// # Errors
    /// When the text holds no certificate with its key.
    pub fn from_pem(text: String) -> Result<Self, IdentityError> {
        let wrong =
            |what: &dyn std::fmt::Display| IdentityError(format!("the certificate cannot be used: {what}"));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(&error))?;
        let first = chain.first().ok_or_else(|| wrong(&"the file holds none"))?;
        let fingerprint = hex::encode(Sha256::digest(first));
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| wrong(&error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| wrong(&error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| wrong(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { text, fingerprint, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Certificate and key, to be kept where nobody else can read them.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the certificate in hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_same_and_what_is_damaged_is_refused() {
        let made = LanIdentity::make("Sofa.example").unwrap();
        let again = LanIdentity::from_pem(made.to_pem().to_owned()).unwrap();
        assert_eq!(made.fingerprint(), again.fingerprint());
        assert_eq!(made.fingerprint().len(), 64);
        assert_ne!(made.fingerprint(), LanIdentity::make("Sofa.example").unwrap().fingerprint());
        assert!(!format!("{made:?}").contains("PRIVATE"), "the key stays out of logs");
        let (certificate, key) = made.to_pem().split_once("-----BEGIN PRIVATE").unwrap();
        let other = LanIdentity::make("x").unwrap();
        let others = other.to_pem().split_once("-----BEGIN PRIVATE").unwrap().1;
        for damaged in [
            String::new(),
            certificate.to_owned(),
            format!("-----BEGIN PRIVATE{key}"),
            made.to_pem().replace('A', "!"),
            format!("{certificate}-----BEGIN PRIVATE{others}"),
        ] {
            assert!(LanIdentity::from_pem(damaged).is_err());
        }
        for odd in ["", "名", "a b", &"x".repeat(64)] {
            LanIdentity::make(odd).unwrap();
        }
    }
}
