//! When the library will be stored as a whole, and what keeps it from being so earlier.

use std::fmt;

use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::vocabulary::words;

/// So much of what is allowed or there, and a thing is what limits the speed.
const NEARLY_ALL: f64 = 0.9;
/// Fewer books than are stored in this part of a day are ready: the downloads wait for conversions.
const HOURS_A_DAY: f64 = 24.0;
/// Nobody plans by what is further away.
const MOST_DAYS: f64 = 36_500.0;

words! {
    /// What keeps the library from being stored earlier.
    ForecastLimit {
        /// GRIN converts no faster, or is not asked to.
        Conversions = "conversions",
        /// `grin.requests_per_second`.
        Requests = "requests_a_second",
        /// `session.bandwidth`; without such a limit, what network and GRIN give.
        Bandwidth = "bandwidth",
        /// The processors of this machine.
        Cpu = "cpu",
        /// The disk has no room.
        Disk = "disk",
        /// Every book that GRIN has scanned and gives out is stored.
        NothingToDo = "nothing_to_do",
    }
}

/// How much of what is allowed or there the downloads use: 1 is all of it. Nothing is known of it without a running daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DownloadLoad {
    /// Nothing is begun because the disk has no room.
    pub disk_is_full: bool,
    /// Of `grin.requests_per_second`.
    pub requests: f64,
    /// Of `session.bandwidth`.
    pub bandwidth: f64,
    /// Of all processors.
    pub cpu: f64,
}

/// What a forecast goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ForecastInputs {
    pub now: Timestamp,
    /// Books that are ready at GRIN, or in work with us.
    pub ready: u64,
    /// Books that GRIN has scanned, and has still to convert: asked for, to be asked for, or to be tried again.
    pub unconverted: u64,
    /// Books that GRIN has not scanned yet.
    pub unscanned: u64,
    /// Books stored a day, as measured.
    pub stored_a_day: Option<f64>,
    /// Conversions that came to their end a day, as measured.
    pub converted_a_day: Option<f64>,
    pub load: DownloadLoad,
}

/// When all will be stored, if it goes on as it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LibraryForecast {
    /// Books still to be stored; those not scanned, not given out or given up are not counted.
    pub remaining: u64,
    /// Of these, ready at GRIN or in work with us.
    pub ready: u64,
    /// Books that GRIN has not scanned; nobody knows when it will.
    pub unscanned: u64,
    /// Books stored a day, as measured.
    pub books_a_day: Option<f64>,
    /// Conversions a day, as measured.
    pub conversions_a_day: Option<f64>,
    /// Days until none remains; `None`: nobody can tell.
    pub days_left: Option<f64>,
    /// The day (UTC) on which none remains: `2027-03-02`.
    pub day: Option<String>,
    /// What keeps it from being earlier.
    pub limited_by: ForecastLimit,
}

/// The downloads take as long as all books take at their speed, the conversions as long as those do that are not converted; the
/// slower of the two tells the day. While hardly any book is ready, the downloads are as slow as the conversions, and say nothing.
pub fn forecast(inputs: &ForecastInputs) -> LibraryForecast {
    let remaining = inputs.ready + inputs.unconverted;
    let (limited_by, days_left) = limit(inputs, remaining);
    let days_left = days_left.filter(|days| *days <= MOST_DAYS);
    LibraryForecast {
        remaining,
        ready: inputs.ready,
        unscanned: inputs.unscanned,
        books_a_day: inputs.stored_a_day,
        conversions_a_day: inputs.converted_a_day,
        day: days_left.and_then(|days| day_after(inputs.now, days)),
        days_left,
        limited_by,
    }
}

