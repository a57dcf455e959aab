//! What is damaged or missing in the storage is put in its place again from the second copy, where that holds what was stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{info, warn};

use crate::actor::AskContext;
use crate::catalog::{BeginRestore, BookToCheck, ClaimSettlement, MendRecord, RecordedBook, SettleClaim, StoredBook};
use crate::pipeline::fixity::{BookCheck, MOVING, ReadPace, keep_aside, set_manifest_aside};
use crate::pipeline::publish::{PublicationWindow, PublishError, record_of};
use crate::pipeline::second_copy::place::SecondPlace;
use crate::pipeline::second_copy::plan::is_not_held;
use crate::pipeline::second_copy::transfer::{BookContents, CopyFault, SecondCopier, StagedCopy};
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::task_services::TaskFault;
use crate::storage::{ObjectKey, ObjectUpload, Storage, StorageLayout};
use crate::vocabulary::FixityOutcome;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum RestoreEnd {
    /// The book is stored as it was.
    Restored,
    /// The second place does not hold what was stored, and nothing was changed.
    NotHeld,
    /// The book changed meanwhile, the second place is away, or it did not come to its end: then it is tried again.
    Left,
}

/// Why nothing could be staged.
enum StageRefusal {
    /// The second place has said that it does not hold what was stored.
    NotHeld(TaskFault),
    /// It has said nothing.
    Away(TaskFault),
}

impl From<TaskFault> for StageRefusal {
    fn from(fault: TaskFault) -> Self {
        Self::Away(fault)
    }
}

/// All that is to be put in its place; it was read to its end and compared, and is not visible yet.
pub(in crate::pipeline) struct StagedRestore {
    staged: StagedCopy,
    /// What the catalog is to know of the book then.
    book: StoredBook,
}

impl StagedRestore {
    /// An archive alone.
    pub fn of_archive(to: Storage, upload: ObjectUpload, book: StoredBook) -> Self {
        let staged = StagedCopy::of_archive(to, upload, book.archive_bytes);
        Self { staged, book }
    }
}

/// Where it is put, and until when.
struct RestorePlace {
    storage: Storage,
    layout: StorageLayout,
    window: PublicationWindow,
}

impl WorkerPools {
    /// Puts the objects of a book that are not sound in their places again. A damaged archive is moved to quarantine once another one was
    /// read to its end and has the recorded digest, and not before.
    pub(in crate::pipeline) async fn restore_from_copy(
        &self,
        check: &BookCheck,
        book: &BookToCheck,
        pace: &Arc<ReadPace>,
        cx: &AskContext,
    ) -> Result<RestoreEnd, TaskFault> {
        let barcode = check.barcode.as_str();
        match self.stage_from_copy(check, book, pace, cx).await {
            Ok(staged) => {
                let end = self.put_back(staged, check, book, cx).await?;
                if end == RestoreEnd::Restored {
                    info!(%barcode, "what was not sound is in its place again, from the second copy");
                }
                Ok(end)
            }
            Err(_) if pace.is_cut() => Ok(RestoreEnd::Left),
            Err(StageRefusal::Away(fault)) if book.is_copied => {
                warn!(%barcode, why = fault.why, "what is not sound cannot be taken from the second copy now; it is tried again later");
                Ok(RestoreEnd::Left)
            }
            // Of a book that was never copied as it is stored, a place that is away has nothing either.
            Err(StageRefusal::NotHeld(fault) | StageRefusal::Away(fault)) => {
                warn!(%barcode, why = fault.why, "the second copy does not serve in place of what is not sound");
                Ok(RestoreEnd::NotHeld)
            }
        }
    }

    /// Puts in its place what was staged, and records the book as it was stored.
    pub(in crate::pipeline) async fn put_back(
        &self,
        StagedRestore { staged, book: stored }: StagedRestore,
        check: &BookCheck,
        book: &BookToCheck,
        cx: &AskContext,
    ) -> Result<RestoreEnd, TaskFault> {
        let barcode = check.barcode.as_str();
        // From here on nobody else works on the book. It is recorded as it was stored: after a kill it is looked at, and restored, again.
        let begin = BeginRestore {
            book: book.recorded.id,
            stored_at: book.recorded.stored_at.clone(),
            owner: self.membership.owner().to_owned(),
            lease: MOVING,
        };
        let Some(claim) = self.catalog.ask(begin, cx).await? else {
            return Ok(RestoreEnd::Left);
        };
        let place = RestorePlace {
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            window: PublicationWindow::of(MOVING / 2).within(self.membership.unbroken()),
        };
        let (of_check, of_book) = (check.clone(), book.clone());
        let put = actix_rt::task::spawn_blocking(move || place.put(staged, &of_check, &of_book));
        let put = put.await;
        let settlement = ClaimSettlement::Released;
        self.catalog.ask(SettleClaim { claim, settlement }, cx).await?;
        if let Err(error) = put.map_err(|_| TaskFault::lost("it panicked"))? {
            warn!(%barcode, %error, "what is not sound could not be replaced; it is tried again");
            return Ok(RestoreEnd::Left);
        }
        if !self.record_restored(book, stored, cx).await? {
            return Ok(RestoreEnd::Left);
        }
        Ok(RestoreEnd::Restored)
    }

