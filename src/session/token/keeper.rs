//! Keeps the token for all who need it, and asks for a new one once for all of them.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use awc::http::header::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::grin::{CredentialsFile, Secret};
use crate::session::counters::RefreshOutcome;
use crate::session::token::exchange::{PostForm, TokenDenied, TokenGranted, read_answer};
use crate::session::token::source;
use crate::session::token::source::FileLook;
use crate::session::{RetryBackoff, SessionCounters, SessionError, TokenSource};

/// How long before its end a token is replaced.
const AHEAD: Duration = Duration::from_mins(5);

/// A token that is refused this soon after it was given out will not be accepted after another refresh either.
const FRESH: Duration = Duration::from_mins(1);

/// Between attempts while the token address does not answer.
const PAUSES: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(1),
    cap: Duration::from_mins(1),
    attempts: u32::MAX,
};

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
    failures: Cell<u32>,
    not_before: Cell<Option<Instant>>,
    counters: Arc<SessionCounters>,
}

struct Current {
    bearer: BearerToken,
    token: Secret,
    /// `None`: not known.
    ends: Option<Instant>,
    /// When it was given out to us; `None`: it stood in the file.
    granted: Option<Instant>,
}

struct SignedOut {
    why: String,
    look: FileLook,
}

impl TokenKeeper {
    pub(in crate::session) fn new(source: TokenSource, counters: &Arc<SessionCounters>) -> Self {
        let keeper = Self {
            source,
            turn: Mutex::new(()),
            current: RefCell::new(None),
            generation: Cell::new(0),
            signed_out: RefCell::new(None),
            failures: Cell::new(0),
            not_before: Cell::new(None),
            counters: Arc::clone(counters),
        };
        if let TokenSource::Fixed(token) = &keeper.source {
            let token = token.clone();
            let _ = keeper.adopt(&token, None, None);
        }
        keeper
    }

    /// The token to send now, or `None` when none is to be sent.
    pub(in crate::session) async fn bearer(&self, post: &impl PostForm) -> Result<Option<BearerToken>, SessionError> {
        if matches!(self.source, TokenSource::None) {
            return Ok(None);
        }
        if let Some(bearer) = self.good(AHEAD) {
            return Ok(Some(bearer));
        }
        if let Some(bearer) = self.good(Duration::ZERO) {
            // Still good for a while: one asks for the next, the others go on with this one.
            if let Ok(_turn) = self.turn.try_lock() {
                let _ = self.renew(post, None).await;
            }
            return Ok(Some(self.good(Duration::ZERO).unwrap_or(bearer)));
        }
        let _turn = self.turn.lock().await;
        if self.good(Duration::ZERO).is_none() {
            self.renew(post, None).await?;
        }
        self.good(Duration::ZERO)
            .map(Some)
            .ok_or_else(|| unavailable("the new token has ended already"))
    }

    /// GRIN refused this token: gets another, unless another is there already or a fresh one was refused.
    pub(in crate::session) async fn refused(
        &self,
        bearer: &BearerToken,
        post: &impl PostForm,
    ) -> Result<(), SessionError> {
        let _turn = self.turn.lock().await;
        let (token, granted) = match self.current.borrow().as_ref() {
            Some(current) if current.bearer.generation == bearer.generation => (current.token.clone(), current.granted),
            _ => return Ok(()),
        };
        if granted.is_some_and(|granted| granted.elapsed() < FRESH) || matches!(self.source, TokenSource::Fixed(_)) {
            let why = "GRIN refuses a fresh access token: is the account on the library's list?";
            return Err(SessionError::SignedOut { why: why.to_owned() });
        }
        self.renew(post, Some(&token)).await
    }

    /// Gets a token from the file, if it has one that is not `refused`, or from the token address.
    async fn renew(&self, post: &impl PostForm, refused: Option<&Secret>) -> Result<(), SessionError> {
        self.still_signed_out()?;
        if let Some(at) = self.not_before.get().filter(|at| *at > Instant::now()) {
            let seconds = (at - Instant::now()).as_secs() + 1;
            return Err(unavailable(&format!("the next attempt is in {seconds} s")));
        }
        let source = self.source.clone();
        let request = off_thread(move || source::request(&source)).await?;
        let request = request.map_err(|denied| self.denied(denied))?;
        if let Some(credentials) = &request.credentials
            && self.adopt_from_file(credentials, refused)
        {
            return Ok(());
        }
        let (status, body) = match post.post_form(&request.url, request.form).await {
            Ok(answer) => answer,
            Err(SessionError::Cancelled) => return Err(SessionError::Cancelled),
            Err(error) => return Err(self.denied(TokenDenied::ForNow(error.to_string()))),
        };
        let granted = read_answer(status, &body).map_err(|denied| self.denied(denied))?;
        self.granted(granted, request.credentials).await
    }

