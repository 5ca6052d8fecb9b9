//! The certificate that the pool makes for itself. A worker believes it by its fingerprint.

use crate::config::TlsIdentity;
use crate::error::PoolError;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

impl TlsIdentity {
    /// The certificate and key kept in a folder; made for these names and addresses when there are none yet.
    ///
    /// # Errors
    /// The folder cannot be read or written, or a name cannot stand in a certificate.
    pub fn kept_in(folder: &Path, names: &[String]) -> Result<Self, PoolError> {
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        if key.exists() {
            let identity = Self {
                certificate_pem: std::fs::read_to_string(certificate)?,
                key_pem: std::fs::read_to_string(key)?,
            };
            return Ok(identity);
        }
        std::fs::create_dir_all(folder)?;
        let wrong = |error: rcgen::Error| PoolError::Tls(error.to_string());
        let made = rcgen::generate_simple_self_signed(names).map_err(wrong)?;
        let identity = Self { certificate_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() };
        std::fs::write(certificate, &identity.certificate_pem)?;
        // The key comes last: with it the pair is whole.
        write_private(&key, identity.key_pem.as_bytes())?;
        Ok(identity)
    }

    /// SHA-256 of the certificate in hexadecimal digits: what a worker pins.
    ///
    /// # Errors
    /// [`PoolError::Tls`] when the text holds no certificate.
    pub fn fingerprint(&self) -> Result<String, PoolError> {
        let first = self.chain()?;
        let first = first.first().ok_or_else(|| PoolError::Tls("it holds no certificate".into()))?;
        Ok(hex::encode(Sha256::digest(first)))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, PoolError> {
        CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| PoolError::Tls(error.to_string()))
    }

    /// For the HTTP listener.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, PoolError> {
        let wrong = |error: &dyn std::fmt::Display| PoolError::Tls(error.to_string());
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(|e| wrong(&e))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| wrong(&e))?
            .with_no_client_auth()
            .with_single_cert(self.chain()?, key)
            .map_err(|e| wrong(&e))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Writes a new file that only this user can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_certificate_is_shown_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["pool.test".to_owned(), "10.0.0.1".to_owned()];
        let first = TlsIdentity::kept_in(&folder.path().join("tls"), &names).unwrap();
        let again = TlsIdentity::kept_in(&folder.path().join("tls"), &[]).unwrap();
        assert_eq!(first.fingerprint().unwrap(), again.fingerprint().unwrap());
        assert_eq!(first.fingerprint().unwrap().len(), 64);
        first.acceptor().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let key = std::fs::metadata(folder.path().join("tls/key.pem")).unwrap();
            assert_eq!(key.permissions().mode() & 0o777, 0o600);
        }
        let broken = TlsIdentity { certificate_pem: "x".into(), key_pem: "y".into() };
        assert!(broken.fingerprint().is_err() && broken.acceptor().is_err());
    }
}
