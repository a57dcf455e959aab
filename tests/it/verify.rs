//! Stored books are read again: every damage is found, none is invented, and nothing is concluded of a storage that is away.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::support::service::Service;
use crate::support::{Finished, Home};
use grind::grin::Barcode;
use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;
use serde_json::Value;

pub fn library(books: u32) -> Home {
    library_with(books, "")
}

pub fn library_with(books: u32, extra: &str) -> Home {
    let library = SimulatorConfig {
        books,
        pages: 3,
        image_bytes: 2_000,
        ..SimulatorConfig::default()
    };
    library_of(library, extra)
}

/// All books of a simulated library, at home.
pub fn library_of(library: SimulatorConfig, extra: &str) -> Home {
    let books = library.books;
    let home = Home::new(library, extra);
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
    assert_eq!(home.whole_books().len(), books as usize);
    home
}

/// The lines of a pass as JSON, the summary apart.
pub fn lines(run: &Finished) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = lines.pop().expect("a summary")["summary"].take();
    (lines, summary)
}

/// What came of each book that is not as it was stored.
pub fn found(run: &Finished) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (books, _) = lines(run);
    let bad = books.iter().filter(|book| book["outcome"] != "ok");
    bad.map(|book| {
        let finding = &book["findings"][0];
        (
            text(&book["barcode"]),
            (text(&book["outcome"]), text(&finding["reason"])),
        )
    })
    .collect()
}

/// The place of an object in the library.
pub fn place(home: &Home, key: &str) -> PathBuf {
    home.root().join(key)
}

