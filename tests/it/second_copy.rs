//! Each stored book is copied to the second place, verified, and again when it is replaced; no book waits for a place that is away.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use grind::grin::Barcode;
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;

use crate::storage_s3::server::{BUCKET, KEYS, Server};
use crate::support::service::Service;
use crate::support::{Home, files};
use crate::verify::flip;

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 3,
        image_bytes: 2_000,
        ..SimulatorConfig::default()
    }
}

/// A second copy in a folder beside the library.
fn in_folder(books: u32) -> Home {
    let home = Home::new(library(books), "[work]\nqueues = [\"all\"]\n");
    let dropin = home.folder.path().join("grind.toml.d/30-copy.toml");
    let place = second(&home).display().to_string();
    fs::write(
        dropin,
        format!("[storage.copy]\nurl = \"file://{place}\"\ndisk_reserve = \"0%\"\n"),
    )
    .unwrap();
    home
}

fn second(home: &Home) -> PathBuf {
    home.folder.path().join("second")
}

/// Every object of a book in a place, by its name; not the marker, nor copies of the catalog, nor what is in quarantine.
fn books_in(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_owned();
    let is_of_book = |name: &Path| {
        let text = name.to_string_lossy();
        let is_catalog = text.starts_with("meta/catalog-") || text.starts_with("meta/books_export");
        ["raw/", "full/", "meta/"].iter().any(|folder| text.starts_with(folder)) && !is_catalog
    };
    let there = files(root).into_iter().map(|path| (name(&path), path));
    there
        .filter(|(name, _)| is_of_book(name))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect()
}

/// Byte for byte the same objects; five of each book.
fn are_the_same(main: &Path, copy: &Path, books: usize) {
    let (main, copy) = (books_in(main), books_in(copy));
    assert_eq!(
        main.keys().collect::<Vec<_>>(),
        copy.keys().collect::<Vec<_>>(),
        "the same names"
    );
    assert_eq!(main.len(), 5 * books);
    for (name, bytes) in &main {
        assert!(copy[name] == *bytes, "{} differs", name.display());
    }
}

fn explained(home: &Home, book: &Barcode) -> String {
    home.grind(&["explain", book.as_str()]).out
}

/// What is to be copied later is due now.
pub fn make_due(home: &Home, which: &str) {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let sql = format!("UPDATE second_copies SET due_at = '2000-01-01T00:00:00.000Z' WHERE {which}");
    catalog.execute(&sql, []).unwrap();
}

fn archive_in(root: &Path, book: &Barcode) -> PathBuf {
    root.join(format!("raw/{book}/{book}.tar.gz"))
}

#[test]
fn books_are_stored_while_the_second_place_is_away_and_copied_once_it_is_back() {
    const BOOKS: u32 = 20;
    let server = Server::start();
    let (is_away, puts) = (Arc::new(AtomicBool::new(true)), AtomicU32::new(0));
    let cut = Arc::clone(&is_away);
    // In the midst of the copying; requests that read, too.
    server.fault(move |request| {
        let is_put = request.starts_with("PUT") && request.contains("library/");
        let count = puts.fetch_add(u32::from(is_put), Ordering::Relaxed);
        (count >= 30 && cut.load(Ordering::Relaxed)).then_some(403)
    });
    let settings = server
        .settings()
        .replace("[storage]", "[storage.copy]\ndisk_reserve = \"0%\"");
    let home = Home::new(library(BOOKS), &settings);
    let mut service = Service::with(home, &KEYS);
    service.told_when(|service| {
        // It answers once it has begun.
        service.home.whole_books().len() == BOOKS as usize && {
            let status = service.ask("/api/status");
            status.contains("not finished: cannot be written to the second place")
                || status.contains("not finished: the second place")
                || status.contains("not finished: cannot be read from")
        }
    });
    let bucket = server.root.path().join(BUCKET).join("library");
    let cut_off = books_in(&bucket).len();
    assert!(cut_off > 0 && cut_off < 5 * BOOKS as usize, "{cut_off}");
    is_away.store(false, Ordering::Relaxed);
    let lines = [
        format!("grind_second_copy_books{{state=\"copied\"}} {BOOKS}"),
        "grind_second_copy_books{state=\"waiting\"} 0".to_owned(),
        "grind_second_copy_books{state=\"failed\"} 0".to_owned(),
    ];
    service.told_when(|service| {
        let metrics = service.ask("/metrics");
        lines.iter().all(|line| metrics.contains(line))
    });
    are_the_same(&service.home.root(), &bucket, BOOKS as usize);
    service.signal(Signal::TERM);
    let ended = service.finish().succeeded();
    let said = |what: &str| ended.err.matches(what).count();
    assert_eq!(said(" why=\"cannot be written to the second place"), 1, "{}", ended.err);
    assert!(said("finished after trouble") > 0, "{}", ended.err);
    let book = service.home.simulator.barcodes().next().unwrap();
    let story = explained(&service.home, &book);
    assert!(story.contains("Copied to the second place at "), "{story}");
}

