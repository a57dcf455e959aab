//! A book's run over scripted workers: what the catalog is told in the end, and what the intake concludes.

use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::*;
use crate::catalog::{
    BookSelection, CatalogError, ClaimBooks, ClaimSettlement, RecordDoubtfulPublication, RenewClaims, SettleClaim,
};
use crate::grin::Barcode;
use crate::pipeline::intake::{IntakeConfig, IntakeDecision};
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::workers::{CheckBook, CheckResult, DownloadBook, DownloadResult, SecretStamps};
use crate::session::{BodyError, SessionError};
use crate::storage::StorageError;
use crate::vocabulary::{BookOutcome, BookState, FailureReason, WaitCause};

mod heads;

const HOUR: Duration = Duration::from_secs(3_600);

/// What DOWNLOAD does.
enum Scripted {
    Answers(Result<DownloadResult, BookFault>),
    Panics,
    /// Until it is cancelled.
    Hangs,
}

#[derive(Default)]
struct RunStub {
    checks: RefCell<VecDeque<Result<CheckResult, BookFault>>>,
    downloads: RefCell<VecDeque<Scripted>>,
    reconcile: RefCell<Option<BookFault>>,
    /// What an interrupted run has published.
    found: RefCell<Option<StoredBook>>,
    /// Answers to settlements before the good one.
    catalog: RefCell<VecDeque<CatalogError>>,
    settled: RefCell<Vec<ClaimSettlement>>,
    doubts: Cell<usize>,
    member: OnceCell<LibraryMembership>,
}

impl BookServices for RunStub {
    async fn check(&self, _ask: CheckBook, _cx: &AskContext) -> Result<CheckResult, BookFault> {
        self.checks.borrow_mut().pop_front().expect("CHECK is asked")
    }

    async fn download(&self, _ask: DownloadBook, cx: &AskContext) -> Result<DownloadResult, BookFault> {
        let next = self.downloads.borrow_mut().pop_front();
        match next.expect("DOWNLOAD is asked") {
            Scripted::Answers(answer) => answer,
            Scripted::Panics => panic!("a panic, for the test"),
            Scripted::Hangs => {
                cx.cancelled().await;
                Err((&SessionError::Cancelled).into())
            }
        }
    }

    async fn reconcile(&self, _book: &ClaimedBook) -> Result<Option<PublishedVolume>, BookFault> {
        match self.reconcile.borrow().clone() {
            Some(fault) => Err(fault),
            None => Ok(self.found.take().map(PublishedVolume::of_test)),
        }
    }

    async fn record_downloading(&self, _claim: ClaimToken, _cx: &AskContext) -> Result<(), CatalogError> {
        Ok(())
    }

    async fn settle(&self, settle: SettleClaim) -> Result<(), CatalogError> {
        match self.catalog.borrow_mut().pop_front() {
            Some(error) => Err(error),
            None => {
                self.settled.borrow_mut().push(settle.settlement);
                Ok(())
            }
        }
    }

    async fn record_doubt(&self, _doubt: RecordDoubtfulPublication) -> Result<(), CatalogError> {
        self.doubts.update(|doubts| doubts + 1);
        Ok(())
    }

    async fn claim(&self, _claim: ClaimBooks) -> Result<Vec<ClaimedBook>, CatalogError> {
        unreachable!("a run claims nothing")
    }

    async fn renew(&self, _renew: RenewClaims) -> Result<Vec<ClaimToken>, CatalogError> {
        unreachable!("a run renews nothing")
    }

    async fn put_off(&self, _selection: BookSelection, _limit: usize) -> Result<Vec<PutOffBook>, CatalogError> {
        unreachable!("a run looks for no other book")
    }

    async fn count(&self, _state: BookState) -> Result<u64, CatalogError> {
        Ok(0)
    }

    async fn check_storage(&self) -> Result<(), StorageError> {
        unreachable!("a run does not look at the storage")
    }

    async fn confirm_storage(&self) -> Result<(), BookFault> {
        Ok(())
    }

    fn secrets(&self) -> SecretStamps {
        SecretStamps::of(&[])
    }

    fn workers(&self) -> usize {
        1
    }

    fn membership(&self) -> &LibraryMembership {
        self.member.get_or_init(LibraryMembership::of_tests)
    }
}