fn limit(inputs: &ForecastInputs, remaining: u64) -> (ForecastLimit, Option<f64>) {
    if remaining == 0 {
        return (ForecastLimit::NothingToDo, Some(0.0));
    }
    if inputs.load.disk_is_full {
        return (ForecastLimit::Disk, None);
    }
    let by_downloads = days(remaining, inputs.stored_a_day);
    if inputs.unconverted == 0 {
        return (inputs.load.limit(), by_downloads);
    }
    let by_conversions = days(inputs.unconverted, inputs.converted_a_day);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let are_few_ready = inputs.ready as f64 * HOURS_A_DAY <= inputs.stored_a_day.unwrap_or_default();
    match (by_downloads, by_conversions) {
        (Some(downloads), Some(conversions)) if !are_few_ready && downloads > conversions => {
            (inputs.load.limit(), by_downloads)
        }
        _ => (ForecastLimit::Conversions, by_conversions),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn days(books: u64, a_day: Option<f64>) -> Option<f64> {
    a_day.filter(|a_day| *a_day > 0.0).map(|a_day| books as f64 / a_day)
}

#[expect(clippy::cast_possible_truncation, reason = "not above MOST_DAYS days")]
fn day_after(now: Timestamp, days: f64) -> Option<String> {
    let day = now.checked_add(((days * 24.0 * 3_600.0) as i64).seconds()).ok()?;
    Some(day.to_string().chars().take(10).collect())
}

impl DownloadLoad {
    /// What the downloads use up; where that is nothing of ours, it is the network, or GRIN's end of it.
    fn limit(self) -> ForecastLimit {
        let loads = [
            (self.requests, ForecastLimit::Requests),
            (self.bandwidth, ForecastLimit::Bandwidth),
            (self.cpu, ForecastLimit::Cpu),
        ];
        let highest = loads.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        match highest {
            Some((load, limit)) if load >= NEARLY_ALL => limit,
            _ => ForecastLimit::Bandwidth,
        }
    }
}

impl fmt::Display for LibraryForecast {
    /// `on 2027-03-02, in 94 days; 12000 books still to be stored, 300 of them ready; limited by conversions (128 a day)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.day, self.days_left) {
            _ if self.limited_by == ForecastLimit::NothingToDo => f.write_str("now, every book that GRIN gives out")?,
            (Some(day), Some(days)) => write!(f, "on {day}, in {days:.1} days")?,
            _ => f.write_str("nobody can tell the day")?,
        }
        if self.remaining > 0 {
            write!(
                f,
                "; {} books still to be stored, {} of them ready",
                self.remaining, self.ready
            )?;
            write!(f, "; limited by {}", self.limited_by_words())?;
        }
        if self.unscanned > 0 {
            write!(f, "; {} more are not scanned yet, and not counted", self.unscanned)?;
        }
        Ok(())
    }
}

impl LibraryForecast {
    fn limited_by_words(&self) -> String {
        let speed = |a_day: Option<f64>| a_day.map_or_else(|| "none so far".to_owned(), |n| format!("{n:.0} a day"));
        match self.limited_by {
            ForecastLimit::Conversions => format!("conversions at GRIN ({})", speed(self.conversions_a_day)),
            ForecastLimit::Requests => format!("grin.requests_per_second ({} books)", speed(self.books_a_day)),
            ForecastLimit::Bandwidth => format!("bandwidth ({} books)", speed(self.books_a_day)),
            ForecastLimit::Cpu => format!("the processors ({} books)", speed(self.books_a_day)),
            ForecastLimit::Disk => "the disk, which has no room".to_owned(),
            ForecastLimit::NothingToDo => "nothing".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: DownloadLoad = DownloadLoad {
        disk_is_full: false,
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
        }
    }

    #[test]
    fn the_slower_of_downloads_and_conversions_tells_the_day() {
        use ForecastLimit as L;
        let (both, none) = ([Some(1_000.0), Some(100.0)], [None, None]);
        let full = DownloadLoad {
            disk_is_full: true,
            ..FREE
        };
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
            // Quickly stored, but nothing is converted: never in 0.1 days.
            (100, 90_000, [Some(1_000_000.0), None], FREE, L::Conversions, None),
            (100, 90_000, [Some(1_000_000.0), Some(0.0)], FREE, L::Conversions, None),
            (1_000, 1, [Some(1e-9), Some(100.0)], FREE, L::Bandwidth, None),
        ] {
            let inputs = inputs(ready, unconverted, a_day, load);
            let told = forecast(&inputs);
            assert_eq!(told.limited_by, limited_by, "{inputs:?}");
            let close = match (told.days_left, days_left) {
                (Some(told), Some(expected)) => (told - expected).abs() < 1e-9,
                (told, expected) => told == expected,
            };
            assert!(close, "{inputs:?}: {told:?}");
            assert_eq!(told.day.is_some(), days_left.is_some());
            assert_eq!((told.remaining, told.unscanned), (ready + unconverted, 7));
        }
    }

    #[test]
    fn the_day_and_what_limits_are_told_in_words() {
        let told = forecast(&inputs(300, 11_700, [Some(900.0), Some(130.0)], FREE)).to_string();
        assert_eq!(
            told,
            "on 2027-02-26, in 90.0 days; 12000 books still to be stored, 300 of them ready; limited by conversions at GRIN (130 a \
             day); 7 more are not scanned yet, and not counted"
        );
        let told = forecast(&inputs(0, 5, [None, None], FREE)).to_string();
        assert!(
            told.starts_with("nobody can tell the day; 5 books still to be stored, 0 of them ready; limited by conversions at GRIN (none so far)"),
            "{told}"
        );
        let told = forecast(&inputs(0, 0, [None, None], FREE)).to_string();
        assert!(
            told.starts_with("now, every book that GRIN gives out; 7 more"),
            "{told}"
        );
    }
}
