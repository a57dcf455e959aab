//! An archive that is damaged or missing is made again from the form in which GRIN sent it, where that is kept beside it and sound.

use std::sync::Arc;

use tracing::{info, warn};

use crate::actor::AskContext;
use crate::archive::{self, ArchiveError, PassOptions};
use crate::catalog::{BookToCheck, RecordedBook};
use crate::pipeline::fixity::check::BookCheck;
use crate::pipeline::fixity::pace::ReadPace;
use crate::pipeline::publish::{read_manifest, record_of};
use crate::pipeline::second_copy::{RestoreEnd, StagedRestore};
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::task_services::TaskFault;
use crate::pipeline::workers::ArchiveKeyFiles;
use crate::storage::{ObjectKey, ObjectMeta, Storage, StorageError, StorageLayout};

/// Decrypts what GRIN sent.
struct SentArchive {
    storage: Storage,
    layout: StorageLayout,
    keys: ArchiveKeyFiles,
    pace: Arc<ReadPace>,
}

/// Why nothing was made of it.
#[derive(Debug, thiserror::Error)]
enum DecryptFault {
    /// It does not serve.
    #[error("{0}")]
    Refused(String),
    /// The storage gave an error, which says nothing of it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl WorkerPools {
    /// Puts the archive of a book in its place again. A damaged one is moved to quarantine once what was decrypted has the recorded digest, and
    /// not before.
    pub(super) async fn restore_from_sent(
        &self,
        check: &BookCheck,
        book: &BookToCheck,
        pace: &Arc<ReadPace>,
        cx: &AskContext,
    ) -> Result<RestoreEnd, TaskFault> {
        let barcode = check.barcode.as_str();
        let sent = SentArchive {
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            keys: self.keys.clone(),
            pace: Arc::clone(pace),
        };
        let recorded = book.recorded.clone();
        let staged = actix_rt::task::spawn_blocking(move || sent.stage(&recorded)).await;
        match staged.map_err(|_| TaskFault::lost("it panicked"))? {
            Ok(staged) => {
                let end = self.put_back(staged, check, book, cx).await?;
                if end == RestoreEnd::Restored {
                    info!(%barcode, "the archive is in its place again, decrypted from what GRIN sent");
                }
                Ok(end)
            }
            Err(_) if pace.is_cut() => Ok(RestoreEnd::Left),
            Err(DecryptFault::Storage(error)) => {
                warn!(%barcode, %error, "the archive cannot be decrypted from what GRIN sent now; it is tried again later");
                Ok(RestoreEnd::Left)
            }
            Err(DecryptFault::Refused(why)) => {
                warn!(%barcode, why, "what GRIN sent does not serve in place of the archive that is not sound");
                Ok(RestoreEnd::NotHeld)
            }
        }
    }
}

impl SentArchive {
    fn stage(&self, recorded: &RecordedBook) -> Result<StagedRestore, DecryptFault> {
        let refused = |why: &str| DecryptFault::Refused(why.to_owned());
        let (Some(barcode), Ok(archive)) = (&recorded.barcode, ObjectKey::parse(&recorded.path)) else {
            return Err(refused("the catalog has no usable name of the archive"));
        };
        let manifest = read_manifest(&self.storage, &self.layout, barcode)?;
        let manifest = manifest.filter(|manifest| manifest.barcode == *barcode);
        let manifest = manifest.ok_or_else(|| refused("the book has no manifest"))?;
        let known = recorded.stored.sha256.as_ref();
        if known.is_some_and(|known| *known != manifest.sha256) {
            return Err(refused("the manifest names another archive than the catalog"));
        }
        let to = self.storage.with_room_for(manifest.archive_bytes)?;
        let meta = ObjectMeta {
            barcode: Some(barcode.to_string()),
            encrypted_etag: manifest.encrypted_etag.clone(),
            sha256: Some(manifest.sha256.clone()),
            acquisition_date: Some(manifest.acquired_at.to_string()),
        };
        let mut upload = to.begin_final(&archive, &meta)?;
        // The digest of what was stored proves more than these would.
        let options = PassOptions {
            accept_unauthenticated: true,
            require_volume: false,
            extract_text: false,
            extract_marc: false,
            ..self.keys.current()
        };
        let sent = self.pace.over(self.storage.open_read(&self.layout.encrypted(barcode))?);
        let read = archive::read_encrypted(sent, &mut upload, Some(barcode), &options).map_err(fault_of)?;
        let (found, expected) = (read.volume.sha256_hex(), &manifest.sha256);
        if found != *expected {
            let why = format!("what is in it has the SHA-256 {found}, and {expected} is recorded");
            return Err(DecryptFault::Refused(why));
        }
        Ok(StagedRestore::of_archive(to, upload, record_of(manifest, &archive)))
    }
}

fn fault_of(error: ArchiveError) -> DecryptFault {
    match error {
        ArchiveError::Input(error) => StorageError::from_read(error).into(),
        ArchiveError::Sink(error) => StorageError::from_write(error).into(),
        other => DecryptFault::Refused(other.to_string()),
    }
}
