//! A library in the layout `grin-transfer`, read by the rules of those who read such libraries, and kept apart from the other layout and
//! from other libraries.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::storage_s3::server::{BUCKET, KEYS, Server};
use crate::support::{Home, files, finish, sha256, states};
use flate2::read::GzDecoder;
use grind::grin::Barcode;
use grind::lab::simulator::SimulatorConfig;
use grind::storage::{ObjectKey, StorageLayout};

const RUN: &str = "harvard_2026";
const LAYOUT: &str = "[storage]\nlayout = \"grin-transfer\"\nrun = \"harvard_2026\"\n";
const MARKER: &str = "grind-storage.json";

/// Some of its barcodes have a `$` or a `+`.
fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 3,
        image_bytes: 500,
        s2k_count: 1_024,
        odd_barcodes: true,
        ..SimulatorConfig::default()
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A reader of such a library: three places and the name of a run. It asks for objects by name and lists nothing.
struct TransferReader {
    raw: PathBuf,
    full: PathBuf,
    meta: PathBuf,
}

impl TransferReader {
    fn of(root: &Path, [raw, full, meta]: [&str; 3]) -> Self {
        let place = |name: &str| root.join(name).join(RUN);
        Self {
            raw: place(raw),
            full: place(full),
            meta: place(meta),
        }
    }

