//! Stored books for other archives: bags, OCFL objects, the evidence of checks; as this program sees them, and as their own validators do.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod validated;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::storage_s3::server::{KEYS, Server};
use crate::support::{Finished, Home, files, finish, sha256};
use grind::grin::Barcode;
use grind::lab::simulator::SimulatorConfig;
use serde_json::Value;

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 3,
        image_bytes: 2_000,
        odd_barcodes: true,
        ..SimulatorConfig::default()
    }
}

/// A library on disk, all of it stored.
fn stored(books: u32) -> Home {
    let home = Home::new(library(books), "[work]\nqueues = [\"all\"]\n");
    succeeded(&home.grind(&["run", "--once"]));
    assert_eq!(home.whole_books().len(), books as usize);
    home
}

/// One with `$`, one with `+`, one without, in this order.
fn three_kinds(home: &Home) -> Vec<Barcode> {
    let first = |is: fn(&str) -> bool| home.simulator.barcodes().find(|barcode| is(barcode.as_str())).unwrap();
    vec![
        first(|code| code.starts_with('$')),
        first(|code| code.starts_with('+')),
        first(|code| code.starts_with(|c: char| c.is_ascii_alphanumeric())),
    ]
}

fn succeeded(run: &Finished) {
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
}

/// Exports into a folder; the lines in JSON, the summary apart.
fn export(home: &Home, form: &str, books: &[Barcode], into: &Path) -> Exported {
    let named: Vec<&str> = books.iter().map(Barcode::as_str).collect();
    let barcodes = named.join(",");
    let arguments = [
        "export",
        form,
        "--barcodes",
        &barcodes,
        "--json",
        "-o",
        into.to_str().unwrap(),
    ];
    let mut command = home.command(&arguments);
    Exported::of(finish(command.envs(KEYS).spawn().unwrap()))
}

struct Exported {
    run: Finished,
    books: Vec<Value>,
    summary: Value,
}

impl Exported {
    fn of(run: Finished) -> Self {
        let lines = run.out.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut books: Vec<Value> = lines.collect();
        let summary = books.pop().map(|mut last| last["summary"].take()).unwrap_or_default();
        Self { run, books, summary }
    }

    fn outcomes(&self) -> Vec<&str> {
        self.books
            .iter()
            .map(|book| book["outcome"].as_str().unwrap())
            .collect()
    }

