//! Keeps the token for all who need it, and asks for a new one once for all of them.

mod refusal;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use awc::http::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::grin::{CredentialsFile, Secret};
use crate::session::counters::RefreshOutcome;
use crate::session::token::decision::{DENIALS, TokenEvent, TokenStep, next_step, refresh_ahead, signed_out_pause};
use crate::session::token::exchange::{PostForm, TokenDenied, TokenGranted, read_answer};
pub(in crate::session) use crate::session::token::keeper::refusal::RefusedRequest;
use crate::session::token::source;
use crate::session::token::source::FilesLook;
use crate::session::{RetryBackoff, SessionCounters, SessionError, TokenSource};

/// Between attempts while the token address does not answer: work resumes soon after it does. The intake's own pause, of up to 30 s, may
/// begin at the end of this one.
const PAUSES: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(15),
    attempts: u32::MAX,
};

/// Between attempts after a denial that may yet pass.
const DENIAL_PAUSES: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(2),
    cap: Duration::from_secs(10),
    attempts: DENIALS,
};

/// Between new tokens that GRIN refuses though it accepted others before.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);

/// How often the log says why we are signed out.
const TELL_AGAIN: Duration = Duration::from_mins(5);

/// An account counts as accepted for this long after GRIN accepted a token of it.
const RECENTLY: Duration = Duration::from_mins(5);

/// The token in the file is taken when it is good for longer than this.
const SHORTEST_LIFE: Duration = Duration::from_mins(1);

/// The token as it is sent, and which it is.
#[derive(Debug, Clone)]
pub(in crate::session) struct BearerToken {
    pub(in crate::session) value: HeaderValue,
    generation: u64,
}

/// Owns the token of one session.
pub(in crate::session) struct TokenKeeper {
    source: TokenSource,
    /// Held by the one who asks for a new token; all others wait for it.
    turn: Mutex<()>,
    current: RefCell<Option<Current>>,
    generation: Cell<u64>,
    signed_out: RefCell<Option<SignedOut>>,
    /// When GRIN accepted a token of this account last.
    accepted_at: Cell<Option<Instant>>,
    /// When a token was replaced last because GRIN refused it for an archive.
    renewed_for_archive_at: Cell<Option<Instant>>,
    /// New tokens in a row that GRIN refused.
    refusals: Cell<u32>,
    /// At which addresses; no more than tell one from several.
    refused_at: RefCell<BTreeSet<String>>,
    /// Attempts in a row that the token address did not answer.
    failures: Cell<u32>,
    not_before: Cell<Option<Instant>>,
    /// Why it waits until then.
    why: RefCell<String>,
    counters: Arc<SessionCounters>,
}

struct Current {
    bearer: BearerToken,
    token: Secret,
    /// `None`: not known.
    ends: Option<Instant>,
    /// How long before its end it is replaced.
    ahead: Duration,
    /// Given out by the token address, and not accepted by GRIN yet.
    unproven: bool,
}

struct SignedOut {
    why: String,
    look: FilesLook,
    since: Instant,
    /// When the log said so last.
    told: Instant,
    /// When the next attempt is made.
    until: Instant,
    /// GRIN refused a token; the token address gave it out.
    by_grin: bool,
}

impl TokenKeeper {
    pub(in crate::session) fn new(source: TokenSource, counters: &Arc<SessionCounters>) -> Self {
        let keeper = Self {
            source,
            turn: Mutex::new(()),
            current: RefCell::new(None),
            generation: Cell::new(0),
            signed_out: RefCell::new(None),
            accepted_at: Cell::new(None),
            renewed_for_archive_at: Cell::new(None),
            refusals: Cell::new(0),
            refused_at: RefCell::default(),
            failures: Cell::new(0),
            not_before: Cell::new(None),
            why: RefCell::default(),
            counters: Arc::clone(counters),
        };
        if let TokenSource::Fixed(token) = &keeper.source {
            let token = token.clone();
            let _ = keeper.adopt(&token, None, false);
        }
        keeper
    }

