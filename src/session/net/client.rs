//! The one awc client: made at first use, made again after a close or a run of failures.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix_http::error::ParseError;
use awc::Client;
use awc::error::{ConnectError, SendRequestError};
use awc::http::Uri;
use rustls::ClientConfig;
use url::Url;

use crate::session::net::NetSlot;
use crate::session::net::answer_io::address_for_awc;
use crate::session::net::connector::{ConnectTimeout, CountingConnector, host_of};
use crate::session::net::resolver::CachingResolver;
use crate::session::net::socket::TrackedSockets;
use crate::session::net::tls::client_config;
use crate::session::{RequestKind, SessionConfig, SessionCounters, SessionError, TimeoutPhase};

/// Window of HTTP/2, shared by all bodies of a connection: awc's default gives them 2 MiB a round trip together.
const H2_WINDOW: u32 = 16 * 1024 * 1024;

/// awc's own timeouts are switched off by a bound that nothing reaches: connector and exchange have limits by class.
const NEVER: Duration = Duration::from_hours(24);

/// The client and everything that outlives it.
pub(in crate::session) struct SessionNet {
    client: RefCell<Option<Client>>,
    sockets: TrackedSockets,
    resolver: CachingResolver,
    tls: Arc<ClientConfig>,
    http2: bool,
    keep_alive: Duration,
    state_keep_alive: Duration,
    max_connection_age: Duration,
    reset_after_errors: u32,
    errors_in_a_row: Cell<u32>,
    user_agent: String,
    counters: Arc<SessionCounters>,
}

impl SessionNet {
    pub(in crate::session) fn new(
        config: &SessionConfig,
        counters: &Arc<SessionCounters>,
    ) -> Result<Self, SessionError> {
        Ok(Self {
            client: RefCell::new(None),
            sockets: TrackedSockets::new(counters),
            resolver: CachingResolver::new(config.dns_ttl),
            tls: client_config(config.ca_file.as_deref(), config.http2)?,
            http2: config.http2,
            keep_alive: config.keep_alive,
            state_keep_alive: config.state_keep_alive,
            max_connection_age: config.max_connection_age,
            reset_after_errors: config.reset_after_errors,
            errors_in_a_row: Cell::new(0),
            user_agent: config.user_agent.clone(),
            counters: Arc::clone(counters),
        })
    }

    /// The client; made when there is none.
    pub(in crate::session) fn client(&self) -> Client {
        let mut client = self.client.borrow_mut();
        client
            .get_or_insert_with(|| {
                self.counters.sessions_created.fetch_add(1, Relaxed);
                self.make()
            })
            .clone()
    }

    /// The address as awc is to be asked for it. Only awc's own TLS can agree on HTTP/2.
    pub(in crate::session) fn address(&self, url: &Url) -> Result<Uri, SessionError> {
        address_for_awc(url, !self.http2)
    }

    fn make(&self) -> Client {
        let tcp = CountingConnector::new(
            self.resolver.clone(),
            self.sockets.clone(),
            Arc::clone(&self.counters),
            Arc::clone(&self.tls),
        );
        let connector = awc::Connector::new()
            .connector(tcp)
            .rustls_0_23(Arc::clone(&self.tls))
            .limit(0)
            .timeout(NEVER)
            .handshake_timeout(NEVER)
            // The longest of all; what is to be kept for less is closed by the reaper.
            .conn_keep_alive(self.keep_alive.max(self.state_keep_alive))
            .conn_lifetime(self.max_connection_age)
            .initial_window_size(H2_WINDOW)
            .initial_connection_window_size(H2_WINDOW);
        Client::builder()
            .connector(connector)
            .disable_timeout()
            .disable_redirects()
            .no_default_headers()
            .add_default_header((awc::http::header::USER_AGENT, self.user_agent.as_str()))
            .add_default_header((awc::http::header::ACCEPT_ENCODING, "identity"))
            .finish()
    }

    /// Drops the client and closes the connections that no request uses; running bodies keep theirs.
    pub(in crate::session) fn drop_client(&self) {
        self.client.take();
        self.sockets.close_all_idle();
        self.resolver.forget();
    }

    /// After a request over a connection that was opened for it failed so: another address of the name is tried first from now on. One that
    /// takes connections may still answer nothing.
    pub(in crate::session) fn put_back(&self, url: &Url, slot: &NetSlot, error: &SessionError) {
        if let (Some(host), Some(peer), true) = (url.host_str(), slot.peer(), error.is_connection_error()) {
            self.resolver.put_back(host.trim_matches(['[', ']']), &[peer]);
        }
    }

