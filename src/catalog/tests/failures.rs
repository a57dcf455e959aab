//! When failed books are tried again.

use crate::catalog::tests::shelf::{HOUR, Shelf, barcode, codes, converted, given_up, only, queue, retry, three};
use crate::catalog::*;
use crate::grin::ListKind;

#[test]
fn failed_books_are_tried_again_at_growing_intervals_after_those_that_did_not_fail() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("timeout")).unwrap();
    assert_eq!(codes(&shelf.claim_of("one", queue(&[Queue::Converted]), 1)), ["TL0002"]);
    shelf.clock.advance(HOUR * 23);
    assert!(!codes(&shelf.claim(&[Queue::Converted])).contains(&"TL0001"), "not yet");
    shelf.leave("one");
    shelf.clock.advance(HOUR);
    let again = shelf.claim(&[Queue::Converted]);
    assert_eq!(codes(&again), ["TL0002", "TL0003", "TL0001"], "a day later, and last");
    shelf.settle(&again[2], given_up("timeout")).unwrap();
    shelf.clock.advance(HOUR * 47);
    assert!(shelf.claim(&[Queue::Converted]).is_empty(), "two days the second time");
    shelf.clock.advance(HOUR);
    let third = shelf.claim(&[Queue::Converted]);
    assert_eq!(codes(&third), ["TL0001"]);
    shelf.settle(&third[0], ClaimSettlement::Released).unwrap();
    assert_eq!(
        codes(&shelf.claim(&[Queue::Converted])),
        ["TL0001"],
        "released, it is still due"
    );
}

#[test]
fn a_book_whose_bytes_are_proven_bad_waits_for_another_archive_or_a_person() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("damaged_at_source")).unwrap();
    shelf.clock.advance(HOUR * 24 * 365);
    assert!(!codes(&shelf.claim(&[Queue::Converted])).contains(&"TL0001"));
    let reset = ResetFailed {
        only: Some(vec![barcode("TL0001")]),
        reason: None,
    };
    assert_eq!(shelf.ledger.execute(reset).unwrap(), 1);
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0001"]);
}

#[test]
fn a_named_book_that_waits_for_its_next_attempt_can_be_reset() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    let at = shelf.now_plus(HOUR);
    shelf.settle(&claimed[0], retry(at)).unwrap();
    let reset = ResetFailed {
        only: Some(vec![barcode("TL0001"), barcode("TL0404")]),
        reason: None,
    };
    assert_eq!(shelf.ledger.execute(reset).unwrap(), 1);
    assert_eq!(codes(&shelf.claim_of("one", only(&["TL0001"]), 1)), ["TL0001"]);
}

#[test]
fn the_status_counts_the_books_put_off_once_a_minute() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let put_off = |shelf: &mut Shelf, last| {
        let pace = shelf
            .ledger
            .execute(AskPace {
                last,
                ..AskPace::default()
            })
            .unwrap();
        (pace.inputs.put_off, pace.put_off)
    };
    let (none, last) = put_off(&mut shelf, None);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    let at = shelf.now_plus(HOUR);
    shelf.settle(&claimed[0], retry(at)).unwrap();
    let told = put_off(&mut shelf, Some(last.clone())).0;
    shelf.clock.advance(HOUR / 60);
    assert_eq!((none, told, put_off(&mut shelf, Some(last)).0), (0, 0, 1));
}

/// The number of failed books is always of now, also where so few books changed that the others are not counted anew.
#[test]
fn a_book_that_fails_and_is_tried_again_is_at_no_moment_told_as_given_up() {
    let mut shelf = Shelf::new();
    let rows = (1..=100).map(|n| converted(&format!("TL{n:04}"), "2025/06/01"));
    shelf.list(ListKind::Converted, rows.collect());
    let mut last = shelf.ledger.execute(AskPace::default()).unwrap().put_off;
    for (code, reason, expected) in [
        ("TL0001", "timeout", (0, 1)),
        ("TL0002", "damaged_at_source", (1, 1)),
        ("TL0003", "timeout", (1, 2)),
    ] {
        let claimed = shelf.claim_of("one", only(&[code]), 1);
        shelf.settle(&claimed[0], given_up(reason)).unwrap();
        let asked = AskPace {
            last: Some(last),
            ..AskPace::default()
        };
        let pace = shelf.ledger.execute(asked).unwrap();
        assert_eq!((pace.inputs.given_up, pace.inputs.put_off), expected, "{code}");
        last = pace.put_off;
    }
}

#[test]
fn the_book_that_waits_longest_is_told_until_it_is_taken() {
    let mut shelf = Shelf::new();
    let oldest = |shelf: &mut Shelf| {
        let pace = shelf.ledger.execute(AskPace::default()).unwrap();
        pace.oldest_pending.map(crate::clock::stamp)
    };
    assert_eq!(oldest(&mut shelf), None, "no book is known");
    let begun = shelf.now_plus(std::time::Duration::ZERO);
    three(&mut shelf);
    shelf.clock.advance(HOUR);
    assert_eq!(oldest(&mut shelf), Some(crate::clock::stamp(begun)));
    let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 3);
    assert_eq!(oldest(&mut shelf), None, "all are in hand");
    let later = shelf.now_plus(HOUR);
    for book in &claimed {
        shelf.settle(book, retry(later)).unwrap();
    }
    let told = shelf.now_plus(std::time::Duration::ZERO);
    assert_eq!(
        oldest(&mut shelf),
        Some(crate::clock::stamp(told)),
        "since they were put off"
    );
}

#[test]
fn what_each_claim_status_and_report_asks_is_answered_from_small_indexes() {
    use crate::catalog::planning::select::{FAILED_DUE, UNRECORDED};
    use crate::catalog::queries::failures::LAST_FAILED;
    use crate::catalog::queries::pace::{OLDEST_PENDING, PUT_OFF_AVAILABLE, PUT_OFF_FAILED};
    use crate::catalog::queries::wanted_books::{LOST, NOT_CONVERTED, PREVIOUS};
    let shelf = Shelf::in_file();
    let unverified = "SELECT sum(verified IS NULL) FROM books WHERE sync_timestamp IS NOT NULL AND verified IS NOT 1";
    let cases = [
        (UNRECORDED, "books_publishing"),
        (FAILED_DUE, "books_failed_due"),
        (PUT_OFF_AVAILABLE, "INDEX books_put_off"),
        (PUT_OFF_FAILED, "INDEX books_failed_due"),
        (LAST_FAILED, "INDEX books_last_failed"),
        (LOST, "INDEX books_pushed_out"),
        (PREVIOUS, "COVERING INDEX books_previous"),
        (NOT_CONVERTED, "INDEX books_conversion_failed"),
        (OLDEST_PENDING, "COVERING INDEX books_pending"),
        (unverified, "COVERING INDEX books_unverified"),
    ];
    for (sql, index) in cases {
        let plan = shelf.plan(sql);
        assert!(plan.contains(index), "{sql}: {plan}");
    }
}
