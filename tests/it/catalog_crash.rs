//! Killed in the middle of its work, and two programs on one file.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grind::catalog::{
    BookSelection, CatalogError, CatalogLedger, CatalogPolicy, CatalogReader, ClaimBooks, ClaimSettlement, CountBooks,
    ListPart, SettleClaim, StoredBook,
};
use grind::clock::SystemClock;
use grind::grin::{Barcode, ListKind, ListRow};
use grind::vocabulary::{BookState, Queue};

const FILE: &str = "GRIND_TEST_CATALOG";
const OWNER: &str = "GRIND_TEST_OWNER";

fn open(path: &Path) -> CatalogLedger {
    CatalogLedger::open(path, SystemClock::system(), CatalogPolicy::default()).unwrap()
}

fn fill(path: &Path, books: usize) {
    let rows = (0..books).map(|at| ListRow::bare(Barcode::parse(&format!("TL{at:06}")).unwrap()));
    let part = ListPart {
        list: ListKind::Converted,
        pass: None,
        rows: rows.collect(),
        sighted: Vec::new(),
        unsure: 0,
        next: None,
    };
    open(path).execute(part).unwrap();
}

fn claim(ledger: &mut CatalogLedger, owner: &str, limit: usize) -> Vec<grind::catalog::ClaimedBook> {
    let selection = BookSelection {
        queues: vec![Queue::Converted],
        ..BookSelection::default()
    };
    let claim = ClaimBooks {
        selection,
        limit,
        owner: owner.into(),
        lease: Duration::from_hours(1),
    };
    ledger.execute(claim).unwrap()
}

/// The child's part: claims and settles until nothing is left, and says each barcode only after it was told that the
/// settlement is done.
#[test]
#[ignore = "run by the other tests in a process of its own"]
fn child_settles() {
    let (Some(path), Ok(owner)) = (std::env::var_os(FILE), std::env::var(OWNER)) else {
        return;
    };
    let mut ledger = open(Path::new(&path));
    loop {
        let claimed = claim(&mut ledger, &owner, 3);
        if claimed.is_empty() {
            break;
        }
        for claimed in claimed {
            let barcode = claimed.claim.barcode.clone();
            let stored = StoredBook {
                sha256: owner.clone(),
                archive_bytes: 1,
                storage_path: format!("raw/{barcode}"),
                ..StoredBook::default()
            };
            let settlement = ClaimSettlement::Stored(Box::new(stored));
            let claim = claimed.claim;
            ledger.execute(SettleClaim { claim, settlement }).unwrap();
            println!("settled {barcode}");
        }
    }
    println!("done");
}

fn child(path: &Path, owner: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "catalog_crash::child_settles", "--ignored", "--nocapture"])
        .env(FILE, path)
        .env(OWNER, owner)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn settled(line: &str) -> Option<&str> {
    line.split_once("settled ").map(|(_, barcode)| barcode.trim())
}

#[test]
fn every_settlement_that_was_answered_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    fill(&path, 200);
    let mut told = Vec::new();
    for round in 1..=5 {
        let mut child = child(&path, &format!("round {round}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let seen = lines
            .by_ref()
            .filter_map(|line| settled(&line).map(str::to_owned))
            .take(7 * round);
        told.extend(seen);
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines.filter_map(|line| settled(&line).map(str::to_owned)));

        let mut ledger = open(&path);
        let reader = CatalogReader::open_path(&path, SystemClock::system()).unwrap();
        for barcode in &told {
            let story = reader.explain(&Barcode::parse(barcode).unwrap()).unwrap().unwrap();
            assert_eq!(story.state, BookState::Stored, "{barcode} was answered");
        }
        let counts = ledger.execute(CountBooks).unwrap();
        assert!(counts.of(BookState::Stored) >= told.len() as u64);
        assert_eq!(counts.total, 200);
        let owner = format!("round {round}");
        ledger.execute(grind::catalog::LeaveMembers { owner }).unwrap();
        let left = ledger.execute(CountBooks).unwrap();
        assert_eq!(left.of(BookState::Checking), 0, "what it held is back");
    }
    assert!(!told.is_empty());
}

#[test]
fn two_programs_share_the_work_and_no_book_is_done_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    fill(&path, 150);
    let children = [child(&path, "one"), child(&path, "two")];
    let mut told = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        told.extend(text.lines().filter_map(settled).map(str::to_owned));
    }
    told.sort();
    let all: Vec<_> = (0..150).map(|at| format!("TL{at:06}")).collect();
    assert_eq!(told, all);
    let counts = open(&path).execute(CountBooks).unwrap();
    assert_eq!(counts.of(BookState::Stored), 150);
}

#[test]
fn a_lock_held_by_another_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    fill(&path, 1);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut ledger = open(&path);
            ledger.execute(CountBooks).map(|counts| counts.total)
        }
    });
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), 1);
}

#[test]
fn a_file_damaged_behind_its_beginning_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    fill(&path, 3_000);
    open(&path).close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() / 4;
    bytes[from..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let outcome = CatalogLedger::open(&path, SystemClock::system(), CatalogPolicy::default()).and_then(|mut ledger| {
        let all = (0..3_000).map(|at| Barcode::parse(&format!("TL{at:06}")).unwrap());
        let selection = BookSelection {
            only: Some(all.collect()),
            ..BookSelection::default()
        };
        let lease = Duration::from_secs(1);
        ledger.execute(ClaimBooks {
            selection,
            limit: 3_000,
            owner: "one".into(),
            lease,
        })
    });
    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, CatalogError::Damaged { path: named, .. } if *named == path),
        "{error}"
    );
}
