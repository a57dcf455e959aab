use std::io;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::*;
use crate::archive::SeenArchive;
use crate::grin::AnswerRefusal;
use crate::grin::Barcode;
use crate::session::RetryBackoff;

const BACKOFF: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(600),
    attempts: 6,
};
const HOUR: Duration = Duration::from_secs(3_600);

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn faults() -> Vec<(&'static str, BookFault, Blame, Option<WaitCause>)> {
    let words = String::new;
    let server = |status| BookFault::from(&SessionError::Server { status });
    let host = BookFault::from(&SessionError::RefusedByHost {
        host: words(),
        status: 401,
        snippet: words(),
        retry_after: None,
    });
    let connect = SessionError::Connect {
        host: words(),
        cause: "name not found".into(),
    };
    let throttled = SessionError::Throttled {
        status: 503,
        retry_after: None,
    };
    let full = StorageError::Full {
        place: words(),
        detail: words(),
    };
    let full_in_the_middle = PublishError::Sink(io::Error::from(StorageError::Full {
        place: words(),
        detail: words(),
    }));
    let stale = CatalogError::Stale {
        barcode: words(),
        owner: words(),
    };
    let [unavailable, sign_in_page] =
        [AnswerRefusal::Unavailable, AnswerRefusal::SignIn].map(|refusal| ArchiveError::RefusedByGrin { refusal });
    let damaged = ArchiveError::Truncated {
        seen: Box::<SeenArchive>::default(),
    };
    vec![
        ("500", server(500), Blame::Path, Some(WaitCause::Grin)),
        ("no name", (&connect).into(), Blame::Path, Some(WaitCause::Grin)),
        (
            "reset",
            (&SessionError::Reset).into(),
            Blame::Path,
            Some(WaitCause::Grin),
        ),
        ("503", (&throttled).into(), Blame::Path, None),
        ("cut", (&BodyError::Stalled).into(), Blame::Path, Some(WaitCause::Grin)),
        (
            "token service",
            (&SessionError::TokenUnavailable { why: words() }).into(),
            Blame::Path,
            Some(WaitCause::Token),
        ),
        (
            "403",
            (&SessionError::Forbidden { snippet: words() }).into(),
            Blame::Book,
            Some(WaitCause::Failures),
        ),
        ("401 of a redirect host", host, Blame::Book, Some(WaitCause::Failures)),
        ("damaged", (&damaged).into(), Blame::Book, Some(WaitCause::Failures)),
        ("panic", (&AskError::Panicked).into(), Blame::Book, None),
        (
            "wrong passphrase",
            (&ArchiveError::WrongPassphrase).into(),
            Blame::Book,
            Some(WaitCause::Passphrase),
        ),
        (
            "GRIN's refusal in place of an archive",
            (&unavailable).into(),
            Blame::Path,
            Some(WaitCause::Grin),
        ),
        (
            "a sign-in page in place of an archive",
            (&sign_in_page).into(),
            Blame::Operator,
            Some(WaitCause::SignIn),
        ),
        (
            "no passphrase",
            (&ArchiveError::NoPassphrase).into(),
            Blame::Operator,
            Some(WaitCause::Passphrase),
        ),
        (
            "signed out",
            (&SessionError::SignedOut { why: words() }).into(),
            Blame::Operator,
            Some(WaitCause::SignIn),
        ),
        ("disk full", (&full).into(), Blame::Us, Some(WaitCause::Disk)),
        (
            "full in the middle",
            (&full_in_the_middle).into(),
            Blame::Us,
            Some(WaitCause::Disk),
        ),
        (
            "store broken",
            (&StorageError::Broken).into(),
            Blame::Us,
            Some(WaitCause::Storage),
        ),
        (
            "catalog locked",
            (&CatalogError::Busy).into(),
            Blame::Us,
            Some(WaitCause::Catalog),
        ),
        (
            "catalog read-only",
            (&CatalogError::Disk(words())).into(),
            Blame::Us,
            Some(WaitCause::Catalog),
        ),
        ("claim lost", (&stale).into(), Blame::Us, None),
        ("shutdown", (&SessionError::Closed).into(), Blame::Us, None),
        ("cancelled", (&BodyError::Cancelled).into(), Blame::Us, None),
        ("no permit", (&SessionError::Busy).into(), Blame::Us, None),
    ]
}

#[test]
fn each_error_has_one_to_blame() {
    for (what, fault, blame, cause) in faults() {
        assert_eq!((fault.blame, fault.cause), (blame, cause), "{what}: {fault:?}");
        let one_page = what.starts_with("a sign-in page");
        let needs_person = (blame == Blame::Operator && !one_page) || what.contains("full");
        assert_eq!(fault.needs_person, needs_person, "{what}");
    }
}

