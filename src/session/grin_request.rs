//! A request to GRIN: with the token, along its redirects, and what the status of its answer asks for.

use std::time::{Duration, SystemTime};

use awc::http::header::{AUTHORIZATION, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use url::Url;

use crate::actor::AskContext;
use crate::grin::RedirectRefused;
use crate::session::engine::SessionEngine;
use crate::session::exchange::{IncomingAnswer, OutgoingRequest};
use crate::session::gate::retry_after;
use crate::session::redirect_state::RedirectState;
use crate::session::request::{OpenedRequest, RequestAttempt, RequestSpec, ResponseTime, declared};
use crate::session::status_policy::{RefusalScope, StatusVerdict, error, is_refusal_of_host, refusal_scope, verdict};
use crate::session::token::{BearerToken, RefusedRequest};
use crate::session::{AnswerOrigin, RequestKind, SessionError};

/// Tokens that one request tries at most.
const TOKENS: u32 = 3;

/// A request as its address may see it.
struct SignedRequest {
    /// The token that it carries, if it carries one.
    bearer: Option<BearerToken>,
    outgoing: OutgoingRequest,
}

/// Where a redirect leads, as an address is written; empty where it does not say.
fn location_of(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION);
    location.map_or_else(String::new, |location| in_ascii(location.as_bytes()))
}

impl SessionEngine {
    /// With the token, redirects by the policy, and no request to GRIN while it asks for a pause.
    pub(super) async fn open_grin(
        &self,
        ask: &RequestSpec,
        time: ResponseTime,
        cx: Option<&AskContext>,
    ) -> Result<OpenedRequest, SessionError> {
        let mut state = RedirectState::new(ask);
        loop {
            let SignedRequest { bearer, outgoing } = declared(cx, "token", self.signed(&state)).await?;
            let attempt = RequestAttempt {
                spec: ask,
                url: &state.url,
                outgoing: &outgoing,
                time,
                cx,
            };
            let opened = self.attempt_there(attempt).await?;
            let status = opened.incoming.status();
            let verdict = match status {
                // The answer to a request for a part says how long the whole is.
                412 | 416 if state.outgoing.asks_for_part() => StatusVerdict::Answer,
                status => verdict(status),
            };
            match verdict {
                StatusVerdict::Answer => {
                    self.pacer.accepted(opened.sent);
                    if let Some(bearer) = &bearer {
                        self.keeper.accepted(bearer);
                    }
                    return Ok(opened);
                }
                StatusVerdict::Redirect => {
                    self.pacer.accepted(opened.sent);
                    let location = location_of(opened.incoming.headers());
                    opened.drain().await;
                    match self.config().redirect.judge(&state.url, &location, state.hops) {
                        Ok(hop) => state.follow(hop.url, status),
                        Err(RedirectRefused::SignIn) if self.is_redirect_host(&state.url) => {
                            let snippet = "it redirects to a sign-in page".to_owned();
                            return Err(refused_by_host(&state.url, status, snippet, None));
                        }
                        Err(RedirectRefused::SignIn) => {
                            declared(cx, "token", self.token_refused(&mut state, ask, bearer)).await?
                        }
                        Err(refused) => return Err(refused.into()),
                    }
                }
                StatusVerdict::TokenRefused | StatusVerdict::Error | StatusVerdict::Throttled
                    if self.is_redirect_host(&state.url) && is_refusal_of_host(status) =>
                {
                    let asked = asked_wait(&opened.incoming);
                    let snippet = opened.drain().await;
                    return Err(refused_by_host(&state.url, status, snippet, asked));
                }
                StatusVerdict::TokenRefused => {
                    opened.drain().await;
                    declared(cx, "token", self.token_refused(&mut state, ask, bearer)).await?;
                }
                StatusVerdict::Throttled => return Err(self.throttled(opened, ask, self.origin(&state.url)).await),
                StatusVerdict::Error => {
                    let snippet = opened.drain().await;
                    return Err(error(status, snippet));
                }
            }
        }
    }

    /// Whether GRIN answers at this address, or a host that it redirected to and that never sees the token.
    fn origin(&self, url: &Url) -> AnswerOrigin {
        match self.config().redirect.may_carry_token(url) {
            true => AnswerOrigin::Grin,
            false => AnswerOrigin::RedirectHost,
        }
    }

    fn is_redirect_host(&self, url: &Url) -> bool {
        self.origin(url) == AnswerOrigin::RedirectHost
    }

