mod disk;
mod early;
mod refused;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::archive::ArchiveError;
use crate::catalog::CatalogError;
use crate::grin::AnswerRefusal;
use crate::session::SessionError;
use crate::storage::StorageError;

struct Bench {
    intake: BookIntake,
    now: Instant,
    rng: StdRng,
}

impl Bench {
    fn new(once: bool) -> Self {
        let config = IntakeConfig {
            backoff: RetryBackoff {
                base: Duration::from_secs(1),
                cap: Duration::from_secs(600),
                attempts: 6,
            },
            series: 3,
            once,
        };
        Self {
            intake: BookIntake::new(config),
            now: Instant::now(),
            rng: StdRng::seed_from_u64(1),
        }
    }

    fn fail(&mut self, code: &str, fault: &BookFault) {
        let book = book(code);
        self.intake.failed(&book, fault, self.now, &mut self.rng);
        self.intake.ended(&book);
    }

    /// Waits until a probe may begin, and begins it; how long that took.
    fn probe(&mut self, code: &str) -> Duration {
        let before = self.now;
        while let IntakeDecision::Closed(until) = self.intake.decide(self.now) {
            self.now = until.expect("no probe is under way");
        }
        assert_eq!(self.intake.decide(self.now), IntakeDecision::Probe);
        self.intake.begun(&book(code), self.now);
        assert_eq!(
            self.intake.decide(self.now),
            IntakeDecision::Closed(None),
            "one at a time"
        );
        self.now - before
    }

    fn store(&mut self, code: &str) {
        self.intake.succeeded(&book(code), BookOutcome::Stored, self.now);
        self.intake.ended(&book(code));
    }

    fn cause(&self) -> Option<WaitCause> {
        self.intake
            .waiting(self.now, Timestamp::UNIX_EPOCH)
            .map(|wait| wait.cause)
    }
}

fn book(code: &str) -> Barcode {
    Barcode::parse(code).unwrap()
}

fn server() -> BookFault {
    (&SessionError::Server { status: 500 }).into()
}

fn connect() -> BookFault {
    let (host, cause) = ("grin".to_owned(), "refused".to_owned());
    (&SessionError::Connect { host, cause }).into()
}

fn forbidden() -> BookFault {
    let snippet = "expired".to_owned();
    (&SessionError::Forbidden { snippet }).into()
}

fn full() -> BookFault {
    let (place, detail) = ("/library".to_owned(), "1 KiB are free".to_owned());
    (&StorageError::Full { place, detail }).into()
}

#[test]
fn one_book_that_always_fails_closes_nothing() {
    let mut bench = Bench::new(false);
    for fault in [server(), forbidden()] {
        for _ in 0..50 {
            bench.fail("BAD001", &fault);
            assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
        }
    }
}

