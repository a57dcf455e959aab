//! Many operations in one transaction, through the actor.

use std::sync::{Arc, Mutex, mpsc};

use tokio::sync::oneshot;

use crate::actor::{ActorRegistry, AskContext};
use crate::catalog::tests::shelf::{LEASE, Shelf, TestSchema, barcode, converted, queue, stored};
use crate::catalog::writer::file_identity::CatalogFile;
use crate::catalog::writer::group::{LedgerOpening, WriteGroup};
use crate::catalog::writer::ledger::{LedgerJob, QueuedJob};
use crate::catalog::*;
use crate::grin::ListKind;

struct Panics;

impl CatalogOperation for Panics {
    type Output = ();
    const KIND: &'static str = "panics";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        EnsureKnown(vec![barcode("TL9999")]).run(tx)?;
        panic!("on purpose");
    }
}

/// Keeps the writer busy until it is told that enough wait.
struct Waits {
    begun: Mutex<Option<oneshot::Sender<()>>>,
    enough: Mutex<mpsc::Receiver<()>>,
}

impl CatalogOperation for Waits {
    type Output = ();
    const KIND: &'static str = "waits";

    fn run(&self, _: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        if let Some(begun) = self.begun.lock().unwrap().take() {
            begun.send(()).unwrap();
        }
        self.enough.lock().unwrap().recv().unwrap();
        Ok(())
    }
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("catalog.db").display())
}

fn opened(folder: &tempfile::TempDir) -> (Catalog, CatalogThread) {
    let hub = ActorRegistry::new();
    Catalog::open(&hub, &url(folder), SystemClock::system(), CatalogPolicy::default()).unwrap()
}

#[actix_rt::test]
async fn what_waits_together_is_committed_together_and_one_bad_operation_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, thread) = opened(&folder);
    let cx = AskContext::root("test");
    let rows = (0..40)
        .map(|at| converted(&format!("TL00{at:02}"), "2025/06/01"))
        .collect();
    let part = ListPart {
        list: ListKind::Converted,
        pass: None,
        rows,
        sighted: Vec::new(),
        unsure: 0,
        next: None,
    };
    assert_eq!(catalog.ask(part, &cx).await.unwrap().new, 40);
    let claim = ClaimBooks {
        selection: queue(&[Queue::Converted]),
        limit: 40,
        owner: "one".into(),
        lease: LEASE,
    };
    let claimed = catalog.ask(claim, &cx).await.unwrap();

    let settle = |claimed: &ClaimedBook| {
        let claim = claimed.claim.clone();
        catalog.ask(
            SettleClaim {
                claim,
                settlement: stored("x", "\"a\""),
            },
            &cx,
        )
    };
    let mut stale = claimed[7].clone();
    stale.claim.fence += 1;
    let ((begun, has_begun), (enough, is_enough)) = (oneshot::channel(), mpsc::channel());
    let waits = Waits {
        begun: Mutex::new(Some(begun)),
        enough: Mutex::new(is_enough),
    };
    let together = async {
        has_begun.await.unwrap();
        let before = catalog.figures().write_seconds.count;
        let all = futures::future::join_all(claimed.iter().map(settle));
        let told = async { enough.send(()).unwrap() };
        let (all, bad, panicked, ()) = futures::join!(all, settle(&stale), catalog.ask(Panics, &cx), told);
        (all, bad, panicked, catalog.figures().write_seconds.count - before)
    };
    let (waited, (all, bad, panicked, transactions)) = futures::join!(catalog.ask(waits, &cx), together);
    waited.unwrap();
    assert_eq!(transactions, 2, "the one that waited, and one for all others");
    assert!(
        all.iter().all(|state| matches!(state, Ok(BookState::Stored))),
        "{all:?}"
    );
    assert!(matches!(bad, Err(CatalogError::Stale { .. })), "{bad:?}");
    assert!(matches!(panicked, Err(CatalogError::Fault(_))), "{panicked:?}");

    assert_eq!(catalog.ask(CountBooks, &cx).await.unwrap().of(BookState::Stored), 40);
    let reader = CatalogReader::open(&url(&folder)).unwrap();
    assert_eq!(
        reader.explain(&barcode("TL9999")).unwrap(),
        None,
        "what a failed operation wrote is undone"
    );
    catalog.close().await;
    assert!(thread.join());
}

#[test]
fn an_operation_whose_history_cannot_be_written_spoils_no_other() {
    let mut shelf = Shelf::in_file();
    let refuses = "CREATE TRIGGER refuses BEFORE INSERT ON book_status_history WHEN NEW.barcode = 'TL0000' \
                   BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
    shelf.sqlite().execute_batch(refuses).unwrap();
    let mut jobs =
        ["TL0000", "TL0001", "TL0000", "TL0002"].map(|code| LedgerJob::new(EnsureKnown(vec![barcode(code)])));
    let mut queued: Vec<_> = jobs.iter_mut().map(|job| job as &mut dyn QueuedJob).collect();
    shelf.ledger.transact(&mut queued);
    assert_eq!(jobs.map(|job| job.outcome().is_ok()), [false, true, false, true]);
    assert_eq!(shelf.ledger.execute(CountBooks).unwrap().total, 2);
}

