//! Volumes in forms that nobody planned, and that are whole all the same.

use serde_json::{Value, json};

use crate::archive_cases::{codes, judged, made, utf16};
use crate::support::archives::{BARCODE, Files, noise, text};

#[test]
fn a_volume_in_an_odd_form_is_proven_all_the_same() {
    let volume = Files::volume(3, 300);
    let bare = Files::bare(3, 300);
    let with_mets = |mets: &str| bare.clone().with("TESTLIB_TL0000000001.xml", mets.as_bytes());
    let listed = |list: Vec<u8>| with_mets(&bare.mets(false)).with("checksum.md5", &list).tar_gz();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (
            "a list in UTF-16BE without a mark",
            listed(utf16(&bare.checksums(), u16::to_be_bytes)),
            &[],
        ),
        (
            "a list in UTF-16LE without a mark",
            listed(utf16(&bare.checksums(), u16::to_le_bytes)),
            &[],
        ),
        (
            "a page twice with the same bytes",
            volume.clone().with("00000002.txt", text(2).as_bytes()).tar_gz(),
            &["member_repeated"],
        ),
        (
            "locations in the METS that begin with file:",
            with_mets(&bare.mets(true).replace("href=\"", "href=\"file:")).tar_gz(),
            &[],
        ),
        (
            "a reference to half a character in the METS",
            with_mets(&bare.mets(true).replace("On tides", "On&#xD800; tides")).tar_gz(),
            &["forbidden_chars"],
        ),
        (
            "a METS of this name with the OBJID of another book",
            with_mets(&bare.mets(true).replace("TL0000000001", "TL0000000002")).tar_gz(),
            &["objid_differs"],
        ),
    ];
    for (what, archive, expected) in cases {
        let (json, code) = made(&archive);
        assert_eq!(
            (&json["refusal"], &json["verified"], code),
            (&Value::Null, &json!(true), 0),
            "{what}: {json:#}"
        );
        assert_eq!(codes(&json), expected, "{what}");
        assert_eq!(
            (&json["pages"], &json["record"]),
            (&json!(3), &json!("found")),
            "{what}"
        );
    }
}

/// Every file under another name.
pub fn renamed(files: &Files, name: impl Fn(&str) -> String) -> Files {
    Files(files.0.iter().map(|(old, bytes)| (name(old), bytes.clone())).collect())
}

