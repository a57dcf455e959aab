//! A book's plan as a pure state machine.
//!
//! Forwards only: claimed → CHECK (only where a list does not decide) → DOWNLOAD → settled. Every outcome of a worker leads to
//! exactly one next step; nothing here waits, asks or looks at a clock.

use crate::pipeline::policy::FaultOutlook;
use crate::vocabulary::{Blame, BookOutcome};

/// What the catalog knows of a book when it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookFacts {
    /// An archive of it is stored already.
    pub stored: bool,
    /// GRIN's list of converted books named it.
    pub listed: bool,
    /// An archive was found that was published by a run that ended before it could say so.
    pub interrupted: bool,
    /// The user wants it downloaded whatever CHECK would say.
    pub force: bool,
    /// Attempts that failed before this one.
    pub attempts: u32,
}

/// How many attempts a book has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Attempts that count, before the book has failed.
    pub attempts: u32,
    /// The run ends by itself, so an answer that will not change soon ends the book's part in it.
    pub once: bool,
}

/// What to do next with a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanStep {
    /// Ask CHECK.
    Check,
    /// Ask DOWNLOAD.
    Download,
    /// Tell the catalog; the claim ends.
    Settle(BookOutcome),
    /// Tell the catalog that what an interrupted run published is stored; the claim ends.
    SettleFound,
}

/// What a worker answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerOutcome {
    /// CHECK: download it.
    Wanted,
    /// CHECK, or DOWNLOAD at the head of the answer: nothing to do.
    Same,
    /// CHECK or DOWNLOAD: 404.
    NotThere,
    /// DOWNLOAD: published.
    Published,
    /// Not begun, because a drain had begun before.
    NotBegun,
    /// Either: an error, with whose fault it is and what the next attempt would bring.
    Fault(Blame, FaultOutlook),
    /// Either, or the book's own run: a panic, perhaps in the middle of a publication.
    Panicked,
}

/// The first step with a claimed book.
pub fn first(claim: BookFacts) -> PlanStep {
    match claim {
        BookFacts { force: true, .. } => PlanStep::Download,
        // One GET answers both questions: is it there, and what is it (peers spend a HEAD here, at five requests a second).
        BookFacts {
            stored: false,
            listed: true,
            interrupted: false,
            ..
        } => PlanStep::Download,
        _ => PlanStep::Check,
    }
}

