//! What follows from reading stored books again: first digests, what is looked at once more, records that are mended, removals.

use std::collections::BTreeSet;

use crate::catalog::tests::fixity::{all, list, record, shelf};
use crate::catalog::tests::shelf::{HOUR, Shelf, barcode};
use crate::catalog::*;
use crate::vocabulary::{FixityLevel, FixityOutcome};

use FixityOutcome as O;

fn begin_removal(shelf: &mut Shelf, code: &str) -> RemovalAnswer {
    let begin = BeginRemoval {
        barcode: barcode(code),
        objects: "raw/x, meta/x".to_owned(),
        owner: "rm:1".to_owned(),
        lease: HOUR,
    };
    shelf.ledger.execute(begin).unwrap()
}

#[test]
fn what_is_removed_is_recorded_and_nobody_else_has_the_book_until_it_is_gone() {
    let mut shelf = shelf();
    let RemovalAnswer::Begun(Some(claim)) = begin_removal(&mut shelf, "TL0001") else {
        panic!("it is free");
    };
    let causes = shelf.causes("TL0001");
    assert_eq!(causes[causes.len() - 2..], ["available:removed", "checking:claimed"]);
    let story = shelf.reader().explain(&barcode("TL0001")).unwrap().unwrap();
    let note = serde_json::to_value(&story.history).unwrap().to_string();
    assert!(note.contains("raw/x, meta/x"), "{note}");
    assert_eq!(shelf.text("TL0001", "sha256"), None);
    assert!(
        shelf.claim(&[Queue::Converted]).is_empty(),
        "what is fetched meanwhile would be removed, too"
    );
    assert_eq!(begin_removal(&mut shelf, "TL0001"), RemovalAnswer::InWork);
    let over = SettleClaim {
        claim,
        settlement: ClaimSettlement::Released,
    };
    shelf.ledger.execute(over).unwrap();
    assert_eq!(shelf.state("TL0001"), BookState::Available);
    assert_eq!(shelf.claim(&[Queue::Converted]).len(), 1);
    assert_eq!(begin_removal(&mut shelf, "TL0001"), RemovalAnswer::InWork);
    // Objects of a book that the catalog does not know are nobody's.
    assert_eq!(begin_removal(&mut shelf, "NOBODYS"), RemovalAnswer::Begun(None));
}

#[test]
fn where_an_archive_was_adopted_is_known_until_all_of_it_is_removed() {
    let mut shelf = shelf();
    let place = shelf.text("TL0001", "storage_path");
    assert!(place.is_some());
    begin_removal(&mut shelf, "TL0001");
    let ask = AskPlace(barcode("TL0001"));
    let left = shelf.ledger.execute(ask.clone()).unwrap();
    assert_eq!(left.map(|left| left.path), place, "an interrupted removal is repeated");
    shelf.ledger.execute(EndRemoval(barcode("TL0001"))).unwrap();
    assert_eq!(shelf.ledger.execute(ask).unwrap(), None);
    // What is stored stays known.
    shelf.ledger.execute(EndRemoval(barcode("TL0002"))).unwrap();
    assert!(shelf.text("TL0002", "storage_path").is_some());
}

#[test]
fn what_is_removed_of_a_forgotten_book_leaves_it_out() {
    let mut shelf = shelf();
    let forget = ChangeBooks {
        barcodes: vec![barcode("TL0002")],
        wish: BookWish::Forget,
    };
    shelf.ledger.execute(forget).unwrap();
    let RemovalAnswer::Begun(Some(claim)) = begin_removal(&mut shelf, "TL0002") else {
        panic!("it is free");
    };
    let over = SettleClaim {
        claim,
        settlement: ClaimSettlement::Released,
    };
    shelf.ledger.execute(over).unwrap();
    assert_eq!(shelf.state("TL0002"), BookState::Forgotten);
    let causes = shelf.causes("TL0002");
    let last = causes[causes.len() - 3..].join(" ");
    assert_eq!(last, "forgotten:removed forgotten:claimed forgotten:handed_back");
    assert_eq!(shelf.text("TL0002", "sync_timestamp"), None);
}

