//! A book's plan as a pure state machine.
//!
//! Forwards only: claimed → CHECK (only where a list does not decide) → DOWNLOAD → settled. Every outcome of a worker leads to
//! exactly one next step; nothing here waits, asks or looks at a clock.

use crate::session::ErrorClass;
use crate::vocabulary::BookOutcome;

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

/// What to do next with a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanStep {
    /// Ask CHECK.
    Check,
    /// Ask DOWNLOAD.
    Download,
    /// Tell the catalog; the book leaves the supervisor's hands.
    Settle(BookOutcome),
}

/// What a worker said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerOutcome {
    /// CHECK: download it.
    Wanted,
    /// CHECK: nothing to do.
    Same,
    /// CHECK or DOWNLOAD: 404.
    NotThere,
    /// DOWNLOAD: published.
    Published,
    /// DOWNLOAD: the same damage twice.
    DamagedAtSource,
    /// Either: an error of this class.
    Error(ErrorKind),
}

/// What an error means for the book it happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// May pass: the network, a server's bad moment, a damaged fetch.
    Passing,
    /// Will not pass by itself, and it is this book's.
    Lasting,
    /// Has nothing to do with the book: signed out, store full, shutting down, GRIN's gate closed.
    Elsewhere,
}

impl From<&ErrorClass> for ErrorKind {
    fn from(class: &ErrorClass) -> Self {
        match class {
            ErrorClass::Transient { .. } => Self::Passing,
            ErrorClass::Permanent => Self::Lasting,
            ErrorClass::NeedsPerson => Self::Elsewhere,
        }
    }
}

/// The first step with a claimed book.
pub fn first(claim: &BookFacts) -> PlanStep {
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

/// The step after a worker's answer. `attempts` is the configured limit.
pub fn next(claim: &BookFacts, outcome: WorkerOutcome, attempts: u32) -> PlanStep {
    PlanStep::Settle(match outcome {
        WorkerOutcome::Wanted => return PlanStep::Download,
        WorkerOutcome::Same => BookOutcome::UpToDate,
        WorkerOutcome::NotThere => BookOutcome::NotConverted,
        WorkerOutcome::Published => BookOutcome::Stored,
        WorkerOutcome::DamagedAtSource | WorkerOutcome::Error(ErrorKind::Lasting) => BookOutcome::Failed,
        WorkerOutcome::Error(ErrorKind::Elsewhere) => BookOutcome::Released,
        WorkerOutcome::Error(ErrorKind::Passing) if claim.attempts + 1 >= attempts => BookOutcome::Failed,
        WorkerOutcome::Error(ErrorKind::Passing) => BookOutcome::Retry,
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

    #[test]
    fn the_first_step() {
        let cases = [
            ("listed as converted, nothing stored", NEW, PlanStep::Download),
            (
                "stored before: has GRIN another one?",
                BookFacts { stored: true, ..NEW },
                PlanStep::Check,
            ),
            (
                "not on the list: is there one at all?",
                BookFacts { listed: false, ..NEW },
                PlanStep::Check,
            ),
            (
                "killed in the middle of a download",
                BookFacts {
                    interrupted: true,
                    ..NEW
                },
                PlanStep::Check,
            ),
            (
                "forced",
                BookFacts {
                    stored: true,
                    force: true,
                    ..NEW
                },
                PlanStep::Download,
            ),
        ];
        for (what, claim, expected) in cases {
            assert_eq!(first(&claim), expected, "{what}");
        }
    }

    #[test]
    fn each_outcome_leads_to_one_step() {
        let cases = [
            (WorkerOutcome::Wanted, PlanStep::Download),
            (WorkerOutcome::Same, PlanStep::Settle(BookOutcome::UpToDate)),
            (WorkerOutcome::NotThere, PlanStep::Settle(BookOutcome::NotConverted)),
            (WorkerOutcome::Published, PlanStep::Settle(BookOutcome::Stored)),
            (WorkerOutcome::DamagedAtSource, PlanStep::Settle(BookOutcome::Failed)),
            (
                WorkerOutcome::Error(ErrorKind::Passing),
                PlanStep::Settle(BookOutcome::Retry),
            ),
            (
                WorkerOutcome::Error(ErrorKind::Lasting),
                PlanStep::Settle(BookOutcome::Failed),
            ),
            (
                WorkerOutcome::Error(ErrorKind::Elsewhere),
                PlanStep::Settle(BookOutcome::Released),
            ),
        ];
        for (outcome, expected) in cases {
            assert_eq!(next(&NEW, outcome, 5), expected, "{outcome:?}");
        }
    }

    #[test]
    fn the_last_attempt_fails_for_good_but_other_peoples_faults_do_not_count() {
        let worn = BookFacts { attempts: 4, ..NEW };
        assert_eq!(
            next(&worn, WorkerOutcome::Error(ErrorKind::Passing), 5),
            PlanStep::Settle(BookOutcome::Failed)
        );
        assert_eq!(
            next(&worn, WorkerOutcome::Error(ErrorKind::Elsewhere), 5),
            PlanStep::Settle(BookOutcome::Released)
        );
    }

    #[test]
    fn every_plan_ends() {
        for outcome in [
            WorkerOutcome::Same,
            WorkerOutcome::NotThere,
            WorkerOutcome::Published,
            WorkerOutcome::DamagedAtSource,
        ] {
            assert!(matches!(next(&NEW, outcome, 1), PlanStep::Settle(_)));
        }
    }
}
