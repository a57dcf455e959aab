//! Opens connections for awc: bounded in time, counted, without delay for small writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService, Host, Resolver};
use awc::http::Uri;
use futures::future::LocalBoxFuture;

use crate::session::SessionCounters;
use crate::session::net::NetSlot;
use crate::session::net::resolver::CachingResolver;
use crate::session::net::socket::{CountedIo, TrackedSockets};

/// For a connection that nobody waits for as a request; awc makes none.
const WITHOUT_REQUEST: Duration = Duration::from_secs(10);

/// The connector under awc's pools, plain and TLS alike: TLS is laid over its sockets.
#[derive(Clone)]
pub(super) struct CountingConnector {
    tcp: ConnectorService,
    sockets: TrackedSockets,
    counters: Arc<SessionCounters>,
}

impl CountingConnector {
    pub(super) fn new(resolver: CachingResolver, sockets: TrackedSockets, counters: Arc<SessionCounters>) -> Self {
        Self {
            tcp: Connector::new(Resolver::custom(resolver)).service(),
            sockets,
            counters,
        }
    }
}

impl Service<ConnectInfo<Uri>> for CountingConnector {
    type Response = Connection<Uri, CountedIo>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let slot = NetSlot::current();
        let limit = slot.as_ref().map_or(WITHOUT_REQUEST, |slot| slot.connect_timeout);
        if let Some(slot) = &slot {
            slot.connecting();
        }
        let secure = info.request().scheme_str() == Some("https");
        let opening = self.tcp.call(info);
        let this = self.clone();
        Box::pin(async move {
            let opened = match tokio::time::timeout(limit, opening).await {
                Ok(opened) => opened,
                Err(_) => Err(ConnectError::Io(io::Error::new(
                    io::ErrorKind::TimedOut,
                    ConnectTimeout,
                ))),
            };
            let connection = opened.inspect_err(|_| {
                this.counters.failed.fetch_add(1, Relaxed);
            })?;
            if let Some(slot) = &slot {
                slot.connected(secure);
            }
            Ok(this.admit(connection, secure))
        })
    }
}

impl CountingConnector {
    fn admit(&self, connection: Connection<Uri, actix_rt::net::TcpStream>, secure: bool) -> Connection<Uri, CountedIo> {
        let (stream, uri) = connection.into_parts();
        // Requests are small and written whole: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let host = host_of(uri.hostname(), Host::port(&uri));
        Connection::new(uri, self.sockets.admit(stream, host, secure))
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
