//! The authorities whose certificates a server may show: those that this machine trusts, and those in a file.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Those that this machine trusts.
pub(crate) fn of_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let errors = found.errors.len();
        tracing::warn!(
            ignored,
            errors,
            "no certificate authorities found on this system; only those in a file that the config names are trusted"
        );
    }
    roots
}

/// Adds those in this file; a file that holds none is refused by name.
pub(crate) fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let refused = |cause: String| format!("{}: {cause}", path.display());
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| refused(error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused("no certificate in it".to_owned()));
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}
