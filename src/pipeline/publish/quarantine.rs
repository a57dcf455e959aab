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

/// How a copy of an archive came that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyOrigin {
    /// Its answer says where its body ends, so that a cut on the way is noticed.
    pub framed: bool,
    /// It was put together of more than one answer.
    pub spliced: bool,
}

/// Where an archive was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DamagePlace {
    /// At GRIN.
    Source,
    /// Perhaps where its answers were put together: the copy says nothing of the bytes at GRIN.
    Splice,
    /// Not known: another copy may tell.
    Unknown,
}

/// Where a copy was damaged; `same_as_first`: it has the bytes of a damaged copy before it, which was no spliced one. A server that
/// answers a request for the rest with wrong bytes does so each time, and a line that ends each body at the same byte is no proof.
pub(crate) fn place_of_damage(origin: CopyOrigin, same_as_first: bool) -> DamagePlace {
    match origin {
        CopyOrigin { spliced: true, .. } => DamagePlace::Splice,
        CopyOrigin { framed: true, .. } if same_as_first => DamagePlace::Source,
        CopyOrigin { .. } => DamagePlace::Unknown,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_copies_of_one_answer_each_prove_damage_at_the_source() {
        use DamagePlace::{Source, Splice, Unknown};
        for (framed, spliced, same_as_first, place) in [
            (true, false, true, Source),
            (true, false, false, Unknown),
            (false, false, true, Unknown),
            (false, false, false, Unknown),
            (true, true, true, Splice),
            (true, true, false, Splice),
            (false, true, true, Splice),
            (false, true, false, Splice),
        ] {
            let origin = CopyOrigin { framed, spliced };
            assert_eq!(
                place_of_damage(origin, same_as_first),
                place,
                "{origin:?} {same_as_first}"
            );
        }
    }
}
