//! Tables of what is told of inputs.

use super::*;

const FREE: DownloadLoad = DownloadLoad {
    waits_for: None,
    requests: 0.2,
    bandwidth: 0.0,
    cpu: 0.3,
};

fn inputs(ready: u64, unconverted: u64, a_day: [Option<f64>; 2], load: DownloadLoad) -> ForecastInputs {
    ForecastInputs {
        now: "2026-11-28T12:00:00Z".parse().unwrap(),
        ready,
        unconverted,
        unscanned: 7,
        stored_a_day: a_day[0],
        converted_a_day: a_day[1],
        load,
        ..ForecastInputs::default()
    }
}

#[test]
fn the_slower_of_downloads_and_conversions_tells_the_day() {
    use ForecastLimit as L;
    let (both, none) = ([Some(1_000.0), Some(100.0)], [None, None]);
    let waits = |cause| DownloadLoad {
        waits_for: Some(cause),
        ..FREE
    };
    let (full, locked) = (waits(WaitCause::Disk), waits(WaitCause::Passphrase));
    let load = |requests, bandwidth, cpu| DownloadLoad {
        requests,
        bandwidth,
        cpu,
        ..FREE
    };
    for (ready, unconverted, a_day, load, limited_by, days_left) in [
        (0, 0, both, FREE, L::NothingToDo, Some(0.0)),
        (0, 0, both, full, L::NothingToDo, Some(0.0)),
        // Much is ready, and all of it has to come.
        (5_000, 0, both, FREE, L::Bandwidth, Some(5.0)),
        (5_000, 100, both, FREE, L::Bandwidth, Some(5.1)),
        (5_000, 0, both, load(0.95, 0.0, 0.3), L::Requests, Some(5.0)),
        (5_000, 0, both, load(0.5, 0.97, 0.92), L::Bandwidth, Some(5.0)),
        (5_000, 0, both, load(0.5, 0.5, 0.95), L::Cpu, Some(5.0)),
        (5_000, 0, both, full, L::Disk, None),
        (5_000, 0, none, FREE, L::Bandwidth, None),
        // Nothing is begun.
        (5_000, 2_000, both, locked, L::Waiting, None),
        (0, 0, both, locked, L::NothingToDo, Some(0.0)),
        // Conversions take longer than downloads.
        (5_000, 2_000, both, FREE, L::Conversions, Some(20.0)),
        (5_000, 2_000, both, load(0.95, 0.95, 0.95), L::Conversions, Some(20.0)),
        // Few are ready: what was stored is what was converted.
        (
            40,
            2_000,
            [Some(1_000.0), Some(900.0)],
            FREE,
            L::Conversions,
            Some(2_000.0 / 900.0),
        ),
        (
            42,
            2_000,
            [Some(1_000.0), Some(1_900.0)],
            FREE,
            L::Bandwidth,
            Some(2.042),
        ),
        (0, 2_000, none, FREE, L::Conversions, None),
        // Much is ready and none of it was stored so far: how fast it will be, nobody knows.
        (100, 2_000, [None, Some(1_900.0)], FREE, L::Bandwidth, None),
        (0, 2_000, [None, Some(100.0)], FREE, L::Conversions, Some(20.0)),
        // Quickly stored, but nothing is converted: never in 0.1 days.
        (100, 90_000, [Some(1_000_000.0), None], FREE, L::Conversions, None),
        (100, 90_000, [Some(1_000_000.0), Some(0.0)], FREE, L::Conversions, None),
        (1_000, 1, [Some(1e-9), Some(100.0)], FREE, L::Bandwidth, None),
    ] {
        let inputs = inputs(ready, unconverted, a_day, load);
        let told = forecast(&inputs);
        let close = match (told.days_left, days_left) {
            (Some(told), Some(expected)) => (told - expected).abs() < 1e-9,
            (told, expected) => told == expected,
        };
        assert!(close && told.limited_by == limited_by, "{inputs:?}: {told:?}");
        let counted = (told.day.is_some(), told.remaining, told.unscanned);
        assert_eq!(counted, (days_left.is_some(), ready + unconverted, 7));
    }
}

#[test]
fn the_day_and_what_limits_are_told_in_words() {
    let told = forecast(&inputs(300, 11_700, [Some(900.0), Some(130.0)], FREE)).to_string();
    assert_eq!(
        told,
        "on 2027-02-26, in 90.0 days; 12 000 books still to be stored, 300 of them ready; limited by conversions at GRIN (130 \
         books a day); 7 more are not scanned yet, and not counted"
    );
    let told = forecast(&inputs(0, 5, [None, None], FREE)).to_string();
    assert!(
        told.starts_with("nobody can tell the day; 5 books still to be stored, 0 of them ready; limited by conversions at GRIN (no book so far)"),
        "{told}"
    );
    let told = forecast(&inputs(0, 0, [None, None], FREE)).to_string();
    assert!(
        told.starts_with("now, every book that GRIN gives out; 7 more"),
        "{told}"
    );
}

