//! Sends a request: token, permit, pace, exchange, and what its status asks for.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use awc::http::Method;
use awc::http::header::{AUTHORIZATION, DATE, LOCATION, RETRY_AFTER};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::actor::tasks::TaskHandle;
use crate::actor::{ActorRegistry, AskContext};
use crate::grin::RedirectRefused;
use crate::session::exchange::{IncomingAnswer, OutgoingRequest, RequestDeadlines, exchange};
use crate::session::gate::retry_after;
use crate::session::in_flight::{InFlight, InFlightGuard};
use crate::session::net::SessionNet;
use crate::session::pacer::RequestPacer;
use crate::session::permits::{RequestPermit, RequestPermits};
use crate::session::redirect_state::RedirectState;
use crate::session::status_policy::{StatusVerdict, closes_gate, error, is_archive, verdict};
use crate::session::token::{BearerToken, PostForm, TokenKeeper};
use crate::session::{
    AuthMode, MinimumSpeed, PermitClass, RequestKind, SessionConfig, SessionCounters, SessionError, SmallAnswer,
    TimeoutPhase,
};

/// Tokens that one request tries at most.
const TOKENS: u32 = 3;

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

/// A request whose answer has begun. The permit goes back when this is dropped.
pub(super) struct OpenedRequest {
    pub(super) incoming: IncomingAnswer,
    pub(super) url: Url,
    pub(super) deadlines: RequestDeadlines,
    _permit: RequestPermit,
}

/// Everything one session owner works with; lives on its thread.
pub(super) struct SessionEngine {
    config: SessionConfig,
    minimum_speed: Cell<MinimumSpeed>,
    pub(super) net: SessionNet,
    pub(super) permits: RequestPermits,
    pub(super) pacer: RequestPacer,
    keeper: TokenKeeper,
    pub(super) counters: Arc<SessionCounters>,
    hub: ActorRegistry,
    pumps: RefCell<HashMap<u64, TaskHandle<()>>>,
    next_pump: Cell<u64>,
    housekeeping: RefCell<Option<TaskHandle<()>>>,
    in_flight: Rc<InFlight>,
    /// Closes going on.
    closing: Cell<usize>,
    cut: RefCell<CancellationToken>,
}

impl SessionEngine {
    pub(super) fn new(
        config: SessionConfig,
        hub: &ActorRegistry,
        counters: &Arc<SessionCounters>,
    ) -> Result<Rc<Self>, SessionError> {
        Ok(Rc::new(Self {
            minimum_speed: Cell::new(config.minimum_speed),
            net: SessionNet::new(&config, counters)?,
            permits: RequestPermits::new(&config.limits, &config.state_limits, counters),
            pacer: RequestPacer::new(config.requests_per_second, counters),
            keeper: TokenKeeper::new(config.tokens.clone(), counters),
            counters: Arc::clone(counters),
            hub: hub.clone(),
            pumps: RefCell::default(),
            next_pump: Cell::new(0),
            housekeeping: RefCell::default(),
            in_flight: Rc::default(),
            closing: Cell::new(0),
            cut: RefCell::default(),
            config,
        }))
    }

    pub(super) fn minimum_speed(&self) -> MinimumSpeed {
        self.minimum_speed.get()
    }

    pub(super) fn set_minimum_speed(&self, speed: MinimumSpeed) {
        self.minimum_speed.set(speed);
    }

    pub(super) fn resume_attempts(&self) -> u32 {
        self.config.resume_attempts
    }

    pub(super) fn config(&self) -> &SessionConfig {
        &self.config
    }

    pub(super) fn in_flight(&self) -> &Rc<InFlight> {
        &self.in_flight
    }

    /// Cancelled when the grace of a close is over.
    pub(super) fn cut_token(&self) -> CancellationToken {
        self.cut.borrow().clone()
    }

    /// Cuts what goes on now; what begins later is not concerned.
    pub(super) fn cut_all(&self) {
        self.cut.take().cancel();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get() > 0
    }

    /// Lets nothing new in from here on, until the last close has ended.
    pub(super) fn begin_closing(&self) {
        self.closing.set(self.closing.get() + 1);
    }

    pub(super) fn end_closing(&self) {
        self.closing.set(self.closing.get() - 1);
    }

    /// Takes part in what goes on, unless the session is closing.
    pub(super) fn begin_request(&self) -> Result<InFlightGuard, SessionError> {
        if self.is_closing() {
            return Err(SessionError::Closed);
        }
        Ok(InFlightGuard::begin(&self.in_flight, &self.counters))
    }

