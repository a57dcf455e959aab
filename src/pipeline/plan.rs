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
    /// The archive may have been published by a run that ended before it could say so.
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
    PlanStep::Settle(match outcome {
        WorkerOutcome::Wanted => return PlanStep::Download,
        WorkerOutcome::Same => BookOutcome::UpToDate,
        WorkerOutcome::NotThere => BookOutcome::NotConverted,
        WorkerOutcome::Published => BookOutcome::Stored,
        WorkerOutcome::NotBegun => BookOutcome::Released,
        WorkerOutcome::Fault(Blame::Book, FaultOutlook::Proven) => BookOutcome::Failed,
        WorkerOutcome::Fault(Blame::Book, FaultOutlook::Same) if limits.once => BookOutcome::Failed,
        WorkerOutcome::Fault(Blame::Book, _) if claim.attempts + 1 >= limits.attempts => BookOutcome::Failed,
        WorkerOutcome::Fault(Blame::Book, _) => BookOutcome::Retry,
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
        ];
        assert_eq!(next(NEW, WorkerOutcome::Wanted, DAEMON), PlanStep::Download);
        for (claim, outcome, limits, expected) in cases {
            assert_eq!(next(claim, outcome, limits), PlanStep::Settle(expected), "{outcome:?}");
        }
    }
}
