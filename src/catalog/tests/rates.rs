//! The rate that members share.

use std::time::Duration;

use proptest::prelude::*;

use crate::catalog::tests::shelf::Shelf;
use crate::catalog::*;

const SECOND: Duration = Duration::from_secs(1);

fn slice(shelf: &mut Shelf, turns: u32, every: Duration) -> RateSlice {
    slice_ahead(shelf, turns, every, Duration::ZERO)
}

fn slice_ahead(shelf: &mut Shelf, turns: u32, every: Duration, ahead: Duration) -> RateSlice {
    let behind = Duration::ZERO;
    let taken = TakeRateSlice {
        turns,
        every,
        ahead,
        behind,
    };
    shelf.ledger.execute(taken).unwrap()
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn slices_follow_each_other_and_unused_time_is_gone() {
    let mut shelf = Shelf::new();
    let first = slice(&mut shelf, 3, millis(200));
    assert_eq!((first.begins_in, first.closed_for), (Duration::ZERO, Duration::ZERO));
    assert_eq!((first.turns, first.every), (3, millis(200)));
    assert_eq!(slice(&mut shelf, 1, millis(200)).begins_in, millis(600));
    shelf.clock.advance(millis(500));
    assert_eq!(slice(&mut shelf, 3, millis(200)).begins_in, millis(300));
    shelf.clock.advance(SECOND * 100);
    let late = slice(&mut shelf, 3, millis(200));
    assert_eq!(late.begins_in, Duration::ZERO, "nothing is saved up");
    // A third of a second has no end in milliseconds.
    let begun = slice(&mut shelf, 1, SECOND / 3).begins_in;
    assert_eq!(slice(&mut shelf, 1, SECOND / 3).begins_in, begun + millis(334));
}

#[test]
fn whoever_waits_long_for_the_answer_takes_a_later_slice() {
    let mut shelf = Shelf::new();
    assert_eq!(
        slice_ahead(&mut shelf, 3, millis(200), millis(400)).begins_in,
        millis(400)
    );
    // Far enough behind another's.
    assert_eq!(slice_ahead(&mut shelf, 3, millis(200), millis(400)).begins_in, SECOND);
    assert_eq!(slice(&mut shelf, 3, millis(200)).begins_in, millis(1_600));
}

#[test]
fn a_slice_that_was_far_too_long_keeps_nobody_waiting() {
    let mut shelf = Shelf::new();
    slice(&mut shelf, 1, SECOND * 86_400);
    assert_eq!(slice(&mut shelf, 1, millis(100)).begins_in, SECOND * 300);
    // At a slow rate many wait for minutes rightly.
    let mut shelf = Shelf::new();
    for at in 0..10 {
        assert_eq!(slice(&mut shelf, 1, SECOND * 50).begins_in, SECOND * 50 * at);
    }
}

#[test]
fn a_pause_is_everybodys_and_never_shortened() {
    let mut shelf = Shelf::new();
    shelf.ledger.execute(CloseRequests { pause: SECOND * 40 }).unwrap();
    shelf.ledger.execute(CloseRequests { pause: SECOND * 5 }).unwrap();
    assert_eq!(slice(&mut shelf, 1, SECOND).closed_for, SECOND * 40);
    shelf.clock.advance(SECOND * 39);
    assert_eq!(slice(&mut shelf, 1, SECOND).closed_for, SECOND);
    shelf.ledger.execute(CloseRequests { pause: SECOND * 5 }).unwrap();
    assert_eq!(slice(&mut shelf, 1, SECOND).closed_for, SECOND * 5);
    shelf.clock.advance(SECOND * 6);
    assert_eq!(slice(&mut shelf, 1, SECOND).closed_for, Duration::ZERO);
}

#[test]
fn nothing_that_the_row_says_holds_anybody_longer_than_its_bound() {
    let day = SECOND * 86_400;
    for (pause, free_at, begins_in, closed_for) in [
        (SECOND * 40, "0", Duration::ZERO, SECOND * 40),
        (day, "0", Duration::ZERO, day),
        (day * 30, "0", Duration::ZERO, day),
        (Duration::MAX, "0", Duration::ZERO, day),
        (Duration::ZERO, "free_at + 3600000000000", SECOND * 300, Duration::ZERO),
    ] {
        let mut shelf = Shelf::new();
        slice(&mut shelf, 1, millis(1));
        shelf.ledger.execute(CloseRequests { pause }).unwrap();
        let sql = format!("UPDATE request_rate SET free_at = {free_at}");
        shelf.ledger.conn().execute(&sql, &[]).unwrap();
        let taken = slice(&mut shelf, 1, SECOND);
        assert_eq!(
            (taken.begins_in, taken.closed_for),
            (begins_in, closed_for),
            "{pause:?}"
        );
        // The bound counts from the first look, not from each.
        shelf.clock.advance(day);
        assert_eq!(slice(&mut shelf, 1, SECOND).closed_for, Duration::ZERO, "{pause:?}");
    }
}

#[test]
fn after_a_restart_of_the_machine_turns_and_pauses_begin_anew() {
    let mut shelf = Shelf::new();
    slice(&mut shelf, 30, SECOND);
    shelf.ledger.execute(CloseRequests { pause: SECOND * 40 }).unwrap();
    shelf.clock.reboot();
    let first = slice(&mut shelf, 1, SECOND);
    assert_eq!((first.begins_in, first.closed_for), (Duration::ZERO, Duration::ZERO));

    shelf.clock.advance(SECOND * 9);
    slice(&mut shelf, 30, SECOND);
    shelf.clock.reboot();
    shelf.ledger.execute(CloseRequests { pause: SECOND }).unwrap();
    let next = slice(&mut shelf, 1, SECOND);
    assert_eq!((next.begins_in, next.closed_for), (Duration::ZERO, SECOND));
}

#[test]
fn a_wall_clock_that_steps_gives_no_turn_away_twice() {
    for step in [-5 * 3_600_000, 5 * 3_600_000] {
        let mut shelf = Shelf::new();
        slice(&mut shelf, 5, SECOND);
        shelf.clock.step(step);
        assert_eq!(slice(&mut shelf, 1, SECOND).begins_in, SECOND * 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("GRIND_TEST_POSTGRES").is_some() { 4 } else { 24 }))]

    /// Members that ask at any time, die, and come back: no two turns are nearer to each other than the rate allows.
    #[test]
    fn the_turns_of_all_members_together_keep_the_rate(
        members in 1_usize..6,
        every in 1_u64..1_000_000,
        asks in prop::collection::vec((0_usize..6, 1_u32..9, 0_u64..3_000), 1..60),
    ) {
        let shelf = Shelf::new();
        let mut ledgers: Vec<_> = (0..members).map(|_| shelf.another()).collect();
        let every = Duration::from_micros(every);
        let begun = shelf.clock.since_boot();
        let (mut turns, mut busy) = (Vec::new(), [Duration::ZERO; 6]);
        for (member, wanted, pause) in asks {
            shelf.clock.advance(millis(pause));
            let now = millis(u64::try_from(shelf.clock.since_boot() - begun).unwrap());
            let member = member % members;
            // Whoever has turns left does not ask.
            if now < busy[member] {
                continue;
            }
            let behind = millis(pause % 7 * 20);
            let taken = TakeRateSlice { turns: wanted, every, ahead: millis(pause / 10), behind };
            let slice = ledgers[member].execute(taken).unwrap();
            turns.extend((1..slice.turns).map(|at| (now + slice.begins_in + every * (at - 1), Duration::ZERO)));
            busy[member] = now + slice.begins_in + every * (slice.turns - 1);
            turns.push((busy[member], behind));
        }
        turns.sort();
        for pair in turns.windows(2) {
            let [(one, behind), (next, _)] = [pair[0], pair[1]];
            prop_assert!(next - one >= every + behind, "{pair:?} with {every:?}");
        }
    }
}
