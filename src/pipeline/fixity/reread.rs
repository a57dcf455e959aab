//! One book after another is read again by the daemon: checked, recorded, and fetched again where that helps.

use std::sync::Arc;

use tracing::{error, warn};

use crate::actor::AskContext;
use crate::catalog::{
    BookToCheck, CheckCursor, CheckPurpose, CheckSelection, EndWait, FetchAgain, FetchBeside, ListToCheck,
};
use crate::pipeline::fixity::check::{BookCheck, BookChecker, CheckStop};
use crate::pipeline::fixity::follow_up::{BookRemedies, FollowUp, MOVING, follow_up, keep_aside, set_manifest_aside};
use crate::pipeline::fixity::pace::ReadPace;
use crate::pipeline::fixity::schedule::DueMoments;
use crate::pipeline::mount;
use crate::pipeline::second_copy::RestoreEnd;
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::task_services::TaskFault;
use crate::vocabulary::{FixityLevel, FixityOutcome};

/// Asks for the next book that is due.
pub(crate) struct RereadNext {
    /// Who is due.
    pub due: DueMoments,
    /// Only those behind this place.
    pub after: CheckCursor,
    /// How fast.
    pub pace: Arc<ReadPace>,
}

/// A book that was read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RereadBook {
    /// Its place.
    pub cursor: CheckCursor,
    /// What came of it.
    pub outcome: FixityOutcome,
    /// Bytes read.
    pub bytes: u64,
    /// Something of it could not be read, though the storage is there.
    pub is_unread: bool,
    /// It is to be fetched again.
    pub is_fetched_again: bool,
}

impl WorkerPools {
    /// Reads the next book; `None`: none is due, or the work was cut.
    pub(in crate::pipeline) async fn reread_next(
        &self,
        next: RereadNext,
        cx: &AskContext,
    ) -> Result<Option<RereadBook>, TaskFault> {
        let confirmed = mount::confirm(&self.catalog, &self.storage, cx).await;
        confirmed.map_err(|fault| TaskFault::of(&fault.detail))?;
        let DueMoments { before, again_before } = next.due;
        let list = |before, purpose| ListToCheck {
            selection: CheckSelection {
                before: Some(before),
                purpose,
                ..CheckSelection::default()
            },
            after: next.after.clone(),
            limit: 1,
        };
        let due = list(before, CheckPurpose::Due(again_before));
        let book = match self.catalog.ask(due, cx).await?.pop() {
            Some(book) => Some(book),
            None => {
                let unsound = list(again_before, CheckPurpose::Unsound);
                self.catalog.ask(unsound, cx).await?.pop()
            }
        };
        match book {
            Some(book) => self.reread_book(book, next.pace, cx).await,
            None => Ok(None),
        }
    }

    /// Reads a book, records what came of it and sees to it; `None`: the work was cut.
    pub(in crate::pipeline) async fn reread_book(
        &self,
        book: BookToCheck,
        pace: Arc<ReadPace>,
        cx: &AskContext,
    ) -> Result<Option<RereadBook>, TaskFault> {
        let checker = BookChecker {
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            library: self.options.library.clone(),
            level: FixityLevel::Digest,
            pace,
        };
        let of_check = book.clone();
        let pace = Arc::clone(&checker.pace);
        let checked = actix_rt::task::spawn_blocking(move || checker.check(&of_check)).await;
        let check = match checked.map_err(|_| TaskFault::lost("it panicked"))? {
            Ok(check) => check,
            Err(CheckStop::Cut) => return Ok(None),
            Err(stop @ CheckStop::Away(_)) => return Err(TaskFault::of(&stop)),
        };
        let is_recorded = self.catalog.ask(check.record(&book), cx).await?;
        let is_fetched_again = is_recorded && self.see_to(&check, &book, &pace, cx).await?;
        Ok(Some(RereadBook {
            cursor: book.cursor,
            outcome: if is_recorded {
                check.outcome()
            } else {
                FixityOutcome::CouldNotCheck
            },
            bytes: check.bytes,
            is_unread: is_recorded && check.outcome() == FixityOutcome::CouldNotCheck,
            is_fetched_again,
        }))
    }