#[test]
fn different_books_in_a_row_close_it_and_the_probe_is_another_one() {
    let mut bench = Bench::new(false);
    for code in ["BAD001", "BAD002", "BAD003"] {
        bench.fail(code, &server());
    }
    assert_eq!(bench.cause(), Some(WaitCause::Grin));
    assert_eq!(bench.intake.openers(), [book("BAD001"), book("BAD002"), book("BAD003")]);
    bench.probe("GOOD01");
    bench.store("GOOD01");
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

/// Fewer books are left than make a series.
#[test]
fn where_few_books_are_left_their_attempts_count_and_the_probe_is_another_one() {
    for (fault, codes) in [(&connect(), &["BAD001"][..]), (&server(), &["BAD001", "BAD002"])] {
        let mut bench = Bench::new(false);
        for attempt in 0..3 {
            assert_eq!(bench.cause(), None, "{fault:?} {attempt}");
            bench.fail(codes[attempt % codes.len()], fault);
        }
        let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
        assert!(
            wait.cause == WaitCause::Grin && wait.why.contains("3 attempts"),
            "{wait:?}"
        );
        assert_eq!(bench.intake.openers().len(), codes.len());
        // They have waits of their own; a book that arrives is not kept by them.
        for _ in 0..20 {
            assert!(bench.probe(codes[0]) <= Duration::from_secs(3));
            bench.fail(codes[0], fault);
        }
        bench.probe("GOOD01");
        bench.store("GOOD01");
        assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
    }
}

/// What it shows is of the time before; the probe shows how it is now.
#[test]
fn a_book_begun_before_grin_refused_everybody_does_not_end_the_pause() {
    for (fault, cause) in [(forbidden(), WaitCause::Failures), (server(), WaitCause::Grin)] {
        let mut bench = Bench::new(false);
        bench.intake.begun(&book("EARLY1"), bench.now);
        bench.intake.begun(&book("EARLY2"), bench.now);
        bench.now += Duration::from_secs(1);
        for code in ["BAD001", "BAD002", "BAD003"] {
            bench.fail(code, &fault);
        }
        for code in ["EARLY1", "EARLY2"] {
            bench.store(code);
            assert_eq!(bench.cause(), Some(cause));
        }
        bench.probe("GOOD01");
        bench.store("GOOD01");
        assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
    }
    let mut bench = Bench::new(false);
    bench.intake.begun(&book("EARLY1"), bench.now);
    bench.now += Duration::from_secs(1);
    bench.fail("BAD001", &full());
    bench.store("EARLY1");
    assert_eq!(bench.cause(), None, "what comes last, the disk, worked now");
}

#[test]
fn an_incident_counts_once_however_many_books_were_under_way() {
    let mut bench = Bench::new(false);
    bench.fail("BAD001", &full());
    let first = bench.intake.decide(bench.now);
    for number in 2..14 {
        bench.fail(&format!("BAD{number:03}"), &full());
    }
    assert_eq!(bench.intake.decide(bench.now), first, "nothing became longer");
    let IntakeDecision::Closed(Some(until)) = first else {
        panic!("{first:?}");
    };
    assert!(until - bench.now <= Duration::from_secs(1));
}

#[test]
fn only_the_probe_lengthens_the_pause_and_work_resumes_within_half_a_minute() {
    let mut bench = Bench::new(false);
    let began = bench.now;
    bench.fail("BAD001", &full());
    let mut pauses = Vec::new();
    while bench.now - began < Duration::from_secs(300) {
        let code = format!("PROBE{}", pauses.len());
        pauses.push(bench.probe(&code));
        bench.fail(&code, &full());
    }
    assert!(pauses[0] < pauses[4], "{pauses:?}");
    assert!(
        pauses.iter().all(|pause| *pause <= Duration::from_secs(30)),
        "{pauses:?}"
    );
    bench.probe("PROBE2");
    bench.store("PROBE2");
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

#[test]
fn an_answer_of_grin_opens_the_way_and_says_nothing_of_the_disk() {
    let mut bench = Bench::new(false);
    for code in ["BAD001", "BAD002", "BAD003"] {
        bench.fail(code, &server());
    }
    bench.probe("SAME01");
    bench
        .intake
        .succeeded(&book("SAME01"), BookOutcome::UpToDate, bench.now);
    bench.intake.ended(&book("SAME01"));
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
    bench.fail("BAD001", &full());
    bench
        .intake
        .succeeded(&book("SAME01"), BookOutcome::UpToDate, bench.now);
    assert_eq!(bench.cause(), Some(WaitCause::Disk));
}

#[test]
fn a_book_that_failed_before_does_not_lengthen_the_pause_for_others() {
    let mut bench = Bench::new(false);
    bench.fail("BAD001", &full());
    for _ in 0..100 {
        assert!(bench.probe("BAD001") <= Duration::from_secs(3));
        bench.fail("BAD001", &full());
    }
    assert!(
        bench.probe("GOOD01") <= Duration::from_secs(3),
        "another book is let through"
    );
}

/// Where each book that is left had a part in it, nobody would be between two attempts else: GRIN, which is away, would be asked
/// without a pause, and the status would name no moment.
#[test]
fn in_an_outage_each_attempt_is_followed_by_a_pause_of_seconds_whichever_book_makes_it() {
    let mut bench = Bench::new(false);
    let codes = ["BAD001", "BAD002", "BAD003", "BAD004"];
    for code in codes {
        bench.intake.begun(&book(code), bench.now);
    }
    for code in codes {
        bench.fail(code, &connect());
    }
    for attempt in 0..40 {
        let code = codes[attempt % codes.len()];
        let waited = bench.probe(code);
        assert!(
            (Duration::from_millis(500)..=Duration::from_secs(3)).contains(&waited),
            "{attempt}: {waited:?}"
        );
        bench.fail(code, &connect());
    }
    bench.probe("BAD001");
    bench.store("BAD001");
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

#[test]
fn a_refused_book_shows_that_grin_answers() {
    let mut bench = Bench::new(false);
    for code in ["BAD001", "BAD002", "BAD003"] {
        bench.fail(code, &server());
    }
    bench.probe("BAD004");
    bench.fail("BAD004", &forbidden());
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

#[test]
fn a_series_of_sign_in_pages_calls_a_person_only_where_no_archive_is_served() {
    let page = BookFault::from(&ArchiveError::RefusedByGrin {
        refusal: AnswerRefusal::SignIn,
    });
    for fault in [page, BookFault::from(&SessionError::TokenWanted)] {
        for outcome in [None, Some(BookOutcome::Stored), Some(BookOutcome::UpToDate)] {
            let mut bench = Bench::new(true);
            if let Some(outcome) = outcome {
                bench.intake.succeeded(&book("GOOD01"), outcome, bench.now);
            }
            bench.fail("BAD001", &fault);
            assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
            bench.fail("BAD002", &fault);
            bench.fail("BAD003", &fault);
            let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(
                (wait.cause, wait.needs_person),
                (WaitCause::SignIn, outcome.is_none()),
                "{outcome:?}"
            );
            // The next book may be had.
            assert!(bench.probe("GOOD02") <= Duration::from_secs(3));
            bench.store("GOOD02");
            assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
        }
    }
}

#[test]
fn where_no_other_book_can_be_had_its_failure_counts_in_a_run_that_ends_by_itself() {
    let mut bench = Bench::new(true);
    bench.fail("BAD001", &full());
    for _ in 0..2 {
        bench.probe("BAD001");
        bench.fail("BAD001", &full());
    }
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::GiveUp);
}

#[test]
fn a_series_of_wrong_passphrases_needs_a_person_and_says_so() {
    let mut bench = Bench::new(false);
    let fault = BookFault::from(&ArchiveError::WrongPassphrase);
    for code in ["BAD001", "BAD002", "BAD003"] {
        bench.fail(code, &fault);
    }
    let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
    assert!(
        wait.cause == WaitCause::Passphrase && wait.needs_person && !wait.resumes_by_itself,
        "{wait:?}"
    );
    assert!(wait.why.contains("3 books in a row failed"), "{wait:?}");
}

#[test]
fn a_locked_catalog_closes_the_intake_until_a_call_is_answered() {
    let mut bench = Bench::new(false);
    let locked = BookFault::from(&CatalogError::Busy);
    let began = bench.now;
    while bench.now - began < Duration::from_secs(600) {
        // Calls of one moment are one incident.
        bench.intake.call_failed(&locked, bench.now, &mut bench.rng);
        bench.intake.call_failed(&locked, bench.now, &mut bench.rng);
        let IntakeDecision::Closed(Some(until)) = bench.intake.decide(bench.now) else {
            panic!("{:?}", bench.intake.decide(bench.now));
        };
        assert!(until - bench.now <= Duration::from_secs(30));
        bench.now = until;
    }
    bench.intake.answered(WaitCause::Catalog);
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

#[test]
fn a_probe_that_says_nothing_is_followed_by_another_one_at_once() {
    let mut bench = Bench::new(false);
    bench.fail("BAD001", &full());
    bench.probe("LOST01");
    bench.fail("LOST01", &BookFault::from(&SessionError::Cancelled));
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Probe);
}

#[test]
fn a_run_that_ends_by_itself_gives_up_after_some_probes() {
    let refused = BookFault::from(&SessionError::Connect {
        host: "grin".to_owned(),
        cause: "refused".to_owned(),
    });
    for (fault, series, probes) in [
        (full(), 1, 2),
        (BookFault::from(&StorageError::Broken), 1, 6),
        (refused, 3, 6),
        // Each of these books may be the only one that is refused.
        (forbidden(), 3, 199),
        (server(), 3, 199),
    ] {
        let mut bench = Bench::new(true);
        let began = bench.now;
        for number in 0..series {
            bench.fail(&format!("BAD{number:03}"), &fault);
        }
        for number in 0..probes {
            let code = format!("PROBE{number}");
            bench.probe(&code);
            bench.fail(&code, &fault);
        }
        assert_eq!(bench.intake.decide(bench.now), IntakeDecision::GiveUp, "{fault:?}");
        let took = bench.now - began;
        assert!(took < Duration::from_secs(660), "{fault:?}: {took:?}");
    }
}

#[test]
fn what_is_asked_of_one_book_ends_no_run() {
    let hour = Some(Duration::from_hours(1));
    for fault in [
        SessionError::NotServed {
            status: 429,
            retry_after: hour,
        },
        SessionError::RefusedByHost {
            host: "cdn.example".to_owned(),
            status: 403,
            snippet: String::new(),
            retry_after: hour,
        },
    ] {
        let mut bench = Bench::new(true);
        bench.fail("ASKED1", &BookFault::from(&fault));
        assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open, "{fault:?}");
    }
}

fn throttled_within(seconds: u64, longest: Option<Duration>) -> BookFault {
    BookFault::from(&SessionError::Throttled {
        status: Some(503),
        retry_after: Some(Duration::from_secs(seconds)),
        longest,
    })
}

fn throttled(seconds: u64) -> BookFault {
    throttled_within(seconds, None)
}

#[test]
fn a_run_that_ends_by_itself_gives_up_when_grin_asks_for_a_long_wait() {
    for (once, minutes, gives_up) in [(true, 11, true), (true, 9, false), (false, 1_000, false)] {
        let mut bench = Bench::new(once);
        bench.fail("ASKED1", &throttled(60 * minutes));
        let until = bench.now + Duration::from_secs(60 * minutes);
        let expected = match gives_up {
            true => IntakeDecision::GiveUp,
            false => IntakeDecision::Closed(Some(until)),
        };
        assert_eq!(bench.intake.decide(bench.now), expected, "{once} {minutes}");
        let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
        assert!(wait.cause == WaitCause::Gate && !wait.needs_person, "{wait:?}");
        assert!(wait.why.contains("asked everybody to wait"), "{wait:?}");
    }
    // A short one, after others.
    let mut bench = Bench::new(true);
    bench.fail("ASKED1", &throttled_within(60, Some(Duration::from_mins(10))));
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::GiveUp);
}

#[test]
fn the_wait_that_grin_asks_for_ends_by_itself() {
    let mut bench = Bench::new(true);
    bench.fail("ASKED1", &throttled(60));
    assert_eq!(bench.probe("ASKED1"), Duration::from_secs(60), "it was not asked for");
    bench.fail("ASKED1", &forbidden());
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open, "GRIN answers");
    bench.fail("ASKED1", &throttled(60));
    bench.fail("LATE01", &forbidden());
    assert_ne!(bench.intake.decide(bench.now), IntakeDecision::Open, "asked for before");
}

/// A full disk takes a small claim, and not what came of a book.
#[test]
fn a_run_that_ends_by_itself_begins_no_book_after_one_that_could_not_be_recorded() {
    for (once, decision) in [(true, IntakeDecision::GiveUp), (false, IntakeDecision::Open)] {
        let mut bench = Bench::new(once);
        let full = CatalogError::DiskFull {
            path: "catalog.db".into(),
            cause: "nothing is free".to_owned(),
        };
        bench.intake.gave_up_recording(&(&full).into(), bench.now);
        bench.intake.answered(WaitCause::Catalog);
        bench.store("GOOD01");
        assert_eq!(bench.intake.decide(bench.now), decision);
        assert_eq!(
            bench.cause(),
            once.then_some(WaitCause::Catalog),
            "the run says why it stopped"
        );
    }
}
