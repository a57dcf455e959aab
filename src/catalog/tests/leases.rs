//! Claims, clocks and publications.

use std::time::Duration;

use crate::catalog::tests::sharing::{card, join, renew as renew_member};
use crate::catalog::tests::shelf::{HOUR, LEASE, Shelf, barcode, codes, only, queue, retry, stored, three};
use crate::catalog::*;

use BookState as S;

fn renew(shelf: &mut Shelf, owner: &str, claimed: &[ClaimedBook]) -> Vec<ClaimToken> {
    let renew = RenewClaims {
        owner: owner.into(),
        claims: claimed.iter().map(|claimed| claimed.claim.clone()).collect(),
        lease: LEASE,
    };
    shelf.ledger.execute(renew).unwrap()
}

#[test]
fn a_wall_clock_that_steps_by_hours_ends_no_claim_and_keeps_none() {
    const STEP: i64 = 5 * 3_600_000;
    for step in [STEP, -STEP] {
        let mut shelf = Shelf::new();
        three(&mut shelf);
        let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
        shelf.clock.step(step);
        let others = shelf.claim_of("two", queue(&[Queue::Converted]), 9);
        assert!(!codes(&others).contains(&"TL0002"), "stepped by {step} ms");
        assert!(renew(&mut shelf, "one", &claimed).is_empty());
        shelf.clock.advance(LEASE);
        let late = shelf.claim_of("three", queue(&[Queue::Converted]), 9);
        assert_eq!(late.len(), 3, "leases run out all the same: {late:?}");
    }
}

/// On a server the server's clock counts, and nobody moves what waits by it.
#[test]
fn what_was_put_off_for_seconds_does_not_wait_for_hours_where_the_clock_is_set_back() {
    for (step, waits_on) in [(-2, false), (2, true), (0, true)] {
        let mut shelf = Shelf::new();
        three(&mut shelf);
        let member = card("a", "1");
        join(&mut shelf, &member);
        let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 2);
        let due = shelf.now_plus(Duration::from_secs(30));
        shelf.settle(&claimed[0], retry(due)).unwrap();
        shelf.settle(&claimed[1], retry(shelf.now_plus(3 * HOUR))).unwrap();
        shelf.clock.step(step * 3_600_000);
        renew_member(&mut shelf, &member);
        renew_member(&mut shelf, &member);
        let is_file = shelf.ledger.conn().as_sqlite().is_some();
        let expected = if is_file && !waits_on {
            due.checked_sub(2 * HOUR).unwrap()
        } else {
            due
        };
        let code = claimed[0].claim.barcode.as_str();
        let at = shelf.text(code, "next_attempt_at");
        assert_eq!(at, Some(crate::clock::stamp(expected)), "set by {step} h");
        shelf.clock.advance(Duration::from_secs(31));
        let again = shelf.claim_of("two", queue(&[Queue::Converted]), 9);
        assert_eq!(
            again.len(),
            if is_file || step >= 0 { 2 } else { 1 },
            "set by {step} h: {again:?}"
        );
    }
}

#[test]
fn a_clock_that_is_set_back_while_no_program_runs_makes_nothing_wait_for_hours() {
    for (step, waits_on) in [(-2, false), (2, true), (0, true)] {
        let mut shelf = Shelf::in_file();
        three(&mut shelf);
        let member = card("a", "1");
        join(&mut shelf, &member);
        let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
        let due = shelf.now_plus(3 * HOUR);
        shelf.settle(&claimed[0], retry(due)).unwrap();
        shelf.clock.step(step * 3_600_000);
        shelf.reopen();
        // Two seconds have passed. Whoever comes later finds nothing to do.
        for (name, owner) in [("b", "2"), ("c", "3")] {
            join(&mut shelf, &card(name, owner));
            let at = shelf.text(claimed[0].claim.barcode.as_str(), "next_attempt_at");
            let back = if waits_on {
                Duration::ZERO
            } else {
                2 * HOUR - Duration::from_secs(2)
            };
            let expected = due.checked_sub(back).unwrap();
            assert_eq!(at, Some(crate::clock::stamp(expected)), "set by {step} h");
            shelf.reopen();
        }
    }
}

#[test]
fn the_time_is_left_in_the_catalog_once_a_minute() {
    let mut shelf = Shelf::in_file();
    let member = card("a", "1");
    join(&mut shelf, &member);
    let count = "SELECT count(*) FROM settings WHERE key = 'clock_seen'";
    let is_left = |shelf: &Shelf| {
        shelf
            .sqlite()
            .query_row(count, [], |row| row.get::<_, bool>(0))
            .unwrap()
    };
    assert!(is_left(&shelf));
    // What is not looked for is not missed.
    let forget = |shelf: &Shelf| {
        shelf
            .sqlite()
            .execute("DELETE FROM settings WHERE key = 'clock_seen'", [])
    };
    for (seconds, left) in [(20, false), (20, false), (20, true), (20, false)] {
        forget(&shelf).unwrap();
        shelf.clock.advance(Duration::from_secs(seconds));
        renew_member(&mut shelf, &member);
        assert_eq!(is_left(&shelf), left, "{seconds}");
    }
}

