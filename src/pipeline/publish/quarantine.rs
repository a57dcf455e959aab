//! Archives that are kept and not published, each with its findings beside it.

use std::collections::BTreeSet;
use std::io::Read;

use jiff::Timestamp;

use crate::archive::{ArchiveError, SeenArchive, hex};
use crate::pipeline::publish::stage::PublishRecipe;
use crate::pipeline::publish::witness::StoredWitness;
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, StorageError};

/// Archives of one book that are kept of each kind, refused and kept aside; the last of them is the newest that came.
const MOST_KEPT: usize = 4;
/// Digits of a digest that tell versions apart.
const DIGITS: usize = 12;
/// In the names of archives that were stored before, which take no place of those that are kept.
const REPLACED: &str = "-replaced-";
/// Likewise, of those found damaged in storage.
pub(in crate::pipeline) const DAMAGED: &str = "-damaged-";
const ENCRYPTED: &str = ".tar.gz.gpg";
const DECRYPTED: &str = ".tar.gz";
/// The findings about the first refused archive.
const FIRST_FINDINGS: &str = "findings.json";
/// Largest findings read; ours are a few KiB.
const FINDINGS_LIMIT: u64 = 4 << 20;

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

/// Publishes what GRIN delivers damaged or as another volume, with the findings beside it, never under `raw/`.
pub(crate) fn keep_evidence(
    recipe: &PublishRecipe,
    mut evidence: ObjectUpload,
    error: &ArchiveError,
) -> Result<(), StorageError> {
    let seen = error.seen().cloned().unwrap_or_default();
    let fingerprint = hex(&seen.fingerprint);
    let place = KeptPlace::of_refused(recipe, seen.encrypted_bytes, &fingerprint)?;
    let findings = serde_json::json!({
        "barcode": recipe.barcode,
        "reason": error.reason(),
        "error": error.to_string(),
        "encrypted_etag": recipe.validator.as_ref().map(ToString::to_string),
        "encrypted_bytes": seen.encrypted_bytes,
        "fingerprint": fingerprint,
        "replaced": place.replaced,
        "findings": error.findings(),
        "at": Timestamp::now().to_string(),
    });
    evidence.set_key(&place.key)?;
    evidence.publish()?;
    put_findings(recipe, &place.findings, &findings)
}

/// Where an archive is kept in quarantine.
pub(super) struct KeptPlace {
    pub(super) key: ObjectKey,
    /// The name of the findings about it.
    pub(super) findings: String,
    /// How many archives have been in this place before it; never any where the archive has a name of its own.
    pub(super) replaced: u64,
}

impl KeptPlace {
    /// For an encrypted archive. The first of a book has the book's name, any other one a name by its fingerprint.
    fn of_refused(recipe: &PublishRecipe, bytes: u64, fingerprint: &str) -> Result<Self, StorageError> {
        let kept = kept_names(recipe)?;
        let book = recipe.barcode.for_key();
        let first = recipe.barcode.to_string();
        let is_same =
            |known: &serde_json::Value| known["encrypted_bytes"] == bytes && known["fingerprint"] == fingerprint;
        let is_first = || Ok::<_, StorageError>(read_findings(recipe, FIRST_FINDINGS)?.is_some_and(|it| is_same(&it)));
        let own = if !kept.contains(&format!("{first}{ENCRYPTED}")) || is_first()? {
            first.clone()
        } else {
            format!("{book}-{}", &fingerprint[..DIGITS])
        };
        let newest = format!("{book}-newest-refused");
        let stem = stem_for(&own, &newest, ENCRYPTED, &kept);
        let findings = if stem == first {
            FIRST_FINDINGS.to_owned()
        } else {
            format!("{stem}.findings.json")
        };
        Ok(Self {
            key: recipe
                .layout
                .quarantine(&recipe.barcode, &format!("{stem}{ENCRYPTED}"))?,
            replaced: match stem == newest {
                true => replaced_by(recipe, &findings, &is_same)?,
                false => 0,
            },
            findings,
        })
    }

    /// For a decrypted archive that is kept aside, by its SHA-256.
    pub(super) fn of_aside(recipe: &PublishRecipe, sha256: &str) -> Result<Self, StorageError> {
        let book = recipe.barcode.for_key();
        let (own, newest) = (format!("{book}-{}", &sha256[..DIGITS]), format!("{book}-newest"));
        let stem = stem_for(&own, &newest, DECRYPTED, &kept_names(recipe)?);
        let findings = format!("{stem}.findings.json");
        Ok(Self {
            key: recipe
                .layout
                .quarantine(&recipe.barcode, &format!("{stem}{DECRYPTED}"))?,
            replaced: match stem == newest {
                true => replaced_by(recipe, &findings, &|known| known["sha256"] == sha256)?,
                false => 0,
            },
            findings,
        })
    }
}

