//! The blocking half of DOWNLOAD and import: one archive streamed through the pass into uploads, and their publication.

use std::io::{self, Read, Write};

use jiff::Timestamp;

use crate::archive;
use crate::archive::{
    ArchiveError, ArchiveFinding, BookManifest, ManifestProvenance, MemberIndex, PassOptions, ProvenVolume, ReadVolume,
};
use crate::catalog::{BegunPublication, StoredBook};
use crate::grin::{Barcode, FileName, Validator};
use crate::pipeline::publish::companions::{CompanionUpload, StoredBeside};
use crate::pipeline::publish::error::{PublishError, of_download, of_import};
use crate::pipeline::publish::quarantine::{KeptPlace, make_room, put_findings};
use crate::pipeline::publish::record::record_of;
use crate::pipeline::publish::window::PublicationWindow;
use crate::pipeline::publish::witness::{StoredCondition, StoredWitness, decide};
use crate::pipeline::publish::{KeepReason, ReplaceDecision, VolumeStanding};
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError, StorageLayout};

/// What is needed to store one volume, apart from its bytes.
#[derive(Clone)]
pub struct PublishRecipe {
    /// The volume.
    pub barcode: Barcode,
    /// Its archive's name at GRIN.
    pub file_name: FileName,
    /// GRIN's validator of the encrypted archive, kept with what is stored.
    pub validator: Option<Validator>,
    /// Where to put it.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// Where the catalog says that the book's archive is; it stays there.
    pub recorded: Option<ObjectKey>,
    /// How to check and extract.
    pub options: PassOptions,
}

/// An archive that was read to its end and is a volume; nothing of it is published yet. Dropped, it leaves nothing.
pub struct StagedVolume {
    recipe: PublishRecipe,
    volume: ProvenVolume,
    /// `None`: it is in the storage already.
    raw: Option<ObjectUpload>,
    /// Its texts, and the encrypted archive where it is kept.
    companions: Vec<CompanionUpload>,
    stored: StoredWitness,
    decision: ReplaceDecision,
}

/// What became of a staged volume.
#[derive(Debug)]
pub enum VolumePublished {
    /// Archive, text in its forms, catalogue record, index of its files and manifest are published.
    Stored(Box<StoredBook>),
    /// What was stored before stays; the new archive is in quarantine with its findings.
    KeptAside {
        /// Why.
        reason: KeepReason,
        /// What people are told of it behind the reason.
        remark: &'static str,
        /// Where the new archive is.
        key: ObjectKey,
        /// In which condition what stays is.
        stored: StoredCondition,
    },
}

/// Streams `body` through the pass into uploads, and decides whether they may replace what is stored.
///
/// With `evidence`, the encrypted bytes are kept there as well; they are published only by [`super::keep_evidence`].
pub fn stage<R: Read + Send>(
    body: R,
    recipe: &PublishRecipe,
    evidence: Option<&mut ObjectUpload>,
) -> Result<StagedVolume, PublishError> {
    let (layout, storage) = (&recipe.layout, &recipe.storage);
    let mut encrypted = match recipe.options.keep_encrypted {
        true => Some(CompanionUpload::begin(storage, layout.encrypted(&recipe.barcode))?),
        false => None,
    };
    let body = CopyingReader {
        inner: body,
        evidence,
        encrypted: encrypted.as_mut(),
    };
    let mut raw = begin_archive(recipe)?;
    // Uploads that are dropped on the way leave nothing.
    let read = archive::read_encrypted(body, &mut raw, Some(&recipe.barcode), &recipe.options).map_err(of_download)?;
    let (volume, mut companions) = write_texts(read, recipe, of_download)?;
    companions.extend(encrypted);
    let (decision, stored) = decide(recipe, &VolumeStanding::from(&volume))?;
    Ok(StagedVolume {
        recipe: recipe.clone(),
        volume,
        raw: Some(raw),
        companions,
        stored,
        decision,
    })
}

/// Where an archive is that another program decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveTaken {
    /// It is only looked at, and nothing is written.
    Nothing,
    /// In the storage already: text, catalogue record and manifest are written.
    InPlace,
    /// Elsewhere: everything is written.
    Copied,
}

/// As [`stage`], for an archive that another program decrypted.
pub fn stage_taken_over<R: Read>(
    archive: R,
    recipe: &PublishRecipe,
    taken: ArchiveTaken,
) -> Result<StagedVolume, PublishError> {
    let mut raw = match taken {
        ArchiveTaken::Copied => Some(begin_archive(recipe)?),
        ArchiveTaken::InPlace | ArchiveTaken::Nothing => None,
    };
    let sink: &mut dyn Write = match &mut raw {
        Some(upload) => upload,
        None => &mut io::sink(),
    };
    let read = archive::read_plain(archive, sink, Some(&recipe.barcode), &recipe.options).map_err(of_import)?;
    let (volume, companions) = write_texts(read, recipe, of_import)?;
    let volume = decrypted_elsewhere(volume);
    let (decision, stored) = match taken {
        ArchiveTaken::Copied => decide(recipe, &VolumeStanding::from(&volume))?,
        // It is itself what is stored; what the manifest of another one names beside it may go.
        ArchiveTaken::InPlace | ArchiveTaken::Nothing => {
            (ReplaceDecision::SameBytes, StoredWitness::of_manifest(recipe)?)
        }
    };
    Ok(StagedVolume {
        recipe: recipe.clone(),
        volume,
        raw,
        companions,
        stored,
        decision,
    })
}

