//! Why a list is not complete, and what follows for the pass.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::grin::{AnswerRefusal, ListRefusal};
use crate::pipeline::workers::list_time::EndlessList;
use crate::pipeline::workers::retry;
use crate::session::{BodyError, ErrorClass, SessionError, TimeoutPhase};

/// Why one page, or a list in one form, could not be read completely.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageFault {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("GRIN's answer is not the list that was asked for: {0}")]
    Refused(AnswerRefusal),
    #[error(transparent)]
    Unreadable(#[from] ListRefusal),
    #[error("GRIN answers with the list's pages where its text form was asked for")]
    PagesInstead,
    #[error("the page breaks off before its end")]
    Torn,
    #[error(transparent)]
    Endless(#[from] EndlessList),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl PageFault {
    /// The answer is wrong, not the connection.
    pub fn is_grins(&self) -> bool {
        match self {
            Self::Session(error) => matches!(error.class(), ErrorClass::Permanent),
            Self::Refused(refusal) => !refusal.may_pass(),
            Self::Unreadable(_) | Self::PagesInstead | Self::Torn => true,
            Self::Body(_) | Self::Endless(_) | Self::Catalog(_) => false,
        }
    }

    /// GRIN says that it does not have the list in this form, or not for this account. Trouble says no such thing: an error of its
    /// server, a body that was cut, a page of whatever kind in place of a list.
    pub fn denies_form(&self) -> bool {
        match self {
            Self::PagesInstead | Self::Session(SessionError::NotFound | SessionError::Forbidden { .. }) => true,
            Self::Session(SessionError::Unexpected { status, .. }) => (400..500).contains(status),
            _ => false,
        }
    }

    /// GRIN does not have the list in this form, or fails to make it each time: another form may be had. A sign-in page and GRIN's
    /// words of refusal say nothing about the form.
    pub fn concerns_form(&self) -> bool {
        let fails = match self {
            Self::Session(error) => matches!(error, SessionError::Server { .. }),
            Self::Refused(refusal) => matches!(
                refusal,
                AnswerRefusal::NotAList | AnswerRefusal::Html | AnswerRefusal::BadHeader
            ),
            _ => false,
        };
        fails || self.denies_form()
    }

    /// The pages lead no further, however often they are asked for: another form may be whole. GRIN's words of refusal may be about one
    /// page, too; a sign-in page says nothing of the list.
    pub fn ends_pages(&self) -> bool {
        match self {
            Self::Refused(refusal) => !refusal.may_pass(),
            Self::Torn | Self::Unreadable(_) | Self::Endless(_) => true,
            _ => self.concerns_form(),
        }
    }

    /// The pages lead to one that was read before, and to no further one.
    pub fn leads_back(&self) -> bool {
        matches!(self, Self::Refused(AnswerRefusal::Loop))
    }

    /// It says nothing of the page that was asked for: the way there is broken, or a sign-in page came.
    pub fn spares_page(&self) -> bool {
        match self {
            Self::Session(_) => true,
            Self::Refused(refusal) => refusal.may_pass(),
            _ => false,
        }
    }

    /// Nothing is wrong with the pages before this one: the next pass resumes here.
    pub fn may_be_resumed(&self) -> bool {
        self.wait().is_some() && !matches!(self, Self::Refused(AnswerRefusal::Loop | AnswerRefusal::ForeignNext))
    }

    /// The least wait before the next attempt; `None`: another attempt ends the same way.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Session(error) => retry::transient(error),
            // Each attempt may take as long again.
            Self::Body(BodyError::Session(SessionError::Timeout {
                phase: TimeoutPhase::Download,
            })) => None,
            Self::Body(_) | Self::Refused(_) | Self::Torn => Some(Duration::ZERO),
            Self::PagesInstead | Self::Unreadable(_) | Self::Endless(_) | Self::Catalog(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_from_a_form_that_grin_does_not_have() {
        let unexpected = |status| SessionError::Unexpected {
            status,
            snippet: String::new(),
        };
        let forbidden = SessionError::Forbidden { snippet: String::new() };
        for (fault, denied, another_form, resumed, ends_pages) in [
            (PageFault::Session(SessionError::NotFound), true, true, false, true),
            (PageFault::Session(forbidden), true, true, false, true),
            (PageFault::Session(unexpected(410)), true, true, false, true),
            (PageFault::PagesInstead, true, true, false, true),
            (PageFault::Session(unexpected(300)), false, false, false, false),
            (
                PageFault::Session(SessionError::Server { status: 500 }),
                false,
                true,
                true,
                true,
            ),
            (PageFault::Session(SessionError::Reset), false, false, true, false),
            (PageFault::Refused(AnswerRefusal::NotAList), false, true, true, true),
            (PageFault::Refused(AnswerRefusal::Html), false, true, true, true),
            (PageFault::Refused(AnswerRefusal::SignIn), false, false, true, false),
            (PageFault::Refused(AnswerRefusal::Unavailable), false, false, true, true),
            (PageFault::Refused(AnswerRefusal::Empty), false, false, true, true),
            (
                PageFault::Unreadable(ListRefusal::TooLarge { limit: 1 }),
                false,
                false,
                false,
                true,
            ),
            (PageFault::Refused(AnswerRefusal::Loop), false, false, false, true),
            (PageFault::Refused(AnswerRefusal::Truncated), false, false, true, true),
            (PageFault::Body(BodyError::Stalled), false, false, true, false),
            (
                PageFault::Body(BodyError::Session(SessionError::Timeout {
                    phase: TimeoutPhase::Download,
                })),
                false,
                false,
                false,
                false,
            ),
            (PageFault::Torn, false, false, true, true),
            (PageFault::Endless(EndlessList::default()), false, false, false, true),
        ] {
            assert_eq!(
                (fault.denies_form(), fault.concerns_form(), fault.may_be_resumed()),
                (denied, another_form, resumed),
                "{fault:?}"
            );
            assert_eq!(fault.ends_pages(), ends_pages, "{fault:?}");
        }
    }
}
