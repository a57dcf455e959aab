//! The blocking half of DOWNLOAD: one body streamed through the archive pass into storage.

use std::io::{self, Read, Write};

use jiff::Timestamp;

use crate::archive;
use crate::archive::{ArchiveError, BookManifest, ManifestProvenance, PassOptions, ProvenVolume, SeenArchive};
use crate::catalog::StoredBook;
use crate::grin::{Barcode, FileName, Validator};
use crate::session::BodyError;
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError, StorageLayout};

/// What is needed to bring one volume home, apart from its bytes.
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
    /// How to check and extract.
    pub options: PassOptions,
}

/// Why a volume is not home; nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The body broke off and could not be resumed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The archive is not what it should be.
    #[error(transparent)]
    Archive(Box<ArchiveError>),
    /// The store did not take it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store broke off in the middle; a [`StorageError`] is inside where it named its reason.
    #[error("the store did not take it: {0}")]
    Sink(#[source] io::Error),
    /// An archive that is taken over cannot be read.
    #[error("the stored archive cannot be read: {0}")]
    Source(#[source] io::Error),
}

/// Streams `body` through the pass into storage; returns when the archive, its text and its manifest are published.
///
/// With `evidence`, the encrypted bytes are kept there as well; they are published only by [`keep_evidence`].
pub fn bring_home<R: Read + Send>(
    body: R,
    recipe: &PublishRecipe,
    evidence: Option<&mut ObjectUpload>,
) -> Result<StoredBook, HomeError> {
    let body = Copied {
        inner: body,
        copy: evidence,
    };
    let mut raw = recipe
        .storage
        .begin(&recipe.layout.raw(&recipe.barcode), &meta_of(recipe))?;
    let text_key = recipe.layout.text(&recipe.barcode, recipe.options.compress_text);
    let mut text = recipe.storage.begin(&text_key, &ObjectMeta::default())?;
    match archive::process(body, &mut raw, &mut text, &recipe.barcode, &recipe.options) {
        Ok(volume) => publish(
            recipe,
            volume,
            Uploads {
                raw: Some(raw),
                text: Some(text),
            },
        ),
        Err(error) => {
            raw.abort();
            text.abort();
            Err(explain(error))
        }
    }
}

/// What an archive that is decrypted already leaves in the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveTaken {
    /// Nothing: it is only looked at.
    Nothing,
    /// Text, catalogue record and manifest; the archive lies in the storage already.
    InPlace,
    /// Everything.
    Copied,
}

/// Takes an archive over that another program decrypted: the same pass as after a download, but for the decryption. What is
/// returned names the archive where a download would have put it.
pub fn take_over<R: Read>(archive: R, recipe: &PublishRecipe, taken: ArchiveTaken) -> Result<StoredBook, HomeError> {
    let begin = |key: &ObjectKey, meta: &ObjectMeta| recipe.storage.begin(key, meta);
    let (raw_key, text_key) = (
        recipe.layout.raw(&recipe.barcode),
        recipe.layout.text(&recipe.barcode, recipe.options.compress_text),
    );
    let copied = (taken == ArchiveTaken::Copied).then(|| begin(&raw_key, &meta_of(recipe)));
    let mut raw = copied.transpose()?;
    let kept = (taken != ArchiveTaken::Nothing).then(|| begin(&text_key, &ObjectMeta::default()));
    let mut text = kept.transpose()?;
    let (archive_sink, text_sink) = (sink(raw.as_mut()), sink(text.as_mut()));
    let passed = archive::process_plain(archive, archive_sink, text_sink, Some(&recipe.barcode), &recipe.options);
    let uploads = Uploads { raw, text };
    match passed {
        Ok(volume) if taken == ArchiveTaken::Nothing => {
            let manifest = BookManifest::of(&decrypted_elsewhere(volume), provenance(recipe));
            Ok(record_of(manifest, &raw_key))
        }
        Ok(volume) => publish(recipe, decrypted_elsewhere(volume), uploads),
        Err(error) => {
            uploads.abort();
            Err(explain_taken(error))
        }
    }
}

/// What is written there is kept by the upload, if there is one.
fn sink<'a>(upload: Option<&'a mut ObjectUpload>) -> Box<dyn Write + 'a> {
    match upload {
        Some(upload) => Box::new(upload),
        None => Box::new(io::sink()),
    }
}

/// As [`explain`], where what is read is a store's.
fn explain_taken(error: ArchiveError) -> HomeError {
    match error {
        ArchiveError::Input(error) => HomeError::Source(error),
        error => explain(error),
    }
}

/// Nothing is known of its encrypted form.
fn decrypted_elsewhere(volume: ProvenVolume) -> ProvenVolume {
    ProvenVolume {
        encrypted_bytes: 0,
        ..volume
    }
}

