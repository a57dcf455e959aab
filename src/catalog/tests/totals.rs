//! Whatever happens, the totals are those that counting would give, and the history ends in the state.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::catalog::tests::shelf::{
    HOUR, LEASE, Shelf, barcode, converted, failed, found, given_up, queue, retry, row, stored,
};
use crate::catalog::*;
use crate::grin::{ListKind, ProcessOutcome};

/// One thing that happens; the numbers choose books and variants.
#[derive(Debug, Clone)]
enum BookEvent {
    AllBooks(Vec<(u8, u8)>, bool),
    Converted(Vec<(u8, u8)>, bool),
    InProcess(Vec<u8>, bool),
    FailedList(u8, u8),
    Enriched(u8, u8),
    Answered(u8, u8),
    Work(u8, Vec<u8>),
    Wait,
    Reset,
    Recover,
    Reopen,
}

const WORDS: [&str; 7] = [
    "NEW",
    "PREVIOUSLY_DOWNLOADED",
    "CONVERTED",
    "IN_PROCESS",
    "NOT_AVAILABLE_FOR_DOWNLOAD",
    "CHECKED_IN",
    "",
];
const OUTCOMES: [ProcessOutcome; 6] = [
    ProcessOutcome::Requested,
    ProcessOutcome::InProcess,
    ProcessOutcome::AlreadyAvailable,
    ProcessOutcome::NotAllowed,
    ProcessOutcome::Unknown,
    ProcessOutcome::QueueFull,
];

fn code(n: u8) -> String {
    format!("TL{:03}", n % 12)
}

fn happens() -> impl Strategy<Value = BookEvent> {
    let pairs = || prop::collection::vec((any::<u8>(), any::<u8>()), 0..8);
    prop_oneof![
        (pairs(), any::<bool>()).prop_map(|(rows, complete)| BookEvent::AllBooks(rows, complete)),
        (pairs(), any::<bool>()).prop_map(|(rows, complete)| BookEvent::Converted(rows, complete)),
        (prop::collection::vec(any::<u8>(), 0..6), any::<bool>())
            .prop_map(|(rows, complete)| BookEvent::InProcess(rows, complete)),
        (any::<u8>(), any::<u8>()).prop_map(|(book, day)| BookEvent::FailedList(book, day)),
        (any::<u8>(), any::<u8>()).prop_map(|(book, word)| BookEvent::Enriched(book, word)),
        (any::<u8>(), any::<u8>()).prop_map(|(book, outcome)| BookEvent::Answered(book, outcome)),
        (any::<u8>(), prop::collection::vec(any::<u8>(), 1..5)).prop_map(|(queue, ends)| BookEvent::Work(queue, ends)),
        Just(BookEvent::Wait),
        Just(BookEvent::Reset),
        Just(BookEvent::Recover),
        Just(BookEvent::Reopen),
    ]
}

fn apply(shelf: &mut Shelf, event: BookEvent) {
    match event {
        BookEvent::AllBooks(rows, complete) => {
            let rows = rows
                .iter()
                .map(|(book, word)| row(&code(*book), WORDS[usize::from(*word) % WORDS.len()]));
            pass(shelf, ListKind::AllBooks, rows.collect(), complete);
        }
        BookEvent::Converted(rows, complete) => {
            let rows = rows
                .iter()
                .map(|(book, day)| converted(&code(*book), &format!("2025/06/{:02}", day % 28 + 1)));
            pass(shelf, ListKind::Converted, rows.collect(), complete);
        }
        BookEvent::InProcess(rows, complete) => {
            let rows = rows.iter().map(|book| row(&code(*book), "")).collect();
            pass(shelf, ListKind::InProcess, rows, complete);
        }
        BookEvent::FailedList(book, day) => {
            let listed = failed(&code(book), &format!("2026/01/{:02}", day % 28 + 1), "Bad pages");
            shelf.list(ListKind::Failed, vec![listed]);
        }
        BookEvent::Enriched(book, word) => {
            let answered = vec![found(&code(book), &[("State", WORDS[usize::from(word) % WORDS.len()])])];
            let asked = vec![];
            shelf.ledger.execute(RecordEnrichment { asked, answered }).unwrap();
        }
        BookEvent::Answered(book, outcome) => {
            let outcome = OUTCOMES[usize::from(outcome) % OUTCOMES.len()];
            let answers = vec![(barcode(&code(book)), outcome, "words".into())];
            shelf.ledger.execute(RecordConversions(answers)).unwrap();
        }
        BookEvent::Work(queue, ends) => work(shelf, queue, &ends),
        BookEvent::Wait => shelf.clock.advance(LEASE),
        BookEvent::Reset => {
            shelf.ledger.execute(ResetFailed::default()).unwrap();
        }
        BookEvent::Recover => {
            shelf.leave("one");
        }
        BookEvent::Reopen => shelf.reopen(),
    }
}

