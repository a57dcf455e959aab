//! Archives, METS and checksum lists in the forms that libraries meet, through `grind parse`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::archives::*;
use serde_json::{Value, json};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Runs `grind parse` with these words in the folder of the cases; its JSON and its exit code.
fn parse(words: &[&str]) -> (Value, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_grind"))
        .arg("parse")
        .args(words)
        .current_dir(cases())
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)));
    (json, output.status.code().unwrap())
}

/// `grind parse archive` of a case that may be encrypted.
fn archive(folder: &str, barcode: &str) -> (Value, i32) {
    let secret = tempfile::tempdir().unwrap();
    let passphrase = secret.path().join("passphrase");
    std::fs::copy(cases().join("archives/passphrase.txt"), &passphrase).unwrap();
    std::fs::set_permissions(&passphrase, std::fs::Permissions::from_mode(0o600)).unwrap();
    let plain = format!("archives/{folder}/{barcode}.tar.gz");
    let encrypted = format!("{plain}.gpg");
    let file = if cases().join(&plain).is_file() {
        plain
    } else {
        encrypted
    };
    let passphrase = passphrase.to_str().unwrap();
    parse(&[
        "archive",
        &file,
        "--barcode",
        barcode,
        "--library",
        "EXAMPLE",
        "--passphrase-file",
        passphrase,
    ])
}