/// The step after a worker's answer.
pub fn next(claim: BookFacts, outcome: WorkerOutcome, limits: AttemptLimits) -> PlanStep {
    let is_last = claim.attempts + 1 >= limits.attempts;
    PlanStep::Settle(match outcome {
        WorkerOutcome::Wanted => return PlanStep::Download,
        WorkerOutcome::Same => BookOutcome::UpToDate,
        WorkerOutcome::NotThere => BookOutcome::NotConverted,
        WorkerOutcome::Published => BookOutcome::Stored,
        WorkerOutcome::NotBegun => BookOutcome::Released,
        WorkerOutcome::Panicked if is_last => BookOutcome::Failed,
        WorkerOutcome::Panicked => BookOutcome::Retry,
        WorkerOutcome::Fault(Blame::Book, outlook) => {
            let is_final = match outlook {
                FaultOutlook::Proven => true,
                FaultOutlook::Same => limits.once || is_last,
                FaultOutlook::Open => is_last,
            };
            match (is_final, claim.interrupted) {
                // The newer archive cannot be had: the book is what the store holds.
                (true, true) => return PlanStep::SettleFound,
                (true, false) => BookOutcome::Failed,
                (false, _) => BookOutcome::Retry,
            }
        }
        WorkerOutcome::Fault(Blame::Path | Blame::Operator | Blame::Us, _) => BookOutcome::Released,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: BookFacts = BookFacts {
        stored: false,
        listed: true,
        interrupted: false,
        force: false,
        attempts: 0,
    };
    const DAEMON: AttemptLimits = AttemptLimits {
        attempts: 5,
        once: false,
    };

    #[test]
    fn the_first_step() {
        let stored = BookFacts { stored: true, ..NEW };
        let interrupted = BookFacts {
            interrupted: true,
            ..NEW
        };
        let cases = [
            ("listed as converted, nothing stored", NEW, PlanStep::Download),
            ("stored before: has GRIN another one?", stored, PlanStep::Check),
            (
                "not on the list: is there one at all?",
                BookFacts { listed: false, ..NEW },
                PlanStep::Check,
            ),
            ("killed in the middle of a download", interrupted, PlanStep::Check),
            ("forced", BookFacts { force: true, ..stored }, PlanStep::Download),
        ];
        for (what, claim, expected) in cases {
            assert_eq!(first(claim), expected, "{what}");
        }
    }

    #[test]
    fn each_outcome_leads_to_one_step() {
        use BookOutcome as B;
        use FaultOutlook as O;
        let worn = BookFacts { attempts: 4, ..NEW };
        let once = AttemptLimits { once: true, ..DAEMON };
        let cases = [
            (NEW, WorkerOutcome::Same, DAEMON, B::UpToDate),
            (NEW, WorkerOutcome::NotThere, DAEMON, B::NotConverted),
            (NEW, WorkerOutcome::Published, DAEMON, B::Stored),
            (NEW, WorkerOutcome::NotBegun, DAEMON, B::Released),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Open), DAEMON, B::Retry),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Same), DAEMON, B::Retry),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Same), once, B::Failed),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Proven), DAEMON, B::Failed),
            (worn, WorkerOutcome::Fault(Blame::Book, O::Open), DAEMON, B::Failed),
            (worn, WorkerOutcome::Fault(Blame::Path, O::Open), DAEMON, B::Released),
            (worn, WorkerOutcome::Fault(Blame::Path, O::Open), once, B::Released),
            (worn, WorkerOutcome::Fault(Blame::Operator, O::Same), once, B::Released),
            (worn, WorkerOutcome::Fault(Blame::Us, O::Open), DAEMON, B::Released),
            (NEW, WorkerOutcome::Panicked, DAEMON, B::Retry),
            (worn, WorkerOutcome::Panicked, DAEMON, B::Failed),
        ];
        assert_eq!(next(NEW, WorkerOutcome::Wanted, DAEMON), PlanStep::Download);
        for (claim, outcome, limits, expected) in cases {
            assert_eq!(next(claim, outcome, limits), PlanStep::Settle(expected), "{outcome:?}");
        }
    }

    #[test]
    fn what_an_interrupted_run_published_is_stored_where_the_newer_archive_cannot_be_had() {
        use BookOutcome as B;
        use FaultOutlook as O;
        let found = BookFacts {
            interrupted: true,
            ..NEW
        };
        let worn = BookFacts { attempts: 4, ..found };
        let once = AttemptLimits { once: true, ..DAEMON };
        let of_book = |outlook| WorkerOutcome::Fault(Blame::Book, outlook);
        for (claim, outcome, limits, expected) in [
            (found, of_book(O::Proven), DAEMON, PlanStep::SettleFound),
            (found, of_book(O::Same), once, PlanStep::SettleFound),
            (worn, of_book(O::Open), DAEMON, PlanStep::SettleFound),
            (found, of_book(O::Open), DAEMON, PlanStep::Settle(B::Retry)),
            (found, of_book(O::Same), DAEMON, PlanStep::Settle(B::Retry)),
            (
                worn,
                WorkerOutcome::Fault(Blame::Path, O::Open),
                DAEMON,
                PlanStep::Settle(B::Released),
            ),
            // The store may hold either archive.
            (worn, WorkerOutcome::Panicked, DAEMON, PlanStep::Settle(B::Failed)),
        ] {
            assert_eq!(next(claim, outcome, limits), expected, "{claim:?} {outcome:?}");
        }
    }
}
