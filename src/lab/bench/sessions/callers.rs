//! The ways of asking: a new client for each request, the session owner, and one bare client kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use awc::Client;
use awc::http::StatusCode;
use url::Url;

use crate::actor::{ActorRegistry, AskContext};
use crate::grin::{RedirectPolicy, Secret};
use crate::lab::bench::error::BenchError;
use crate::lab::bench::rig::answerer::BODY;
use crate::lab::bench::rig::client_thread::ClientThread;
use crate::lab::bench::rig::fresh::ClientUsage;
use crate::session::{
    AuthMode, CloseSession, FetchAnswer, HeadRequest, PermitClass, RequestKind, Session, SessionConfig, SessionError,
    SessionThread, TokenSource,
};

/// As many connections as the largest number of workers needs; the session keeps a few for each class besides.
const LIMIT: usize = 128;

/// A way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallMode {
    /// A new client with a new connector for each request.
    NewEach,
    /// Messages to the session owner.
    Owner,
    /// One client kept, without an actor before it: what the owner costs shows against this.
    OneClient,
}

impl CallMode {
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
pub enum BenchRequest {
    /// Headers of an archive.
    Head,
    /// A small page.
    Get,
}

/// One way of asking, ready to be asked.
#[derive(Debug, Clone)]
pub struct BenchTarget {
    /// Where HEADs go.
    pub head: Url,
    /// Where GETs go.
    pub get: Url,
    /// For TLS: who signed the server's certificate.
    pub ca_file: PathBuf,
}

/// A way of asking, ready.
pub enum BenchCaller {
    /// See [`CallMode::NewEach`] and [`CallMode::OneClient`].
    Bare(BareClients),
    /// See [`CallMode::Owner`].
    Owner(Box<OwnerCaller>),
}

impl BenchCaller {
    /// Makes it ready; nothing is connected yet.
    pub fn start(mode: CallMode, target: &BenchTarget) -> Result<Self, BenchError> {
        Ok(match mode {
            CallMode::NewEach | CallMode::OneClient => Self::Bare(BareClients {
                apart: ClientThread::start(Some(&target.ca_file))?,
                target: Arc::new(target.clone()),
                kept: mode == CallMode::OneClient,
            }),
            CallMode::Owner => Self::Owner(Box::new(OwnerCaller::start(target)?)),
        })
    }

    /// One request; whether it was answered as it should be.
    pub async fn call(&self, request: BenchRequest) -> bool {
        match self {
            Self::Bare(bare) => bare.call(request).await,
            Self::Owner(owner) => owner.call(request).await.unwrap_or(false),
        }
    }

    /// Whether connections are kept from one request to the next.
    pub fn keeps(&self) -> bool {
        match self {
            Self::Bare(bare) => bare.kept,
            Self::Owner(_) => true,
        }
    }

    /// What was used up so far.
    pub async fn made(&self) -> ClientUsage {
        match self {
            Self::Bare(bare) => bare.apart.made().await,
            Self::Owner(owner) => ClientUsage::by(&owner.session),
        }
    }

    /// Lets go of everything.
    pub async fn end(self) -> Result<(), BenchError> {
        match self {
            Self::Bare(bare) => bare.apart.end(),
            Self::Owner(owner) => owner.end().await,
        }
    }
}

/// awc as it comes, on a thread of its own.
pub struct BareClients {
    target: Arc<BenchTarget>,
    apart: ClientThread,
    kept: bool,
}

impl BareClients {
    async fn call(&self, request: BenchRequest) -> bool {
        let (target, kept) = (Arc::clone(&self.target), self.kept);
        let asked = self.apart.ask(move |fresh| async move {
            let client = if kept { fresh.kept() } else { fresh.client() };
            ask(&client, &target, request).await
        });
        asked.await.unwrap_or(false)
    }
}

async fn ask(client: &Client, target: &BenchTarget, request: BenchRequest) -> bool {
    match request {
        BenchRequest::Head => {
            let answer = client.head(target.head.as_str()).send().await;
            answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
        }
        BenchRequest::Get => match client.get(target.get.as_str()).send().await {
            Ok(mut answer) => answer.body().await.is_ok_and(|body| body.len() == BODY),
            Err(_) => false,
        },
    }
}

/// The product's own way.
pub struct OwnerCaller {
    target: BenchTarget,
    session: Session,
    thread: SessionThread,
    cx: AskContext,
}

impl OwnerCaller {
    fn start(target: &BenchTarget) -> Result<Self, BenchError> {
        let mut config = SessionConfig::new(RedirectPolicy::new(&target.head, &[], &[]));
        config.requests_per_second = 0.0;
        config.limits = crate::session::ConnectionLimits::new(LIMIT, LIMIT);
        config.tokens = TokenSource::Fixed(Secret::new("t"));
        config.ca_file = Some(target.ca_file.clone());
        let (session, thread) = Session::start(&ActorRegistry::new(), config)?;
        Ok(Self {
            target: target.clone(),
            session,
            thread,
            cx: AskContext::root("bench"),
        })
    }

    async fn call(&self, request: BenchRequest) -> Result<bool, SessionError> {
        match request {
            BenchRequest::Head => {
                let head = HeadRequest {
                    url: self.target.head.clone(),
                    class: PermitClass::Check,
                    kind: RequestKind::ArchiveHead,
                    auth: AuthMode::Grin,
                };
                Ok(self.session.ask(head, &self.cx).await?.status == 200)
            }
            BenchRequest::Get => {
                let get = FetchAnswer::get(self.target.get.clone(), RequestKind::Search, 1 << 20);
                Ok(self.session.ask(get, &self.cx).await?.body.len() == BODY)
            }
        }
    }

    async fn end(self) -> Result<(), BenchError> {
        let grace = Duration::from_secs(1);
        self.session.ask(CloseSession { grace }, &self.cx).await?;
        self.session.shut();
        self.session.drained().await;
        Ok(self.thread.join()?)
    }
}
