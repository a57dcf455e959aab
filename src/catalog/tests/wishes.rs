//! What an operator wants of books that are named.

use crate::catalog::tests::shelf::{DAY, Shelf, barcode, codes, given_up, only, queue, retry, row, stored, three};
use crate::catalog::*;
use crate::grin::ListKind;
use crate::vocabulary::UnrequestedBook;

use BookState as S;

#[test]
fn a_retry_resets_what_failed_or_waits_and_one_unknown_barcode_refuses_it_whole() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("checksum_mismatch")).unwrap();
    let claimed = shelf.claim_of("one", only(&["TL0002"]), 1);
    let later = shelf.clock.now().checked_add(DAY).unwrap();
    shelf.settle(&claimed[0], retry(later)).unwrap();
    let named = |codes: &[&str]| ChangeBooks {
        barcodes: codes.iter().map(|code| barcode(code)).collect(),
        wish: BookWish::Retry,
    };

    let refused = shelf.ledger.execute(named(&["TL0001", "TL0404"])).unwrap();
    assert_eq!((refused.changed, refused.unknown), (0, vec![barcode("TL0404")]));
    assert_eq!(shelf.state("TL0001"), S::Failed, "nothing was changed");

    let done = shelf.ledger.execute(named(&["TL0001", "TL0002", "TL0003"])).unwrap();
    assert_eq!((done.changed, done.unknown.len()), (2, 0));
    assert_eq!(
        done.unchanged,
        [(barcode("TL0003"), S::Available)],
        "it was due already"
    );
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])).len(), 3, "all are due now");
    shelf.reopen();
    assert_eq!(
        shelf.reader().report(&WantedBooks::default()).unwrap().failures,
        [],
        "the totals follow"
    );
}

#[test]
fn of_a_forgotten_book_that_waited_for_its_next_attempt_no_attempt_is_told() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    let later = shelf.now_plus(DAY);
    shelf.settle(&claimed[0], retry(later)).unwrap();
    let meaning = |shelf: &mut Shelf| {
        shelf.reopen();
        shelf.reader().explain(&barcode("TL0001")).unwrap().unwrap().meaning
    };
    let told = meaning(&mut shelf);
    assert!(
        told.contains("It is tried again at ") && told.contains(" UTC."),
        "{told}"
    );
    let wish = BookWish::Forget;
    let barcodes = vec![barcode("TL0001")];
    shelf.ledger.execute(ChangeBooks { barcodes, wish }).unwrap();
    let told = meaning(&mut shelf);
    assert!(told.contains("left out") && !told.contains("tried again"), "{told}");
}

#[test]
fn what_goes_before_others_is_due_and_what_has_nothing_to_fetch_is_named() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.list(
        ListKind::AllBooks,
        vec![
            row("TL0005", "NEW"),
            row("TL0006", "PREVIOUSLY_DOWNLOADED"),
            row("TL0007", "CHECKED_IN"),
        ],
    );
    shelf.store("TL0001", "\"a\"");
    let claimed = shelf.claim_of("one", only(&["TL0002"]), 1);
    let later = shelf.now_plus(DAY);
    shelf.settle(&claimed[0], retry(later)).unwrap();
    let claimed = shelf.claim_of("one", only(&["TL0003"]), 1);
    shelf.settle(&claimed[0], given_up("checksum_mismatch")).unwrap();
    let codes_of = ["TL0001", "TL0002", "TL0003", "TL0005", "TL0006", "TL0007"];
    let first = ChangeBooks {
        barcodes: codes_of.map(barcode).into(),
        wish: BookWish::First,
    };
    let done = shelf.ledger.execute(first).unwrap();
    assert_eq!(
        (done.changed, done.unchanged),
        (5, vec![(barcode("TL0001"), S::Stored)])
    );
    assert_eq!(
        done.unrequested,
        [
            (barcode("TL0005"), Some(UnrequestedBook::Unconverted)),
            (barcode("TL0006"), Some(UnrequestedBook::Previous)),
            (barcode("TL0007"), None),
        ]
    );
    let claimed = shelf.claim(&[Queue::Converted]);
    assert_eq!(codes(&claimed), ["TL0002", "TL0003"], "both are due");
    assert_eq!([claimed[0].attempts, claimed[1].attempts], [0, 0], "as after a retry");
}

