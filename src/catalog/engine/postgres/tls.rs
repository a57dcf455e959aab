//! TLS to a server, by our one stack, in the modes that PostgreSQL's own programs have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::authorities;

/// How a server has to prove itself (`sslmode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS where the server has it; it need not prove itself.
    Prefer,
    /// TLS; the server need not prove itself, unless certificates are given that it has to agree with.
    Require,
    /// Its certificate is of an authority that is trusted.
    VerifyCa,
    /// Its certificate is, besides, for the host that was asked for.
    VerifyFull,
}

impl TlsMode {
    pub(crate) fn read(word: &str) -> Result<Self, String> {
        match word {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            other => Err(format!(
                "sslmode {other:?} is none of disable, prefer, require, verify-ca, verify-full"
            )),
        }
    }
}

/// What is demanded of a connection.
#[derive(Debug, Clone)]
pub(crate) struct TlsDemand {
    pub mode: TlsMode,
    /// Certificates of authorities that are trusted (`sslrootcert`); without, those of this machine.
    pub root_certificates: Option<PathBuf>,
}

impl TlsDemand {
    /// Whether the server's certificate is compared with authorities.
    fn verifies(&self) -> bool {
        match self.mode {
            TlsMode::Disable | TlsMode::Prefer => false,
            TlsMode::Require => self.root_certificates.is_some(),
            TlsMode::VerifyCa | TlsMode::VerifyFull => true,
        }
    }

    /// Refuses a file of authorities that is needed and cannot be read.
    pub(crate) fn check(&self) -> Result<(), String> {
        match &self.root_certificates {
            Some(file) if self.verifies() => roots(Some(file)).map(drop),
            _ => Ok(()),
        }
    }
}

/// Makes connections as demanded.
pub(super) fn connector(demand: &TlsDemand) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let file = demand.root_certificates.as_deref();
    let config = match demand.mode {
        TlsMode::VerifyFull => builder.with_root_certificates(roots(file)?).with_no_client_auth(),
        _ => {
            let chain = demand.verifies().then(|| chain_verifier(file, &provider)).transpose()?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(LenientVerifier { chain, provider }))
                .with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn chain_verifier(file: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(file)?), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let Some(file) = file else {
        return Ok(authorities::of_machine());
    };
    let mut roots = RootCertStore::empty();
    authorities::add_file(&mut roots, file).map_err(|cause| format!("sslrootcert {cause}"))?;
    Ok(roots)
}

/// Accepts a certificate for another host, and without a chain to check any at all.
#[derive(Debug)]
struct LenientVerifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LenientVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is checked last, so all else was good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
