//! A certificate authority of its own and a certificate for the loopback host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::lab::simulator::server::SimulatorError;

/// Makes the certificates; the authority's is written into `folder` for clients to trust.
pub(crate) fn server_config(folder: &Path, host: &str) -> Result<(ServerConfig, PathBuf), SimulatorError> {
    let mut authority = CertificateParams::new(Vec::new()).map_err(tls)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, "grind simulator CA");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(tls)?).map_err(tls)?;
    let names = vec![
        host.to_owned(),
        "localhost".into(),
        "127.0.0.1".into(),
        "127.0.0.3".into(),
    ];
    let key = KeyPair::generate().map_err(tls)?;
    let leaf = CertificateParams::new(names)
        .map_err(tls)?
        .signed_by(&key, &authority)
        .map_err(tls)?;

    std::fs::create_dir_all(folder)?;
    let path = folder.join("ca.pem");
    std::fs::write(&path, authority.pem())?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .map_err(tls)?;
    Ok((config, path))
}

fn tls(error: impl std::error::Error + Send + Sync + 'static) -> SimulatorError {
    SimulatorError::Tls(Box::new(error))
}
