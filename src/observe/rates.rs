//! Books and bytes a second over the last minute, quarter of an hour and hour.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::catalog::DownloadLoad;

/// Speed over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MeasuredRate {
    /// Books finished a second.
    pub books_per_second: f64,
    /// Bytes of archives a second.
    pub bytes_per_second: f64,
}

/// Speed over three stretches; shorter ones while the daemon is younger than that.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MeasuredRates {
    /// The last minute.
    pub minute: MeasuredRate,
    /// The last quarter of an hour.
    pub quarter_hour: MeasuredRate,
    /// The last hour.
    pub hour: MeasuredRate,
}

/// What was stored in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MinuteCount {
    /// Books.
    pub books: u64,
    /// Bytes of their archives.
    pub bytes: u64,
}

/// Totals since the start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeterTotals {
    /// Books stored.
    pub books: u64,
    /// Bytes of their archives.
    pub bytes: u64,
    /// Requests to GRIN.
    pub requests: u64,
    /// Time in which a request waited for nothing but its turn.
    pub held_back_seconds: f64,
    /// Bytes of archives received.
    pub received: u64,
    /// CPU time of the process.
    pub cpu_seconds: f64,
}

/// What the config allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeedLimits {
    /// `grin.requests_per_second`.
    pub requests_per_second: f64,
    /// `session.bandwidth` as it is now; `None`: no limit.
    pub bandwidth: Option<u64>,
}

/// The totals as they stood at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark {
    at: Instant,
    totals: MeterTotals,
}

/// Marks are kept this far apart, so that an hour is [`MOST_MARKS`] of them.
const STEP: Duration = Duration::from_secs(5);
const MOST_MARKS: usize = 722;
/// Minutes that are told one by one.
const MOST_MINUTES: u64 = 60;
const MINUTE: Duration = Duration::from_mins(1);
const QUARTER_HOUR: Duration = Duration::from_mins(15);
const HOUR: Duration = Duration::from_hours(1);

/// Makes rates of totals: is told the totals now and then, remembers an hour, needs some 20 KiB.
#[derive(Debug)]
pub struct RateMeter {
    marks: VecDeque<Mark>,
    latest: Mark,
    began: Instant,
}

impl RateMeter {
    /// Begins at zero books and bytes.
    pub fn new(now: Instant) -> Self {
        let latest = Mark {
            at: now,
            totals: MeterTotals::default(),
        };
        Self {
            marks: VecDeque::from([latest]),
            latest,
            began: now,
        }
    }

    /// Tells the totals as they stand now.
    pub fn note(&mut self, now: Instant, totals: MeterTotals) {
        self.latest = Mark { at: now, totals };
        let due = self.marks.back().is_none_or(|last| now.duration_since(last.at) >= STEP);
        if due {
            self.marks.push_back(self.latest);
        }
        // One mark older than an hour stays, to measure the whole hour against.
        while self.marks.len() > MOST_MARKS
            || self
                .marks
                .get(1)
                .is_some_and(|mark| now.duration_since(mark.at) >= HOUR)
        {
            self.marks.pop_front();
        }
    }

    /// The speed up to the last totals told.
    pub fn rates(&self) -> MeasuredRates {
        MeasuredRates {
            minute: self.over(MINUTE),
            quarter_hour: self.over(QUARTER_HOUR),
            hour: self.over(HOUR),
        }
    }

