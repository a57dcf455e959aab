//! Which stored books are read again first, and the evidence of each check.

use crate::catalog::tests::shelf::{DAY, HOUR, Shelf, barcode, three};
use crate::catalog::*;
use crate::vocabulary::{FixityLevel, FixityOutcome};

use FixityOutcome as O;

pub(super) fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    for code in ["TL0001", "TL0002", "TL0003"] {
        shelf.store(code, "\"a\"");
        shelf.clock.advance(HOUR);
    }
    shelf
}

pub(super) fn list(shelf: &mut Shelf, selection: CheckSelection) -> Vec<BookToCheck> {
    let (after, limit) = (CheckCursor::default(), 100);
    let list = ListToCheck {
        selection,
        after,
        limit,
    };
    shelf.ledger.execute(list).unwrap()
}

pub(super) fn all(shelf: &mut Shelf) -> Vec<String> {
    let books = list(shelf, CheckSelection::default());
    books.into_iter().map(|book| book.code).collect()
}

pub(super) fn record(shelf: &mut Shelf, code: &str, outcome: FixityOutcome) -> bool {
    let selection = CheckSelection {
        barcodes: Some(vec![barcode(code)]),
        ..CheckSelection::default()
    };
    let book = list(shelf, selection).remove(0);
    record_of(shelf, &book, outcome)
}

fn record_of(shelf: &mut Shelf, book: &BookToCheck, outcome: FixityOutcome) -> bool {
    let check = RecordCheck {
        book: book.recorded.id,
        stored_at: book.recorded.stored_at.clone(),
        evidence: FixityEvidence {
            level: FixityLevel::Digest,
            outcome,
            sha256: Some("ab".repeat(32)),
            bytes: 1_000,
            findings: None,
            is_first: false,
        },
    };
    shelf.ledger.execute(check).unwrap()
}

#[test]
fn what_was_not_looked_at_for_the_longest_time_comes_first() {
    let mut shelf = shelf();
    assert_eq!(all(&mut shelf), ["TL0001", "TL0002", "TL0003"], "as they were stored");
    assert!(record(&mut shelf, "TL0001", O::Ok));
    assert_eq!(all(&mut shelf), ["TL0002", "TL0003", "TL0001"]);
    shelf.clock.advance(HOUR);
    assert!(record(&mut shelf, "TL0003", O::Damaged));
    assert_eq!(shelf.text("TL0003", "check_outcome").as_deref(), Some("damaged"));
    // Of a book that could not be checked nothing new is known.
    assert!(record(&mut shelf, "TL0002", O::CouldNotCheck));
    assert_eq!(all(&mut shelf), ["TL0002", "TL0001", "TL0003"]);
    assert_eq!(shelf.text("TL0002", "checked_at"), None);
}

#[test]
fn books_are_chosen_by_age_name_and_proof_one_page_after_another() {
    let mut shelf = shelf();
    let before = Some(shelf.clock.now().checked_sub(2 * HOUR).unwrap());
    let of = |selection| CountToCheck(selection);
    let old = CheckSelection {
        before,
        ..CheckSelection::default()
    };
    let counted = shelf.ledger.execute(of(old.clone())).unwrap();
    assert_eq!((counted.books, counted.bytes), (1, 1_000));
    assert_eq!(list(&mut shelf, old)[0].code, "TL0001");
    let unverified = CheckSelection {
        unverified: true,
        ..CheckSelection::default()
    };
    assert_eq!(shelf.ledger.execute(of(unverified)).unwrap(), ToCheckCounts::default());
    let (mut after, mut seen) = (CheckCursor::default(), Vec::new());
    loop {
        let next = ListToCheck {
            selection: CheckSelection::default(),
            after: after.clone(),
            limit: 1,
        };
        let Some(book) = shelf.ledger.execute(next).unwrap().pop() else {
            break;
        };
        after = book.cursor;
        seen.push(book.code);
    }
    assert_eq!(seen, ["TL0001", "TL0002", "TL0003"]);
}

#[test]
fn a_check_of_what_was_replaced_since_is_not_recorded() {
    let mut shelf = shelf();
    let before = list(&mut shelf, CheckSelection::default()).remove(0);
    assert!(record_of(&mut shelf, &before, O::Ok));
    let doubtful = RecordDoubtfulPublication {
        barcode: barcode("TL0001"),
        archive: BegunPublication {
            sha256: "cd".repeat(32),
            etag: None,
        },
    };
    shelf.ledger.execute(doubtful).unwrap();
    assert!(!record_of(&mut shelf, &before, O::Damaged), "it is being replaced");
    assert!(record_of(&mut shelf, &before, O::Ok), "it was still what was stored");
    shelf.clock.advance(DAY);
    let found = RecordFound {
        barcode: barcode("TL0001"),
        found: Some(StoredBook {
            storage_path: "raw/TL0001/TL0001.tar.gz".into(),
            ..StoredBook::default()
        }),
    };
    shelf.ledger.execute(found).unwrap();
    assert_eq!(
        shelf.text("TL0001", "checked_at"),
        None,
        "a new archive was never read again"
    );
    assert!(!record_of(&mut shelf, &before, O::Ok));
    let story = shelf.reader().explain(&barcode("TL0001")).unwrap().unwrap();
    assert_eq!(story.checks.len(), 2);
}