/// Looks at an archive that another program decrypted and writes nothing. What is returned names the archive where a download
/// would put it.
pub fn examine<R: Read>(archive: R, recipe: &PublishRecipe) -> Result<StoredBook, PublishError> {
    let passed = archive::process_plain(archive, io::sink(), io::sink(), Some(&recipe.barcode), &recipe.options);
    let volume = decrypted_elsewhere(passed.map_err(of_import)?);
    let manifest = BookManifest::of(&volume, provenance(recipe));
    Ok(record_of(manifest, &recipe.layout.raw(&recipe.barcode)))
}

impl StagedVolume {
    /// What becomes of it.
    pub fn decision(&self) -> ReplaceDecision {
        self.decision
    }

    /// What was noticed about it.
    pub fn findings(&self) -> &[ArchiveFinding] {
        &self.volume.findings
    }

    /// The archive, as the catalog is told before it is published.
    pub fn archive(&self) -> BegunPublication {
        BegunPublication {
            sha256: self.volume.sha256_hex(),
            etag: self.recipe.validator.as_ref().map(ToString::to_string),
        }
    }

    /// What is stored already, where a manifest tells of it: to be recorded where the catalog does not know it.
    pub fn what_stays(&self) -> Option<StoredBook> {
        let manifest = self.stored.manifest_of_archive()?;
        Some(record_of(
            manifest.clone(),
            &self.recipe.layout.raw(&self.recipe.barcode),
        ))
    }

    /// Publishes it, or keeps it aside if what is stored stays.
    pub fn publish(mut self, window: &PublicationWindow) -> Result<VolumePublished, PublishError> {
        match self.decision {
            ReplaceDecision::KeepStored(reason) => return self.keep_aside(reason, window),
            ReplaceDecision::SameBytes => {
                // Proven once, the same bytes stay proven where digests are not compared any more.
                let was_verified = self.stored.was_verified(&self.volume.sha256_hex());
                self.volume.acceptance.verified |= was_verified && !self.recipe.options.verify_checksums;
            }
            ReplaceDecision::Publish => {}
        }
        let barcode = self.recipe.barcode.clone();
        let stored = match self.publish_objects(window) {
            // The window ended while a store got the bytes a second time.
            Err(error @ PublishError::Storage(StorageError::Broken)) => {
                return Err(window.check(&barcode).err().unwrap_or(error));
            }
            published => published?,
        };
        Ok(VolumePublished::Stored(Box::new(stored)))
    }

    /// The archive first, the manifest last: where a manifest lies, everything it names is there.
    fn publish_objects(self, window: &PublicationWindow) -> Result<StoredBook, PublishError> {
        let Self {
            recipe,
            mut volume,
            raw,
            companions: staged,
            stored,
            decision,
        } = self;
        let (storage, layout, barcode) = (&recipe.storage, &recipe.layout, &recipe.barcode);
        let wanted = || window.check(barcode).is_ok();
        if let Some(mut raw) = raw {
            window.check(barcode)?;
            make_room(&recipe, &stored, &volume.sha256_hex())?;
            // What was stored may be long, and is copied where the store cannot rename.
            window.check(barcode)?;
            raw.set_meta(&ObjectMeta {
                sha256: Some(volume.sha256_hex()),
                ..meta_of(&recipe)
            })?;
            raw.publish_if(&wanted)?;
        }
        let mut companions = Vec::new();
        for companion in staged {
            window.check(barcode)?;
            companions.push(companion.publish(&wanted)?);
        }
        if let Some(record) = volume.marc_xml.take() {
            window.check(barcode)?;
            let mut upload = CompanionUpload::begin(storage, layout.record(barcode))?;
            upload.write_all(record.as_bytes()).map_err(PublishError::Sink)?;
            companions.push(upload.publish(&wanted)?);
        }
        window.check(barcode)?;
        let beside = StoredBeside::of(stored.manifest, decision, &volume.sha256_hex());
        let kept = beside.kept(&recipe, &companions)?;
        companions.extend(kept);
        let mut upload = CompanionUpload::begin(storage, layout.members(barcode))?;
        MemberIndex::of(&volume)
            .write(&mut upload)
            .map_err(PublishError::Sink)?;
        companions.push(upload.publish(&wanted)?);
        window.check(barcode)?;
        beside.remove_stale(&recipe, &companions)?;
        let mut manifest = BookManifest {
            companions,
            ..BookManifest::of(&volume, provenance(&recipe))
        };
        if !recipe.options.extract_marc {
            manifest.marc = beside.marc();
        }
        window.check(barcode)?;
        storage.put(&layout.manifest(barcode), &manifest.to_json(), &ObjectMeta::default())?;
        Ok(record_of(manifest, &layout.raw(barcode)))
    }

