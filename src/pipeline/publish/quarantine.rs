//! Archives that are kept and not published, each with its findings beside it.

use jiff::Timestamp;

use crate::archive::{ArchiveError, SeenArchive};
use crate::pipeline::publish::stage::PublishRecipe;
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, StorageError};

/// Were these the same bytes? Compared by length and fingerprint of the encrypted archive.
pub(crate) fn same_bytes(first: &SeenArchive, second: &ArchiveError) -> bool {
    second.seen().is_some_and(|second| {
        (second.encrypted_bytes, second.fingerprint) == (first.encrypted_bytes, first.fingerprint)
    })
}

/// Publishes what GRIN delivers damaged, with the findings beside it, never under `raw/`.
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
    put_findings(recipe, "findings.json", &findings)
}

pub(super) fn put_findings(
    recipe: &PublishRecipe,
    name: &str,
    findings: &serde_json::Value,
) -> Result<(), StorageError> {
    let key = recipe.layout.quarantine(&recipe.barcode, name)?;
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
