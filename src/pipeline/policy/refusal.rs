//! Whose is a refusal: the book's, or everybody's?

use crate::pipeline::policy::BookFault;
use crate::vocabulary::{Blame, FailureReason};

/// So many different books refused in the same way, and no archive served: everybody is refused.
pub const MOST_ALIKE: usize = 10;

/// How others fared in this run, and in the last day of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalEvidence {
    /// Different books refused in the same way since an archive was served, this one included.
    pub alike: usize,
    /// An archive was stored, or found to be the one that is stored.
    pub others_served: bool,
}

/// Whose a fault with this reason is. What is no refusal says nothing of others, and stays whose it was ([`Blame::Book`] here).
pub fn refusal_of(reason: FailureReason, evidence: RefusalEvidence) -> Blame {
    let is_everybodys = !evidence.others_served && evidence.alike >= MOST_ALIKE;
    match is_refusal(reason) && is_everybodys {
        true => Blame::Operator,
        false => Blame::Book,
    }
}

/// GRIN, or a host that it redirects to, does not let us have the archive, or answers a page in its place; or our settings do not let us
/// follow it there.
fn is_refusal(reason: FailureReason) -> bool {
    use FailureReason as R;
    matches!(
        reason,
        R::Forbidden | R::RefusedByHost | R::Redirect | R::Status | R::NotAnArchive
    )
}

/// What a person is told of a refusal that is everybody's.
pub(super) fn explanation(fault: &BookFault, evidence: RefusalEvidence) -> String {
    let books = evidence.alike;
    let what = match fault.reason {
        FailureReason::Forbidden => "GRIN refuses this account's archives",
        FailureReason::Redirect => "GRIN redirects where grin.redirect_hosts does not lead",
        FailureReason::RefusedByHost => "the host to which GRIN redirects refuses every archive",
        FailureReason::NotAnArchive => "what GRIN hands out is no archive",
        _ => "GRIN answers no request for an archive",
    };
    format!(
        "{what}: {books} different books or more in the same way, and none was served; {}",
        fault.detail
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::RedirectRefused;
    use crate::session::SessionError;

    #[test]
    fn a_refusal_is_the_books_until_many_are_refused_alike_and_none_is_served() {
        use FailureReason as R;
        for (reason, alike, others_served, blame) in [
            (R::Forbidden, 1, false, Blame::Book),
            (R::Forbidden, MOST_ALIKE - 1, false, Blame::Book),
            (R::Forbidden, MOST_ALIKE, false, Blame::Operator),
            (R::Forbidden, MOST_ALIKE, true, Blame::Book),
            (R::Redirect, MOST_ALIKE, false, Blame::Operator),
            (R::Redirect, MOST_ALIKE, true, Blame::Book),
            (R::RefusedByHost, MOST_ALIKE, false, Blame::Operator),
            (R::Status, MOST_ALIKE, false, Blame::Operator),
            (R::NotAnArchive, MOST_ALIKE, false, Blame::Operator),
            (R::NotAnArchive, MOST_ALIKE, true, Blame::Book),
            // These say something of the bytes that came, or of the way.
            (R::Truncated, 100, false, Blame::Book),
            (R::Server, 100, false, Blame::Book),
        ] {
            let evidence = RefusalEvidence { alike, others_served };
            assert_eq!(refusal_of(reason, evidence), blame, "{reason} {evidence:?}");
        }
    }

    #[test]
    fn what_everybody_meets_needs_a_person_who_is_told_what_to_look_at() {
        let evidence = RefusalEvidence {
            alike: MOST_ALIKE,
            others_served: false,
        };
        let snippet = "not yours".to_owned();
        for (error, says) in [
            (SessionError::Forbidden { snippet }, "refuses this account's archives"),
            (
                RedirectRefused::ForeignHost("files.example".into()).into(),
                "grin.redirect_hosts",
            ),
            (
                RedirectRefused::ForeignHost("files.example".into()).into(),
                "files.example",
            ),
        ] {
            let fault = BookFault::from(&error);
            assert_eq!(fault.blame, Blame::Book);
            let told = fault.clone().among_others(evidence);
            assert!(told.blame == Blame::Operator && told.needs_person, "{told:?}");
            assert_eq!((told.reason, told.cause), (fault.reason, fault.cause));
            assert!(told.detail.contains(says), "{told:?}");
        }
    }
}
