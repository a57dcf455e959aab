//! Hard links in an archive: second names of files that stand in it before them.

use serde_json::{Value, json};

use crate::archive_cases::{codes, judged, made};
use crate::support::archives::*;

/// A link in place of a file.
fn linked(files: Files, name: &str, target: &str) -> Files {
    files.replace(name, &[LINK, target.as_bytes()].concat())
}

/// The files with METS and a list of checksums of what unpacking them gives.
fn whole(files: &Files, unpacked: &Files) -> Files {
    let files = files
        .clone()
        .with("TESTLIB_TL0000000001.xml", unpacked.mets(true).as_bytes());
    files.with("checksum.md5", unpacked.checksums().as_bytes())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_hard_link_to_an_earlier_file_is_that_file_under_a_second_name() {
    let bare = Files::bare(3, 300);
    let first = noise(1, 300);
    let same = bare.clone().replace("00000002.jp2", &first);
    let link = linked(bare.clone(), "00000002.jp2", "00000001.jp2");
    let long = format!("{}/00000001.jp2", "long".repeat(40));
    let under = |name: &str| {
        let mut files = Files::default().with(name, &first);
        files.0.extend(link.clone().without("00000001.jp2").0);
        let files = linked(files, "00000002.jp2", name);
        let mut unpacked = Files::default().with(name, &first);
        unpacked.0.extend(same.clone().without("00000001.jp2").0);
        whole(&files, &unpacked)
    };
    let both = |name: &str, target: &str, unpacked: &Files| {
        let files = whole(&linked(bare.clone(), name, target), unpacked);
        (files, unpacked.clone())
    };
    let cases: Vec<(&str, Files, Value, bool)> = vec![
        ("its own digest is listed", whole(&link, &same), Value::Null, true),
        (
            "another digest is listed",
            whole(&link, &bare),
            json!("checksum_mismatch"),
            false,
        ),
        (
            "only the first name's digest is listed",
            whole(&link, &same.clone().without("00000002.jp2")),
            Value::Null,
            true,
        ),
        (
            "nothing of both is listed",
            whole(&link, &same.clone().without("00000001.jp2").without("00000002.jp2")),
            Value::Null,
            false,
        ),
        ("a long name", under(&long), Value::Null, true),
        ("./", under("./images/00000001.jp2"), Value::Null, true),
        (
            "a link to a link",
            whole(
                &linked(link.clone(), "00000003.jp2", "00000002.jp2"),
                &same.clone().replace("00000003.jp2", &first),
            ),
            Value::Null,
            true,
        ),
        (
            "a text",
            both(
                "00000002.txt",
                "00000001.txt",
                &bare.clone().replace("00000002.txt", text(1).as_bytes()),
            )
            .0,
            Value::Null,
            true,
        ),
        (
            "an image that is a text",
            both(
                "00000002.jp2",
                "00000001.txt",
                &bare.clone().replace("00000002.jp2", text(1).as_bytes()),
            )
            .0,
            Value::Null,
            false,
        ),
        (
            "the file of before it was added once more",
            whole(
                &link.clone().with("00000001.jp2", &noise(9, 300)),
                &same.clone().replace("00000001.jp2", &noise(9, 300)),
            ),
            Value::Null,
            true,
        ),
        (
            "a list",
            linked(
                whole(&bare, &bare).with("more/checksum.md5", b""),
                "more/checksum.md5",
                "checksum.md5",
            ),
            Value::Null,
            false,
        ),
    ];
    for (what, files, refusal, verified) in cases {
        let json = judged(what, &files, &refusal, verified);
        assert!(codes(&json).contains(&"hard_link".to_owned()), "{what}: {json:#}");
        assert_eq!((&json["pages"], &json["text_pages"]), (&json!(3), &json!(3)), "{what}");
    }
    let (json, _) = made(&whole(&linked(bare.clone(), "00000002.txt", "00000001.txt"), &bare).tar_gz());
    assert_eq!(json["refusal"], "checksum_mismatch", "{json:#}");
}

#[test]
fn a_hard_link_to_anything_else_is_hostile() {
    let bare = Files::bare(3, 300);
    for target in [
        "00000003.jp2",
        "00000002.jp2",
        "00000009.jp2",
        "../00000001.jp2",
        "/etc/passwd",
    ] {
        let files = linked(bare.clone(), "00000002.jp2", target);
        let passed = pass_plain(&whole(&files, &bare).tar_gz());
        let error = passed.error();
        assert_eq!(error.reason().as_str(), "hostile", "{target}: {error}");
    }
}
