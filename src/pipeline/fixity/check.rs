//! Reads all objects of one stored book, and says of each what came of it.

use std::io;
use std::sync::Arc;

use serde::Serialize;

use crate::archive::{self, ArchiveError, BookManifest, PassOptions, hex};
use crate::catalog::{BookToCheck, FixityEvidence, RecordCheck, RecordedBook};
use crate::grin::{Barcode, LibraryDirectory};
use crate::pipeline::fixity::judge::{
    ArchiveFacts, CheckFault, ManifestFacts, ManifestRead, ObjectRead, is_first_evidence, judge_archive,
    judge_companion, judge_manifest,
};
use crate::pipeline::fixity::pace::ReadPace;
use crate::storage::{ObjectKey, Storage, StorageError, StorageLayout, TransferFault, copy_digested};
use crate::vocabulary::{FixityLevel, FixityOutcome};

/// Why checking ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckStop {
    /// It was cut.
    #[error("the check was cut")]
    Cut,
    /// The storage is not there, or another one: nothing can be said of any book.
    #[error(transparent)]
    Away(StorageError),
}

/// Checks books, one after another.
pub(crate) struct BookChecker {
    /// Where they are stored.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// Whose books they are.
    pub library: Option<LibraryDirectory>,
    /// How closely.
    pub level: FixityLevel,
    /// How fast.
    pub pace: Arc<ReadPace>,
}

/// An object of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectCheck {
    /// Its name within the storage.
    pub key: String,
    /// Why it is not known to be what was stored; `None`: it is.
    pub fault: Option<CheckFault>,
}

/// What came of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookCheck {
    /// Its barcode.
    pub barcode: String,
    /// How closely it was looked at.
    pub level: FixityLevel,
    /// Its objects.
    pub objects: Vec<ObjectCheck>,
    /// The SHA-256 of its archive; `None`: it was not read to its end.
    pub sha256: Option<String>,
    /// Bytes read.
    pub bytes: u64,
    /// Nothing said which digest the archive should have, and now this one does.
    pub is_first: bool,
}

/// An object that is not known to be what was stored, in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ObjectFinding<'a> {
    /// Its name within the storage.
    pub key: &'a str,
    /// What follows from it.
    pub outcome: FixityOutcome,
    /// Why, as a word.
    pub reason: &'static str,
    /// The same as a sentence.
    pub detail: String,
}

impl BookCheck {
    /// A book of which nothing could be read, for this reason.
    pub(crate) fn impossible(barcode: &str, level: FixityLevel, key: &str, why: impl Into<String>) -> Self {
        let fault = Some(CheckFault::Unreadable(why.into()));
        let key = key.to_owned();
        Self {
            barcode: barcode.to_owned(),
            level,
            objects: vec![ObjectCheck { key, fault }],
            sha256: None,
            bytes: 0,
            is_first: false,
        }
    }

    /// That of its worst object.
    pub(crate) fn outcome(&self) -> FixityOutcome {
        let outcomes = self.faults().map(|(_, fault)| fault.outcome());
        outcomes.max().unwrap_or(FixityOutcome::Ok)
    }

    fn faults(&self) -> impl Iterator<Item = (&str, &CheckFault)> {
        let objects = self.objects.iter();
        objects.filter_map(|object| Some((object.key.as_str(), object.fault.as_ref()?)))
    }

    /// Its objects that are not known to be what was stored.
    pub(crate) fn findings(&self) -> Vec<ObjectFinding<'_>> {
        let finding = |(key, fault): (_, &CheckFault)| ObjectFinding {
            key,
            outcome: fault.outcome(),
            reason: fault.as_str(),
            detail: fault.to_string(),
        };
        self.faults().map(finding).collect()
    }

    /// The evidence for the catalog.
    pub(crate) fn record(&self, book: &BookToCheck) -> RecordCheck {
        let findings = self.findings();
        RecordCheck {
            book: book.recorded.id,
            stored_at: book.recorded.stored_at.clone(),
            evidence: FixityEvidence {
                level: self.level,
                outcome: self.outcome(),
                sha256: self.sha256.clone(),
                bytes: self.bytes,
                findings: (!findings.is_empty()).then(|| serde_json::to_string(&findings).unwrap_or_default()),
                is_first: self.is_first,
            },
        }
    }
}