    fn path(&self, book: usize) -> PathBuf {
        self.books[book]["path"].as_str().unwrap().into()
    }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// The archive of a book below a folder.
fn archive_below(folder: &Path, book: &Barcode) -> PathBuf {
    let name = format!("{}.tar.gz", book.for_key());
    let mut found = files(folder).into_iter().filter(|path| path.ends_with(&name));
    found.next().unwrap()
}

/// Names below a folder, relative to it.
fn names_below(folder: &Path) -> BTreeSet<String> {
    let names = files(folder).into_iter();
    names
        .map(|path| path.strip_prefix(folder).unwrap().display().to_string())
        .collect()
}

fn convert_anew(home: &Home, book: &Barcode) {
    home.simulator.remake(book);
    succeeded(&home.grind(&["sync", "--barcodes", book.as_str()]));
    home.whole_books();
}

#[test]
fn chosen_books_become_bags_and_a_second_export_leaves_them_alone() {
    let (home, into) = (stored(24), tempfile::tempdir().unwrap());
    let books = three_kinds(&home);
    let made = export(&home, "bagit", &books, into.path());
    succeeded(&made.run);
    assert_eq!(made.outcomes(), ["made"; 3]);
    for (at, book) in books.iter().enumerate() {
        let (key, bag) = (book.for_key(), into.path().join(book.for_key().as_ref()));
        assert_eq!(made.path(at), bag);
        let expected = [
            "bag-info.txt".to_owned(),
            "bagit.txt".to_owned(),
            format!("data/full/{key}_ocr.jsonl.gz"),
            format!("data/meta/{key}.json"),
            format!("data/meta/{key}.marc.xml"),
            format!("data/meta/{key}_members.json.gz"),
            format!("data/raw/{key}/{key}.tar.gz"),
            "manifest-sha256.txt".to_owned(),
            "tagmanifest-sha256.txt".to_owned(),
        ];
        assert_eq!(names_below(&bag), expected.into());
        assert_eq!(
            sha256(&archive_below(&bag, book)),
            home.simulator.truth(book).unwrap().sha256
        );
    }
    assert_eq!(
        fs::read_dir(into.path()).unwrap().count(),
        3,
        "nothing else is left there"
    );

    let again = export(&home, "bagit", &books, into.path());
    succeeded(&again.run);
    assert_eq!(
        (again.outcomes(), &again.summary["bytes"]),
        (vec!["unchanged"; 3], &0.into())
    );
    convert_anew(&home, &books[0]);
    let changed = export(&home, "bagit", &books[..1], into.path());
    assert_eq!(changed.run.status.code(), Some(1), "{}", changed.run.out);
    assert_eq!(changed.books[0]["reason"], "occupied", "a bag does not change");
}

#[test]
fn a_package_that_is_not_whole_any_more_is_not_called_unchanged() {
    let home = stored(24);
    let books = three_kinds(&home);
    let (bags, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = export(&home, "bagit", &books, bags.path());
    fs::remove_file(archive_below(&made.path(0).join("data"), &books[0])).unwrap();
    let cut = made.path(1).join(format!("data/meta/{}.json", books[1].for_key()));
    fs::write(cut, "{}").unwrap();
    let made = export(&home, "ocfl", &books, root.path());
    fs::remove_file(archive_below(&made.path(0), &books[0])).unwrap();
    for (form, into, expected) in [
        ("bagit", &bags, ["failed", "failed", "unchanged"]),
        ("ocfl", &root, ["failed", "unchanged", "unchanged"]),
    ] {
        let again = export(&home, form, &books, into.path());
        assert_eq!(
            (again.outcomes(), again.run.status.code()),
            (expected.to_vec(), Some(1)),
            "{form}"
        );
        assert_eq!(again.books[0]["reason"], "occupied", "{}", again.run.out);
    }
}

#[test]
fn a_damaged_a_missing_and_an_unknown_book_are_named_and_hold_no_other_up() {
    let home = stored(24);
    let mut books = three_kinds(&home);
    flip(&home.raw(&books[0]));
    fs::remove_file(home.root().join(format!("full/{}_ocr.jsonl.gz", books[1].for_key()))).unwrap();
    books.push(Barcode::parse("NOBODY0001").unwrap());
    for form in ["bagit", "ocfl"] {
        let into = tempfile::tempdir().unwrap();
        let made = export(&home, form, &books, into.path());
        assert_eq!(made.run.status.code(), Some(1), "{}", made.run.out);
        assert_eq!(made.outcomes(), ["failed", "failed", "made", "failed"]);
        let reasons: Vec<_> = made.books.iter().map(|book| book["reason"].as_str()).collect();
        assert_eq!(reasons, [Some("damaged"), Some("missing"), None, Some("not_stored")]);
        for (book, key) in [(0, "tar.gz"), (1, "_ocr.jsonl.gz")] {
            assert!(
                made.books[book]["detail"].as_str().unwrap().contains(key),
                "{}",
                made.run.out
            );
        }
        let archives = files(into.path())
            .into_iter()
            .filter(|path| path.to_string_lossy().ends_with(".gz"));
        assert_eq!(archives.count(), 3, "archive, text and index of the one that is sound");
        assert!(
            names_below(into.path())
                .iter()
                .all(|name| !name.contains(".grind-package"))
        );
    }
}

#[test]
fn a_changed_book_gets_another_version_and_an_interrupted_one_is_completed() {
    let (home, into) = (stored(24), tempfile::tempdir().unwrap());
    let books = three_kinds(&home);
    let first = export(&home, "ocfl", &books, into.path());
    succeeded(&first.run);
    assert_eq!(first.outcomes(), ["made"; 3]);
    let object = first.path(0);
    let of_v1 = fs::read(object.join("inventory.json")).unwrap();
    convert_anew(&home, &books[0]);
    let second = export(&home, "ocfl", &books, into.path());
    succeeded(&second.run);
    assert_eq!(second.outcomes(), ["version_added", "unchanged", "unchanged"]);
    assert_eq!(second.books[0]["version"], "v2");
    let truth = home.simulator.truth(&books[0]).unwrap().sha256;
    assert_eq!(sha256(&archive_below(&object.join("v2"), &books[0])), truth);

    // Killed after the version got its place, and before the object named it.
    let of_v2 = fs::read(object.join("inventory.json")).unwrap();
    fs::write(object.join("inventory.json"), &of_v1).unwrap();
    let third = export(&home, "ocfl", &books, into.path());
    assert_eq!(third.outcomes(), ["unchanged"; 3], "{}", third.run.out);
    assert_eq!(fs::read(object.join("inventory.json")).unwrap(), of_v2);

    // What is no object of ours is left alone.
    fs::write(object.join("v2/inventory.json"), &of_v1).unwrap();
    let refused = export(&home, "ocfl", &books[..1], into.path());
    assert_eq!(refused.books[0]["reason"], "occupied", "{}", refused.run.out);
    let inside = export(&home, "ocfl", &books, &home.root());
    assert_eq!(inside.run.status.code(), Some(73), "{}", inside.run.err);
    assert!(inside.run.err.contains("where books are stored"), "{}", inside.run.err);
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("somebody's"), "x").unwrap();
    let elsewhere = export(&home, "ocfl", &books, other.path());
    assert_eq!(elsewhere.run.status.code(), Some(73), "{}", elsewhere.run.err);
    assert!(
        elsewhere.run.err.contains("no storage root of OCFL"),
        "{}",
        elsewhere.run.err
    );
}

#[test]
fn books_in_a_bucket_are_packed_and_a_killed_export_leaves_nothing_that_stays() {
    let server = Server::start();
    let home = Home::new(library(24), &server.settings());
    let run = finish(home.command(&["run", "--once"]).envs(KEYS).spawn().unwrap());
    succeeded(&run);
    let (books, into) = (three_kinds(&home), tempfile::tempdir().unwrap());
    let bags = into.path().join("bags");
    let raw = format!("/raw/{}", books[2].for_key());
    let wanted = raw.clone();
    let held = server.hold(false, move |request| {
        request.starts_with("GET ") && request.contains(&wanted)
    });
    let arguments = ["export", "bagit", books[2].as_str(), "-o", bags.to_str().unwrap()];
    let mut killed = home.command(&arguments).envs(KEYS).spawn().unwrap();
    held.recv().unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(names_below(&bags).iter().all(|name| name.starts_with(".grind-package")));
    assert!(!names_below(&bags).is_empty(), "it had begun");

    for form in ["bagit", "ocfl"] {
        let into = into.path().join(if form == "bagit" { "bags" } else { "root" });
        let made = export(&home, form, &books, &into);
        succeeded(&made.run);
        assert_eq!(made.outcomes(), ["made"; 3]);
        for book in &books {
            assert_eq!(
                sha256(&archive_below(&into, book)),
                home.simulator.truth(book).unwrap().sha256
            );
        }
    }
    assert_eq!(
        fs::read_dir(&bags).unwrap().count(),
        3,
        "what the killed one left is gone"
    );

    // A store that refuses is the fault of no book.
    server.fault(|request| request.contains("/full/").then_some(403));
    let refused = export(&home, "bagit", &books, &into.path().join("none"));
    assert_eq!(
        refused.run.status.code(),
        Some(77),
        "{}\n{}",
        refused.run.out,
        refused.run.err
    );
    assert!(names_below(&into.path().join("none")).is_empty());
}

#[test]
fn checks_are_exported_as_events_of_the_books_that_are_meant() {
    let home = stored(6);
    let none = home.grind(&["export", "premis"]);
    assert_eq!(none.status.code(), Some(1), "{}", none.err);
    assert!(none.out.is_empty(), "{}", none.out);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    succeeded(&home.grind(&["verify", books[0].as_str(), books[1].as_str()]));
    flip(&home.raw(&books[1]));
    assert_eq!(home.grind(&["verify", books[1].as_str()]).status.code(), Some(1));
    let all = home.grind(&["export", "premis"]);
    succeeded(&all);
    let counts =
        |text: &str| ["<object ", "<event ", "<agent ", ">success<", ">fail<"].map(|word| text.matches(word).count());
    assert_eq!(counts(&all.out), [2, 3, 1, 2, 1], "{}", all.out);
    let file = home.folder.path().join("checks.xml");
    let some = home.grind(&[
        "export",
        "premis",
        books[0].as_str(),
        books[2].as_str(),
        "-o",
        file.to_str().unwrap(),
    ]);
    assert_eq!(some.status.code(), Some(1), "{}", some.err);
    assert!(some.err.contains(books[2].as_str()), "{}", some.err);
    assert_eq!(counts(&fs::read_to_string(&file).unwrap()), [1, 1, 1, 1, 0]);
}
