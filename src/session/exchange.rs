//! One request and its answer over the network; corrects what awc gets wrong (each case is in `tests/pins.rs`).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpMessage;
use awc::error::{ConnectError, PayloadError, SendRequestError};
use awc::http::{Method, StatusCode, Version, header};
use awc::{ClientRequest, ClientResponse};
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::session::failed_exchange::FailedExchange;
use crate::session::net::{NetSlot, SessionNet, classify};
use crate::session::request_line::{AnswerTally, BodyClock};
use crate::session::stream::{ContentCoding, status_read};
use crate::session::{RequestKind, RequestTimeouts, SessionCounters, SessionError, TimeoutPhase};

/// Header values of a request, in the form awc takes.
pub(super) type HeaderPairs = Vec<(header::HeaderName, header::HeaderValue)>;

/// What is sent.
#[derive(Clone)]
pub(super) struct OutgoingRequest {
    pub(super) method: Method,
    pub(super) headers: HeaderPairs,
    pub(super) body: Option<Bytes>,
    pub(super) kind: RequestKind,
}

impl OutgoingRequest {
    pub(super) fn new(method: Method, kind: RequestKind) -> Self {
        Self {
            method,
            headers: HeaderPairs::new(),
            body: None,
            kind,
        }
    }

    pub(super) fn content_type(&mut self, content_type: &'static str) {
        self.headers
            .push((header::CONTENT_TYPE, header::HeaderValue::from_static(content_type)));
    }

    /// Asks for the same without sending anything.
    pub(super) fn become_get(&mut self) {
        self.method = Method::GET;
        self.body = None;
        self.headers.retain(|(name, _)| name != header::CONTENT_TYPE);
    }

    /// Whether a part of the answer's body is asked for.
    pub(super) fn asks_for_part(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == header::RANGE)
    }

    /// Sent twice, it does the same as once.
    fn may_be_repeated(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// Between the end of a connection attempt and the look at what became of it.
const SOON: Duration = Duration::from_millis(5);

/// Until when a request may go on, and how long each silence in it may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestDeadlines {
    pub(super) connect: Duration,
    pub(super) silence: Duration,
    pub(super) end: Instant,
    /// What is over at `end`.
    pub(super) whole: TimeoutPhase,
}

impl RequestDeadlines {
    /// For a small answer that begins now.
    pub(super) fn small(timeouts: &RequestTimeouts) -> Self {
        Self::until(timeouts, Instant::now() + timeouts.total, TimeoutPhase::Total)
    }

    /// For an archive or list that has to be complete at `end`.
    pub(super) fn until(timeouts: &RequestTimeouts, end: Instant, whole: TimeoutPhase) -> Self {
        Self {
            connect: timeouts.connect,
            silence: timeouts.read,
            end,
            whole,
        }
    }

    fn limit(&self, silence_ends: Instant, silence: TimeoutPhase) -> (Instant, SessionError) {
        let (at, phase) = if silence_ends < self.end {
            (silence_ends, silence)
        } else {
            (self.end, self.whole)
        };
        (at, SessionError::Timeout { phase })
    }
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// There is no body.
    Empty,
    /// `Content-Length`.
    Length(u64),
    /// Chunks, with a last one.
    Chunked,
    /// HTTP/2 says it by itself.
    Stream,
    /// Only by the connection's end: the content has to prove that it is whole.
    UntilClose,
    /// As `UntilClose`, but awc has lost the body: with HTTP/2 switched on, its TLS hides the head until it is too late.
    Unknown,
}

/// An answer whose head has come. Dropped before its end, its connection is closed.
pub(super) struct IncomingAnswer {
    response: ClientResponse,
    /// Its status is the one by which the answer is read; see [`status_read`].
    pub(super) tally: AnswerTally,
    slot: Rc<NetSlot>,
    framing: Framing,
    body: BodyClock,
    ended: bool,
}