fn ready_books() -> ForecastInputs {
    ForecastInputs {
        now: "2026-11-28T12:00:00Z".parse().unwrap(),
        ready: 12,
        ..ForecastInputs::default()
    }
}

fn told(cases: impl IntoIterator<Item = (ForecastInputs, &'static str)>) {
    for (inputs, words) in cases {
        assert_eq!(forecast(&inputs).to_string(), words, "{inputs:?}");
    }
}

#[test]
fn what_limits_the_downloads_is_named() {
    use WaitCause as W;
    let loaded = |load| ForecastInputs { load, ..ready_books() };
    let waits = |cause| {
        loaded(DownloadLoad {
            waits_for: Some(cause),
            ..FREE
        })
    };
    let used = |bandwidth| loaded(DownloadLoad { bandwidth, ..FREE });
    for (inputs, limit) in [
        (ready_books(), "the speed of downloads (no book so far)"),
        (used(0.5), "the speed of downloads (no book so far)"),
        (used(0.95), "session.bandwidth (no book so far)"),
        (waits(W::Passphrase), "the wait for the passphrase"),
        (waits(W::SignIn), "the wait for a sign-in to GRIN"),
        (waits(W::Storage), "the wait for the storage"),
        (waits(W::Operator), "the wait for the operator"),
        (waits(W::Disk), "the disk, which has no room"),
    ] {
        let words = forecast(&inputs).to_string();
        let expected = "nobody can tell the day; 12 books still to be stored, 12 of them ready; limited by ";
        assert_eq!(words.strip_prefix(expected), Some(limit), "{inputs:?}");
    }
}

#[test]
fn what_nobody_asks_for_is_named_and_neither_waited_for_nor_laid_on_grin() {
    let inputs = |ready, unconverted, given_up| ForecastInputs {
        ready,
        unconverted,
        given_up,
        unasked: 50_000,
        ..ready_books()
    };
    told([
        (
            inputs(0, 0, 0),
            "now, every book that is asked for; 50000 more are not asked for, and not counted",
        ),
        (
            inputs(0, 0, 2),
            "now, every other book that is asked for; 2 failed, see grind retry --failed; 50000 more are not asked for, and not counted",
        ),
        (
            inputs(0, 9, 0),
            "nobody can tell the day; 9 books still to be stored, 0 of them ready; limited by conversions at GRIN (no book so far); \
             50000 more are not asked for, and not counted",
        ),
    ]);
}

#[test]
fn a_run_with_a_limit_takes_what_is_ready_first() {
    let inputs = ForecastInputs {
        ready: 5,
        put_off: 3,
        unconverted: 10,
        unasked: 100,
        ..ForecastInputs::default()
    };
    for (limit, left) in [
        (None, [5, 3, 10, 100]),
        (Some(100), [5, 3, 10, 100]),
        (Some(10), [5, 3, 2, 108]),
        (Some(7), [5, 2, 0, 111]),
        (Some(4), [4, 0, 0, 114]),
        (Some(0), [0, 0, 0, 118]),
    ] {
        let told = inputs.within(limit);
        assert_eq!(
            [told.ready, told.put_off, told.unconverted, told.unasked],
            left,
            "{limit:?}"
        );
    }
}

#[test]
fn books_that_are_tried_again_remain_and_those_given_up_are_told_apart() {
    let at = |stored_a_day| ForecastInputs {
        stored_a_day: Some(stored_a_day),
        ..ready_books()
    };
    let failed = |put_off, given_up| ForecastInputs {
        ready: 0,
        put_off,
        given_up,
        ..at(8.0)
    };
    told([
        (
            at(129_417.0),
            "on 2026-11-28, within a day; 12 books still to be stored, 12 of them ready; limited by the speed of downloads (129417 books \
             a day)",
        ),
        (
            at(1.0),
            "on 2026-12-10, in 12.0 days; 12 books still to be stored, 12 of them ready; limited by the speed of downloads (1 book a \
             day)",
        ),
        (
            failed(3, 4),
            "nobody can tell the day; 3 books still to be stored, 0 of them ready, 3 to be tried again later; limited by the time of \
             the next attempt; 4 failed, see grind retry --failed",
        ),
        (
            failed(0, 4),
            "now, every other book that GRIN gives out; 4 failed, see grind retry --failed",
        ),
        (failed(0, 0), "now, every book that GRIN gives out"),
    ]);
}

#[test]
fn before_a_list_was_read_nothing_is_said_to_be_stored() {
    let told = |is_empty| {
        let inputs = ForecastInputs {
            is_empty,
            unscanned: 0,
            ..inputs(0, 0, [None, None], FREE)
        };
        forecast(&inputs).to_string()
    };
    assert_eq!(
        told(true),
        "nobody can tell the day; limited by GRIN's lists, none of which was read so far"
    );
    assert_eq!(told(false), "now, every book that GRIN gives out");
}
