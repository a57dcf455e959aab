//! `grind verify --quick`: catalog and storage compared by listing.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::path::Path;

use crate::support::{Finished, Home};
use crate::verify::{library, library_with, lines, listed, objects_of, place};
use grind::grin::Barcode;
use grind::lab::simulator::SimulatorRequest;

fn cut_short(archive: &Path) {
    let archive = fs::File::options().write(true).open(archive).unwrap();
    archive.set_len(100).unwrap();
}

/// The catalog knows nothing of what is stored of this book.
fn lose(home: &Home, book: &Barcode) {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let forget = "UPDATE books SET sync_timestamp = NULL, storage_path = NULL, sha256 = NULL, state = 'available' \
                  WHERE barcode = ?1";
    assert_eq!(catalog.execute(forget, [book.as_str()]).unwrap(), 1);
}

/// What one book each of a library lacks, and one that the catalog has lost.
struct SpoiledLibrary {
    home: Home,
    gone: Barcode,
    cut: Barcode,
    bare: Barcode,
    lost: Barcode,
    mute: Barcode,
}

impl SpoiledLibrary {
    /// Gone, cut, without a manifest, without its text, foreign, and one that the catalog has lost.
    fn of(home: Home) -> Self {
        let books: Vec<Barcode> = home.simulator.barcodes().collect();
        let [gone, cut, bare, lost, mute] = [0, 1, 2, 3, 4].map(|at| books[at].clone());
        fs::remove_file(place(&home, &text_of(&mute))).unwrap();
        fs::remove_file(home.raw(&gone)).unwrap();
        cut_short(&home.raw(&cut));
        fs::remove_file(place(&home, &format!("meta/{bare}.json"))).unwrap();
        fs::write(place(&home, "raw/foreign.bin"), "x").unwrap();
        lose(&home, &lost);
        Self {
            home,
            gone,
            cut,
            bare,
            lost,
            mute,
        }
    }

    /// Outcome and object of each finding, but of those of the book that the catalog has lost.
    fn findings(&self) -> Vec<(String, String)> {
        let raw = |barcode: &Barcode| format!("raw/{barcode}/{barcode}.tar.gz");
        let pair = |outcome: &str, key: String| (outcome.to_owned(), key);
        let mut found = vec![
            pair("damaged", raw(&self.cut)),
            pair("missing", raw(&self.gone)),
            pair("missing", format!("meta/{}.json", self.bare)),
            pair("missing", text_of(&self.mute)),
            pair("unknown", "raw/foreign.bin".to_owned()),
        ];
        found.sort();
        found
    }

    fn quick(&self, more: &[&str]) -> Finished {
        self.home.grind(&[&["verify", "--quick", "--json"], more].concat())
    }
}

fn text_of(barcode: &Barcode) -> String {
    format!("full/{barcode}_ocr.jsonl.gz")
}

#[test]
fn catalog_and_storage_are_compared_both_ways() {
    let home = library(12);
    let good = home.grind(&["verify", "--quick", "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}\n{}", good.out, good.err);
    let (findings, summary) = lines(&good);
    assert_eq!((findings.len(), &summary["books"]), (0, &12.into()));
    let spoiled = SpoiledLibrary::of(home);
    let mut expected = spoiled.findings();
    let of_lost = objects_of(&spoiled.home, &spoiled.lost).into_iter();
    expected.extend(of_lost.map(|key| ("unknown".to_owned(), key)));
    expected.sort();
    let bad = spoiled.quick(&[]);
    assert_eq!(bad.status.code(), Some(1), "{}\n{}", bad.out, bad.err);
    assert_eq!(listed(&bad), expected);
}

#[test]
fn the_catalog_is_mended_without_an_object_removed() {
    let spoiled = SpoiledLibrary::of(library(12));
    let SpoiledLibrary {
        home,
        gone,
        cut,
        bare,
        lost,
        mute,
    } = &spoiled;
    let (text, quick) = (text_of(mute), |more: &[&str]| spoiled.quick(more));
    let before = crate::support::files(&home.root()).len();
    let mended = quick(&["--repair"]);
    assert_eq!(mended.status.code(), Some(1), "{}", mended.err);
    let (findings, summary) = lines(&mended);
    let counted = |name: &str| summary[name].as_u64().unwrap();
    let repairs = ["repaired", "recorded", "fetched_again", "made_anew"].map(counted);
    assert_eq!(repairs, [4, 1, 1, 2], "{}", mended.out);
    let found = ["ok", "missing", "missing_archives", "damaged", "unknown"].map(counted);
    assert_eq!(found, [7, 3, 1, 1, 1], "{}", mended.out);
    let told = |key: &str| findings.iter().find(|finding| finding["key"] == key).unwrap();
    assert_eq!(
        (&told(&text)["part"], &told(&text)["repair"]),
        (&"companion".into(), &"made_anew".into())
    );
    let of_lost = findings.iter().filter(|finding| finding["barcode"] == lost.as_str());
    assert_eq!(
        of_lost.count(),
        1,
        "what belongs to a book that is recorded is known: {}",
        mended.out
    );
    assert_eq!(crate::support::files(&home.root()).len(), before, "nothing is removed");
    let states = crate::support::states(home);
    let state = |barcode: &Barcode| states[barcode.as_str()].0.as_str();
    assert_eq!(
        [state(gone), state(lost), state(cut), state(bare), state(mute)],
        ["available", "stored", "stored", "available", "available"]
    );

    // What is gone is fetched again, and what is missing beside an archive is made anew from it; what is left needs a person.
    let fetched = home.simulator.stats().count(SimulatorRequest::Get);
    let sync = home.grind(&["sync"]);
    assert!(sync.status.success(), "{}", sync.err);
    let mut expected = spoiled.findings();
    expected.retain(|(outcome, _)| outcome != "missing");
    assert_eq!(listed(&quick(&[])), expected);
    home.text_is_right(mute);
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), fetched + 1);
}

