//! What a listing tells of a stored book.

use crate::storage::BookObjectKind;

/// Kinds of objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SeenKinds(u8);

impl SeenKinds {
    /// Those of which most books have an object, and with these settings others.
    pub(super) fn usual(keeps_encrypted: bool, has_text_by_page: bool) -> Self {
        use BookObjectKind as K;
        let mut usual = Self::default();
        for (kind, is_usual) in [
            (K::Text, true),
            (K::Record, true),
            (K::Members, true),
            (K::Encrypted, keeps_encrypted),
            (K::TextByPage, has_text_by_page),
        ] {
            if is_usual {
                usual.add(kind);
            }
        }
        usual
    }

    pub(super) fn add(&mut self, kind: BookObjectKind) {
        self.0 |= 1 << kind as u8;
    }

    pub(super) fn has(self, kind: BookObjectKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    fn has_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// A book in 40 bytes: one of all that are stored is in memory at once. With its digest, and while their table grows, a million of them
/// take some hundred and fifty megabytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenBook {
    /// The size that is recorded of its archive.
    pub(super) recorded: Option<u64>,
    /// The size that was found.
    pub(super) found: Option<u64>,
    /// The other objects that were seen, and have bytes.
    pub(super) kinds: SeenKinds,
    /// Its archive is not where the layout would put it.
    pub(super) is_elsewhere: bool,
    /// A publication of it was begun.
    pub(super) is_begun: bool,
    /// Its manifest is there, and empty.
    pub(super) has_empty_manifest: bool,
}

const _: () = assert!(size_of::<SeenBook>() == 40);

/// What a look at one object tells.
pub(super) enum SeenSize {
    Absent,
    Bytes(u64),
    /// Why it cannot be looked at.
    Unread(String),
}

/// What is known of a book after the storage was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListedStanding {
    Agreed,
    NoArchive,
    OtherSize,
    NoManifest,
    /// Something that most books have was not seen: its manifest says whether it should be there.
    Unsure,
}

/// A manifest was made of each archive that was looked into; one that was adopted unread has neither size nor digest recorded at first,
/// and no manifest.
pub(super) fn judge(seen: SeenBook, was_made: bool, usual: SeenKinds) -> ListedStanding {
    let has_manifest = seen.kinds.has(BookObjectKind::Manifest);
    match (seen.recorded, seen.found) {
        (_, None) => ListedStanding::NoArchive,
        (Some(recorded), Some(found)) if recorded != found => ListedStanding::OtherSize,
        _ if was_made && !has_manifest => ListedStanding::NoManifest,
        _ if has_manifest && !seen.kinds.has_all(usual) => ListedStanding::Unsure,
        _ => ListedStanding::Agreed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BookObjectKind as K;
    use ListedStanding as S;

    fn kinds<const N: usize>(all: [BookObjectKind; N]) -> SeenKinds {
        let mut kinds = SeenKinds::default();
        all.into_iter().for_each(|kind| kinds.add(kind));
        kinds
    }

    #[test]
    fn what_listing_tells_of_a_book() {
        let (yes, no) = (true, false);
        let none = SeenBook::default();
        let whole = SeenBook {
            recorded: Some(9),
            found: Some(9),
            kinds: kinds([K::Manifest, K::Text, K::Record, K::Members]),
            ..none
        };
        let found = |found| SeenBook { found, ..whole };
        let with = |kinds| SeenBook { kinds, ..whole };
        let adopted = with(SeenKinds::default());
        let without_size = SeenBook {
            recorded: None,
            ..adopted
        };
        let gone = SeenBook { found: None, ..adopted };
        for (what, seen, was_made, expected) in [
            ("as it was stored", whole, yes, S::Agreed),
            ("no archive", found(None), yes, S::NoArchive),
            ("nothing at all", gone, yes, S::NoArchive),
            ("cut", found(Some(8)), yes, S::OtherSize),
            ("empty", found(Some(0)), yes, S::OtherSize),
            (
                "no manifest",
                with(kinds([K::Text, K::Record, K::Members])),
                yes,
                S::NoManifest,
            ),
            (
                "no text",
                with(kinds([K::Manifest, K::Record, K::Members])),
                yes,
                S::Unsure,
            ),
            (
                "no record",
                with(kinds([K::Manifest, K::Text, K::Members])),
                yes,
                S::Unsure,
            ),
            (
                "no index",
                with(kinds([K::Manifest, K::Text, K::Record])),
                yes,
                S::Unsure,
            ),
            ("only the archive", adopted, yes, S::NoManifest),
            ("adopted unread", adopted, no, S::Agreed),
            ("adopted without a size", without_size, no, S::Agreed),
            ("adopted, and gone", none, no, S::NoArchive),
        ] {
            assert_eq!(judge(seen, was_made, SeenKinds::usual(no, no)), expected, "{what}");
        }
    }

    #[test]
    fn what_is_kept_by_choice_is_expected_where_it_is_chosen() {
        let seen = |more: Option<BookObjectKind>| {
            let mut all = kinds([K::Manifest, K::Text, K::Record, K::Members]);
            more.into_iter().for_each(|kind| all.add(kind));
            SeenBook {
                recorded: Some(9),
                found: Some(9),
                kinds: all,
                ..SeenBook::default()
            }
        };
        for (more, keeps_encrypted, has_text_by_page, expected) in [
            (None, false, false, S::Agreed),
            (None, true, false, S::Unsure),
            (None, false, true, S::Unsure),
            (Some(K::Encrypted), true, false, S::Agreed),
            (Some(K::Encrypted), true, true, S::Unsure),
            (Some(K::TextByPage), false, true, S::Agreed),
        ] {
            let usual = SeenKinds::usual(keeps_encrypted, has_text_by_page);
            assert_eq!(judge(seen(more), true, usual), expected, "{more:?} {usual:?}");
        }
    }
}
