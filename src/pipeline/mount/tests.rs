use std::sync::Barrier;

use super::*;
use crate::storage::{OwnUrl, StorageConfig};
use MountVerdict as V;

fn in_folder(path: &std::path::Path) -> Storage {
    Storage::open(&StorageConfig::of_url(format!("file://{}", path.display()))).unwrap()
}

/// What each of two programs with new catalogs comes to that look at one storage at one moment.
fn looked_by_two(
    path: &std::path::Path,
    place: MarkedPlace,
    kept: [KeptStorageMark; 2],
) -> [Result<String, StorageError>; 2] {
    let begin = Barrier::new(2);
    let look = |kept: &KeptStorageMark| {
        let storage = in_folder(path);
        begin.wait();
        match look(&storage, place, kept)? {
            MountLook::Keep(keep) => Ok(keep.id),
            MountLook::Right => panic!("a new catalog keeps no mark"),
        }
    };
    let [one, two] = &kept;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| look(one));
        let second = look(two);
        [first.join().unwrap(), second]
    })
}

#[test]
fn two_new_catalogs_that_mark_a_storage_at_one_moment_keep_one_mark() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..30 {
        let path = folder.path().join(round.to_string());
        let ids = looked_by_two(&path, MarkedPlace::Main, Default::default()).map(Result::unwrap);
        let stands = in_folder(&path).read_marker().unwrap();
        assert_eq!(ids.map(Some), [stands.clone(), stands], "round {round}");
    }
}

#[test]
fn a_second_place_is_the_copy_of_one_library_only() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..30 {
        let path = folder.path().join(round.to_string());
        let kept = ["m", "n"].map(|id| KeptStorageMark {
            of_other: Some(id.to_owned()),
            ..KeptStorageMark::default()
        });
        let stands = |place: &std::path::Path| in_folder(place).read_marker().unwrap().unwrap();
        let (own, refused): (Vec<_>, Vec<_>) = looked_by_two(&path, MarkedPlace::SecondCopy, kept)
            .into_iter()
            .partition(Result::is_ok);
        assert_eq!(own.len(), 1, "round {round}: {own:?} {refused:?}");
        assert_eq!(own[0].as_ref().unwrap(), &stands(&path), "round {round}");
        let told = refused[0].as_ref().unwrap_err().to_string();
        assert!(told.contains("its marker is another's"), "{told}");
    }
}

#[test]
fn a_marker_that_came_between_the_look_and_the_mark_stays() {
    let folder = tempfile::tempdir().unwrap();
    let storage = in_folder(folder.path());
    let new = KeptStorageMark::default();
    in_folder(folder.path()).write_marker("b").unwrap();
    assert!(taken_in(&storage, MarkedPlace::Main, &new, None).unwrap().is_none());
    assert_eq!(storage.read_marker().unwrap().as_deref(), Some("b"));
}

#[test]
fn what_another_program_has_begun_to_mark_is_completed() {
    for (ids, begun) in [
        ([Some("a"), None], Some("a")),
        ([None, Some("a")], Some("a")),
        ([Some("a"), Some("b")], None),
        ([Some("a"), Some("")], None),
        ([Some(""), None], None),
        ([None, None], None),
    ] {
        let markers = ids.map(|id| PlaceMarker {
            place: String::new(),
            id: id.map(str::to_owned),
        });
        assert_eq!(begun_id(&markers).as_deref(), begun, "{ids:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (main, raw) = (folder.path().join("main"), folder.path().join("raw"));
    in_folder(&main).write_marker("a").unwrap();
    let storage = Storage::open(&StorageConfig {
        own_urls: vec![OwnUrl {
            folder: ObjectKey::parse("raw").unwrap(),
            url: format!("file://{}", raw.display()),
            holds_archives: true,
        }],
        ..StorageConfig::of_url(format!("file://{}", main.display()))
    })
    .unwrap();
    let looked = look(&storage, MarkedPlace::Main, &KeptStorageMark::default()).unwrap();
    assert!(matches!(looked, MountLook::Keep(keep) if keep.id == "a"));
    assert_eq!(in_folder(&raw).read_marker().unwrap().as_deref(), Some("a"));
    assert_eq!(in_folder(&main).read_marker().unwrap().as_deref(), Some("a"));
}

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
