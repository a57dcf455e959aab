//! What is written for other archives, judged by programs that are not ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{archive_below, convert_anew, export, flip, stored, succeeded, three_kinds};

/// The folder with the programs of `bagit`, `ocfl-py` and `metsrw`.
fn validators() -> PathBuf {
    std::env::var_os("GRIND_TEST_PACKAGE_VALIDATORS").unwrap().into()
}

/// Whether the validator is content, and what it said.
fn validated(program: &str, arguments: &[&str], what: &Path) -> (bool, String) {
    let path = validators().join(program);
    let program = if path.is_file() { path } else { PathBuf::from(program) };
    let ended = Command::new(&program).args(arguments).arg(what).output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (ended.status.success(), said.concat())
}

fn is_sound(program: &str, arguments: &[&str], what: &Path) {
    let (is_content, said) = validated(program, arguments, what);
    assert!(is_content, "{program} {}: {said}", what.display());
}

/// A flipped byte is found; afterwards all is as before.
fn finds_damage(program: &str, arguments: &[&str], what: &Path, damaged: &Path) {
    flip(damaged);
    let (is_content, said) = validated(program, arguments, what);
    assert!(!is_content, "{program}, {} damaged: {said}", damaged.display());
    flip(damaged);
}

/// The program of ocfl-py for a root tells of its objects only in words.
const VALIDATE_ROOT: &str = "
import sys, ocfl
root = ocfl.StorageRoot(root=sys.argv[1])
is_sound = root.validate(log_warnings=True, log_errors=True)
print(root.num_objects, 'objects,', root.good_objects, 'sound', root.errors)
sys.exit(not (is_sound and root.num_objects == root.good_objects == 3))
";

#[test]
#[ignore = "needs GRIND_TEST_PACKAGE_VALIDATORS: tests/parts/bags"]
fn the_validators_of_bagit_and_ocfl_are_content_and_find_a_flipped_byte() {
    let (home, into) = (stored(24), tempfile::tempdir().unwrap());
    let books = three_kinds(&home);
    let bags = export(&home, "bagit", &books, &into.path().join("bags"));
    succeeded(&bags.run);
    for (at, book) in books.iter().enumerate() {
        let bag = bags.path(at);
        is_sound("bagit.py", &["--validate"], &bag);
        finds_damage("bagit.py", &["--validate"], &bag, &archive_below(&bag, book));
        finds_damage("bagit.py", &["--validate"], &bag, &bag.join("bag-info.txt"));
        is_sound("bagit.py", &["--validate"], &bag);
    }
    let (root, of_root) = (into.path().join("root"), ["-c", VALIDATE_ROOT]);
    succeeded(&export(&home, "ocfl", &books, &root).run);
    is_sound("python3", &of_root, &root);
    convert_anew(&home, &books[0]);
    let second = export(&home, "ocfl", &books, &root);
    assert_eq!(second.outcomes(), ["version_added", "unchanged", "unchanged"]);
    is_sound("python3", &of_root, &root);
    let object = second.path(0);
    for damaged in [
        archive_below(&object.join("v1"), &books[0]),
        archive_below(&object.join("v2"), &books[0]),
        object.join("inventory.json"),
    ] {
        finds_damage("python3", &of_root, &root, &damaged);
        finds_damage("ocfl-validate.py", &[], &object, &damaged);
    }
    is_sound("python3", &of_root, &root);
    is_sound("ocfl-validate.py", &[], &object);
}

/// Reads the events with a reader of PREMIS that is not ours.
const READ_EVENTS: &str = "
import sys
from lxml import etree
from metsrw.plugins import premisrw
root = etree.parse(sys.argv[1]).getroot()
of = '{http://www.loc.gov/premis/v3}'
read = [premisrw.PREMISEvent(data=premisrw.premis_to_data(event)) for event in root.findall(of + 'event')]
print(' '.join(sorted(event.event_type.replace(' ', '-') + '/' + event.event_outcome for event in read)))
";

#[test]
#[ignore = "needs GRIND_TEST_PACKAGE_VALIDATORS: tests/parts/bags"]
fn the_evidence_is_read_by_others() {
    let home = stored(24);
    succeeded(&home.grind(&["verify", "--sample", "5"]));
    let damaged = &three_kinds(&home)[0];
    flip(&home.raw(damaged));
    assert_eq!(
        home.grind(&["verify", "--deep", "--barcodes", damaged.as_str()])
            .status
            .code(),
        Some(1)
    );
    let file = home.folder.path().join("checks.xml");
    succeeded(&home.grind(&["export", "premis", "-o", file.to_str().unwrap()]));
    let grammar = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/premis.rng");
    is_sound("xmllint", &["--noout", "--relaxng", grammar], &file);
    let (is_read, said) = validated("python3", &["-c", READ_EVENTS], &file);
    assert!(is_read, "{said}");
    let mut expected = vec!["fixity-check/success"; 6];
    expected[0] = "fixity-check/fail";
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), expected);
    // A grammar that takes anything would prove nothing.
    let text = fs::read_to_string(&file).unwrap();
    for (name, without) in [
        (
            "no date",
            text.replacen("<eventDateTime>", "<eventDate>", 1)
                .replacen("</eventDateTime>", "</eventDate>", 1),
        ),
        (
            "no digest",
            text.replacen("<messageDigestAlgorithm>SHA-256</messageDigestAlgorithm>", "", 1),
        ),
        ("not closed", text.replacen("</agent>", "", 1)),
    ] {
        fs::write(&file, without).unwrap();
        let (is_content, said) = validated("xmllint", &["--noout", "--relaxng", grammar], &file);
        assert!(!is_content, "{name}: {said}");
    }
}
