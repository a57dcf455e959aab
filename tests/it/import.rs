//! Taking over a grin-transfer run with the real program: its files where its layouts put them, verified, copied or left in place.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::path::Path;

use crate::support::Home;
use crate::support::archives::{BARCODE, Files};
use grind::grin::Barcode;
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};

/// Where a run keeps an archive, within its storage.
type Layout = fn(&Barcode) -> String;

fn on_disk(barcode: &Barcode) -> String {
    format!("raw/{barcode}/{barcode}.tar.gz")
}

fn in_a_bucket(barcode: &Barcode) -> String {
    format!("first_run/{barcode}.tar.gz")
}

fn small() -> SimulatorConfig {
    SimulatorConfig {
        books: 6,
        pages: 2,
        image_bytes: 500,
        s2k_count: 1_024,
        ..SimulatorConfig::default()
    }
}

/// A run of that program with every book of the simulator, the third cut short; made by fetching them all.
fn other_program(home: &Home, layout: Layout) -> tempfile::TempDir {
    let ended = home.grind(&["run", "--once"]);
    assert!(ended.status.success(), "{}", ended.err);
    let run = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(run.path().join("books.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE books (barcode TEXT PRIMARY KEY, converted_date TEXT, encrypted_etag TEXT);
             CREATE TABLE book_status_history (id INTEGER PRIMARY KEY, barcode TEXT, status_type TEXT, status_value TEXT, \
               timestamp TEXT, session_id TEXT, metadata TEXT);",
        )
        .unwrap();
    for (number, barcode) in home.simulator.barcodes().enumerate() {
        let archive = fs::read(home.raw(&barcode)).unwrap();
        let kept = if number == 2 { archive.len() / 2 } else { archive.len() };
        let path = run.path().join(layout(&barcode));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &archive[..kept]).unwrap();
        let manifest = fs::read(home.root().join(format!("meta/{barcode}.json"))).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        database
            .execute(
                "INSERT INTO books (barcode, encrypted_etag) VALUES (?1, ?2)",
                (barcode.as_str(), manifest["encrypted_etag"].as_str()),
            )
            .unwrap();
        database
            .execute(
                "INSERT INTO book_status_history (barcode, status_type, status_value, timestamp) \
                 VALUES (?1, 'sync', 'decrypted', '2026-01-01T00:00:00+00:00')",
                [barcode.as_str()],
            )
            .unwrap();
    }
    run
}

/// Everything that was fetched is forgotten: a new start, with the same GRIN.
fn afresh(home: &Home) {
    fs::remove_dir_all(home.root()).unwrap();
    for file in fs::read_dir(home.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if file.to_string_lossy().contains("catalog.db") {
            fs::remove_file(file).unwrap();
        }
    }
}

fn import(home: &Home, run: &Path, more: &[&str]) -> (Option<i32>, serde_json::Value, String) {
    let from = run.join("books.db");
    let mut arguments = vec!["import", "--json", "--from", from.to_str().unwrap()];
    arguments.extend(more);
    let ended = home.grind(&arguments);
    let report = serde_json::from_str(&ended.out).unwrap_or_default();
    (ended.status.code(), report, ended.err)
}

/// Five are home by the import alone; the one that was cut short is fetched.
fn the_rest_is_fetched(home: &Home) {
    let before = home.simulator.stats().count(SimulatorRequest::Get);
    let ended = home.grind(&["run", "--once"]);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), before + 1);
}

