use super::*;
use crate::archive::RecordKind;
use crate::vocabulary::FixityOutcome as O;

fn word(fault: Option<&CheckFault>) -> &'static str {
    fault.map_or("ok", CheckFault::as_str)
}

#[test]
fn an_archive_is_damaged_only_if_it_was_read_and_nobody_names_it() {
    let (a, b, c) = (Some("a"), Some("b"), Some("c"));
    let whole = |sha256: Option<&str>| ObjectRead::Whole(sha256.map(str::to_owned));
    let failed = || ObjectRead::Failed("EIO".into());
    let (yes, bad) = (Some(Ok(())), Some(Err("a page")));
    // Read, recorded, named by the manifest, pages, being replaced.
    for (what, (read, recorded, named, pages, is_replaced), expected) in [
        ("as it was stored", (whole(a), a, a, None, false), "ok"),
        ("and its pages", (whole(a), a, a, yes, false), "ok"),
        ("stored with wrong pages", (whole(a), a, a, bad, false), "pages_differ"),
        ("a byte flipped", (whole(b), a, a, None, false), "digest_differs"),
        ("and a page wrong", (whole(b), a, a, bad, false), "digest_differs"),
        ("no archive at all", (whole(None), a, a, bad, false), "pages_differ"),
        ("manifest gone, archive good", (whole(a), a, None, None, false), "ok"),
        ("manifest of another, archive good", (whole(a), a, b, None, false), "ok"),
        (
            "stored, and not recorded",
            (whole(b), a, b, None, false),
            "not_recorded",
        ),
        ("somebody's archive", (whole(c), a, b, None, false), "digest_differs"),
        ("just published", (whole(b), a, a, None, true), "being_replaced"),
        ("not yet published", (whole(a), a, a, None, true), "ok"),
        ("adopted unread", (whole(a), None, None, None, false), "no_digest"),
        ("adopted unread, pages good", (whole(a), None, None, yes, false), "ok"),
        (
            "adopted unread, pages wrong",
            (whole(a), None, None, bad, false),
            "pages_differ",
        ),
        ("only the manifest knows it", (whole(a), None, a, None, false), "ok"),
        ("and it differs", (whole(b), None, a, None, false), "digest_differs"),
        ("absent", (ObjectRead::Absent, a, a, None, false), "absent"),
        (
            "absent for a moment",
            (ObjectRead::Absent, a, a, None, true),
            "being_replaced",
        ),
        ("a bad sector", (failed(), a, a, None, false), "unreadable"),
        ("during a publication", (failed(), a, a, None, true), "unreadable"),
    ] {
        let facts = ArchiveFacts {
            read: &read,
            recorded,
            named,
            pages,
            is_replaced,
        };
        assert_eq!(word(judge_archive(facts).as_ref()), expected, "{what}");
    }
}

fn manifest(barcode: &str, sha256: &str) -> ManifestRead {
    ManifestRead::Found(Box::new(BookManifest {
        manifest: 1,
        barcode: Barcode::parse(barcode).unwrap(),
        file_name: None,
        encrypted_etag: None,
        encrypted_bytes: 0,
        sha256: sha256.into(),
        archive_bytes: 1,
        pages: 1,
        text_pages: 0,
        nonblank_texts: None,
        worded_texts: None,
        further_images: None,
        text_characters: None,
        record_parts: None,
        reading_order: None,
        images: None,
        page_numbers: None,
        image_numbers: None,
        hocr_pages: None,
        hocr_numbers: None,
        alto_numbers: None,
        verified: true,
        record: RecordKind::NoMarc,
        marc: None,
        findings: Vec::new(),
        companions: Vec::new(),
        acquired_at: jiff::Timestamp::UNIX_EPOCH,
        stored_by: String::new(),
    }))
}

