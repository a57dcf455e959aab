//! Whose fault is an error, what does it cost the book, and how long is the wait?
//!
//! The book's: it counts as an attempt, and attempts are days apart. The path's (network, name service, server errors,
//! throttling, the token service): it never fails a book, however long it lasts. Where others are served all the time and it always meets
//! one book, only that one waits. The operator's (not signed in, no
//! passphrase) and ours (storage, catalog, shutdown): it costs the book nothing. A refusal (403, another status, a redirect that
//! is not allowed, a page in place of an archive, any refusal by the host to which GRIN redirects) is the book's while other
//! archives are served; where none is and different books are refused in the same way, it is the operator's. So is damage that
//! they all have, and a passphrase that opened no archive yet is the operator's with the first book. A sign-in page in place of an
//! archive is the path's: only the session can tell that we are signed out.

mod after_cut;
mod delays;
mod head_trust;
mod own_trouble;
mod refusal;

use std::time::Duration;

use crate::actor::AskError;
use crate::archive::ArchiveError;
use crate::catalog::CatalogError;
use crate::grin::{AnswerRefusal, RedirectRefused};
use crate::pipeline::PublishError;
use crate::pipeline::workers::{CheckError, DownloadError};
use crate::session::{BodyError, SessionError, TimeoutPhase, in_brackets};
use crate::storage::{StorageError, StorageErrorClass};
use crate::vocabulary::{Blame, FailureReason, WaitCause};

pub use after_cut::{BOOKS_AFTER_CUT, RUN_AFTER_CUT, SETTLEMENT_AFTER_CUT};
use delays::PROVEN_AGAIN;
pub use delays::{FailedAttempt, FailureMemory, MOST_LEFT, PutOff, PutOffRules, longest_wait_once, shared_pause};
pub(in crate::pipeline) use refusal::may_meet_all;
use refusal::refusal_of;
pub use refusal::{MOST_ALIKE, RefusalEvidence};

/// An error in the forms that the plan, the intake, the catalog and a person need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookFault {
    /// Whose it is.
    pub blame: Blame,
    /// In one word.
    pub reason: FailureReason,
    /// In a sentence.
    pub detail: String,
    /// What the next attempt at this book would bring.
    pub outlook: FaultOutlook,
    /// Which breaker of the intake it counts towards; `None`: none, it says nothing about other books.
    pub cause: Option<WaitCause>,
    /// Only a person can mend it.
    pub needs_person: bool,
    /// What the server asked for before the next attempt at this book or, where [`BookFault::was_not_sent`], before any request.
    pub asked_wait: Option<Duration>,
}

/// What the next attempt at a book would bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultOutlook {
    /// Perhaps another answer.
    Open,
    /// The same answer for some time: not worth another attempt soon.
    Same,
    /// The same answer for ever: the bytes that GRIN has are proven bad.
    Proven,
}

impl BookFault {
    fn new(blame: Blame, cause: Option<WaitCause>, reason: FailureReason, error: &dyn std::fmt::Display) -> Self {
        Self {
            blame,
            reason,
            detail: error.to_string(),
            outlook: FaultOutlook::Open,
            cause,
            needs_person: blame == Blame::Operator,
            asked_wait: None,
        }
    }

    /// GRIN answered, and what it answered may concern this book alone: others may be had, however many were refused before. A body
    /// that is cut is not such an answer: the session has resumed it before, so the way breaks again and again.
    pub fn may_be_one_books(&self) -> bool {
        use FailureReason as R;
        match self.cause {
            Some(WaitCause::Failures) => true,
            Some(WaitCause::Grin) => matches!(
                self.reason,
                R::Throttled
                    | R::Server
                    | R::Short
                    | R::NoLength
                    | R::Protocol
                    | R::Restart
                    | R::Unavailable
                    // Other books may be on other hosts.
                    | R::HostAway
            ),
            // Without proof that we are signed out.
            Some(WaitCause::SignIn) => self.blame == Blame::Path,
            _ => false,
        }
    }

    /// GRIN wants no request from anybody now, so that nothing was asked for this book, and nothing is known of it.
    pub fn was_not_sent(&self) -> bool {
        self.cause == Some(WaitCause::Gate)
    }

    /// Nothing that all wait for names it, and it stays until a person has mended it: something stands in a place of this one book's.
    pub fn is_this_books_to_mend(&self) -> bool {
        self.blame == Blame::Us && self.cause.is_none() && self.outlook == FaultOutlook::Same
    }

    /// Whose it is, given how others fared: a refusal of everybody is no book's.
    #[must_use]
    pub fn among_others(self, evidence: RefusalEvidence) -> Self {
        match refusal_of(self.reason, evidence) {
            Blame::Operator if self.blame == Blame::Book => Self {
                blame: Blame::Operator,
                detail: refusal::explanation(&self, evidence),
                needs_person: refusal::needs_person(self.reason),
                cause: self.cause.or(Some(WaitCause::Failures)),
                // What is proven comes again as it is; once a day shows whether GRIN has mended it.
                asked_wait: match self.outlook {
                    FaultOutlook::Proven => Some(PROVEN_AGAIN),
                    _ => self.asked_wait,
                },
                outlook: FaultOutlook::Open,
                ..self
            },
            _ => self,
        }
    }

