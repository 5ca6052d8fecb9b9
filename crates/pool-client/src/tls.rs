//! Whose certificate is believed.

use crate::failure::protocol;
use hivemind_worker_core::port::PoolError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// SHA-256 of the one certificate that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pin([u8; 32]);

impl Pin {
    /// Reads the usual spellings: hexadecimal digits, with or without colons. Empty means no pin.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, PoolError> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        if digits.is_empty() {
            return Ok(None);
        }
        let mut pin = [0; 32];
        hex::decode_to_slice(&digits, &mut pin).map_err(|_| {
            protocol("the pool's certificate must be named by 64 hexadecimal digits (SHA-256)")
        })?;
        Ok(Some(Self(pin)))
    }
}

/// For calls: a pinned certificate stands alone, whatever name or date it carries.
pub(crate) fn for_calls(pin: Option<Pin>) -> Result<ClientConfig, PoolError> {
    let mut config = config(pin, false)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// For the pool's page: the pinned certificate, or one that the public authorities vouch for, because a proxy may
/// stand before the page.
pub(crate) fn for_discovery(pin: Option<Pin>) -> Result<ClientConfig, PoolError> {
    config(pin, true)
}

fn config(pin: Option<Pin>, public_too: bool) -> Result<ClientConfig, PoolError> {
    let cannot = |e: &dyn std::fmt::Display| protocol(format!("encryption cannot be set up: {e}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    let public = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|e| cannot(&e))?;
    let verifier: Arc<dyn ServerCertVerifier> = match pin {
        None => public,
        Some(pin) => {
            let public = public_too.then_some(public);
            Arc::new(Pinned { pin, public, provider: Arc::clone(&provider) })
        }
    };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|e| cannot(&e))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

#[derive(Debug)]
struct Pinned {
    pin: Pin,
    public: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Sha256::digest(certificate).as_slice() == self.pin.0 {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.public {
            Some(public) => public.verify_server_cert(certificate, intermediates, name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    // The handshake still has to prove that the server holds the certificate's key.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_in_the_usual_spellings() {
        let pin = Pin([0xab; 32]);
        let colons = vec!["AB"; 32].join(":");
        for text in ["ab".repeat(32), "AB".repeat(32), colons] {
            assert_eq!(Pin::parse(&text), Ok(Some(pin)), "{text}");
        }
        assert_eq!(Pin::parse(" "), Ok(None));
        for text in ["ab", &"ab".repeat(33), &"zz".repeat(32)] {
            assert!(Pin::parse(text).is_err(), "{text}");
        }
    }
}
