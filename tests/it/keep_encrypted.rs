//! The archive as GRIN sent it, kept beside the decrypted one.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::service::Service;
use crate::support::{Home, sha256, states};
use crate::verify::flip;
use grind::archive::BookManifest;
use grind::grin::Barcode;
use grind::lab::simulator::{SimulatedState, SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;

const KEEP: &str = "[archive]\nkeep_encrypted = true\n[work]\nqueues = [\"converted\", \"changed\"]\n";

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 3,
        image_bytes: 500,
        s2k_count: 1_024,
        ..SimulatorConfig::default()
    }
}

fn encrypted(home: &Home, book: &Barcode) -> PathBuf {
    home.raw(book).with_file_name(format!("{book}.tar.gz.gpg"))
}

/// Size and SHA-256 that the manifest has of the encrypted archive.
fn named(home: &Home, book: &Barcode) -> Option<(u64, String)> {
    let text = fs::read(home.root().join(format!("meta/{book}.json"))).unwrap();
    let manifest: BookManifest = serde_json::from_slice(&text).unwrap();
    let mut companions = manifest.companions.into_iter();
    let found = companions.find(|companion| companion.key == format!("raw/{book}/{book}.tar.gz.gpg"))?;
    Some((found.bytes, found.sha256))
}

/// The file is what GRIN holds now, and the manifest names it.
fn is_what_grin_sent(home: &Home, book: &Barcode) {
    let (file, truth) = (encrypted(home, book), home.simulator.truth(book).unwrap());
    assert_eq!(named(home, book), Some((truth.encrypted_bytes, sha256(&file))));
    assert_eq!(fs::metadata(&file).unwrap().len(), truth.encrypted_bytes);
    assert_eq!(decrypted(home, &file), truth.sha256, "{book}");
}

/// The SHA-256 of what is in it.
fn decrypted(home: &Home, file: &Path) -> String {
    let config = fs::read_to_string(&home.config).unwrap();
    let line = config
        .lines()
        .find(|line| line.trim_start().starts_with("passphrase_file"));
    let passphrase = line.unwrap().split('"').nth(1).unwrap().to_owned();
    let passphrase = home.folder.path().join(passphrase);
    let parsed = std::process::Command::new(env!("CARGO_BIN_EXE_grind"))
        .args(["parse", "archive", file.to_str().unwrap(), "--passphrase-file"])
        .arg(passphrase)
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&parsed.stdout).unwrap();
    said["sha256"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_archive_as_it_was_sent_is_stored_listed_verified_and_removed_with_its_book() {
    let home = Home::new(library(2), KEEP);
    home.done(&["run", "--once"]);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    books.iter().for_each(|book| is_what_grin_sent(&home, book));
    home.nothing_is_left_over();
    let book = &books[0];
    let listed = home.done(&["storage", "ls", book.as_str()]);
    assert!(
        listed.out.contains(&format!("raw/{book}/{book}.tar.gz.gpg")),
        "{}",
        listed.out
    );
    let copy = home.folder.path().join("copy.gpg");
    let output = copy.to_str().unwrap();
    home.done(&[
        "storage",
        "get",
        book.as_str(),
        "--part",
        "encrypted",
        "--output",
        output,
    ]);
    assert_eq!(sha256(&copy), sha256(&encrypted(&home, book)));
    home.done(&["verify"]);
    home.done(&["verify", "--quick"]);

    let mut bytes = fs::read(encrypted(&home, book)).unwrap();
    bytes[40] ^= 1;
    fs::write(encrypted(&home, book), bytes).unwrap();
    let damaged = home.grind(&["verify", book.as_str()]);
    assert_eq!(damaged.status.code(), Some(1), "{}", damaged.out);
    home.done(&["storage", "rm", books[1].as_str(), "--yes"]);
    assert!(!encrypted(&home, &books[1]).exists());
}

#[test]
fn it_is_replaced_with_its_archive_and_goes_where_it_is_not_kept_any_more() {
    let home = Home::new(library(1), KEEP);
    let book = home.simulator.barcode(0).unwrap();
    home.done(&["run", "--once"]);
    let first = sha256(&encrypted(&home, &book));
    home.convert_anew(&book);
    home.done(&["run", "--once"]);
    is_what_grin_sent(&home, &book);
    assert_ne!(sha256(&encrypted(&home, &book)), first);

    // What is made anew from the archive leaves it where it is.
    fs::remove_file(home.root().join(format!("full/{book}_ocr.jsonl.gz"))).unwrap();
    home.grind(&["verify", "--quick", "--repair"]);
    home.done(&["verify"]);
    is_what_grin_sent(&home, &book);

    let without = KEEP.replace("true", "false");
    fs::write(home.folder.path().join("grind.toml.d/20-test.toml"), without).unwrap();
    home.convert_anew(&book);
    home.done(&["run", "--once"]);
    assert_eq!(sha256(&home.raw(&book)), home.simulator.truth(&book).unwrap().sha256);
    assert!(!encrypted(&home, &book).exists(), "it is of another version");
    assert_eq!(named(&home, &book), None);
}

#[test]
fn where_it_is_lost_or_damaged_the_archive_is_fetched_once_more_and_stays_stored_meanwhile() {
    const BOOKS: u32 = 4;
    let home = Home::new(library(BOOKS), &[KEEP, "[fixity]\nreread_every = \"1s\"\n"].concat());
    home.done(&["run", "--once"]);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let [lost, damaged, gone, _] = &books[..] else {
        unreachable!()
    };
    let archives: Vec<_> = books.iter().map(|book| fs::read(home.raw(book)).unwrap()).collect();
    for book in [lost, gone] {
        fs::remove_file(encrypted(&home, book)).unwrap();
    }
    flip(&encrypted(&home, damaged), 50);
    fs::remove_file(home.root().join(format!("full/{lost}_ocr.jsonl.gz"))).unwrap();
    // GRIN has it no more.
    home.simulator.set_state(gone, SimulatedState::NotAvailable);
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let sql = "UPDATE books SET listed_converted = 0 WHERE barcode = ?1";
    catalog.execute(sql, [gone.as_str()]).unwrap();
    let (was_named, fetched) = (named(&home, gone), home.simulator.stats().count(SimulatorRequest::Get));
    assert!(was_named.is_some());

    let mut service = Service::of(home);
    let is_whole = |home: &Home, book: &Barcode| {
        let file = encrypted(home, book);
        file.is_file() && named(home, book).is_some_and(|(_, digest)| digest == sha256(&file))
    };
    service.told_when(|service| {
        let are_stored = states(&service.home).values().all(|(state, _)| state == "stored");
        [lost, damaged].iter().all(|book| is_whole(&service.home, book)) && are_stored
    });
    service.signal(Signal::TERM);
    let ended = service.finish().succeeded();
    assert!(ended.err.contains("the archive is fetched once more"), "{}", ended.err);
    let home = &service.home;
    for book in [lost, damaged] {
        is_what_grin_sent(home, book);
    }
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), fetched + 2);
    for (book, archive) in books.iter().zip(archives) {
        assert!(fs::read(home.raw(book)).unwrap() == archive, "{book}");
    }
    // It is told each time, and the manifest goes on naming it.
    assert_eq!(named(home, gone), was_named);
    let verified = home.grind(&["verify"]);
    assert_eq!(verified.status.code(), Some(1), "{}", verified.out);
    let said = |book: &Barcode| verified.out.contains(book.as_str());
    assert!(said(gone) && !said(lost) && !said(damaged), "{}", verified.out);
}