    /// What the system's resolver says of a name.
    #[cfg(test)]
    pub(in crate::session) fn know(&self, host: &str, addresses: &[std::net::SocketAddr]) {
        self.resolver.remember(host, addresses);
    }

    /// Whether there is a client.
    pub(in crate::session) fn is_open(&self) -> bool {
        self.client.borrow().is_some()
    }

    /// Closes connections that were idle for too long or are too old.
    pub(in crate::session) fn reap(&self) {
        self.sockets.reap(self.max_connection_age);
    }

    /// How long a connection is kept after a request of this kind.
    pub(in crate::session) fn keep_alive(&self, kind: RequestKind) -> Duration {
        match kind {
            RequestKind::State => self.state_keep_alive,
            _ => self.keep_alive,
        }
    }

    /// How often [`SessionNet::reap`] should be called.
    pub(in crate::session) fn reap_interval(&self) -> Duration {
        let shortest = self.keep_alive.min(self.state_keep_alive).min(self.max_connection_age);
        (shortest / 2).clamp(Duration::from_millis(100), Duration::from_secs(5))
    }

    /// Closes the idle connections to a host whose server has just closed one of them.
    pub(in crate::session) fn close_idle_to(&self, url: &Url) {
        self.sockets.close_idle_to(&host_of(
            url.host_str().unwrap_or_default(),
            url.port_or_known_default(),
        ));
    }

    /// Notes how a request ended; after so many connection errors in a row the pool is made again.
    pub(in crate::session) fn note(&self, error: Option<&SessionError>) {
        if !error.is_some_and(SessionError::is_connection_error) {
            self.errors_in_a_row.set(0);
            return;
        }
        let errors = self.errors_in_a_row.get() + 1;
        self.errors_in_a_row.set(errors);
        if self.reset_after_errors > 0 && errors >= self.reset_after_errors {
            tracing::warn!(errors, "several connection errors in a row; opening new connections");
            self.errors_in_a_row.set(0);
            self.drop_client();
        }
    }
}

/// Refuses a configuration with which no session can be made.
pub(in crate::session) fn check(config: &SessionConfig) -> Result<(), SessionError> {
    client_config(config.ca_file.as_deref(), config.http2).map(drop)
}

/// What awc's error means, given how far the request had come.
pub(in crate::session) fn classify(error: SendRequestError, slot: &NetSlot, url: &Url) -> SessionError {
    let host = || host_of(url.host_str().unwrap_or_default(), url.port_or_known_default());
    match error {
        SendRequestError::Connect(ConnectError::Io(cause)) => classify_io(&cause, slot, host()),
        SendRequestError::Connect(ConnectError::Timeout) => SessionError::Timeout {
            phase: TimeoutPhase::Handshake,
        },
        SendRequestError::Connect(ConnectError::Disconnected)
        | SendRequestError::Send(_)
        | SendRequestError::H2(_)
        | SendRequestError::Response(ParseError::Io(_) | ParseError::Incomplete) => SessionError::Reset,
        SendRequestError::Connect(cause) => SessionError::Connect {
            host: host(),
            cause: cause.to_string(),
        },
        SendRequestError::Response(cause) => SessionError::Protocol(cause.to_string()),
        SendRequestError::Timeout => SessionError::Timeout { phase: slot.phase() },
        SendRequestError::Url(cause) => SessionError::BadRequest(cause.to_string()),
        SendRequestError::Http(cause) => SessionError::BadRequest(cause.to_string()),
        other => SessionError::Protocol(other.to_string()),
    }
}

fn classify_io(cause: &io::Error, slot: &NetSlot, host: String) -> SessionError {
    let inner = cause.get_ref();
    if inner.is_some_and(<dyn Error + Send + Sync>::is::<ConnectTimeout>) {
        return SessionError::Timeout {
            phase: TimeoutPhase::Connect,
        };
    }
    let told = cause.to_string();
    if let Some(rustls::Error::InvalidCertificate(_)) = inner.and_then(|inner| inner.downcast_ref()) {
        return SessionError::Tls { host, cause: told };
    }
    let handshake = slot.opened().is_some() && slot.phase() == TimeoutPhase::Handshake;
    let cause = if handshake {
        format!("TLS handshake: {told}")
    } else {
        told
    };
    SessionError::Connect { host, cause }
}
