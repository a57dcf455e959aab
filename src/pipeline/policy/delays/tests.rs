use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const BACKOFF: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(600),
    attempts: 6,
};
const HOUR: Duration = Duration::from_secs(3_600);

/// Those of a daemon in which no other book was served.
const RULES: PutOffRules<'static> = PutOffRules {
    backoff: &BACKOFF,
    once: false,
    last_good: None,
};

/// An attempt that failed through no fault of the book's.
fn on_the_way(barcode: &Barcode, outlook: FaultOutlook) -> FailedAttempt<'_> {
    FailedAttempt {
        barcode,
        outcome: BookOutcome::Released,
        number: 1,
        limit: 4,
        asked_wait: None,
        outlook,
        may_meet_all: false,
        has_own_trouble: false,
    }
}

#[test]
fn what_ends_alike_each_time_gets_no_quick_tries() {
    let book = Barcode::parse("TL0001").unwrap();
    let rules = PutOffRules {
        backoff: &BACKOFF,
        once: true,
        last_good: None,
    };
    for (outlook, left) in [(FaultOutlook::Open, false), (FaultOutlook::Same, true)] {
        let (mut memory, mut rng) = (FailureMemory::default(), StdRng::seed_from_u64(8));
        let due = memory.due_again(&on_the_way(&book, outlook), Instant::now(), &rules, &mut rng);
        assert_eq!(due.left, left, "{outlook:?}");
    }
}

