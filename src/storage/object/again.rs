//! Requests that we make ourselves, made again after faults of the way or of the server.

use std::future::Future;
use std::time::Duration;

const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// What one attempt came to.
#[derive(Debug)]
pub(super) enum StoreAttempt<T, E> {
    Done(T),
    /// Another attempt may help.
    Again(E),
    /// No other attempt helps.
    Refused(E),
}

/// Up to five attempts, each wait twice as long as the one before; the error of the last.
pub(super) async fn persistently<T, E, F: Future<Output = StoreAttempt<T, E>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, E> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match attempt().await {
            StoreAttempt::Done(value) => return Ok(value),
            StoreAttempt::Refused(why) => return Err(why),
            StoreAttempt::Again(_) => tokio::time::sleep(wait).await,
        }
        wait *= 2;
    }
    match attempt().await {
        StoreAttempt::Done(value) => Ok(value),
        StoreAttempt::Again(why) | StoreAttempt::Refused(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_may_help_is_tried_again() {
        for (faults, refused_at, attempts, done) in [
            (0, None, 1, true),
            (4, None, 5, true),
            (5, None, 5, false),
            (9, Some(2), 2, false),
        ] {
            let made = Cell::new(0);
            let outcome = persistently(|| {
                made.set(made.get() + 1);
                let number = made.get();
                async move {
                    match () {
                        () if refused_at == Some(number) => StoreAttempt::Refused(number),
                        () if number <= faults => StoreAttempt::Again(number),
                        () => StoreAttempt::Done(number),
                    }
                }
            })
            .await;
            assert_eq!((made.get(), outcome.is_ok()), (attempts, done), "{faults} faults");
        }
    }
}
