//! How long to wait before a book is asked for again, and before everybody is.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::policy::FaultOutlook;
use crate::pipeline::policy::head_trust::HeadTrust;
use crate::session::RetryBackoff;
use crate::vocabulary::BookOutcome;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The attempts of a book are spread over so much time at least before it counts as failed.
const FAILED_AFTER: Duration = Duration::from_secs(3 * 24 * 3_600);
/// Waits of a book that fails on the way while others succeed.
const OWN_TROUBLE: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(30),
    cap: DAY,
    attempts: u32::MAX,
};
/// After so much time an archive is asked for again that came twice with the same fault, while all archives do.
pub(super) const PROVEN_AGAIN: Duration = DAY;
/// The pause that everybody makes is at most this in the first minutes of an outage.
const OUTAGE_PAUSE: Duration = Duration::from_secs(30);
/// And at most this however long it lasts.
const OUTAGE_PAUSE_CAP: Duration = Duration::from_secs(15 * 60);
/// In between it is at most this part of the outage's age: ten minutes of outage are followed by half a minute at most.
const OUTAGE_PART: u32 = 20;
/// Tries of one book on a way that fails, in a run that ends by itself.
const TRIES_ONCE: u32 = 6;
/// The same of a book that GRIN refuses: together they are one attempt.
const REFUSALS_ONCE: u32 = 3;
/// The wait after a book's first refusal where everybody may be refused: by then others have been asked for, and have shown whose it is.
const FIRST_REFUSAL: Duration = Duration::from_secs(4 * 60);
/// Books whose failures are remembered; whatever is beyond begins its waits anew, is charged each refusal, and gets no quick tries.
const REMEMBERED: usize = 100_000;
/// Books that a run that ends by itself leaves to the next one although they are due: each claim skips all of them.
pub const MOST_LEFT: usize = 1_000;
/// What is left beyond that is due so much later, and is tried once more if the run still goes on then.
const LEFT_LATER: Duration = Duration::from_secs(3_600);

/// The wait after a book's `attempt`-th failed attempt of `limit`: four times the one before, so that the last attempt comes three
/// days after the first or later. With six attempts: 13 minutes, 51 minutes, 3.4, 13.5 and 54 hours.
fn attempt_delay(limit: u32, attempt: u32) -> Duration {
    let waits = limit.saturating_sub(1).clamp(1, 12);
    let power = |nth: u32| f64::from(4_u32.pow(nth));
    let sum = (power(waits + 1) - 4.0) / 3.0;
    FAILED_AFTER.mul_f64(power(attempt.clamp(1, waits)) / sum)
}

/// The longest wait for one book in a run that ends by itself; what is due later is the next run's.
pub fn longest_wait_once(backoff: &RetryBackoff) -> Duration {
    backoff.cap.max(10 * MINUTE)
}

/// The pause that everybody makes after the `probe`-th probe that failed, in an outage of this age.
pub fn shared_pause(backoff: &RetryBackoff, probe: u32, age: Duration, rng: &mut impl Rng) -> Duration {
    let longest = (age / OUTAGE_PART).clamp(OUTAGE_PAUSE, OUTAGE_PAUSE_CAP);
    backoff.pause(probe, rng).min(longest)
}

/// How often books failed that were not to blame for it, since they last succeeded. Kept in memory: after a restart the
/// waits begin anew, which costs GRIN one request a book.
#[derive(Debug, Default)]
pub struct FailureMemory {
    tries: HashMap<Barcode, BookTries>,
    left: HashSet<Barcode>,
    /// The one for which there was no place last.
    beyond: Option<BookTries>,
    heads: HeadTrust,
}

#[derive(Debug, Clone, Copy)]
struct BookTries {
    tries: u32,
    /// Attempts that failed through the book's own fault.
    refusals: u32,
    /// Failures between which others succeeded.
    own: u32,
    first: Instant,
    last: Instant,
    /// When it failed on its way to us last.
    failed_on_the_way: Option<Instant>,
    /// After how many of these failures another book was served before the next one.
    served_between: u32,
    /// A person was told of what stands in its place.
    is_told: bool,
    /// Its HEAD failed on the way.
    head_failed: bool,
}

/// How long a book is put off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutOff {
    /// Before it is due again.
    pub delay: Duration,
    /// A run that ends by itself leaves it to the next one.
    pub left: bool,
    /// Whether the attempt counts.
    pub counts: bool,
}