#[test]
fn archives_from_elsewhere_are_copied_only_when_that_is_said() {
    for layout in [on_disk as Layout, in_a_bucket] {
        let home = Home::new(small(), "");
        let run = other_program(&home, layout);
        afresh(&home);
        let place = run.path().to_str().unwrap();
        let (code, _, err) = import(&home, run.path(), &["--storage", place]);
        assert_eq!(code, Some(78), "{err}");
        assert!(err.contains("--copy") && err.contains("storage.url"), "{err}");

        let (code, report, err) = import(&home, run.path(), &["--storage", place, "--dry-run"]);
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(
            (&report["archives"], &report["misfits"]),
            (&5.into(), &1.into()),
            "{report}"
        );
        assert!(home.whole_books().is_empty(), "a dry run writes nothing");
        assert!(
            !home.folder.path().join("catalog.db").exists(),
            "nor does it make a catalog"
        );
        let foreseen = ["new", "merged", "stored"].map(|count| report[count].as_u64().unwrap());
        assert_eq!(foreseen, [6, 0, 5], "{report}");

        let (code, report, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(
            (&report["stored"], &report["without_etag"]),
            (&5.into(), &0.into()),
            "{report}"
        );
        assert_eq!(home.whole_books().len(), 5);
        home.whole_books()
            .iter()
            .for_each(|barcode| home.text_is_right(barcode));
        the_rest_is_fetched(&home);
        what_is_home_is_not_written_over(&home, &run, layout);
        assert_eq!(home.whole_books().len(), 6);
        home.nothing_is_left_over();
    }
}

/// The other program's archive is another one by now; the import is done once more.
fn what_is_home_is_not_written_over(home: &Home, run: &tempfile::TempDir, layout: Layout) {
    let first = home.simulator.barcodes().next().unwrap();
    let second = home.simulator.barcodes().nth(1).unwrap();
    fs::copy(home.raw(&second), run.path().join(layout(&first))).unwrap();
    let place = run.path().to_str().unwrap();
    let (code, report, err) = import(home, run.path(), &["--storage", place, "--copy"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&report["home_already"], &report["stored"]),
        (&6.into(), &0.into()),
        "{report}"
    );
    home.text_is_right(&first);
    assert_eq!(home.whole_books().len(), 6, "each is what it was");
}

#[test]
fn of_several_copies_the_whole_one_is_taken() {
    let home = Home::new(small(), "");
    let run = other_program(&home, in_a_bucket);
    let third = home.simulator.barcodes().nth(2).unwrap();
    let copy = run.path().join("second_run").join(format!("{third}.tar.gz"));
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(home.raw(&third), copy).unwrap();
    afresh(&home);
    let place = run.path().to_str().unwrap();
    let (code, report, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&report["stored"], &report["misfits"]),
        (&6.into(), &0.into()),
        "{report}"
    );
    assert_eq!(home.whole_books().len(), 6);
}

/// A run's storage with archives of one book, and a database that does not know it.
fn run_with_copies(copies: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let run = tempfile::tempdir().unwrap();
    for (folder, bytes) in copies {
        fs::create_dir_all(run.path().join(folder)).unwrap();
        fs::write(run.path().join(folder).join(format!("{BARCODE}.tar.gz")), bytes).unwrap();
    }
    rusqlite::Connection::open(run.path().join("books.db"))
        .unwrap()
        .execute_batch("CREATE TABLE books (barcode TEXT PRIMARY KEY)")
        .unwrap();
    run
}

#[test]
fn of_several_whole_copies_the_proven_one_then_the_one_with_the_most_pages_is_taken_whatever_its_size() {
    let pages = Files::volume(3, 100).tar_gz();
    let bytes = Files::volume(2, 20_000).tar_gz();
    let unproven = Files::volume(4, 100).without("checksum.md5").tar_gz();
    assert!(bytes.len() > pages.len());
    for lesser in [bytes, unproven] {
        for (other, best) in [("first", "second"), ("second", "first")] {
            let home = Home::new(small(), "");
            let run = run_with_copies(&[(other, lesser.clone()), (best, pages.clone())]);
            let place = run.path().to_str().unwrap();
            let (code, report, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
            assert_eq!((code, &report["stored"]), (Some(0), &1.into()), "{report}{err}");
            let stored = home.root().join(format!("raw/{BARCODE}/{BARCODE}.tar.gz"));
            assert_eq!(fs::read(stored).unwrap(), pages, "{other} before {best}");
        }
    }
}

/// The kernel's view of a process's memory is a file whose beginning nobody can read.
#[test]
fn a_copy_that_cannot_be_read_is_told_and_no_lesser_one_is_taken() {
    let home = Home::new(small(), "");
    let run = run_with_copies(&[("first", Files::volume(2, 100).tar_gz())]);
    let second = run.path().join("second");
    fs::create_dir(&second).unwrap();
    std::os::unix::fs::symlink("/proc/self/mem", second.join(format!("{BARCODE}.tar.gz"))).unwrap();
    let place = run.path().to_str().unwrap();
    let (code, report, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&report["stored"], &report["misfits"]),
        (&0.into(), &1.into()),
        "{report}"
    );
    let because = report["named"][0]["because"].as_str().unwrap();
    assert!(because.contains("cannot be read"), "{report}");
}

#[test]
fn archives_in_the_storage_itself_stay_and_get_their_texts() {
    let home = Home::new(small(), "");
    let run = other_program(&home, on_disk);
    afresh(&home);
    fs::rename(run.path().join("raw"), {
        fs::create_dir_all(home.root()).unwrap();
        home.root().join("raw")
    })
    .unwrap();
    let (code, report, err) = import(&home, run.path(), &[]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&report["stored"], &report["misfits"]),
        (&5.into(), &1.into()),
        "{report}"
    );
    let third = home.simulator.barcodes().nth(2).unwrap();
    for barcode in home.simulator.barcodes().filter(|barcode| *barcode != third) {
        home.text_is_right(&barcode);
        assert!(home.root().join(format!("meta/{barcode}.json")).is_file());
    }
    the_rest_is_fetched(&home);
    assert_eq!(home.whole_books().len(), 6);
}