    /// What was stored in each minute of the last hour, oldest first; the last minute is under way. A young daemon has fewer.
    pub fn minutes(&self) -> Vec<MinuteCount> {
        let minute = |mark: &Mark| mark.at.duration_since(self.began).as_secs() / MINUTE.as_secs();
        let marks = self.marks.iter().chain([&self.latest]);
        // Of several marks of a minute the last one stays: the totals at its end.
        let ends: BTreeMap<u64, MeterTotals> = marks.map(|mark| (minute(mark), mark.totals)).collect();
        let at_end = |minute: u64| ends.range(..=minute).next_back().map(|(_, totals)| *totals);
        let now = minute(&self.latest);
        let oldest = self
            .marks
            .front()
            .map_or(now, minute)
            .max(now.saturating_sub(MOST_MINUTES - 1));
        let counts = (oldest..=now).map(|minute| {
            let before = minute.checked_sub(1).and_then(at_end).unwrap_or_default();
            let end = at_end(minute).unwrap_or_default();
            MinuteCount {
                books: end.books.saturating_sub(before.books),
                bytes: end.bytes.saturating_sub(before.bytes),
            }
        });
        counts.collect()
    }

    /// Seconds until so many books are done at the speed of the last quarter of an hour; `None` while nothing moves.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn eta_seconds(&self, books_left: u64) -> Option<f64> {
        let speed = self.over(QUARTER_HOUR).books_per_second;
        (speed > 0.0).then(|| books_left as f64 / speed)
    }

    /// How much of what is allowed or there was used in the last quarter of an hour.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn load(&self, limits: SpeedLimits) -> DownloadLoad {
        let Some(from) = self.from(QUARTER_HOUR) else {
            return DownloadLoad::default();
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let used = |total: fn(&MeterTotals) -> f64, allowed: f64| {
            let speed = self.speed(from, total);
            if allowed > 0.0 { speed / allowed } else { 0.0 }
        };
        let sent = used(|totals| totals.requests as f64, limits.requests_per_second);
        DownloadLoad {
            waits_for: None,
            // Where other members have turns of the rate, too, only that requests wait for theirs tells that all is used.
            requests: used(|totals| totals.held_back_seconds, 1.0).max(sent),
            bandwidth: used(|totals| totals.received as f64, limits.bandwidth.unwrap_or(0) as f64),
            cpu: used(|totals| totals.cpu_seconds, cores as f64),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "speeds need no 53 bits")]
    fn over(&self, stretch: Duration) -> MeasuredRate {
        let Some(from) = self.from(stretch) else {
            return MeasuredRate::default();
        };
        MeasuredRate {
            books_per_second: self.speed(from, |totals| totals.books as f64),
            bytes_per_second: self.speed(from, |totals| totals.bytes as f64),
        }
    }

    /// The mark to measure a stretch against; `None` where no time lies between.
    fn from(&self, stretch: Duration) -> Option<&Mark> {
        let far_enough = |mark: &&Mark| self.latest.at.duration_since(mark.at) >= stretch;
        let from = self.marks.iter().rev().find(far_enough).or(self.marks.front());
        from.filter(|from| from.at < self.latest.at)
    }

    /// So much a second since then.
    fn speed(&self, from: &Mark, total: impl Fn(&MeterTotals) -> f64) -> f64 {
        let seconds = self.latest.at.duration_since(from.at).as_secs_f64();
        (total(&self.latest.totals) - total(&from.totals)).max(0.0) / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(books: u64, bytes: u64) -> MeterTotals {
        MeterTotals {
            books,
            bytes,
            ..MeterTotals::default()
        }
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn each_stretch_sees_its_own_speed() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        // One book a second for an hour, then two a second for a minute.
        for second in 1..=3_600u64 {
            meter.note(start + Duration::from_secs(second), totals(second, second * 100));
        }
        for second in 1..=60u64 {
            meter.note(
                start + Duration::from_secs(3_600 + second),
                totals(3_600 + 2 * second, 360_000 + 200 * second),
            );
        }
        let rates = meter.rates();
        assert!(close(rates.minute.books_per_second, 2.0), "{rates:?}");
        assert!(close(rates.minute.bytes_per_second, 200.0), "{rates:?}");
        assert!(close(rates.quarter_hour.books_per_second, 960.0 / 900.0), "{rates:?}");
        assert!(close(rates.hour.books_per_second, 3_660.0 / 3_600.0), "{rates:?}");
    }

    #[test]
    fn each_minute_of_the_hour_has_what_was_stored_in_it() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        assert_eq!(meter.minutes(), [MinuteCount::default()]);
        let of = |books| MinuteCount {
            books,
            bytes: books * 100,
        };
        // One book a second in the first minute, none in the second, two a second in the third, which is half over.
        let books = |second: u64| second.min(59) + second.saturating_sub(119) * 2;
        for second in 1..=149 {
            meter.note(
                start + Duration::from_secs(second),
                totals(books(second), books(second) * 100),
            );
        }
        let told: u64 = meter.minutes().iter().map(|minute| minute.books).sum();
        assert_eq!(told, books(149), "none is lost and none told twice");
        assert_eq!(meter.minutes().len(), 3);
        assert_eq!(meter.minutes()[1], of(4), "marks are 5 s apart");
        for second in 150..=10_000 {
            meter.note(start + Duration::from_secs(second), totals(books(149) + 7, 0));
        }
        let hour = meter.minutes();
        assert_eq!((hour.len(), hour[0]), (60, of(0)));
    }

    #[test]
    fn a_young_daemon_is_measured_over_its_life() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        meter.note(start + Duration::from_secs(10), totals(5, 50));
        assert!(close(meter.rates().hour.books_per_second, 0.5));
        assert_eq!(meter.eta_seconds(10), Some(20.0));
    }

    #[test]
    fn without_movement_there_is_no_forecast() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        assert_eq!(meter.rates(), MeasuredRates::default());
        meter.note(start + Duration::from_secs(10), totals(0, 0));
        assert_eq!(meter.eta_seconds(10), None);
    }

    #[test]
    fn the_load_is_the_share_of_what_is_allowed() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        let limits = |requests_per_second| SpeedLimits {
            requests_per_second,
            bandwidth: Some(100),
        };
        assert_eq!(meter.load(limits(5.0)), DownloadLoad::default(), "no time has passed");
        let used = MeterTotals {
            requests: 450,
            received: 5_000,
            cpu_seconds: 20.0,
            ..MeterTotals::default()
        };
        meter.note(start + Duration::from_secs(100), used);
        let load = meter.load(limits(5.0));
        assert!(close(load.bandwidth, 0.5), "{load:?}");
        assert!(
            close(load.requests, 0.9) && load.cpu > 0.0 && load.cpu <= 0.2,
            "{load:?}"
        );
        assert!(
            close(meter.load(limits(0.0)).requests, 0.0),
            "without a limit nothing is used up"
        );
    }

    /// Requests in 100 seconds at 5 a second, for how long one waited for its turn, and how much of the rate is used then.
    #[test]
    fn the_rate_is_used_up_where_requests_always_wait_for_their_turns() {
        let start = Instant::now();
        for (requests, held_back_seconds, used) in [
            (485, 96.0, 0.97),
            // One of three members, or of ten.
            (162, 97.0, 0.97),
            (48, 95.0, 0.95),
            // The others leave turns enough.
            (162, 30.0, 0.324),
            (0, 0.0, 0.0),
        ] {
            let mut meter = RateMeter::new(start);
            let totals = MeterTotals {
                requests,
                held_back_seconds,
                ..MeterTotals::default()
            };
            meter.note(start + Duration::from_secs(100), totals);
            let limits = SpeedLimits {
                requests_per_second: 5.0,
                bandwidth: None,
            };
            let load = meter.load(limits);
            assert!(close(load.requests, used), "{totals:?}: {load:?}");
        }
    }

    #[test]
    fn memory_is_bounded_however_often_it_is_told() {
        let start = Instant::now();
        let mut meter = RateMeter::new(start);
        for tick in 0..100_000u64 {
            meter.note(start + Duration::from_millis(tick * 250), totals(tick, tick));
        }
        assert!(meter.marks.len() <= MOST_MARKS, "{}", meter.marks.len());
    }
}