#[test]
fn the_evidence_cannot_be_rewritten() {
    let mut shelf = Shelf::in_file();
    three(&mut shelf);
    shelf.store("TL0001", "\"a\"");
    assert!(record(&mut shelf, "TL0001", O::Ok));
    for change in ["UPDATE fixity_checks SET outcome = 'ok'", "DELETE FROM fixity_checks"] {
        let error = shelf.sqlite().execute(change, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[test]
fn the_next_books_are_found_by_an_index() {
    let shelf = Shelf::in_file();
    let plan = shelf.plan(
        "SELECT id FROM books WHERE sync_timestamp IS NOT NULL AND storage_path IS NOT NULL \
         AND ifnull(checked_at, sync_timestamp) < '2' AND ifnull(checked_at, sync_timestamp) >= '1' \
         ORDER BY ifnull(checked_at, sync_timestamp), id LIMIT 9",
    );
    assert!(plan.contains("books_check"), "{plan}");
}

fn fetch_again(shelf: &mut Shelf, book: &BookToCheck, keeps: Option<&str>) -> bool {
    let fetch = FetchAgain {
        book: book.recorded.id,
        stored_at: book.recorded.stored_at.clone(),
        keeps: keeps.map(str::to_owned),
        wait: HOUR,
    };
    shelf.ledger.execute(fetch).unwrap()
}

#[test]
fn a_book_that_is_not_sound_is_available_again_once_its_objects_were_moved() {
    let mut shelf = shelf();
    let books = list(&mut shelf, CheckSelection::default());
    assert!(fetch_again(&mut shelf, &books[0], None));
    assert!(!fetch_again(&mut shelf, &books[0], None), "it is no longer stored");
    assert_eq!(shelf.state("TL0001"), BookState::Available);
    assert_eq!(shelf.text("TL0001", "publishing_sha256"), None);
    assert_eq!(shelf.causes("TL0001").last().unwrap(), "available:unsound");
    assert!(
        shelf.claim(&[Queue::Converted]).is_empty(),
        "not before its archive was moved away"
    );
    let moved = EndWait {
        book: books[0].recorded.id,
    };
    shelf.ledger.execute(moved).unwrap();
    assert_eq!(shelf.claim(&[Queue::Converted]).len(), 1);
    // Its archive is sound, and the rest is made anew from that, as after a publication that was killed.
    assert!(fetch_again(&mut shelf, &books[1], Some("as read")));
    let begun = shelf.text("TL0002", "publishing_sha256");
    assert_eq!(
        (begun.as_deref(), shelf.text("TL0002", "sha256")),
        (Some("as read"), None)
    );
    // Wherever it is: it may have been adopted, without a digest.
    let place = shelf.text("TL0002", "storage_path");
    assert_eq!(place.as_ref(), Some(&books[1].recorded.path));
    shelf.clock.advance(DAY);
    let claimed = shelf.claim(&[Queue::Converted]);
    let claimed = claimed
        .iter()
        .find(|book| book.claim.barcode.as_str() == "TL0002")
        .unwrap();
    assert_eq!((&claimed.path, &claimed.stored), (&place, &None));
}

#[test]
fn how_far_the_reading_is_counts_without_reading_the_books() {
    let mut shelf = shelf();
    let before = shelf.now_plus(HOUR);
    let ask = AskFixity {
        before,
        again_before: shelf.now_plus(2 * DAY),
    };
    let first = list(&mut shelf, CheckSelection::default()).remove(0);
    let standing = shelf.ledger.execute(ask).unwrap();
    let expected = FixityStanding {
        oldest: first.recorded.stored_at.parse().ok(),
        stored: 3,
        due: 3,
        unsound: 0,
        again: 0,
        mean_bytes: 1_000,
    };
    assert_eq!(standing, expected);
    shelf.clock.advance(DAY);
    assert!(record(&mut shelf, "TL0001", O::Damaged));
    let standing = shelf.ledger.execute(ask).unwrap();
    assert_eq!((standing.due, standing.unsound, standing.again), (2, 1, 1));
    let empty = Shelf::new().ledger.execute(ask).unwrap();
    assert_eq!(empty, FixityStanding::default());
}