/// `tests/cases/import`: another run's archive is cut between two members and proven by nothing, ours is whole and proven.
#[test]
fn a_copy_never_takes_the_place_of_something_better() {
    let home = Home::new(small(), "");
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/import");
    let archive = "raw/TL7700000081/TL7700000081.tar.gz";
    let ours = home.root().join(archive);
    fs::create_dir_all(ours.parent().unwrap()).unwrap();
    fs::copy(cases.join("ours").join(archive), &ours).unwrap();
    let run = tempfile::tempdir().unwrap();
    rusqlite::Connection::open(run.path().join("books.db"))
        .unwrap()
        .execute_batch(&fs::read_to_string(cases.join("books.sql")).unwrap())
        .unwrap();
    let theirs = cases.join("theirs");
    let (code, report, err) = import(&home, run.path(), &["--storage", theirs.to_str().unwrap(), "--copy"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&report["stored"], &report["misfits"]),
        (&0.into(), &1.into()),
        "{report}"
    );
    assert_eq!(
        fs::read(ours).unwrap(),
        fs::read(cases.join("ours").join(archive)).unwrap()
    );
}

/// A whole volume that is proven, with fewer pages than the one that lies in our storage without anybody knowing it.
#[test]
fn a_copy_with_fewer_pages_is_left_where_it_is() {
    let home = Home::new(small(), "");
    let archive = format!("raw/{BARCODE}/{BARCODE}.tar.gz");
    let run = tempfile::tempdir().unwrap();
    let ours = Files::volume(3, 100).tar_gz();
    for (root, bytes) in [
        (home.root(), ours.clone()),
        (run.path().to_owned(), Files::volume(2, 100).tar_gz()),
    ] {
        let path = root.join(&archive);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    rusqlite::Connection::open(run.path().join("books.db"))
        .unwrap()
        .execute_batch("CREATE TABLE books (barcode TEXT PRIMARY KEY)")
        .unwrap();
    let (code, report, err) = import(
        &home,
        run.path(),
        &["--storage", run.path().to_str().unwrap(), "--copy"],
    );
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        (&report["stored"], &report["misfits"]),
        (&0.into(), &1.into()),
        "{report}"
    );
    assert!(
        report["named"][0]["because"].as_str().unwrap().contains("fewer pages"),
        "{report}"
    );
    assert_eq!(fs::read(home.root().join(&archive)).unwrap(), ours);
}

/// What is stored is better than the run's archive, and a manifest tells of it: the book is what lies in our storage.
#[test]
fn what_stays_in_place_of_a_copy_is_recorded_as_stored() {
    let home = Home::new(small(), "");
    let ours = Files::volume(3, 100).tar_gz();
    for (bytes, stored) in [(ours.clone(), 1), (Files::volume(2, 100).tar_gz(), 1)] {
        for file in fs::read_dir(home.folder.path()).unwrap() {
            let path = file.unwrap().path();
            if path.to_string_lossy().contains("catalog.db") {
                fs::remove_file(path).unwrap();
            }
        }
        let run = run_with_copies(&[("first", bytes)]);
        let place = run.path().to_str().unwrap();
        let (code, report, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
        assert_eq!((code, &report["stored"]), (Some(0), &stored.into()), "{report}{err}");
        let archive = home.root().join(format!("raw/{BARCODE}/{BARCODE}.tar.gz"));
        assert_eq!(fs::read(archive).unwrap(), ours);
        let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
        let sql = "SELECT state || ' ' || page_count || ' ' || archive_bytes FROM books";
        let book: String = catalog.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(book, format!("stored 3 {}", ours.len()));
    }
}

#[test]
fn an_import_is_a_member_and_changes_nothing_while_the_catalog_is_copied() {
    let home = Home::new(small(), "");
    let run = run_with_copies(&[("first", Files::volume(2, 100).tar_gz())]);
    let place = run.path().to_str().unwrap();
    let (code, _, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
    assert_eq!(code, Some(0), "{err}");
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let count = |table: &str| -> u64 {
        let sql = format!("SELECT count(*) FROM {table}");
        catalog.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("members"), 0, "it has left");
    let before = count("sessions");
    catalog
        .execute(
            "INSERT INTO members (instance, owner, host, version, program, joined_at, seen_at, lease_from, lease_to, lease_until) \
             VALUES ('copy', 'copy:1', 'host', '1', 'catalog-copy', 'now', 'now', 0, 4000000000000000, '9')",
            [],
        )
        .unwrap();
    let (code, _, err) = import(&home, run.path(), &["--storage", place, "--copy"]);
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("being copied"), "{err}");
    assert_eq!(count("sessions"), before, "a refused start leaves no trace");
}