fn book(attempts: u32) -> ClaimedBook {
    ClaimedBook {
        claim: ClaimToken {
            barcode: Barcode::parse("TL0001").unwrap(),
            owner: "test".into(),
            fence: 1,
        },
        file_name: None,
        state: BookState::Available,
        path: None,
        stored: None,
        publishing: None,
        attempts,
        listed_converted: true,
        name_to_come: false,
        title: None,
    }
}

fn context(once: bool) -> BookRunContext {
    let options = WorkOptions::of_tests();
    let intake = IntakeConfig {
        backoff: options.retry.backoff,
        series: 3,
        once,
    };
    let judgement = RunJudgement {
        intake: BookIntake::new(intake),
        memory: FailureMemory::default(),
    };
    BookRunContext {
        options,
        judgement: Rc::new(RefCell::new(judgement)),
        once,
        stop: CancellationToken::new(),
        settling: Rc::default(),
    }
}

/// A run that is over.
struct EndedRun {
    stub: Rc<RunStub>,
    context: BookRunContext,
    result: BookRunResult,
    took: Duration,
}

impl EndedRun {
    fn settlement(&self) -> ClaimSettlement {
        self.stub.settled.borrow().last().expect("it is settled").clone()
    }

    /// Reason, wait, and whether the attempt counts.
    fn retry(&self) -> (FailureReason, Duration, bool) {
        let ClaimSettlement::Retry { reason, at, counts, .. } = self.settlement() else {
            panic!("{:?}", self.settlement());
        };
        let wait = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default();
        (reason, wait, counts)
    }

    fn waits_for(&self) -> Option<WaitCause> {
        let judgement = self.context.judgement.borrow();
        let wait = judgement.intake.waiting(Instant::now(), Timestamp::now());
        wait.map(|wait| wait.cause)
    }
}

async fn run(stub: RunStub, context: BookRunContext, book: ClaimedBook) -> EndedRun {
    let (stub, began) = (Rc::new(stub), Instant::now());
    let cx = AskContext::root("test").child();
    let result = run_book(Rc::clone(&stub), context.clone(), book, cx).await;
    EndedRun {
        stub,
        context,
        result,
        took: began.elapsed(),
    }
}

fn downloads(answer: Scripted) -> RunStub {
    let stub = RunStub::default();
    stub.downloads.borrow_mut().push_back(answer);
    stub
}

async fn after(answer: Scripted) -> EndedRun {
    run(downloads(answer), context(false), book(0)).await
}

fn fails(fault: impl Into<BookFault>) -> Scripted {
    Scripted::Answers(Err(fault.into()))
}