#[test]
fn a_manifest_is_one_of_this_book_and_names_the_recorded_archive() {
    let barcode = Barcode::parse("TL0001").unwrap();
    let (a, b) = (Some("a"), Some("b"));
    let other = || ManifestRead::Other("no JSON".into());
    // Read, recorded, archive as read, being replaced.
    for (what, (read, recorded, archive, is_replaced), expected) in [
        ("as it was stored", (manifest("TL0001", "a"), a, a, false), "ok"),
        ("the archive is damaged", (manifest("TL0001", "a"), a, b, false), "ok"),
        ("the archive is absent", (manifest("TL0001", "a"), a, None, false), "ok"),
        ("another book's", (manifest("TL0002", "a"), a, a, false), "no_manifest"),
        (
            "another archive's",
            (manifest("TL0001", "b"), a, a, false),
            "other_manifest",
        ),
        ("not recorded", (manifest("TL0001", "b"), a, b, false), "not_recorded"),
        (
            "just published",
            (manifest("TL0001", "b"), a, b, true),
            "being_replaced",
        ),
        ("adopted unread", (ManifestRead::Absent, None, a, false), "ok"),
        ("none", (ManifestRead::Absent, a, a, false), "absent"),
        ("none yet", (ManifestRead::Absent, a, a, true), "being_replaced"),
        ("cut", (other(), a, a, false), "no_manifest"),
        ("cut, adopted unread", (other(), None, a, false), "no_manifest"),
        (
            "a bad sector",
            (ManifestRead::Failed("EIO".into()), a, a, false),
            "unreadable",
        ),
    ] {
        let facts = ManifestFacts {
            read: &read,
            barcode: &barcode,
            recorded,
            archive,
            was_made: recorded.is_some(),
            is_replaced,
        };
        assert_eq!(word(judge_manifest(facts).as_ref()), expected, "{what}");
    }
    let read_since = ManifestFacts {
        read: &ManifestRead::Absent,
        barcode: &barcode,
        recorded: a,
        archive: a,
        was_made: false,
        is_replaced: false,
    };
    assert_eq!(judge_manifest(read_since), None, "adopted unread, and read since");
}

#[test]
fn what_is_read_of_an_archive_without_a_digest_is_its_first_evidence() {
    let (a, bad) = (Some("a"), Some(Err("a page")));
    let whole = || ObjectRead::Whole(Some("a".to_owned()));
    let none = || ManifestRead::Absent;
    // Read, recorded, named by the manifest, pages, manifest, being replaced.
    for (what, (read, recorded, named, pages, found, is_replaced), expected) in [
        ("adopted unread", (whole(), None, None, None, none(), false), true),
        (
            "and its pages agree",
            (whole(), None, None, Some(Ok(())), none(), false),
            true,
        ),
        ("and its pages do not", (whole(), None, None, bad, none(), false), false),
        ("recorded", (whole(), a, None, None, none(), false), false),
        (
            "the manifest names it",
            (whole(), None, a, None, manifest("TL0001", "a"), false),
            false,
        ),
        (
            "the manifest may name it",
            (whole(), None, None, None, ManifestRead::Failed("EIO".into()), false),
            false,
        ),
        (
            "something else in its place",
            (whole(), None, None, None, ManifestRead::Other("no JSON".into()), false),
            true,
        ),
        ("being replaced", (whole(), None, None, None, none(), true), false),
        ("absent", (ObjectRead::Absent, None, None, None, none(), false), false),
        (
            "no archive",
            (ObjectRead::Whole(None), None, None, None, none(), false),
            false,
        ),
    ] {
        let facts = ArchiveFacts {
            read: &read,
            recorded,
            named,
            pages,
            is_replaced,
        };
        assert_eq!(is_first_evidence(facts, &found), expected, "{what}");
    }
}

#[test]
fn an_object_beside_the_archive_has_the_digest_that_the_manifest_names() {
    let whole = |sha256: &str| ObjectRead::Whole(Some(sha256.to_owned()));
    for (read, is_replaced, expected) in [
        (whole("a"), false, "ok"),
        (whole("b"), false, "digest_differs"),
        (whole("b"), true, "being_replaced"),
        (ObjectRead::Absent, false, "absent"),
        (ObjectRead::Absent, true, "being_replaced"),
        (ObjectRead::Failed("EIO".into()), false, "unreadable"),
    ] {
        assert_eq!(
            word(judge_companion(&read, "a", is_replaced).as_ref()),
            expected,
            "{read:?}"
        );
    }
}

#[test]
fn the_worst_object_speaks_for_the_book() {
    assert!(O::Ok < O::CouldNotCheck && O::CouldNotCheck < O::Missing && O::Missing < O::Damaged);
}