#[test]
fn a_replaced_book_is_copied_again_and_a_damaged_one_is_not() {
    const BOOKS: u32 = 4;
    let home = in_folder(BOOKS);
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();

    // Replaced, and the text is made no more: what the old version left is removed from both places.
    let (replaced, old) = (&books[0], fs::read(archive_in(&second(&home), &books[0])).unwrap());
    home.simulator.remake(replaced);
    home.done(&["sync", "--barcodes", replaced.as_str()]);
    assert!(explained(&home, replaced).contains("Waits to be copied to the second place. What was copied at "));
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    assert_ne!(fs::read(archive_in(&second(&home), replaced)).unwrap(), old);

    // Damaged at its source: the copy stays as it was, and is what the storage gets.
    let (damaged, asked) = (&books[1], home.simulator.stats().count(SimulatorRequest::Get));
    let good = fs::read(archive_in(&second(&home), damaged)).unwrap();
    flip(&archive_in(&home.root(), damaged), 100);
    make_due(&home, "copied_at IS NOT NULL");
    let run = home.done(&["run", "--once"]);
    assert!(run.err.contains("a stored object is not sound"), "{}", run.err);
    assert_eq!(fs::read(archive_in(&second(&home), damaged)).unwrap(), good);
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::Get),
        asked,
        "GRIN is not asked"
    );
    assert_eq!(
        in_quarantine(&home, damaged).len(),
        2,
        "the damaged one and its findings"
    );
    let story = explained(&home, damaged);
    assert!(story.contains("damaged"), "{story}");
    assert!(story.contains("Copied to the second place at "), "{story}");

    // Where the copy is damaged as well, GRIN is.
    let lost = &books[2];
    for root in [home.root(), second(&home)] {
        flip(&archive_in(&root, lost), 200);
    }
    make_due(&home, "copied_at IS NOT NULL");
    home.grind(&["run", "--once"]);
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    home.whole_books();
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), asked + 1);
}

fn in_quarantine(home: &Home, book: &Barcode) -> Vec<PathBuf> {
    files(&home.root().join(format!("quarantine/{book}")))
}