pub fn codes(json: &Value) -> Vec<String> {
    let findings = json["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

struct ArchiveCase {
    folder: &'static str,
    barcode: &'static str,
    refusal: Value,
    verified: bool,
    /// A finding that there must be.
    code: Option<&'static str>,
    sha256: Option<&'static str>,
}

fn accepted(folder: &'static str, barcode: &'static str) -> ArchiveCase {
    ArchiveCase {
        folder,
        barcode,
        refusal: Value::Null,
        verified: true,
        code: None,
        sha256: None,
    }
}

fn refused(folder: &'static str, barcode: &'static str, reason: &str) -> ArchiveCase {
    ArchiveCase {
        refusal: json!(reason),
        verified: false,
        ..accepted(folder, barcode)
    }
}

#[test]
fn archives_are_accepted_or_refused_with_their_reason() {
    let cases = [
        ArchiveCase {
            code: Some("listed_not_delivered"),
            ..accepted("junk-listed", "TL7700000001")
        },
        accepted("list-utf16", "TL7700000002"),
        refused("list-utf16-changed", "TL7700000002", "checksum_mismatch"),
        accepted("tar-signed-sums", "TL7700000004"),
        ArchiveCase {
            code: Some("no_pages"),
            ..refused("no-pages", "TL7700000005", "no_pages")
        },
        refused("no-pages-but-listed", "TL7700000005", "no_pages"),
        ArchiveCase {
            sha256: Some("f10afac23de95bafe8f04b0acb66d64eb2269036e246df1ab09eb6611a769507"),
            ..accepted("openpgp-bzip2", "TL7700000006")
        },
        ArchiveCase {
            sha256: Some("6cedaa2f04f65203c188ddc56733656cca9f0c6c039aecbd09d23b6bb27accb9"),
            ..accepted("openpgp-ocb", "TL7700000007")
        },
        refused("openpgp-ocb-cut", "TL7700000007", "truncated"),
        refused("openpgp-xz", "TL7700000007", "unsupported"),
    ];
    for case in cases {
        let (json, code) = archive(case.folder, case.barcode);
        assert_eq!(json["refusal"], case.refusal, "{}: {json:#}", case.folder);
        assert_eq!(json["verified"], case.verified, "{}: {json:#}", case.folder);
        assert_eq!(code, i32::from(!case.refusal.is_null()), "{}", case.folder);
        if let Some(finding) = case.code {
            assert!(
                codes(&json).iter().any(|code| code == finding),
                "{}: {json:#}",
                case.folder
            );
        }
        if let Some(sha256) = case.sha256 {
            assert_eq!(json["sha256"], sha256, "{}", case.folder);
        }
    }
}

#[test]
fn records_are_found_in_every_form() {
    let title = |file: &str| {
        let (json, code) = parse(&["mets", file, "--library", "EXAMPLE"]);
        assert_eq!((&json["record"], code), (&json!("found"), 0), "{file}: {json:#}");
        (
            json["marc"]["marc_title"].as_str().unwrap().to_owned(),
            json["warnings"].clone(),
        )
    };
    for (file, expected) in [
        ("archives/appledouble/TL7700000003.tar.gz", "Notes on lichens"),
        ("mets/othermdtype.xml", "Notes on lichens"),
        ("mets/bindata.xml", "Mosses, a list"),
        ("mets/control-character.xml", "Lichensof the North"),
        ("mets/control-reference.xml", "Lichens of the North"),
    ] {
        let (found, warnings) = title(file);
        let has_control = file.contains("control");
        assert_eq!(found, expected, "{file}");
        let said = warnings.to_string().contains("characters that XML forbids");
        assert_eq!(said, has_control, "{file}: {warnings}");
    }
}

#[test]
fn lists_and_texts_in_utf_16_are_read() {
    let (json, code) = parse(&["checksums", "checksums/utf16.md5"]);
    assert_eq!((json["digests"].as_object().unwrap().len(), code), (7, 0), "{json:#}");
    let (json, code) = parse(&["ocr", "archives/text-utf16/TL7700000008.tar.gz"]);
    let pages = json!(["Flechten und Moose\n", "Blatt zwei: B\u{e4}rlapp\n"]);
    assert_eq!((&json["text"], &json["pages"], code), (&pages, &json!(2), 0));
    assert!(json["warnings"].to_string().contains("UTF-16"), "{json:#}");
}

/// `grind parse archive` of an archive made here.
pub fn made(archive: &[u8]) -> (Value, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{BARCODE}.tar.gz"));
    std::fs::write(&file, archive).unwrap();
    parse(&[
        "archive",
        file.to_str().unwrap(),
        "--barcode",
        BARCODE,
        "--library",
        "TESTLIB",
    ])
}

/// What `grind parse archive` says of these files; whether it refuses them, and whether all is verified, as is expected.
pub fn judged(what: &str, files: &Files, refusal: &Value, verified: bool) -> Value {
    let (json, _) = made(&files.tar_gz());
    assert_eq!(
        (&json["refusal"], &json["verified"]),
        (refusal, &json!(verified)),
        "{what}: {json:#}"
    );
    json
}

/// The tar up to the first member that `keep` does not want, without an end mark.
fn cut_before(tar: &[u8], name: &str) -> Vec<u8> {
    let at = tar
        .chunks(512)
        .position(|block| block.starts_with(name.as_bytes()))
        .unwrap();
    tar[..at * 512].to_vec()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_is_no_volume_is_refused() {
    let volume = Files::volume(5, 300);
    let bare = Files::bare(5, 300);
    let with_mets = |files: Files, mets: &str| files.with("TESTLIB_TL0000000001.xml", mets.as_bytes());
    let four = bare.clone().without("00000004.jp2");
    let another = bare.mets(true).replace("TL0000000001", "TL0000000002");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("an empty tar", gz(&[0; 10_240]), "no_pages"),
        ("gzip of nothing", gz(b""), "no_pages"),
        (
            "cut between two members",
            gz(&cut_before(&volume.tar(), "00000004.jp2")),
            "tar_unterminated",
        ),
        (
            "cut before the list",
            gz(&cut_before(
                &with_mets(bare.clone(), &bare.mets(false))
                    .with("checksum.md5", b"")
                    .tar(),
                "checksum.md5",
            )),
            "tar_unterminated",
        ),
        (
            "another book",
            bare.clone()
                .with("TESTLIB_TL0000000002.xml", another.as_bytes())
                .tar_gz(),
            "another_book",
        ),
        (
            "another book by its OBJID alone",
            bare.clone().with("mets.xml", another.as_bytes()).tar_gz(),
            "another_book",
        ),
        (
            "no METS",
            bare.clone().with("checksum.md5", bare.checksums().as_bytes()).tar_gz(),
            "unnamed_book",
        ),
        (
            "a page that only the METS names is missing",
            with_mets(four.clone(), &bare.mets(true))
                .with("checksum.md5", four.checksums().as_bytes())
                .tar_gz(),
            "pages_missing",
        ),
        (
            "a page that the METS names without a digest is missing",
            with_mets(four.clone(), &bare.mets(false))
                .with("checksum.md5", four.checksums().as_bytes())
                .tar_gz(),
            "pages_missing",
        ),
        (
            "a page that only the list names is missing",
            with_mets(four.clone(), &four.mets(true))
                .with("checksum.md5", bare.checksums().as_bytes())
                .tar_gz(),
            "pages_missing",
        ),
        (
            "a changed page",
            volume.clone().replace("00000002.txt", b"changed").tar_gz(),
            "checksum_mismatch",
        ),
        (
            "a page twice, the second one changed",
            volume.clone().with("00000002.txt", b"changed").tar_gz(),
            "checksum_mismatch",
        ),
        (
            "a list in UTF-16 without a mark names a page that is missing",
            with_mets(four.clone(), &four.mets(true))
                .with("checksum.md5", &utf16(&bare.checksums(), u16::to_be_bytes))
                .tar_gz(),
            "pages_missing",
        ),
        (
            "files behind a block of zeros",
            gz(&[cut_before(&volume.tar(), "00000004.jp2"), vec![0; 512], volume.tar()].concat()),
            "tar_unterminated",
        ),
    ];
    for (what, archive, reason) in cases {
        let (json, code) = made(&archive);
        assert_eq!(
            (&json["refusal"], &json["verified"], code),
            (&json!(reason), &json!(false), 1),
            "{what}: {json:#}"
        );
        let worst = json["worst_finding"].as_str();
        assert_eq!(worst, Some("error"), "{what}: {json:#}");
    }
    let (json, code) = made(&volume.tar_gz());
    assert_eq!(
        (&json["refusal"], &json["verified"], code),
        (&Value::Null, &json!(true), 0)
    );
    assert_eq!(
        (&json["pages"], &json["proven_files"], &json["worst_finding"]),
        (&json!(5), &json!(15), &Value::Null)
    );
}

/// A text in UTF-16 without a byte order mark.
pub fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn what_is_listed_and_no_page_is_a_finding() {
    let bare = Files::bare(2, 300);
    let list = format!("{}{}  ", bare.checksums(), md5_hex(b"x"));
    let whole = |list: String| {
        let mets = bare.mets(false);
        let files = bare.clone().with("TESTLIB_TL0000000001.xml", mets.as_bytes());
        made(&files.with("checksum.md5", list.as_bytes()).tar_gz())
    };
    for (line, code) in [
        ("Thumbs.db", "listed_not_delivered"),
        (".DS_Store", "listed_not_delivered"),
        ("._00000001.jp2", "listed_not_delivered"),
        ("notes/readme.pdf", "listed_not_delivered"),
        ("source/00000001.tif", "listed_not_delivered"),
        ("checksum.md5", "checksum_list_malformed"),
    ] {
        let (json, exit) = whole(format!("{list}{line}\n"));
        assert_eq!(
            (&json["refusal"], &json["verified"], exit),
            (&Value::Null, &json!(true), 0),
            "{line}: {json:#}"
        );
        assert_eq!(codes(&json), [code], "{line}");
    }
    let respelled = bare
        .checksums()
        .replace("00000001.jp2", "00000001.JP2")
        .replace("00000002.txt", "%30%30000002.txt");
    let (json, _) = whole(respelled);
    assert_eq!(
        (&json["verified"], codes(&json)),
        (&json!(true), vec!["listed_name_differs".to_owned(); 2]),
        "{json:#}"
    );
    let backslashes = bare.checksums().replace("  ", "  C:\\scans\\");
    let (json, _) = whole(backslashes);
    assert_eq!(
        (&json["verified"], codes(&json)),
        (&json!(true), vec!["checksum_list_malformed".to_owned()]),
        "{json:#}"
    );
}

#[test]
fn a_copy_in_a_folder_is_not_compared_with_the_page_s_digest() {
    let volume = Files::volume(2, 300).with("copy/00000001.txt", b"another text");
    let (json, code) = made(&volume.tar_gz());
    assert_eq!(
        (&json["refusal"], &json["verified"], code),
        (&Value::Null, &json!(false), 0),
        "{json:#}"
    );
}

#[test]
fn no_digests_at_all_is_unverified_and_never_verified() {
    let bare = Files::bare(2, 300);
    let files = bare
        .clone()
        .with("TESTLIB_TL0000000001.xml", bare.mets(false).as_bytes());
    let (json, code) = made(&files.tar_gz());
    assert_eq!(
        (&json["refusal"], &json["verified"], code),
        (&Value::Null, &json!(false), 0),
        "{json:#}"
    );
    assert_eq!(codes(&json), ["pages_unverified"]);
}