fn pass(shelf: &mut Shelf, list: ListKind, rows: Vec<crate::grin::ListRow>, complete: bool) {
    if complete {
        shelf.complete_pass(list, rows);
    } else {
        shelf.list(list, rows);
    }
}

fn work(shelf: &mut Shelf, which: u8, ends: &[u8]) {
    let queues = [Queue::EVERY[usize::from(which) % 6]];
    for (claimed, end) in shelf.claim_of("one", queue(&queues), ends.len()).iter().zip(ends) {
        let at = shelf.now_plus(HOUR);
        let settlement = match end % 7 {
            0 => stored(claimed.claim.barcode.as_str(), "\"a\""),
            1 => ClaimSettlement::UpToDate,
            2 => ClaimSettlement::NotConverted,
            3 => retry(at),
            4 => given_up(["checksum_mismatch", "timeout"][usize::from(*end) % 2]),
            5 => ClaimSettlement::Released,
            _ => continue,
        };
        shelf.settle(claimed, settlement).unwrap();
    }
}

fn counted(shelf: &Shelf, sql: &str) -> BTreeMap<String, u64> {
    let rows = shelf.ledger.conn().all(sql, &[], |row| Ok((row.at(0)?, row.at(1)?)));
    rows.unwrap().into_iter().collect()
}

fn check(shelf: &Shelf) {
    let kinds = [
        ("state", "SELECT state, count(*) FROM books GROUP BY 1"),
        (
            "grin_state",
            "SELECT ifnull(grin_state, ''), count(*) FROM books GROUP BY 1",
        ),
        (
            "failure",
            "SELECT ifnull(failure_reason, ''), count(*) FROM books WHERE state = 'failed' GROUP BY 1",
        ),
    ];
    for (kind, sql) in kinds {
        let kept = counted(
            shelf,
            &format!("SELECT value, n FROM tallies WHERE kind = '{kind}' AND n <> 0"),
        );
        assert_eq!(kept, counted(shelf, sql), "{kind}");
    }
    let strays: i64 = shelf
        .ledger
        .conn()
        .one(
            "SELECT count(*) FROM books b WHERE state IS DISTINCT FROM (SELECT status_value FROM book_status_history h \
             WHERE h.barcode = b.barcode AND status_type = 'state' ORDER BY id DESC LIMIT 1) \
             OR (claimed_by IS NOT NULL) <> (state IN ('checking', 'downloading')) \
             OR (claimed_by IS NULL) <> (lease_until IS NULL) \
             OR (sync_timestamp IS NULL AND state = 'stored') \
             OR (sync_timestamp IS NOT NULL AND state NOT IN ('stored', 'checking', 'downloading'))",
            &[],
            |row| row.at(0),
        )
        .unwrap();
    assert_eq!(strays, 0, "a book whose row and history disagree");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn totals_and_history_agree_with_the_books(events in prop::collection::vec(happens(), 1..40)) {
        let mut shelf = Shelf::new();
        for event in events {
            apply(&mut shelf, event);
        }
        check(&shelf);
    }
}