    /// Runs a body's pump until it has ended.
    pub(super) fn run_pump(self: &Rc<Self>, pump: crate::session::stream::BodyPump) {
        let number = self.next_pump.get();
        self.next_pump.set(number + 1);
        let engine = Rc::clone(self);
        let task = crate::actor::tasks::spawn(&self.hub, "body_pump", async move {
            pump.run().await;
            engine.pumps.borrow_mut().remove(&number);
        });
        self.pumps.borrow_mut().insert(number, task);
    }

    /// Runs what goes on as long as the engine does.
    pub(super) fn run_in_background(&self, work: impl Future<Output = ()> + 'static) {
        self.housekeeping
            .borrow_mut()
            .replace(crate::actor::tasks::spawn(&self.hub, "session_housekeeping", work));
    }

    /// Sends a request and waits for the head of the answer that counts.
    pub(super) async fn open(
        &self,
        ask: &RequestSpec,
        time: ResponseTime,
        cx: Option<&AskContext>,
    ) -> Result<OpenedRequest, SessionError> {
        match ask.auth {
            AuthMode::None => self
                .attempt(&ask.url, ask, &ask.outgoing, (time, cx))
                .await
                .map(|(opened, _)| opened),
            AuthMode::Grin => self.open_grin(ask, time, cx).await,
        }
    }

    /// With the token, redirects by the policy, and no request to GRIN while it asks for a pause.
    async fn open_grin(
        &self,
        ask: &RequestSpec,
        time: ResponseTime,
        cx: Option<&AskContext>,
    ) -> Result<OpenedRequest, SessionError> {
        let mut state = RedirectState::new(ask);
        loop {
            let (bearer, outgoing) = self.signed(&state).await?;
            let (opened, sent) = self
                .attempt(
                    &state.url,
                    ask,
                    outgoing.as_ref().unwrap_or(&state.outgoing),
                    (time, cx),
                )
                .await?;
            let status = opened.incoming.status();
            let verdict = match status {
                // The answer to a request for a part says how long the whole is.
                412 | 416 if state.outgoing.asks_for_part() => StatusVerdict::Answer,
                status => verdict(status),
            };
            match verdict {
                StatusVerdict::Answer => {
                    self.pacer.accepted(sent);
                    if let Some(bearer) = &bearer {
                        self.keeper.accepted(bearer);
                    }
                    return Ok(opened);
                }
                StatusVerdict::Redirect => {
                    self.pacer.accepted(sent);
                    let location = opened.incoming.header(LOCATION).unwrap_or_default().to_owned();
                    opened.drain().await;
                    match self.config.redirect.judge(&state.url, &location, state.hops) {
                        Ok(hop) => state.follow(hop.url, status),
                        Err(RedirectRefused::SignIn) if self.is_redirect_host(&state.url) => {
                            let snippet = "it redirects to a sign-in page".to_owned();
                            return Err(refused_by_host(&state.url, status, snippet));
                        }
                        Err(RedirectRefused::SignIn) => self.token_refused(&mut state, ask, bearer).await?,
                        Err(refused) => return Err(refused.into()),
                    }
                }
                StatusVerdict::TokenRefused | StatusVerdict::Error
                    if self.is_redirect_host(&state.url) && status < 500 =>
                {
                    let snippet = opened.drain().await;
                    return Err(refused_by_host(&state.url, status, snippet));
                }
                StatusVerdict::TokenRefused => {
                    opened.drain().await;
                    self.token_refused(&mut state, ask, bearer).await?;
                }
                StatusVerdict::Throttled => return Err(self.throttled(opened, ask, sent).await),
                StatusVerdict::Error => {
                    let snippet = opened.drain().await;
                    return Err(error(status, snippet));
                }
            }
        }
    }

    /// Whether a host answers that GRIN redirected to and that never sees the token.
    fn is_redirect_host(&self, url: &Url) -> bool {
        !self.config.redirect.may_carry_token(url)
    }

    /// The request with the token, if its address may see it.
    async fn signed(
        &self,
        state: &RedirectState,
    ) -> Result<(Option<BearerToken>, Option<OutgoingRequest>), SessionError> {
        if !self.config.redirect.may_carry_token(&state.url) {
            if self.config.redirect.may_ask(&state.url) {
                return Ok((None, None));
            }
            let host = state.url.host_str().unwrap_or_default().to_owned();
            return Err(RedirectRefused::ForeignHost(host).into());
        }
        let Some(bearer) = self.keeper.bearer(self).await? else {
            return Ok((None, None));
        };
        let mut outgoing = state.outgoing.clone();
        outgoing.headers.push((AUTHORIZATION, bearer.value.clone()));
        Ok((Some(bearer), Some(outgoing)))
    }

