//! What the answer to the request for the summary of the directory says. The daemon never asks for it, so what is not understood of it says
//! nothing about the rest.

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use crate::grin::{AnswerRefusal, RedirectRefused, looks_like_html, refusal_in_place_of_content};
use crate::session::{SessionError, SmallAnswer};

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryVerdict {
    /// GRIN accepts the sign-in, and knows the directory.
    Accepted,
    /// It is a sign-in page.
    SignInPage,
    /// GRIN has no such directory for this account.
    NoDirectory,
    /// GRIN answers, with what nobody knows here.
    Unknown,
}

impl SummaryVerdict {
    /// Of an answer. The summary is text; of pages only that of a sign-in is known.
    pub fn of(answer: &SmallAnswer) -> Self {
        judge(answer.status, &answer.body)
    }

    /// The same as an error; `None`: all is well.
    pub fn into_error(self, answer: &SmallAnswer) -> Option<CliError> {
        let refused = |message| CliError::new(ExitStatus::NotPermitted, message);
        match self {
            Self::Accepted => None,
            Self::SignInPage => Some(
                refused("GRIN answers with a sign-in page in place of the summary")
                    .advise("Sign in with `grind auth login`; check grin.base_url and library.directory."),
            ),
            Self::NoDirectory => Some(
                refused("GRIN has no such directory for this account")
                    .cause(format!("status {} for {}", answer.status, answer.url))
                    .advise("Check library.directory; upper and lower case count."),
            ),
            Self::Unknown => Some(
                CliError::new(
                    ExitStatus::Unavailable,
                    "GRIN answers, and its summary of the directory is not recognised",
                )
                .cause(match answer.status {
                    200 => "it is a page".to_owned(),
                    status => format!("its status is {status}"),
                })
                .advise("Nothing was changed. `grind rehearse` tells by the lists whether the sign-in is accepted."),
            ),
        }
    }

    /// What of an answer is kept for whoever mends it.
    pub fn unrecognised(self, answer: &SmallAnswer) -> Option<UnrecognisedAnswer> {
        if self != Self::Unknown {
            return None;
        }
        let source = answer.source();
        let kept = UnrecognisedAnswer::new(UnrecognisedKind::Answer, "the summary of the directory")
            .asked_at(source.url)
            .answered(source.content_type, source.body);
        let status = (answer.status != 200).then_some(answer.status);
        Some(UnrecognisedAnswer { status, ..kept })
    }
}

fn judge(status: u16, body: &[u8]) -> SummaryVerdict {
    match (status, looks_like_html(body)) {
        (200, false) => SummaryVerdict::Accepted,
        (404, _) => SummaryVerdict::NoDirectory,
        _ if refusal_in_place_of_content(body) == Some(AnswerRefusal::SignIn) => SummaryVerdict::SignInPage,
        _ => SummaryVerdict::Unknown,
    }
}

/// Whether GRIN answered this address in its own way, so that others may be answered otherwise. Where it did not answer at all, where
/// nobody is signed in, and where it asks everybody to wait, it is not asked more.
pub fn speaks_for_itself_alone(error: &SessionError) -> bool {
    match error {
        SessionError::Redirect(refused) => *refused != RedirectRefused::SignIn,
        SessionError::Forbidden { .. }
        | SessionError::RefusedByHost { .. }
        | SessionError::Server { .. }
        | SessionError::Unexpected { .. }
        | SessionError::NotFound
        | SessionError::NoLength { .. }
        | SessionError::Protocol(_)
        | SessionError::TooLarge { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_asks_for_a_sign_in_says_that_there_is_none() {
        for (status, body, verdict) in [
            (200, "Library,TESTLIB\nAll books,12\n", SummaryVerdict::Accepted),
            (200, "", SummaryVerdict::Accepted),
            (200, "<html>Welcome</html>", SummaryVerdict::Unknown),
            (200, "<html>Your request is unavailable</html>", SummaryVerdict::Unknown),
            (200, "<html><input type=\"password\">", SummaryVerdict::SignInPage),
            (404, "<html>none</html>", SummaryVerdict::NoDirectory),
            (204, "", SummaryVerdict::Unknown),
        ] {
            assert_eq!(judge(status, body.as_bytes()), verdict, "{status} {body}");
        }
    }

    #[test]
    fn an_answer_to_this_address_says_nothing_about_others() {
        let text = || "x".to_owned();
        for (error, expected) in [
            (
                SessionError::Unexpected {
                    status: 410,
                    snippet: text(),
                },
                true,
            ),
            (SessionError::Forbidden { snippet: text() }, true),
            (SessionError::Server { status: 500 }, true),
            (SessionError::NotFound, true),
            (SessionError::Redirect(RedirectRefused::ForeignHost(text())), true),
            (SessionError::Redirect(RedirectRefused::SignIn), false),
            (SessionError::SignedOut { why: text() }, false),
            (SessionError::TokenWanted, false),
            (SessionError::Reset, false),
        ] {
            assert_eq!(speaks_for_itself_alone(&error), expected, "{error}");
        }
    }
}
