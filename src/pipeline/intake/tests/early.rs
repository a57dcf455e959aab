//! Pauses that end because somebody may have mended what is waited for.

use super::*;

const HOURS: Duration = Duration::from_secs(6 * 3_600);

fn token() -> BookFault {
    let why = "no answer".to_owned();
    (&SessionError::TokenUnavailable { why }).into()
}

/// Books fail for six hours, and the last one just now.
fn after_hours() -> Bench {
    let mut bench = Bench::new(false);
    let began = bench.now;
    bench.fail("BAD000", &token());
    let mut number = 1;
    while bench.now - began < HOURS {
        fail_probe(&mut bench, number);
        number += 1;
    }
    bench
}

fn fail_probe(bench: &mut Bench, number: usize) -> Duration {
    let code = format!("BAD{number:03}");
    let waited = bench.probe(&code);
    bench.fail(&code, &token());
    waited
}

fn pause(bench: &Bench) -> Duration {
    match bench.intake.decide(bench.now) {
        IntakeDecision::Closed(Some(until)) => until - bench.now,
        _ => Duration::ZERO,
    }
}

#[test]
fn a_breaker_that_is_open_for_hours_lets_a_probe_in_at_once() {
    let mut bench = after_hours();
    let before = bench.intake.waiting(bench.now, Timestamp::UNIX_EPOCH).unwrap();
    assert!(pause(&bench) > Duration::from_secs(60), "{before}");
    bench.intake.probe_early(bench.now);
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Probe);
    bench.probe("GOOD01");
    bench.store("GOOD01");
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

#[test]
fn a_probe_before_its_time_that_fails_leaves_the_step_of_the_pauses_where_it_was() {
    let mut bench = after_hours();
    let failures = |bench: &Bench| bench.intake.breakers[&WaitCause::Token].failures;
    let before = format!("{:?}", failures(&bench));
    for number in 0..9 {
        bench.now += Duration::from_secs(11);
        bench.intake.probe_early(bench.now);
        assert_eq!(fail_probe(&mut bench, 500 + number), Duration::ZERO);
    }
    assert_eq!(format!("{:?}", failures(&bench)), before);
    assert!(pause(&bench) > Duration::from_secs(60));
}

#[test]
fn what_is_mended_while_a_probe_is_under_way_is_probed_again() {
    let mut bench = after_hours();
    bench.probe("BAD900");
    bench.now += Duration::from_secs(1);
    bench.intake.probe_early(bench.now);
    bench.now += Duration::from_secs(1);
    bench.fail("BAD900", &token());
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Probe);
}

#[test]
fn what_grin_asked_for_stands() {
    let mut bench = Bench::new(false);
    let asked = SessionError::Throttled {
        status: Some(503),
        retry_after: Some(HOURS),
        longest: None,
    };
    bench.fail("BAD001", &BookFault::from(&asked));
    bench.intake.probe_early(bench.now);
    assert_eq!(pause(&bench), HOURS);
}