#[test]
fn what_is_missing_or_of_another_size_beside_an_archive_is_found_and_what_can_be_made_is_made_anew() {
    let home = library_with(6, "[archive]\nkeep_encrypted = true\ntext_by_page = true\n");
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let good = home.grind(&["verify", "--quick", "--json"]);
    assert_eq!(listed(&good), []);
    let names = [
        format!("raw/{0}/{0}.tar.gz.gpg", books[0]),
        format!("meta/{}_members.json.gz", books[1]),
        format!("full/{}_pages.jsonl.gz", books[2]),
    ];
    for name in &names {
        fs::remove_file(place(&home, name)).unwrap();
    }
    let empty = text_of(&books[3]);
    fs::write(place(&home, &empty), "").unwrap();
    let mut expected: Vec<_> = names.iter().map(|name| ("missing".to_owned(), name.clone())).collect();
    expected.push(("damaged".to_owned(), empty));
    expected.sort();
    let found = home.grind(&["verify", "--quick", "--json"]);
    assert_eq!(found.status.code(), Some(1), "{}", found.out);
    assert_eq!(listed(&found), expected);

    let (_, summary) = lines(&home.grind(&["verify", "--quick", "--repair", "--json"]));
    assert_eq!(summary["made_anew"], 3, "GRIN alone has what it sent: {summary}");
    let sync = home.grind(&["sync"]);
    assert!(sync.status.success(), "{}", sync.err);
    assert_eq!(
        listed(&home.grind(&["verify", "--quick", "--json"])),
        [("missing".to_owned(), names[0].clone())]
    );
    home.text_is_right(&books[3]);
}

#[test]
fn files_that_no_object_can_be_are_told_in_bounds_and_stay() {
    let home = library(2);
    let book = home.simulator.barcode(0).unwrap();
    let odd = format!("raw/{book}/{book} (copy).tar.gz");
    fs::write(place(&home, &odd), "x").unwrap();
    fs::write(place(&home, "meta/.hidden"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", place(&home, "full/link")).unwrap();
    fs::create_dir(place(&home, "od\u{1b}d")).unwrap();
    fs::write(place(&home, "od\u{1b}d/x"), "x").unwrap();
    // Those of file systems are none of the library's.
    for folder in ["lost+found", ".snapshot"] {
        fs::create_dir(place(&home, folder)).unwrap();
    }
    let before = crate::support::files(&home.root());
    let names = ["full/link", "meta/.hidden", "od\u{1b}d/", &odd];
    let expected = names.map(|name| ("unknown".to_owned(), name.to_owned()));
    let told = home.grind(&["verify", "--quick", "--repair", "--json"]);
    assert_eq!(
        (told.status.code(), listed(&told)),
        (Some(1), expected.to_vec()),
        "{}",
        told.err
    );
    assert_eq!(lines(&told).1["no_objects"], 4);
    let words = home.grind(&["verify", "--quick"]).out;
    assert!(words.contains("2 books ok") && !words.contains('\u{1b}'), "{words}");

    for number in 0..150 {
        fs::write(place(&home, &format!("raw/a file {number}")), "x").unwrap();
    }
    let told = home.grind(&["verify", "--quick", "--json"]);
    assert_eq!((listed(&told).len(), &lines(&told).1["no_objects"]), (100, &154.into()));
    assert_eq!(
        crate::support::files(&home.root()).len(),
        before.len() + 150,
        "nothing is removed"
    );
}

#[test]
fn an_object_that_cannot_be_looked_at_keeps_no_other_book_from_being_compared() {
    let home = library(8);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let raw = |barcode: &Barcode| format!("raw/{barcode}/{barcode}.tar.gz");
    let manifest = |barcode: &Barcode| format!("meta/{barcode}.json");
    for odd in [raw(&books[0]), manifest(&books[1]), text_of(&books[2])] {
        let odd = place(&home, &odd);
        let aside = odd.with_extension("aside");
        fs::rename(&odd, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, &odd).unwrap();
    }
    fs::write(place(&home, &manifest(&books[3])), "").unwrap();
    fs::remove_file(place(&home, &raw(&books[4]))).unwrap();
    let pair = |outcome: &str, key: String| (outcome.to_owned(), key);
    let mut expected = vec![
        pair("could_not_check", raw(&books[0])),
        pair("could_not_check", manifest(&books[1])),
        pair("could_not_check", text_of(&books[2])),
        pair("damaged", manifest(&books[3])),
        pair("missing", raw(&books[4])),
    ];
    expected.sort();
    let of_books = |ran: &Finished| {
        let mut found = listed(ran);
        found.retain(|(outcome, _)| outcome != "unknown");
        found
    };
    assert_eq!(of_books(&home.grind(&["verify", "--quick", "--json"])), expected);
    let mended = home.grind(&["verify", "--quick", "--repair", "--json"]);
    let (_, summary) = lines(&mended);
    let repairs = ["ok", "repaired", "fetched_again", "made_anew"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(repairs, [3, 2, 1, 1], "{}", mended.out);
    let sync = home.grind(&["sync"]);
    assert!(sync.status.success(), "{}", sync.err);
    expected.retain(|(outcome, _)| outcome == "could_not_check");
    assert_eq!(of_books(&home.grind(&["verify", "--quick", "--json"])), expected);
}
