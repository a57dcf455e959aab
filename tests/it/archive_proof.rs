//! What keeps a volume whose files are all equal to their digests from being verified.

use serde_json::{Value, json};

use crate::archive_cases::{judged, made};
use crate::support::archives::{Files, gz, noise};

/// Five pages, their images with another extension.
fn in_form(extension: &str) -> Files {
    let mut files = Files::bare(5, 300);
    for (name, _) in &mut files.0 {
        *name = name.replace("jp2", extension);
    }
    files
}

/// These files with a METS that names none of them, and this list.
fn listed_by(files: &Files, list: &str) -> Files {
    let mets = Files::default().mets(false);
    let named = files.clone().with("TESTLIB_TL0000000001.xml", mets.as_bytes());
    named.with("checksum.md5", list.as_bytes())
}

#[test]
fn page_images_in_an_unknown_form_are_asked_for_all_the_same() {
    for extension in ["heic", "jxl", "avif", "djvu", "jp2.gz"] {
        let files = in_form(extension);
        let third = format!("00000003.{extension}");
        let empty = files.clone().replace(&third, b"");
        let texts: Vec<String> = files
            .checksums()
            .lines()
            .filter(|line| !line.contains(extension))
            .map(str::to_owned)
            .collect();
        let cases = [
            ("whole", listed_by(&files, &files.checksums()), (Value::Null, true)),
            (
                "absent",
                listed_by(&files.clone().without(&third), &files.checksums()),
                (json!("pages_missing"), false),
            ),
            ("empty", listed_by(&empty, &empty.checksums()), (Value::Null, false)),
            ("not listed", listed_by(&files, &texts.join("\n")), (Value::Null, false)),
        ];
        for (what, archive, expected) in cases {
            let (json, _) = made(&archive.tar_gz());
            assert_eq!(
                (json["refusal"].clone(), json["verified"] == true),
                expected,
                "{what} {extension}: {json:#}"
            );
        }
    }
}