fn stored() -> Scripted {
    Scripted::Answers(Ok(DownloadResult::Stored(Box::default())))
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_the_book_is_what_the_catalog_is_told() {
    let end = after(stored()).await;
    assert!(matches!(end.settlement(), ClaimSettlement::Stored(_)));
    let same = after(Scripted::Answers(Ok(DownloadResult::UpToDate))).await;
    assert!(matches!(same.settlement(), ClaimSettlement::UpToDate));
}

#[tokio::test(start_paused = true)]
async fn that_grin_has_no_archive_in_spite_of_its_list_is_believed_of_one_book_the_second_time() {
    let shared = context(false);
    for is_believed in [false, true] {
        let stub = downloads(Scripted::Answers(Ok(DownloadResult::NotConverted)));
        let end = run(stub, shared.clone(), book(0)).await;
        match end.settlement() {
            ClaimSettlement::Retry { counts, .. } => assert!(!counts && !is_believed),
            ClaimSettlement::NotConverted => assert!(is_believed),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_that_no_list_names_is_checked_first() {
    for (found, expected) in [
        (CheckResult::NotConverted, BookOutcome::NotConverted),
        (CheckResult::UpToDate, BookOutcome::UpToDate),
        (CheckResult::NotBegun, BookOutcome::Released),
        (CheckResult::Download, BookOutcome::Stored),
    ] {
        let stub = downloads(stored());
        stub.checks.borrow_mut().push_back(Ok(found.clone()));
        let unlisted = ClaimedBook {
            listed_converted: false,
            ..book(0)
        };
        let end = run(stub, context(false), unlisted).await;
        assert_eq!(end.result.outcome, expected, "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_whose_archive_is_not_named_yet_is_left_to_the_lists() {
    let guessed = ClaimedBook {
        name_to_come: true,
        ..book(0)
    };
    let (answer, context) = (Scripted::Answers(Ok(DownloadResult::NotConverted)), context(true));
    let away = BookFault::from(&SessionError::Server { status: 500 });
    context
        .judgement
        .borrow_mut()
        .intake
        .call_failed(&away, Instant::now(), &mut rand::rng());
    let end = run(downloads(answer), context, guessed).await;
    assert!(matches!(end.settlement(), ClaimSettlement::Unnamed));
    assert_eq!(end.result.outcome, BookOutcome::Released);
    assert_eq!(end.waits_for(), None, "GRIN answers again");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_book_costs_it_an_attempt_the_second_time_and_the_others_nothing() {
    let refused = || {
        let snippet = "not yours".to_owned();
        downloads(fails(&SessionError::Forbidden { snippet }))
    };
    let end = run(refused(), context(false), book(0)).await;
    let (reason, wait, counts) = end.retry();
    assert_eq!((reason, counts), (FailureReason::Forbidden, false));
    assert!(wait < HOUR / 10, "everybody may be refused: {wait:?}");
    let end = run(refused(), end.context, book(0)).await;
    let (reason, wait, counts) = end.retry();
    assert_eq!((reason, counts), (FailureReason::Forbidden, true));
    assert!(wait > HOUR / 2, "{wait:?}");
    assert_eq!(end.waits_for(), None);
    // The last attempt that it has, of which only the catalog knows after a restart.
    let end = run(refused(), context(false), book(3)).await;
    assert!(!end.retry().2);
    let end = run(refused(), end.context, book(3)).await;
    assert!(matches!(end.settlement(), ClaimSettlement::Failed { .. }));
    // Whoever asks for it once more begins anew.
    let end = run(refused(), end.context, book(0)).await;
    assert!(!end.retry().2);
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_grin_asks_for_is_the_books_and_costs_no_attempt() {
    let not_served = || {
        fails(&SessionError::NotServed {
            status: 503,
            retry_after: Some(HOUR * 2),
        })
    };
    let end = after(not_served()).await;
    let (_, wait, counts) = end.retry();
    assert!(!counts && wait >= HOUR * 2 - Duration::from_secs(1), "{wait:?}");
    assert!(end.result.left.is_none());
    let end = run(downloads(not_served()), context(true), book(0)).await;
    assert!(
        end.result.left.is_some(),
        "a run that ends by itself does not wait so long"
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_that_was_not_asked_for_because_grin_lets_everybody_wait_is_as_before() {
    for once in [false, true] {
        let throttled = fails(&SessionError::Throttled {
            status: Some(503),
            retry_after: Some(HOUR * 2),
            longest: None,
        });
        let end = run(downloads(throttled), context(once), book(0)).await;
        assert!(
            matches!(end.settlement(), ClaimSettlement::Released),
            "{:?}",
            end.settlement()
        );
        assert!(end.result.left.is_none());
        assert_eq!(end.waits_for(), Some(WaitCause::Gate));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_cut_for_good_costs_no_attempt_and_is_soon_fetched_again() {
    let cut = BodyError::Cut {
        got: 7,
        expected: Some(9),
    };
    let (_, wait, counts) = after(fails(&cut)).await.retry();
    assert!(!counts && wait <= Duration::from_secs(30), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn proven_damage_fails_the_book_at_once() {
    for answer in [
        DownloadResult::DamagedAtSource {
            reason: FailureReason::Truncated,
            detail: "cut".into(),
        },
        DownloadResult::KeptAside {
            detail: "fewer pages".into(),
        },
    ] {
        let end = after(Scripted::Answers(Ok(answer))).await;
        assert!(matches!(end.settlement(), ClaimSettlement::Failed { .. }));
        assert_eq!(end.waits_for(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_down_closes_the_intake_and_costs_no_attempt() {
    let full = StorageError::Full {
        place: "/library".into(),
        detail: "nothing is free".into(),
    };
    for (error, cause) in [(full, WaitCause::Disk), (StorageError::Broken, WaitCause::Storage)] {
        let end = after(fails(&error)).await;
        assert!(!end.retry().2, "{error}");
        assert_eq!(end.waits_for(), Some(cause));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_at_is_not_written_over() {
    let stub = RunStub::default();
    *stub.reconcile.borrow_mut() = Some((&StorageError::Broken).into());
    let end = run(stub, context(false), book(0)).await;
    assert!(!end.retry().2);
    assert_eq!(end.waits_for(), Some(WaitCause::Storage));
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_attempt_and_the_last_one_fails_the_book() {
    let end = after(Scripted::Panics).await;
    let (reason, _, counts) = end.retry();
    assert_eq!((reason, counts), (FailureReason::Panicked, true));
    let end = run(downloads(Scripted::Panics), context(false), book(3)).await;
    assert!(matches!(end.settlement(), ClaimSettlement::Failed { .. }));
    let judgement = end.context.judgement.borrow();
    assert_eq!(judgement.intake.decide(Instant::now()), IntakeDecision::Open);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_cuts_the_download_leaves_the_book_due_at_once() {
    let stub = Rc::new(downloads(Scripted::Hangs));
    let cx = AskContext::root("test").child();
    let cutting = async {
        tokio::time::sleep(HOUR).await;
        cx.cancel();
    };
    let running = run_book(Rc::clone(&stub), context(false), book(0), cx.clone());
    let (result, ()) = futures::join!(running, cutting);
    assert_eq!(result.outcome, BookOutcome::Released);
    assert!(matches!(stub.settled.borrow()[..], [ClaimSettlement::Released]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_a_stop() {
    let context = context(false);
    context.stop.cancel();
    let end = run(RunStub::default(), context, book(0)).await;
    assert!(matches!(end.settlement(), ClaimSettlement::Released));
}

#[tokio::test(start_paused = true)]
async fn what_was_published_is_recorded_however_long_the_catalog_is_locked() {
    let stub = downloads(stored());
    stub.catalog
        .borrow_mut()
        .extend(std::iter::repeat_with(|| CatalogError::Busy).take(100));
    let end = run(stub, context(false), book(0)).await;
    assert_eq!(end.result.outcome, BookOutcome::Stored);
    assert!(end.took > Duration::from_secs(600), "{:?}", end.took);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_asks_a_locked_catalog_for_some_minutes() {
    let stub = downloads(stored());
    stub.catalog
        .borrow_mut()
        .extend(std::iter::repeat_with(|| CatalogError::Busy).take(1_000));
    let end = run(stub, context(true), book(0)).await;
    assert_eq!(end.result.outcome, BookOutcome::Released);
    assert!(end.took < Duration::from_secs(330), "{:?}", end.took);
}

#[tokio::test(start_paused = true)]
async fn a_book_of_which_the_catalog_could_not_be_told_is_left_by_a_run_that_ends_by_itself() {
    let (barcode, owner) = ("TL0001".to_owned(), "test".to_owned());
    let full = CatalogError::DiskFull {
        path: "catalog.db".into(),
        cause: "nothing is free".to_owned(),
    };
    for (error, once, is_left) in [
        (full, true, true),
        (CatalogError::Busy, true, true),
        (CatalogError::Stale { barcode, owner }, true, true),
        (CatalogError::Fault("no such column".to_owned()), true, true),
        (CatalogError::Fault("no such column".to_owned()), false, false),
    ] {
        for answer in [stored(), fails(&SessionError::Reset)] {
            let stub = downloads(answer);
            let errors = std::iter::repeat_with(|| error.clone()).take(1_000);
            stub.catalog.borrow_mut().extend(errors);
            let end = run(stub, context(once), book(0)).await;
            assert_eq!(end.result.outcome, BookOutcome::Released);
            assert_eq!(end.result.left.is_some(), is_left, "{error} {once}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_gone_is_asked_once_where_the_run_is_to_end() {
    for (once, stopped, asked_again) in [(true, false, false), (false, true, false), (false, false, true)] {
        let stub = downloads(stored());
        let gone = || CatalogError::Gone {
            path: "catalog.db".into(),
        };
        stub.catalog.borrow_mut().extend(std::iter::repeat_with(gone).take(20));
        let context = context(once);
        let stop = context.stop.clone();
        let (end, ()) = futures::join!(run(stub, context, book(0)), async {
            tokio::task::yield_now().await;
            if stopped {
                stop.cancel();
            }
        });
        assert_eq!(end.took > HOUR / 60, asked_again, "{once} {stopped}: {:?}", end.took);
        assert_eq!(
            end.result.outcome == BookOutcome::Stored,
            asked_again,
            "{once} {stopped}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_published_is_recorded_where_the_newer_archive_fails() {
    let damaged = || {
        Scripted::Answers(Ok(DownloadResult::DamagedAtSource {
            reason: FailureReason::Truncated,
            detail: "cut".into(),
        }))
    };
    let away = || fails(&SessionError::Reset);
    // After a panic the store may hold either archive.
    for (answer, attempts, is_stored) in [(damaged(), 0, true), (away(), 0, true), (Scripted::Panics, 100, false)] {
        let stub = downloads(answer);
        stub.checks.borrow_mut().push_back(Ok(CheckResult::Download));
        let published = StoredBook {
            sha256: "ab".into(),
            ..StoredBook::default()
        };
        stub.found.replace(Some(published));
        let end = run(stub, context(false), book(attempts)).await;
        assert_eq!(end.waits_for(), None, "others do not wait for it");
        match end.settlement() {
            ClaimSettlement::Stored(book) if is_stored => assert_eq!(book.sha256, "ab"),
            ClaimSettlement::Failed { reason, .. } if !is_stored => assert_eq!(reason, FailureReason::Panicked),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_lost_after_publication_is_noted_for_the_next_run() {
    let stub = downloads(stored());
    stub.catalog.borrow_mut().push_back(CatalogError::Stale {
        barcode: "TL0001".into(),
        owner: "test".into(),
    });
    let end = run(stub, context(false), book(0)).await;
    assert_eq!((end.result.outcome, end.stub.doubts.get()), (BookOutcome::Released, 1));
    assert!(end.stub.settled.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_was_away_is_not_held_against_a_book_while_others_are_stored() {
    let stale = CatalogError::Stale {
        barcode: "TL0001".into(),
        owner: "test".into(),
    };
    for fault in [CatalogError::Busy, stale] {
        let (context, other) = (context(false), Barcode::parse("TL0002").unwrap());
        for _ in 0..8 {
            let end = run(downloads(fails(&fault)), context.clone(), book(0)).await;
            let (_, wait, counts) = end.retry();
            assert!(wait <= Duration::from_secs(30) && !counts, "{fault}: {wait:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
            let stored = |intake: &mut BookIntake| intake.succeeded(&other, BookOutcome::Stored, Instant::now());
            stored(&mut context.judgement.borrow_mut().intake);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
}

/// Another book is.
fn is_stored(context: &BookRunContext, other: &Barcode) {
    let intake = &mut context.judgement.borrow_mut().intake;
    intake.begun(other, Instant::now());
    intake.succeeded(other, BookOutcome::Stored, Instant::now());
    intake.ended(other);
}

#[tokio::test(start_paused = true)]
async fn a_book_that_always_breaks_off_while_others_are_served_waits_longer_each_time_also_when_none_is_left() {
    let (context, other) = (context(false), Barcode::parse("TL0002").unwrap());
    let mut longest = Duration::ZERO;
    for times in 0..20 {
        let end = run(downloads(fails(&BodyError::Stalled)), context.clone(), book(0)).await;
        let (reason, wait, counts) = end.retry();
        assert_eq!((reason, counts, end.waits_for()), (FailureReason::Stalled, false, None));
        longest = longest.max(wait);
        tokio::time::advance(wait / 2).await;
        if times < 4 {
            is_stored(&context, &other);
        }
        tokio::time::advance(wait / 2 + Duration::from_secs(1)).await;
    }
    assert!(longest >= HOUR * 12 && longest <= HOUR * 24, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn books_that_break_off_by_themselves_hold_the_intake_for_nobody() {
    let (context, other) = (context(false), Barcode::parse("TL0009").unwrap());
    let fails_of = async |code: &str| {
        let mut book = book(0);
        book.claim.barcode = Barcode::parse(code).unwrap();
        run(downloads(fails(&SessionError::Reset)), context.clone(), book).await
    };
    for _ in 0..4 {
        for code in ["TL0001", "TL0002", "TL0003"] {
            fails_of(code).await;
            tokio::time::advance(Duration::from_secs(1)).await;
            is_stored(&context, &other);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }
    // Nothing else is left: all that breaks off is theirs.
    for code in ["TL0001", "TL0002", "TL0003", "TL0001"] {
        assert_eq!(fails_of(code).await.waits_for(), None, "{code}");
    }
}