    /// One request; no answer of a host that GRIN redirected to is told from none of GRIN.
    async fn attempt_there(&self, attempt: RequestAttempt<'_>) -> Result<OpenedRequest, SessionError> {
        let url = attempt.url;
        self.attempt(attempt).await.map_err(|error| {
            let is_away = error.is_connection_error() && !matches!(error, SessionError::Tls { .. });
            if !is_away || !self.is_redirect_host(url) {
                return error;
            }
            SessionError::HostAway {
                host: url.host_str().unwrap_or_default().to_owned(),
                cause: Box::new(error),
            }
        })
    }

    /// The request with the token, if its address may see it.
    async fn signed(&self, state: &RedirectState) -> Result<SignedRequest, SessionError> {
        let mut outgoing = state.outgoing.clone();
        if !self.config().redirect.may_carry_token(&state.url) {
            if self.config().redirect.may_ask(&state.url) {
                return Ok(SignedRequest { bearer: None, outgoing });
            }
            return Err(self.config().redirect.refusal_of(&state.url).into());
        }
        let bearer = self.keeper.bearer(self).await?;
        outgoing
            .headers
            .extend(bearer.iter().map(|bearer| (AUTHORIZATION, bearer.value.clone())));
        Ok(SignedRequest { bearer, outgoing })
    }

    /// Another token, if one would help; then the request begins again at its own address.
    async fn token_refused(
        &self,
        state: &mut RedirectState,
        ask: &RequestSpec,
        bearer: Option<BearerToken>,
    ) -> Result<(), SessionError> {
        let Some(bearer) = bearer else {
            return Err(SessionError::TokenWanted);
        };
        if state.refusals >= TOKENS {
            return Err(SessionError::TokenUnavailable {
                why: format!("GRIN refused {TOKENS} access tokens one after another"),
            });
        }
        let request = RefusedRequest {
            address: ask.url.as_str(),
            second: state.refusals > 0,
            of_archive: matches!(ask.outgoing.kind, RequestKind::ArchiveHead | RequestKind::ArchiveBody),
        };
        self.keeper.refused(&bearer, request, self).await?;
        self.counters.note_retry(ask.outgoing.kind, "auth");
        *state = RedirectState {
            refusals: state.refusals + 1,
            ..RedirectState::new(ask)
        };
        Ok(())
    }

    async fn throttled(&self, opened: OpenedRequest, ask: &RequestSpec, origin: AnswerOrigin) -> SessionError {
        let status = opened.incoming.status();
        let kind = ask.outgoing.kind;
        let asked = asked_wait(&opened.incoming);
        let sent = opened.sent;
        opened.drain().await;
        let pause = match refusal_scope(status, origin, kind, asked) {
            RefusalScope::Asked => {
                return SessionError::NotServed {
                    status,
                    retry_after: asked,
                };
            }
            RefusalScope::Queue => return SessionError::QueueFull,
            RefusalScope::Grin => self.pacer.refused(sent, status, asked),
        };
        tracing::warn!(status, seconds = pause.as_secs(), "GRIN asks for a pause");
        // Whoever waits no longer than some time is told so by all pauses together.
        self.pacer.check_pause().err().unwrap_or(SessionError::Throttled {
            status: Some(status),
            retry_after: Some(pause),
            longest: None,
        })
    }
}

/// An address in the form in which it is sent: what some servers write as it is, is percent-encoded, as browsers do.
fn in_ascii(address: &[u8]) -> String {
    let encoded = address.iter().map(|byte| match byte.is_ascii() {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// How long the server asks to wait.
fn asked_wait(incoming: &IncomingAnswer) -> Option<Duration> {
    let text = incoming.header(RETRY_AFTER)?;
    retry_after(text, incoming.header(DATE), SystemTime::now())
}

fn refused_by_host(url: &Url, status: u16, snippet: String, retry_after: Option<Duration>) -> SessionError {
    SessionError::RefusedByHost {
        host: url.host_str().unwrap_or_default().to_owned(),
        status,
        snippet,
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_hold_any_bytes() {
        for (sent, read) in [
            (&b"/a?b=c%20d"[..], "/a?b=c%20d"),
            ("/T\u{fc}r".as_bytes(), "/T%C3%BCr"),
            (&b"/T\xfcr"[..], "/T%FCr"),
            (&b""[..], ""),
        ] {
            assert_eq!(in_ascii(sent), read);
        }
    }
}
