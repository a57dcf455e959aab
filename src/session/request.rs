//! One request over the network: when it may have a connection and when it is its turn.

use std::future::Future;
use std::time::Duration;

use awc::http::Method;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::actor::AskContext;
use crate::session::bulk_window::BulkSign;
use crate::session::engine::SessionEngine;
use crate::session::exchange::{IncomingAnswer, OutgoingRequest, RequestDeadlines, exchange};
use crate::session::failed_exchange::FailedExchange;
use crate::session::permits::RequestPermit;
use crate::session::request_line::RequestLine;
use crate::session::token::PostForm;
use crate::session::{AuthMode, PermitClass, RequestKind, SessionError, SmallAnswer, TimeoutPhase};
use crate::traces::EndingSpan;

/// Largest answer of a token address.
const TOKEN_ANSWER: usize = 64 * 1024;

/// One request as it is asked for, before token, permit and redirects.
#[derive(Clone)]
pub(super) struct RequestSpec {
    pub(super) url: Url,
    pub(super) outgoing: OutgoingRequest,
    pub(super) class: PermitClass,
    pub(super) auth: AuthMode,
}

/// How long an answer may take, counted from the moment when its request is sent: waiting for a permit, for the pace or at the
/// gate is not charged to it.
#[derive(Debug, Clone, Copy)]
pub(super) enum ResponseTime {
    /// A small answer: the class's total timeout.
    Small,
    /// A body that has this much time left.
    Body(Duration),
}

/// A request as it is sent: redirects and tokens may have changed where it goes and what it carries.
pub(super) struct RequestAttempt<'a> {
    pub(super) spec: &'a RequestSpec,
    pub(super) url: &'a Url,
    pub(super) outgoing: &'a OutgoingRequest,
    pub(super) time: ResponseTime,
    /// The message that is served; its waits are declared.
    pub(super) cx: Option<&'a AskContext>,
}

/// A request whose answer has begun. The permit goes back when this is dropped.
pub(super) struct OpenedRequest {
    pub(super) incoming: IncomingAnswer,
    pub(super) url: Url,
    pub(super) deadlines: RequestDeadlines,
    /// When the request was sent.
    pub(super) sent: Instant,
    _permit: RequestPermit,
}

/// A request that was sent, and what came of it.
struct SentRequest {
    at: Instant,
    deadlines: RequestDeadlines,
    line: Option<RequestLine>,
    exchanged: Result<IncomingAnswer, FailedExchange>,
}

impl<'a> RequestAttempt<'a> {
    /// The request as it is asked for.
    fn first(spec: &'a RequestSpec, time: ResponseTime, cx: Option<&'a AskContext>) -> Self {
        Self {
            spec,
            url: &spec.url,
            outgoing: &spec.outgoing,
            time,
            cx,
        }
    }
}

impl SessionEngine {
    /// Sends a request and waits for the head of the answer that counts.
    pub(super) async fn open(
        &self,
        spec: &RequestSpec,
        time: ResponseTime,
        cx: Option<&AskContext>,
    ) -> Result<OpenedRequest, SessionError> {
        match spec.auth {
            AuthMode::None => self.attempt(RequestAttempt::first(spec, time, cx)).await,
            AuthMode::Grin => self.open_grin(spec, time, cx).await,
        }
    }

    /// One request over the network, when it may have a connection and it is its turn. A kept connection that the server closed meanwhile
    /// is not a failure: what may be repeated is sent once more over a new one, at another turn, as the server may have seen it.
    pub(super) async fn attempt(&self, attempt: RequestAttempt<'_>) -> Result<OpenedRequest, SessionError> {
        let RequestAttempt {
            spec,
            url,
            outgoing,
            cx,
            ..
        } = attempt;
        let asked = Instant::now();
        let permit = self.permit(url, spec.class, cx).await?;
        let waited = asked.elapsed();
        let mut sent = self.send_in_turn(&attempt, waited).await?;
        if sent.exchanged.as_ref().is_err_and(|failed| failed.is_stale) {
            self.net.close_idle_to(url);
            self.counters.note_retry(outgoing.kind, "stale");
            sent = self.send_in_turn(&attempt, waited).await?;
        }
        let exchanged = sent.exchanged.map_err(|FailedExchange { error, .. }| {
            self.counters.note_no_answer(outgoing.kind, &error);
            self.net.note(Some(&error));
            error
        });
        if spec.class == PermitClass::Bulk && is_overload(&exchanged) {
            self.note_bulk(BulkSign::Overload { sent: sent.at });
        }
        let mut incoming = exchanged?;
        self.counters.note_connection(spec.class, incoming.is_on_kept());
        incoming.tally.line = sent.line;
        Ok(OpenedRequest {
            incoming,
            url: url.clone(),
            deadlines: sent.deadlines,
            sent: sent.at,
            _permit: permit,
        })
    }

