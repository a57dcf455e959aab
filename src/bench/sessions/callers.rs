//! Room `bench`: the ways of asking: a new client for each request, the session owner, and one bare client kept.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService};
use awc::Client;
use awc::http::{StatusCode, Uri, header};
use futures::future::LocalBoxFuture;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::bench::answerer::BODY;
use crate::bench::error::BenchError;
use crate::grin::{RedirectPolicy, Secret};
use crate::mailbox::{Cx, Hub};
use crate::session::{
    Auth, Class, Close, Fetch, Head, Kind, Session, SessionConfig, SessionError, SessionThread, TokenSource,
};

/// No request may take longer; one that does is an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// As many connections as the largest number of workers needs; the session keeps a few for each class besides.
const LIMIT: usize = 128;

/// A way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A new client with a new connector for each request, as the plan's program did.
    NewEach,
    /// Messages to the session owner.
    Owner,
    /// One client kept, without an actor before it: what the owner costs shows against this.
    OneClient,
}

impl Mode {
    /// As reports call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewEach => "new session each",
            Self::Owner => "session owner",
            Self::OneClient => "one bare client",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Headers of an archive.
    Head,
    /// A small page.
    Get,
}

/// Who is asked.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where HEADs go.
    pub head: Url,
    /// Where GETs go.
    pub get: Url,
    /// For TLS: who signed the server's certificate.
    pub ca_file: PathBuf,
}

/// What a way of asking has used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// HTTP sessions (clients with a pool of their own).
    pub sessions: u64,
    /// TCP connections.
    pub connections: u64,
}

/// A way of asking, ready.
pub enum Caller {
    /// See [`Mode::NewEach`] and [`Mode::OneClient`].
    Bare(Bare),
    /// See [`Mode::Owner`].
    Owner(Owner),
}

impl Caller {
    /// Makes it ready; nothing is connected yet.
    pub fn start(mode: Mode, target: &Target) -> Result<Self, BenchError> {
        Ok(match mode {
            Mode::NewEach => Self::Bare(Bare::new(target, None)?),
            Mode::OneClient => {
                let bare = Bare::new(target, None)?;
                Self::Bare(Bare {
                    kept: Some(bare.client()),
                    ..bare
                })
            }
            Mode::Owner => Self::Owner(Owner::start(target)?),
        })
    }

    /// One request; whether it was answered as it should be.
    pub async fn call(&self, request: Request) -> bool {
        match self {
            Self::Bare(bare) => bare.call(request).await,
            Self::Owner(owner) => owner.call(request).await.unwrap_or(false),
        }
    }

    /// What was used up so far.
    pub fn made(&self) -> Made {
        match self {
            Self::Bare(bare) => Made {
                sessions: bare.sessions.get(),
                connections: bare.opened.get(),
            },
            Self::Owner(owner) => {
                let counted = owner.session.counters().snapshot();
                Made {
                    sessions: counted.sessions_created,
                    connections: counted.connections_opened,
                }
            }
        }
    }

    /// Lets go of everything.
    pub async fn end(self) -> Result<(), BenchError> {
        match self {
            Self::Bare(_) => Ok(()),
            Self::Owner(owner) => owner.end().await,
        }
    }
}

/// awc as it comes.
pub struct Bare {
    target: Target,
    tls: ClientConfig,
    tcp: ConnectorService,
    kept: Option<Client>,
    sessions: Cell<u64>,
    opened: Rc<Cell<u64>>,
}

impl Bare {
    fn new(target: &Target, kept: Option<Client>) -> Result<Self, BenchError> {
        Ok(Self {
            target: target.clone(),
            tls: client_config(target)?,
            tcp: Connector::default().service(),
            kept,
            sessions: Cell::new(0),
            opened: Rc::default(),
        })
    }

    /// A new session. The trusted authorities are read once for all of them; tickets for resuming TLS are each one's own.
    fn client(&self) -> Client {
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
            .timeout(PATIENCE)
            .handshake_timeout(PATIENCE);
        Client::builder()
            .connector(connector)
            .timeout(PATIENCE)
            .disable_redirects()
            .no_default_headers()
            .add_default_header((header::USER_AGENT, "grind-bench"))
            .add_default_header((header::ACCEPT_ENCODING, "identity"))
            .add_default_header((header::AUTHORIZATION, "Bearer t"))
            .finish()
    }

    async fn call(&self, request: Request) -> bool {
        let client = self.kept.clone().unwrap_or_else(|| self.client());
        match request {
            Request::Head => {
                let answer = client.head(self.target.head.as_str()).send().await;
                answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
            }
            Request::Get => match client.get(self.target.get.as_str()).send().await {
                Ok(mut answer) => answer.body().await.is_ok_and(|body| body.len() == BODY),
                Err(_) => false,
            },
        }
    }
}

fn client_config(target: &Target) -> Result<ClientConfig, BenchError> {
    let told = |error: &dyn std::fmt::Display| BenchError::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    let authorities = CertificateDer::pem_file_iter(&target.ca_file).map_err(|error| told(&error))?;
    for authority in authorities {
        let authority = authority.map_err(|error| told(&error))?;
        roots.add(authority).map_err(|error| told(&error))?;
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

/// The product's own way.
pub struct Owner {
    target: Target,
    session: Session,
    thread: SessionThread,
    cx: Cx,
}

impl Owner {
    fn start(target: &Target) -> Result<Self, BenchError> {
        let mut config = SessionConfig::new(RedirectPolicy::new(&target.head, &[], &[]));
        config.requests_per_second = 0.0;
        config.limits = crate::session::Limits::new(LIMIT, LIMIT);
        config.tokens = TokenSource::Fixed(Secret::new("t"));
        config.ca_file = Some(target.ca_file.clone());
        let (session, thread) = Session::start(&Hub::new(), config)?;
        Ok(Self {
            target: target.clone(),
            session,
            thread,
            cx: Cx::root("bench"),
        })
    }

    async fn call(&self, request: Request) -> Result<bool, SessionError> {
        match request {
            Request::Head => {
                let head = Head {
                    url: self.target.head.clone(),
                    class: Class::Check,
                    kind: Kind::ArchiveHead,
                    auth: Auth::Grin,
                };
                Ok(self.session.ask(head, &self.cx).await?.status == 200)
            }
            Request::Get => {
                let get = Fetch::get(self.target.get.clone(), Kind::Search, 1 << 20);
                Ok(self.session.ask(get, &self.cx).await?.body.len() == BODY)
            }
        }
    }

    async fn end(self) -> Result<(), BenchError> {
        let grace = Duration::from_secs(1);
        self.session.ask(Close { grace }, &self.cx).await?;
        self.session.shut();
        self.session.drained().await;
        Ok(self.thread.join()?)
    }
}
