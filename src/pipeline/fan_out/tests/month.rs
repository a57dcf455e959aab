//! A month of random books and random outages: no book is lost, none fails through another's fault, none waits for bad ones.

use proptest::prelude::*;

use super::*;
use crate::pipeline::fan_out::tests::library::blame;
use crate::vocabulary::Blame;

const HOUR: u64 = 3_600;
const MONTH: Duration = Duration::from_secs(30 * 24 * HOUR);

#[derive(Debug, Clone)]
struct Outage {
    cause: WaitCause,
    after: Duration,
    length: Duration,
}

fn outage() -> impl Strategy<Value = Outage> {
    let causes = prop::sample::select(vec![
        WaitCause::Grin,
        WaitCause::Disk,
        WaitCause::Storage,
        WaitCause::Token,
        WaitCause::Catalog,
    ]);
    (causes, 0..29 * 24 * HOUR, 1..6 * HOUR).prop_map(|(cause, after, length)| Outage {
        cause,
        after: Duration::from_secs(after),
        length: Duration::from_secs(length),
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    let forbidden = BookFault::from(&SessionError::Forbidden { snippet: "no".into() });
    let server = BookFault::from(&SessionError::Server { status: 503 });
    let barred = BookFault::from(&StorageError::Unsafe { place: "x".into() });
    let passing = prop::sample::select(vec![
        forbidden.clone(),
        server.clone(),
        BookFault::from(&SessionError::NotServed {
            status: 429,
            retry_after: Some(Duration::from_secs(2 * HOUR)),
        }),
        BookFault::from(&SessionError::Reset),
        BookFault::panicked("the download"),
    ]);
    prop_oneof![
        6 => Just(Fate::Good),
        // One fault fewer than a book has attempts, since each may be the book's own.
        3 => prop::collection::vec(passing, 1..4).prop_map(Fate::FailsAtFirst),
        1 => Just(Fate::Fails(forbidden)),
        1 => Just(Fate::Fails(server)),
        1 => Just(Fate::Fails(barred)),
        1 => Just(Fate::Panics),
    ]
}

/// How long a good book may wait that is due at this moment: for the next look, for one probe, and, after an outage, for the
/// pause that the outage's length allows.
fn bound(outages: &[(WaitCause, std::ops::Range<Instant>)], due: Instant, asked: Instant) -> Duration {
    let touching = outages
        .iter()
        .filter(|(_, range)| range.start <= asked && due <= range.end + Duration::from_secs(HOUR));
    let outages: Duration = touching
        .map(|(_, range)| (range.end - range.start) + (range.end - range.start) / 10)
        .sum();
    LOOK_AGAIN * 2 + Duration::from_secs(40) + outages
}

fn check(run: &Run) -> Result<(), TestCaseError> {
    let books = run.library.books.borrow();
    let outages = run.library.outages.borrow();
    for (code, book) in books.iter() {
        prop_assert!(book.claimed.is_none(), "{code} stays claimed");
        match (&book.fate, book.end) {
            (Fate::Good, end) => prop_assert_eq!(end, Some(BookOutcome::Stored), "{}", code),
            (Fate::FailsAtFirst(_), Some(end)) => prop_assert_eq!(end, BookOutcome::Stored, "{}", code),
            (fate, Some(BookOutcome::Failed)) => {
                prop_assert_eq!(blame(fate), Some(Blame::Book), "{} failed", code);
                let spread = book.ended.unwrap() - book.first_counted.unwrap();
                prop_assert!(
                    spread >= Duration::from_secs(71 * HOUR),
                    "{code} failed after {spread:?}"
                );
            }
            (_, end) => prop_assert_eq!(end, None, "{}", code),
        }
        if matches!(book.fate, Fate::Good) {
            for wait in &book.waits {
                let (waited, most) = (wait.end - wait.start, bound(&outages, wait.start, wait.end));
                prop_assert!(waited <= most, "{code} waited {waited:?}, at most {most:?}");
            }
        }
        // Every five minutes at most, where nothing else succeeds in between.
        let times = book.asked.len();
        prop_assert!(times <= 8_640, "{code} was asked for {times} times");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 5, ..ProptestConfig::default() })]

    #[test]
    fn in_a_month_no_book_is_lost_and_good_ones_do_not_wait_for_bad_ones(
        books in prop::collection::vec((fate(), 0..28 * 24 * HOUR), 1..40),
        outages in prop::collection::vec(outage(), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let run = runtime.block_on(async {
            let library = LibraryStub::new();
            for (number, (fate, after)) in books.into_iter().enumerate() {
                library.add(&format!("BOOK{number:03}"), fate, Duration::from_secs(after));
            }
            for outage in outages {
                library.outage(outage.cause, outage.after, outage.length);
            }
            daemon(library, MONTH).await
        });
        check(&run)?;
    }
}