impl PutOff {
    /// The moment that is so far from now.
    pub fn due_at(self, now: Timestamp) -> Timestamp {
        now.checked_add(self.delay).unwrap_or(Timestamp::MAX)
    }
}

/// How long a book waits after a failure.
struct BookWait {
    /// By the schedule that holds whoever runs.
    scheduled: Duration,
    /// Before a quick try more, which a run that ends by itself makes first; `None`: it has made enough of them.
    quick: Option<Duration>,
    /// Whether the attempt counts.
    counts: bool,
}

impl FailureMemory {
    /// Forgets a book that succeeded or was settled otherwise.
    pub fn forget(&mut self, barcode: &Barcode) {
        self.tries.remove(barcode);
    }

    /// Books that this run leaves to the next one: some may be due, and are not to be taken again.
    pub fn left(&self) -> &HashSet<Barcode> {
        &self.left
    }

    /// When a book is due again after an attempt that a fault ended. Its schedule is one for all runs; one that ends by itself waits
    /// for nothing but a few quick tries, which do not count, and leaves the book to the next run then. What the server asked for is
    /// waited for, in such a run as long as all waits for one book together are not too long.
    pub fn due_again(
        &mut self,
        attempt: &FailedAttempt<'_>,
        now: Instant,
        rules: &PutOffRules<'_>,
        rng: &mut impl Rng,
    ) -> PutOff {
        let wait = match attempt.outcome {
            BookOutcome::Released => self.put_off(attempt, now, rules, rng),
            BookOutcome::Retry => self.refused(attempt, now, rules, rng),
            // It is done: stored, or failed for good.
            _ => {
                self.forget(attempt.barcode);
                return PutOff::default();
            }
        };
        let asked = attempt.asked_wait.unwrap_or_default();
        // Without a place nobody could tell how many quick tries there were.
        let waited = self.tries.get(attempt.barcode).map(|tries| now - tries.first);
        let is_short = |delay: &Duration| {
            waited.is_some_and(|waited| asked.is_zero() || waited + *delay < longest_wait_once(rules.backoff))
        };
        let quick = wait.quick.map(|quick| quick.max(asked)).filter(is_short);
        if let (true, Some(delay)) = (rules.once, quick) {
            return PutOff {
                delay,
                ..PutOff::default()
            };
        }
        let delay = wait.scheduled.max(asked);
        let has_place = !rules.once || self.leave(attempt.barcode);
        PutOff {
            delay: if has_place { delay } else { delay.max(LEFT_LATER) },
            left: rules.once,
            counts: wait.counts,
        }
    }

    /// A book failed through its own fault, as far as is known: the first time, where everybody may be refused, it is not charged yet.
    fn refused(
        &mut self,
        attempt: &FailedAttempt<'_>,
        now: Instant,
        rules: &PutOffRules<'_>,
        rng: &mut impl Rng,
    ) -> BookWait {
        let is_first = self.is_first_refusal(attempt.barcode, attempt.outlook, attempt.may_meet_all);
        let tries = self.remember(attempt.barcode, now);
        tries.refusals += 1;
        let may_change = attempt.outlook == FaultOutlook::Open && tries.refusals < REFUSALS_ONCE;
        BookWait {
            scheduled: if is_first {
                FIRST_REFUSAL
            } else {
                attempt_delay(attempt.limit, attempt.number)
            },
            counts: !is_first,
            quick: may_change.then(|| rules.backoff.pause(tries.refusals, rng)),
        }
    }

    /// Whether a book that was refused in this way is not charged: the first time, where everybody may be refused.
    pub fn is_first_refusal(&self, barcode: &Barcode, outlook: FaultOutlook, may_meet_all: bool) -> bool {
        let is_first = match self.tries.get(barcode) {
            Some(tries) => tries.refusals == 0,
            // Without a place the second one could not be told from the first.
            None => self.tries.len() < REMEMBERED,
        };
        is_first && may_meet_all && outlook == FaultOutlook::Open
    }

    /// Notes a failure on the way; comes back with how many of them were each followed by an archive that was served to this run, and then by
    /// another one. `last_served`: when the last of these was.
    pub fn failed_on_the_way(&mut self, barcode: &Barcode, now: Instant, last_served: Option<Instant>) -> u32 {
        let tries = self.remember(barcode, now);
        let before = tries.failed_on_the_way.replace(now);
        let was_served_between = before.zip(last_served).is_some_and(|(before, served)| served > before);
        tries.served_between += u32::from(was_served_between);
        tries.served_between
    }

