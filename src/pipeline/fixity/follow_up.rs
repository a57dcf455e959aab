//! What is done about a stored book that is damaged or missing.

use std::time::Duration;

use crate::catalog::BookToCheck;
use crate::grin::Barcode;
use crate::pipeline::fixity::check::BookCheck;
use crate::pipeline::publish::manifest_bytes;
use crate::storage::{ObjectKey, ObjectMeta, Storage, StorageError, StorageLayout, sha256_hex};
use crate::vocabulary::FixityOutcome;

/// Nobody begins to fetch the book before its damaged archive was moved away.
pub(crate) const MOVING: Duration = Duration::from_mins(10);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FollowUp {
    /// Nothing: it is sound, or nothing is known of it.
    Nothing,
    /// It is told, and what is stored stays: GRIN has no archive ready.
    Tell,
    /// Its archive is made again from the form in which GRIN sent it, which is sound beside it. Where that does not serve, it is as if there
    /// were none.
    Decrypt,
    /// What is not sound of it is taken from the second copy. Where the second place says that it does not hold it, it is as if there were
    /// none; where it is away, it is asked again later.
    Restore,
    /// It is fetched again.
    FetchAgain {
        /// Its damaged archive is kept in quarantine.
        keep_aside: bool,
    },
    /// What belongs beside its archive is made anew from that.
    MakeAnew,
    /// Its archive is fetched once more and stays stored meanwhile: what GRIN sent is not sound beside it, and is made from nothing else.
    FetchBeside,
}

/// What could help.
#[derive(Debug, Clone)]
pub(super) struct BookRemedies {
    /// The archive as GRIN sent it was not tried.
    pub may_decrypt: bool,
    /// There is a second copy that was not tried.
    pub has_copy: bool,
    /// Archives are kept as GRIN sent them.
    pub keeps_encrypted: bool,
    /// Where the book's is.
    pub encrypted: Option<ObjectKey>,
}

/// What decides.
#[derive(Debug, Clone, Copy)]
struct UnsoundFacts {
    outcome: FixityOutcome,
    /// What is wrong with the archive itself; `Ok`: only something beside it is damaged or missing.
    archive: FixityOutcome,
    /// GRIN's list names the book as converted.
    is_ready: bool,
    /// What GRIN sent was not tried.
    may_decrypt: bool,
    /// There is a second copy that was not tried.
    has_copy: bool,
    /// The archive as GRIN sent it.
    encrypted: EncryptedForm,
}

/// What is known of an archive as GRIN sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EncryptedForm {
    /// The manifest names none, or it was not read.
    NotKept,
    /// It is there, and what was stored.
    Sound,
    /// It is damaged or missing.
    Unsound,
}

/// What is nearest comes first: the archive as GRIN sent it, the second copy, GRIN. A damaged archive stays where it is as long as neither has anything better; one that is not there is
/// looked for at GRIN in any case, unless its form as GRIN sent it is still there. An archive that is sound is all that text, MARC record and manifest need. What GRIN sent comes from GRIN
/// alone: where it is not sound and GRIN has none ready, the manifest goes on naming it, so that each check tells of it. What was not read to
/// its end is not known to need anything.
fn decide(facts: UnsoundFacts) -> FollowUp {
    use FixityOutcome as O;
    match (facts.outcome, facts.archive) {
        (O::Ok | O::CouldNotCheck, _) => FollowUp::Nothing,
        (_, O::Damaged | O::Missing) if facts.may_decrypt && facts.encrypted == EncryptedForm::Sound => {
            FollowUp::Decrypt
        }
        (_, O::Ok | O::Damaged | O::Missing) if facts.has_copy => FollowUp::Restore,
        // Those are the book's only bytes: what is recorded of it stays until GRIN has it.
        (_, O::Missing) if facts.encrypted == EncryptedForm::Sound && !facts.is_ready => FollowUp::Tell,
        (_, O::Missing) => FollowUp::FetchAgain { keep_aside: false },
        (_, O::Damaged) if facts.is_ready => FollowUp::FetchAgain { keep_aside: true },
        (_, O::Ok) if facts.encrypted != EncryptedForm::Unsound => FollowUp::MakeAnew,
        (_, O::Ok) if facts.is_ready => FollowUp::FetchBeside,
        (_, O::Ok | O::Damaged | O::CouldNotCheck) => FollowUp::Tell,
    }
}

/// What is done about this book.
pub(super) fn follow_up(check: &BookCheck, book: &BookToCheck, remedies: &BookRemedies) -> FollowUp {
    let fault = check.objects.first().and_then(|object| object.fault.as_ref());
    let archive = match (fault, &check.sha256) {
        (Some(fault), _) => fault.outcome(),
        (None, Some(_)) => FixityOutcome::Ok,
        // What was not read to its end is not relied on.
        (None, None) => FixityOutcome::CouldNotCheck,
    };
    let encrypted = remedies.encrypted.as_ref().map(ObjectKey::as_str);
    let kept = check
        .objects
        .iter()
        .find(|object| Some(object.key.as_str()) == encrypted);
    let encrypted = match kept.map(|object| object.fault.as_ref()) {
        Some(None) => EncryptedForm::Sound,
        Some(Some(fault)) if fault.outcome().is_unsound() => EncryptedForm::Unsound,
        Some(Some(_)) | None => EncryptedForm::NotKept,
    };
    decide(UnsoundFacts {
        outcome: check.outcome(),
        archive,
        // Where it is not kept any more, fetching the archive brings none.
        is_ready: book.is_ready && (remedies.keeps_encrypted || encrypted != EncryptedForm::Unsound),
        may_decrypt: remedies.may_decrypt,
        has_copy: remedies.has_copy,
        encrypted,
    })
}