#[actix_rt::test]
async fn closing_answers_everything_and_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, thread) = opened(&folder);
    let cx = AskContext::root("test");
    let (known, _) = futures::join!(catalog.ask(EnsureKnown(vec![barcode("TL0001")]), &cx), catalog.close());
    assert!(thread.join());
    assert_eq!(known.unwrap(), 1);
    assert!(matches!(
        catalog.ask(CountBooks, &cx).await,
        Err(CatalogError::Asked(_))
    ));
    let log = folder.path().join("catalog.db-wal");
    assert_eq!(std::fs::metadata(log).map_or(0, |meta| meta.len()), 0);
    assert_eq!(CatalogReader::open(&url(&folder)).unwrap().counts().unwrap().total, 1);
}

#[actix_rt::test]
async fn an_asker_that_went_away_before_its_turn_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, thread) = opened(&folder);
    let cx = AskContext::root("test");
    let gone = cx.child();
    gone.cancel();
    assert!(catalog.ask(EnsureKnown(vec![barcode("TL0001")]), &gone).await.is_err());
    assert_eq!(catalog.ask(CountBooks, &cx).await.unwrap().total, 0);
    catalog.close().await;
    assert!(thread.join());
}

#[actix_rt::test]
async fn a_bad_address_or_file_is_told_at_once() {
    let hub = ActorRegistry::new();
    assert!(matches!(
        Catalog::open(&hub, "mysql://x", SystemClock::system(), CatalogPolicy::default()),
        Err(CatalogError::Address { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("catalog.db"), [7; 5_000]).unwrap();
    assert!(matches!(
        Catalog::open(&hub, &url(&folder), SystemClock::system(), CatalogPolicy::default()),
        Err(CatalogError::NotDatabase { .. })
    ));
}

#[actix_rt::test]
async fn a_file_that_is_taken_away_is_noticed_before_the_next_write_and_no_new_one_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, thread) = opened(&folder);
    let cx = AskContext::root("test");
    let (path, aside) = (folder.path().join("catalog.db"), folder.path().join("aside"));
    std::fs::rename(&path, &aside).unwrap();
    let error = catalog
        .ask(EnsureKnown(vec![barcode("TL0001")]), &cx)
        .await
        .unwrap_err();
    assert!(
        matches!(error, CatalogError::Gone { .. }) && error.may_pass(),
        "{error}"
    );
    assert!(!path.exists());
    let waits = || {
        let mut waiting = Vec::new();
        catalog.add_waits(&mut waiting);
        waiting.iter().map(|wait| wait.needs_person).collect::<Vec<_>>()
    };
    assert_eq!(waits(), [true], "also while books in hand are all that is recorded");
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(catalog.ask(EnsureKnown(vec![barcode("TL0001")]), &cx).await.unwrap(), 1);
    assert!(waits().is_empty());
    catalog.close().await;
    assert!(thread.join());
}

/// As after a panic or a restart of the writer, when there is no ledger.
#[test]
fn no_catalog_is_begun_in_the_place_of_one_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let (clock, policy) = (SystemClock::system(), CatalogPolicy::default());
    drop(CatalogLedger::open(&path, clock.clone(), policy.clone()).unwrap());
    let group = WriteGroup::new(
        None,
        LedgerOpening {
            address: CatalogAddress::Sqlite(path.clone()),
            clock,
            policy,
            file: Some(Arc::new(CatalogFile::at(&path))),
            catalog_id: None,
            counters: Arc::default(),
        },
    );
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    let mut asked = group.join(CountBooks);
    group.flush();
    assert!(matches!(asked.try_recv(), Ok(Err(CatalogError::Gone { .. }))));
    assert!(!path.exists());
    std::fs::rename(&aside, &path).unwrap();
    let mut asked = group.join(CountBooks);
    group.flush();
    assert_eq!(asked.try_recv().unwrap().unwrap().total, 0);
}

#[test]
fn what_others_wait_for_is_not_done_together_with_what_takes_long_on_a_server() {
    let schema = TestSchema::new();
    let folder = tempfile::tempdir().unwrap();
    let file = CatalogAddress::Sqlite(folder.path().join("catalog.db"));
    let opening = LedgerOpening {
        address: schema.as_ref().map_or(file, |schema| schema.address.clone()),
        clock: SystemClock::system(),
        policy: CatalogPolicy::default(),
        file: schema.is_none().then(|| {
            let path = folder.path().join("catalog.db");
            CatalogLedger::open(&path, SystemClock::system(), CatalogPolicy::default()).unwrap();
            Arc::new(CatalogFile::at(&path))
        }),
        catalog_id: None,
        counters: Arc::default(),
    };
    let group = WriteGroup::new(None, opening.clone());
    let every = std::time::Duration::from_secs(60);
    let mut known = group.join(EnsureKnown(vec![barcode("TL0001")]));
    let mut slices = [(); 2].map(|()| {
        group.join(TakeRateSlice {
            turns: 1,
            every,
            ahead: std::time::Duration::ZERO,
            behind: std::time::Duration::ZERO,
        })
    });
    group.flush();
    assert_eq!(known.try_recv().unwrap().unwrap(), 1);
    let begun = slices
        .each_mut()
        .map(|slice| slice.try_recv().unwrap().unwrap().begins_in);
    assert!(
        begun[1] > begun[0] + every / 2,
        "in the order in which they were asked for"
    );
    let expected = if schema.is_some() { 2 } else { 1 };
    assert_eq!(opening.counters.figures().write_seconds.count, expected);
}