    /// A part of the book's run panicked: one attempt of that book.
    pub fn panicked(what: &str) -> Self {
        Self::new(
            Blame::Book,
            None,
            FailureReason::Panicked,
            &format_args!("{what} panicked"),
        )
    }

    /// A volume, and worse than the one that is stored and stays.
    pub fn worse_than_stored(detail: &str) -> Self {
        Self {
            outlook: FaultOutlook::Proven,
            ..Self::new(Blame::Book, None, FailureReason::WorseThanStored, &detail)
        }
    }

    /// Fetched twice with the same bytes and the same fault, and kept in quarantine. What is not read here, came without any proof, is taken
    /// for another book's, or goes beyond our limits, is not proven to be damaged: it keeps its reason, and is asked for again after long
    /// waits, as another version of the program may take it.
    pub fn damaged_at_source(reason: FailureReason, detail: &str) -> Self {
        use FailureReason as R;
        let told = match reason {
            R::Unsupported | R::Unauthenticated | R::AnotherBook | R::UnnamedBook | R::Hostile => reason,
            _ => R::DamagedAtSource,
        };
        let detail = format_args!("{reason}: {detail}");
        Self {
            outlook: FaultOutlook::Proven,
            // What is proven of these bytes says nothing about others.
            ..Self::new(Blame::Book, None, told, &detail)
        }
    }
}

impl From<&SessionError> for BookFault {
    fn from(error: &SessionError) -> Self {
        use SessionError as E;
        let (blame, cause) = match error {
            E::Connect { .. }
            | E::HostAway { .. }
            | E::Reset
            | E::Short { .. }
            | E::NoLength { .. }
            | E::Protocol(_)
            | E::TooSlow { .. }
            | E::NotServed { .. }
            | E::Server { .. } => (Blame::Path, Some(WaitCause::Grin)),
            // Waiting for a permit is our own business.
            E::Timeout {
                phase: TimeoutPhase::Wait,
            }
            | E::Busy => (Blame::Us, None),
            E::Timeout { .. } => (Blame::Path, Some(WaitCause::Grin)),
            E::Throttled { .. } => (Blame::Path, Some(WaitCause::Gate)),
            // No book meets a full queue of conversions.
            E::QueueFull => (Blame::Path, None),
            E::TokenUnavailable { .. } => (Blame::Path, Some(WaitCause::Token)),
            E::Tls { .. } | E::Setup(_) => (Blame::Operator, Some(WaitCause::Grin)),
            E::SignedOut { .. } | E::Redirect(RedirectRefused::SignIn) => (Blame::Operator, Some(WaitCause::SignIn)),
            E::TokenWanted => (Blame::Path, Some(WaitCause::SignIn)),
            E::Forbidden { .. }
            | E::RefusedByHost { .. }
            | E::Unexpected { .. }
            | E::Redirect(_)
            | E::TooLarge { .. }
            | E::NotFound => (Blame::Book, Some(WaitCause::Failures)),
            E::BadRequest(_) => (Blame::Book, None),
            E::Closed | E::Cancelled | E::Mailbox(_) => (Blame::Us, None),
        };
        let asked_wait = match error {
            E::Throttled { retry_after, .. }
            | E::NotServed { retry_after, .. }
            | E::RefusedByHost { retry_after, .. } => *retry_after,
            _ => None,
        };
        let fault = Self::new(blame, cause, error.reason(), error);
        let detail = match error {
            E::Throttled { status, .. } => format!("GRIN asked everybody to wait{}", in_brackets(*status)),
            _ => fault.detail,
        };
        let outlook = match error {
            E::Throttled { longest: Some(_), .. } => FaultOutlook::Same,
            _ => fault.outlook,
        };
        Self {
            detail,
            outlook,
            asked_wait,
            ..fault
        }
    }
}

impl From<&BodyError> for BookFault {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::Session(error) => Self::from(error),
            BodyError::Cancelled => Self::new(Blame::Us, None, error.reason(), error),
            // How much an answer brings is the server's choice, and may be another one for another book.
            BodyError::Morsels { .. } => Self::new(Blame::Book, Some(WaitCause::Failures), error.reason(), error),
            BodyError::Cut { .. } | BodyError::Restart | BodyError::Stalled | BodyError::TooSlow => {
                Self::new(Blame::Path, Some(WaitCause::Grin), error.reason(), error)
            }
        }
    }
}

