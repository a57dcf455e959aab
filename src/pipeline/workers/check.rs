//! CHECK asks GRIN for an archive's headers and decides whether there is anything to download.

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::grin::{EtagDecision, FileName, GrinAddresses, Validator, compare_validators};
use crate::session::{AuthMode, HeadRequest, PermitClass, RequestKind, Session, SessionError};

/// One CHECK worker: one barcode at a time, one HEAD each.
pub struct Checker {
    /// The one session, shared.
    pub session: Session,
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
}

impl Message for CheckBook {
    type Reply = Result<CheckResult, CheckError>;
    const KIND: &'static str = "check";
}

/// What CHECK found; each variant is one way on for the supervisor.
#[derive(Debug, Clone, PartialEq)]
pub enum CheckResult {
    /// Nothing is stored, or GRIN has another archive: download it.
    Download,
    /// What is stored is what GRIN has.
    UpToDate,
    /// 404: never converted, or pushed out of the pool since. Ask for conversion.
    NotConverted,
}

/// Why CHECK has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The session could not get an answer, or a person must act.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// GRIN sent no validator, so nothing can be concluded (src/grin/PROTOCOL.md, section 3).
    #[error("GRIN named no ETag for {0}, so it cannot be told whether the stored archive is still the same")]
    NoValidator(FileName),
}

impl Checker {
    /// A worker over shared parts.
    pub fn new(session: Session, addresses: GrinAddresses) -> Self {
        Self { session, addresses }
    }
}

impl Worker for Checker {
    const NAME: ActorName = ActorName::Checker;
}

impl HandleMessage<CheckBook> for Checker {
    async fn handle(&mut self, check: CheckBook, cx: &AskContext) -> Result<CheckResult, CheckError> {
        let head = HeadRequest {
            url: self.addresses.archive(&check.file_name),
            class: PermitClass::Check,
            kind: RequestKind::ArchiveHead,
            auth: AuthMode::Grin,
        };
        let answer = self.session.ask(head, cx).await?;
        if answer.status == 404 {
            return Ok(CheckResult::NotConverted);
        }
        let offered = answer.headers.get("etag").and_then(|etag| Validator::parse(etag).ok());
        conclude(offered.as_ref(), check.stored.as_ref()).ok_or(CheckError::NoValidator(check.file_name))
    }
}

/// Where nothing is stored there is nothing to compare; else `None` says that nothing can be concluded.
fn conclude(offered: Option<&Validator>, stored: Option<&Validator>) -> Option<CheckResult> {
    if stored.is_none() {
        return Some(CheckResult::Download);
    }
    match compare_validators(offered, stored) {
        EtagDecision::Skip => Some(CheckResult::UpToDate),
        EtagDecision::Download => Some(CheckResult::Download),
        EtagDecision::Error => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_validator_decides() {
        let a = Validator::parse("\"a\"").ok();
        let b = Validator::parse("\"b\"").ok();
        let cases = [
            (None, None, Some(CheckResult::Download)),
            (a.clone(), None, Some(CheckResult::Download)),
            (a.clone(), a.clone(), Some(CheckResult::UpToDate)),
            (a.clone(), b, Some(CheckResult::Download)),
            (None, a, None),
        ];
        for (offered, stored, expected) in cases {
            assert_eq!(
                conclude(offered.as_ref(), stored.as_ref()),
                expected,
                "{offered:?} against {stored:?}"
            );
        }
    }
}