    /// The token to send now, or `None` when none is to be sent.
    pub(in crate::session) async fn bearer(&self, post: &impl PostForm) -> Result<Option<BearerToken>, SessionError> {
        if matches!(self.source, TokenSource::None) {
            return Ok(None);
        }
        // A token that GRIN rejected is not sent again and again; one that cannot be renewed serves to its end.
        if self.signed_out.borrow().as_ref().is_some_and(|state| state.by_grin) {
            self.denials_so_far()?;
        }
        if let Some(bearer) = self.good(true) {
            return Ok(Some(bearer));
        }
        if let Some(bearer) = self.good(false) {
            // Still good for a while: one asks for the next, the others go on with this one.
            if let Ok(_turn) = self.turn.try_lock() {
                let _ = self.renew(post, None).await;
            }
            return Ok(Some(self.good(false).unwrap_or(bearer)));
        }
        let _turn = self.turn.lock().await;
        if self.good(false).is_none() {
            self.renew(post, None).await?;
        }
        self.good(false)
            .map(Some)
            .ok_or_else(|| unavailable("the new token has ended already"))
    }

    /// GRIN answered a request with this token.
    pub(in crate::session) fn accepted(&self, bearer: &BearerToken) {
        self.accepted_at.set(Some(Instant::now()));
        self.refusals.set(0);
        self.refused_at.borrow_mut().clear();
        if let Some(current) = self.current.borrow_mut().as_mut()
            && current.bearer.generation == bearer.generation
        {
            current.unproven = false;
        }
        if let Some(state) = self.signed_out.take() {
            self.signed_in_again(&state);
        }
    }

    /// As loud as the loss of the sign-in: who sees only errors is to see its end, too.
    fn signed_in_again(&self, SignedOut { why, since, .. }: &SignedOut) {
        tracing::error!(cause = why, seconds = since.elapsed().as_secs(), "signed in again");
        self.counters.set_signed_out(None);
    }

    /// A person says that something may have been mended: the next request tries to sign in, without the rest of a pause.
    pub(in crate::session) fn try_at_once(&self) {
        if let Some(state) = self.signed_out.borrow_mut().as_mut() {
            state.until = Instant::now();
        }
    }

    /// Gets a token from the file, if it has one that is not `refused`, or from the token address.
    async fn renew(&self, post: &impl PostForm, refused: Option<&Secret>) -> Result<(), SessionError> {
        let mut denials = self.denials_so_far()?;
        if let Some(at) = self.not_before.get().filter(|at| *at > Instant::now()) {
            let seconds = (at - Instant::now()).as_secs() + 1;
            let why = self.why.borrow();
            return Err(unavailable(&format!("{why}; the next attempt is in {seconds} s")));
        }
        loop {
            let source = self.source.clone();
            let request = off_thread(move || source::request(&source)).await?;
            let request = request.map_err(|denied| self.denied(&denied))?;
            if let Some(credentials) = &request.credentials
                && self.adopt_from_file(credentials, refused)
            {
                return Ok(());
            }
            let denied = match post.post_form(&request.url, request.form.clone()).await {
                Ok((status, body)) => match read_answer(&request.form, status, &body) {
                    Ok(granted) => return self.granted(granted, request.credentials).await,
                    Err(denied) => denied,
                },
                Err(SessionError::Cancelled) => return Err(SessionError::Cancelled),
                Err(error) => TokenDenied::NoAnswer(error.to_string()),
            };
            denials += 1;
            if next_step(denied.event(denials)) != TokenStep::TryAgain {
                return Err(self.denied(&denied));
            }
            tracing::warn!(why = %denied, "no access token; asking once more before a person is called");
            tokio::time::sleep(DENIAL_PAUSES.bound(denials)).await;
        }
    }

    /// The token in the file is tried first: at start, and when a person has signed in anew. Says whether it is taken.
    fn adopt_from_file(&self, credentials: &CredentialsFile, refused: Option<&Secret>) -> bool {
        let known = self.current.borrow().as_ref().map(|current| current.token.clone());
        let life = source::life_left(credentials);
        let new = !credentials.token.expose().is_empty() && known.as_ref() != Some(&credentials.token);
        let good = new && refused != Some(&credentials.token) && life.is_none_or(|life| life > SHORTEST_LIFE);
        good && self.adopt(&credentials.token, life, false).is_ok()
    }

    async fn granted(&self, granted: TokenGranted, used: Option<CredentialsFile>) -> Result<(), SessionError> {
        self.adopt(&granted.token, Some(granted.life), true)?;
        self.counters.note_refresh(RefreshOutcome::Ok);
        if let (Some(path), Some(used)) = (source::kept_in(&self.source), used) {
            let loss = source::loss(&used, &granted);
            let kept = off_thread(move || source::keep(&path, &used, &granted)).await?;
            if let Err(error) = kept {
                tracing::warn!(%error, "{loss}");
            }
        }
        Ok(())
    }