#[test]
fn after_a_restart_of_the_machine_no_claim_is_left() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.claim_of("one", queue(&[Queue::Converted]), 9);
    shelf.clock.reboot();
    assert_eq!(shelf.claim_of("two", queue(&[Queue::Converted]), 9).len(), 3);
}

#[test]
fn a_claim_is_not_ended_by_its_own_owner_but_one_it_lost_sight_of_is() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 2);
    // Nothing could be renewed for a while: the catalog was locked, the machine asleep.
    shelf.clock.advance(LEASE * 3);
    assert_eq!(codes(&shelf.claim_of("one", queue(&[Queue::Converted]), 9)), ["TL0003"]);
    assert!(renew(&mut shelf, "one", &claimed[..1]).is_empty());
    assert_eq!(shelf.state("TL0002"), S::Checking, "renewed");
    assert_eq!(shelf.state("TL0001"), S::Available, "nobody works on it");
}

#[test]
fn a_question_ends_no_claim() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.claim_of("one", queue(&[Queue::Converted]), 9);
    shelf.clock.advance(LEASE * 3);
    let ready = ListReady {
        selection: queue(&[Queue::Converted]),
        limit: 9,
    };
    assert!(shelf.ledger.execute(ready).unwrap().is_empty());
    assert_eq!(shelf.state("TL0001"), S::Checking);
}

#[test]
fn a_reader_answers_as_the_writer_does_and_can_change_nothing() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let ready = ListReady {
        selection: queue(&[Queue::Converted, Queue::Previous, Queue::Changed]),
        limit: 9,
    };
    let reader = shelf.reader();
    let answer = reader.ask(&ready).unwrap();
    assert!(!answer.is_empty());
    assert_eq!(answer, shelf.ledger.execute(ready).unwrap());
    let change = EnsureKnown(vec![barcode("TL0009")]);
    let refused = reader.ask(&change).unwrap_err();
    assert!(matches!(refused, CatalogError::ReadOnly(_)), "{refused}");
    shelf.ledger.execute(change).unwrap();
}

#[test]
fn only_the_holder_of_a_claim_may_begin_to_publish() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let first = shelf.claim_of("one", queue(&[Queue::Converted]), 1).remove(0);
    let begin = |claimed: &ClaimedBook, sha256: &str| BeginPublication {
        claim: claimed.claim.clone(),
        archive: BegunPublication {
            sha256: sha256.into(),
            etag: Some("\"a\"".into()),
        },
        lease: LEASE * 4,
    };
    shelf.ledger.execute(begin(&first, "aa")).unwrap();
    shelf.clock.advance(LEASE * 3);
    let others = shelf.claim_of("two", queue(&[Queue::Converted]), 9);
    assert!(!codes(&others).contains(&"TL0002"), "publishing keeps the claim");
    shelf.clock.advance(LEASE);
    let second = shelf.claim_of("two", queue(&[Queue::Converted]), 1).remove(0);
    assert_eq!(second.claim.barcode, first.claim.barcode);
    assert_eq!(second.publishing.as_ref().unwrap().sha256, "aa", "the next one is told");
    let refused = shelf.ledger.execute(begin(&first, "aa")).unwrap_err();
    assert!(matches!(refused, CatalogError::Stale { .. }), "{refused}");
    shelf.settle(&second, stored("TL0002", "\"b\"")).unwrap();
    assert_eq!(shelf.text("TL0002", "publishing_sha256"), None);
}

#[test]
fn a_stored_book_whose_publication_was_interrupted_is_looked_at_first() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.store("TL0003", "\"a\"");
    let doubt = RecordDoubtfulPublication {
        barcode: barcode("TL0003"),
        archive: BegunPublication {
            sha256: "bb".into(),
            etag: None,
        },
    };
    assert!(shelf.ledger.execute(doubt).unwrap());
    for selection in [queue(&[Queue::Converted]), only(&["TL0003"])] {
        let claimed = shelf.claim_of("one", selection, 1);
        assert_eq!(codes(&claimed), ["TL0003"]);
        shelf.settle(&claimed[0], ClaimSettlement::Released).unwrap();
    }
    let claimed = shelf.claim_of("one", only(&["TL0003"]), 1);
    shelf.settle(&claimed[0], ClaimSettlement::UpToDate).unwrap();
    assert!(
        shelf.claim_of("one", only(&["TL0003"]), 1).is_empty(),
        "they agree again"
    );
}
