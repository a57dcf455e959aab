//! Room `supervisor`: a book's plan as a pure state machine.
//!
//! Forwards only: claimed → CHECK (only where a list does not decide) → DOWNLOAD → settled. Every outcome of a worker leads to
//! exactly one next step; nothing here waits, asks or looks at a clock.

use crate::session::ErrorClass;

/// What the catalog knows of a book when it is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
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
pub enum Step {
    /// Ask CHECK.
    Check,
    /// Ask DOWNLOAD.
    Download,
    /// Tell the catalog; the book leaves the supervisor's hands.
    Settle(Verdict),
}

/// How a book leaves the supervisor's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// New in the store.
    Home,
    /// In the store already, and still what GRIN has.
    UpToDate,
    /// GRIN has no archive of it: ask for conversion.
    NotConverted,
    /// Again later; counts as an attempt.
    Retry,
    /// Again later, through no fault of the book: it keeps its attempts.
    HandBack,
    /// Not again by itself.
    Failed,
}

/// What a worker said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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
pub fn first(claim: &Claim) -> Step {
    match claim {
        Claim { force: true, .. } => Step::Download,
        // One GET answers both questions: is it there, and what is it (peers spend a HEAD here, at five requests a second).
        Claim {
            stored: false,
            listed: true,
            interrupted: false,
            ..
        } => Step::Download,
        _ => Step::Check,
    }
}

/// The step after a worker's answer. `attempts` is the configured limit.
pub fn next(claim: &Claim, outcome: Outcome, attempts: u32) -> Step {
    Step::Settle(match outcome {
        Outcome::Wanted => return Step::Download,
        Outcome::Same => Verdict::UpToDate,
        Outcome::NotThere => Verdict::NotConverted,
        Outcome::Published => Verdict::Home,
        Outcome::DamagedAtSource | Outcome::Error(ErrorKind::Lasting) => Verdict::Failed,
        Outcome::Error(ErrorKind::Elsewhere) => Verdict::HandBack,
        Outcome::Error(ErrorKind::Passing) if claim.attempts + 1 >= attempts => Verdict::Failed,
        Outcome::Error(ErrorKind::Passing) => Verdict::Retry,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Claim = Claim {
        stored: false,
        listed: true,
        interrupted: false,
        force: false,
        attempts: 0,
    };

    #[test]
    fn the_first_step() {
        let cases = [
            ("listed as converted, nothing stored", NEW, Step::Download),
            (
                "stored before: has GRIN another one?",
                Claim { stored: true, ..NEW },
                Step::Check,
            ),
            (
                "not on the list: is there one at all?",
                Claim { listed: false, ..NEW },
                Step::Check,
            ),
            (
                "killed in the middle of a download",
                Claim {
                    interrupted: true,
                    ..NEW
                },
                Step::Check,
            ),
            (
                "forced",
                Claim {
                    stored: true,
                    force: true,
                    ..NEW
                },
                Step::Download,
            ),
        ];
        for (what, claim, expected) in cases {
            assert_eq!(first(&claim), expected, "{what}");
        }
    }

    #[test]
    fn each_outcome_leads_to_one_step() {
        let cases = [
            (Outcome::Wanted, Step::Download),
            (Outcome::Same, Step::Settle(Verdict::UpToDate)),
            (Outcome::NotThere, Step::Settle(Verdict::NotConverted)),
            (Outcome::Published, Step::Settle(Verdict::Home)),
            (Outcome::DamagedAtSource, Step::Settle(Verdict::Failed)),
            (Outcome::Error(ErrorKind::Passing), Step::Settle(Verdict::Retry)),
            (Outcome::Error(ErrorKind::Lasting), Step::Settle(Verdict::Failed)),
            (Outcome::Error(ErrorKind::Elsewhere), Step::Settle(Verdict::HandBack)),
        ];
        for (outcome, expected) in cases {
            assert_eq!(next(&NEW, outcome, 5), expected, "{outcome:?}");
        }
    }

    #[test]
    fn the_last_attempt_fails_for_good_but_other_peoples_faults_do_not_count() {
        let worn = Claim { attempts: 4, ..NEW };
        assert_eq!(
            next(&worn, Outcome::Error(ErrorKind::Passing), 5),
            Step::Settle(Verdict::Failed)
        );
        assert_eq!(
            next(&worn, Outcome::Error(ErrorKind::Elsewhere), 5),
            Step::Settle(Verdict::HandBack)
        );
    }

    #[test]
    fn every_plan_ends() {
        for outcome in [
            Outcome::Same,
            Outcome::NotThere,
            Outcome::Published,
            Outcome::DamagedAtSource,
        ] {
            assert!(matches!(next(&NEW, outcome, 1), Step::Settle(_)));
        }
    }
}