/// The archive's own name, unless as many others are there as stay; then the one that each newest has, so that none of the others is lost.
fn stem_for<'s>(own: &'s str, newest: &'s str, extension: &str, kept: &BTreeSet<String>) -> &'s str {
    let name = |stem: &str| format!("{stem}{extension}");
    let was_stored = |kept: &str| kept.contains(REPLACED) || kept.contains(DAMAGED);
    let is_other = |kept: &&String| kept.ends_with(extension) && **kept != name(newest) && !was_stored(kept);
    let others = kept.iter().filter(is_other).count();
    if kept.contains(&name(own)) || others + 1 < MOST_KEPT {
        own
    } else {
        newest
    }
}

/// How many archives the newest has taken the place of. The one that is there does not count again if it `is_same`.
fn replaced_by(
    recipe: &PublishRecipe,
    findings: &str,
    is_same: &dyn Fn(&serde_json::Value) -> bool,
) -> Result<u64, StorageError> {
    let Some(before) = read_findings(recipe, findings)? else {
        return Ok(0);
    };
    let replaced = before["replaced"].as_u64().unwrap_or(0) + u64::from(!is_same(&before));
    if replaced > 0 {
        tracing::warn!(
            barcode = %recipe.barcode, replaced,
            "quarantine holds as many archives of this book as are kept; the newest takes the place of the one before it"
        );
    }
    Ok(replaced)
}

/// What lies in quarantine of this book.
fn kept_names(recipe: &PublishRecipe) -> Result<BTreeSet<String>, StorageError> {
    let folder = recipe.layout.quarantine_folder(&recipe.barcode)?;
    let listed = recipe.storage.list(Some(&folder))?;
    let name = |key: &ObjectKey| key.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    listed.map(|object| object.map(|object| name(&object.key))).collect()
}

/// The findings that were put beside an archive; `None` if there are none, or none that can be read.
fn read_findings(recipe: &PublishRecipe, name: &str) -> Result<Option<serde_json::Value>, StorageError> {
    let key = recipe.layout.quarantine(&recipe.barcode, name)?;
    if recipe.storage.stat(&key)?.is_none() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let object = recipe.storage.open_read(&key)?;
    let read = object.take(FINDINGS_LIMIT).read_to_end(&mut bytes);
    read.map_err(StorageError::from_read)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Moves a stored archive into quarantine that was not read as a whole volume, before another takes its place: nobody can say what is lost
/// with it. It has a name of its own there and is never replaced.
pub(super) fn make_room(recipe: &PublishRecipe, stored: &StoredWitness, new: &str) -> Result<(), StorageError> {
    let Some(sha256) = stored.unproven().filter(|old| *old != new) else {
        return Ok(());
    };
    let (barcode, raw) = (&recipe.barcode, recipe.layout.raw(&recipe.barcode));
    let stem = format!("{}{REPLACED}{}", barcode.for_key(), &sha256[..DIGITS]);
    let key = recipe.layout.quarantine(barcode, &format!("{stem}{DECRYPTED}"))?;
    let findings = serde_json::json!({
        "barcode": barcode,
        "reason": "replaced",
        "error": "the stored archive is refused when it is read again; a newer one has taken its place, and its bytes are kept here",
        "stored_archive": stored.condition(),
        "sha256": sha256,
        "replaced_by_sha256": new,
        "manifest": stored.manifest,
        "at": Timestamp::now().to_string(),
    });
    put_findings(recipe, &format!("{stem}.findings.json"), &findings)?;
    recipe.storage.rename(&raw, &key)?;
    tracing::warn!(%barcode, %key, "what was stored is refused when it is read again; it is kept in quarantine, and the newer archive takes its place");
    Ok(())
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

/// Key of an encrypted archive in quarantine, until it is known under which name it is kept.
pub(crate) fn evidence_key(recipe: &PublishRecipe) -> Result<ObjectKey, StorageError> {
    Ok(recipe
        .layout
        .quarantine(&recipe.barcode, &format!("{}{ENCRYPTED}", recipe.barcode))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_archives_in_quarantine_stay() {
        let cases: [(&[&str], &str, &str); 8] = [
            (&[], "b", "b"),
            (&["b.tar.gz.gpg", "findings.json"], "b-1", "b-1"),
            (&["b.tar.gz.gpg"], "b", "b"),
            (&["b.tar.gz.gpg", "b-1.tar.gz.gpg", "b-2.tar.gz.gpg"], "b-3", "b-new"),
            (&["b.tar.gz.gpg", "b-1.tar.gz.gpg", "b-new.tar.gz.gpg"], "b-3", "b-3"),
            (&["b.tar.gz.gpg", "b-1.tar.gz.gpg", "b-2.tar.gz.gpg"], "b-2", "b-2"),
            (&["b-4.tar.gz", "b-5.tar.gz", "b-6.tar.gz"], "b", "b"),
            (
                &["b-damaged-1.tar.gz.gpg", "b-replaced-2.tar.gz.gpg", "b-3.tar.gz.gpg"],
                "b",
                "b",
            ),
        ];
        for (kept, own, expected) in cases {
            let names = kept.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(stem_for(own, "b-new", ENCRYPTED, &names), expected, "{kept:?} {own}");
        }
    }

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
