//! Claims, leases and queues.

use crate::catalog::tests::shelf::{
    LEASE, Shelf, barcode, codes, converted, given_up, only, queue, row, stored, three,
};
use crate::catalog::*;
use crate::grin::{GrinDate, ListKind};

use BookState as S;

#[test]
fn the_oldest_conversion_goes_first_unknown_dates_last() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0009", "")]);
    three(&mut shelf);
    let claimed = shelf.claim(&[Queue::Converted]);
    assert_eq!(codes(&claimed), ["TL0002", "TL0001", "TL0003", "TL0009"]);
    assert!(
        claimed
            .iter()
            .all(|claimed| claimed.state == S::Available && claimed.listed_converted)
    );
    assert!(
        shelf.claim(&[Queue::Converted]).is_empty(),
        "nothing is handed out twice"
    );
    assert_eq!(shelf.causes("TL0001"), ["available:listed", "checking:claimed"]);
}

#[test]
fn priority_goes_before_age() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let first = || ChangeBooks {
        barcodes: vec![barcode("TL0003")],
        wish: BookWish::First,
    };
    assert_eq!(shelf.ledger.execute(first()).unwrap().changed, 1);
    assert_eq!(
        shelf.ledger.execute(first()).unwrap().unchanged,
        [(barcode("TL0003"), S::Available)]
    );
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0003", "TL0002", "TL0001"]);
}

#[test]
fn the_limit_counts_only_what_remains_to_be_done() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    for expected in ["TL0002", "TL0001", "TL0003"] {
        let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
        assert_eq!(codes(&claimed), [expected], "stored books take no place");
        shelf.settle(&claimed[0], stored(expected, "\"a\"")).unwrap();
    }
    assert!(shelf.claim(&[Queue::Converted]).is_empty());
    assert!(
        shelf.claim_of("one", only(&["TL0001"]), 1).is_empty(),
        "stored and unchanged"
    );
}

#[test]
fn a_lease_runs_out_and_the_late_holder_is_told_so() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let first = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
    shelf.clock.advance(LEASE);
    let second = shelf.claim_of("two", queue(&[Queue::Converted]), 1);
    assert_eq!(codes(&second), codes(&first));
    let late = shelf.settle(&first[0], stored("TL0002", "\"old\"")).unwrap_err();
    assert!(matches!(late, CatalogError::Stale { .. }), "{late}");
    assert_eq!(shelf.state("TL0002"), S::Checking);
    shelf.settle(&second[0], stored("TL0002", "\"new\"")).unwrap();
    assert_eq!(shelf.text("TL0002", "encrypted_etag").as_deref(), Some("\"new\""));
}

#[test]
fn the_same_owner_with_an_older_claim_is_stale_too() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let first = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
    shelf.leave("one");
    let again = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
    assert_ne!(first[0].claim.fence, again[0].claim.fence);
    assert!(matches!(
        shelf.settle(&first[0], ClaimSettlement::Released),
        Err(CatalogError::Stale { .. })
    ));
    shelf.settle(&again[0], ClaimSettlement::Released).unwrap();
    assert!(
        matches!(
            shelf.settle(&again[0], ClaimSettlement::Released),
            Err(CatalogError::Stale { .. })
        ),
        "settled once"
    );
}

#[test]
fn a_late_holder_whose_book_nobody_took_may_still_settle() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
    shelf.clock.advance(LEASE * 2);
    assert_eq!(shelf.settle(&claimed[0], stored("TL0002", "\"a\"")).unwrap(), S::Stored);
}

#[test]
fn renewing_keeps_a_claim_and_names_the_lost_ones() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 2);
    shelf.settle(&claimed[1], ClaimSettlement::Released).unwrap();
    shelf.clock.advance(LEASE / 2);
    let both = claimed.iter().map(|claimed| claimed.claim.clone()).collect();
    let lost = shelf
        .ledger
        .execute(RenewClaims {
            owner: "one".into(),
            claims: both,
            lease: LEASE,
        })
        .unwrap();
    assert_eq!(lost, [claimed[1].claim.clone()]);
    shelf.clock.advance(LEASE - LEASE / 4);
    assert!(!codes(&shelf.claim_of("two", queue(&[Queue::Converted]), 9)).contains(&"TL0002"));
}

