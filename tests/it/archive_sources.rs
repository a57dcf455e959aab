//! Several checksum lists and METS in one archive: what each of them says of which files.

use serde_json::{Value, json};

use crate::archive_cases::{codes, judged, made};
use crate::archive_odd_forms::{renamed, whole};
use crate::support::archives::{BARCODE, Files};

#[test]
fn a_list_in_another_books_folder_proves_what_it_names_of_ours() {
    let (ours, theirs) = (Files::bare(2, 300), Files::bare(4, 300));
    let ours = renamed(
        &ours
            .clone()
            .with("TESTLIB_TL0000000001.xml", ours.mets(false).as_bytes()),
        |name| format!("ours/{name}"),
    );
    let their_mets = theirs.mets(true).replace(BARCODE, "TL0000000002");
    let theirs = theirs.with("TESTLIB_TL0000000002.xml", their_mets.as_bytes());
    let files = Files([theirs.0.clone(), ours.0].concat());
    let with_list = |list: String| files.clone().with("checksum.md5", list.as_bytes());
    let another = files.clone().replace("ours/00000002.jp2", b"something else");
    for (what, files, refusal, verified) in [
        ("of both", with_list(files.checksums()), Value::Null, true),
        ("of theirs", with_list(theirs.checksums()), Value::Null, false),
        (
            "of another page",
            with_list(another.checksums()),
            json!("checksum_mismatch"),
            false,
        ),
        (
            "of a page that is not there",
            with_list(files.checksums()).without("ours/00000002.txt"),
            json!("pages_missing"),
            false,
        ),
        (
            "cut",
            with_list(format!("{}0123456789abcdef  ours/000", files.checksums())),
            Value::Null,
            false,
        ),
    ] {
        judged(what, &files, &refusal, verified);
    }
}

#[test]
fn a_file_that_is_no_pages_and_differs_from_its_digest_is_a_finding() {
    let bare = Files::bare(2, 300)
        .with("notes.txt", b"notes")
        .with("book.pdf", b"%PDF");
    let volume = whole(&bare, "TESTLIB_TL0000000001.xml", bare.mets(false).as_bytes());
    let mets = bare.mets(false).replace("moons", "stars");
    for (name, bytes, is_page) in [
        ("TESTLIB_TL0000000001.xml", mets.as_bytes(), false),
        ("notes.txt", b"other notes", false),
        ("book.pdf", b"%PDF 2", false),
        ("00000002.txt", b"changed", true),
        ("00000002.html", b"changed", true),
    ] {
        let (json, _) = made(&volume.clone().replace(name, bytes).tar_gz());
        let refusal = if is_page {
            json!("checksum_mismatch")
        } else {
            Value::Null
        };
        assert_eq!(
            (&json["refusal"], &json["verified"]),
            (&refusal, &json!(false)),
            "{name}: {json:#}"
        );
        assert_eq!(
            codes(&json).contains(&"other_file_differs".to_owned()),
            !is_page,
            "{name}"
        );
    }
}

#[test]
fn of_each_mets_the_newest_says_what_the_files_bytes_are() {
    let bare = Files::bare(2, 300);
    let newer = bare.clone().replace("00000002.txt", b"corrected");
    let begun = bare
        .clone()
        .with("TESTLIB_TL0000000001.xml", bare.mets(false).as_bytes())
        .with("more.xml", bare.mets(true).as_bytes())
        .with("00000002.txt", b"corrected");
    let of_pages = |files: Files, count: u32| {
        (0..count).fold(files, |files, number| {
            files.with(&format!("{number}.more.xml"), bare.mets(true).as_bytes())
        })
    };
    let listed = |files: &Files| whole(files, "TESTLIB_TL0000000001.xml", bare.mets(false).as_bytes());
    let third = Files::bare(3, 300).mets(false);
    let cut = Files::default().with("more.xml", &third.as_bytes()[..900]);
    for (what, files, refusal, verified) in [
        (
            "a newer METS beside the one that counts",
            begun.clone().with("more.xml", newer.mets(true).as_bytes()),
            Value::Null,
            true,
        ),
        (
            "an older METS beside the one that counts",
            begun,
            json!("checksum_mismatch"),
            false,
        ),
        (
            "a METS that was cut and mended",
            Files([cut.0.clone(), listed(&bare).0].concat()).with("more.xml", bare.mets(true).as_bytes()),
            Value::Null,
            true,
        ),
        (
            "a METS that was cut",
            Files([cut.0, listed(&bare).0].concat()),
            Value::Null,
            false,
        ),
        ("four more METS", of_pages(listed(&bare), 4), Value::Null, true),
        (
            "five more METS, the last of which is not compared",
            of_pages(listed(&bare), 4).with("last.xml", third.as_bytes()),
            Value::Null,
            false,
        ),
    ] {
        judged(what, &files, &refusal, verified);
    }
}

#[test]
fn a_master_that_only_the_mets_has_is_no_missing_page() {
    let bare = Files::bare(3, 300);
    let masters = Files((1..=3).map(|page| (format!("{page:08}.tif"), vec![page; 9])).collect());
    let alto = Files((1..=3).map(|page| (format!("{page:08}.xml"), vec![page; 9])).collect());
    let named = |parts: &[&Files]| Files(parts.iter().flat_map(|files| files.0.clone()).collect()).mets(true);
    let with_mets = |mets: String| bare.clone().with("TESTLIB_TL0000000001.xml", mets.as_bytes());
    let cases = [
        ("masters alone", with_mets(named(&[&masters])), Value::Null, false),
        (
            "masters and texts",
            with_mets(named(&[&masters, &alto])),
            Value::Null,
            false,
        ),
        (
            "masters and all that came",
            with_mets(named(&[&masters, &bare])),
            Value::Null,
            true,
        ),
        (
            "a page of which no image came",
            with_mets(named(&[&masters])).without("00000002.jp2"),
            json!("pages_missing"),
            false,
        ),
        (
            "a page of which an empty image came",
            with_mets(named(&[&masters])).replace("00000002.jp2", b""),
            json!("pages_missing"),
            false,
        ),
        (
            "a text that did not come",
            with_mets(named(&[&masters, &bare])).without("00000002.txt"),
            json!("pages_missing"),
            false,
        ),
    ];
    for (what, files, refusal, verified) in cases {
        let json = judged(what, &files, &refusal, verified);
        assert!(codes(&json).contains(&"listed_not_delivered".to_owned()), "{what}");
    }
}
