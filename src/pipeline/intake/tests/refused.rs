//! Books that GRIN refuses, one after the other and again.

use super::*;

#[test]
fn however_many_books_are_refused_the_next_one_is_tried_within_seconds() {
    for (once, fault) in [
        (true, forbidden()),
        (false, forbidden()),
        (true, server()),
        (false, server()),
    ] {
        let mut bench = Bench::new(once);
        for number in 0..3 {
            bench.fail(&format!("BAD{number:03}"), &fault);
        }
        for number in 3..100 {
            let code = format!("BAD{number:03}");
            assert!(bench.probe(&code) <= Duration::from_secs(3), "{once} {code}");
            bench.fail(&code, &fault);
        }
        bench.probe("GOOD01");
        bench.store("GOOD01");
        // Asked once more, they say nothing new about the others.
        for number in 0..100 {
            bench.fail(&format!("BAD{number:03}"), &fault);
        }
        assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
    }
}

#[test]
fn a_daemon_that_is_refused_everything_asks_seldom() {
    for (fault, longest) in [
        (forbidden(), Duration::from_secs(30)),
        (server(), Duration::from_secs(15 * 60)),
    ] {
        let mut bench = Bench::new(false);
        for number in 0..400 {
            let code = format!("BAD{number:03}");
            if number >= 3 {
                bench.probe(&code);
            }
            bench.fail(&code, &fault);
        }
        // Then each of them once more.
        for number in 0..400 {
            let code = format!("BAD{number:03}");
            let pause = bench.probe(&code);
            assert!(
                pause >= Duration::from_secs(15) && pause <= longest,
                "{code} {fault:?}: {pause:?}"
            );
            bench.fail(&code, &fault);
        }
    }
}

#[test]
fn books_that_were_refused_before_are_asked_again_with_growing_pauses_in_a_daemon() {
    let second = Duration::from_secs(1);
    let soon = second / 2..=second * 3;
    let seldom = |minutes| second * 15..=second * 60 * minutes;
    for (once, fault, late) in [
        (false, forbidden(), second * 15..=second * 30),
        (false, server(), seldom(15)),
        (true, forbidden(), soon.clone()),
        (true, server(), soon.clone()),
    ] {
        let mut bench = Bench::new(once);
        for hundred in 0..4 {
            for number in 0..100 {
                let code = format!("BAD{hundred}{number:02}");
                if number >= 3 {
                    bench.probe(&code);
                }
                bench.fail(&code, &fault);
            }
            bench.probe("GOOD01");
            bench.store("GOOD01");
        }
        for code in ["NEW001", "NEW002", "NEW003"] {
            bench.fail(code, &fault);
        }
        for number in 0..400 {
            let code = format!("BAD{number:03}");
            let pause = bench.probe(&code);
            let expected = match number {
                0..200 => &soon,
                200..250 => &(Duration::ZERO..=*late.end()),
                _ => &late,
            };
            assert!(expected.contains(&pause), "{once} {code} {fault:?}: {pause:?}");
            bench.fail(&code, &fault);
        }
        assert_eq!(bench.cause(), fault.cause);
    }
}

#[test]
fn where_no_archive_is_served_at_all_a_run_that_ends_by_itself_gives_up_after_each_book_was_asked_for() {
    let (status, retry_after) = (503, None);
    let not_served = BookFault::from(&SessionError::NotServed { status, retry_after });
    for (fault, books) in [
        (not_served.clone(), 60),
        (not_served, 8),
        (server(), 60),
        (forbidden(), 30),
    ] {
        let mut bench = Bench::new(true);
        let began = bench.now;
        let mut asked = 0;
        'run: loop {
            for number in 0..books {
                let code = format!("BAD{number:03}");
                if asked >= 3 {
                    if bench.intake.decide(bench.now) == IntakeDecision::GiveUp {
                        break 'run;
                    }
                    bench.probe(&code);
                }
                asked += 1;
                let fault = bench.intake.judged(&book(&code), 0, fault.clone(), bench.now);
                bench.fail(&code, &fault);
            }
        }
        assert!((books..=books + 7).contains(&asked), "{fault:?}: {asked} of {books}");
        let took = bench.now - began;
        assert!(took < Duration::from_secs(600), "{fault:?}: {took:?}");
        let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(wait.needs_person, fault.blame == Blame::Book, "{wait:?}");
    }
}

