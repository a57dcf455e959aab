//! What is done about a stored book that is damaged or missing.

use std::time::Duration;

use crate::catalog::BookToCheck;
use crate::grin::Barcode;
use crate::pipeline::fixity::check::BookCheck;
use crate::storage::{ObjectKey, ObjectMeta, Storage, StorageError, StorageLayout};
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
    /// What is not sound of it is taken from the second copy; where that does not serve, it is as if there were none.
    Restore,
    /// It is fetched again.
    FetchAgain {
        /// Its damaged archive is kept in quarantine.
        keep_aside: bool,
    },
    /// What belongs beside its archive is made anew from that.
    MakeAnew,
}

/// What decides.
#[derive(Debug, Clone, Copy)]
struct UnsoundFacts {
    outcome: FixityOutcome,
    /// What is wrong with the archive itself; `Ok`: only something beside it is damaged or missing.
    archive: FixityOutcome,
    /// GRIN's list names the book as converted.
    is_ready: bool,
    /// There is a second copy that was not tried.
    has_copy: bool,
}

/// The second copy comes before GRIN. A damaged archive stays where it is as long as neither has anything better; one that is not there is
/// looked for at GRIN in any case. An archive that is sound is all that text, MARC record and manifest need. What was not read to its end is
/// not known to need anything.
fn decide(facts: UnsoundFacts) -> FollowUp {
    use FixityOutcome as O;
    match (facts.outcome, facts.archive) {
        (O::Ok | O::CouldNotCheck, _) => FollowUp::Nothing,
        (_, O::Ok | O::Damaged | O::Missing) if facts.has_copy => FollowUp::Restore,
        (_, O::Missing) => FollowUp::FetchAgain { keep_aside: false },
        (_, O::Damaged) if facts.is_ready => FollowUp::FetchAgain { keep_aside: true },
        (_, O::Ok) => FollowUp::MakeAnew,
        (_, O::Damaged | O::CouldNotCheck) => FollowUp::Tell,
    }
}

/// What is done about this book.
pub(crate) fn follow_up(check: &BookCheck, book: &BookToCheck, has_copy: bool) -> FollowUp {
    let fault = check.objects.first().and_then(|object| object.fault.as_ref());
    let archive = match (fault, &check.sha256) {
        (Some(fault), _) => fault.outcome(),
        (None, Some(_)) => FixityOutcome::Ok,
        // What was not read to its end is not relied on.
        (None, None) => FixityOutcome::CouldNotCheck,
    };
    decide(UnsoundFacts {
        outcome: check.outcome(),
        archive,
        is_ready: book.is_ready,
        has_copy,
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

/// Moves the manifest of a sound archive into quarantine: what it names is not there as it says, so it vouches for nothing.
pub(crate) fn set_manifest_aside(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
) -> Result<Option<ObjectKey>, StorageError> {
    let key = layout.manifest(barcode);
    if storage.stat(&key)?.is_none() {
        return Ok(None);
    }
    let aside = layout.quarantine(barcode, &format!("{}-manifest.json", barcode.for_key()))?;
    storage.rename(&key, &aside)?;
    Ok(Some(aside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use FixityOutcome as O;

    #[test]
    fn only_where_the_copy_or_grin_has_something_better_what_is_damaged_makes_room() {
        let again = |keep_aside| FollowUp::FetchAgain { keep_aside };
        for (outcome, archive, is_ready, expected) in [
            (O::Ok, O::Ok, true, FollowUp::Nothing),
            (O::CouldNotCheck, O::CouldNotCheck, true, FollowUp::Nothing),
            (O::Damaged, O::Damaged, true, again(true)),
            (O::Damaged, O::Damaged, false, FollowUp::Tell),
            (O::Damaged, O::Ok, true, FollowUp::MakeAnew),
            (O::Damaged, O::Ok, false, FollowUp::MakeAnew),
            (O::Damaged, O::CouldNotCheck, true, FollowUp::Tell),
            (O::Damaged, O::CouldNotCheck, false, FollowUp::Tell),
            (O::Missing, O::Missing, true, again(false)),
            (O::Missing, O::Missing, false, again(false)),
            (O::Damaged, O::Missing, false, again(false)),
            (O::Missing, O::Ok, false, FollowUp::MakeAnew),
        ] {
            let facts = UnsoundFacts {
                outcome,
                archive,
                is_ready,
                has_copy: false,
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