pub fn flip(path: &PathBuf, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Ten damages, each with what is to be said of its book.
pub fn plant(home: &Home, books: &[Barcode]) -> BTreeMap<String, (String, String)> {
    let raw = |at: usize| home.raw(&books[at]);
    let text = |at: usize| place(home, &format!("full/{}_ocr.jsonl.gz", books[at]));
    let manifest = |at: usize| place(home, &format!("meta/{}.json", books[at]));
    // A flipped byte at each end and in the middle.
    flip(&raw(0), 20);
    let middle = fs::metadata(raw(1)).unwrap().len() / 2;
    flip(&raw(1), usize::try_from(middle).unwrap());
    flip(&text(2), 12);
    // Cut: in the middle, to nothing, and a manifest.
    fs::File::options()
        .write(true)
        .open(raw(3))
        .unwrap()
        .set_len(middle)
        .unwrap();
    fs::File::create(raw(4)).unwrap();
    fs::File::options()
        .write(true)
        .open(manifest(5))
        .unwrap()
        .set_len(40)
        .unwrap();
    // Missing: archive and text.
    fs::remove_file(raw(6)).unwrap();
    fs::remove_file(text(7)).unwrap();
    // A wrong name, and another book's archive in the place of one.
    fs::rename(raw(8), raw(8).with_file_name("wrong.tar.gz")).unwrap();
    fs::copy(raw(20), raw(9)).unwrap();
    // Objects that belong to nobody say nothing of any book.
    fs::write(place(home, "raw/foreign.bin"), "x").unwrap();
    let expected = [
        (0, "damaged", "digest_differs"),
        (1, "damaged", "digest_differs"),
        (2, "damaged", "digest_differs"),
        (3, "damaged", "digest_differs"),
        (4, "damaged", "digest_differs"),
        (5, "damaged", "no_manifest"),
        (6, "missing", "absent"),
        (7, "missing", "absent"),
        (8, "missing", "absent"),
        (9, "damaged", "digest_differs"),
    ];
    let named =
        |(at, outcome, reason): (usize, &str, &str)| (books[at].to_string(), (outcome.to_owned(), reason.to_owned()));
    expected.map(named).into()
}

/// What a listing tells of the ten: a flipped byte changes no size, nor does another book's archive that happens to be as long.
pub fn seen_without_reading(home: &Home, books: &[Barcode]) -> Vec<(String, String)> {
    let raw = |at: usize| format!("raw/{0}/{0}.tar.gz", books[at]);
    let seen = |outcome: &str, key: String| (outcome.to_owned(), key);
    let mut expected = vec![
        seen("damaged", raw(3)),
        seen("damaged", raw(4)),
        seen("missing", raw(6)),
        seen("missing", format!("full/{}_ocr.jsonl.gz", books[7])),
        seen("missing", raw(8)),
        seen("unknown", format!("raw/{}/wrong.tar.gz", books[8])),
        seen("unknown", "raw/foreign.bin".to_owned()),
    ];
    let copied = fs::metadata(home.raw(&books[9])).unwrap().len();
    if copied != home.simulator.truth(&books[9]).unwrap().archive_bytes {
        expected.push(seen("damaged", raw(9)));
    }
    // A manifest is read where text or MARC record was not seen.
    if !place(home, &format!("meta/{}.marc.xml", books[5])).is_file() {
        expected.push(seen("damaged", format!("meta/{}.json", books[5])));
    }
    expected.sort();
    expected
}

#[test]
fn ten_planted_damages_among_three_hundred_objects_are_all_found_and_none_is_invented() {
    let home = library(80);
    assert!(crate::support::files(&home.root()).len() > 300);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let good = home.grind(&["verify", "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}\n{}", good.out, good.err);
    let (told, summary) = lines(&good);
    assert_eq!(
        (told.len(), &summary["ok"], &summary["complete"]),
        (80, &80.into(), &true.into())
    );
    let truth = home.simulator.truth(&books[0]).unwrap();
    let first = told.iter().find(|line| line["barcode"] == books[0].as_str()).unwrap();
    assert_eq!(first["sha256"], truth.sha256.as_str());

    let planted = plant(&home, &books);
    for level in [&["verify", "--json"][..], &["verify", "--json", "--deep"]] {
        let run = home.grind(level);
        assert_eq!(run.status.code(), Some(1), "{}\n{}", run.out, run.err);
        assert_eq!(found(&run), planted, "{level:?}");
        let (told, summary) = lines(&run);
        assert_eq!(told.len(), 80);
        let counted = ["ok", "damaged", "missing", "could_not_check"].map(|outcome| summary[outcome].as_u64().unwrap());
        assert_eq!(counted, [70, 7, 3, 0]);
    }

    // The listing tells of objects that belong to nobody, and of all that is seen without reading.
    let quick = home.grind(&["verify", "--quick", "--json"]);
    assert_eq!(quick.status.code(), Some(1), "{}\n{}", quick.out, quick.err);
    assert_eq!(listed(&quick), seen_without_reading(&home, &books));

    let story = home.grind(&["explain", books[0].as_str(), "--json"]);
    let story: Value = serde_json::from_str(&story.out).unwrap();
    let outcomes: Vec<_> = story["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["outcome"])
        .collect();
    assert_eq!(outcomes, ["ok", "damaged", "damaged"], "{story}");
    assert_eq!(story["checks"][2]["level"], "deep");
}

#[test]
fn what_was_not_looked_at_for_the_longest_time_comes_first_and_a_cut_pass_goes_on() {
    let home = library(12);
    let first = home.grind(&["verify", "--json", "--sample", "5"]);
    let (checked, summary) = lines(&first);
    assert_eq!(checked.len(), 5, "{}", first.out);
    let before = summary["before"].as_str().unwrap();
    let rest = home.grind(&["verify", "--json", "--older-than", before]);
    let (rest, _) = lines(&rest);
    let barcodes = |lines: &[Value]| lines.iter().map(|line| line["barcode"].to_string()).collect::<Vec<_>>();
    let mut all = [barcodes(&checked), barcodes(&rest)].concat();
    all.sort();
    all.dedup();
    assert_eq!(
        (rest.len(), all.len()),
        (7, 12),
        "none is read twice, and none is left out"
    );
    let none = home.grind(&["verify", "--json", "--older-than", "90d"]);
    assert_eq!((none.status.code(), lines(&none).0.len()), (Some(0), 0));
    let named = home.grind(&[
        "verify",
        "--json",
        home.simulator.barcode(3).unwrap().as_str(),
        "NOBODYS1",
    ]);
    let (named, _) = lines(&named);
    let outcomes: Vec<_> = named.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "could_not_check"]);
}

/// Title, counts and names of other objects stand in the manifest alone.
#[test]
fn a_manifest_of_which_one_byte_changed_is_damaged() {
    let home = library(6);
    let books: Vec<_> = (0..6).map(|number| home.simulator.barcode(number).unwrap()).collect();
    for (number, barcode) in books[..5].iter().enumerate() {
        let manifest = place(&home, &format!("meta/{barcode}.json"));
        let length = usize::try_from(fs::metadata(&manifest).unwrap().len()).unwrap();
        flip(&manifest, length * (2 * number + 1) / 10);
    }
    let read = home.grind(&["verify", "--json"]);
    assert_eq!(read.status.code(), Some(1), "{}", read.out);
    let (checked, _) = lines(&read);
    for line in &checked {
        let expected = match line["barcode"] == books[5].as_str() {
            true => "ok",
            false => "damaged",
        };
        assert_eq!(line["outcome"], expected, "{line}");
    }
}

#[test]
fn a_sample_goes_past_what_cannot_be_checked() {
    let home = library(4);
    let books: Vec<_> = (0..4).map(|number| home.simulator.barcode(number).unwrap()).collect();
    let first = home.grind(&[
        "verify",
        "--json",
        books[1].as_str(),
        books[2].as_str(),
        books[3].as_str(),
    ]);
    assert_eq!(first.status.code(), Some(0), "{}", first.out);
    // A link is not followed.
    let aside = home.folder.path().join("aside");
    fs::rename(home.raw(&books[0]), &aside).unwrap();
    std::os::unix::fs::symlink(&aside, home.raw(&books[0])).unwrap();
    let sampled = |number: &str| {
        let (checked, _) = lines(&home.grind(&["verify", "--json", "--sample", number]));
        checked
            .iter()
            .map(|line| line["barcode"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(sampled("1"), [books[0].as_str()], "the longest not looked at");
    assert_ne!(
        sampled("1"),
        [books[0].as_str()],
        "nothing was learnt of it a moment ago"
    );
    assert_eq!(sampled("4").len(), 4, "where all are meant, it is meant, too");
}

#[test]
fn a_pass_reads_no_more_bytes_a_second_than_it_may() {
    let home = library(2);
    let (_, summary) = lines(&home.grind(&["verify", "--json"]));
    let half = format!("{}KiB", summary["bytes"].as_u64().unwrap() / 2048);
    let slow = home.grind(&["verify", "--json", "--bandwidth", &half]);
    assert_eq!(slow.status.code(), Some(0), "{}", slow.err);
    let took = lines(&slow).1["seconds"].as_f64().unwrap();
    assert!(took > 1.5, "{took} s for what takes two at this speed");
    assert_eq!(home.grind(&["verify", "--bandwidth", "fast"]).status.code(), Some(2));
}

#[test]
fn a_storage_that_is_away_or_another_makes_no_book_missing() {
    let home = library(4);
    let away = home.folder.path().join("volume");
    fs::rename(home.root(), &away).unwrap();
    let gone = home.grind(&["verify"]);
    assert_eq!(gone.status.code(), Some(2), "{}\n{}", gone.out, gone.err);
    assert!(gone.err.contains("nothing could be checked"), "{}", gone.err);
    assert!(!home.root().exists(), "nothing is made in the place of a volume");
    fs::create_dir(home.root()).unwrap();
    let empty = home.grind(&["verify", "--json"]);
    assert_eq!(empty.status.code(), Some(2), "{}\n{}", empty.out, empty.err);
    assert!(empty.out.is_empty(), "{}", empty.out);
    fs::remove_dir(home.root()).unwrap();
    fs::rename(&away, home.root()).unwrap();
    let back = home.grind(&["verify"]);
    assert_eq!(back.status.code(), Some(0), "{}\n{}", back.out, back.err);
    assert!(back.out.contains("4 books read again"), "{}", back.out);
}

/// What `--quick` says: outcome and key of each finding.
pub fn listed(run: &Finished) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (findings, _) = lines(run);
    let mut found: Vec<_> = findings
        .iter()
        .map(|finding| (text(&finding["outcome"]), text(&finding["key"])))
        .collect();
    found.sort();
    found
}

/// The names of the objects of a book.
pub fn objects_of(home: &Home, barcode: &Barcode) -> Vec<String> {
    let objects = [
        format!("raw/{barcode}/{barcode}.tar.gz"),
        format!("meta/{barcode}.json"),
        format!("meta/{barcode}.marc.xml"),
        format!("meta/{barcode}_members.json.gz"),
        format!("full/{barcode}_ocr.jsonl.gz"),
    ];
    objects.into_iter().filter(|key| place(home, key).is_file()).collect()
}

#[test]
fn a_daemon_reads_stored_books_again_and_fetches_what_is_damaged_or_missing() {
    let home = library_with(6, "[fixity]\nreread_every = \"1s\"\n");
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let text = place(&home, &format!("full/{}_ocr.jsonl.gz", books[2]));
    flip(&home.raw(&books[0]), 20);
    let damaged = crate::support::sha256(&home.raw(&books[0]));
    fs::remove_file(home.raw(&books[1])).unwrap();
    fs::remove_file(&text).unwrap();
    let mut service = Service::of(home);
    let truth = |service: &Service, at: usize| service.home.simulator.truth(&books[at]).unwrap().sha256;
    service.told_when(|service| {
        let is_back = |at: usize| {
            let raw = service.home.raw(&books[at]);
            raw.is_file() && crate::support::sha256(&raw) == truth(service, at)
        };
        is_back(0) && is_back(1) && text.is_file()
    });
    service.told_when(|service| {
        crate::support::states(&service.home)
            .values()
            .all(|(state, _)| state == "stored")
    });
    let metrics = service.ask("/metrics");
    for line in [
        "grind_fixity_checks_total{outcome=\"damaged\"} 1",
        "grind_fixity_checks_total{outcome=\"missing\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let aside = format!("quarantine/{}/{}-damaged-{}", books[0], books[0], &damaged[..12]);
    let aside = place(&service.home, &aside);
    assert_eq!(
        crate::support::sha256(&aside.with_extension("tar.gz")),
        damaged,
        "the damaged copy is kept aside"
    );
    assert!(aside.with_extension("findings.json").is_file());
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("a stored object is not sound"), "{}", ended.err);
    assert_eq!(service.home.whole_books().len(), 6);
    let verified = service.home.grind(&["verify", "--deep"]);
    assert_eq!(verified.status.code(), Some(0), "{}\n{}", verified.out, verified.err);
}

#[test]
fn a_book_that_can_never_be_read_needs_a_person() {
    let home = library_with(4, "[fixity]\nreread_every = \"1s\"\n");
    let book = home.simulator.barcode(0).unwrap();
    let raw = home.raw(&book);
    fs::rename(&raw, raw.with_extension("aside")).unwrap();
    std::os::unix::fs::symlink(raw.with_extension("aside"), &raw).unwrap();
    let mut service = Service::of(home);
    service.told("READY=1");
    service.told_when(|service| service.ask("/api/status").contains("\"unread\":1"));
    let status = service.home.grind(&["status"]);
    let words = "What is stored of 1 book cannot be read";
    assert!(status.out.contains(words), "{}", status.out);
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
}