    /// Another token, if one would help; then the request begins again at its own address.
    async fn token_refused(
        &self,
        state: &mut RedirectState,
        ask: &RequestSpec,
        bearer: Option<BearerToken>,
    ) -> Result<(), SessionError> {
        let Some(bearer) = bearer else {
            return Err(SessionError::SignedOut {
                why: "GRIN asks for a token and there is none to send".to_owned(),
            });
        };
        if state.refusals >= TOKENS {
            return Err(SessionError::TokenUnavailable {
                why: format!("GRIN refused {TOKENS} access tokens one after another"),
            });
        }
        self.keeper.refused(&bearer, state.refusals > 0, self).await?;
        self.counters.note_retry(ask.outgoing.kind, "auth");
        *state = RedirectState {
            refusals: state.refusals + 1,
            ..RedirectState::new(ask)
        };
        Ok(())
    }

    async fn throttled(&self, opened: OpenedRequest, ask: &RequestSpec, sent: Instant) -> SessionError {
        let status = opened.incoming.status();
        let kind = ask.outgoing.kind;
        let asked = opened
            .incoming
            .header(RETRY_AFTER)
            .and_then(|text| retry_after(text, opened.incoming.header(DATE), SystemTime::now()));
        opened.drain().await;
        if status == 503 && is_archive(kind) && self.pacer.is_only_refused(ask.url.path()) {
            return SessionError::Server { status };
        }
        if !closes_gate(status, kind, asked) {
            return SessionError::Throttled {
                status,
                retry_after: None,
            };
        }
        let wait = self.pacer.refused(sent, asked);
        tracing::warn!(status, seconds = wait.as_secs(), "GRIN asks for a pause");
        SessionError::Throttled {
            status,
            retry_after: Some(wait),
        }
    }

    /// One request over the network, when it may have a connection and it is its turn.
    async fn attempt(
        &self,
        url: &Url,
        ask: &RequestSpec,
        outgoing: &OutgoingRequest,
        (time, cx): (ResponseTime, Option<&AskContext>),
    ) -> Result<(OpenedRequest, Instant), SessionError> {
        let timeouts = self.config.timeouts_of(ask.class);
        let asked = Instant::now();
        let permit = self.permit(url, ask.class, cx).await?;
        if ask.auth == AuthMode::Grin && self.config.redirect.may_carry_token(url) {
            declared(cx, "pace", self.pacer.pass()).await;
        }
        let sent = Instant::now();
        let mut deadlines = match time {
            ResponseTime::Body(left) => RequestDeadlines::until(timeouts, sent + left, TimeoutPhase::Download),
            ResponseTime::Small => RequestDeadlines::small(timeouts),
        };
        if let Some(wait) = timeouts.wait {
            deadlines.connect = deadlines.connect.min(wait.saturating_sub(asked.elapsed()));
        }
        let incoming = exchange(&self.net, &self.counters, url, outgoing, &deadlines).await?;
        Ok((
            OpenedRequest {
                incoming,
                url: url.clone(),
                deadlines,
                _permit: permit,
            },
            sent,
        ))
    }

    async fn permit(
        &self,
        url: &Url,
        class: PermitClass,
        cx: Option<&AskContext>,
    ) -> Result<RequestPermit, SessionError> {
        let permit = declared(cx, "permit", self.permits.acquire(class, url));
        match self.config.timeouts_of(class).wait {
            None => permit.await,
            Some(wait) => timeout(wait, permit).await.map_err(|_| SessionError::Timeout {
                phase: TimeoutPhase::Wait,
            })?,
        }
    }
}

fn refused_by_host(url: &Url, status: u16, snippet: String) -> SessionError {
    SessionError::RefusedByHost {
        host: url.host_str().unwrap_or_default().to_owned(),
        status,
        snippet,
    }
}

/// Waits as a declared wait of the message being served.
async fn declared<F: Future>(cx: Option<&AskContext>, what: &'static str, future: F) -> F::Output {
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
        } = self;
        incoming.whole(limit, &deadlines, url).await
    }

    /// Reads what is left of an error's answer; its first words.
    async fn drain(self) -> String {
        self.incoming.drain().await
    }
}

impl PostForm for SessionEngine {
    async fn post_form(&self, url: &Url, form: String) -> Result<(u16, Vec<u8>), SessionError> {
        let mut outgoing = OutgoingRequest::new(Method::POST, RequestKind::Token);
        outgoing.content_type("application/x-www-form-urlencoded");
        outgoing.body = Some(form.into());
        let ask = RequestSpec {
            url: url.clone(),
            outgoing,
            class: PermitClass::Auth,
            auth: AuthMode::None,
        };
        let (opened, _) = self
            .attempt(url, &ask, &ask.outgoing, (ResponseTime::Small, None))
            .await?;
        let answer = opened.whole(TOKEN_ANSWER).await?;
        Ok((answer.status, answer.body.to_vec()))
    }
}
