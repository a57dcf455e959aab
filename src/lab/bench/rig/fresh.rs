//! Sessions made anew: awc clients with a pool and a connector of their own, counted.

use std::cell::{Cell, OnceCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService};
use awc::Client;
use awc::http::{Uri, header};
use futures::future::LocalBoxFuture;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};

use crate::authorities;
use crate::lab::bench::error::BenchError;
use crate::session::Session;

/// No request may take longer; one that does is an error.
const TIMEOUT: Duration = Duration::from_secs(60);

/// As many connections as the largest number of workers needs.
const LIMIT: usize = 128;

/// What a way of asking has used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientUsage {
    /// HTTP sessions (clients with a pool of their own).
    pub sessions: u64,
    /// TCP connections.
    pub connections: u64,
}

impl ClientUsage {
    /// By a session owner.
    pub fn by(session: &Session) -> Self {
        let counted = session.counters().snapshot();
        Self {
            sessions: counted.sessions_created,
            connections: counted.connections_opened,
        }
    }
}

/// Makes clients and counts them and their connections.
pub struct FreshClients {
    tls: ClientConfig,
    tcp: ConnectorService,
    sessions: Cell<u64>,
    opened: Rc<Cell<u64>>,
    kept: OnceCell<Client>,
}

impl FreshClients {
    /// With what [`client_config`] read.
    pub fn new(tls: ClientConfig) -> Self {
        Self {
            tls,
            tcp: Connector::default().service(),
            sessions: Cell::new(0),
            opened: Rc::default(),
            kept: OnceCell::new(),
        }
    }

    /// One session for all who ask for it.
    pub fn kept(&self) -> Client {
        self.kept.get_or_init(|| self.client()).clone()
    }

    /// A new session. The trusted authorities are read once for all of them; tickets for resuming TLS are each one's own.
    pub fn client(&self) -> Client {
        self.sessions.set(self.sessions.get() + 1);
        let mut tls = self.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(8);
        let tcp = Counted {
            tcp: self.tcp.clone(),
            opened: Rc::clone(&self.opened),
        };
        let connector = awc::Connector::new()
            .connector(tcp)
            .rustls_0_23(Arc::new(tls))
            .limit(LIMIT)
            .timeout(TIMEOUT)
            .handshake_timeout(TIMEOUT);
        Client::builder()
            .connector(connector)
            .timeout(TIMEOUT)
            .disable_redirects()
            .no_default_headers()
            .add_default_header((header::USER_AGENT, "grind-bench"))
            .add_default_header((header::ACCEPT_ENCODING, "identity"))
            .add_default_header((header::AUTHORIZATION, "Bearer t"))
            .finish()
    }

    /// What was made so far.
    pub fn made(&self) -> ClientUsage {
        ClientUsage {
            sessions: self.sessions.get(),
            connections: self.opened.get(),
        }
    }
}

/// Trusts who signed the server's certificate.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, BenchError> {
    let told = |error: &dyn std::fmt::Display| BenchError::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        authorities::add_file(&mut roots, path).map_err(|error| told(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| told(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Counts connections.
#[derive(Clone)]
struct Counted {
    tcp: ConnectorService,
    opened: Rc<Cell<u64>>,
}

impl Service<ConnectInfo<Uri>> for Counted {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let (opening, opened) = (self.tcp.call(info), Rc::clone(&self.opened));
        Box::pin(async move {
            let connection = opening.await?;
            opened.set(opened.get() + 1);
            let _ = connection.io_ref().set_nodelay(true);
            Ok(connection)
        })
    }
}