struct Uploads {
    /// `None`: it lies there already.
    raw: Option<ObjectUpload>,
    text: Option<ObjectUpload>,
}

impl Uploads {
    fn abort(self) {
        self.raw.into_iter().chain(self.text).for_each(ObjectUpload::abort);
    }
}

/// The archive first, the manifest last: where a manifest lies, everything it names is there.
fn publish(recipe: &PublishRecipe, mut volume: ProvenVolume, uploads: Uploads) -> Result<StoredBook, HomeError> {
    if let Some(mut raw) = uploads.raw {
        raw.set_meta(&ObjectMeta {
            sha256: Some(volume.sha256_hex()),
            ..meta_of(recipe)
        })?;
        raw.publish()?;
    }
    match uploads.text {
        Some(text) if recipe.options.extract_text => drop(text.publish()?),
        Some(text) => text.abort(),
        None => {}
    }
    if let Some(record) = volume.marc_xml.take() {
        let key = recipe
            .layout
            .meta(&format!("{}.marc.xml", recipe.barcode))
            .map_err(StorageError::from)?;
        recipe.storage.put(&key, record.as_bytes(), &ObjectMeta::default())?;
    }
    let manifest = BookManifest::of(&volume, provenance(recipe));
    recipe.storage.put(
        &recipe.layout.manifest(&recipe.barcode),
        &manifest.to_json(),
        &ObjectMeta::default(),
    )?;
    Ok(record_of(manifest, &recipe.layout.raw(&recipe.barcode)))
}

fn provenance(recipe: &PublishRecipe) -> ManifestProvenance {
    ManifestProvenance {
        barcode: recipe.barcode.clone(),
        file_name: Some(recipe.file_name.to_string()),
        encrypted_etag: recipe.validator.as_ref().map(ToString::to_string),
        acquired_at: Timestamp::now(),
    }
}

/// What the catalog is to know of a volume whose manifest is published.
pub(crate) fn record_of(manifest: BookManifest, archive: &ObjectKey) -> StoredBook {
    StoredBook {
        encrypted_etag: manifest.encrypted_etag,
        encrypted_bytes: Some(manifest.encrypted_bytes).filter(|bytes| *bytes > 0),
        sha256: manifest.sha256,
        archive_bytes: manifest.archive_bytes,
        page_count: Some(manifest.pages),
        text_pages: Some(manifest.text_pages),
        storage_path: archive.to_string(),
        marc: manifest.marc.map(crate::pipeline::workers::record::columns),
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

/// Tells a broken body and a full store from a bad archive.
fn explain(error: ArchiveError) -> HomeError {
    match error {
        ArchiveError::Input(error) => match BodyError::of(&error) {
            Some(body_error) => HomeError::Body(body_error.clone()),
            // The copy kept as evidence goes through the same reader: its store broke off.
            None => HomeError::Sink(error),
        },
        ArchiveError::Sink(error) | ArchiveError::Text(error) => HomeError::Sink(error),
        error => HomeError::Archive(Box::new(error)),
    }
}

/// Were these the same bytes? Compared by length and fingerprint of the encrypted archive.
pub(crate) fn same_bytes(first: &SeenArchive, second: &ArchiveError) -> bool {
    second.seen().is_some_and(|second| {
        (second.encrypted_bytes, second.fingerprint) == (first.encrypted_bytes, first.fingerprint)
    })
}

/// Publishes what GRIN hands out damaged, with the findings beside it, never under `raw/`.
pub(crate) fn keep_evidence(
    recipe: &PublishRecipe,
    evidence: ObjectUpload,
    error: &ArchiveError,
) -> Result<(), StorageError> {
    evidence.publish()?;
    let findings = serde_json::json!({
        "barcode": recipe.barcode,
        "reason": error.reason(),
        "error": error.to_string(),
        "encrypted_etag": recipe.validator.as_ref().map(ToString::to_string),
        "findings": error.findings(),
        "at": Timestamp::now().to_string(),
    });
    let key = recipe.layout.quarantine(&recipe.barcode, "findings.json")?;
    recipe
        .storage
        .put(&key, format!("{findings:#}\n").as_bytes(), &ObjectMeta::default())?;
    Ok(())
}

/// Key of the encrypted archive in quarantine.
pub(crate) fn evidence_key(recipe: &PublishRecipe) -> Result<ObjectKey, StorageError> {
    Ok(recipe
        .layout
        .quarantine(&recipe.barcode, &format!("{}.tar.gz.gpg", recipe.barcode))?)
}

/// A reader that can keep a copy of what passes.
struct Copied<'a, R> {
    inner: R,
    copy: Option<&'a mut ObjectUpload>,
}

impl<R: Read> Read for Copied<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(copy) = &mut self.copy {
            copy.write_all(&buffer[..count])?;
        }
        Ok(count)
    }
}
