//! What the fan-out waits for when nothing can be begun, and how long.

use std::time::Duration;

use jiff::Timestamp;
use rand::{Rng, RngExt as _};
use tokio::time::Instant;

use crate::catalog::CatalogError;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::{FanOut, LOOK_AGAIN, NextLook, SHORTEST, look_again};
use crate::pipeline::policy::longest_wait_once;
use crate::vocabulary::WaitReason;

/// As [`LOOK_AGAIN`], where others share the catalog: what they release, list and are told to do, nobody tells this program.
const LOOK_AGAIN_SHARED: Duration = Duration::from_secs(5);

impl<S: BookServices> FanOut<'_, S> {
    /// Paused; a run that ends by itself does not wait for the operator.
    pub(super) fn held_back(&mut self) -> Option<NextLook> {
        let idle = self.running.is_empty() && self.scope.once;
        let options = self.options();
        if options.is_paused() {
            if idle {
                options.warn_of_pause();
                return Some(NextLook::Done);
            }
            return Some(NextLook::Wait(look_again()));
        }
        None
    }

    /// As many books are done as were asked for.
    pub(super) fn has_reached_limit(&self) -> bool {
        self.scope.limit.is_some_and(|limit| self.claims.taken() >= limit)
    }

    /// Nothing can be claimed now: done, or when to look again.
    pub(super) async fn nothing_to_claim(&mut self) -> Result<NextLook, CatalogError> {
        let now = Instant::now();
        let members = self.services.membership().members().len();
        let look_again = now + idle_pause(members, &mut rand::rng());
        let idle = self.running.is_empty() && self.scope.once && self.control.sources.get() == 0;
        let idle_since = *self.idle_since.get_or_insert(now);
        // What this run leaves to the next one is not waited for.
        let put_off = self.services.put_off(self.selection(Vec::new()), 1).await?;
        if put_off.is_empty() && self.running.is_empty() && !self.scope.once {
            self.judgement.borrow_mut().intake.no_book_is_left();
        }
        self.next_due = put_off.first().map(|book| book.until);
        let from = self.catalog_time();
        let wait = |due: Timestamp| Duration::try_from(due.duration_since(from)).unwrap_or_default();
        let due = put_off.first().map(|book| now + wait(book.until).max(SHORTEST));
        if !idle {
            return Ok(NextLook::Wait(due.unwrap_or(look_again).min(look_again)));
        }
        // By hand means now: what others hold is theirs.
        let patience = match self.scope.by_hand {
            true => idle_since,
            false => idle_since + self.services.membership().patience(),
        };
        // What is due much later is the next run's; what another daemon holds may be free when that one has died.
        match due.filter(|due| *due <= now + longest_wait_once(&self.options().retry.backoff)) {
            _ if self.has_reached_limit() => Ok(NextLook::Done),
            Some(due) => Ok(NextLook::Wait(due.min(look_again))),
            None if now < patience => Ok(NextLook::Wait(patience)),
            None => {
                // What came due between the last claim and the question for the next moment is neither: look once more.
                self.claim(false, Vec::new()).await?;
                Ok(if self.claims.is_empty() {
                    NextLook::Done
                } else {
                    NextLook::Wait(now)
                })
            }
        }
    }
}

/// The same with the moment of the next attempt: where a book makes it, and each has a wait of its own, when the first of them is due.
pub(super) fn with_next_attempt(wait: WaitReason, next_due: Option<Timestamp>) -> WaitReason {
    let until = wait.until.max(next_due.filter(|_| wait.cause.is_tried_by_books()));
    WaitReason { until, ..wait }
}

/// How long to sleep with nothing to claim, as one of so many members; drawn, so that they do not all look at once.
pub(super) fn idle_pause(members: usize, rng: &mut impl Rng) -> Duration {
    match members {
        0 | 1 => LOOK_AGAIN,
        _ => LOOK_AGAIN_SHARED.mul_f64(rng.random_range(0.8..1.2)),
    }
}
