//! Asking again while a fault may pass: the same patience for every small request to GRIN.

use tracing::warn;

use crate::actor::AskContext;
use crate::session::{ErrorClass, FetchAnswer, RequestKind, RetryBackoff, Session, SessionError, SmallAnswer};

/// Asks until there is an answer, an error that will not pass, or no attempt left. For requests that may be repeated.
pub(super) async fn fetch(
    session: &Session,
    ask: FetchAnswer,
    backoff: &RetryBackoff,
    cx: &AskContext,
) -> Result<SmallAnswer, SessionError> {
    let mut attempt = 0;
    loop {
        let error = match session.ask(ask.clone(), cx).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        attempt += 1;
        // Here 429 says that the conversion queue is full: that passes in days, not in seconds.
        if ask.kind == RequestKind::Process && matches!(error, SessionError::Throttled { status: 429, .. }) {
            return Err(error);
        }
        let ErrorClass::Transient { wait } = error.class() else {
            return Err(error);
        };
        let Some(delay) = backoff.delay(attempt, &mut rand::rng()) else {
            return Err(error);
        };
        let delay = delay.max(wait.unwrap_or_default());
        warn!(kind = ask.kind.as_str(), %error, attempt, ?delay, "asking again");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = cx.cancelled() => return Err(error),
        }
    }
}