/// A volume with this METS and the checksums of its files.
pub fn whole(pages: &Files, mets_name: &str, mets: &[u8]) -> Files {
    let files = pages.clone().with(mets_name, mets);
    let list = files.checksums();
    files.with("checksum.md5", list.as_bytes())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn pages_of_other_names_are_pages() {
    let bare = Files::bare(3, 300);
    let named = |name: &dyn Fn(&str) -> String| {
        let pages = renamed(&bare, name);
        whole(&pages, "TESTLIB_TL0000000001.xml", pages.mets(true).as_bytes())
    };
    let with_more = |name: &str| {
        let pages = bare.clone().with(name, &noise(9, 300));
        whole(&pages, "TESTLIB_TL0000000001.xml", bare.mets(true).as_bytes())
    };
    let of_leaf = |name: &str| {
        let page: u32 = name[..8].parse().unwrap();
        let side = ["v", "r"][page as usize % 2];
        format!("{:04}{side}{}", page.div_ceil(2), &name[8..])
    };
    let cases: Vec<(&str, Files, &[&str])> = vec![
        ("sides of leaves", named(&of_leaf), &[]),
        (
            "a number of several",
            named(&|name| format!("{}_of_3{}", &name[7..8], &name[8..])),
            &[],
        ),
        (
            "the book's name in front",
            named(&|name| format!("TESTLIB_{BARCODE}_{name}")),
            &[],
        ),
        (
            "the book's name behind the number",
            named(&|name| format!("{}_{BARCODE}{}", &name[..8], &name[8..])),
            &[],
        ),
        ("another prefix", named(&|name| format!("page_{}", &name[4..])), &[]),
        ("nine digits", named(&|name| format!("0{name}")), &[]),
        (
            "backslashes",
            named(&|name| format!("{BARCODE}\\{name}")),
            &["checksum_list_malformed", "folder_in_archive"],
        ),
        ("JPX", named(&|name| name.replace(".jp2", ".jpx")), &[]),
        ("GIF", named(&|name| name.replace(".jp2", ".gif")), &[]),
        ("an inserted page", with_more("00000002a.jp2"), &["unplaced_page_file"]),
        ("a cover", with_more("cover_1.jpg"), &["unplaced_page_file"]),
        (
            "an image without a number",
            with_more("cover.jpg"),
            &["unplaced_page_file"],
        ),
        (
            "an image in another form",
            with_more("0003.heic"),
            &["unplaced_page_file"],
        ),
        (
            "a number too large",
            with_more("1234567890.jp2"),
            &["unplaced_page_file"],
        ),
        (
            "a number far beyond",
            with_more("00900000.jp2"),
            &["mets_lacks_pages", "page_number_implausible"],
        ),
        (
            "page zero",
            with_more("00000000.jp2"),
            &["page_number_implausible", "unplaced_page_file"],
        ),
    ];
    for (what, files, expected) in cases {
        let (json, code) = made(&files.tar_gz());
        let is_placed = !expected
            .iter()
            .any(|code| code.starts_with("unplaced") || code.ends_with("implausible"));
        assert_eq!(
            (&json["refusal"], &json["verified"], code),
            (&Value::Null, &json!(is_placed), 0),
            "{what}: {json:#}"
        );
        let mut found = codes(&json);
        found.sort_unstable();
        assert_eq!(found, expected, "{what}");
        assert_eq!(
            (&json["pages"], &json["text_pages"]),
            (&json!(3), &json!(3)),
            "{what}: {json:#}"
        );
        // One of them less is a missing page.
        let (last, _) = files
            .0
            .iter()
            .rfind(|(name, _)| {
                let pages = ["0003.j", "0003.g", "0002r.j", "3_of_3.j", "0003_TL0000000001.j"];
                pages.iter().any(|page| name.contains(page))
            })
            .unwrap();
        let (json, code) = made(&files.clone().without(&last.clone()).tar_gz());
        assert_eq!(
            (&json["refusal"], code),
            (&json!("pages_missing"), 1),
            "{what}: {json:#}"
        );
    }
}

#[test]
fn a_mets_of_another_form_is_this_books() {
    let bare = Files::bare(2, 300);
    let without_object = bare.mets(true).replace(" OBJID=\"TESTLIB:TL0000000001\"", "");
    assert!(!without_object.contains("OBJID"));
    for name in [
        "TESTLIB_TL0000000001.mets.xml",
        "TL0000000001_mets.xml",
        "TL0000000001.mets",
        "TEST-LIB_TL0000000001.xml",
        "METS_TESTLIB_TL0000000001.xml",
    ] {
        let (json, code) = made(&whole(&bare, name, without_object.as_bytes()).tar_gz());
        assert_eq!(
            (&json["refusal"], &json["verified"], code),
            (&Value::Null, &json!(true), 0),
            "{name}: {json:#}"
        );
        assert_eq!(codes(&json), [""; 0], "{name}");
    }
    let (json, code) = made(&whole(&bare, "TESTLIB_TL0000000002.mets.xml", without_object.as_bytes()).tar_gz());
    assert_eq!((&json["refusal"], code), (&json!("another_book"), 1), "{json:#}");
}

#[test]
fn another_books_folder_is_told_apart() {
    let (ours, theirs) = (Files::bare(2, 300), Files::bare(4, 300));
    let volume = |folder: &str, barcode: &str, pages: &Files, has_list: bool| {
        let mets = pages.mets(true).replace(BARCODE, barcode);
        let files = pages.clone().with(&format!("TESTLIB_{barcode}.xml"), mets.as_bytes());
        let list = files.checksums();
        let files = if has_list {
            files.with("checksum.md5", list.as_bytes())
        } else {
            files
        };
        renamed(&files, |name| format!("{folder}{name}"))
    };
    let both = |one: Files, two: Files| Files([one.0, two.0].concat());
    let our_volume = |has_list| volume("ours/", BARCODE, &ours, has_list);
    let their_volume = |has_list| volume("theirs/", "TL0000000002", &theirs, has_list);
    for (what, files) in [
        ("ours first", both(our_volume(true), their_volume(true))),
        ("theirs first", both(their_volume(true), our_volume(true))),
        ("without lists", both(their_volume(false), our_volume(false))),
        ("one list for both", {
            let files = both(their_volume(false), our_volume(false));
            let list = files.checksums();
            files.with("checksum.md5", list.as_bytes())
        }),
    ] {
        let (json, code) = made(&files.tar_gz());
        assert_eq!(
            (&json["refusal"], &json["verified"], code),
            (&Value::Null, &json!(true), 0),
            "{what}: {json:#}"
        );
        assert_eq!(
            (&json["pages"], &json["proven_files"]),
            (&json!(2), &json!(6)),
            "{what}: {json:#}"
        );
        assert!(
            codes(&json).contains(&"another_book_beside".to_owned()),
            "{what}: {json:#}"
        );
        // Their page does not stand in for ours.
        let missing = files.without("ours/00000002.jp2");
        let (json, code) = made(&missing.tar_gz());
        assert_eq!(
            (&json["refusal"], code),
            (&json!("pages_missing"), 1),
            "{what}: {json:#}"
        );
    }
    let unnamed = both(renamed(&theirs, |name| format!("more/{name}")), our_volume(true));
    let (json, code) = made(&unnamed.tar_gz());
    assert_eq!(
        (&json["refusal"], &json["verified"], &json["pages"], code),
        (&Value::Null, &json!(false), &json!(2), 0),
        "{json:#}"
    );
    assert!(codes(&json).contains(&"pages_elsewhere".to_owned()), "{json:#}");
}

#[test]
fn a_file_that_was_added_once_more_takes_the_place_of_the_older_one() {
    let bare = Files::bare(2, 300);
    let newer = bare.clone().replace("00000002.txt", b"corrected");
    let volume = |pages: &Files| whole(pages, "TESTLIB_TL0000000001.xml", pages.mets(true).as_bytes());
    let list = |pages: &Files| volume(pages).0.pop().unwrap().1;
    // The page alone; with its list; with its list and the METS.
    let page = whole(&bare, "TESTLIB_TL0000000001.xml", bare.mets(false).as_bytes()).without("checksum.md5");
    let page = page.clone().with("checksum.md5", newer.checksums().as_bytes());
    let all = volume(&bare)
        .with("00000002.txt", b"corrected")
        .with("TESTLIB_TL0000000001.xml", newer.mets(true).as_bytes())
        .with("checksum.md5", &list(&newer));
    for (what, files, expected) in [
        (
            "the newer page is listed",
            page.clone().with("00000002.txt", b"corrected"),
            Value::Null,
        ),
        (
            "the older page is listed",
            volume(&bare).with("00000002.txt", b"corrected"),
            json!("checksum_mismatch"),
        ),
        ("all of it is newer", all, Value::Null),
        (
            "the newer page is listed and not there",
            page,
            json!("checksum_mismatch"),
        ),
    ] {
        let json = judged(what, &files, &expected, expected.is_null());
        let is_said = codes(&json).contains(&"member_repeated".to_owned());
        assert_eq!(is_said, what != "the newer page is listed and not there", "{what}");
    }
}

#[test]
fn a_mets_in_utf_8_that_declares_another_encoding_is_read_as_what_it_is() {
    let bare = Files::bare(1, 300);
    for (declared, is_said) in [("US-ASCII", true), ("ISO-8859-1", true), ("UTF-8", false)] {
        let mets = bare
            .mets(true)
            .replace("UTF-8", declared)
            .replace("moons", "m\u{f6}ns \u{2014}");
        let (json, _) = made(&whole(&bare, "TESTLIB_TL0000000001.xml", mets.as_bytes()).tar_gz());
        assert_eq!(
            json["marc"]["marc_title"], "On tides & m\u{f6}ns \u{2014}",
            "{declared}: {json:#}"
        );
        assert_eq!(
            codes(&json),
            vec!["mets_encoding_differs"; usize::from(is_said)],
            "{declared}"
        );
    }
}