    /// Tells of what is not sound, and has it decrypted, taken from the second copy or fetched again where that helps; whether it is fetched
    /// again.
    async fn see_to(
        &self,
        check: &BookCheck,
        book: &BookToCheck,
        pace: &Arc<ReadPace>,
        cx: &AskContext,
    ) -> Result<bool, TaskFault> {
        tell(check);
        let barcode = book.recorded.barcode.as_ref();
        let mut remedies = BookRemedies {
            may_decrypt: true,
            has_copy: self.second_copy.is_some(),
            keeps_encrypted: self.options.keep_encrypted,
            encrypted: barcode.map(|barcode| self.layout.encrypted(barcode)),
        };
        loop {
            let end = match follow_up(check, book, &remedies) {
                FollowUp::Decrypt => {
                    remedies.may_decrypt = false;
                    self.restore_from_sent(check, book, pace, cx).await?
                }
                FollowUp::Restore => {
                    remedies.has_copy = false;
                    self.restore_from_copy(check, book, pace, cx).await?
                }
                found => return self.mend(found, check, book, cx).await,
            };
            match end {
                RestoreEnd::Restored | RestoreEnd::Left => return Ok(false),
                RestoreEnd::NotHeld => {}
            }
        }
    }

    /// The same with what is neither beside it nor in the second place.
    async fn mend(
        &self,
        follow_up: FollowUp,
        check: &BookCheck,
        book: &BookToCheck,
        cx: &AskContext,
    ) -> Result<bool, TaskFault> {
        match (follow_up, &check.sha256) {
            (FollowUp::Nothing | FollowUp::Tell | FollowUp::Decrypt | FollowUp::Restore, _)
            | (FollowUp::FetchBeside, None) => return Ok(false),
            (FollowUp::FetchBeside, Some(sha256)) => return self.fetch_beside(book, sha256, cx).await,
            (FollowUp::FetchAgain { .. } | FollowUp::MakeAnew, _) => {}
        }
        let fetch = FetchAgain {
            book: book.recorded.id,
            stored_at: book.recorded.stored_at.clone(),
            keeps: check.sha256.clone().filter(|_| follow_up == FollowUp::MakeAnew),
            wait: MOVING,
        };
        if !self.catalog.ask(fetch, cx).await? {
            return Ok(false);
        }
        let barcode = check.barcode.clone();
        match follow_up {
            FollowUp::MakeAnew => warn!(%barcode, "what belongs beside the archive is made anew from it"),
            _ => warn!(%barcode, "the book is fetched again"),
        }
        let (storage, layout) = (self.storage.clone(), self.layout.clone());
        let (check, of_book) = (check.clone(), book.clone());
        let moved = actix_rt::task::spawn_blocking(move || match (follow_up, &of_book.recorded.barcode) {
            (FollowUp::FetchAgain { keep_aside: true }, _) => keep_aside(&storage, &layout, &check, &of_book),
            (FollowUp::MakeAnew, Some(barcode)) => set_manifest_aside(&storage, &layout, barcode),
            _ => Ok(None),
        });
        match moved.await.map_err(|_| TaskFault::lost("it panicked"))? {
            Ok(Some(key)) => warn!(%barcode, %key, "the damaged object is kept in quarantine"),
            Ok(None) => {}
            Err(error) => {
                warn!(%barcode, %error, "the damaged object could not be kept aside; it stays until a new one replaces it");
            }
        }
        self.catalog.ask(EndWait { book: book.recorded.id }, cx).await?;
        Ok(true)
    }

    /// Has the archive fetched once more for what lies beside it; what is stored stays as it is until then.
    async fn fetch_beside(&self, book: &BookToCheck, sha256: &str, cx: &AskContext) -> Result<bool, TaskFault> {
        let fetch = FetchBeside {
            book: book.recorded.id,
            stored_at: book.recorded.stored_at.clone(),
            sha256: sha256.to_owned(),
        };
        let is_begun = self.catalog.ask(fetch, cx).await?;
        if is_begun {
            warn!(
                barcode = book.code,
                "the archive is fetched once more: what GRIN sent is not sound beside it"
            );
        }
        Ok(is_begun)
    }
}

fn tell(check: &BookCheck) {
    let barcode = check.barcode.as_str();
    for finding in check.findings() {
        let (key, detail, reason) = (finding.key, &finding.detail, finding.reason);
        match finding.outcome {
            FixityOutcome::Damaged | FixityOutcome::Missing => {
                error!(%barcode, key, reason, outcome = %finding.outcome, "a stored object is not sound: {detail}");
            }
            FixityOutcome::CouldNotCheck => {
                warn!(%barcode, key, reason, "a stored object could not be checked: {detail}")
            }
            FixityOutcome::Ok => {}
        }
    }
}