#[test]
fn each_object_that_is_damaged_or_missing_is_taken_from_the_second_copy() {
    const BOOKS: u32 = 8;
    let home = in_folder(BOOKS);
    let more = "[archive]\nkeep_encrypted = true\ntext_by_page = true\n";
    fs::write(home.folder.path().join("grind.toml.d/40-more.toml"), more).unwrap();
    home.done(&["run", "--once"]);
    let (before, asked) = (
        books_in(&home.root()),
        home.simulator.stats().count(SimulatorRequest::Get),
    );
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let objects = |book: &Barcode| {
        [
            format!("raw/{book}/{book}.tar.gz"),
            format!("raw/{book}/{book}.tar.gz.gpg"),
            format!("full/{book}_ocr.jsonl.gz"),
            format!("meta/{book}.json"),
        ]
        .map(|name| home.root().join(name))
    };
    let [_, encrypted, text, manifest] = objects(&books[0]);
    fs::remove_file(encrypted).unwrap();
    flip(&text, 9);
    fs::remove_file(&manifest).unwrap();
    let [archive, ..] = objects(&books[1]);
    fs::remove_file(archive).unwrap();
    let [archive, encrypted, ..] = objects(&books[2]);
    [archive, encrypted].iter().for_each(|path| flip(path, 50));
    let [.., manifest] = objects(&books[3]);
    fs::write(manifest, "{}").unwrap();
    let [_, encrypted, ..] = objects(&books[4]);
    flip(&encrypted, 50);
    let [.., manifest] = objects(&books[7]);
    flip(&manifest, 300);
    objects(&books[5])
        .iter()
        .for_each(|path| fs::remove_file(path).unwrap());

    make_due(&home, "TRUE");
    home.done(&["run", "--once"]);
    assert!(books_in(&home.root()) == before, "every object is what it was");
    assert!(books_in(&second(&home)) == before, "and so is its copy");
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::Get),
        asked,
        "GRIN is not asked"
    );
    home.done(&["verify", "--deep"]);
    home.done(&["verify", "--quick"]);
    assert_eq!(in_quarantine(&home, &books[2]).len(), 2);
    assert_eq!(in_quarantine(&home, &books[6]).len(), 0);
}

#[test]
fn what_is_damaged_waits_for_a_second_place_that_is_away_and_grin_is_not_asked() {
    let home = in_folder(2);
    home.done(&["run", "--once"]);
    let asked = home.simulator.stats().count(SimulatorRequest::Get);
    let (book, away) = (home.simulator.barcode(0).unwrap(), home.folder.path().join("volume"));
    let raw = home.raw(&book);
    flip(&raw, 100);
    let damaged = fs::read(&raw).unwrap();
    // The volume is not mounted: its folder is empty.
    fs::rename(second(&home), &away).unwrap();
    fs::create_dir(second(&home)).unwrap();
    let dropin = home.folder.path().join("grind.toml.d/40-more.toml");
    fs::write(dropin, "[fixity]\nreread_every = \"1s\"\n").unwrap();
    let mut service = Service::of(home);
    let is_found_twice = |line: &str| {
        let count = line.strip_prefix("grind_fixity_checks_total{outcome=\"damaged\"} ");
        count.is_some_and(|count| count.parse::<u32>().unwrap() >= 2)
    };
    service.told("READY=1");
    service.told_when(|service| service.ask("/metrics").lines().any(is_found_twice));
    assert!(fs::read(&raw).unwrap() == damaged, "it stays where it is");
    fs::remove_dir_all(second(&service.home)).unwrap();
    fs::rename(&away, second(&service.home)).unwrap();
    service.told_when(|_| fs::read(&raw).is_ok_and(|now| now != damaged));
    service.signal(Signal::TERM);
    let ended = service.finish().succeeded();
    assert!(ended.err.contains("it is tried again later"), "{}", ended.err);
    let home = &service.home;
    let now = home.simulator.stats().count(SimulatorRequest::Get);
    assert_eq!((now, in_quarantine(home, &book).len()), (asked, 2), "GRIN is not asked");
    are_the_same(&home.root(), &second(home), 2);
}

#[test]
fn a_second_copy_takes_the_place_of_a_storage_that_is_lost() {
    const BOOKS: u32 = 3;
    let home = in_folder(BOOKS);
    home.done(&["run", "--once"]);
    let (held, asked) = (
        books_in(&second(&home)),
        home.simulator.stats().count(SimulatorRequest::Get),
    );
    fs::remove_dir_all(home.root()).unwrap();
    let dropin = home.folder.path().join("grind.toml.d/30-copy.toml");
    let promoted = format!("[storage]\nurl = \"file://{}\"\n", second(&home).display());
    fs::write(&dropin, &promoted).unwrap();
    let refused = home.grind(&["run", "--once"]);
    assert!(refused.err.contains("grind storage adopt"), "{}", refused.err);
    home.done(&["storage", "adopt"]);
    home.done(&["verify"]);
    home.done(&["verify", "--quick"]);
    home.done(&["run", "--once"]);
    assert!(books_in(&second(&home)) == held);
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::Get),
        asked,
        "nothing is fetched again"
    );

    // It gets a second copy of its own.
    let third = home.folder.path().join("third");
    let with_copy = format!(
        "{promoted}[storage.copy]\nurl = \"file://{}\"\ndisk_reserve = \"0%\"\n",
        third.display()
    );
    fs::write(&dropin, with_copy).unwrap();
    home.done(&["run", "--once"]);
    are_the_same(&second(&home), &third, BOOKS as usize);
}