/// Sends a request and waits for the answer's head.
pub(super) async fn exchange(
    net: &SessionNet,
    counters: &Arc<SessionCounters>,
    url: &Url,
    outgoing: &OutgoingRequest,
    deadlines: &RequestDeadlines,
) -> Result<IncomingAnswer, FailedExchange> {
    let began = Instant::now();
    let slot = NetSlot::new(
        deadlines.connect,
        net.keep_alive(outgoing.kind),
        outgoing.method != Method::HEAD,
    );
    let request = prepare(net, url, outgoing)?;
    let head = counters.await_head(outgoing.kind);
    match send(request, outgoing.body.clone(), &slot, deadlines).await {
        Ok(response) if response.status().is_informational() => {
            // awc takes it for the final answer and keeps the connection, on which that one is still to come.
            slot.close();
            Err(interim_answer(response.status()).into())
        }
        Ok(response) => {
            head.came();
            counters.note_answer(outgoing.kind, response.status().as_u16(), began.elapsed());
            net.note(None);
            let body = BodyClock::begin(counters, outgoing.kind);
            Ok(IncomingAnswer::new(response, slot, outgoing, body))
        }
        Err(Unsent::Late(error)) => {
            net.put_back(url, &slot, &error);
            Err(error.into())
        }
        Err(Unsent::Failed(cause)) => {
            // Under TLS an orderly close is a few bytes of its own, so bytes received say nothing; that awc saw the end does.
            let ended = matches!(cause, SendRequestError::Connect(ConnectError::Disconnected));
            let is_stale = slot.is_reused() && (ended || !slot.has_received());
            let error = classify(cause, &slot, url);
            net.put_back(url, &slot, &error);
            let is_stale = is_stale && error == SessionError::Reset && outgoing.may_be_repeated();
            Err(FailedExchange { error, is_stale })
        }
    }
}

fn prepare(net: &SessionNet, url: &Url, outgoing: &OutgoingRequest) -> Result<ClientRequest, SessionError> {
    let mut request = net.client().request(outgoing.method.clone(), net.address(url)?);
    for (name, value) in &outgoing.headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(request)
}

/// The error of an interim answer that could not be left out: with HTTP/2 switched on, awc's TLS hides it; 101 is never asked for.
fn interim_answer(status: StatusCode) -> SessionError {
    SessionError::Protocol(format!("{} came in place of a final answer", status.as_u16()))
}

enum Unsent {
    Failed(SendRequestError),
    Late(SessionError),
}

/// Waits for the head. Its time runs from the moment when the connection is there, so that connecting does not eat it up.
async fn send(
    request: ClientRequest,
    body: Option<Bytes>,
    slot: &Rc<NetSlot>,
    deadlines: &RequestDeadlines,
) -> Result<ClientResponse, Unsent> {
    let began = Instant::now();
    let sending = match body {
        Some(body) => request.send_body(body),
        None => request.send(),
    };
    let mut sending = std::pin::pin!(slot.within(sending));
    // No part ends sooner, whatever of them there will be.
    let mut at = deadlines.end.min(began + deadlines.silence.min(deadlines.connect));
    loop {
        if let Ok(answer) = timeout_at(at, sending.as_mut()).await {
            return answer.map_err(Unsent::Failed);
        }
        let (ends, late) = part_ends(slot, began, deadlines);
        if ends <= Instant::now() {
            return Err(Unsent::Late(late));
        }
        at = ends;
    }
}

/// When the part of the request that is going on has to be over, and what it means if it is not.
fn part_ends(slot: &NetSlot, began: Instant, deadlines: &RequestDeadlines) -> (Instant, SessionError) {
    match (slot.phase(), slot.connects_until()) {
        // The connector ends this by itself, and counts it; what follows is looked at soon after.
        (TimeoutPhase::Connect, Some(ends)) => deadlines.limit(ends.max(Instant::now() + SOON), TimeoutPhase::Connect),
        (phase, Some(ends)) => deadlines.limit(ends, phase),
        (_, None) => deadlines.limit(slot.opened().unwrap_or(began) + deadlines.silence, TimeoutPhase::Head),
    }
}

impl IncomingAnswer {
    /// Whether it came over a connection that was open before the request.
    pub(super) fn is_on_kept(&self) -> bool {
        self.slot.is_reused()
    }

    fn new(response: ClientResponse, slot: Rc<NetSlot>, outgoing: &OutgoingRequest, body: BodyClock) -> Self {
        let framing = framing(&response, &outgoing.method);
        let status = status_read(
            response.status().as_u16(),
            outgoing.asks_for_part(),
            text_of(&response, header::CONTENT_RANGE),
            told_length(&response),
        );
        if framing == Framing::Unknown {
            // awc takes such a body for empty and keeps the connection, on which the body is still to come.
            slot.close();
        }
        Self {
            response,
            tally: AnswerTally::of(status),
            slot,
            framing,
            body,
            ended: framing == Framing::Empty,
        }
    }

