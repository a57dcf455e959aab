//! Which stored books are to be copied to the second place, and what is known of each.

use crate::catalog::tests::shelf::{self, DAY, HOUR, Shelf, three};
use crate::catalog::*;

fn has_copy(is_configured: bool) -> NoteSetting {
    let setting = NotedSetting::SecondCopy;
    NoteSetting { setting, is_configured }
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf
}

fn due(shelf: &mut Shelf) -> Vec<DueCopy> {
    shelf.ledger.execute(ListDueCopies { limit: 100 }).unwrap()
}

fn codes(due: &[DueCopy]) -> Vec<&str> {
    let barcodes = due.iter().filter_map(|due| due.recorded.barcode.as_ref());
    barcodes.map(|barcode| barcode.as_str()).collect()
}

fn note(shelf: &mut Shelf) {
    let (mut after, numbers) = (Some(0), 2);
    while let Some(last) = after {
        after = shelf.ledger.execute(NoteUncopied { after: last, numbers }).unwrap();
    }
}

fn settle(shelf: &mut Shelf, due: &DueCopy, settlement: CopySettlement) -> bool {
    let settle = SettleCopy {
        book: due.recorded.id,
        stored_at: due.recorded.stored_at.clone(),
        settlement,
    };
    shelf.ledger.execute(settle).unwrap()
}

fn copied() -> CopySettlement {
    let sha256 = "ab".repeat(32);
    CopySettlement::Copied { sha256 }
}

/// Copied, waiting and failed: what the totals say is what counting the rows gives.
fn standing(shelf: &mut Shelf) -> (u64, u64, u64) {
    let standing = shelf.ledger.execute(AskSecondCopies).unwrap();
    let told = (standing.copied, standing.waiting, standing.failed);
    let count = |rows: &str| -> u64 {
        let sql = format!("SELECT count(*) FROM second_copies WHERE {rows}");
        shelf.ledger.conn().one(&sql, &[], |row| row.at(0)).unwrap()
    };
    let counted = [
        "due_at IS NULL",
        "due_at IS NOT NULL",
        "due_at IS NOT NULL AND error IS NOT NULL",
    ];
    assert_eq!(counted.map(count), [told.0, told.1, told.2]);
    told
}

#[test]
fn books_are_due_that_are_stored_and_not_copied() {
    let mut shelf = shelf();
    shelf.store("TL0001", "\"a\"");
    assert!(due(&mut shelf).is_empty(), "there is no second copy");
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.clock.advance(HOUR);
    shelf.store("TL0003", "\"a\"");
    assert_eq!(codes(&due(&mut shelf)), ["TL0003"], "from the moment that it is stored");
    shelf.clock.advance(HOUR);
    note(&mut shelf);
    assert_eq!(codes(&due(&mut shelf)), ["TL0003", "TL0001"], "those from before, too");
    assert_eq!(standing(&mut shelf), (0, 2, 0));
    let books = due(&mut shelf);
    assert!(settle(&mut shelf, &books[0], copied()));
    note(&mut shelf);
    assert_eq!(codes(&due(&mut shelf)), ["TL0001"]);
    assert_eq!(standing(&mut shelf), (1, 1, 0));
}

#[test]
fn a_book_that_is_stored_again_is_due_again_and_what_was_copied_before_settles_nothing() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    let first = due(&mut shelf).remove(0);
    assert!(settle(&mut shelf, &first, copied()));
    assert!(due(&mut shelf).is_empty());
    shelf.clock.advance(DAY * 400);
    let barcode = shelf::barcode("TL0001");
    let found = Some(StoredBook {
        sha256: "cd".repeat(32),
        storage_path: "raw/TL0001/other.tar.gz".into(),
        ..StoredBook::default()
    });
    shelf.ledger.execute(RecordFound { barcode, found }).unwrap();
    let second = due(&mut shelf).remove(0);
    assert_eq!(second.copied_path.as_deref(), Some("raw/TL0001/TL0001.tar.gz"));
    assert!(!settle(&mut shelf, &first, copied()), "it is older than what is stored");
    assert_eq!(standing(&mut shelf), (0, 1, 0));
    assert_eq!(codes(&due(&mut shelf)), ["TL0001"]);
    assert!(settle(&mut shelf, &second, copied()));
    assert_eq!(standing(&mut shelf), (1, 0, 0));
    assert!(due(&mut shelf).is_empty());
}

#[test]
fn a_book_that_is_stored_no_more_waits_no_more_until_it_is_again() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    shelf.store("TL0002", "\"a\"");
    let books = due(&mut shelf);
    let first = books.iter().find(|due| due.recorded.path.contains("TL0001")).unwrap();
    settle(&mut shelf, first, copied());
    for code in ["TL0001", "TL0002"] {
        let (barcode, found) = (shelf::barcode(code), None);
        shelf.ledger.execute(RecordFound { barcode, found }).unwrap();
    }
    assert!(due(&mut shelf).is_empty());
    assert_eq!(standing(&mut shelf), (1, 0, 0), "what was copied is still there");
    note(&mut shelf);
    assert!(due(&mut shelf).is_empty());
    let (barcode, found) = (shelf::barcode("TL0001"), Some(StoredBook::default()));
    shelf.clock.advance(HOUR);
    shelf.ledger.execute(RecordFound { barcode, found }).unwrap();
    assert_eq!(codes(&due(&mut shelf)), ["TL0001"]);
    assert_eq!(standing(&mut shelf), (0, 1, 0));
}