    /// Reads it in the second place.
    async fn stage_from_copy(
        &self,
        check: &BookCheck,
        book: &BookToCheck,
        pace: &Arc<ReadPace>,
        cx: &AskContext,
    ) -> Result<StagedRestore, StageRefusal> {
        self.confirm_second_copy(cx).await?;
        let opened = self.second_copy.as_ref().and_then(SecondPlace::opened);
        let copier = SecondCopier {
            main: opened.ok_or_else(|| TaskFault::lost("there is none"))?,
            copy: self.storage.clone(),
            layout: self.layout.clone(),
            pace: Arc::clone(pace),
        };
        // The manifest comes with whatever is taken: where an object differs from what it names, either may be the one that changed.
        let manifest = book
            .recorded
            .barcode
            .as_ref()
            .map(|barcode| self.layout.manifest(barcode));
        let is_manifest = |key: &str| manifest.as_ref().is_some_and(|manifest| manifest.as_str() == key);
        let sound = check.objects.iter().filter(|object| object.fault.is_none());
        let sound = sound.filter(|object| !is_manifest(&object.key));
        let sound: BTreeSet<String> = sound.map(|object| object.key.clone()).collect();
        let recorded = book.recorded.clone();
        let staged = actix_rt::task::spawn_blocking(move || {
            let is_wanted = |key: &ObjectKey, is_proven| is_proven && !sound.contains(key.as_str());
            match copier.stage(&recorded, is_wanted) {
                Ok((contents, staged)) => Ok(StagedRestore {
                    staged,
                    book: stored_again(&recorded, contents),
                }),
                Err(fault) => Err(refusal(fault, copier.places_answer().is_ok())),
            }
        });
        staged.await.map_err(|_| TaskFault::lost("it panicked"))?
    }

    /// `false`: somebody else works on the book by now.
    async fn record_restored(
        &self,
        book: &BookToCheck,
        stored: StoredBook,
        cx: &AskContext,
    ) -> Result<bool, TaskFault> {
        let Some(barcode) = book.recorded.barcode.clone() else {
            return Ok(false);
        };
        let record = MendRecord {
            barcode,
            stored_at: Some(book.recorded.stored_at.clone()),
            found: Some(stored),
        };
        Ok(self.catalog.ask(record, cx).await?)
    }
}

impl RestorePlace {
    fn put(self, staged: StagedCopy, check: &BookCheck, book: &BookToCheck) -> Result<(), PublishError> {
        let Some(barcode) = &book.recorded.barcode else {
            return Ok(());
        };
        let is_damaged = |key: &str| {
            let mut objects = check.objects.iter().filter(|object| object.key == key);
            objects.any(|object| {
                object
                    .fault
                    .as_ref()
                    .is_some_and(|fault| fault.outcome() == FixityOutcome::Damaged)
            })
        };
        if is_damaged(&book.recorded.path) {
            keep_aside(&self.storage, &self.layout, check, book)?;
        }
        if is_damaged(self.layout.manifest(barcode).as_str()) {
            set_manifest_aside(&self.storage, &self.layout, barcode)?;
        }
        staged.publish(|| self.window.check(barcode)).map(drop)
    }
}

fn refusal(fault: CopyFault, places_answer: bool) -> StageRefusal {
    let is_not_held = is_not_held(&fault, places_answer);
    let told = match fault {
        CopyFault::Main(error) | CopyFault::Copy(error) => TaskFault::of(&error),
        fault => TaskFault::of(&fault),
    };
    match is_not_held {
        true => StageRefusal::NotHeld(told),
        false => StageRefusal::Away(told),
    }
}

/// As its manifest says; of an archive that was adopted unread, as the catalog had it.
fn stored_again(recorded: &RecordedBook, contents: BookContents) -> StoredBook {
    match (contents.manifest, ObjectKey::parse(&recorded.path)) {
        (Some(manifest), Ok(archive)) => record_of(manifest.named, &archive),
        _ => StoredBook {
            encrypted_etag: recorded.stored.etag.clone(),
            encrypted_bytes: None,
            sha256: contents.sha256,
            archive_bytes: contents.archive_bytes,
            page_count: None,
            text_pages: None,
            verified: None,
            worst_finding: None,
            storage_path: recorded.path.clone(),
            marc: None,
        },
    }
}