#[test]
fn a_forgotten_book_is_left_alone_whatever_is_said_of_it_and_a_retry_brings_it_back() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], stored("TL0001", "\"a\"")).unwrap();
    let claimed = shelf.claim_of("one", only(&["TL0002"]), 1);
    let all = |wish| ChangeBooks {
        barcodes: ["TL0001", "TL0002", "TL0003", "TL0003"].map(barcode).into(),
        wish,
    };
    assert_eq!(shelf.ledger.execute(all(BookWish::Forget)).unwrap().changed, 3);
    assert_eq!(
        shelf.reader().counts().unwrap().of(S::Forgotten),
        3,
        "one was named twice"
    );
    assert!(
        shelf.settle(&claimed[0], stored("TL0002", "\"b\"")).is_err(),
        "its claim is over"
    );
    three(&mut shelf);
    for code in ["TL0001", "TL0002", "TL0003"] {
        assert_eq!(shelf.state(code), S::Forgotten, "{code}");
    }
    let everything = BookSelection {
        force: true,
        ..queue(&[Queue::All, Queue::Changed])
    };
    assert!(shelf.claim_of("one", everything, 9).is_empty());
    assert!(shelf.claim_of("one", only(&["TL0001", "TL0003"]), 9).is_empty());
    assert_eq!(shelf.ledger.execute(all(BookWish::Retry)).unwrap().changed, 3);
    assert_eq!(shelf.state("TL0001"), S::Stored, "what is stored was never gone");
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])).len(), 2);
}

#[test]
fn a_pause_that_ends_by_itself_leaves_the_one_that_began_meanwhile() {
    let mut shelf = Shelf::new();
    let (instance, now) = ("one".to_owned(), shelf.clock.now());
    let begin = |until| BeginPause {
        instance: instance.clone(),
        pause: OperatorPause { since: now, until },
    };
    let end = EndPause {
        instance: instance.clone(),
        by_itself: true,
    };
    shelf.ledger.execute(begin(Some(now))).unwrap();
    assert!(shelf.ledger.execute(end.clone()).unwrap());
    shelf.ledger.execute(begin(None)).unwrap();
    assert!(!shelf.ledger.execute(end).unwrap());
    let instance = instance.clone();
    assert!(shelf.ledger.execute(AskPause { instance }).unwrap().is_some());
}

#[test]
fn what_the_storage_lost_is_fetched_again_whatever_the_backup_had_begun_with_it() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    for code in ["TL0001", "TL0002"] {
        shelf.store(code, "\"a\"");
    }
    let of_first = |wish| ChangeBooks {
        barcodes: vec![barcode("TL0001")],
        wish,
    };
    shelf.ledger.execute(of_first(BookWish::Forget)).unwrap();
    shelf.reopen();
    let forced = BookSelection {
        force: true,
        ..only(&["TL0002"])
    };
    let claimed = shelf.claim_of("one", forced, 1);
    for code in ["TL0001", "TL0002"] {
        let (barcode, found) = (barcode(code), None);
        shelf.ledger.execute(RecordFound { barcode, found }).unwrap();
    }
    assert!(
        shelf.settle(&claimed[0], ClaimSettlement::Released).is_err(),
        "its claim is over"
    );
    assert_eq!(shelf.state("TL0002"), S::Available);
    assert_eq!(shelf.state("TL0001"), S::Forgotten);
    shelf.ledger.execute(of_first(BookWish::Retry)).unwrap();
    assert_eq!(shelf.state("TL0001"), S::Available, "nothing is stored of it");
}