impl From<&ArchiveError> for BookFault {
    fn from(error: &ArchiveError) -> Self {
        use ArchiveError as E;
        let (blame, cause, outlook) = match error {
            // One book may have another passphrase, where ours opened others.
            E::WrongPassphrase | E::NoSecretKey { .. } => (Blame::Book, WaitCause::Passphrase, FaultOutlook::Same),
            E::NoPassphrase => (Blame::Operator, WaitCause::Passphrase, FaultOutlook::Same),
            // Another version of the program may read it, or another setting take it.
            E::Unsupported { .. } | E::UnreadTar { .. } | E::OtherContent { .. } | E::NoIntegrityCheck => {
                (Blame::Book, WaitCause::Failures, FaultOutlook::Same)
            }
            E::Damaged { .. }
            | E::Truncated { .. }
            | E::NotAnArchive { .. }
            | E::Refused { .. }
            | E::Hostile { .. } => (Blame::Book, WaitCause::Failures, FaultOutlook::Open),
            E::Input(_) => (Blame::Path, WaitCause::Grin, FaultOutlook::Open),
            E::RefusedByGrin {
                refusal: AnswerRefusal::SignIn,
            } => (Blame::Path, WaitCause::SignIn, FaultOutlook::Open),
            E::RefusedByGrin { .. } => (Blame::Path, WaitCause::Grin, FaultOutlook::Open),
            E::Sink(_) | E::Text(_) => (Blame::Us, WaitCause::Storage, FaultOutlook::Open),
        };
        Self {
            outlook,
            ..Self::new(blame, Some(cause), error.reason(), error)
        }
    }
}

impl From<&StorageError> for BookFault {
    fn from(error: &StorageError) -> Self {
        let (blame, cause) = match error.class() {
            // A name or metadata that this store does not take: not the book's doing, and the next book may be another matter.
            StorageErrorClass::Permanent => (Blame::Us, None),
            _ if matches!(error, StorageError::Full { .. }) => (Blame::Us, Some(WaitCause::Disk)),
            StorageErrorClass::NeedsPerson
                if matches!(error, StorageError::NotOurs { .. } | StorageError::OtherLayout { .. }) =>
            {
                (Blame::Us, Some(WaitCause::Mount))
            }
            StorageErrorClass::Transient | StorageErrorClass::NeedsPerson => (Blame::Us, Some(WaitCause::Storage)),
        };
        let outlook = match error {
            // Nothing can be stored before somebody mounts the right one, or moves away what stands in this book's place.
            StorageError::NotOurs { .. } | StorageError::OtherLayout { .. } | StorageError::NotAFile { .. } => {
                FaultOutlook::Same
            }
            _ => FaultOutlook::Open,
        };
        Self {
            outlook,
            needs_person: error.class() == StorageErrorClass::NeedsPerson,
            ..Self::new(blame, cause, error.reason(), error)
        }
    }
}

impl From<&CatalogError> for BookFault {
    fn from(error: &CatalogError) -> Self {
        let lost = matches!(error, CatalogError::Stale { .. } | CatalogError::Unknown(_));
        let (reason, cause) = if lost {
            // Somebody else has the book by now.
            (FailureReason::ClaimLost, None)
        } else {
            (FailureReason::Catalog, Some(WaitCause::Catalog))
        };
        // Nothing can be recorded before somebody puts it back.
        let outlook = match error.is_gone() {
            true => FaultOutlook::Same,
            false => FaultOutlook::Open,
        };
        Self {
            needs_person: error.needs_person() && !lost,
            outlook,
            ..Self::new(Blame::Us, cause, reason, error)
        }
    }
}

impl From<&AskError> for BookFault {
    fn from(error: &AskError) -> Self {
        match error {
            AskError::Panicked => Self::panicked("a worker"),
            _ => Self::new(Blame::Us, None, FailureReason::Worker, error),
        }
    }
}

impl From<&PublishError> for BookFault {
    fn from(error: &PublishError) -> Self {
        match error {
            PublishError::Body(error) => Self::from(error),
            PublishError::Archive(error) => Self::from(&**error),
            PublishError::Storage(error) => Self::from(error),
            PublishError::ClaimEnded(_) => Self::new(Blame::Us, None, FailureReason::ClaimLost, error),
            PublishError::Sink(inner) | PublishError::Source(inner) => match StorageError::of(inner) {
                Some(error) => Self::from(error),
                None => Self::new(Blame::Us, Some(WaitCause::Storage), FailureReason::StorageIo, error),
            },
        }
    }
}

impl From<&DownloadError> for BookFault {
    fn from(error: &DownloadError) -> Self {
        match error {
            DownloadError::Session(error) => Self::from(error),
            DownloadError::Publish(error) => Self::from(error),
            DownloadError::Spliced(error) => Self::from(&**error),
            DownloadError::Catalog(error) => Self::from(error),
            DownloadError::Proven(error) => Self::damaged_at_source(error.reason(), &error.to_string()),
            DownloadError::Panicked(_) => Self::panicked("the download"),
        }
    }
}

impl From<&CheckError> for BookFault {
    fn from(error: &CheckError) -> Self {
        match error {
            CheckError::Session(error) => Self::from(error),
            CheckError::Panicked(_) => Self::panicked("the check"),
        }
    }
}

#[cfg(test)]
mod tests;
