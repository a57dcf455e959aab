//! Asking again while a fault may pass: one policy for every request that may be repeated.

use std::fmt::Display;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::actor::AskContext;
use crate::grin::{AnswerRefusal, refusal_in_place_of_content};
use crate::pipeline::policy::longest_wait_once;
use crate::pipeline::workers::grin_session::{GrinSession, unless_held_back};
use crate::session::{ErrorClass, FetchAnswer, RetryBackoff, SessionError, SmallAnswer, TimeoutPhase};

/// Asks until there is an answer, an error that does not pass, or no attempt left. `wait_of` gives the least wait after an
/// error, `None` for one that does not pass. `what` names the request in the log.
pub(super) async fn retried<T, E: Display>(
    policy: &RetryBackoff,
    what: &str,
    wait_of: impl Fn(&E) -> Option<Duration>,
    mut ask: impl AsyncFnMut() -> Result<T, E>,
    cx: &AskContext,
) -> Result<T, E> {
    for attempt in 1.. {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let least = wait_of(&error).filter(|_| !cx.is_cancelled());
        let (Some(least), Some(delay)) = (least, policy.delay(attempt, &mut rand::rng())) else {
            return Err(error);
        };
        if least > longest_wait_once(policy) {
            // Who asked may do something else meanwhile, or end.
            return Err(error);
        }
        let delay = delay.max(least);
        warn!(what, %error, attempt, ?delay, "request failed; trying again");
        tokio::select! {
            () = cx.waiting_for("next attempt", tokio::time::sleep(delay)) => {}
            () = cx.cancelled() => return Err(error),
        }
    }
    unreachable!("a policy has a finite number of attempts")
}

/// A small answer, asked for until it comes; a sign-in page in its place, which may come for one request alone, once more. `stop`: a drain has begun, in which nothing waits for GRIN to want requests again.
pub(super) async fn fetch(
    session: &impl GrinSession,
    ask: FetchAnswer,
    policy: &RetryBackoff,
    stop: &CancellationToken,
    cx: &AskContext,
) -> Result<SmallAnswer, SessionError> {
    let kind = ask.kind;
    let until_answered = async |cx: &AskContext| {
        let request = async || session.fetch(ask.clone(), cx).await;
        let answer = retried(policy, kind.as_str(), transient, &request, cx).await?;
        if !refusal_in_place_of_content(&answer.body).is_some_and(AnswerRefusal::may_pass) {
            return Ok(answer);
        }
        let Some(delay) = policy.delay(1, &mut rand::rng()) else {
            return Ok(answer);
        };
        warn!(
            what = kind.as_str(),
            ?delay,
            "the answer is a sign-in page; trying again"
        );
        tokio::select! {
            () = cx.waiting_for("next attempt", tokio::time::sleep(delay)) => {}
            () = cx.cancelled() => return Ok(answer),
        }
        retried(policy, kind.as_str(), transient, &request, cx).await
    };
    let answer = unless_held_back(session, stop, cx, until_answered).await;
    answer.unwrap_or(Err(SessionError::Cancelled))
}

/// The least wait after an error that may pass in seconds; `None` after any other.
pub(super) fn transient(error: &SessionError) -> Option<Duration> {
    match (error, error.class()) {
        // It has room again in days, or after more pauses than anybody here waits for.
        (SessionError::QueueFull | SessionError::Throttled { longest: Some(_), .. }, _)
        | (_, ErrorClass::Permanent | ErrorClass::NeedsPerson) => None,
        (_, ErrorClass::Transient { wait }) => Some(wait.unwrap_or_default()),
    }
}

/// Whether what was asked of GRIN in one request may be answered in parts. Wider than what may be one book's
/// ([`crate::pipeline::policy::BookFault::may_be_one_books`]): a smaller request also takes less time, and breaks less often.
pub(super) fn parts_may_be_answered(error: &SessionError) -> bool {
    match error {
        // Without the right to one book of another library, or to all: parts tell.
        SessionError::Forbidden { .. }
        | SessionError::RefusedByHost { .. }
        | SessionError::HostAway { .. }
        | SessionError::Server { .. }
        | SessionError::Unexpected { .. }
        | SessionError::NotFound
        | SessionError::TooLarge { .. }
        | SessionError::Reset
        | SessionError::Short { .. }
        | SessionError::Protocol(_) => true,
        SessionError::Timeout { phase } => {
            matches!(phase, TimeoutPhase::Head | TimeoutPhase::Read | TimeoutPhase::Total)
        }
        _ => false,
    }
}

/// Only a person can mend it, and it says nothing of what was asked for: the next request meets it too.
pub(super) fn needs_person(error: &SessionError) -> bool {
    error.class() == ErrorClass::NeedsPerson && !parts_may_be_answered(error)
}

/// As [`parts_may_be_answered`], of an answer that is not the expected table.
pub(super) fn parts_may_not_be_refused(refusal: AnswerRefusal) -> bool {
    !refusal.may_pass()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;
    use crate::actor::ActorName;

    const POLICY: RetryBackoff = RetryBackoff {
        base: Duration::from_secs(1),
        cap: Duration::from_secs(8),
        attempts: 4,
    };

    /// Asks `failures` times in vain; returns the result, the number of requests and the time that it took.
    async fn run(failures: u32, wait: Option<Duration>) -> (Result<u32, &'static str>, u32, Duration) {
        let (asked, began) = (Cell::new(0), Instant::now());
        let ask = async || {
            asked.set(asked.get() + 1);
            if asked.get() > failures {
                Ok(asked.get())
            } else {
                Err("no")
            }
        };
        let cx = AskContext::root("test").child_of(ActorName::Collector);
        let answer = retried(&POLICY, "test", |_: &&str| wait, ask, &cx).await;
        (answer, asked.get(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_waits_are_obeyed() {
        let minute = Duration::from_mins(1);
        assert_eq!(run(2, Some(Duration::ZERO)).await.0, Ok(3));
        assert_eq!(run(9, Some(Duration::ZERO)).await.1, 4);
        let (answer, asked, took) = run(1, Some(minute)).await;
        assert_eq!((answer, asked), (Ok(2), 2));
        assert!(took >= minute, "the server said how long: {took:?}");
        let day = Duration::from_hours(24);
        assert_eq!(run(1, Some(day)).await.1, 1, "nobody waits a day for one request");
        assert_eq!(run(9, None).await.1, 1, "an error that does not pass is not repeated");
    }

    #[test]
    fn a_full_conversion_queue_does_not_pass_in_seconds() {
        let throttled = |longest| SessionError::Throttled {
            status: Some(429),
            retry_after: None,
            longest,
        };
        assert_eq!(transient(&SessionError::QueueFull), None);
        assert_eq!(transient(&throttled(None)), Some(Duration::ZERO));
        let longest = Some(Duration::from_mins(10));
        assert_eq!(transient(&throttled(longest)), None, "nor do pauses without end");
    }
}
