//! Copies of the catalog in the storage, and a machine that begins anew from them.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::storage_s3::server::{KEYS, Server};
use crate::support::service::Service;
use crate::support::{Home, files, finish, states};
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};
use rusqlite::Connection;
use rustix::process::Signal;

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    }
}

fn backups(home: &Home) -> Vec<PathBuf> {
    let is_backup = |path: &PathBuf| path.to_string_lossy().ends_with(".db.gz");
    files(&home.root().join("meta")).into_iter().filter(is_backup).collect()
}

fn archives_asked(home: &Home) -> u64 {
    home.simulator.stats().count(SimulatorRequest::Get)
}

/// What a person is told of each book: state and digest.
fn answers(home: &Home) -> BTreeMap<String, (String, Option<String>)> {
    let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let mut select = catalog.prepare("SELECT barcode, state, sha256 FROM books").unwrap();
    let rows = select
        .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn lose_the_catalog(home: &Home) {
    for file in files(home.folder.path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("catalog.db") {
            fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn a_run_that_ends_leaves_an_export_and_a_backup_that_is_whole() {
    let home = Home::new(library(3), "");
    let ran = home.grind(&["run", "--once"]);
    assert!(ran.status.success(), "{}", ran.err);
    let mut export =
        flate2::read::GzDecoder::new(fs::File::open(home.root().join("meta/books_export.csv.gz")).unwrap());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut export, &mut text).unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert_eq!(backups(&home).len(), 1);
    assert!(ran.err.contains("read back and found whole"), "{}", ran.err);
    home.nothing_is_left_over();
    let refused = home.grind(&["restore"]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.err);
    assert!(refused.err.contains("is not empty"), "{}", refused.err);
}

#[test]
fn a_daemon_makes_its_copies_at_their_intervals_and_tells_when() {
    let mut service = Service::start(
        library(2),
        "[schedule]\nbackup_every = \"2s\"\nexport_every = \"off\"\n",
    );
    service.told("2 of 2 books stored");
    service.told_when(|service| {
        let metrics = service.ask("/metrics");
        let line = metrics
            .lines()
            .find(|line| line.starts_with("grind_backup_last_verified_timestamp_seconds "));
        line.unwrap().split(' ').nth(1).unwrap().parse::<f64>().unwrap() > 1_000_000_000.0
    });
    assert_eq!(backups(&service.home).len(), 1);
    assert!(!service.home.root().join("meta/books_export.csv.gz").exists());
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
}

#[test]
fn a_catalog_that_began_anew_leaves_the_backups_of_the_one_before() {
    let home = Home::new(library(3), "");
    let first = home.grind(&["run", "--once"]);
    assert!(first.status.success(), "{}", first.err);
    let whole = fs::read(&backups(&home)[0]).unwrap();
    lose_the_catalog(&home);
    let anew = home.grind(&["run", "--once"]);
    assert!(anew.err.contains("backups of another catalog"), "{}", anew.err);
    assert_eq!(backups(&home).len(), 1);
    assert_eq!(fs::read(&backups(&home)[0]).unwrap(), whole);
    lose_the_catalog(&home);
    let restored = home.grind(&["restore"]);
    assert!(restored.status.success(), "{}", restored.err);
    let again = home.grind(&["run", "--once"]);
    assert!(again.err.contains("read back and found whole"), "{}", again.err);
}

#[test]
fn a_new_machine_with_backup_and_store_gives_the_same_answers_and_fetches_nothing_twice() {
    let home = Home::new(library(6), "");
    let half: Vec<_> = (0..3)
        .map(|index| home.simulator.barcode(index).unwrap().to_string())
        .collect();
    let first = home.grind(&["sync", "--barcodes", &half.join(",")]);
    assert!(first.status.success(), "{}", first.err);
    // A backup of the half, made by a run that has nothing else to do.
    let file = home.folder.path().join("half.txt");
    fs::write(&file, half.join("\n")).unwrap();
    let dropin = home.folder.path().join("grind.toml.d/30-half.toml");
    fs::write(
        &dropin,
        format!("[work]\nbarcodes_file = {:?}\n", file.display().to_string()),
    )
    .unwrap();
    let backed_up = home.grind(&["run", "--once"]);
    assert!(backed_up.status.success(), "{}", backed_up.err);
    fs::remove_file(&dropin).unwrap();
    let kept = home.folder.path().join("half.db.gz");
    fs::copy(&backups(&home)[0], &kept).unwrap();

    let second = home.grind(&["run", "--once"]);
    assert!(second.status.success(), "{}", second.err);
    let (before, asked) = (answers(&home), archives_asked(&home));
    assert_eq!(asked, 6);
    lose_the_catalog(&home);
    // And one book of the first half is lost with its volume.
    let lost = home.simulator.barcode(0).unwrap();
    fs::remove_file(home.raw(&lost)).unwrap();

    let restored = home.grind(&["restore", kept.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", restored.err);
    for told in [
        "2 books are in the storage as recorded",
        "3 books were stored after",
        "1 books are not in the storage",
    ] {
        assert!(restored.out.contains(told), "{}", restored.out);
    }
    assert_eq!(archives_asked(&home), asked, "a restore asks GRIN for nothing");
    let again = home.grind(&["run", "--once"]);
    assert!(again.status.success(), "{}", again.err);
    assert_eq!(answers(&home), before);
    assert_eq!(archives_asked(&home), asked + 1, "only what was lost is fetched again");
    assert_eq!(home.whole_books().len(), 6);
}

#[test]
fn nothing_is_concluded_from_a_storage_that_is_not_mounted() {
    let home = Home::new(library(3), "");
    let ran = home.grind(&["run", "--once"]);
    assert!(ran.status.success(), "{}", ran.err);
    let kept = home.folder.path().join("kept.db.gz");
    fs::copy(&backups(&home)[0], &kept).unwrap();
    lose_the_catalog(&home);
    fs::rename(home.root(), home.folder.path().join("volume")).unwrap();
    let restored = home.grind(&["restore", kept.to_str().unwrap()]);
    assert_eq!(restored.status.code(), Some(73), "{}", restored.err);
    assert!(restored.err.contains("the catalog is restored"), "{}", restored.err);
    assert!(states(&home).values().all(|(state, _)| state == "stored"));
    let none = home.grind(&["restore"]);
    assert_eq!(none.status.code(), Some(1), "{}", none.err);
}

#[test]
fn a_backup_of_another_library_is_refused_before_any_of_it_is_in_the_catalog() {
    let home = Home::new(library(2), "");
    home.done(&["run", "--once"]);
    lose_the_catalog(&home);
    let dropin = home.folder.path().join("grind.toml.d/30-other.toml");
    fs::write(&dropin, "[library]\ndirectory = \"OTHERLIB\"\n").unwrap();
    let refused = home.grind(&["restore"]);
    assert_eq!(refused.status.code(), Some(78), "{}", refused.err);
    for told in ["nothing was restored", "TESTLIB", "OTHERLIB"] {
        assert!(refused.err.contains(told), "{}", refused.err);
    }
    fs::remove_file(&dropin).unwrap();
    // Nothing of it is in the way of the right one.
    let restored = home.done(&["restore"]);
    assert!(restored.out.contains("2 books restored"), "{}", restored.out);
}

#[test]
fn a_broken_newest_backup_is_named_and_the_one_before_it_is_taken() {
    let home = Home::new(library(3), "");
    home.done(&["run", "--once"]);
    let newest = backups(&home).remove(0);
    let newest_name = format!("meta/{}", newest.file_name().unwrap().to_str().unwrap());
    let whole = newest.with_file_name("catalog-2020-01-02.db.gz");
    fs::rename(&newest, &whole).unwrap();
    let bytes = fs::read(&whole).unwrap();
    lose_the_catalog(&home);
    for broken in [&bytes[..bytes.len() / 2], b"no catalog"] {
        fs::write(&newest, broken).unwrap();
        let restored = home.done(&["restore"]);
        let named = format!("{newest_name} is no whole backup of a catalog: ");
        assert!(restored.out.contains(&named), "{}", restored.out);
        let taken = "3 books restored from meta/catalog-2020-01-02.db.gz";
        assert!(restored.out.contains(taken), "{}", restored.out);
        lose_the_catalog(&home);
    }
    // Where the broken one is asked for, no other is taken.
    let asked = home.grind(&["restore", &newest_name]);
    assert_eq!(asked.status.code(), Some(1), "{}", asked.err);
    fs::write(&whole, "no catalog either").unwrap();
    let none = home.grind(&["restore"]);
    assert_eq!(none.status.code(), Some(1), "{}", none.err);
    assert_eq!(
        none.err.matches("is no whole backup of a catalog").count(),
        2,
        "{}",
        none.err
    );
}

#[test]
fn a_backup_has_its_name_once_it_is_proven_and_replaces_none_before() {
    let server = Server::start();
    let home = Home::new(library(2), &server.settings());
    let run = || {
        let mut command = home.command(&["run", "--once"]);
        command.envs(KEYS);
        finish(command.spawn().unwrap())
    };
    let kept = || {
        let is_backup = |path: &&PathBuf| path.to_string_lossy().ends_with(".db.gz");
        let found = files(server.root.path());
        let found: Vec<_> = found.iter().filter(is_backup).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].clone(), fs::read(found[0]).unwrap())
    };
    let first = run();
    assert!(first.status.success(), "{}", first.err);
    let before = kept();
    assert!(!before.0.ends_with("catalog-unproven.db.gz"));
    let make_due = || {
        let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
        let earlier = "UPDATE settings SET value = '2020' || substr(value, 5) WHERE key = 'last_backup'";
        assert_eq!(catalog.execute(earlier, []).unwrap(), 1);
    };

    let unproven = before.0.with_file_name("catalog-unproven.db.gz");
    let came = unproven.clone();
    server.fault(move |request| {
        if request.starts_with("GET ") && request.contains("catalog-unproven") {
            fs::write(&came, "another object").unwrap();
        }
        None
    });
    make_due();
    let damaged = run();
    assert_eq!(damaged.status.code(), Some(1), "{}", damaged.err);
    assert!(
        damaged.err.contains("is not in the storage as it was written"),
        "{}",
        damaged.err
    );
    assert_eq!(kept(), before);

    server.fault(|_| None);
    server.copy_status(501);
    make_due();
    let sent_twice = run();
    assert!(sent_twice.status.success(), "{}", sent_twice.err);
    assert!(sent_twice.err.contains("it is sent once more"), "{}", sent_twice.err);
    assert_ne!(kept().1, before.1);
}

#[test]
fn what_a_kill_left_of_a_copy_is_removed_at_the_next_start() {
    let home = Home::new(library(1), "");
    let left = home.folder.path().join(".catalog-copy-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("catalog.db"), "half").unwrap();
    let ran = home.grind(&["run", "--once"]);
    assert!(ran.status.success(), "{}", ran.err);
    assert!(!left.exists());
}

#[test]
fn an_archive_whose_size_is_not_recorded_is_read_once() {
    let server = Server::start();
    let home = Home::new(library(1), &server.settings());
    let grind = |arguments: &[&str]| {
        let ended = finish(home.command(arguments).envs(KEYS).spawn().unwrap());
        assert!(ended.status.success(), "{}", ended.err);
        ended
    };
    grind(&["run", "--once"]);
    let kept = home.folder.path().join("kept.db");
    fs::copy(home.folder.path().join("catalog.db"), &kept).unwrap();
    let catalog = Connection::open(&kept).unwrap();
    assert_eq!(catalog.execute("UPDATE books SET archive_bytes = NULL", []).unwrap(), 1);
    drop(catalog);
    lose_the_catalog(&home);
    server.requests();
    let restored = grind(&["restore", kept.to_str().unwrap()]);
    assert!(
        restored.out.contains("1 books are in the storage as recorded"),
        "{}",
        restored.out
    );
    let mut asked = server.requests();
    asked.retain(|request| request.starts_with("GET ") && request.contains(".tar.gz"));
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn an_archive_that_is_not_the_recorded_one_is_fetched_again_and_one_that_nothing_proves_is_counted() {
    let home = Home::new(library(4), "");
    let ran = home.grind(&["run", "--once"]);
    assert!(ran.status.success(), "{}", ran.err);
    let [another, by_digest, by_nothing] = [0, 1, 2].map(|index| home.simulator.barcode(index).unwrap());
    let kept = home.folder.path().join("kept.db");
    fs::copy(home.folder.path().join("catalog.db"), &kept).unwrap();
    let catalog = Connection::open(&kept).unwrap();
    for (barcode, forgotten) in [
        (&by_digest, "archive_bytes = NULL"),
        (&by_nothing, "archive_bytes = NULL, sha256 = NULL"),
    ] {
        let update = format!("UPDATE books SET {forgotten} WHERE barcode = ?1");
        assert_eq!(catalog.execute(&update, [barcode.as_str()]).unwrap(), 1);
    }
    drop(catalog);
    fs::write(home.raw(&another), "of another library").unwrap();
    let manifest = format!("{by_nothing}.json");
    let manifests = files(&home.root().join("meta"));
    let manifest = manifests.iter().find(|path| path.ends_with(&manifest)).unwrap();
    fs::remove_file(manifest).unwrap();
    lose_the_catalog(&home);
    let asked = archives_asked(&home);

    let restored = home.grind(&["restore", kept.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", restored.err);
    for told in [
        "2 books are in the storage as recorded",
        "0 books are not in the storage",
        "1 books have another archive in the storage than recorded and will be fetched again",
        "1 archives in the storage are proven by nothing",
    ] {
        assert!(restored.out.contains(told), "{}", restored.out);
    }
    let state_of = |barcode: &grind::grin::Barcode| states(&home)[barcode.as_str()].0.clone();
    assert_eq!(state_of(&another), "available");
    assert_eq!(state_of(&by_nothing), "stored");
    let again = home.grind(&["run", "--once"]);
    assert!(again.status.success(), "{}", again.err);
    assert_eq!(archives_asked(&home), asked + 1);
    assert_eq!(home.whole_books().len(), 4);
}
