//! One dependency in trouble: how long nothing is begun because of it, and when a run that ends by itself gives it up.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::policy::{BookFault, shared_pause};
use crate::session::RetryBackoff;
use crate::vocabulary::WaitCause;

/// How often a disk that was full is looked at, and how long the pause is at most while GRIN answers and books fail.
const SHORT_PAUSE: Duration = Duration::from_secs(30);
/// Probes after which a run that ends by itself gives up what only a person can mend.
const PROBES_FOR_A_PERSON: u32 = 3;
/// The same for everything else: with the default back-off, a minute of probing.
const PROBES: u32 = 7;
/// Different books refused one after another, after a series has opened a breaker, before that counts as everybody's trouble.
const REFUSED_IN_A_ROW: u32 = 200;
/// The pause before the next book is tried until then.
const NEXT_BOOK: Duration = Duration::from_secs(3);

/// One dependency in trouble.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    pub since: Instant,
    /// Since when this breaker is open; `since` may be an earlier one's.
    opened: Instant,
    pub until: Instant,
    pub failures: ProbeFailures,
    pub why: String,
    pub needs_person: bool,
    /// It lasts longer than a run that ends by itself waits.
    pub hopeless: bool,
    /// A look at the disk is not believed.
    pub only_a_write_tells: bool,
    pub openers: BTreeSet<Barcode>,
    /// Probes that had been refused in an earlier trouble, or earlier in this one.
    refused_again: BTreeSet<Barcode>,
}

/// Probes that failed since the trouble began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProbeFailures {
    /// Those that tell of everybody.
    of_all: u32,
    /// Those that may tell of their book alone.
    of_one: u32,
    /// Those of books that had been refused before, once these are as many different ones as make it everybody's trouble.
    again: u32,
}

/// What opened a breaker.
pub(super) struct BreakerTrouble {
    pub why: String,
    pub needs_person: bool,
    pub may_be_one_books: bool,
}

impl BreakerTrouble {
    pub fn of(fault: &BookFault) -> Self {
        Self {
            why: fault.detail.clone(),
            needs_person: fault.needs_person,
            may_be_one_books: fault.may_be_one_books(),
        }
    }
}

impl CircuitBreaker {
    /// Opened by this trouble; the pause is still to be set.
    pub fn new(trouble: BreakerTrouble, since: Instant) -> Self {
        Self {
            since,
            opened: since,
            until: since,
            failures: ProbeFailures::default(),
            why: trouble.why,
            needs_person: trouble.needs_person,
            hopeless: false,
            only_a_write_tells: false,
            openers: BTreeSet::new(),
            refused_again: BTreeSet::new(),
        }
    }

    pub fn note_failed_probe(&mut self, may_be_one_books: bool) {
        let failures = &mut self.failures;
        if may_be_one_books && failures.of_one < REFUSED_IN_A_ROW {
            failures.of_one += 1;
        } else {
            failures.of_all += 1;
        }
    }

    pub fn note_refused_again(&mut self, barcode: &Barcode) {
        if self.refused_again.len() < REFUSED_IN_A_ROW as usize {
            self.refused_again.insert(barcode.clone());
        } else {
            self.failures.again += 1;
        }
    }

    /// A run that ends by itself goes on no longer after so much time, however few probes that were.
    pub fn give_up_after(&mut self, longest: Duration, now: Instant) {
        self.hopeless |= self.failures.of_all > 0 && now - self.opened >= longest;
    }

    /// Closed for longer after a probe that failed and was noted.
    pub fn lengthen(&mut self, cause: WaitCause, backoff: &RetryBackoff, now: Instant, rng: &mut impl Rng) {
        let ProbeFailures { of_all, of_one, again } = self.failures;
        let everybodys = of_all + again;
        let longest = match cause {
            _ if everybodys == 0 => NEXT_BOOK,
            WaitCause::Disk if self.only_a_write_tells => Duration::MAX,
            WaitCause::Disk | WaitCause::Failures => SHORT_PAUSE,
            _ => Duration::MAX,
        };
        let probe = if everybodys == 0 { of_one } else { everybodys };
        let pause = shared_pause(backoff, probe, now.duration_since(self.since), rng);
        self.until = now + pause.min(longest);
    }

    pub fn is_hopeless(&self) -> bool {
        let most = if self.needs_person { PROBES_FOR_A_PERSON } else { PROBES };
        self.hopeless || self.failures.of_all >= most || self.failures.of_one >= REFUSED_IN_A_ROW
    }
}