#[test]
fn no_book_is_due_any_more_where_the_second_copy_was_removed_and_all_are_once_it_is_there_again() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    shelf.ledger.execute(has_copy(false)).unwrap();
    shelf.clock.advance(HOUR);
    shelf.store("TL0002", "\"a\"");
    assert_eq!(codes(&due(&mut shelf)), ["TL0001"], "it was due before");
    shelf.ledger.execute(has_copy(true)).unwrap();
    note(&mut shelf);
    assert_eq!(codes(&due(&mut shelf)), ["TL0001", "TL0002"]);
}

#[test]
fn a_failure_waits_for_its_time_and_is_over_with_the_next_success() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    let book = due(&mut shelf).remove(0);
    let retry = CopySettlement::Retry {
        wait: HOUR,
        error: "it is full".to_owned(),
    };
    assert!(settle(&mut shelf, &book, retry));
    assert!(due(&mut shelf).is_empty());
    assert_eq!(standing(&mut shelf), (0, 1, 1));
    let story = shelf.reader().explain(&shelf::barcode("TL0001")).unwrap().unwrap();
    assert!(
        story.meaning.contains("in 1 attempt (it is full); tried again at "),
        "{}",
        story.meaning
    );
    shelf.clock.advance(HOUR);
    let book = due(&mut shelf).remove(0);
    assert_eq!(book.attempts, 1);
    assert!(settle(&mut shelf, &book, copied()));
    assert_eq!(standing(&mut shelf), (1, 0, 0));
}

#[test]
fn to_another_place_all_books_are_copied_and_its_marker_is_kept_apart() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    let book = due(&mut shelf).remove(0);
    settle(&mut shelf, &book, copied());
    for (place, id) in [(MarkedPlace::Main, "m"), (MarkedPlace::SecondCopy, "c")] {
        let (id, instead_of) = (id.to_owned(), None);
        shelf
            .ledger
            .execute(KeepStorageMark {
                place,
                id,
                layout: String::new(),
                instead_of,
            })
            .unwrap();
    }
    let mark = |shelf: &mut Shelf, place| shelf.ledger.execute(AskStorageMark(place)).unwrap();
    let of_copy = mark(&mut shelf, MarkedPlace::SecondCopy);
    assert_eq!(
        (of_copy.id.as_deref(), of_copy.of_other.as_deref()),
        (Some("c"), Some("m"))
    );
    assert_eq!(
        (of_copy.stored, of_copy.samples),
        (1, vec!["raw/TL0001/TL0001.tar.gz".to_owned()])
    );
    shelf.clock.advance(HOUR);
    shelf.store("TL0002", "\"a\"");
    shelf.store("TL0003", "\"a\"");
    let failed = due(&mut shelf).remove(0);
    let (wait, error) = (HOUR, "it is full".to_owned());
    settle(&mut shelf, &failed, CopySettlement::Retry { wait, error });
    assert_eq!(standing(&mut shelf), (1, 2, 1));
    shelf.ledger.execute(ForgetCopies { with_mark: true }).unwrap();
    assert_eq!(standing(&mut shelf), (0, 3, 0));
    assert_eq!(mark(&mut shelf, MarkedPlace::SecondCopy).id, None);
    assert_eq!(mark(&mut shelf, MarkedPlace::Main).id.as_deref(), Some("m"));
    assert_eq!(due(&mut shelf).len(), 3);
}

#[test]
fn only_what_is_copied_is_read_there() {
    let mut shelf = shelf();
    shelf.ledger.execute(has_copy(true)).unwrap();
    shelf.store("TL0001", "\"a\"");
    shelf.store("TL0002", "\"a\"");
    let books = due(&mut shelf);
    let first = books.iter().find(|due| due.recorded.path.contains("TL0001")).unwrap();
    settle(&mut shelf, first, copied());
    let selection = CheckSelection {
        purpose: CheckPurpose::Copied,
        ..CheckSelection::default()
    };
    let list = ListToCheck {
        selection,
        after: CheckCursor::default(),
        limit: 10,
    };
    let found = shelf.ledger.execute(list).unwrap();
    assert_eq!(
        found.iter().map(|book| book.code.as_str()).collect::<Vec<_>>(),
        ["TL0001"]
    );
}

#[test]
fn the_next_books_are_found_by_an_index() {
    let shelf = Shelf::in_file();
    let plan = shelf.plan("SELECT book FROM second_copies WHERE due_at <= '2' ORDER BY due_at, book LIMIT 1");
    assert!(plan.contains("second_copies_due"), "{plan}");
}
