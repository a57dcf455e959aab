//! Opens connections for awc: bounded in time, counted, without delay for small writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Host};
use awc::http::Uri;
use futures::future::LocalBoxFuture;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use crate::session::SessionCounters;
use crate::session::net::NetSlot;
use crate::session::net::answer_io::{AnswerIo, TlsLayer};
use crate::session::net::dial::dial;
use crate::session::net::resolver::CachingResolver;
use crate::session::net::socket::{CountedIo, TrackedSockets};

/// For a connection that nobody waits for as a request; awc makes none.
const WITHOUT_REQUEST: Duration = Duration::from_secs(10);

/// The connector under awc's pools, plain and TLS alike.
#[derive(Clone)]
pub(super) struct CountingConnector {
    resolver: CachingResolver,
    sockets: TrackedSockets,
    counters: Arc<SessionCounters>,
    tls: Arc<ClientConfig>,
}

impl CountingConnector {
    pub(super) fn new(
        resolver: CachingResolver,
        sockets: TrackedSockets,
        counters: Arc<SessionCounters>,
        tls: Arc<ClientConfig>,
    ) -> Self {
        Self {
            resolver,
            sockets,
            counters,
            tls,
        }
    }

    /// Name and TCP connection, within the request's limit.
    async fn connect(&self, uri: &Uri, port: u16, slot: Option<&NetSlot>) -> Result<CountedIo, ConnectError> {
        let limit = slot.map_or(WITHOUT_REQUEST, |slot| slot.connect_timeout);
        let end = Instant::now() + limit;
        let late = || ConnectError::Io(io::Error::new(io::ErrorKind::TimedOut, ConnectTimeout));
        let host = Host::hostname(uri).trim_matches(['[', ']']).to_owned();
        let found = timeout_at(end, self.resolver.lookup(&host, port)).await;
        let addresses = found.map_err(|_| late())?.map_err(ConnectError::Io)?;
        if addresses.is_empty() {
            return Err(ConnectError::NoRecords);
        }
        let dialled = dial(&addresses, end.saturating_duration_since(Instant::now())).await;
        self.resolver.put_back(&host, &dialled.failed);
        let stream = dialled.stream.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => late(),
            _ => ConnectError::Io(error),
        })?;
        if let Some(slot) = slot {
            slot.leads_to(stream.peer_addr().ok());
        }
        // Requests are small and written whole: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        Ok(self.sockets.admit(stream, host_of(Host::hostname(uri), Some(port))))
    }
}

impl Service<ConnectInfo<Uri>> for CountingConnector {
    type Response = Connection<Uri, AnswerIo>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let slot = NetSlot::current();
        if let Some(slot) = &slot {
            slot.connecting();
        }
        let (uri, port) = (info.request().clone(), info.port());
        let this = self.clone();
        Box::pin(async move {
            let io = this.connect(&uri, port, slot.as_deref()).await.inspect_err(|_| {
                this.counters.failed.fetch_add(1, Relaxed);
            })?;
            if let Some(slot) = &slot {
                slot.connected(TlsLayer::of(&uri) != TlsLayer::None);
            }
            // Whoever waits for the request ends a handshake that takes too long.
            let io = AnswerIo::over(io, &uri, this.tls).await.map_err(ConnectError::Io)?;
            Ok(Connection::new(uri, io))
        })
    }
}

/// Host and port as one name.
pub(super) fn host_of(name: &str, port: Option<u16>) -> String {
    format!("{name}:{}", port.unwrap_or_default())
}

/// Marks a connection that took too long, among all the errors of the system.
#[derive(Debug, thiserror::Error)]
#[error("connecting took too long")]
pub(super) struct ConnectTimeout;