#[test]
fn books_from_before_there_was_a_second_copy_are_copied_and_read_there() {
    const BOOKS: u32 = 2;
    let home = in_folder(BOOKS);
    let dropin = home.folder.path().join("grind.toml.d/30-copy.toml");
    let settings = fs::read(&dropin).unwrap();
    fs::remove_file(&dropin).unwrap();
    home.done(&["run", "--once"]);
    let refused = home.grind(&["storage", "ls", "--copy"]);
    assert!(refused.err.contains("there is no second copy"), "{}", refused.err);
    fs::write(&dropin, settings).unwrap();
    let checked = home.grind(&["check-config", "--connect"]);
    assert!(checked.out.contains("storage.copy.url"), "{}", checked.out);
    assert!(!second(&home).exists(), "a check leaves nothing behind");
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), BOOKS as usize);

    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let listed = home.grind(&["storage", "ls", books[0].as_str(), "--copy"]);
    assert!(
        listed.out.contains(&format!("raw/{0}/{0}.tar.gz", books[0])),
        "{}",
        listed.out
    );
    home.done(&["verify", "--copy"]);
    flip(&archive_in(&second(&home), &books[1]), 100);
    home.done(&["verify"]);
    let found = home.grind(&["verify", "--copy"]);
    assert_eq!(found.status.code(), Some(1), "{}", found.out);
    assert!(found.out.contains(books[1].as_str()) && !found.out.contains(books[0].as_str()));
    let story = explained(&home, &books[1]);
    assert!(story.contains("it was found damaged in the second place"), "{story}");
    // What is damaged there is made anew.
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
}

#[test]
fn the_place_of_another_library_is_refused_and_a_new_one_is_adopted_by_a_command() {
    let home = in_folder(2);
    // That of the storage itself, as where a volume was copied with its marker.
    home.done(&["sync", "--barcodes", home.simulator.barcode(0).unwrap().as_str()]);
    fs::create_dir(second(&home)).unwrap();
    let marker = "grind-storage.json";
    fs::copy(home.root().join(marker), second(&home).join(marker)).unwrap();
    let run = home.grind(&["run", "--once"]);
    assert_eq!(home.whole_books().len(), 2, "the books are stored all the same");
    assert!(
        run.err.contains("the marker of the catalog's other storage"),
        "{}",
        run.err
    );
    assert!(books_in(&second(&home)).is_empty());
    fs::remove_file(second(&home).join(marker)).unwrap();
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), 2);

    // The volume is not mounted.
    fs::rename(second(&home), home.folder.path().join("volume")).unwrap();
    fs::create_dir(second(&home)).unwrap();
    make_due(&home, "TRUE");
    let run = home.grind(&["run", "--once"]);
    assert!(run.err.contains("its marker is missing"), "{}", run.err);
    assert!(files(&second(&home)).is_empty());
    home.done(&["storage", "adopt", "--copy"]);
    home.done(&["run", "--once"]);
    are_the_same(&home.root(), &second(&home), 2);

    let dropin = home.folder.path().join("grind.toml.d/30-copy.toml");
    let same = format!("[storage.copy]\nurl = \"file://{}/more\"\n", home.root().display());
    fs::write(dropin, same).unwrap();
    let checked = home.grind(&["check-config"]);
    assert_eq!(checked.status.code(), Some(78), "{}", checked.out);
    let said = checked.out + &checked.err;
    assert!(
        said.contains("storage.copy.url") && said.contains("is the place of storage.url"),
        "{said}"
    );
}
