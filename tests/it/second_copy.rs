//! Each stored book is copied to the second place, verified, and again when it is replaced; no book waits for a place that is away.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use grind::grin::Barcode;
use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;

use crate::storage_s3::server::{BUCKET, KEYS, Server};
use crate::support::service::Service;
use crate::support::{Finished, Home, files};

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

fn succeeded(run: &Finished) {
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
}

fn explained(home: &Home, book: &Barcode) -> String {
    home.grind(&["explain", book.as_str()]).out
}

/// What is to be copied later is due now.
fn make_due(home: &Home, which: &str) {
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
    let ended = service.finish();
    succeeded(&ended);
    let said = |what: &str| ended.err.matches(what).count();
    assert_eq!(said("cannot be written to the second place"), 1, "{}", ended.err);
    assert!(said("finished after trouble") > 0, "{}", ended.err);
    let book = service.home.simulator.barcodes().next().unwrap();
    let story = explained(&service.home, &book);
    assert!(story.contains("Copied to the second place at "), "{story}");
}

#[test]
fn a_replaced_book_is_copied_again_and_a_damaged_one_is_not() {
    const BOOKS: u32 = 4;
    let home = in_folder(BOOKS);
    succeeded(&home.grind(&["run", "--once"]));
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();

    // Replaced, and the text is made no more: what the old version left is removed from both places.
    let (replaced, old) = (&books[0], fs::read(archive_in(&second(&home), &books[0])).unwrap());
    home.simulator.remake(replaced);
    succeeded(&home.grind(&["sync", "--barcodes", replaced.as_str()]));
    assert!(explained(&home, replaced).contains("Waits to be copied to the second place. What was copied at "));
    succeeded(&home.grind(&["run", "--once"]));
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    assert_ne!(fs::read(archive_in(&second(&home), replaced)).unwrap(), old);

    // Damaged at its source: the copy stays as it was.
    let damaged = &books[1];
    let good = fs::read(archive_in(&second(&home), damaged)).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 0x10;
    fs::write(archive_in(&home.root(), damaged), bad).unwrap();
    make_due(&home, "copied_at IS NOT NULL");
    let run = home.grind(&["run", "--once"]);
    assert!(run.err.contains("a stored object is not sound"), "{}", run.err);
    assert_eq!(fs::read(archive_in(&second(&home), damaged)).unwrap(), good);
    let checks = explained(&home, damaged);
    assert!(checks.contains("damaged"), "{checks}");
    // GRIN has it: it is fetched again, and copied once it is stored.
    succeeded(&home.grind(&["run", "--once"]));
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
    let story = explained(&home, damaged);
    assert!(story.contains("Copied to the second place at "), "{story}");
}

#[test]
fn books_from_before_there_was_a_second_copy_are_copied_and_read_there() {
    const BOOKS: u32 = 2;
    let home = in_folder(BOOKS);
    let dropin = home.folder.path().join("grind.toml.d/30-copy.toml");
    let settings = fs::read(&dropin).unwrap();
    fs::remove_file(&dropin).unwrap();
    succeeded(&home.grind(&["run", "--once"]));
    let refused = home.grind(&["storage", "ls", "--copy"]);
    assert!(refused.err.contains("there is no second copy"), "{}", refused.err);
    fs::write(&dropin, settings).unwrap();
    let checked = home.grind(&["check-config", "--connect"]);
    assert!(checked.out.contains("storage.copy.url"), "{}", checked.out);
    assert!(!second(&home).exists(), "a check leaves nothing behind");
    succeeded(&home.grind(&["run", "--once"]));
    are_the_same(&home.root(), &second(&home), BOOKS as usize);

    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let listed = home.grind(&["storage", "ls", books[0].as_str(), "--copy"]);
    assert!(
        listed.out.contains(&format!("raw/{0}/{0}.tar.gz", books[0])),
        "{}",
        listed.out
    );
    succeeded(&home.grind(&["verify", "--copy"]));
    let path = archive_in(&second(&home), &books[1]);
    let mut bad = fs::read(&path).unwrap();
    bad[100] ^= 0x10;
    fs::write(&path, bad).unwrap();
    succeeded(&home.grind(&["verify"]));
    let found = home.grind(&["verify", "--copy"]);
    assert_eq!(found.status.code(), Some(1), "{}", found.out);
    assert!(found.out.contains(books[1].as_str()) && !found.out.contains(books[0].as_str()));
    let story = explained(&home, &books[1]);
    assert!(story.contains("it was found damaged in the second place"), "{story}");
    // What is damaged there is made anew.
    succeeded(&home.grind(&["run", "--once"]));
    are_the_same(&home.root(), &second(&home), BOOKS as usize);
}

#[test]
fn the_place_of_another_library_is_refused_and_a_new_one_is_adopted_by_a_command() {
    let home = in_folder(2);
    // That of the storage itself, as where a volume was copied with its marker.
    succeeded(&home.grind(&["sync", "--barcodes", home.simulator.barcode(0).unwrap().as_str()]));
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
    succeeded(&home.grind(&["run", "--once"]));
    are_the_same(&home.root(), &second(&home), 2);

    // The volume is not mounted.
    fs::rename(second(&home), home.folder.path().join("volume")).unwrap();
    fs::create_dir(second(&home)).unwrap();
    make_due(&home, "TRUE");
    let run = home.grind(&["run", "--once"]);
    assert!(run.err.contains("its marker is missing"), "{}", run.err);
    assert!(files(&second(&home)).is_empty());
    succeeded(&home.grind(&["storage", "adopt", "--copy"]));
    succeeded(&home.grind(&["run", "--once"]));
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