/// An archive as it was read.
struct ReadArchive {
    read: ObjectRead,
    pages: Option<Result<(), String>>,
    bytes: u64,
}

impl BookChecker {
    /// Reads the objects of a book. Bad news are told only of a storage that is proven to be the right one afterwards.
    pub(crate) fn check(&self, book: &BookToCheck) -> Result<BookCheck, CheckStop> {
        let first = self.look(book)?;
        if first.outcome() == FixityOutcome::Ok {
            return Ok(first);
        }
        self.storage.prove_marker().map_err(CheckStop::Away)?;
        // What was absent while the storage went away and came back is there.
        if self.has_come_back(&first)? {
            self.look(book)
        } else {
            Ok(first)
        }
    }

    fn has_come_back(&self, check: &BookCheck) -> Result<bool, CheckStop> {
        for (key, _) in check.faults().filter(|(_, fault)| **fault == CheckFault::Absent) {
            let Ok(key) = ObjectKey::parse(key) else { continue };
            if self.storage.stat(&key).map_err(CheckStop::Away)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn look(&self, book: &BookToCheck) -> Result<BookCheck, CheckStop> {
        let RecordedBook {
            barcode,
            path,
            stored,
            begun,
            has_manifest,
            ..
        } = &book.recorded;
        let (Some(barcode), Ok(key)) = (barcode, ObjectKey::parse(path)) else {
            let why = "the catalog has no usable name of it";
            return Ok(BookCheck::impossible(&book.code, self.level, path, why));
        };
        let archive = self.archive(&key, barcode)?;
        let manifest_key = self.layout.manifest(barcode);
        let manifest = self.manifest(&manifest_key)?;
        let (recorded, is_replaced) = (stored.sha256.as_deref(), begun.is_some());
        let named = match &manifest {
            ManifestRead::Found(manifest) if manifest.barcode == *barcode => Some(manifest.as_ref()),
            _ => None,
        };
        let sha256 = match &archive.read {
            ObjectRead::Whole(sha256) => sha256.clone(),
            ObjectRead::Absent | ObjectRead::Failed(_) => None,
        };
        let archive_facts = ArchiveFacts {
            read: &archive.read,
            recorded,
            named: named.map(|manifest| manifest.sha256.as_str()),
            pages: archive
                .pages
                .as_ref()
                .map(|pages| pages.as_ref().map_err(String::as_str).copied()),
            is_replaced,
        };
        let of_archive = judge_archive(archive_facts);
        let is_first = is_first_evidence(archive_facts, &manifest);
        let of_manifest = judge_manifest(ManifestFacts {
            read: &manifest,
            barcode,
            recorded,
            archive: sha256.as_deref(),
            was_made: *has_manifest,
            is_replaced,
        });
        let object = |key: &ObjectKey, fault| ObjectCheck {
            key: key.to_string(),
            fault,
        };
        let mut check = BookCheck {
            barcode: barcode.to_string(),
            level: self.level,
            objects: vec![object(&key, of_archive), object(&manifest_key, of_manifest)],
            sha256,
            bytes: archive.bytes,
            is_first,
        };
        if let Some(manifest) = named.filter(|_| check.objects[1].fault.is_none()) {
            self.companions(manifest, is_replaced, &mut check)?;
        }
        Ok(check)
    }

    /// Adds the objects that the manifest names beside the archive.
    fn companions(&self, manifest: &BookManifest, is_replaced: bool, check: &mut BookCheck) -> Result<(), CheckStop> {
        for companion in &manifest.companions {
            let fault = match ObjectKey::parse(&companion.key) {
                Ok(key) => {
                    let (read, bytes) = self.digest(&key)?;
                    check.bytes += bytes;
                    judge_companion(&read, &companion.sha256, is_replaced)
                }
                Err(error) => Some(CheckFault::NoManifest(error.to_string())),
            };
            let key = companion.key.clone();
            check.objects.push(ObjectCheck { key, fault });
        }
        Ok(())
    }

    fn archive(&self, key: &ObjectKey, barcode: &Barcode) -> Result<ReadArchive, CheckStop> {
        if self.level == FixityLevel::Digest {
            let (read, bytes) = self.digest(key)?;
            let pages = None;
            return Ok(ReadArchive { read, pages, bytes });
        }
        let object = match self.storage.open_read(key) {
            Ok(object) => object,
            Err(error) => {
                let read = unread(&error);
                return Ok(ReadArchive {
                    read,
                    pages: None,
                    bytes: 0,
                });
            }
        };
        let options = PassOptions {
            extract_text: false,
            extract_marc: false,
            library: self.library.clone(),
            ..PassOptions::default()
        };
        let paced = self.pace.over(object);
        let passed = archive::process_plain(paced, io::sink(), io::sink(), Some(barcode), &options);
        self.not_cut()?;
        Ok(match passed {
            Ok(volume) => ReadArchive {
                read: ObjectRead::Whole(Some(volume.sha256_hex())),
                pages: Some(Ok(())),
                bytes: volume.bytes,
            },
            Err(
                error @ (ArchiveError::Damaged { .. }
                | ArchiveError::Truncated { .. }
                | ArchiveError::NotAnArchive { .. }
                | ArchiveError::Refused { .. }),
            ) => {
                let seen = error.seen().and_then(|seen| Some((seen.sha256?, seen.encrypted_bytes)));
                // What is no archive at all was not read to its end.
                let (read, bytes) = match seen {
                    Some((sha256, bytes)) => (ObjectRead::Whole(Some(hex(&sha256))), bytes),
                    None => self.digest(key)?,
                };
                let pages = Some(Err(error.to_string()));
                ReadArchive { read, pages, bytes }
            }
            // The storage broke off, or our limits say nothing of what was stored.
            Err(error) => ReadArchive {
                read: ObjectRead::Failed(error.to_string()),
                pages: None,
                bytes: 0,
            },
        })
    }

    /// Reads an object to its end; how many bytes that were.
    pub(super) fn digest(&self, key: &ObjectKey) -> Result<(ObjectRead, u64), CheckStop> {
        let object = match self.storage.open_read(key) {
            Ok(object) => self.pace.over(object),
            Err(error) => return Ok((unread(&error), 0)),
        };
        match copy_digested(object, &mut io::sink()) {
            Ok(read) => Ok((ObjectRead::Whole(Some(read.sha256)), read.bytes)),
            Err(TransferFault::Source(error) | TransferFault::Target(error)) => {
                self.not_cut()?;
                Ok((ObjectRead::Failed(error.to_string()), 0))
            }
        }
    }

    pub(super) fn manifest(&self, key: &ObjectKey) -> Result<ManifestRead, CheckStop> {
        let object = match self.storage.open_read(key) {
            Ok(object) => self.pace.over(object),
            Err(StorageError::NotFound(_)) => return Ok(ManifestRead::Absent),
            Err(error) => return Ok(ManifestRead::Failed(error.to_string())),
        };
        let text = match BookManifest::bytes_of(object) {
            Ok(text) => text,
            Err(error) => {
                self.not_cut()?;
                return Ok(ManifestRead::Failed(error.to_string()));
            }
        };
        Ok(match BookManifest::from_json(&text) {
            Ok(manifest) => ManifestRead::Found(Box::new(manifest)),
            Err(fault) => ManifestRead::Other(fault.to_string()),
        })
    }

    pub(super) fn not_cut(&self) -> Result<(), CheckStop> {
        if self.pace.is_cut() {
            Err(CheckStop::Cut)
        } else {
            Ok(())
        }
    }
}

fn unread(error: &StorageError) -> ObjectRead {
    match error {
        StorageError::NotFound(_) => ObjectRead::Absent,
        error => ObjectRead::Failed(error.to_string()),
    }
}