#[test]
fn attempts_are_spread_over_three_days_whatever_their_number() {
    for limit in 2..=12 {
        let sum: Duration = (1..limit).map(|attempt| attempt_delay(limit, attempt)).sum();
        let days = sum.as_secs_f64() / (24.0 * 3_600.0);
        assert!((days - 3.0).abs() < 0.01, "{limit} attempts within {days} days");
        let growing = (1..limit - 1).all(|attempt| attempt_delay(limit, attempt) < attempt_delay(limit, attempt + 1));
        assert!(growing, "{limit}");
    }
}

#[test]
fn after_an_outage_of_some_minutes_nobody_pauses_long() {
    let mut rng = StdRng::seed_from_u64(1);
    let cases = [
        (Duration::from_secs(25), 30),
        (Duration::from_secs(600), 30),
        (HOUR, 180),
        (100 * HOUR, 900),
    ];
    for (age, longest) in cases {
        for probe in 1..40 {
            let pause = shared_pause(&BACKOFF, probe, age, &mut rng);
            assert!(pause <= Duration::from_secs(longest), "{age:?}: {pause:?}");
        }
    }
}

#[test]
fn a_book_that_fails_alone_waits_longer_each_time_up_to_a_day() {
    let mut rng = StdRng::seed_from_u64(2);
    let (mut memory, mut now) = (FailureMemory::default(), Instant::now());
    let book = Barcode::parse("TL0001").unwrap();
    let rules = PutOffRules {
        backoff: &BACKOFF,
        once: false,
        last_good: None,
    };
    let mut waits = Vec::new();
    for _ in 0..16 {
        // Others succeed all the time.
        let rules = PutOffRules {
            last_good: Some(now),
            ..rules
        };
        let put_off = memory.put_off(&book, now, &rules, &mut rng);
        assert!(!put_off.left);
        waits.push(put_off.delay);
        now += put_off.delay + Duration::from_secs(1);
    }
    assert!(waits[1] <= Duration::from_secs(30), "{waits:?}");
    assert!(waits[15] >= 12 * HOUR && waits[15] <= 24 * HOUR, "{waits:?}");
}

#[test]
fn a_book_that_fails_with_all_others_waits_no_longer_than_they() {
    let mut rng = StdRng::seed_from_u64(3);
    let (mut memory, mut now) = (FailureMemory::default(), Instant::now());
    let book = Barcode::parse("TL0001").unwrap();
    let rules = PutOffRules {
        backoff: &BACKOFF,
        once: false,
        last_good: None,
    };
    for _ in 0..30 {
        now += Duration::from_secs(15);
        let put_off = memory.put_off(&book, now, &rules, &mut rng);
        assert!(put_off.delay <= Duration::from_secs(30), "{put_off:?}");
    }
}

#[test]
fn a_run_that_ends_by_itself_leaves_a_book_after_some_tries() {
    let mut rng = StdRng::seed_from_u64(4);
    let (mut memory, now) = (FailureMemory::default(), Instant::now());
    let book = Barcode::parse("TL0001").unwrap();
    let rules = PutOffRules {
        backoff: &BACKOFF,
        once: true,
        last_good: None,
    };
    let mut left = Vec::new();
    for _ in 0..6 {
        left.push(memory.put_off(&book, now, &rules, &mut rng).left);
    }
    assert_eq!(left, [false, false, false, false, false, true]);
}

/// Of a fault of this kind, the next book may know nothing; of all others it would.
#[test]
fn only_an_answer_of_grin_may_be_about_one_book_alone() {
    let page = |refusal| BookFault::from(&ArchiveError::RefusedByGrin { refusal });
    let snippet = "no".to_owned();
    let connect = SessionError::Connect {
        host: "grin".to_owned(),
        cause: "refused".to_owned(),
    };
    let tokens = SessionError::TokenUnavailable { why: "no".to_owned() };
    let (status, retry_after) = (429, None);
    let cases: [(BookFault, bool); 11] = [
        ((&SessionError::Forbidden { snippet }).into(), true),
        ((&SessionError::NotServed { status, retry_after }).into(), true),
        ((&SessionError::Throttled { status, retry_after }).into(), false),
        ((&SessionError::Server { status: 500 }).into(), true),
        ((&ArchiveError::NotAnArchive { looks_like: "html" }).into(), true),
        (page(AnswerRefusal::Unavailable), true),
        (page(AnswerRefusal::SignIn), false),
        ((&connect).into(), false),
        ((&tokens).into(), false),
        ((&StorageError::Broken).into(), false),
        ((&ArchiveError::WrongPassphrase).into(), false),
    ];
    for (fault, expected) in cases {
        assert_eq!(fault.may_be_one_books(), expected, "{fault:?}");
    }
}
