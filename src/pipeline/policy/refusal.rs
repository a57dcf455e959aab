//! Whose is a refusal: the book's, or everybody's?

use crate::pipeline::policy::{BookFault, FaultOutlook};
use crate::vocabulary::{Blame, FailureReason};

/// So many different books refused in the same way, and no archive served: everybody is refused.
pub const MOST_ALIKE: usize = 10;

/// So few of an account, or on a way, of which nothing has shown for a day that it is served any archive at all.
const FEW_ALIKE: usize = 3;

/// The same of books that GRIN does not have although its list calls them converted: one that it has dropped since is rare.
const MOST_MISSING: usize = 5;

/// How others fared in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalEvidence {
    /// Different books refused in the same way, since no archive was stored, or found to be the one that is stored, whose run began
    /// after the first of these refusals. A book that was refused before counts no more.
    pub alike: usize,
    /// An archive was stored, and so the passphrase opened it.
    pub others_opened: bool,
    /// An archive was served in the last day, to this run.
    pub others_served: bool,
    /// The book was charged attempts before: it has been refused, or has failed, for longer than this trouble lasts.
    pub was_charged: bool,
}

/// Whose a fault with this reason is. What is no refusal says nothing of others, and stays whose it was ([`Blame::Book`] here). Where all that
/// was asked for is refused, and none was served, few books tell: there may be no more of them. Not so books that were charged before: what is
/// left of a library may be just those that are refused for what they are.
pub fn refusal_of(reason: FailureReason, evidence: RefusalEvidence) -> Blame {
    let is_everybodys = match reason {
        // As long as it opened no archive, it is the passphrase, or the key, that is wrong.
        FailureReason::WrongPassphrase | FailureReason::NoSecretKey => !evidence.others_opened,
        FailureReason::NotFound => evidence.alike >= MOST_MISSING,
        reason => may_meet_all(reason) && evidence.alike >= enough(reason, evidence),
    };
    if is_everybodys { Blame::Operator } else { Blame::Book }
}

/// How many books tell that everybody is refused.
fn enough(reason: FailureReason, evidence: RefusalEvidence) -> usize {
    match is_refusal(reason) && !evidence.others_served && !evidence.was_charged {
        true => FEW_ALIKE,
        false => MOST_ALIKE,
    }
}

/// Whether this says that we may not have the archive; others tell of what was sent in its place.
fn is_refusal(reason: FailureReason) -> bool {
    use FailureReason as R;
    matches!(reason, R::Forbidden | R::RefusedByHost | R::Redirect)
}

/// Whether everybody may meet a fault with this reason, which shows only when many have: GRIN, or a host that it redirects to, does not
/// let us have the archive, does not have it where its own list says so, or answers a page in its place; or our settings do not let us
/// follow it there. Or what is served is damaged, each time in the same way.
pub(in crate::pipeline) const fn may_meet_all(reason: FailureReason) -> bool {
    use FailureReason as R;
    matches!(
        reason,
        R::Forbidden
            | R::RefusedByHost
            | R::Redirect
            | R::Status
            | R::NotFound
            | R::NotAnArchive
            | R::TooLittle
            | R::DamagedAtSource
            | R::Unsupported
            | R::Unauthenticated
            | R::AnotherBook
            | R::UnnamedBook
            | R::Hostile
    )
}

/// Whether a person must act where a fault with this reason is everybody's. Who answers in another way than with a refusal may mend that
/// without us; what our settings or this version do not take stays so.
pub(super) fn needs_person(reason: FailureReason) -> bool {
    use FailureReason as R;
    is_refusal(reason)
        || matches!(
            reason,
            R::WrongPassphrase | R::NoSecretKey | R::Unsupported | R::Unauthenticated
        )
}