#[test]
fn the_first_digest_that_is_read_of_an_adopted_archive_is_what_it_is_compared_with() {
    let mut shelf = shelf();
    let unread = "UPDATE books SET sha256 = NULL, verified = NULL, page_count = NULL WHERE barcode = 'TL0001'";
    shelf.ledger.conn().execute(unread, &[]).unwrap();
    let book = list(&mut shelf, CheckSelection::default()).remove(0);
    assert!(!book.recorded.has_manifest);
    let check = RecordCheck {
        book: book.recorded.id,
        stored_at: book.recorded.stored_at.clone(),
        evidence: FixityEvidence {
            level: FixityLevel::Digest,
            outcome: O::CouldNotCheck,
            sha256: Some("cd".repeat(32)),
            bytes: 1_000,
            findings: None,
            is_first: true,
        },
    };
    assert!(shelf.ledger.execute(check).unwrap());
    assert_eq!(
        all(&mut shelf),
        ["TL0002", "TL0003", "TL0001"],
        "it is not read for ever"
    );
    let again = list(&mut shelf, CheckSelection::default()).remove(2);
    assert_eq!(again.recorded.stored.sha256, Some("cd".repeat(32)));
    assert!(!again.recorded.has_manifest, "there was never one to be missing");
    let unverified = CheckSelection {
        unverified: true,
        ..CheckSelection::default()
    };
    assert_eq!(
        list(&mut shelf, unverified).len(),
        1,
        "it is compared, and proven by nothing"
    );
}

#[test]
fn a_record_is_mended_only_as_long_as_it_is_the_one_that_was_looked_at() {
    let mut shelf = shelf();
    let mend = |shelf: &mut Shelf, code: &str, stored_at: Option<String>| {
        let mend = MendRecord {
            barcode: barcode(code),
            stored_at,
            found: None,
        };
        shelf.ledger.execute(mend).unwrap()
    };
    let books = list(&mut shelf, CheckSelection::default());
    let stored_at = |at: usize| Some(books[at].recorded.stored_at.clone());
    assert!(!mend(&mut shelf, "TL0001", stored_at(1)), "it was stored anew since");
    assert!(!mend(&mut shelf, "TL0001", None), "nothing was recorded of it then");
    assert!(matches!(
        begin_removal(&mut shelf, "TL0002"),
        RemovalAnswer::Begun(Some(_))
    ));
    assert!(!mend(&mut shelf, "TL0002", stored_at(1)), "a worker has it");
    assert!(mend(&mut shelf, "TL0001", stored_at(0)));
    assert_eq!(shelf.state("TL0001"), BookState::Available);
    assert!(!mend(&mut shelf, "NOBODYS", stored_at(0)));
}

#[test]
fn what_was_looked_at_in_vain_or_can_be_mended_by_now_is_looked_at_after_a_while() {
    let mut shelf = shelf();
    let tried = shelf.clock.now();
    assert!(record(&mut shelf, "TL0001", O::CouldNotCheck));
    assert!(record(&mut shelf, "TL0002", O::Damaged));
    assert!(record(&mut shelf, "TL0003", O::Missing));
    shelf.clock.advance(HOUR);
    let listed = |shelf: &mut Shelf, listed: u8| {
        let sql = format!("UPDATE books SET listed_converted = {listed} WHERE barcode = 'TL0002'");
        shelf.ledger.conn().execute(&sql, &[]).unwrap();
    };
    let a_while_later = shelf.clock.now();
    let codes = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<BTreeSet<_>>();
    let of = |shelf: &mut Shelf, purpose| {
        let selection = CheckSelection {
            purpose,
            ..CheckSelection::default()
        };
        let books = list(shelf, selection);
        books.into_iter().map(|book| book.code).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(&mut shelf, CheckPurpose::Due(tried)), codes(&["TL0002", "TL0003"]));
    assert_eq!(
        of(&mut shelf, CheckPurpose::Due(a_while_later)),
        codes(&["TL0001", "TL0002", "TL0003"])
    );
    listed(&mut shelf, 0);
    assert_eq!(
        of(&mut shelf, CheckPurpose::Unsound),
        codes(&["TL0003"]),
        "GRIN has nothing better"
    );
    listed(&mut shelf, 1);
    assert_eq!(of(&mut shelf, CheckPurpose::Unsound), codes(&["TL0002", "TL0003"]));
}
