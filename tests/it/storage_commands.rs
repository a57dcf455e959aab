//! The commands on the storage, and books whose archives are not where the layout would put them.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;

use crate::support::service::Service;
use crate::support::{Finished, Home};
use crate::verify::{flip, library, library_with, lines, objects_of, place};
use grind::grin::Barcode;
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn the_storage_is_looked_into_and_a_book_is_removed_only_by_its_whole_name_and_when_it_is_meant() {
    let home = library(3);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let all = home.grind(&["storage", "ls"]);
    let keys: Vec<&str> = all.out.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(keys.len(), crate::support::files(&home.root()).len(), "{}", all.out);
    let of_book = home.grind(&["storage", "ls", books[0].as_str(), "--json"]);
    assert!(
        of_book.out.contains(&format!("raw/{}/{}.tar.gz", books[0], books[0])),
        "{}",
        of_book.out
    );
    assert!(!of_book.out.contains(books[1].as_str()), "{}", of_book.out);

    let into = home.folder.path().join("one.tar.gz");
    let get = |barcode: &Barcode| home.grind(&["storage", "get", barcode.as_str(), "--output", into.to_str().unwrap()]);
    let got = get(&books[0]);
    assert!(got.status.success(), "{}", got.err);
    assert_eq!(
        crate::support::sha256(&into),
        home.simulator.truth(&books[0]).unwrap().sha256
    );
    flip(&home.raw(&books[1]), 20);
    fs::remove_file(&into).unwrap();
    let damaged = get(&books[1]);
    assert_eq!(damaged.status.code(), Some(1), "{}", damaged.err);
    assert!(damaged.err.contains("is damaged") && !into.exists(), "{}", damaged.err);

    let before = crate::support::files(&home.root());
    let cut = &books[0].as_str()[..books[0].as_str().len() - 1];
    for (arguments, code) in [
        (&["storage", "rm", books[0].as_str()][..], 2),
        (&["storage", "rm", cut, "--yes"], 1),
        (&["storage", "rm", "raw", "--yes"], 1),
    ] {
        let refused = home.grind(arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {}", refused.err);
        assert_eq!(crate::support::files(&home.root()), before, "{arguments:?}");
    }
    let removed = home.grind(&["storage", "rm", books[0].as_str(), "--yes"]);
    assert!(removed.status.success(), "{}", removed.err);
    let left = crate::support::files(&home.root());
    assert!(left.len() < before.len() && left.iter().all(|path| !path.ends_with(format!("{}.tar.gz", books[0]))));
    assert_eq!(crate::support::states(&home)[books[0].as_str()].0, "available");
}

#[test]
fn what_is_in_quarantine_of_a_removed_book_stays_and_is_named_unless_it_is_meant_as_well() {
    let home = library(1);
    let book = home.simulator.barcode(0).unwrap();
    let remove = |more: &[&str]| home.grind(&[&["storage", "rm", book.as_str(), "--yes"], more].concat());
    let aside = home.root().join(format!("quarantine/{book}/odd.tar.gz"));
    fs::create_dir_all(aside.parent().unwrap()).unwrap();
    fs::write(&aside, "odd").unwrap();
    let removed = remove(&[]);
    assert!(removed.status.success(), "{}", removed.err);
    assert!(
        removed.out.contains("quarantine of it stays there (1)") && aside.exists(),
        "{}",
        removed.out
    );
    let again = remove(&[]);
    assert!(
        again.status.code() == Some(1) && again.err.contains("--quarantine"),
        "{}",
        again.err
    );
    let removed = remove(&["--quarantine"]);
    assert!(removed.status.success() && !aside.exists(), "{}", removed.err);
    for nothing in [book.as_str(), "raw"] {
        let listed = home.grind(&["storage", "ls", nothing]);
        assert!(
            listed.status.code() == Some(1) && listed.err.contains("ends in /"),
            "{}",
            listed.err
        );
    }
}

fn catalog(home: &Home) -> Connection {
    Connection::open(home.folder.path().join("catalog.db")).unwrap()
}

fn column(home: &Home, barcode: &Barcode, column: &str) -> Option<String> {
    let sql = format!("SELECT {column} FROM books WHERE barcode = ?1");
    catalog(home)
        .query_row(&sql, [barcode.as_str()], |row| row.get(0))
        .unwrap()
}

/// The archive lies where another program's run put it, as after `grind import`.
fn adopted(home: &Home, barcode: &Barcode) -> String {
    let path = format!("run/{barcode}.tar.gz");
    fs::create_dir_all(place(home, "run")).unwrap();
    fs::rename(home.raw(barcode), place(home, &path)).unwrap();
    fs::remove_dir(home.raw(barcode).parent().unwrap()).unwrap();
    let sql = "UPDATE books SET storage_path = ?1 WHERE barcode = ?2";
    assert_eq!(catalog(home).execute(sql, [&path, barcode.as_str()]).unwrap(), 1);
    path
}

/// The same, as after `grind import --quick`: nobody has looked into it, and nothing lies beside it.
fn adopted_unread(home: &Home, barcode: &Barcode) -> String {
    let path = adopted(home, barcode);
    for key in objects_of(home, barcode) {
        fs::remove_file(place(home, &key)).unwrap();
    }
    let sql = "UPDATE books SET sha256 = NULL, verified = NULL, page_count = NULL WHERE barcode = ?1";
    assert_eq!(catalog(home).execute(sql, [barcode.as_str()]).unwrap(), 1);
    path
}

/// Outcome and reasons of the only book of a pass.
fn only(run: &Finished) -> (String, String) {
    let (books, _) = lines(run);
    let reasons = books[0]["findings"].as_array().unwrap().iter();
    let reasons: Vec<_> = reasons.map(|finding| finding["reason"].as_str().unwrap()).collect();
    (books[0]["outcome"].as_str().unwrap().to_owned(), reasons.join(","))
}

#[test]
fn an_adopted_archive_is_found_and_removed_where_it_is() {
    let home = library(3);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let path = adopted(&home, &books[0]);
    let of_book = home.grind(&["storage", "ls", books[0].as_str()]);
    assert!(of_book.out.contains(&path), "{}", of_book.out);
    let into = home.folder.path().join("one.tar.gz");
    let got = home.grind(&["storage", "get", books[0].as_str(), "-o", into.to_str().unwrap()]);
    assert!(got.status.success(), "{}", got.err);
    assert_eq!(
        crate::support::sha256(&into),
        home.simulator.truth(&books[0]).unwrap().sha256
    );
    let quick = home.grind(&["verify", "--quick"]);
    assert_eq!(quick.status.code(), Some(0), "{}", quick.out);
    // An archive of the same book in the place of the layout is nobody's.
    fs::create_dir_all(home.raw(&books[0]).parent().unwrap()).unwrap();
    fs::copy(&into, home.raw(&books[0])).unwrap();
    let quick = home.grind(&["verify", "--quick", "--json"]);
    let (findings, _) = lines(&quick);
    let told: Vec<_> = findings
        .iter()
        .map(|finding| (&finding["outcome"], &finding["part"]))
        .collect();
    assert_eq!(
        told,
        [(&Value::from("unknown"), &Value::from("archive"))],
        "{}",
        quick.out
    );
    let removed = home.grind(&["storage", "rm", books[0].as_str(), "--yes"]);
    assert!(removed.status.success(), "{}", removed.err);
    assert!(!place(&home, &path).exists() && !home.raw(&books[0]).exists());
    assert_eq!(crate::support::states(&home)[books[0].as_str()].0, "available");
    assert_eq!(column(&home, &books[0], "claimed_by"), None);
    let story = home.grind(&["explain", books[0].as_str(), "--json"]);
    assert!(
        story.out.contains("removed") && story.out.contains(&path),
        "{}",
        story.out
    );
}

#[test]
fn nothing_is_removed_of_a_book_that_a_worker_has() {
    let home = library(2);
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let claim = "UPDATE books SET resume_state = state, state = 'checking', claimed_by = 'other:1', claim_fence = 7, \
                 lease_until = '2999-01-01T00:00:00.000Z', lease_from = 0, lease_to = 9000000000000 WHERE barcode = ?1";
    assert_eq!(catalog(&home).execute(claim, [books[0].as_str()]).unwrap(), 1);
    let before = crate::support::files(&home.root());
    let refused = home.grind(&["storage", "rm", books[0].as_str(), "--yes"]);
    assert_eq!(refused.status.code(), Some(69), "{}", refused.err);
    assert!(refused.err.contains("is being worked on"), "{}", refused.err);
    assert_eq!(crate::support::files(&home.root()), before);
    assert!(column(&home, &books[0], "sync_timestamp").is_some());
}

#[test]
fn the_first_digest_of_an_archive_that_was_adopted_unread_is_what_later_checks_compare() {
    let home = library(1);
    let book = home.simulator.barcode(0).unwrap();
    let path = adopted_unread(&home, &book);
    let into = home.folder.path().join("one.tar.gz");
    let get = || home.grind(&["storage", "get", book.as_str(), "-o", into.to_str().unwrap()]);
    let unknown = get();
    assert_eq!(unknown.status.code(), Some(1), "{}", unknown.err);
    assert!(unknown.err.contains("grind verify"), "{}", unknown.err);

    let first = home.grind(&["verify", "--json"]);
    assert_eq!(first.status.code(), Some(2), "{}", first.out);
    assert_eq!(only(&first), ("could_not_check".to_owned(), "no_digest".to_owned()));
    let truth = home.simulator.truth(&book).unwrap();
    assert_eq!(column(&home, &book, "sha256"), Some(truth.sha256));
    assert_eq!(column(&home, &book, "verified"), None, "nothing proves it");
    assert!(column(&home, &book, "checked_at").is_some(), "it is not read for ever");

    let second = home.grind(&["verify", "--json"]);
    assert_eq!(second.status.code(), Some(0), "{}", second.out);
    assert_eq!(only(&second), ("ok".to_owned(), String::new()));
    let unverified = home.grind(&["verify", "--json", "--unverified"]);
    assert_eq!(lines(&unverified).0.len(), 1);
    assert!(get().status.success());
    flip(&place(&home, &path), 20);
    let third = home.grind(&["verify", "--json"]);
    assert_eq!(only(&third), ("damaged".to_owned(), "digest_differs".to_owned()));
    let unsound = home.grind(&["report", "--unsound"]);
    assert!(
        unsound.out.starts_with(&format!("{book}\tdamaged\t")),
        "{}",
        unsound.out
    );
}

#[test]
fn what_is_missing_beside_an_adopted_archive_is_made_anew_and_the_archive_stays_the_books() {
    let home = library_with(3, "[fixity]\nreread_every = \"1s\"\n");
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let path = adopted(&home, &books[0]);
    let text = place(&home, &format!("full/{}_ocr.jsonl.gz", books[0]));
    fs::remove_file(&text).unwrap();
    let mut service = Service::of(home);
    service.told_when(|_| text.is_file());
    service.told_when(|service| {
        let states = crate::support::states(&service.home);
        states.values().all(|(state, _)| state == "stored")
    });
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(column(&service.home, &books[0], "storage_path"), Some(path));
    assert!(!service.home.raw(&books[0]).exists(), "it was not fetched again");
    service.home.text_is_right(&books[0]);
    let verified = service.home.grind(&["verify", "--deep"]);
    assert_eq!(verified.status.code(), Some(0), "{}\n{}", verified.out, verified.err);
    let quick = service.home.grind(&["verify", "--quick", "--json"]);
    let (findings, _) = lines(&quick);
    assert!(findings.is_empty(), "{}", quick.out);
}

#[test]
fn what_waits_to_be_made_anew_beside_an_adopted_archive_is_nobody_elses() {
    let home = library(2);
    let book = home.simulator.barcode(0).unwrap();
    let path = adopted(&home, &book);
    fs::remove_file(place(&home, &format!("full/{book}_ocr.jsonl.gz"))).unwrap();
    let mended = home.grind(&["verify", "--quick", "--repair", "--json"]);
    let (_, summary) = lines(&mended);
    assert_eq!(
        (&summary["made_anew"], &summary["missing_archives"]),
        (&1.into(), &0.into()),
        "{}",
        mended.out
    );
    let (findings, _) = lines(&home.grind(&["verify", "--quick", "--json"]));
    assert!(findings.is_empty(), "{findings:?}");
    let sync = home.grind(&["sync"]);
    assert!(sync.status.success(), "{}", sync.err);
    home.text_is_right(&book);
    assert_eq!(column(&home, &book, "storage_path"), Some(path));
}