/// What a person is told of a refusal that is everybody's.
pub(super) fn explanation(fault: &BookFault, evidence: RefusalEvidence) -> String {
    let books = evidence.alike;
    if fault.reason == FailureReason::WrongPassphrase {
        return format!("{}; archive.passphrase_file opened no archive so far", fault.detail);
    }
    if fault.reason == FailureReason::NoSecretKey {
        return format!("{}; it opened no archive so far", fault.detail);
    }
    let what = match fault.reason {
        FailureReason::Forbidden => "GRIN refuses this account's archives",
        FailureReason::Redirect => "GRIN redirects where grin.redirect_hosts does not lead",
        FailureReason::RefusedByHost => "the host to which GRIN redirects refuses every archive",
        FailureReason::NotFound => "GRIN does not have the archives that its own list calls converted",
        FailureReason::NotAnArchive => "what GRIN hands out is no archive",
        FailureReason::DamagedAtSource => "what GRIN hands out is damaged",
        FailureReason::Unsupported => "what GRIN hands out is of a kind that this version does not read",
        FailureReason::Unauthenticated => "what GRIN hands out is encrypted without an integrity check",
        FailureReason::AnotherBook | FailureReason::UnnamedBook => {
            "what GRIN hands out is not taken for the books asked for"
        }
        FailureReason::Hostile => "what GRIN hands out goes beyond what is believed of an archive",
        FailureReason::TooLittle => "what GRIN hands out comes in too small parts",
        _ => "GRIN answers no request for an archive",
    };
    let others = format!("{what}: {books} different books or more in the same way, and none was served since");
    match fault.outlook {
        FaultOutlook::Proven => format!("{}; {others}", fault.detail),
        _ => format!("{others}; {}", fault.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ArchiveError;
    use crate::grin::RedirectRefused;
    use crate::session::SessionError;
    use crate::vocabulary::WaitCause;

    #[test]
    fn few_tell_where_all_that_is_asked_for_is_refused() {
        use FailureReason as R;
        for (reason, alike, others_served, was_charged, blame) in [
            // One forbidden book, or two, stop nobody.
            (R::Forbidden, 1, false, false, Blame::Book),
            (R::Forbidden, FEW_ALIKE - 1, false, false, Blame::Book),
            (R::Forbidden, FEW_ALIKE, false, false, Blame::Operator),
            (R::RefusedByHost, FEW_ALIKE, false, false, Blame::Operator),
            (R::Redirect, FEW_ALIKE, false, false, Blame::Operator),
            // Others were served today.
            (R::Forbidden, MOST_ALIKE - 1, true, false, Blame::Book),
            (R::Forbidden, MOST_ALIKE, true, false, Blame::Operator),
            // What is left of a library after others were served, in an earlier run.
            (R::Forbidden, MOST_ALIKE - 1, false, true, Blame::Book),
            (R::Forbidden, MOST_ALIKE, false, true, Blame::Operator),
            // What came is judged, and not who may have it.
            (R::DamagedAtSource, MOST_ALIKE - 1, false, false, Blame::Book),
            (R::NotAnArchive, MOST_ALIKE - 1, false, false, Blame::Book),
            (R::Status, MOST_ALIKE - 1, false, false, Blame::Book),
        ] {
            let evidence = RefusalEvidence {
                alike,
                others_opened: false,
                others_served,
                was_charged,
            };
            assert_eq!(refusal_of(reason, evidence), blame, "{reason} {evidence:?}");
        }
    }

    /// Archives were served today.
    fn among(alike: usize, others_opened: bool) -> RefusalEvidence {
        RefusalEvidence {
            alike,
            others_opened,
            others_served: true,
            was_charged: false,
        }
    }

    #[test]
    fn a_refusal_is_the_books_until_many_are_refused_alike_and_none_is_served() {
        use FailureReason as R;
        for (reason, alike, blame) in [
            (R::Forbidden, 1, Blame::Book),
            (R::Forbidden, MOST_ALIKE - 1, Blame::Book),
            (R::Forbidden, MOST_ALIKE, Blame::Operator),
            (R::Redirect, MOST_ALIKE, Blame::Operator),
            (R::RefusedByHost, MOST_ALIKE, Blame::Operator),
            (R::Status, MOST_ALIKE, Blame::Operator),
            (R::NotFound, 1, Blame::Book),
            (R::NotFound, MOST_MISSING - 1, Blame::Book),
            (R::NotFound, MOST_MISSING, Blame::Operator),
            (R::NotAnArchive, MOST_ALIKE - 1, Blame::Book),
            (R::NotAnArchive, MOST_ALIKE, Blame::Operator),
            (R::TooLittle, MOST_ALIKE - 1, Blame::Book),
            (R::TooLittle, MOST_ALIKE, Blame::Operator),
            (R::DamagedAtSource, MOST_ALIKE - 1, Blame::Book),
            (R::DamagedAtSource, MOST_ALIKE, Blame::Operator),
            (R::Unsupported, MOST_ALIKE - 1, Blame::Book),
            (R::Unsupported, MOST_ALIKE, Blame::Operator),
            (R::Unauthenticated, MOST_ALIKE - 1, Blame::Book),
            (R::Unauthenticated, MOST_ALIKE, Blame::Operator),
            (R::AnotherBook, MOST_ALIKE - 1, Blame::Book),
            (R::AnotherBook, MOST_ALIKE, Blame::Operator),
            (R::UnnamedBook, MOST_ALIKE, Blame::Operator),
            (R::Hostile, MOST_ALIKE, Blame::Operator),
            // These say something of the bytes that came, or of the way.
            (R::Truncated, 100, Blame::Book),
            (R::Server, 100, Blame::Book),
        ] {
            for others_opened in [false, true] {
                let evidence = among(alike, others_opened);
                assert_eq!(refusal_of(reason, evidence), blame, "{reason} {evidence:?}");
            }
        }
    }

    #[test]
    fn a_passphrase_that_opened_nothing_is_the_operators() {
        for (alike, others_opened, blame) in [
            (1, false, Blame::Operator),
            (100, false, Blame::Operator),
            (1, true, Blame::Book),
            (100, true, Blame::Book),
        ] {
            let evidence = among(alike, others_opened);
            let no_key = ArchiveError::NoSecretKey {
                what: "encrypted to 5263bfaf".to_owned(),
            };
            for error in [&ArchiveError::WrongPassphrase, &no_key] {
                let fault = BookFault::from(error).among_others(evidence);
                assert_eq!(fault.blame, blame, "{error} {evidence:?}");
                assert_eq!(fault.needs_person, blame == Blame::Operator, "{error} {evidence:?}");
            }
        }
    }

    const OF_ALL: RefusalEvidence = RefusalEvidence {
        alike: MOST_ALIKE,
        others_opened: false,
        others_served: true,
        was_charged: false,
    };

    #[test]
    fn where_grin_does_not_refuse_but_answers_wrongly_nobody_has_to_be_permitted_anything() {
        let status = |status| SessionError::Unexpected {
            status,
            snippet: String::new(),
        };
        for fault in [
            BookFault::from(&status(410)),
            BookFault::from(&SessionError::NotFound),
            BookFault::from(&ArchiveError::NotAnArchive { looks_like: "html" }),
            BookFault::damaged_at_source(FailureReason::Truncated, "cut"),
        ] {
            let told = fault.among_others(OF_ALL);
            assert!(told.blame == Blame::Operator && !told.needs_person, "{told:?}");
            assert!(told.cause == Some(WaitCause::Failures), "{told:?}");
        }
    }

    #[test]
    fn what_came_twice_with_the_same_fault_is_asked_for_once_a_day_and_keeps_its_words() {
        let day = Some(std::time::Duration::from_hours(24));
        let proven = BookFault::damaged_at_source(FailureReason::Damaged, "files of pages differ");
        let once = BookFault::from(&ArchiveError::NoIntegrityCheck);
        for (fault, evidence, asked_wait, words) in [
            (
                &proven,
                RefusalEvidence { alike: 9, ..OF_ALL },
                None,
                "damaged: files of pages differ",
            ),
            (
                &proven,
                OF_ALL,
                day,
                "damaged: files of pages differ; what GRIN hands out is damaged: ",
            ),
            (
                &once,
                OF_ALL,
                None,
                "what GRIN hands out is encrypted without an integrity check: ",
            ),
        ] {
            let told = fault.clone().among_others(evidence);
            assert_eq!(told.asked_wait, asked_wait, "{told:?}");
            assert!(told.detail.starts_with(words), "{told:?}");
        }
    }

    #[test]
    fn what_everybody_meets_needs_a_person_who_is_told_what_to_look_at() {
        let snippet = "not yours".to_owned();
        let redirected = SessionError::from(RedirectRefused::ForeignHost("files.example".into()));
        let what = "AEAD of another kind".to_owned();
        for (fault, says) in [
            (
                BookFault::from(&SessionError::Forbidden { snippet }),
                "refuses this account's archives",
            ),
            (BookFault::from(&redirected), "grin.redirect_hosts"),
            (BookFault::from(&redirected), "files.example"),
            (
                BookFault::from(&ArchiveError::Unsupported { what }),
                "AEAD of another kind",
            ),
            (
                BookFault::from(&ArchiveError::NoIntegrityCheck),
                "archive.accept_unauthenticated = true",
            ),
        ] {
            assert_eq!(fault.blame, Blame::Book);
            let told = fault.clone().among_others(OF_ALL);
            assert!(told.blame == Blame::Operator && told.needs_person, "{told:?}");
            assert_eq!((told.reason, told.cause), (fault.reason, fault.cause));
            assert!(told.detail.contains(says), "{told:?}");
        }
    }
}
