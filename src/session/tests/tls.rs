//! The same over TLS.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::session::tests::pins::after_interim;
use crate::session::tests::support::*;
use crate::session::{BodyError, ErrorClass, SessionConfig, SessionError, TimeoutPhase};

pub(super) struct Authority {
    pub(super) server: Arc<rustls::ServerConfig>,
    ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

/// A certificate that vouches for itself, for `localhost`.
pub(super) fn authority() -> Authority {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    Authority {
        server: Arc::new(server),
        ca_file,
        _folder: folder,
    }
}

pub(super) fn trusting(server: &Server, authority: &Authority) -> SessionConfig {
    let mut config = config(server);
    config.ca_file = Some(authority.ca_file.clone());
    config
}

#[actix_rt::test]
async fn a_certificate_of_our_own_is_trusted_and_the_connection_kept() {
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), |_, wire| {
        answer(wire, "200 OK", "", pattern(500_000))
    });
    let fixture = Fixture::new(trusting(&server, &authority));
    for _ in 0..3 {
        let answer = fixture.get(server.url("/")).await.unwrap();
        assert_eq!(answer.body, pattern(500_000));
    }
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer t0ken"));
    let counted = fixture.counted();
    assert_eq!(
        (
            server.connections(),
            counted.connections_opened,
            counted.connections_open
        ),
        (1, 1, 1)
    );
    assert!(counted.wire_bytes_received > 1_500_000);
    fixture.end();
}

#[actix_rt::test]
async fn interim_answers_are_read_past_or_refused_with_their_connection() {
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), |seen, wire| match seen.path.as_str() {
        "/plain" => answer(wire, "200 OK", "", "plain"),
        _ => after_interim(seen, wire),
    });
    let fixture = Fixture::new(trusting(&server, &authority));
    for path in ["/hints", "/hints-later", "/plain"] {
        let body = fixture.get(server.url(path)).await.unwrap().body;
        assert!(path.ends_with(&*String::from_utf8_lossy(&body)), "{path}: {body:?}");
    }
    fixture.end();
    // With HTTP/2 switched on, awc lays its own TLS, which nothing can be read through.
    let mut config = trusting(&server, &authority);
    config.http2 = true;
    let fixture = Fixture::new(config);
    for path in ["/hints", "/hints-later"] {
        let error = fixture.get(server.url(path)).await.unwrap_err();
        assert!(matches!(error, SessionError::Protocol(_)), "{error:?}");
        assert!(matches!(error.class(), ErrorClass::Transient { .. }));
        assert_eq!(fixture.get(server.url("/plain")).await.unwrap().body, "plain");
    }
    fixture.end();
}

#[actix_rt::test]
async fn an_unknown_authority_is_refused() {
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), |_, wire| answer(wire, "200 OK", "", ""));
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert!(
        matches!(&error, SessionError::Tls { cause, .. } if cause.contains("UnknownIssuer")),
        "{error:?}"
    );
    assert!(server.seen().is_empty());
    fixture.end();
}

#[actix_rt::test]
async fn cut_bodies_are_found_out_under_tls_too() {
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), |seen, wire| match seen.path.as_str() {
        "/length" => {
            say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n0123456789");
            false
        }
        "/chunks" => {
            say(
                wire,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            );
            false
        }
        _ => say(
            wire,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
    });
    let mut config = trusting(&server, &authority);
    config.resume_attempts = 0;
    let fixture = Fixture::new(config);
    let cut = |expected, got| BodyError::Cut { got, expected };
    assert_eq!(
        fixture.download(server.url("/length")).await.1,
        Err(cut(Some(1000), 10))
    );
    assert_eq!(fixture.download(server.url("/chunks")).await.1, Err(cut(None, 5)));
    assert_eq!(
        fixture.download(server.url("/whole")).await,
        (b"hello".to_vec(), Ok(()))
    );
    assert!(matches!(
        fixture.get(server.url("/chunks")).await,
        Err(SessionError::Short { got: 5, .. })
    ));
    fixture.end();
}

/// TLS is closed in good order, and TCP stays open for a while: only HTTP's own framing tells that the answer is cut.
#[actix_rt::test]
async fn chunks_cut_by_an_orderly_tls_close_are_short() {
    let authority = authority();
    let server = Server::start_tls_closing(Arc::clone(&authority.server), |_, wire| {
        say(wire, case("search-cut-over-tls.answer"));
        false
    });
    let mut config = trusting(&server, &authority);
    config.resume_attempts = 0;
    let fixture = Fixture::new(config);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert_eq!(
        error,
        SessionError::Short {
            got: 129,
            expected: None
        }
    );
    let (_, ended) = fixture.download(server.url("/")).await;
    assert_eq!(
        ended,
        Err(BodyError::Cut {
            got: 129,
            expected: None
        })
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_kept_connection_that_tls_closes_in_good_order_is_no_failure() {
    let authority = authority();
    let first = std::sync::Mutex::<std::collections::HashSet<usize>>::default();
    let server = Server::start_tls_closing(Arc::clone(&authority.server), move |seen, wire| {
        first.lock().unwrap().insert(seen.connection) && answer(wire, "200 OK", "", "x")
    });
    let fixture = Fixture::new(trusting(&server, &authority));
    for _ in 0..4 {
        assert_eq!(fixture.get(server.url("/")).await.unwrap().status, 200);
    }
    assert_eq!(fixture.counted().retries[0].reason, "stale");
    fixture.end();
}

#[actix_rt::test]
async fn the_handshake_has_its_own_limit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = url::Url::parse(&format!("https://localhost:{}/", listener.local_addr().unwrap().port())).unwrap();
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), |_, _| false);
    let mut config = trusting(&server, &authority);
    config.timeouts.connect = Duration::from_millis(300);
    config.timeouts.read = Duration::from_millis(100);
    let fixture = Fixture::new(config);
    assert_eq!(
        fixture.raw(url).await.unwrap_err(),
        SessionError::Timeout {
            phase: TimeoutPhase::Handshake
        }
    );
    fixture.end();
}

/// The silence after a handshake is the answer's, and its time begins there.
#[actix_rt::test]
async fn a_server_that_is_silent_after_the_handshake_is_late_with_its_answer() {
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), |_, wire| {
        silence(wire);
        false
    });
    let mut config = trusting(&server, &authority);
    config.timeouts.connect = Duration::from_millis(2_000);
    config.timeouts.read = Duration::from_millis(300);
    let fixture = Fixture::new(config);
    let began = tokio::time::Instant::now();
    let late = fixture.raw(server.url("/")).await.unwrap_err();
    assert_eq!(
        late,
        SessionError::Timeout {
            phase: TimeoutPhase::Head
        }
    );
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
    fixture.end();
}

#[actix_rt::test]
async fn a_session_with_an_unusable_ca_file_does_not_start() {
    let server = Server::start(|_, _| false);
    let mut config = config(&server);
    config.ca_file = Some("/nonexistent/ca.pem".into());
    let started = crate::session::Session::start(&crate::actor::ActorRegistry::new(), config);
    assert!(matches!(started, Err(SessionError::Setup(_))));
}