    fn adopt(&self, token: &Secret, life: Option<Duration>, unproven: bool) -> Result<(), SessionError> {
        let mut value =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| SessionError::SignedOut {
                why: "the access token cannot be sent".to_owned(),
            })?;
        value.set_sensitive(true);
        let generation = self.generation.get() + 1;
        self.generation.set(generation);
        let ends = life.and_then(|life| Instant::now().checked_add(life));
        self.counters.set_token_end(ends);
        let bearer = BearerToken { value, generation };
        *self.current.borrow_mut() = Some(Current {
            bearer,
            token: token.clone(),
            ends,
            ahead: life.map(refresh_ahead).unwrap_or_default(),
            unproven,
        });
        self.failures.set(0);
        self.not_before.set(None);
        // Only GRIN itself can say that it accepts the account again.
        if self.signed_out.borrow().as_ref().is_some_and(|state| state.by_grin) {
            self.try_at_once();
        } else if let Some(state) = self.signed_out.take() {
            self.signed_in_again(&state);
        }
        Ok(())
    }

    /// The error of a denial that was not proof, or that was.
    fn denied(&self, denied: &TokenDenied) -> SessionError {
        let why = denied.to_string();
        if next_step(denied.event(DENIALS)) == TokenStep::SignedOut {
            self.counters.note_refresh(RefreshOutcome::Denied);
            return self.sign_out(why, false);
        }
        let failures = self.failures.get().saturating_add(1);
        let pause = PAUSES.bound(failures);
        tracing::warn!(why, next_attempt_seconds = pause.as_secs(), "no access token");
        self.counters.note_refresh(RefreshOutcome::Failed);
        self.failures.set(failures);
        self.wait(&why, pause)
    }

    /// No token is asked for before the pause is over.
    fn wait(&self, why: &str, pause: Duration) -> SessionError {
        self.not_before.set(Some(Instant::now() + pause));
        why.clone_into(&mut self.why.borrow_mut());
        unavailable(why)
    }

    fn sign_out(&self, why: String, by_grin: bool) -> SessionError {
        let now = Instant::now();
        let mut state = self.signed_out.borrow_mut();
        let before = state.take();
        let since = before.as_ref().map_or(now, |before| before.since);
        let told = before.filter(|before| before.why == why && before.told + TELL_AGAIN > now);
        if told.is_none() {
            tracing::error!(why, "signed out: sign in with `grind auth login`");
        }
        self.counters.set_signed_out(Some(&why));
        *state = Some(SignedOut {
            why: why.clone(),
            look: FilesLook::of(&self.source),
            since,
            told: told.map_or(now, |before| before.told),
            until: now + signed_out_pause(now - since),
            by_grin,
        });
        SessionError::SignedOut { why }
    }

    /// Denials in a row that count as made already; an error while signed out, until the file changes or it is time for another attempt.
    fn denials_so_far(&self) -> Result<u32, SessionError> {
        let signed_out = self.signed_out.borrow();
        let Some(state) = signed_out.as_ref() else {
            return Ok(0);
        };
        if FilesLook::of(&self.source) != state.look {
            return Ok(0);
        }
        if state.until <= Instant::now() {
            // It was proven before: one more denial is enough.
            return Ok(DENIALS);
        }
        Err(SessionError::SignedOut { why: state.why.clone() })
    }

    /// The present token, if it has not ended; with `ahead` also if it need not be replaced yet.
    fn good(&self, ahead: bool) -> Option<BearerToken> {
        let current = self.current.borrow();
        let current = current.as_ref()?;
        let ahead = if ahead { current.ahead } else { Duration::ZERO };
        let good = current.ends.is_none_or(|ends| Instant::now() + ahead < ends);
        good.then(|| current.bearer.clone())
    }
}

impl TokenDenied {
    fn event(&self, times: u32) -> TokenEvent<'_> {
        match self {
            Self::UnusableFile(_) => TokenEvent::UnusableFile,
            Self::Answer { error, description } => TokenEvent::Denied {
                error,
                description,
                times,
            },
            Self::NoAnswer(_) => TokenEvent::NoAnswer,
        }
    }
}

fn unavailable(why: &str) -> SessionError {
    SessionError::TokenUnavailable { why: why.to_owned() }
}

/// Files are read, written and synced, and keys used, off the thread that serves every request.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SessionError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| unavailable("the thread that reads the token's file panicked"))
}

#[cfg(test)]
mod tests;
