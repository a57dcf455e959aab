use super::*;
use MountVerdict as V;

#[test]
fn a_layout_is_kept_from_the_first_book_on() {
    let (per_book, run) = ("per-book", "grin-transfer/x");
    for (id, layout, stored, configured, is_same) in [
        (None, None, 0, run, true),
        (Some("a"), None, 0, run, true),
        (Some("a"), None, 1, per_book, true),
        (Some("a"), None, 1, run, false),
        (Some("a"), Some(run), 1, run, true),
        (Some("a"), Some(run), 1, "grin-transfer/y", false),
        (Some("a"), Some(run), 1, per_book, false),
        (Some("a"), Some(run), 0, per_book, true),
        // Adopted by an import that stored nothing itself.
        (None, None, 1, run, true),
    ] {
        let kept = KeptStorageMark {
            id: id.map(str::to_owned),
            layout: layout.map(str::to_owned),
            of_other: None,
            stored,
            samples: Vec::new(),
        };
        assert_eq!(
            check_layout(configured, &kept).is_ok(),
            is_same,
            "{kept:?} and {configured}"
        );
    }
}

#[test]
fn the_place_that_is_not_the_catalogs_is_named() {
    let alone = "run `grind storage adopt`";
    for (kept, ids, place, words, is_alone) in [
        (Some("a"), [Some("a"), None], "raw", "marker is missing", true),
        (Some("a"), [Some("a"), Some("b")], "raw", "is another's", true),
        (Some("a"), [Some("a"), Some("")], "raw", "cannot be read", true),
        (Some("a"), [None, Some("a")], "main", "marker is missing", true),
        (Some("a"), [None, None], "main and raw", "marker is missing", false),
        (Some("a"), [Some("b"), Some("b")], "main and raw", "is another's", false),
        (None, [Some("b"), Some("b")], "main and raw", "is another's", false),
        (None, [None, None], "main and raw", "marker is missing", false),
    ] {
        let markers = [("main", ids[0]), ("raw", ids[1])].map(|(place, id)| PlaceMarker {
            place: place.to_owned(),
            id: id.map(str::to_owned),
        });
        let StorageError::NotOurs { place: named, detail } = not_ours(kept, 7, &markers) else {
            panic!("another error");
        };
        assert_eq!(named, place, "{kept:?} {ids:?}");
        assert!(detail.contains(words), "{detail}");
        assert!(detail.contains("knows: 7"), "{detail}");
        assert_eq!(detail.contains(alone), is_alone, "{detail}");
    }
}

#[test]
fn a_storage_is_taken_for_the_right_one_only_where_nothing_can_be_lost() {
    let (a, b, of_other, yes, no) = (Some("a"), Some("b"), Some("c"), true, false);
    // Kept, found, books are stored, one of them is here.
    for (what, (kept, found, has_stored, holds_books), verdict) in [
        ("as ever", (a, a, yes, no), V::Right),
        ("nothing stored yet", (a, a, no, no), V::Right),
        ("first use", (None, None, no, no), V::Mark),
        ("the catalog is new", (None, a, no, no), V::Adopt),
        ("by an earlier version, books and all", (None, None, yes, yes), V::Mark),
        (
            "the same, killed before the catalog kept it",
            (None, a, yes, yes),
            V::Adopt,
        ),
        (
            "by an earlier version, and not mounted",
            (None, None, yes, no),
            V::Missing,
        ),
        ("by an earlier version, and another", (None, b, yes, no), V::Another),
        ("not mounted", (a, None, yes, no), V::Missing),
        ("the marker was removed", (a, None, yes, yes), V::Missing),
        ("another one", (a, b, yes, yes), V::Another),
        (
            "marked, not mounted since, and nothing stored yet",
            (a, None, no, no),
            V::Missing,
        ),
        ("another one, and nothing to lose", (a, b, no, no), V::Adopt),
        ("the other storage", (a, of_other, yes, yes), V::Same),
        ("the other storage, at its first use", (None, of_other, no, no), V::Same),
    ] {
        let facts = MountFacts {
            kept,
            found,
            of_other,
            own: None,
            has_stored,
            holds_books,
        };
        assert_eq!(judge(facts), verdict, "{what}");
    }
}

#[test]
fn a_second_copy_is_never_another_librarys() {
    let (main, own, other) = (Some("m"), Some("m-copy"), Some("b"));
    for (what, (kept, found, has_stored), verdict) in [
        ("first use", (None, None, false), V::Mark),
        ("as ever", (own, own, true), V::Right),
        ("the catalog is new", (None, own, false), V::Adopt),
        ("another library's, at its first use", (None, other, false), V::Another),
        (
            "another library's, and nothing copied yet",
            (own, other, false),
            V::Another,
        ),
        ("adopted by a person", (other, other, true), V::Right),
        ("not mounted", (own, None, true), V::Missing),
        ("the storage itself", (None, main, false), V::Same),
    ] {
        let facts = MountFacts {
            kept,
            found,
            of_other: main,
            own,
            has_stored,
            holds_books: false,
        };
        assert_eq!(judge(facts), verdict, "{what}");
    }
}