    /// The barcodes of books that have an archive, by a table of which each line is a book.
    fn books(&self) -> Vec<String> {
        let table = String::from_utf8(unpacked(&self.meta.join("books_latest.csv.gz"))).unwrap();
        let mut lines = table.split('\n');
        let columns = cells(lines.next().unwrap());
        let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
        let (barcode, stored) = (column("Barcode"), column("Sync Timestamp"));
        let mut books = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let row = cells(line);
            assert_eq!(row.len(), columns.len(), "{line}");
            if row[stored].parse::<jiff::Timestamp>().is_ok() {
                books.push(row[barcode].clone());
            }
        }
        books
    }

    fn archive(&self, barcode: &str) -> PathBuf {
        self.raw.join(format!("{barcode}.tar.gz"))
    }

    fn text_by_page(&self, barcode: &str) -> Vec<String> {
        let text = unpacked(&self.full.join(format!("{barcode}_ocr.jsonl.gz")));
        let text = String::from_utf8(text).unwrap();
        let lines = text.split('\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every book that GRIN has is found, with equal bytes.
    fn finds_all(&self, home: &Home) {
        let found: BTreeSet<_> = self.books().into_iter().collect();
        let expected: BTreeSet<_> = home.simulator.barcodes().map(|barcode| barcode.to_string()).collect();
        assert_eq!(found, expected);
        assert!(found.iter().any(|barcode| barcode.contains(['$', '+'])), "{found:?}");
        for barcode in home.simulator.barcodes() {
            let truth = home.simulator.truth(&barcode).unwrap();
            assert_eq!(sha256(&self.archive(barcode.as_str())), truth.sha256, "{barcode}");
            let (lines, texts) = (
                self.text_by_page(barcode.as_str()),
                home.simulator.texts(&barcode).unwrap(),
            );
            assert_eq!(lines.len(), truth.pages as usize, "{barcode}");
            for (page, line) in (1_u32..).zip(lines) {
                let text = texts.get(&page).map(|text| String::from_utf8_lossy(text).into_owned());
                assert_eq!(line, text.unwrap_or_default(), "{barcode}, page {page}");
            }
        }
    }
}

/// One line of a table.
fn cells(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    row.iter().map(str::to_owned).collect()
}

/// Every file is the marker, a copy of the catalog, or an object that this layout gives a book.
fn nothing_of_another_form(home: &Home) {
    let layout = StorageLayout::new("raw", "full", "meta").unwrap().of_run(RUN).unwrap();
    for file in files(&home.root()) {
        let name = file.strip_prefix(home.root()).unwrap().to_str().unwrap();
        let key = ObjectKey::parse(name).unwrap_or_else(|error| panic!("{error}"));
        let is_ours = name == MARKER || layout.is_copy(&key) || layout.owner(&key).is_some();
        assert!(is_ours, "{name}");
    }
}

#[test]
fn the_readers_of_such_a_library_find_every_book() {
    let home = Home::new(library(12), LAYOUT);
    home.done(&["run", "--once"]);
    let reader = TransferReader::of(&home.root(), ["raw", "full", "meta"]);
    reader.finds_all(&home);
    nothing_of_another_form(&home);
    let dated = files(&reader.meta.join("timestamped"));
    assert_eq!(dated.len(), 1, "{dated:?}");
    let latest = fs::read(reader.meta.join("books_latest.csv.gz")).unwrap();
    assert_eq!(fs::read(&dated[0]).unwrap(), latest);
    home.done(&["verify"]);
    home.done(&["verify", "--quick"]);
}

#[test]
fn the_commands_on_the_storage_know_its_names() {
    let home = Home::new(library(12), LAYOUT);
    home.done(&["run", "--once"]);
    let odd = home
        .simulator
        .barcodes()
        .find(|barcode| barcode.as_str().contains(['$', '+']));
    let book = odd.unwrap();
    let reader = TransferReader::of(&home.root(), ["raw", "full", "meta"]);
    let listed = home.done(&["storage", "ls", book.as_str()]);
    for name in [
        format!("raw/{RUN}/{book}.tar.gz"),
        format!("full/{RUN}/{book}_ocr.jsonl.gz"),
        format!("meta/{RUN}/{book}.json"),
    ] {
        assert!(listed.out.contains(&name), "{}", listed.out);
    }
    let copy = home.folder.path().join("copy.tar.gz");
    let output = copy.to_str().unwrap();
    home.done(&["storage", "get", book.as_str(), "--output", output]);
    assert_eq!(sha256(&copy), sha256(&reader.archive(book.as_str())));
    home.done(&["storage", "rm", book.as_str(), "--yes"]);
    let is_of_book = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().starts_with(book.as_str());
    assert_eq!(files(&home.root()).into_iter().find(is_of_book), None);
    home.done(&["run", "--once"]);
    reader.finds_all(&home);
    // The newest backup is found by its name, and the books by theirs.
    for file in files(home.folder.path()) {
        if file.file_name().unwrap().to_string_lossy().starts_with("catalog.db") {
            fs::remove_file(file).unwrap();
        }
    }
    let restored = home.done(&["restore"]);
    assert!(
        restored.out.contains("12 books are in the storage as recorded"),
        "{}",
        restored.out
    );
}

#[test]
fn in_buckets_of_their_own_objects_have_the_names_that_readers_ask_for() {
    let server = Server::start();
    let url = |name: &str| format!("{name}_url = \"s3://{BUCKET}/{name}\"\n");
    let places = [url("raw"), url("full"), url("meta")].concat();
    let layout = LAYOUT.trim_start_matches("[storage]\n");
    let home = Home::new(library(12), &[server.settings().as_str(), &places, layout].concat());
    let grind = |arguments: &[&str]| finish(home.command(arguments).envs(KEYS).spawn().unwrap()).succeeded();
    grind(&["run", "--once"]);
    let bucket = server.root.path().join(BUCKET);
    TransferReader::of(&bucket, ["raw", "full", "meta"]).finds_all(&home);
    grind(&["verify", "--quick"]);
}

#[test]
fn killed_at_any_moment_nothing_of_another_form_is_left() {
    let slow = SimulatorConfig {
        delay: Duration::from_millis(2),
        ..library(40)
    };
    let home = Home::new(slow, LAYOUT);
    for number in 0..6_u64 {
        let mut run = home.command(&["run", "--once"]);
        let instance = format!("run-{number}");
        let mut child = run.env("GRIND__WORK__INSTANCE", instance).spawn().unwrap();
        // The moment of the kill is the test's input, not a wait for something.
        std::thread::sleep(Duration::from_millis(100 + 150 * number));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    home.done(&["run", "--once"]);
    assert!(states(&home).values().all(|(state, _)| state == "stored"));
    home.nothing_is_left_over();
    nothing_of_another_form(&home);
    TransferReader::of(&home.root(), ["raw", "full", "meta"]).finds_all(&home);
    home.done(&["verify", "--quick"]);
}

/// What the storage has.
fn names(home: &Home) -> BTreeSet<PathBuf> {
    files(&home.root()).into_iter().collect()
}

#[test]
fn a_library_is_never_mixed_with_another_layout() {
    let run = |name: &str| format!("[storage]\nlayout = \"grin-transfer\"\nrun = \"{name}\"\n");
    let per_book = "[storage]\nlayout = \"per-book\"\n".to_owned();
    for (begun, other) in [(per_book.clone(), run("a")), (run("a"), per_book), (run("a"), run("b"))] {
        let home = Home::new(library(2), &begun);
        let first: Barcode = home.simulator.barcode(0).unwrap();
        home.done(&["sync", "--barcodes", first.as_str()]);
        let before = names(&home);
        fs::write(home.folder.path().join("grind.toml.d/20-test.toml"), &other).unwrap();
        for arguments in [
            &["check-config"][..],
            &["run", "--once"],
            &["sync"],
            &["verify", "--quick", "--repair"],
            &["storage", "ls"],
            &["storage", "rm", first.as_str(), "--yes"],
            &["storage", "adopt"],
        ] {
            let refused = home.grind(arguments);
            assert_eq!(refused.status.code(), Some(78), "{arguments:?}: {}", refused.err);
            assert!(refused.err.contains("is laid out as"), "{arguments:?}: {}", refused.err);
        }
        assert_eq!(names(&home), before);
        // Without the catalog the marker tells it.
        fs::remove_file(home.folder.path().join("catalog.db")).unwrap();
        let refused = home.grind(&["sync", "--barcodes", first.as_str()]);
        assert!(!refused.status.success(), "{}", refused.out);
        assert!(refused.err.contains("is laid out as"), "{}", refused.err);
        assert_eq!(names(&home), before);
    }
}

#[test]
fn a_catalog_is_never_mixed_with_another_library() {
    let home = Home::new(library(2), "");
    let first: Barcode = home.simulator.barcode(0).unwrap();
    home.done(&["sync", "--barcodes", first.as_str()]);
    let before = names(&home);
    let other = "[library]\ndirectory = \"OTHERLIB\"\n";
    fs::write(home.folder.path().join("grind.toml.d/20-test.toml"), other).unwrap();
    let bags = home.folder.path().join("bags");
    for arguments in [
        &["check-config"][..],
        &["run", "--once"],
        &["sync"],
        &["verify", "--quick", "--repair"],
        &["storage", "rm", first.as_str(), "--yes"],
        &["export", "bagit", first.as_str(), "-o", bags.to_str().unwrap()],
    ] {
        let refused = home.grind(arguments);
        assert_eq!(refused.status.code(), Some(78), "{arguments:?}: {}", refused.err);
        assert!(
            refused.err.contains("books of two libraries"),
            "{arguments:?}: {}",
            refused.err
        );
    }
    assert_eq!(names(&home), before);
}
