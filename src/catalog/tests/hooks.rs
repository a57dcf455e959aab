//! Of which books the hook is told, once each, whoever is killed meanwhile.

use std::time::Duration;

use crate::catalog::tests::shelf::{HOUR, Shelf, barcode, three};
use crate::catalog::*;

const LEASE: Duration = Duration::from_secs(90);

fn has_hook(is_configured: bool) -> NoteSetting {
    let setting = NotedSetting::Hook;
    NoteSetting { setting, is_configured }
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf
}

fn claim(shelf: &mut Shelf) -> HookQueue {
    shelf.ledger.execute(ClaimHook { lease: LEASE }).unwrap()
}

/// None is due, so many wait, and after so long the next is due.
fn none_due(waiting: u64, next: Option<Duration>) -> HookQueue {
    let due = None;
    HookQueue { due, waiting, next }
}

fn due(shelf: &mut Shelf) -> DueHook {
    claim(shelf).due.unwrap()
}

fn settle(shelf: &mut Shelf, due: DueHook, settlement: HookSettlement) {
    shelf.ledger.execute(SettleHook { due, settlement }).unwrap();
}

#[test]
fn books_are_due_that_were_stored_since_there_is_a_hook() {
    let mut shelf = shelf();
    shelf.store("TL0001", "\"a\"");
    shelf.ledger.execute(has_hook(true)).unwrap();
    shelf.ledger.execute(has_hook(true)).unwrap();
    shelf.store("TL0002", "\"a\"");
    shelf.clock.advance(HOUR);
    shelf.store("TL0003", "\"a\"");
    let queue = claim(&mut shelf);
    assert_eq!(queue.waiting, 2);
    assert_eq!(
        queue.due.unwrap().barcode.as_str(),
        "TL0002",
        "the first that was stored"
    );
    assert_eq!(due(&mut shelf).barcode.as_str(), "TL0003");
    assert_eq!(claim(&mut shelf), none_due(2, Some(LEASE)));
}

#[test]
fn a_hook_that_is_added_again_is_not_told_of_what_was_stored_without_it() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_hook(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    shelf.ledger.execute(has_hook(false)).unwrap();
    shelf.store("TL0002", "\"a\"");
    // Looking for what is due notes it, too.
    let queue = claim(&mut shelf);
    assert_eq!((queue.waiting, queue.due.unwrap().barcode), (1, barcode("TL0001")));
    shelf.store("TL0003", "\"a\"");
    assert_eq!(due(&mut shelf).barcode, barcode("TL0003"));
}

#[test]
fn what_was_taken_and_not_settled_is_due_again_and_only_the_last_taking_settles_it() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_hook(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    let killed = due(&mut shelf);
    shelf.clock.advance(LEASE);
    let second = due(&mut shelf);
    assert_eq!((killed.attempts, second.attempts), (1, 2));
    settle(&mut shelf, killed, HookSettlement::Told);
    assert_eq!(shelf.text("TL0001", "hook_told_at"), None, "another tells it");
    let (wait, error) = (HOUR, "it is full".to_owned());
    settle(&mut shelf, second, HookSettlement::Retry { wait, error });
    assert_eq!(shelf.text("TL0001", "hook_error").as_deref(), Some("it is full"));
    assert_eq!(claim(&mut shelf), none_due(1, Some(HOUR)));
    shelf.clock.advance(HOUR);
    let third = due(&mut shelf);
    settle(&mut shelf, third, HookSettlement::Told);
    assert!(shelf.text("TL0001", "hook_told_at").is_some());
    assert_eq!(shelf.text("TL0001", "hook_error"), None);
    assert_eq!(claim(&mut shelf), HookQueue::default());
}

#[test]
fn a_book_whose_objects_are_gone_is_due_no_more() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_hook(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    let taken = due(&mut shelf);
    settle(&mut shelf, taken, HookSettlement::Dropped);
    assert_eq!(claim(&mut shelf), HookQueue::default());
    assert_eq!(shelf.text("TL0001", "hook_told_at"), None);
}

#[test]
fn a_book_that_a_restored_catalog_finds_in_the_storage_is_due() {
    let mut shelf = shelf();
    let find = |shelf: &mut Shelf| {
        let found = Some(StoredBook {
            storage_path: "raw/TL0001/TL0001.tar.gz".into(),
            ..StoredBook::default()
        });
        let barcode = barcode("TL0001");
        shelf.ledger.execute(RecordFound { barcode, found }).unwrap();
    };
    find(&mut shelf);
    assert_eq!(claim(&mut shelf), HookQueue::default(), "there is no hook");
    shelf.ledger.execute(has_hook(true)).unwrap();
    find(&mut shelf);
    assert_eq!(due(&mut shelf).barcode.as_str(), "TL0001");
}

#[test]
fn no_more_are_counted_than_keeps_nobody_waiting() {
    let mut shelf = Shelf::in_file();
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) \
                INSERT INTO books (barcode, state, state_at, created_at, updated_at, hook_due_at) \
                SELECT 'X' || i, 'stored', '2026', '2026', '2026', '9' FROM n";
    shelf.sqlite().execute(many, []).unwrap();
    assert_eq!(claim(&mut shelf), none_due(10_000, None));
}

#[test]
fn the_next_book_is_found_by_an_index() {
    let shelf = Shelf::in_file();
    for sql in [
        "SELECT id FROM books WHERE hook_due_at <= '2' ORDER BY hook_due_at, id LIMIT 1",
        "SELECT min(hook_due_at) FROM books WHERE hook_due_at IS NOT NULL",
    ] {
        let plan = shelf.plan(sql);
        assert!(plan.contains("SEARCH books USING COVERING INDEX books_hook"), "{plan}");
    }
}
