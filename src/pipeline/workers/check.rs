//! CHECK asks GRIN for an archive's headers and decides whether there is anything to download.

use tokio_util::sync::CancellationToken;

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::grin::{EtagDecision, FileName, GrinAddresses, Validator, compare_validators};
use crate::pipeline::workers::grin_session::{GrinSession, unless_held_back};
use crate::pipeline::workers::panics;
use crate::session::{AuthMode, HeadRequest, PermitClass, RequestKind, Session, SessionError};

/// One CHECK worker: one barcode at a time, one HEAD each.
pub struct CheckWorker<S = Session> {
    /// The one session, shared.
    pub session: S,
    /// Where the library's archives lie.
    pub addresses: GrinAddresses,
}

/// Is GRIN's archive of this volume another one than ours?
#[derive(Debug)]
pub struct CheckBook {
    /// The archive's name as GRIN lists it.
    pub file_name: FileName,
    /// Validator kept with the stored archive; `None` while nothing is stored.
    pub stored: Option<Validator>,
    /// Cancelled before the worker takes the message, or while GRIN wants no request: nothing is begun.
    pub stop: CancellationToken,
}

impl Message for CheckBook {
    type Reply = Result<CheckResult, CheckError>;
    const KIND: &'static str = "check";
}

/// What CHECK found; each variant is one way on for the supervisor.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckResult {
    /// Nothing is stored, GRIN has another archive, or HEAD tells nothing: a GET decides.
    Download,
    /// What is stored is what GRIN has.
    UpToDate,
    /// 404: never converted, or pushed out of the pool since. Ask for conversion.
    NotConverted,
    /// A drain had begun before.
    NotBegun,
}

/// Why CHECK has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The session could not get an answer, or a person must act.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The worker panicked; one attempt of one book.
    #[error("the check of {0} panicked")]
    Panicked(FileName),
}

impl<S: GrinSession> CheckWorker<S> {
    /// A worker over shared parts.
    pub fn new(session: S, addresses: GrinAddresses) -> Self {
        Self { session, addresses }
    }

    async fn check(&self, check: &CheckBook, cx: &AskContext) -> Result<CheckResult, CheckError> {
        let head = HeadRequest {
            url: self.addresses.archive(&check.file_name),
            class: PermitClass::Check,
            kind: RequestKind::ArchiveHead,
            auth: AuthMode::Grin,
        };
        let ask = async |cx: &AskContext| self.session.head(head, cx).await;
        let Some(answer) = unless_held_back(&self.session, &check.stop, cx, ask).await else {
            return Ok(CheckResult::NotBegun);
        };
        match answer {
            Ok(answer) if answer.status == 404 => Ok(CheckResult::NotConverted),
            Ok(answer) => {
                let offered = answer.headers.get("etag").and_then(|etag| Validator::parse(etag).ok());
                Ok(conclude(offered.as_ref(), check.stored.as_ref()))
            }
            Err(error) if is_head_refused(&error) => {
                tracing::debug!(file = %check.file_name, %error, "HEAD is refused; a GET decides");
                Ok(CheckResult::Download)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: GrinSession> Worker for CheckWorker<S> {
    const NAME: ActorName = ActorName::Checker;
}

impl<S: GrinSession> HandleMessage<CheckBook> for CheckWorker<S> {
    async fn handle(&mut self, check: CheckBook, cx: &AskContext) -> Result<CheckResult, CheckError> {
        if check.stop.is_cancelled() {
            return Ok(CheckResult::NotBegun);
        }
        let file = check.file_name.clone();
        cx.describe(move || format!("asks GRIN for the head of {file}"));
        let checked = panics::caught(self.check(&check, cx)).await;
        checked.unwrap_or(Err(CheckError::Panicked(check.file_name)))
    }
}

/// HEAD saves a download and decides nothing by itself: an address that is signed for GET refuses it, servers that do not know it
/// answer with any status, and some fail at it alone. Whether it is the book's trouble, or everybody's, the GET tells: it meets the same
/// then, and is counted once. Where a wait is asked for, or nothing was answered, the GET would come too
/// early, and is the book's next attempt ([`crate::pipeline::policy::FailureMemory::is_head_asked`]).
fn is_head_refused(error: &SessionError) -> bool {
    matches!(
        error,
        SessionError::Forbidden { .. }
            | SessionError::RefusedByHost { .. }
            | SessionError::Unexpected { .. }
            | SessionError::Server { .. }
            | SessionError::NotServed { retry_after: None, .. }
    )
}

/// Where nothing is stored there is nothing to compare, and without a validator the GET decides.
fn conclude(offered: Option<&Validator>, stored: Option<&Validator>) -> CheckResult {
    if stored.is_none() {
        return CheckResult::Download;
    }
    match compare_validators(offered, stored) {
        EtagDecision::Skip => CheckResult::UpToDate,
        EtagDecision::Download | EtagDecision::Error => CheckResult::Download,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_validator_decides_and_without_one_a_get_does() {
        let a = Validator::parse("\"a\"").ok();
        let b = Validator::parse("\"b\"").ok();
        let cases = [
            (None, None, CheckResult::Download),
            (a.clone(), None, CheckResult::Download),
            (a.clone(), a.clone(), CheckResult::UpToDate),
            (a.clone(), b, CheckResult::Download),
            (None, a, CheckResult::Download),
        ];
        for (offered, stored, expected) in cases {
            let found = conclude(offered.as_ref(), stored.as_ref());
            assert_eq!(found, expected, "{offered:?} against {stored:?}");
        }
    }

    #[test]
    fn a_refused_head_is_no_refusal_of_the_book() {
        let snippet = String::new;
        let unexpected = |status| SessionError::Unexpected {
            status,
            snippet: snippet(),
        };
        let not_served = |retry_after| SessionError::NotServed {
            status: 503,
            retry_after,
        };
        let host = SessionError::RefusedByHost {
            host: snippet(),
            status: 403,
            snippet: snippet(),
            retry_after: None,
        };
        let cases = [
            (SessionError::Forbidden { snippet: snippet() }, true),
            (host, true),
            (unexpected(405), true),
            (SessionError::Server { status: 501 }, true),
            (SessionError::Server { status: 500 }, true),
            (unexpected(410), true),
            (not_served(None), true),
            (not_served(Some(Duration::from_secs(60))), false),
            (SessionError::Reset, false),
            (SessionError::SignedOut { why: snippet() }, false),
        ];
        for (error, refused) in cases {
            assert_eq!(is_head_refused(&error), refused, "{error}");
        }
    }
}
