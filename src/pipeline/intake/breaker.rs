//! One dependency in trouble: how long nothing is begun because of it, and when a run that ends by itself gives it up.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::policy::{BookFault, shared_pause};
use crate::session::RetryBackoff;
use crate::vocabulary::{Blame, WaitCause};

/// How often a disk that was full, or a storage that was not mounted, is looked at, and how long the pause is at most while GRIN answers and books fail.
const SHORT_PAUSE: Duration = Duration::from_secs(30);
/// Probes after which a run that ends by itself gives up what only a person can mend.
const PROBES_FOR_A_PERSON: u32 = 3;
/// The same for everything else: with the default back-off, a minute of probing.
const PROBES: u32 = 7;
/// Different books refused one after another, after a series has opened a breaker, before that counts as everybody's trouble.
const REFUSED_IN_A_ROW: u32 = 200;
/// Books remembered of one incident; further ones have waits of their own.
const MOST_OPENERS: usize = 256;
/// The pause before the next book is tried until then.
const NEXT_BOOK: Duration = Duration::from_secs(3);

/// One dependency in trouble.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    pub since: Instant,
    /// Since when this breaker is open; `since` may be an earlier one's.
    opened: Instant,
    pub until: Instant,
    /// Until then because somebody wanted it: a failure lengthens nothing.
    is_early: bool,
    pub failures: ProbeFailures,
    pub why: String,
    pub needs_person: bool,
    /// It says why everybody is refused, and not only how the first books fared.
    is_explained: bool,
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
    pub is_explained: bool,
    pub may_be_one_books: bool,
}

/// The failure of a book while a breaker is open for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailedProbe {
    pub may_be_one_books: bool,
    /// The book was refused before, and this is such a refusal.
    pub refused_before: bool,
    /// Archives of other books are served.
    pub others_served: bool,
    /// The run ends by itself.
    pub once: bool,
}

/// What such a failure tells where the book was the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeNews {
    Everybodys,
    MayBeOneBooks,
    /// Counted apart from the others.
    RefusedAgain,
    /// That the next other book is to be tried after a pause.
    ThatBooks,
    /// That what was known from this very book lasts: nothing is counted.
    StillSo,
}

impl FailedProbe {
    /// `None`: nothing new. A book that opened the breaker is the probe only where no other book can be had, and has a wait of its own;
    /// where its failure may be its own, a book that arrives is a probe at once. In a run that ends by itself its failure counts. Nor
    /// is there another way to learn that a disk has room than such a book, where only a write tells.
    fn news(self, was_opener: bool, only_a_write_tells: bool) -> Option<ProbeNews> {
        match self {
            Self {
                refused_before: true,
                once: false,
                ..
            } => Some(ProbeNews::RefusedAgain),
            // Each is asked a few times at most.
            Self {
                refused_before: true,
                others_served: true,
                ..
            } => Some(ProbeNews::ThatBooks),
            // No other book can be had, and none was served.
            Self {
                refused_before: true, ..
            } => Some(ProbeNews::Everybodys),
            _ if was_opener && !only_a_write_tells && self.may_be_one_books => None,
            _ if was_opener && !only_a_write_tells && !self.once => Some(ProbeNews::StillSo),
            Self {
                may_be_one_books: true, ..
            } => Some(ProbeNews::MayBeOneBooks),
            _ => Some(ProbeNews::Everybodys),
        }
    }
}

impl BreakerTrouble {
    pub fn of(fault: &BookFault) -> Self {
        Self {
            why: fault.detail.clone(),
            needs_person: fault.needs_person,
            is_explained: fault.blame == Blame::Operator,
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
            is_early: false,
            failures: ProbeFailures::default(),
            why: trouble.why,
            needs_person: trouble.needs_person,
            is_explained: trouble.is_explained,
            hopeless: false,
            only_a_write_tells: false,
            openers: BTreeSet::new(),
            refused_again: BTreeSet::new(),
        }
    }

    /// Notes a book that failed in this trouble; `true` if it is known to have.
    pub fn add_opener(&mut self, barcode: &Barcode, fault: &BookFault) -> bool {
        if fault.needs_person && !self.needs_person || fault.blame == Blame::Operator && !self.is_explained {
            self.needs_person |= fault.needs_person;
            self.is_explained = true;
            self.why.clone_from(&fault.detail);
        }
        let was_opener = self.openers.contains(barcode);
        if self.openers.len() < MOST_OPENERS {
            self.openers.insert(barcode.clone());
        }
        was_opener
    }

