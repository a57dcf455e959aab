//! When the disk is full or another program is in the way.

use crate::catalog::tests::shelf::{Shelf, codes, converted, row};
use crate::catalog::*;
use crate::grin::ListKind;

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let mut shelf = Shelf::in_file();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    let limit = |shelf: &Shelf, pages: i64| {
        let most: i64 = shelf
            .sqlite()
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0))
            .unwrap();
        assert!(most > 0);
    };
    limit(&shelf, 1);
    let rows = (2..9_000).map(|at| row(&format!("TL{at:04}"), "NEW")).collect();
    let list = ListKind::AllBooks;
    let error = shelf
        .ledger
        .execute(ListPart {
            list,
            pass: None,
            rows,
            sighted: Vec::new(),
            unsure: 0,
            next: None,
        })
        .unwrap_err();
    assert!(matches!(error, CatalogError::DiskFull { .. }), "{error}");
    assert!(error.may_pass() && error.needs_person());
    let place = shelf.ledger.address().shown();
    assert!(error.to_string().contains(&place), "the place is named: {error}");
    assert_eq!(
        shelf.ledger.execute(CountBooks).unwrap().total,
        1,
        "nothing of it was written"
    );
    limit(&shelf, 1_000_000);
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0001"], "and it goes on");
}

#[test]
fn a_lock_of_another_program_passes_and_loses_nothing() {
    let mut shelf = Shelf::in_file();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    shelf.sqlite().busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = rusqlite::Connection::open(shelf.ledger.address().file().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let known = || EnsureKnown(vec![crate::catalog::tests::shelf::barcode("TL0002")]);
    let error = shelf.ledger.execute(known()).unwrap_err();
    assert!(matches!(error, CatalogError::Busy) && error.may_pass(), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(shelf.ledger.execute(known()).unwrap(), 1);
}

#[test]
fn who_waits_for_a_file_gets_it_although_another_program_hardly_leaves_it() {
    let mut shelf = Shelf::in_file();
    let file = shelf.ledger.address().file().unwrap().to_owned();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let millis = std::time::Duration::from_millis;
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = rusqlite::Connection::open(file).unwrap();
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                std::thread::sleep(millis(20));
                other.execute_batch("ROLLBACK").unwrap();
                std::thread::sleep(millis(1));
            }
        });
        let known = |at: u32| EnsureKnown(vec![crate::catalog::tests::shelf::barcode(&format!("TL000{at}"))]);
        let done: Vec<_> = (0..10).map(|at| shelf.ledger.execute(known(at))).collect();
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(done.iter().all(|known| matches!(known, Ok(1))), "{done:?}");
    });
    // Looking each tenth of a second, it would take about twenty.
    assert!(began.elapsed() < millis(10_000), "{:?}", began.elapsed());
}

#[test]
fn a_lock_of_another_program_keeps_no_end_waiting() {
    let mut shelf = Shelf::in_file();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    let other = rusqlite::Connection::open(shelf.ledger.address().file().unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = std::time::Instant::now();
    let _ = shelf.ledger.close();
    assert!(
        began.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_catalog_that_is_read_only_for_a_while_is_named_as_such_and_can_be_asked_again() {
    let mut shelf = Shelf::in_file();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    let read_only = |shelf: &Shelf, on: bool| shelf.sqlite().pragma_update(None, "query_only", on).unwrap();
    read_only(&shelf, true);
    let known = || EnsureKnown(vec![crate::catalog::tests::shelf::barcode("TL0002")]);
    let error = shelf.ledger.execute(known()).unwrap_err();
    assert!(
        matches!(error, CatalogError::ReadOnly(_)) && error.may_pass(),
        "{error}"
    );
    assert!(error.to_string().contains("read-only"), "{error}");
    read_only(&shelf, false);
    assert_eq!(shelf.ledger.execute(known()).unwrap(), 1);
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0001"]);
}

#[test]
fn an_error_in_a_group_undoes_its_own_operation_only() {
    use crate::catalog::writer::ledger::{LedgerJob, QueuedJob};
    let mut shelf = Shelf::in_file();
    let new = |code| LedgerJob::new(EnsureKnown(vec![crate::catalog::tests::shelf::barcode(code)]));
    let finish = || {
        LedgerJob::new(FinishPass {
            pass: PassId {
                number: 404,
                fence: None,
            },
            complete: true,
            none_missing: false,
            note: None,
        })
    };
    for bad_first in [true, false] {
        let (mut bad, mut one, mut two) = (finish(), new("TL0001"), new("TL0002"));
        let mut group: Vec<&mut dyn QueuedJob> = vec![&mut one, &mut two];
        group.insert(usize::from(!bad_first), &mut bad);
        shelf.ledger.transact(&mut group);
        assert!(matches!(bad.outcome(), Err(CatalogError::NoPass(404))));
        assert_eq!(one.outcome().unwrap(), u64::from(bad_first));
        assert_eq!(two.outcome().unwrap(), u64::from(bad_first));
    }
    assert_eq!(shelf.ledger.execute(CountBooks).unwrap().total, 2);
}