    /// The token in the file is tried first: at start, and when a person has signed in anew. Says whether it is taken.
    fn adopt_from_file(&self, credentials: &CredentialsFile, refused: Option<&Secret>) -> bool {
        let known = self.current.borrow().as_ref().map(|current| current.token.clone());
        let life = source::life_left(credentials);
        let new = !credentials.token.expose().is_empty() && known.as_ref() != Some(&credentials.token);
        let good = new && refused != Some(&credentials.token) && life.is_none_or(|life| life > AHEAD);
        good && self.adopt(&credentials.token, life, None).is_ok()
    }

    async fn granted(&self, granted: TokenGranted, used: Option<CredentialsFile>) -> Result<(), SessionError> {
        self.adopt(&granted.token, Some(granted.life), Some(Instant::now()))?;
        self.counters.note_refresh(RefreshOutcome::Ok);
        if let (Some(path), Some(used)) = (source::kept_in(&self.source), used) {
            let kept = off_thread(move || source::keep(&path, &used, &granted)).await?;
            if let Err(error) = kept {
                tracing::warn!(%error, "the new token could not be kept; it is lost at the next start");
            }
        }
        Ok(())
    }

    fn adopt(&self, token: &Secret, life: Option<Duration>, granted: Option<Instant>) -> Result<(), SessionError> {
        let mut value =
            HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| SessionError::SignedOut {
                why: "the access token cannot be sent".to_owned(),
            })?;
        value.set_sensitive(true);
        let generation = self.generation.get() + 1;
        self.generation.set(generation);
        let ends = life.and_then(|life| Instant::now().checked_add(life));
        let bearer = BearerToken { value, generation };
        *self.current.borrow_mut() = Some(Current {
            bearer,
            token: token.clone(),
            ends,
            granted,
        });
        self.failures.set(0);
        self.not_before.set(None);
        if self.signed_out.take().is_some() {
            tracing::info!("signed in again");
        }
        self.counters.set_signed_out(None);
        Ok(())
    }

    fn denied(&self, denied: TokenDenied) -> SessionError {
        match denied {
            TokenDenied::ForGood(why) => {
                tracing::error!(why, "signed out: a person has to act (grind auth login)");
                self.counters.note_refresh(RefreshOutcome::Denied);
                self.counters.set_signed_out(Some(&why));
                let look = source::watched(&self.source).map(FileLook::of).unwrap_or_default();
                *self.signed_out.borrow_mut() = Some(SignedOut { why: why.clone(), look });
                SessionError::SignedOut { why }
            }
            TokenDenied::ForNow(why) => {
                tracing::warn!(why, "no access token just now");
                self.counters.note_refresh(RefreshOutcome::Failed);
                let failures = self.failures.get().saturating_add(1);
                self.failures.set(failures);
                self.not_before.set(Some(Instant::now() + PAUSES.bound(failures)));
                unavailable(&why)
            }
        }
    }

    /// Signed out until the file changes.
    fn still_signed_out(&self) -> Result<(), SessionError> {
        let signed_out = self.signed_out.borrow();
        let Some(state) = signed_out.as_ref() else {
            return Ok(());
        };
        let changed = source::watched(&self.source).is_some_and(|path| FileLook::of(path) != state.look);
        if changed {
            Ok(())
        } else {
            Err(SessionError::SignedOut { why: state.why.clone() })
        }
    }

    /// The present token, if it is good for longer than `ahead`.
    fn good(&self, ahead: Duration) -> Option<BearerToken> {
        let current = self.current.borrow();
        let current = current.as_ref()?;
        let good = current.ends.is_none_or(|ends| Instant::now() + ahead < ends);
        good.then(|| current.bearer.clone())
    }
}

fn unavailable(why: &str) -> SessionError {
    SessionError::TokenUnavailable { why: why.to_owned() }
}

/// Files are read, written and synced, and keys used, off the thread that serves every request.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SessionError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| unavailable("the token's file could not be handled"))
}

#[cfg(test)]
mod tests;