    pub(super) fn status(&self) -> u16 {
        self.tally.status
    }

    pub(super) fn headers(&self) -> &header::HeaderMap {
        self.response.headers()
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        text_of(&self.response, name)
    }

    /// `Content-Length` of the body that follows.
    pub(super) fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Empty => Some(0),
            _ => None,
        }
    }

    /// Refuses a body that cannot be read.
    pub(super) fn require_framing(&self) -> Result<(), SessionError> {
        match self.framing {
            Framing::Unknown => Err(self.no_length()),
            _ => Ok(()),
        }
    }

    /// The error of a body whose end cannot be told from a cut.
    pub(super) fn no_length(&self) -> SessionError {
        SessionError::NoLength { status: self.status() }
    }

    /// Whether only the connection's end ends the body, so that its content has to prove that it is whole.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    /// Whether its head said how long the body is.
    pub(super) fn has_length(&self) -> bool {
        matches!(self.framing, Framing::Length(_))
    }

    /// `Content-Encoding` of the body.
    pub(super) fn coding(&self) -> ContentCoding {
        ContentCoding::of(self.header(header::CONTENT_ENCODING))
    }

    /// The next bytes of the body if they are there, without waiting.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<Option<Bytes>, SessionError>> {
        use std::task::Poll;
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let slot = Rc::clone(&self.slot);
        match slot.enter(|| self.response.poll_next_unpin(cx)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                self.tally.got += bytes.len() as u64;
                self.body.goes_on();
                Poll::Ready(Ok(Some(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.ended = true;
                Poll::Ready(Err(self.broken(&error)))
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(self.check_end().inspect(|()| self.body.is_whole()).map(|()| None))
            }
        }
    }

    /// The next bytes of the body; `None` at its true end.
    pub(super) async fn next(&mut self, deadlines: &RequestDeadlines) -> Result<Option<Bytes>, SessionError> {
        let (at, late) = deadlines.limit(Instant::now() + deadlines.silence, TimeoutPhase::Read);
        match timeout_at(at, std::future::poll_fn(|cx| self.poll_next(cx))).await {
            Ok(next) => next,
            Err(_) => Err(late),
        }
    }

    /// awc ends a cut body as if it were whole. A length tells. After the last chunk awc gives the connection back to its pool or
    /// closes it; where it still holds the connection, the last chunk has not come, however politely the connection was closed.
    fn check_end(&mut self) -> Result<(), SessionError> {
        let got = self.tally.got;
        let short = |expected| Err(SessionError::Short { got, expected });
        match self.framing {
            Framing::Length(expected) if self.tally.got != expected => short(Some(expected)),
            Framing::Chunked => {
                let before = self.slot.is_connected();
                drop(self.response.take_payload());
                if before && !self.slot.is_connected() {
                    return short(None);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn broken(&self, error: &PayloadError) -> SessionError {
        match error {
            PayloadError::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidInput => {
                SessionError::Protocol(cause.to_string())
            }
            _ => SessionError::Short {
                got: self.tally.got,
                expected: self.length(),
            },
        }
    }
}

fn framing(response: &ClientResponse, method: &Method) -> Framing {
    let status = response.status();
    // The body of a 304 never comes, whatever its length says: reading it would wait for ever.
    let empty = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if empty || *method == Method::HEAD {
        return Framing::Empty;
    }
    let coding = text_of(response, header::TRANSFER_ENCODING).unwrap_or_default();
    if coding.to_ascii_lowercase().contains("chunked") {
        return Framing::Chunked;
    }
    match told_length(response) {
        Some(length) => Framing::Length(length),
        None if response.version() == Version::HTTP_2 => Framing::Stream,
        None if response.version() == Version::HTTP_10 => Framing::UntilClose,
        None => Framing::Unknown,
    }
}

fn text_of(response: &ClientResponse, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// `Content-Length`, also of an answer to HEAD.
fn told_length(response: &ClientResponse) -> Option<u64> {
    text_of(response, header::CONTENT_LENGTH)?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
