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
    /// No list had the time to tell its archive's name, which is guessed.
    pub name_to_come: bool,
    /// Attempts that failed before this one.
    pub attempts: u32,
    /// What it met last is not charged: its first refusal, where everybody may be refused.
    pub first_refusal: bool,
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
    /// Tell the catalog that the lists have to tell its archive's name first; the claim ends.
    SettleUnnamed,
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

/// The step after a worker's answer; a book has failed when so many attempts of it have counted.
pub fn next(claim: BookFacts, outcome: WorkerOutcome, most_attempts: u32) -> PlanStep {
    if claim.interrupted && leaves_the_store(outcome) {
        return PlanStep::SettleFound;
    }
    let is_last = !claim.first_refusal && claim.attempts + 1 >= most_attempts;
    PlanStep::Settle(match outcome {
        WorkerOutcome::Wanted => return PlanStep::Download,
        WorkerOutcome::Same => BookOutcome::UpToDate,
        WorkerOutcome::NotThere if claim.name_to_come => return PlanStep::SettleUnnamed,
        WorkerOutcome::NotThere => BookOutcome::NotConverted,
        WorkerOutcome::Published => BookOutcome::Stored,
        WorkerOutcome::NotBegun => BookOutcome::Released,
        WorkerOutcome::Panicked if is_last => BookOutcome::Failed,
        WorkerOutcome::Panicked => BookOutcome::Retry,
        WorkerOutcome::Fault(Blame::Book, outlook) if is_last || outlook == FaultOutlook::Proven => BookOutcome::Failed,
        WorkerOutcome::Fault(Blame::Book, _) => BookOutcome::Retry,
        WorkerOutcome::Fault(Blame::Path | Blame::Operator | Blame::Us, _) => BookOutcome::Released,
    })
}

/// What a book becomes that its run leaves to the next one. One that failed through its own fault is given up: attempts that are days
/// apart are not for a run that ends by itself, and the book is served again when its time has come. Where an interrupted run may have
/// published it, the store is looked at before that.
pub fn left(outcome: BookOutcome, interrupted: bool) -> BookOutcome {
    match outcome {
        BookOutcome::Retry if !interrupted => BookOutcome::Failed,
        other => other,
    }
}

/// Nothing newer came, and what the store holds is as it was found: that is what the book is, whatever GRIN answered. A fault of ours,
/// or a panic, may have come in the middle of a publication, and then the store may hold either archive.
fn leaves_the_store(outcome: WorkerOutcome) -> bool {
    use WorkerOutcome as W;
    match outcome {
        W::Same | W::NotThere | W::NotBegun => true,
        W::Fault(blame, _) => blame != Blame::Us,
        W::Wanted | W::Published | W::Panicked => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: BookFacts = BookFacts {
        stored: false,
        listed: true,
        interrupted: false,
        force: false,
        name_to_come: false,
        attempts: 0,
        first_refusal: false,
    };
    const ATTEMPTS: u32 = 5;

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
        let uncharged = BookFacts {
            first_refusal: true,
            ..worn
        };
        let cases = [
            (NEW, WorkerOutcome::Same, B::UpToDate),
            (NEW, WorkerOutcome::NotThere, B::NotConverted),
            (NEW, WorkerOutcome::Published, B::Stored),
            (NEW, WorkerOutcome::NotBegun, B::Released),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Open), B::Retry),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Same), B::Retry),
            (NEW, WorkerOutcome::Fault(Blame::Book, O::Proven), B::Failed),
            (worn, WorkerOutcome::Fault(Blame::Book, O::Open), B::Failed),
            (worn, WorkerOutcome::Fault(Blame::Book, O::Same), B::Failed),
            (uncharged, WorkerOutcome::Fault(Blame::Book, O::Open), B::Retry),
            (worn, WorkerOutcome::Fault(Blame::Path, O::Open), B::Released),
            (worn, WorkerOutcome::Fault(Blame::Operator, O::Same), B::Released),
            (worn, WorkerOutcome::Fault(Blame::Us, O::Open), B::Released),
            (NEW, WorkerOutcome::Panicked, B::Retry),
            (worn, WorkerOutcome::Panicked, B::Failed),
        ];
        assert_eq!(next(NEW, WorkerOutcome::Wanted, ATTEMPTS), PlanStep::Download);
        for (claim, outcome, expected) in cases {
            assert_eq!(
                next(claim, outcome, ATTEMPTS),
                PlanStep::Settle(expected),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_guessed_name_that_grin_does_not_know_says_nothing_of_the_book_before_the_lists_were_read() {
        let guessed = BookFacts {
            name_to_come: true,
            ..NEW
        };
        let found = BookFacts {
            interrupted: true,
            ..guessed
        };
        for (claim, outcome, expected) in [
            (guessed, WorkerOutcome::NotThere, PlanStep::SettleUnnamed),
            (found, WorkerOutcome::NotThere, PlanStep::SettleFound),
            (guessed, WorkerOutcome::Published, PlanStep::Settle(BookOutcome::Stored)),
            (
                guessed,
                WorkerOutcome::NotBegun,
                PlanStep::Settle(BookOutcome::Released),
            ),
            (
                NEW,
                WorkerOutcome::NotThere,
                PlanStep::Settle(BookOutcome::NotConverted),
            ),
        ] {
            assert_eq!(next(claim, outcome, ATTEMPTS), expected, "{claim:?} {outcome:?}");
        }
    }

    #[test]
    fn what_a_run_leaves_to_the_next_one_is_given_up_where_it_failed_through_its_own_fault() {
        use BookOutcome as B;
        for (outcome, interrupted, expected) in [
            (B::Retry, false, B::Failed),
            (B::Retry, true, B::Retry),
            (B::Released, false, B::Released),
            (B::Released, true, B::Released),
        ] {
            assert_eq!(left(outcome, interrupted), expected, "{outcome:?} {interrupted}");
        }
    }

    #[test]
    fn what_an_interrupted_run_published_is_stored_unless_a_newer_archive_is() {
        use BookOutcome as B;
        use FaultOutlook as O;
        use WorkerOutcome as W;
        let found = BookFacts {
            interrupted: true,
            ..NEW
        };
        let worn = BookFacts { attempts: 4, ..found };
        let outlooks = [O::Open, O::Same, O::Proven];
        let of = |blame| outlooks.map(|outlook| W::Fault(blame, outlook));
        let refusals = [Blame::Book, Blame::Path, Blame::Operator].map(of).concat();
        for outcome in refusals.into_iter().chain([W::Same, W::NotThere, W::NotBegun]) {
            for claim in [found, worn] {
                assert_eq!(
                    next(claim, outcome, ATTEMPTS),
                    PlanStep::SettleFound,
                    "{claim:?} {outcome:?}"
                );
            }
        }
        for (claim, outcome, expected) in [
            (found, W::Wanted, PlanStep::Download),
            (found, W::Published, PlanStep::Settle(B::Stored)),
            // The store may hold either archive.
            (worn, W::Fault(Blame::Us, O::Open), PlanStep::Settle(B::Released)),
            (found, W::Panicked, PlanStep::Settle(B::Retry)),
            (worn, W::Panicked, PlanStep::Settle(B::Failed)),
        ] {
            assert_eq!(next(claim, outcome, ATTEMPTS), expected, "{claim:?} {outcome:?}");
        }
    }
}
