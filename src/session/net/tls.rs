//! The one TLS configuration: the system's certificates and one file of our own.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, KeyLog};

use crate::authorities;
use crate::session::SessionError;
use crate::session::net::NetSlot;

/// Trusts the system's store and `ca_file`; offers HTTP/2 only if asked to.
pub(super) fn client_config(ca_file: Option<&Path>, http2: bool) -> Result<Arc<ClientConfig>, SessionError> {
    let mut roots = authorities::of_machine();
    if let Some(path) = ca_file {
        let refused = |cause| SessionError::Setup(format!("session.ca_file {cause}"));
        authorities::add_file(&mut roots, path).map_err(refused)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SessionError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    config.key_log = Arc::new(HandshakeEnds);
    Ok(Arc::new(config))
}

/// Tells the request being polled that its handshake is through, which awc does not: that is when the keys for its bytes are
/// there. The keys themselves are not looked at.
#[derive(Debug)]
struct HandshakeEnds;

impl KeyLog for HandshakeEnds {
    fn log(&self, label: &str, _client_random: &[u8], _secret: &[u8]) {
        // TLS 1.3 and 1.2.
        if matches!(label, "CLIENT_TRAFFIC_SECRET_0" | "CLIENT_RANDOM")
            && let Some(slot) = NetSlot::current()
        {
            slot.secured();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http2_is_offered_only_when_asked_for() {
        assert_eq!(
            client_config(None, false).unwrap().alpn_protocols,
            [b"http/1.1".to_vec()]
        );
        assert_eq!(client_config(None, true).unwrap().alpn_protocols[0], b"h2");
    }

    #[test]
    fn a_ca_file_that_holds_none_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for content in [
            None,
            Some("no certificate"),
            Some("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"),
        ] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = client_config(Some(&path), false).unwrap_err().to_string();
            assert!(error.contains("session.ca_file") && error.contains("ca.pem"), "{error}");
        }
    }
}