    /// Counts the failure of the probe. Returns what it tells, if that calls for a pause.
    pub fn note_probe(&mut self, failure: FailedProbe, barcode: &Barcode, was_opener: bool) -> Option<ProbeNews> {
        let news = failure.news(was_opener, self.only_a_write_tells);
        match news {
            Some(ProbeNews::Everybodys) => self.note_failed_probe(false),
            Some(ProbeNews::MayBeOneBooks) => self.note_failed_probe(true),
            Some(ProbeNews::RefusedAgain) if !self.is_early => self.note_refused_again(barcode),
            Some(ProbeNews::RefusedAgain | ProbeNews::ThatBooks | ProbeNews::StillSo) | None => {}
        }
        news
    }

    pub fn note_failed_probe(&mut self, may_be_one_books: bool) {
        if self.is_early {
            return;
        }
        let failures = &mut self.failures;
        if may_be_one_books && failures.of_one < REFUSED_IN_A_ROW {
            failures.of_one += 1;
        } else {
            failures.of_all += 1;
        }
    }

    fn note_refused_again(&mut self, barcode: &Barcode) {
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
            WaitCause::Disk | WaitCause::Mount | WaitCause::Failures => SHORT_PAUSE,
            _ => Duration::MAX,
        };
        let probe = if everybodys == 0 { of_one } else { everybodys };
        let pause = shared_pause(backoff, probe, now.duration_since(self.since), rng);
        (self.until, self.is_early) = (now + pause.min(longest), false);
    }

    /// Closed for no longer than until then, before the pause is over.
    pub fn probe_early(&mut self, at: Instant) {
        (self.until, self.is_early) = (at, true);
    }

    /// Closed for a moment: a book that arrives meanwhile, and may be served, waits for no longer.
    pub fn pause_briefly(&mut self, backoff: &RetryBackoff, now: Instant, rng: &mut impl Rng) {
        let brief = RetryBackoff {
            base: NEXT_BOOK,
            ..*backoff
        };
        (self.until, self.is_early) = (now + brief.pause(1, rng), false);
    }

    /// Whether a book that was stored, and had begun then, leaves it open: one that GRIN had let have its archive before says nothing of
    /// whom GRIN refuses since.
    pub fn stays_open(&self, cause: WaitCause, began: Instant) -> bool {
        use WaitCause as C;
        began < self.opened && matches!(cause, C::Grin | C::Gate | C::Token | C::SignIn | C::Failures)
    }

    pub fn is_hopeless(&self) -> bool {
        let most = if self.needs_person { PROBES_FOR_A_PERSON } else { PROBES };
        self.hopeless || self.failures.of_all >= most || self.failures.of_one >= REFUSED_IN_A_ROW
    }
}

/// One such fault is enough: it says of itself that it would meet every book.
pub(super) fn is_everybodys(fault: &BookFault, cause: WaitCause) -> bool {
    match cause {
        WaitCause::Grin => fault.needs_person,
        WaitCause::SignIn => fault.needs_person,
        // Judged by how others fared.
        WaitCause::Failures | WaitCause::Passphrase => fault.blame == Blame::Operator,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_probe_tells() {
        use ProbeNews::{Everybodys, MayBeOneBooks, RefusedAgain, StillSo, ThatBooks};
        let probe = |[may_be_one_books, refused_before, others_served, once]: [bool; 4]| FailedProbe {
            may_be_one_books,
            refused_before,
            others_served,
            once,
        };
        let (yes, no) = (true, false);
        for (of, was_opener, only_a_write_tells, news) in [
            // It had no part in the trouble.
            ([no, no, no, no], no, no, Some(Everybodys)),
            ([yes, no, no, no], no, no, Some(MayBeOneBooks)),
            ([yes, no, yes, yes], no, no, Some(MayBeOneBooks)),
            // It opened the breaker.
            ([no, no, no, no], yes, no, Some(StillSo)),
            ([no, no, no, no], yes, yes, Some(Everybodys)),
            ([no, no, no, yes], yes, no, Some(Everybodys)),
            ([yes, no, no, no], yes, no, None),
            ([yes, no, no, yes], yes, no, None),
            // It was refused before.
            ([yes, yes, no, no], no, no, Some(RefusedAgain)),
            ([yes, yes, yes, no], yes, no, Some(RefusedAgain)),
            ([yes, yes, yes, yes], yes, no, Some(ThatBooks)),
            ([yes, yes, no, yes], yes, no, Some(Everybodys)),
        ] {
            assert_eq!(
                probe(of).news(was_opener, only_a_write_tells),
                news,
                "{of:?} {was_opener} {only_a_write_tells}"
            );
        }
    }
}
