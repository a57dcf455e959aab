//! Volumes in forms that nobody planned, and that are whole all the same.

use serde_json::{Value, json};

use crate::archive_cases::{codes, made, utf16};
use crate::support::archives::{Files, text};

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
            &["duplicate_page"],
        ),
        (
            "page zero",
            volume.clone().with("00000000.jp2", b"a colour chart").tar_gz(),
            &["page_number_implausible"],
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