#[test]
fn a_person_is_told_once_of_what_has_to_be_mended() {
    let book = Barcode::parse("TL0001").unwrap();
    let mut memory = FailureMemory::default();
    for is_mended in [true, false, false, true, false] {
        if is_mended {
            memory.forget(&book);
        }
        memory.failed_on_the_way(&book, Instant::now(), None);
        assert_eq!(memory.is_to_be_told(&book), is_mended);
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
    let mut waits = Vec::new();
    for _ in 0..16 {
        // Others succeed all the time.
        let rules = PutOffRules {
            last_good: Some(now),
            ..RULES
        };
        let wait = memory
            .put_off(&on_the_way(&book, FaultOutlook::Open), now, &rules, &mut rng)
            .scheduled;
        waits.push(wait);
        now += wait + Duration::from_secs(1);
    }
    assert!(waits[1] <= Duration::from_secs(30), "{waits:?}");
    assert!(waits[15] >= 12 * HOUR && waits[15] <= 24 * HOUR, "{waits:?}");
}

#[test]
fn a_book_whose_own_trouble_it_is_waits_longer_each_time_although_no_other_is_left() {
    let mut rng = StdRng::seed_from_u64(4);
    let (mut memory, mut now) = (FailureMemory::default(), Instant::now());
    let book = Barcode::parse("TL0001").unwrap();
    let attempt = FailedAttempt {
        has_own_trouble: true,
        ..on_the_way(&book, FaultOutlook::Open)
    };
    let mut longest = Duration::ZERO;
    for _ in 0..16 {
        longest = memory.put_off(&attempt, now, &RULES, &mut rng).scheduled;
        now += longest + Duration::from_secs(1);
    }
    assert!(longest >= 12 * HOUR && longest <= 24 * HOUR, "{longest:?}");
}

#[test]
fn others_that_are_served_between_its_failures_are_counted() {
    let mut memory = FailureMemory::default();
    let (book, began) = (Barcode::parse("TL0001").unwrap(), Instant::now());
    let minute = |minute| began + minute * MINUTE;
    for (now, served, served_between) in [
        // What was served before its first failure tells nothing.
        (10, Some(9), 0),
        (20, Some(9), 0),
        (30, Some(29), 1),
        (40, Some(29), 1),
        (70, Some(50), 2),
        (80, None, 2),
    ] {
        let told = memory.failed_on_the_way(&book, minute(now), served.map(minute));
        assert_eq!(told, served_between, "{now}");
    }
    memory.forget(&book);
    let told = memory.failed_on_the_way(&book, minute(90), Some(minute(85)));
    assert_eq!(told, 0, "it was served itself");
}

#[test]
fn a_book_that_fails_with_all_others_waits_no_longer_than_they() {
    let mut rng = StdRng::seed_from_u64(3);
    let (mut memory, mut now) = (FailureMemory::default(), Instant::now());
    let book = Barcode::parse("TL0001").unwrap();
    for _ in 0..30 {
        now += Duration::from_secs(15);
        let wait = memory
            .put_off(&on_the_way(&book, FaultOutlook::Open), now, &RULES, &mut rng)
            .scheduled;
        assert!(wait <= Duration::from_secs(30), "{wait:?}");
    }
}

#[test]
fn a_run_that_ends_by_itself_leaves_a_book_after_a_few_quick_tries_which_are_one_attempt() {
    use FaultOutlook::{Open, Same};
    for (outcome, outlook, last_good, tries, wait) in [
        (
            BookOutcome::Released,
            Open,
            false,
            6,
            Duration::ZERO..=Duration::from_secs(30),
        ),
        (BookOutcome::Released, Open, true, 6, Duration::ZERO..=HOUR),
        (BookOutcome::Retry, Open, true, 3, HOUR / 5..=HOUR / 4),
        (BookOutcome::Retry, Same, true, 1, HOUR / 5..=HOUR / 4),
    ] {
        let (mut memory, mut rng, mut now) = (FailureMemory::default(), StdRng::seed_from_u64(4), Instant::now());
        for number in 1..=tries {
            let attempt = FailedAttempt {
                barcode: &Barcode::parse("TL0001").unwrap(),
                outcome,
                number: 1,
                limit: 6,
                asked_wait: None,
                outlook,
                may_meet_all: true,
                has_own_trouble: false,
            };
            let rules = PutOffRules {
                backoff: &BACKOFF,
                once: true,
                last_good: last_good.then_some(now),
            };
            let due = memory.due_again(&attempt, now, &rules, &mut rng);
            let is_last = number == tries;
            let counts = is_last && outcome == BookOutcome::Retry;
            assert_eq!(
                (due.left, due.counts),
                (is_last, counts),
                "{outcome} {outlook:?} {number}"
            );
            let quick = Duration::ZERO..=Duration::from_secs(30);
            assert!(
                if is_last { &wait } else { &quick }.contains(&due.delay),
                "{outcome} {number}: {due:?}"
            );
            now += due.delay + Duration::from_secs(1);
        }
    }
}

#[test]
fn what_a_run_leaves_to_the_next_one_is_bounded_and_the_rest_is_due_later() {
    let rules = PutOffRules {
        backoff: &BACKOFF,
        once: true,
        last_good: None,
    };
    let (mut memory, mut rng, now) = (FailureMemory::default(), StdRng::seed_from_u64(6), Instant::now());
    let mut fail = |code: &str, asked_wait| {
        let attempt = FailedAttempt {
            barcode: &Barcode::parse(code).unwrap(),
            outcome: BookOutcome::Released,
            number: 1,
            limit: 4,
            asked_wait,
            outlook: FaultOutlook::Open,
            may_meet_all: false,
            has_own_trouble: false,
        };
        let due = (1..=6).map(|_| memory.due_again(&attempt, now, &rules, &mut rng));
        let due = due.last().unwrap();
        assert!(due.left, "{code}");
        (due.delay, memory.left().len())
    };
    for number in 1..=MOST_LEFT {
        let (delay, left) = fail(&format!("TL{number:05}"), None);
        assert!(delay < HOUR && left == number, "{number}: {delay:?} {left}");
    }
    assert!(fail("TL00007", None).0 < HOUR, "it has its place");
    for (code, asked_wait, delay) in [
        ("MORE01", None, HOUR),
        ("MORE02", Some(HOUR / 2), HOUR),
        ("MORE03", Some(HOUR * 2), HOUR * 2),
    ] {
        assert_eq!(fail(code, asked_wait), (delay, MOST_LEFT), "{code}");
    }
}

#[test]
fn a_run_that_ends_by_itself_waits_for_one_book_no_longer_than_its_bound_in_all() {
    let book = Barcode::parse("TL0001").unwrap();
    for (outcome, once, left) in [
        (BookOutcome::Released, true, [false, true]),
        (BookOutcome::Retry, true, [false, true]),
        (BookOutcome::Released, false, [false, false]),
    ] {
        let (mut memory, mut now) = (FailureMemory::default(), Instant::now());
        let mut rng = StdRng::seed_from_u64(7);
        let rules = PutOffRules {
            backoff: &BACKOFF,
            once,
            last_good: None,
        };
        let was_left = [1, 2].map(|number| {
            let attempt = FailedAttempt {
                barcode: &book,
                outcome,
                number,
                limit: 6,
                asked_wait: Some(Duration::from_secs(300)),
                outlook: FaultOutlook::Open,
                may_meet_all: false,
                has_own_trouble: false,
            };
            let due = memory.due_again(&attempt, now, &rules, &mut rng);
            now += due.delay;
            due.left
        });
        assert_eq!(was_left, left, "{outcome} {once}");
    }
}

#[test]
fn a_first_refusal_is_charged_only_where_nobody_else_meets_it() {
    use FaultOutlook::{Open, Same};
    for (refusal, may_meet_all, outlook, counts) in [
        (1, true, Open, false),
        (2, true, Open, true),
        (1, false, Open, true),
        (1, true, Same, true),
    ] {
        let (mut memory, mut rng, now) = (FailureMemory::default(), StdRng::seed_from_u64(7), Instant::now());
        let attempt = FailedAttempt {
            barcode: &Barcode::parse("TL0001").unwrap(),
            outcome: BookOutcome::Retry,
            number: 1,
            limit: 6,
            asked_wait: None,
            outlook,
            may_meet_all,
            has_own_trouble: false,
        };
        let rules = PutOffRules {
            backoff: &BACKOFF,
            once: false,
            last_good: None,
        };
        let due = (0..refusal)
            .map(|_| memory.due_again(&attempt, now, &rules, &mut rng))
            .last();
        let due = due.unwrap();
        assert_eq!(due.counts, counts, "{refusal} {may_meet_all} {outlook:?}");
        assert_eq!(
            due.delay < HOUR / 10,
            !counts,
            "{refusal} {may_meet_all} {outlook:?}: {due:?}"
        );
    }
}

/// One more than is remembered: its first failure cannot be told from the second.
#[test]
fn a_book_without_a_place_is_charged_each_refusal_and_gets_no_quick_tries() {
    let (mut memory, mut rng, now) = (FailureMemory::default(), StdRng::seed_from_u64(8), Instant::now());
    for number in 0..REMEMBERED {
        memory.remember(&Barcode::parse(&format!("TL{number:06}")).unwrap(), now);
    }
    for (outcome, once) in [
        (BookOutcome::Retry, false),
        (BookOutcome::Retry, true),
        (BookOutcome::Released, true),
    ] {
        let attempt = FailedAttempt {
            barcode: &Barcode::parse("MORE01").unwrap(),
            outcome,
            number: 1,
            limit: 6,
            asked_wait: None,
            outlook: FaultOutlook::Open,
            may_meet_all: true,
            has_own_trouble: false,
        };
        let rules = PutOffRules {
            backoff: &BACKOFF,
            once,
            last_good: None,
        };
        let due = memory.due_again(&attempt, now, &rules, &mut rng);
        let is_refused = outcome == BookOutcome::Retry;
        assert_eq!((due.left, due.counts), (once, is_refused), "{outcome} {once}: {due:?}");
        assert!(!is_refused || due.delay >= HOUR / 5, "{outcome} {once}: {due:?}");
    }
}

#[test]
fn a_book_that_failed_for_good_is_forgotten() {
    let (mut memory, mut rng, now) = (FailureMemory::default(), StdRng::seed_from_u64(9), Instant::now());
    let mut refuse = |outcome| {
        let attempt = FailedAttempt {
            barcode: &Barcode::parse("TL0001").unwrap(),
            outcome,
            number: 1,
            limit: 6,
            asked_wait: None,
            outlook: FaultOutlook::Open,
            may_meet_all: true,
            has_own_trouble: false,
        };
        memory.due_again(&attempt, now, &RULES, &mut rng).counts
    };
    assert!(!refuse(BookOutcome::Retry));
    refuse(BookOutcome::Failed);
    assert!(
        !refuse(BookOutcome::Retry),
        "it is asked for once more, and begins anew"
    );
}
