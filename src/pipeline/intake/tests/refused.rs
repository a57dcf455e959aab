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
                let fault = bench.intake.judged(&book(&code), fault.clone(), bench.now);
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
fn a_refusal_is_everybodys_only_while_no_archive_was_served_for_a_day() {
    let judged = |served: Option<(BookOutcome, u64)>| {
        let mut bench = Bench::new(false);
        if let Some((outcome, hours)) = served {
            bench.intake.succeeded(&book("GOOD01"), outcome, bench.now);
            bench.now += Duration::from_secs(hours * 3_600);
        }
        let mut blamed = Vec::new();
        for number in 0..12 {
            let code = book(&format!("BAD{number:03}"));
            // One book refused again and again is one book.
            for _ in 0..3 {
                blamed.push(bench.intake.judged(&code, forbidden(), bench.now).blame);
            }
        }
        blamed.iter().filter(|blame| **blame == Blame::Book).count() / 3
    };
    for (served, charged) in [
        (None, 9),
        (Some((BookOutcome::Stored, 23)), 12),
        (Some((BookOutcome::UpToDate, 1)), 12),
        (Some((BookOutcome::NotConverted, 1)), 9),
        (Some((BookOutcome::Stored, 25)), 9),
    ] {
        assert_eq!(judged(served), charged, "{served:?}");
    }
}

#[test]
fn what_is_everybodys_is_told_as_the_reason_of_the_pause() {
    let redirected = SessionError::Redirect(crate::grin::RedirectRefused::ForeignHost("files.example".to_owned()));
    let mut bench = Bench::new(false);
    for number in 0..20 {
        let code = format!("BAD{number:03}");
        if number >= 3 {
            bench.probe(&code);
        }
        let fault = bench
            .intake
            .judged(&book(&code), BookFault::from(&redirected), bench.now);
        bench.fail(&code, &fault);
    }
    let wait = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
    assert!(wait.cause == WaitCause::Failures && wait.needs_person, "{wait:?}");
    assert!(
        wait.why.contains("grin.redirect_hosts") && wait.why.contains("files.example"),
        "{wait:?}"
    );
}
