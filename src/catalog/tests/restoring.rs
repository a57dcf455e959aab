//! A book whose objects are put in their places again, or fetched beside its archive, stays stored whatever cuts the work.

use crate::catalog::tests::fixity::{list, record, shelf};
use crate::catalog::tests::shelf::{DAY, HOUR, Shelf};
use crate::catalog::*;
use crate::clock::earlier;
use crate::vocabulary::FixityOutcome;

fn begin_restore(shelf: &mut Shelf, book: &BookToCheck) -> Option<ClaimToken> {
    let begin = BeginRestore {
        book: book.recorded.id,
        stored_at: book.recorded.stored_at.clone(),
        owner: "restore:1".to_owned(),
        lease: HOUR,
    };
    shelf.ledger.execute(begin).unwrap()
}

fn fetch_beside(shelf: &mut Shelf, book: &BookToCheck) -> bool {
    let fetch = FetchBeside {
        book: book.recorded.id,
        stored_at: book.recorded.stored_at.clone(),
        sha256: book.recorded.stored.sha256.clone().unwrap(),
    };
    shelf.ledger.execute(fetch).unwrap()
}

fn due_again(shelf: &mut Shelf) -> u64 {
    let again_before = earlier(shelf.clock.now(), DAY);
    let ask = AskFixity {
        before: again_before,
        again_before,
    };
    shelf.ledger.execute(ask).unwrap().again
}

#[test]
fn a_restore_that_is_cut_leaves_the_book_stored_and_it_is_looked_at_at_once() {
    let mut shelf = shelf();
    let book = list(&mut shelf, CheckSelection::default()).remove(0);
    assert!(record(&mut shelf, "TL0001", FixityOutcome::Missing));
    assert_eq!(due_again(&mut shelf), 0, "it was looked at just now");
    let claim = begin_restore(&mut shelf, &book).expect("it is free");
    assert_eq!(begin_restore(&mut shelf, &book), None, "somebody has it");
    assert!(!fetch_beside(&mut shelf, &book));
    // Killed: the claim ends by itself.
    shelf.clock.advance(HOUR);
    assert!(shelf.claim(&[Queue::Converted]).is_empty(), "there is nothing to fetch");
    assert_eq!(shelf.state("TL0001"), BookState::Stored);
    assert_eq!(
        shelf.text("TL0001", "sync_timestamp"),
        Some(book.recorded.stored_at.clone())
    );
    assert_eq!(due_again(&mut shelf), 1);
    let unsound = CheckSelection {
        before: Some(earlier(shelf.clock.now(), DAY)),
        purpose: CheckPurpose::Unsound,
        ..CheckSelection::default()
    };
    let again = list(&mut shelf, unsound);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].recorded, book.recorded);
    // Seen through: released, and recorded as it was.
    let claim = begin_restore(&mut shelf, &book).filter(|again| again.fence > claim.fence);
    let settlement = ClaimSettlement::Released;
    let claim = claim.expect("it is free again");
    shelf.ledger.execute(SettleClaim { claim, settlement }).unwrap();
    assert_eq!(shelf.state("TL0001"), BookState::Stored);
    let other = BookToCheck {
        recorded: RecordedBook {
            stored_at: "2020".to_owned(),
            ..book.recorded.clone()
        },
        ..book
    };
    assert_eq!(begin_restore(&mut shelf, &other), None, "it was replaced since");
}

#[test]
fn an_archive_is_fetched_once_more_whatever_validator_is_stored_and_stays_stored() {
    let mut shelf = shelf();
    let book = list(&mut shelf, CheckSelection::default()).remove(0);
    assert!(fetch_beside(&mut shelf, &book));
    assert!(!fetch_beside(&mut shelf, &book), "it is begun");
    assert_eq!(begin_restore(&mut shelf, &book), None);
    assert_eq!(shelf.state("TL0001"), BookState::Stored);
    let claimed = shelf.claim(&[Queue::Converted]).remove(0);
    assert_eq!(claimed.claim.barcode.as_str(), "TL0001");
    assert!(claimed.is_fetched_beside());
    assert_eq!(claimed.stored, Some(book.recorded.stored.clone()));
    // GRIN has it no more: it is what it was.
    let state = shelf.settle(&claimed, ClaimSettlement::NotConverted).unwrap();
    assert_eq!(state, BookState::Stored);
    assert_eq!(shelf.text("TL0001", "publishing_sha256"), None);
    let now = list(&mut shelf, CheckSelection::default()).remove(0);
    assert_eq!(now.recorded, book.recorded);
}

#[test]
fn only_the_stored_archive_itself_without_a_validator_is_fetched_whatever_is_stored() {
    let mut shelf = shelf();
    let book = list(&mut shelf, CheckSelection::default()).remove(0);
    fetch_beside(&mut shelf, &book);
    let claimed = shelf.claim(&[Queue::Converted]).remove(0);
    let sha256 = book.recorded.stored.sha256.unwrap();
    let begun = |sha256: &str, etag: Option<&str>| {
        let (sha256, etag) = (sha256.to_owned(), etag.map(str::to_owned));
        Some(BegunPublication { sha256, etag })
    };
    for (publishing, expected) in [
        (None, false),
        (begun(&sha256, None), true),
        (begun(&sha256, Some("\"a\"")), false),
        (begun("another", None), false),
    ] {
        let book = ClaimedBook {
            publishing: publishing.clone(),
            ..claimed.clone()
        };
        assert_eq!(book.is_fetched_beside(), expected, "{publishing:?}");
        let new = ClaimedBook { stored: None, ..book };
        assert!(!new.is_fetched_beside());
    }
}