#[test]
fn an_archive_that_is_lost_or_damaged_is_made_again_from_what_grin_sent() {
    let home = Home::new(library(3), &[KEEP, "[fixity]\nreread_every = \"1s\"\n"].concat());
    home.done(&["run", "--once"]);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let [lost, damaged, _] = &books[..] else { unreachable!() };
    let archives: Vec<_> = books.iter().map(|book| fs::read(home.raw(book)).unwrap()).collect();
    fs::remove_file(home.raw(lost)).unwrap();
    flip(&home.raw(damaged), 100);
    let fetched = home.simulator.stats().count(SimulatorRequest::Get);

    let mut service = Service::of(home);
    service.told_when(|service| {
        let is_whole = |(book, archive): (&Barcode, &Vec<u8>)| {
            fs::read(service.home.raw(book)).is_ok_and(|found| found == *archive)
        };
        books.iter().zip(&archives).all(is_whole)
    });
    // One after another is read: with the next one the last of them was seen to.
    let sound = |service: &Service| {
        let page = service.ask("/metrics");
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("grind_fixity_checks_total{outcome=\"ok\"} "));
        line.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let so_far = sound(&service);
    service.told_when(|service| sound(service) > so_far);
    service.signal(Signal::TERM);
    let ended = service.finish().succeeded();
    let told = ended.err.matches("decrypted from what GRIN sent").count();
    assert_eq!(told, 2, "{}", ended.err);
    let home = &service.home;
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), fetched);
    books.iter().for_each(|book| is_what_grin_sent(home, book));
    assert_eq!(
        fs::read_dir(home.root().join(format!("quarantine/{damaged}")))
            .unwrap()
            .count(),
        2
    );
    assert!(!home.root().join(format!("quarantine/{lost}")).exists());
    home.done(&["verify"]);
}