/// A volume with METS and list, beside a folder of more pages with a list of its own.
fn beside(volume: &Files, more: &Files) -> Files {
    let whole = volume
        .clone()
        .with("TESTLIB_TL0000000001.xml", volume.mets(false).as_bytes())
        .with("checksum.md5", volume.checksums().as_bytes())
        .with("more/checksum.md5", more.checksums().as_bytes());
    more.0
        .iter()
        .fold(whole, |files, (name, bytes)| files.with(&format!("more/{name}"), bytes))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_may_have_named_more_pages_and_could_not_be_read_keeps_from_verified() {
    let four = Files::bare(4, 300);
    let list = four.checksums();
    let digest = &list[..32];
    let with_mets = |mets: &str| {
        let named = four.clone().with("TESTLIB_TL0000000001.xml", mets.as_bytes());
        named.with("checksum.md5", list.as_bytes())
    };
    let mets = Files::bare(5, 300).mets(false);
    let without_third = four.clone().without("00000003.jp2");
    let gap = without_third.clone().without("00000003.txt").without("00000003.html");
    let mut further = Files::bare(6, 300);
    further.0.retain(|(name, _)| name.as_str() > "00000005");
    let mut copy = Files::bare(6, 300).replace("00000006.jp2", b"");
    copy.0.retain(|(name, _)| name.ends_with("jp2"));
    let with_note = four.clone().with("00000002a.txt", b"");
    let with_inside = |end: &str, more: &str| with_mets(&four.mets(false).replace(end, &format!("{more}{end}")));
    let mapped = |pages: usize| {
        let pages = "<mets:div TYPE=\"page\"/>".repeat(pages);
        with_inside("</mets:mets>", &format!("<mets:structMap>{pages}</mets:structMap>"))
    };
    let digested = |list: &[u8]| {
        let named = four
            .clone()
            .with("TESTLIB_TL0000000001.xml", four.mets(true).as_bytes());
        named.with("checksum.md5", list)
    };
    let utf_32: Vec<u8> = list.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    // The METS names the pages at the top, the list also the longer series beside them.
    let mut longer = four.clone();
    for (name, bytes) in Files::bare(6, 300).0 {
        longer.add(&format!("TL0000000001/{name}"), &bytes);
    }
    let longer = longer
        .clone()
        .with("TESTLIB_TL0000000001.xml", four.mets(false).as_bytes())
        .with("checksum.md5", longer.checksums().as_bytes());
    let cases = [
        ("all is read", with_mets(&four.mets(false)), true),
        ("a map of all pages", mapped(4), true),
        ("a map of more pages", mapped(6), false),
        (
            "a file without a place",
            with_inside("</mets:fileGrp>", "<mets:file SEQ=\"00000005\"/>"),
            false,
        ),
        (
            "a pointer to no file",
            with_inside(
                "</mets:mets>",
                "<mets:structMap><mets:fptr FILEID=\"5\"/></mets:structMap>",
            ),
            false,
        ),
        ("digests in the METS", digested(list.as_bytes()), true),
        ("a list in UTF-32", digested(&utf_32), false),
        ("a packed list", digested(&gz(list.as_bytes())), false),
        ("a longer series that is listed", longer, false),
        (
            "a name is cut",
            listed_by(&four, &format!("{list}{digest}  0000")),
            false,
        ),
        (
            "a digest is cut",
            listed_by(&four, &format!("{list}{}", &digest[..20])),
            false,
        ),
        (
            "a comma",
            listed_by(&four, &format!("{list}{digest},00000005.jp2\n")),
            false,
        ),
        ("other words", listed_by(&four, &format!("{list}made by hand\n")), true),
        (
            "a DTD",
            with_mets(&mets.replacen("<mets", "<!DOCTYPE mets><mets", 1)),
            false,
        ),
        ("an encoding", with_mets(&mets.replace("UTF-8", "X-FOO")), false),
        (
            "a text without its image",
            listed_by(&without_third, &without_third.checksums()),
            false,
        ),
        ("a gap", listed_by(&gap, &gap.checksums()), false),
        (
            "a gap in METS and list",
            gap.clone()
                .with("TESTLIB_TL0000000001.xml", gap.mets(false).as_bytes())
                .with("checksum.md5", gap.checksums().as_bytes()),
            true,
        ),
        ("further pages in a folder", beside(&four, &further), false),
        (
            "images once more in a folder, one of them empty",
            beside(&four, &copy),
            true,
        ),
        (
            "an empty text beside a page's",
            listed_by(&with_note, &with_note.checksums()),
            true,
        ),
    ];
    for (what, archive, verified) in cases {
        judged(what, &archive, &Value::Null, verified);
    }
}

/// Files of these names with METS and list.
fn whole(files: &[(&str, &[u8])]) -> Files {
    let files = Files(
        files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect(),
    );
    let named = files
        .clone()
        .with("TESTLIB_TL0000000001.xml", files.mets(false).as_bytes());
    named.with("checksum.md5", files.checksums().as_bytes())
}

#[test]
fn two_files_for_one_page_are_a_copy_or_keep_from_verified() {
    let [one, other] = [noise(1, 300), noise(2, 300)];
    let series = |second: &[u8]| {
        whole(&[
            ("p1/00000001.jp2", &one),
            ("p1/00000001.txt", b"one"),
            ("p2/00000001.jp2", &one),
            ("p2/00000001.txt", second),
        ])
    };
    let cases = [
        ("a copy", series(b"one"), true),
        ("two series of pages", series(b"another"), false),
        ("a text that is lost", series(b""), false),
        ("more zeros", whole(&[("1.jp2", &one), ("01.jp2", &other)]), false),
        (
            "more zeros, the same image",
            whole(&[("1.jp2", &one), ("01.jp2", &one)]),
            true,
        ),
        (
            "two texts",
            whole(&[("1.jp2", &one), ("1.txt", b"one"), ("01.txt", b"another")]),
            false,
        ),
    ];
    for (what, archive, verified) in cases {
        let (json, _) = made(&archive.tar_gz());
        assert_eq!(
            (&json["refusal"], &json["verified"], &json["pages"]),
            (&Value::Null, &json!(verified), &json!(1)),
            "{what}: {json:#}"
        );
        let said = json["findings"]
            .to_string()
            .contains("of other bytes; the volume is not verified");
        assert_eq!(said, !verified, "{what}: {json:#}");
    }
}