#[test]
fn what_an_owner_gives_back_can_be_claimed_at_once() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.claim_of("one", queue(&[Queue::Converted]), 2);
    shelf.claim_of("two", queue(&[Queue::Converted]), 1);
    shelf.reopen();
    assert_eq!(shelf.leave("one"), 2);
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0002", "TL0001"]);
    assert_eq!(shelf.state("TL0003"), S::Checking, "another's claim is left alone");
}

#[test]
fn a_stored_book_counts_as_changed_when_grin_converted_it_anew() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.store("TL0001", "\"a\"");
    three(&mut shelf);
    assert!(
        shelf.claim(&[Queue::Changed]).is_empty(),
        "the same dates mean the same archive"
    );
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/09/01")]);
    let claimed = shelf.claim(&[Queue::Changed]);
    assert_eq!(codes(&claimed), ["TL0001"]);
    let archive = claimed[0].stored.as_ref().unwrap();
    assert_eq!(archive.etag.as_deref(), Some("\"a\""), "compared with what is stored");
    assert_eq!(shelf.settle(&claimed[0], ClaimSettlement::UpToDate).unwrap(), S::Stored);
    assert!(
        shelf.claim(&[Queue::Changed]).is_empty(),
        "looked at once for these dates"
    );
}

#[test]
fn force_and_recheck_take_stored_books_once_in_each_run() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.store("TL0001", "\"a\"");
    shelf.reopen();
    let forced = BookSelection {
        force: true,
        ..only(&["TL0001"])
    };
    let claimed = shelf.claim_of("one", forced.clone(), 9);
    assert_eq!(codes(&claimed), ["TL0001"]);
    shelf.settle(&claimed[0], ClaimSettlement::UpToDate).unwrap();
    assert!(shelf.claim_of("one", forced, 9).is_empty(), "not in a circle");

    shelf.clock.advance(std::time::Duration::from_secs(1));
    let recheck = BookSelection {
        recheck_before: Some(shelf.clock.now()),
        ..queue(&[Queue::Changed])
    };
    assert!(!shelf.claim_of("one", recheck.clone(), 9).is_empty());
    let forced = BookSelection {
        force: true,
        ..queue(&[Queue::Converted])
    };
    shelf.reopen();
    shelf.leave("one");
    let all = shelf.claim_of("one", forced, 9);
    assert_eq!(codes(&all), ["TL0002", "TL0001", "TL0003"], "in turn");
}

#[test]
fn failed_books_are_tried_once_more_in_each_run() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("checksum_mismatch")).unwrap();
    assert!(shelf.claim(&[Queue::Failed]).is_empty(), "it failed in this run");
    assert_eq!(
        shelf.reader().report(&WantedBooks::default()).unwrap().failures,
        [("checksum_mismatch".to_owned(), 1)]
    );
    shelf.reopen();
    let again = shelf.claim(&[Queue::Failed]);
    assert_eq!(codes(&again), ["TL0001"]);
    assert!(
        shelf
            .reader()
            .report(&WantedBooks::default())
            .unwrap()
            .failures
            .is_empty()
    );
    shelf.settle(&again[0], given_up("checksum_mismatch")).unwrap();
    assert!(shelf.claim(&[Queue::Failed]).is_empty());
    assert_eq!(
        shelf.reader().report(&WantedBooks::default()).unwrap().failures,
        [("checksum_mismatch".to_owned(), 1)]
    );
}

#[test]
fn a_failed_book_that_is_handed_back_is_failed_again() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("checksum_mismatch")).unwrap();
    shelf.reopen();
    let again = shelf.claim(&[Queue::Failed]);
    assert_eq!(shelf.settle(&again[0], ClaimSettlement::Released).unwrap(), S::Failed);
    assert_eq!(
        shelf.reader().report(&WantedBooks::default()).unwrap().failures,
        [("checksum_mismatch".to_owned(), 1)]
    );
}

#[test]
fn resetting_makes_given_up_books_as_new() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    for (code, reason) in [("TL0001", "checksum_mismatch"), ("TL0002", "timeout")] {
        let claimed = shelf.claim_of("one", only(&[code]), 1);
        shelf.settle(&claimed[0], given_up(reason)).unwrap();
    }
    let reset = ResetFailed {
        only: None,
        reason: Some("timeout".into()),
    };
    assert_eq!(shelf.ledger.execute(reset).unwrap(), 1);
    assert_eq!(
        (shelf.state("TL0001"), shelf.state("TL0002")),
        (S::Failed, S::Available)
    );
    assert_eq!(shelf.ledger.execute(ResetFailed::default()).unwrap(), 1);
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0002", "TL0001", "TL0003"]);
}