#[test]
fn a_refusal_is_the_books_only_while_archives_are_served_that_are_asked_for_after_it() {
    let page = BookFault::from(&ArchiveError::NotAnArchive { looks_like: "html" });
    // What ends once, after so many books were refused; it began so many seconds before the first of them.
    let charged = |fault: &BookFault, served: Option<(BookOutcome, usize, u64)>| {
        let mut bench = Bench::new(false);
        bench.now += Duration::from_secs(3_600);
        bench.store("BEFORE");
        let mut charged = 0;
        if let Some((.., early)) = served {
            let began = bench.now + Duration::from_secs(10) - Duration::from_secs(early);
            bench.intake.begun(&book("GOOD01"), began);
        }
        bench.now += Duration::from_secs(10);
        for number in 0..18 {
            if let Some((outcome, ..)) = served.filter(|(_, after, _)| *after == number) {
                bench.intake.succeeded(&book("GOOD01"), outcome, bench.now);
                bench.intake.ended(&book("GOOD01"));
            }
            let code = book(&format!("BAD{number:03}"));
            // One book refused again and again is one book.
            let blamed = [(); 3].map(|()| bench.intake.judged(&code, 0, fault.clone(), bench.now).blame);
            charged += usize::from(blamed[2] == Blame::Book);
            bench.now += Duration::from_secs(1);
        }
        charged
    };
    for fault in [forbidden(), page] {
        for (served, expected) in [
            (None, 9),
            (Some((BookOutcome::Stored, 9, 0)), 18),
            (Some((BookOutcome::UpToDate, 9, 0)), 18),
            (Some((BookOutcome::NotConverted, 9, 0)), 9),
            // GRIN had let this one have its archive before.
            (Some((BookOutcome::Stored, 9, 5)), 9),
            (Some((BookOutcome::UpToDate, 9, 5)), 9),
        ] {
            assert_eq!(charged(&fault, served), expected, "{fault:?} {served:?}");
        }
    }
}

#[test]
fn books_that_were_refused_before_others_were_served_are_to_blame_when_they_are_refused_again() {
    let mut bench = Bench::new(false);
    let codes: Vec<_> = (0..40).map(|number| format!("BAD{number:03}")).collect();
    for expected in [2, 40, 40] {
        let mut charged = 0;
        for code in &codes {
            let fault = bench.intake.judged(&book(code), 0, forbidden(), bench.now);
            charged += usize::from(fault.blame == Blame::Book);
            bench.fail(code, &fault);
        }
        assert_eq!(charged, expected);
        bench.now += Duration::from_secs(3_600);
        bench.intake.begun(&book("GOOD01"), bench.now);
        bench.store("GOOD01");
    }
}

#[test]
fn those_that_were_refused_together_are_cleared_when_one_of_them_is_served() {
    let page = BookFault::from(&ArchiveError::NotAnArchive { looks_like: "html" });
    for (fault, served_before, refused, outcome, cleared) in [
        (forbidden(), true, 30, BookOutcome::Stored, 29),
        (forbidden(), true, 30, BookOutcome::UpToDate, 29),
        (page, true, 30, BookOutcome::Stored, 29),
        (server(), true, 30, BookOutcome::Stored, 29),
        // So few may each be to blame, unless nothing shows that anybody was served.
        (forbidden(), true, 9, BookOutcome::Stored, 0),
        (forbidden(), false, 9, BookOutcome::Stored, 8),
        (forbidden(), false, 2, BookOutcome::Stored, 0),
    ] {
        let mut bench = Bench::new(false);
        if served_before {
            bench.store("BEFORE");
        }
        for number in 0..refused {
            let code = format!("BAD{number:03}");
            let fault = bench.intake.judged(&book(&code), 0, fault.clone(), bench.now);
            bench.fail(&code, &fault);
        }
        for (code, expected) in [("GOOD01", 0), ("BAD001", cleared)] {
            bench.now += Duration::from_secs(60);
            bench.intake.begun(&book(code), bench.now);
            let found = bench.intake.succeeded(&book(code), outcome, bench.now);
            bench.intake.ended(&book(code));
            assert_eq!(found.len(), expected, "{code}: {fault:?} {outcome}");
        }
        let remembered = refused - 1 - cleared;
        assert_eq!(bench.intake.refused.len(), remembered, "{fault:?} {outcome}");
    }
}

#[test]
fn what_is_everybodys_is_told_as_the_reason_of_the_pause() {
    let redirected = SessionError::Redirect(crate::grin::RedirectRefused::ForeignHost("files.example".to_owned()));
    for (fault, told) in [
        (
            BookFault::from(&redirected),
            &["grin.redirect_hosts", "files.example"][..],
        ),
        (
            BookFault::from(&ArchiveError::NoIntegrityCheck),
            &[
                "encrypted without an integrity check",
                "archive.accept_unauthenticated = true",
            ],
        ),
    ] {
        let mut bench = Bench::new(false);
        for number in 0..20 {
            let code = format!("BAD{number:03}");
            if number >= 3 {
                bench.probe(&code);
            }
            let fault = bench.intake.judged(&book(&code), 0, fault.clone(), bench.now);
            bench.fail(&code, &fault);
        }
        let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
        assert!(wait.cause == WaitCause::Failures && wait.needs_person, "{wait:?}");
        assert!(told.iter().all(|words| wait.why.contains(words)), "{wait:?}");
    }
}