/// Moves a damaged archive into quarantine, with what was found beside it; comes back with its new name.
pub(crate) fn keep_aside(
    storage: &Storage,
    layout: &StorageLayout,
    check: &BookCheck,
    book: &BookToCheck,
) -> Result<Option<ObjectKey>, StorageError> {
    let Some(barcode) = &book.recorded.barcode else {
        return Ok(None);
    };
    let digest = check.sha256.as_deref().unwrap_or("unread");
    let name = format!("{}-damaged-{}", barcode.for_key(), &digest[..digest.len().min(12)]);
    let aside = layout.quarantine(barcode, &format!("{name}.tar.gz"))?;
    let findings = serde_json::json!({
        "barcode": barcode,
        "reason": "damaged_in_storage",
        "error": "the stored archive was read again and is not what was stored; it is kept here, and another takes its place",
        "recorded_sha256": book.recorded.stored.sha256,
        "sha256": check.sha256,
        "findings": check.findings(),
        "at": jiff::Timestamp::now().to_string(),
    });
    let key = layout.quarantine(barcode, &format!("{name}.findings.json"))?;
    storage.put(&key, format!("{findings:#}\n").as_bytes(), &ObjectMeta::default())?;
    storage.rename(&ObjectKey::parse(&book.recorded.path)?, &aside)?;
    Ok(Some(aside))
}

/// Moves the manifest of a sound archive into quarantine: what it names is not there as it says, so it vouches for nothing. Its new name has
/// its own digest, so that no later one replaces it there.
pub(crate) fn set_manifest_aside(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
) -> Result<Option<ObjectKey>, StorageError> {
    let key = layout.manifest(barcode);
    let Some(bytes) = manifest_bytes(storage, &key)? else {
        return Ok(None);
    };
    let digest = &sha256_hex(&bytes)[..12];
    let aside = layout.quarantine(barcode, &format!("{}-manifest-{digest}.json", barcode.for_key()))?;
    storage.rename(&key, &aside)?;
    Ok(Some(aside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use FixityOutcome as O;

    #[test]
    fn an_archive_is_made_from_what_grin_sent_and_else_the_only_bytes_of_a_book_stay_recorded() {
        for (archive, is_ready, expected) in [
            (O::Missing, false, FollowUp::Tell),
            (O::Missing, true, FollowUp::FetchAgain { keep_aside: false }),
            (O::Damaged, false, FollowUp::Tell),
        ] {
            let facts = UnsoundFacts {
                outcome: archive,
                archive,
                is_ready,
                may_decrypt: false,
                has_copy: false,
                encrypted: EncryptedForm::Sound,
            };
            assert_eq!(decide(facts), expected, "{facts:?}");
            for (has_copy, may_decrypt, expected) in [
                (true, false, FollowUp::Restore),
                (true, true, FollowUp::Decrypt),
                (false, true, FollowUp::Decrypt),
            ] {
                let facts = UnsoundFacts {
                    may_decrypt,
                    has_copy,
                    ..facts
                };
                assert_eq!(decide(facts), expected, "{facts:?}");
            }
        }
    }

    #[test]
    fn only_where_the_copy_or_grin_has_something_better_what_is_damaged_makes_room() {
        let again = |keep_aside| FollowUp::FetchAgain { keep_aside };
        // Outcome, the archive's, ready at GRIN, the archive as GRIN sent it is not sound.
        for (outcome, archive, is_ready, lacks_encrypted, expected) in [
            (O::Ok, O::Ok, true, false, FollowUp::Nothing),
            (O::CouldNotCheck, O::CouldNotCheck, true, false, FollowUp::Nothing),
            (O::Damaged, O::Damaged, true, false, again(true)),
            (O::Damaged, O::Damaged, true, true, again(true)),
            (O::Damaged, O::Damaged, false, false, FollowUp::Tell),
            (O::Damaged, O::Ok, true, false, FollowUp::MakeAnew),
            (O::Damaged, O::Ok, false, false, FollowUp::MakeAnew),
            (O::Damaged, O::Ok, true, true, FollowUp::FetchBeside),
            (O::Missing, O::Ok, true, true, FollowUp::FetchBeside),
            (O::Missing, O::Ok, false, true, FollowUp::Tell),
            (O::Damaged, O::CouldNotCheck, true, false, FollowUp::Tell),
            (O::Damaged, O::CouldNotCheck, false, false, FollowUp::Tell),
            (O::Missing, O::Missing, true, false, again(false)),
            (O::Missing, O::Missing, false, true, again(false)),
            (O::Damaged, O::Missing, false, false, again(false)),
            (O::Missing, O::Ok, false, false, FollowUp::MakeAnew),
        ] {
            let facts = UnsoundFacts {
                outcome,
                archive,
                is_ready,
                may_decrypt: true,
                has_copy: false,
                encrypted: if lacks_encrypted {
                    EncryptedForm::Unsound
                } else {
                    EncryptedForm::NotKept
                },
            };
            assert_eq!(decide(facts), expected, "{facts:?}");
            let has_copy = UnsoundFacts {
                has_copy: true,
                ..facts
            };
            let expected = match (expected, archive) {
                (FollowUp::Nothing, _) | (_, O::CouldNotCheck) => expected,
                _ => FollowUp::Restore,
            };
            assert_eq!(decide(has_copy), expected, "{has_copy:?}");
        }
    }
}
