//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446) with the certificate and key of the site.

use super::error::ServeError;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain and its private key, both in PEM.
pub struct TlsIdentity {
    /// The certificate of the server, and those between it and the authority.
    pub certificates: Vec<u8>,
    /// The key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Vec<u8>,
}

/// What turns a connection into one over TLS.
pub(super) fn acceptor(identity: &TlsIdentity) -> Result<TlsAcceptor, ServeError> {
    let wrong = |reason: String| ServeError::Tls { reason };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&identity.certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("the certificate: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in its file".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&identity.key).map_err(|error| wrong(format!("the key: {error}")))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
