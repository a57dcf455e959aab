use super::*;
use crate::actor::DurationHistogram;
use std::time::Duration;

const NAME: ActorName = ActorName::Checker;

/// Counters of one actor with one message.
#[derive(Default)]
struct Counters {
    histogram: DurationHistogram,
    failed: u64,
}

impl Counters {
    fn handle(&mut self, times: u64, millis: u64) {
        for _ in 0..times {
            self.histogram.observe(Duration::from_millis(millis));
        }
    }

    fn read(&self) -> BTreeMap<ActorName, ActorCounts> {
        let message = MessageCounts {
            failed: self.failed,
            handle: self.histogram.counts(),
        };
        let counts = ActorCounts {
            busy_nanos: 0,
            in_hand_nanos: 0,
            wait: self.histogram.counts(),
            messages: [("check", message)].into(),
        };
        [(NAME, counts)].into()
    }
}

fn at(second: u64) -> u64 {
    second * 1_000_000_000
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn each_window_has_rates_and_quantiles_of_its_own() {
    let (mut windows, mut counters) = (ActivityWindows::default(), Counters::default());
    // Fourteen minutes with one slow message in two seconds, then ten seconds with ten quick ones in two seconds.
    for second in (2..=840).step_by(2) {
        counters.handle(1, 1_000);
        windows.note(at(second), counters.read());
    }
    counters.failed = 2;
    for second in (842..=850).step_by(2) {
        counters.handle(10, 1);
        windows.note(at(second), counters.read());
    }
    let shown = &windows.shown()[&NAME];
    let ten = &shown["10s"];
    assert!(
        close(ten.seconds, 10.0) && close(ten.handled_per_second, 5.0),
        "{ten:?}"
    );
    assert!(ten.wait.p50_seconds.unwrap() < 0.002, "{ten:?}");
    let minute = &shown["1m"];
    assert!((50.0..=60.0).contains(&minute.seconds), "{minute:?}");
    assert!(minute.wait.p50_seconds.unwrap() < 0.002 && minute.wait.p99_seconds.unwrap() > 0.9);
    assert!(close(minute.failed_per_second * minute.seconds, 2.0), "{minute:?}");
    let quarter = &shown["15m"];
    assert!((810.0..=900.0).contains(&quarter.seconds), "{quarter:?}");
    assert!(quarter.wait.p50_seconds.unwrap() > 0.9, "{quarter:?}");
    assert_eq!(quarter.messages[0].kind, "check");
    assert!(quarter.course.len() > 8 && close(quarter.course[1], 0.5), "{quarter:?}");
    assert!(*quarter.course.last().unwrap() > 0.5, "{quarter:?}");
}

#[test]
fn the_message_that_takes_the_most_time_stands_first() {
    let (slow, quick) = (DurationHistogram::new(), DurationHistogram::new());
    slow.observe(Duration::from_secs(1));
    (0..100).for_each(|_| quick.observe(Duration::from_millis(1)));
    let message = |histogram: &DurationHistogram| MessageCounts {
        failed: 0,
        handle: histogram.counts(),
    };
    let counts = ActorCounts {
        messages: [("quick", message(&quick)), ("slow", message(&slow))].into(),
        ..ActorCounts::default()
    };
    let mut windows = ActivityWindows::default();
    windows.note(at(2), [(NAME, counts)].into());
    let ten = windows.shown()[&NAME]["10s"].clone();
    let kinds: Vec<_> = ten.messages.iter().map(|message| &*message.kind).collect();
    assert_eq!(kinds, ["slow", "quick"]);
    assert!(close(ten.messages[1].handled_per_second, 50.0), "{ten:?}");
}

#[test]
fn memory_is_bounded_and_what_is_over_is_forgotten() {
    let (mut windows, mut counters) = (ActivityWindows::default(), Counters::default());
    counters.handle(7, 5);
    for second in (2..=4_000).step_by(2) {
        windows.note(at(second), counters.read());
    }
    for (shape, window) in WINDOWS.iter().zip(&windows.windows) {
        assert!(window.0.len() <= shape.parts + 1, "{}", shape.label);
    }
    let shown = &windows.shown()[&NAME]["15m"];
    assert!(
        close(shown.handled_per_second, 0.0) && shown.messages.is_empty(),
        "{shown:?}"
    );
}

#[test]
fn before_the_first_reading_there_is_nothing_to_show() {
    assert!(ActivityWindows::default().shown().is_empty());
}