#[test]
fn named_books_are_looked_for_whatever_their_queue() {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::AllBooks,
        vec![row("TL0001", "PREVIOUSLY_DOWNLOADED"), row("TL0002", "NEW")],
    );
    let new = shelf
        .ledger
        .execute(EnsureKnown(vec![barcode("TL0001"), barcode("TL0007")]))
        .unwrap();
    assert_eq!(new, 1);
    let named = only(&["TL0007", "TL0001", "TL0002", "TL0001", "TL0404"]);
    let claimed = shelf.claim_of("one", named.clone(), 9);
    assert_eq!(
        codes(&claimed),
        ["TL0007", "TL0001"],
        "what was never converted need not be looked for"
    );
    for claimed in &claimed {
        assert_eq!(shelf.settle(claimed, ClaimSettlement::NotConverted).unwrap(), S::Known);
    }
    assert!(shelf.claim_of("one", named.clone(), 9).is_empty(), "a 404 settles it");
    let plan = PlanConversions {
        selection: named,
        limit: 9,
        queue_limit: 9,
    };
    let plan = shelf.ledger.execute(plan).unwrap();
    assert_eq!(plan.barcodes, ["TL0007", "TL0001", "TL0002"].map(barcode));
}

#[test]
fn queues_share_fairly_and_repeat_their_order() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.list(
        ListKind::Converted,
        vec![converted("TL0011", "2025/01/01"), converted("TL0012", "2025/01/02")],
    );
    shelf.store("TL0011", "\"a\"");
    shelf.store("TL0012", "\"a\"");
    shelf.list(
        ListKind::Converted,
        vec![converted("TL0011", "2025/09/02"), converted("TL0012", "2025/09/01")],
    );
    let both = [Queue::Changed, Queue::Converted];
    let expected = ["TL0012", "TL0002", "TL0011", "TL0001", "TL0003"];
    assert_eq!(codes(&shelf.claim(&both)), expected);
    shelf.leave("one");
    assert_eq!(codes(&shelf.claim_of("one", queue(&both), 3)), expected[..3]);
}

#[test]
fn the_remainder_tells_a_run_when_to_end() {
    let mut shelf = Shelf::new();
    let selection = queue(&[Queue::Converted]);
    let ask = |shelf: &mut Shelf| shelf.ledger.execute(AskRemaining(queue(&[Queue::Converted]))).unwrap();
    let left = ask(&mut shelf);
    assert_eq!((left.ready, left.to_convert, left.claimed), (false, false, 0));
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    assert!(ask(&mut shelf).ready);
    let claimed = shelf.claim_of("one", selection, 9);
    let left = ask(&mut shelf);
    assert_eq!((left.ready, left.claimed), (false, 1));
    shelf.settle(&claimed[0], ClaimSettlement::NotConverted).unwrap();
    assert!(
        ask(&mut shelf).to_convert,
        "pushed out: its conversion can be asked for"
    );
    let answer = (
        barcode("TL0001"),
        crate::grin::ProcessOutcome::Requested,
        "Success".into(),
    );
    shelf.ledger.execute(RecordConversions(vec![answer])).unwrap();
    let left = ask(&mut shelf);
    assert_eq!((left.ready, left.to_convert, left.claimed), (false, false, 0));
    assert_eq!(left.waiting_for_grin, 1);
}

#[test]
fn a_claim_carries_what_the_worker_needs() {
    let mut shelf = Shelf::new();
    let mut listed = converted("TL0001", "2025/06/01");
    listed.file_name = crate::grin::FileName::parse("TESTLIB_TL0001.tar.gz.gpg").ok();
    listed.title = Some("On Tides".into());
    listed.dates.scanned = GrinDate::read("2011/02/03");
    shelf.list(ListKind::Converted, vec![listed]);
    let claimed = shelf.claim(&[Queue::All]).remove(0);
    assert_eq!(claimed.file_name.unwrap().as_str(), "TESTLIB_TL0001.tar.gz.gpg");
    assert_eq!(claimed.title.as_deref(), Some("On Tides"));
    assert_eq!((claimed.stored, claimed.attempts), (None, 0));
}