    /// Sends a request that waited so long for its permit when it is its turn.
    ///
    /// # Errors
    /// It is not its turn for too long.
    async fn send_in_turn(&self, attempt: &RequestAttempt<'_>, waited: Duration) -> Result<SentRequest, SessionError> {
        let RequestAttempt {
            spec,
            url,
            outgoing,
            time,
            cx,
        } = *attempt;
        let timeouts = self.config().timeouts_of(spec.class);
        let may_see_token = self.config().redirect.may_carry_token(url);
        if spec.auth == AuthMode::Grin && may_see_token {
            declared(cx, "pacer", self.pacer.pass()).await?;
        }
        let at = Instant::now();
        let mut deadlines = match time {
            ResponseTime::Body(left) => RequestDeadlines::until(timeouts, at + left, TimeoutPhase::Download),
            ResponseTime::Small => RequestDeadlines::small(timeouts),
        };
        if let Some(wait) = timeouts.wait {
            deadlines.connect = deadlines.connect.min(wait.saturating_sub(waited));
        }
        let line = RequestLine::begin(&outgoing.method, url, may_see_token);
        let span = cx.map(|cx| cx.span().child("request")).unwrap_or_default();
        span.word("kind", outgoing.kind.as_str());
        let ending = EndingSpan(span);
        let exchanged = exchange(&self.net, &self.counters, url, outgoing, &deadlines);
        let exchanged = declared(cx, self.host_asked(spec, url), exchanged).await;
        match &exchanged {
            Ok(incoming) => ending.0.number("status", incoming.status().into()),
            Err(_) => ending.0.fail(),
        }
        drop(ending);
        if let (Some(line), Err(failed)) = (&line, &exchanged) {
            line.unanswered(&failed.error);
        }
        Ok(SentRequest {
            at,
            deadlines,
            line,
            exchanged,
        })
    }

    /// Whose answer a request waits for.
    fn host_asked(&self, spec: &RequestSpec, url: &Url) -> &'static str {
        match spec.class {
            PermitClass::State => "state store",
            PermitClass::Hook => "hook",
            PermitClass::Auth => "token service",
            _ if self.config().redirect.may_carry_token(url) => "GRIN",
            _ => "redirect host",
        }
    }

    async fn permit(
        &self,
        url: &Url,
        class: PermitClass,
        cx: Option<&AskContext>,
    ) -> Result<RequestPermit, SessionError> {
        let permit = declared(cx, class.permit(), self.permits.acquire(class, url));
        match self.config().timeouts_of(class).wait {
            None => permit.await,
            Some(wait) => timeout(wait, permit).await.map_err(|_| SessionError::Timeout {
                phase: TimeoutPhase::Wait,
            })?,
        }
    }
}

/// Whether the server says that it cannot keep up, or shows it by its silence; one to which no connection came about has none of our
/// archives in hand.
fn is_overload(exchanged: &Result<IncomingAnswer, SessionError>) -> bool {
    match exchanged {
        Ok(incoming) => matches!(incoming.status(), 429 | 503),
        Err(SessionError::Timeout { phase }) => *phase != TimeoutPhase::Connect,
        Err(_) => false,
    }
}

/// Waits as a declared wait of the message being served.
pub(super) async fn declared<F: Future>(cx: Option<&AskContext>, what: &'static str, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    // Most requests need not wait: what is ready at once is not worth declaring.
    if let std::task::Poll::Ready(output) = futures::poll!(future.as_mut()) {
        return output;
    }
    match cx {
        Some(cx) => cx.waiting_for(what, future).await,
        None => future.await,
    }
}

impl OpenedRequest {
    /// Reads the whole answer; the permit is held to its end.
    pub(super) async fn whole(self, limit: usize) -> Result<SmallAnswer, SessionError> {
        let Self {
            incoming,
            url,
            deadlines,
            _permit,
            ..
        } = self;
        incoming.whole(limit, &deadlines, url).await
    }

    /// Refuses every answer that has no whole body.
    pub(super) fn require_body(&self) -> Result<(), SessionError> {
        match self.incoming.status() {
            200 => self.incoming.require_framing(),
            // Whoever sends it may send the whole the next time: it says nothing of what was asked for.
            206 => Err(SessionError::Protocol(
                "a part of it came, which was not asked for".to_owned(),
            )),
            404 => Err(SessionError::NotFound),
            status => Err(SessionError::Unexpected {
                status,
                snippet: String::new(),
            }),
        }
    }

    /// Reads what is left of an error's answer; its first words.
    pub(super) async fn drain(self) -> String {
        self.incoming.drain().await
    }
}

impl PostForm for SessionEngine {
    async fn post_form(&self, url: &Url, form: String) -> Result<(u16, Vec<u8>), SessionError> {
        let mut outgoing = OutgoingRequest::new(Method::POST, RequestKind::Token);
        outgoing.content_type("application/x-www-form-urlencoded");
        outgoing.body = Some(form.into());
        let spec = RequestSpec {
            url: url.clone(),
            outgoing,
            class: PermitClass::Auth,
            auth: AuthMode::None,
        };
        let opened = self
            .attempt(RequestAttempt::first(&spec, ResponseTime::Small, None))
            .await?;
        let answer = opened.whole(TOKEN_ANSWER).await?;
        Ok((answer.status, answer.body.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_of_a_server_with_our_request_in_hand_shows_overload() {
        for (phase, is_sign) in [
            (TimeoutPhase::Connect, false),
            (TimeoutPhase::Handshake, true),
            (TimeoutPhase::Head, true),
        ] {
            let exchanged = Err(SessionError::Timeout { phase });
            assert_eq!(is_overload(&exchanged), is_sign, "{phase:?}");
        }
        assert!(!is_overload(&Err(SessionError::Reset)));
    }
}
