//! Copies of the catalog through a month in which the daemon is stopped, upgraded and away.

use jiff::Timestamp;

use super::*;
use crate::catalog::KeptCopy;
use crate::clock::SystemClock;
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::tasks::copies::keep_copies;
use crate::pipeline::tasks::tests::pauses::pause;

/// Turns the catalog's clock as tokio's goes.
async fn turn(clock: &SystemClock) {
    loop {
        tokio::time::sleep(MINUTE).await;
        clock.advance(MINUTE);
    }
}

/// A program runs for so long, with a share of the delay that is its own.
async fn program(stub: TaskStub, clock: &SystemClock, time: Duration) -> TaskStub {
    let state = state_with(stub, |options| {
        options.intervals.backup = Some(HOUR * 24);
        options.intervals.export = Some(HOUR * 6);
    });
    let scope = RunScope {
        copies: true,
        ..scope(false)
    };
    tokio::select! {
        () = for_so_long(&state, time, keep_copies(&state, &scope)) => {}
        () = turn(clock) => {}
    }
    let state = Rc::into_inner(state).unwrap();
    Rc::into_inner(state.services).unwrap()
}

/// A stub whose catalog goes by this clock.
fn stub_by(clock: &SystemClock) -> TaskStub {
    let mut stub = TaskStub::new();
    stub.membership = LibraryMembership::of_tests_for(clock.clone(), HOUR);
    stub
}

#[tokio::test(start_paused = true)]
async fn no_copy_is_made_in_a_pause_and_one_of_each_after_it() {
    let clock = SystemClock::manual("2026-11-01T12:00:00Z".parse().unwrap());
    let state = state_with(stub_by(&clock), |options| {
        options.intervals.backup = Some(HOUR);
        options.intervals.export = Some(HOUR);
    });
    let scope = RunScope {
        copies: true,
        ..scope(false)
    };
    let made = |copy| {
        let copies = state.services.copies.borrow();
        copies.iter().filter(|(made, _)| *made == copy).count()
    };
    pause(&state);
    let operator = async {
        tokio::time::sleep(HOUR * 5).await;
        assert_eq!([made(KeptCopy::Backup), made(KeptCopy::Export)], [0, 0]);
        state.pause(None);
        tokio::time::sleep(MINUTE).await;
        assert_eq!([made(KeptCopy::Backup), made(KeptCopy::Export)], [1, 1]);
    };
    let work = async {
        futures::join!(keep_copies(&state, &scope), operator);
    };
    tokio::select! {
        () = for_so_long(&state, HOUR * 5 + MINUTE * 2, work) => {}
        () = turn(&clock) => {}
    }
}

/// Minutes since the interval began that a moment is in.
fn into_interval(at: Timestamp, interval: Duration) -> u64 {
    let seconds = u64::try_from(at.as_second()).unwrap();
    seconds % interval.as_secs() / 60
}

#[tokio::test(start_paused = true)]
async fn in_a_month_copies_keep_their_times_and_a_missed_one_is_made_once() {
    let clock = SystemClock::manual("2026-11-01T12:00:00Z".parse().unwrap());
    let mut stub = stub_by(&clock);
    stub.copy_takes.set(MINUTE * 7);
    let mut starts = Vec::new();
    // Hours that a program runs, and hours until the next one is started.
    for (runs, away) in [(100, 0), (37, 5), (200, 50), (50, 1), (211, 0), (66, 0)] {
        starts.push(clock.now());
        stub = program(stub, &clock, HOUR * runs).await;
        clock.advance(HOUR * away);
    }
    let copies = stub.copies.take();
    for (copy, interval) in [(KeptCopy::Backup, HOUR * 24), (KeptCopy::Export, HOUR * 6)] {
        let made: Vec<_> = copies
            .iter()
            .filter(|(made, _)| *made == copy)
            .map(|(_, at)| *at)
            .collect();
        let of = |at: &Timestamp| at.as_second() / i64::try_from(interval.as_secs()).unwrap();
        assert!(
            made.windows(2).all(|pair| of(&pair[0]) < of(&pair[1])),
            "one in each interval: {made:?}"
        );
        // The jitter is a twentieth; a copy takes 7 minutes, and the clock is turned each minute.
        let most = interval.as_secs() / 60 / 20 + 9;
        let late = made[1..].iter().filter(|at| into_interval(**at, interval) > most);
        let late: Vec<_> = late.collect();
        let missed = |at: &Timestamp| starts.iter().any(|start| (*start..*start + MINUTE * 9).contains(at));
        assert!(late.iter().all(|at| missed(at)), "{copy:?}: {late:?} of {made:?}");
        let intervals = of(&clock.now()) - of(&starts[0]);
        let left_out = usize::try_from(intervals).unwrap() - made[1..].len();
        assert!(
            left_out <= 56 / usize::try_from(interval.as_secs() / 3_600).unwrap(),
            "{copy:?}: {made:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn copies_go_on_when_a_clock_that_was_ahead_is_set_right() {
    for was_copied_before in [false, true] {
        let clock = SystemClock::manual("2026-11-29T12:00:00Z".parse().unwrap());
        let right = clock.now();
        clock.advance(HOUR * 24 * 365 * 5);
        let stub = stub_by(&clock);
        if was_copied_before {
            let copies = [KeptCopy::Backup, KeptCopy::Export].map(|copy| (copy, right - HOUR * 24));
            stub.copies.borrow_mut().extend(copies);
        }
        // A membership knows the catalog's clock as the time since the machine started, and so much more.
        let set_right = async {
            tokio::time::sleep(HOUR * 10).await;
            clock.reboot();
            std::future::pending().await
        };
        let stub = tokio::select! {
            stub = program(stub, &clock, HOUR * 40) => stub,
            () = set_right => unreachable!(),
        };
        let copies = stub.copies.take();
        for kept in [KeptCopy::Backup, KeptCopy::Export] {
            let made = copies.iter().filter(|(copy, _)| *copy == kept).map(|(_, at)| *at);
            let (since, ahead): (Vec<_>, Vec<_>) = made
                .filter(|at| *at > right - HOUR)
                .partition(|at| *at < right + HOUR * 40);
            assert!(!ahead.is_empty(), "{kept:?}");
            assert!(since.len() >= 2 && since[0] < right + HOUR * 4, "{kept:?}: {since:?}");
        }
    }
}
