//! What a listing tells of a stored book.

/// A book in 40 bytes: one of all that are stored is in memory at once. With its digest, and while their table grows, a million of them
/// take some hundred and fifty megabytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenBook {
    /// The size that is recorded of its archive.
    pub(super) recorded: Option<u64>,
    /// The size that was found.
    pub(super) found: Option<u64>,
    pub(super) has_manifest: bool,
    pub(super) has_text: bool,
    pub(super) has_record: bool,
    /// Its archive is not where the layout would put it.
    pub(super) is_elsewhere: bool,
    /// A publication of it was begun.
    pub(super) is_begun: bool,
}

const _: () = assert!(size_of::<SeenBook>() == 40);

/// What is known of a book after the storage was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListedStanding {
    Agreed,
    NoArchive,
    OtherSize,
    NoManifest,
    /// Text or MARC record was not seen: its manifest says whether there should be one.
    Unsure,
}

/// A manifest was made of each archive that was looked into; one that was adopted unread has neither size nor digest recorded at first,
/// and no manifest.
pub(super) fn judge(seen: SeenBook, was_made: bool) -> ListedStanding {
    match (seen.recorded, seen.found) {
        (_, None) => ListedStanding::NoArchive,
        (Some(recorded), Some(found)) if recorded != found => ListedStanding::OtherSize,
        _ if was_made && !seen.has_manifest => ListedStanding::NoManifest,
        _ if seen.has_manifest && !(seen.has_text && seen.has_record) => ListedStanding::Unsure,
        _ => ListedStanding::Agreed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ListedStanding as S;

    #[test]
    fn what_listing_tells_of_a_book() {
        let (yes, no) = (true, false);
        let none = SeenBook::default();
        let whole = SeenBook {
            recorded: Some(9),
            found: Some(9),
            has_manifest: yes,
            has_text: yes,
            has_record: yes,
            ..none
        };
        let found = |found| SeenBook { found, ..whole };
        let adopted = SeenBook {
            has_manifest: no,
            has_text: no,
            has_record: no,
            ..whole
        };
        for (what, seen, was_made, expected) in [
            ("as it was stored", whole, yes, S::Agreed),
            ("no archive", found(None), yes, S::NoArchive),
            ("nothing at all", SeenBook { found: None, ..adopted }, yes, S::NoArchive),
            ("cut", found(Some(8)), yes, S::OtherSize),
            ("empty", found(Some(0)), yes, S::OtherSize),
            (
                "no manifest",
                SeenBook {
                    has_manifest: no,
                    ..whole
                },
                yes,
                S::NoManifest,
            ),
            ("no text", SeenBook { has_text: no, ..whole }, yes, S::Unsure),
            (
                "no record",
                SeenBook {
                    has_record: no,
                    ..whole
                },
                yes,
                S::Unsure,
            ),
            ("only the archive", adopted, yes, S::NoManifest),
            ("adopted unread", adopted, no, S::Agreed),
            (
                "adopted without a size",
                SeenBook {
                    recorded: None,
                    ..adopted
                },
                no,
                S::Agreed,
            ),
            ("adopted, and gone", none, no, S::NoArchive),
        ] {
            assert_eq!(judge(seen, was_made), expected, "{what}");
        }
    }
}
