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