    /// Whether a person is to be told now what has to be mended for a book that failed: once until it succeeds, and not at each of its tries.
    pub fn is_to_be_told(&mut self, barcode: &Barcode) -> bool {
        let tries = self.tries.get_mut(barcode);
        tries.is_none_or(|tries| !std::mem::replace(&mut tries.is_told, true))
    }

    /// Whether a book is asked for by HEAD first; otherwise a GET decides.
    pub fn is_head_asked(&self, barcode: &Barcode) -> bool {
        let failed_before = self.tries.get(barcode).is_some_and(|tries| tries.head_failed);
        self.heads.is_asked(failed_before)
    }

    /// HEAD was answered, whatever the answer.
    pub fn head_answered(&mut self) {
        self.heads.answered();
    }

    /// The HEAD of a book failed on the way: the next time a GET decides.
    pub fn head_failed(&mut self, barcode: &Barcode, now: Instant) {
        self.remember(barcode, now).head_failed = true;
        self.heads.failed(barcode);
    }

    /// A GET was answered, whatever the answer.
    pub fn get_answered(&mut self) {
        self.heads.get_answered();
    }

    /// Leaves a book to the next run; `false` if there is no place for it.
    fn leave(&mut self, barcode: &Barcode) -> bool {
        if self.left.len() < MOST_LEFT {
            self.left.insert(barcode.clone());
        }
        self.left.contains(barcode)
    }

    /// What is known of the failures of a book since it last succeeded.
    fn remember(&mut self, barcode: &Barcode, now: Instant) -> &mut BookTries {
        let new = BookTries {
            tries: 0,
            refusals: 0,
            own: 0,
            first: now,
            last: now,
            failed_on_the_way: None,
            served_between: 0,
            is_told: false,
            head_failed: false,
        };
        if self.tries.len() >= REMEMBERED && !self.tries.contains_key(barcode) {
            return self.beyond.insert(new);
        }
        self.tries.entry(barcode.clone()).or_insert(new)
    }

    /// A book failed through no fault of its own. While nothing at all succeeds it shares in the outage and is put off no
    /// longer than everybody; once others succeeded since its last failure, its own waits double up to a day. Where that has come to be its
    /// own trouble, they double whether others are asked for or not: there may be none left.
    fn put_off(
        &mut self,
        attempt: &FailedAttempt<'_>,
        now: Instant,
        rules: &PutOffRules<'_>,
        rng: &mut impl Rng,
    ) -> BookWait {
        let tries = self.remember(attempt.barcode, now);
        let has_own_trouble = attempt.has_own_trouble;
        if tries.tries > 0 && (has_own_trouble || rules.last_good.is_some_and(|good| good > tries.last)) {
            tries.own += 1;
        }
        tries.tries += 1;
        tries.last = now;
        let tries = *tries;
        let own = OWN_TROUBLE.pause(tries.own, rng);
        let shared = shared_pause(rules.backoff, tries.tries, now.duration_since(tries.first), rng);
        BookWait {
            scheduled: if tries.own > 0 { own.max(shared) } else { shared },
            quick: (attempt.outlook == FaultOutlook::Open && tries.tries < TRIES_ONCE).then_some(shared),
            counts: false,
        }
    }
}

/// An attempt at a book that a fault ended.
#[derive(Debug, Clone, Copy)]
pub struct FailedAttempt<'a> {
    /// The book.
    pub barcode: &'a Barcode,
    /// What became of the book.
    pub outcome: BookOutcome,
    /// Which of the book's attempts it was, the first being 1.
    pub number: u32,
    /// Attempts that count, before the book has failed.
    pub limit: u32,
    /// What the server asked for before the next attempt.
    pub asked_wait: Option<Duration>,
    /// What the next attempt would bring.
    pub outlook: FaultOutlook,
    /// Everybody may meet what it met.
    pub may_meet_all: bool,
    /// It fails on its way while others are served.
    pub has_own_trouble: bool,
}

/// What [`FailureMemory::due_again`] goes by.
#[derive(Debug, Clone, Copy)]
pub struct PutOffRules<'a> {
    /// Waits between attempts.
    pub backoff: &'a RetryBackoff,
    /// The run ends by itself.
    pub once: bool,
    /// When another book last succeeded in what this one failed in.
    pub last_good: Option<Instant>,
}

#[cfg(test)]
mod tests;