    /// Under `quarantine/`, with both archives' facts beside it; the name tells versions apart.
    fn keep_aside(self, reason: KeepReason, window: &PublicationWindow) -> Result<VolumePublished, PublishError> {
        let recipe = &self.recipe;
        let (barcode, new) = (&recipe.barcode, VolumeStanding::from(&self.volume));
        let (sha256, condition) = (&new.sha256, self.stored.condition());
        let remark = reason.remark(recipe.options.verify_checksums);
        let KeptPlace {
            key,
            findings: name,
            replaced,
        } = KeptPlace::of_aside(recipe, sha256)?;
        window.check(barcode)?;
        if let Some(mut raw) = self.raw {
            raw.set_key(&key)?;
            raw.set_meta(&ObjectMeta {
                sha256: Some(sha256.clone()),
                ..meta_of(recipe)
            })?;
            raw.publish()?;
        }
        let findings = serde_json::json!({
            "barcode": barcode,
            "reason": reason,
            "error": format!("{reason}{remark}{}", condition.remark()),
            "stored_archive": condition,
            "encrypted_etag": recipe.validator.as_ref().map(ToString::to_string),
            "sha256": sha256,
            "pages": new.pages,
            "text_pages": new.text_pages,
            "images": new.images,
            "verified": new.verified,
            "replaced": replaced,
            "stored": self.stored.best_known(&new),
            "findings": self.volume.findings,
            "at": Timestamp::now().to_string(),
        });
        put_findings(recipe, &name, &findings)?;
        tracing::warn!(
            %barcode, %reason, %key, stored = ?condition,
            "GRIN's newer archive is not taken: what is stored stays, and the new archive is kept in quarantine; compare both{remark}"
        );
        Ok(VolumePublished::KeptAside {
            reason,
            remark,
            key,
            stored: condition,
        })
    }
}

/// Begins the objects with the texts and writes them; the volume and the objects.
fn write_texts(
    mut read: ReadVolume,
    recipe: &PublishRecipe,
    failed: fn(ArchiveError) -> PublishError,
) -> Result<(ProvenVolume, Vec<CompanionUpload>), PublishError> {
    let (layout, barcode, options) = (&recipe.layout, &recipe.barcode, &recipe.options);
    let mut texts = Vec::new();
    if options.extract_text {
        let key = layout.text(barcode, options.compress_text);
        let mut text = CompanionUpload::begin(&recipe.storage, key)?;
        read.write_lines(&mut text, options.compress_text).map_err(failed)?;
        texts.push(text);
    }
    if options.writes_by_page() {
        let mut text = CompanionUpload::begin(&recipe.storage, layout.text_by_page(barcode))?;
        read.write_by_page(&mut text).map_err(failed)?;
        texts.push(text);
    }
    Ok((read.volume, texts))
}

/// Where something is stored of the book, its archive may have to be kept aside under another name.
fn begin_archive(recipe: &PublishRecipe) -> Result<ObjectUpload, StorageError> {
    let (storage, key, meta) = (&recipe.storage, recipe.layout.raw(&recipe.barcode), meta_of(recipe));
    match storage.gains_by_final_names() && StoredWitness::is_nothing(recipe)? {
        true => storage.begin_final(&key, &meta),
        false => storage.begin(&key, &meta),
    }
}

/// Nothing is known of its encrypted form.
fn decrypted_elsewhere(volume: ProvenVolume) -> ProvenVolume {
    ProvenVolume {
        encrypted_bytes: 0,
        ..volume
    }
}

fn provenance(recipe: &PublishRecipe) -> ManifestProvenance {
    ManifestProvenance {
        barcode: recipe.barcode.clone(),
        file_name: Some(recipe.file_name.to_string()),
        encrypted_etag: recipe.validator.as_ref().map(ToString::to_string),
        acquired_at: Timestamp::now(),
    }
}

fn meta_of(recipe: &PublishRecipe) -> ObjectMeta {
    ObjectMeta {
        barcode: Some(recipe.barcode.to_string()),
        encrypted_etag: recipe.validator.as_ref().map(ToString::to_string),
        sha256: None,
        acquisition_date: Some(Timestamp::now().to_string()),
    }
}

/// A reader that can keep copies of what passes.
struct CopyingReader<'a, R> {
    inner: R,
    evidence: Option<&'a mut ObjectUpload>,
    encrypted: Option<&'a mut CompanionUpload>,
}

impl<R: Read> Read for CopyingReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(copy) = &mut self.evidence {
            copy.write_all(&buffer[..count])?;
        }
        if let Some(copy) = &mut self.encrypted {
            copy.write_all(&buffer[..count])?;
        }
        Ok(count)
    }
}
