//! A connection as awc holds it: plain or with TLS of our own, and in both cases with the heads of answers corrected on their way.
//!
//! TLS is laid here and not by awc, which gives no access to the bytes between its TLS and its HTTP. So awc is told an `http`
//! address; a user name in it, which is never sent, says that TLS is meant and keeps awc's pools of both kinds apart.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_rt::net::{ActixStream, Ready};
use actix_service::Service;
use actix_tls::connect::rustls_0_23::TlsConnector;
use actix_tls::connect::rustls_0_23::reexports::AsyncTlsStream;
use actix_tls::connect::{Connection, Host};
use awc::http::Uri;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use url::Url;

use crate::session::SessionError;
use crate::session::net::NetSlot;
use crate::session::net::answer_head::HeadFilter;
use crate::session::net::socket::CountedIo;

/// The user name of an address over whose connections TLS of our own is laid.
const OWN_TLS: &str = "tls";

/// A connection to which awc writes requests, and from which it reads answers.
pub(super) struct AnswerIo {
    layer: IoLayer,
    /// `None`: awc lays its own TLS over this, so that answers cannot be read here.
    heads: Option<HeadFilter>,
}

enum IoLayer {
    Plain(CountedIo),
    Tls(Box<AsyncTlsStream<CountedIo>>),
}

/// The address as it is told to awc; with `own_tls`, one whose TLS awc need not know of.
pub(super) fn address_for_awc(url: &Url, own_tls: bool) -> Result<Uri, SessionError> {
    let bad = |error: &dyn std::fmt::Display| SessionError::BadRequest(error.to_string());
    let hostless = |()| bad(&"an address without a host");
    let mut url = url.clone();
    // A user name of the address's own would speak of TLS, too.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(hostless)?;
    if own_tls && url.scheme() == "https" {
        let port = url.port_or_known_default();
        let told = url.set_scheme("http").and_then(|()| url.set_username(OWN_TLS));
        told.and_then(|()| url.set_port(port)).map_err(hostless)?;
    }
    Uri::try_from(url.as_str()).map_err(|error| bad(&error))
}

/// Who lays TLS over the connections of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsLayer {
    /// Nobody.
    None,
    /// We do.
    Ours,
    /// awc does, after it was given the connection.
    Awc,
}

impl TlsLayer {
    pub(super) fn of(uri: &Uri) -> Self {
        let user = uri.authority().and_then(|authority| authority.as_str().split_once('@'));
        match (uri.scheme_str(), user) {
            (Some("https"), _) => Self::Awc,
            (_, Some((OWN_TLS, _))) => Self::Ours,
            _ => Self::None,
        }
    }
}

impl AnswerIo {
    /// Lays TLS over a connection, if it is ours to lay.
    pub(super) async fn over(io: CountedIo, uri: &Uri, tls: Arc<ClientConfig>) -> io::Result<Self> {
        let (layer, heads) = match TlsLayer::of(uri) {
            TlsLayer::None => (IoLayer::Plain(io), Some(HeadFilter::default())),
            TlsLayer::Awc => (IoLayer::Plain(io), None),
            TlsLayer::Ours => {
                let name = Host::hostname(uri).to_owned();
                let secured = TlsConnector::service(tls).call(Connection::new(name, io)).await?;
                let layer = IoLayer::Tls(Box::new(secured.into_parts().0));
                (layer, Some(HeadFilter::default()))
            }
        };
        Ok(Self { layer, heads })
    }

    /// Bytes of a request go out, whose answer begins with a head.
    fn expect_answer(&mut self) {
        if let Some(heads) = &mut self.heads
            && let Some(slot) = NetSlot::current()
            && slot.takes_head()
        {
            heads.expect_answer(slot.expects_body);
        }
    }

    fn socket(&self) -> &CountedIo {
        match &self.layer {
            IoLayer::Plain(io) => io,
            IoLayer::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl IoLayer {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncRead for AnswerIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { layer, heads } = &mut *self;
        match heads {
            Some(heads) => heads.poll_read(buf, |buf| layer.poll_read(cx, buf)),
            None => layer.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for AnswerIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.expect_answer();
        match &mut self.layer {
            IoLayer::Plain(io) => Pin::new(io).poll_write(cx, buf),
            IoLayer::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.expect_answer();
        match &mut self.layer {
            IoLayer::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            IoLayer::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            IoLayer::Plain(io) => Pin::new(io).poll_flush(cx),
            IoLayer::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            IoLayer::Plain(io) => Pin::new(io).poll_shutdown(cx),
            IoLayer::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl ActixStream for AnswerIo {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.socket().poll_read_ready(cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.socket().poll_write_ready(cx)
    }
}

impl fmt::Debug for AnswerIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnswerIo").field(self.socket()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awc_is_told_an_address_without_tls_that_no_plain_one_equals() {
        for (url, own_tls, told, layer) in [
            ("https://a.b/c?d=e", true, "http://tls@a.b:443/c?d=e", TlsLayer::Ours),
            ("https://a.b:8443/", true, "http://tls@a.b:8443/", TlsLayer::Ours),
            ("https://a.b:80/", true, "http://tls@a.b/", TlsLayer::Ours),
            ("https://[::1]:8443/", true, "http://tls@[::1]:8443/", TlsLayer::Ours),
            ("https://a.b/c", false, "https://a.b/c", TlsLayer::Awc),
            ("https://u:p@a.b/c", true, "http://tls@a.b:443/c", TlsLayer::Ours),
            ("https://tls@a.b/c", false, "https://a.b/c", TlsLayer::Awc),
            ("http://a.b/c", true, "http://a.b/c", TlsLayer::None),
            ("http://tls@a.b/c", true, "http://a.b/c", TlsLayer::None),
            ("http://tls:p@a.b/c", false, "http://a.b/c", TlsLayer::None),
        ] {
            let uri = address_for_awc(&Url::parse(url).unwrap(), own_tls).unwrap();
            assert_eq!((uri.to_string().as_str(), TlsLayer::of(&uri)), (told, layer), "{url}");
            assert!(Host::hostname(&uri).starts_with(['a', '[']), "{url}");
        }
    }
}
