//! When the library will be stored as a whole, and what keeps it from being so earlier.

use std::fmt;

use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::log::CountedNoun;
use crate::vocabulary::{WaitCause, words};

/// So much of what is allowed or there, and a thing is what limits the speed.
const NEARLY_ALL: f64 = 0.9;
/// No more books are ready than this part of what is stored in a day: the downloads wait for conversions.
const FEW_READY: f64 = 1.0 / 24.0;
/// Nobody plans by what is further away.
const MOST_DAYS: f64 = 36_500.0;

words! {
    /// What keeps the library from being stored earlier.
    ForecastLimit {
        /// GRIN converts no faster.
        Conversions = "conversions",
        /// `grin.requests_per_second`.
        Requests = "requests_a_second",
        /// `session.bandwidth`; where nothing that is set or there is used up, what network and GRIN give.
        Bandwidth = "bandwidth",
        /// The processors of this machine.
        Cpu = "cpu",
        /// The disk has no room.
        Disk = "disk",
        /// Nothing is begun until what is waited for is there, or every book waits for its next attempt.
        Waiting = "waiting",
        /// Every book that GRIN has scanned and gives out, and that the configuration asks for, is stored.
        NothingToDo = "nothing_to_do",
    }
}

/// How much of what is allowed or there the downloads use: 1 is all of it. Nothing is known of it without a running daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DownloadLoad {
    /// Nothing is begun before this is there.
    pub waits_for: Option<WaitCause>,
    /// Of `grin.requests_per_second`, together with all other members.
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
    /// Books that are ready at GRIN and due, or in work with us.
    pub ready: u64,
    /// Books whose next attempt is still to come, failed ones among them.
    pub put_off: u64,
    /// Books that failed, and are not tried again by themselves.
    pub given_up: u64,
    /// Books that GRIN has scanned, and has still to convert: asked for, to be asked for, or to be tried again.
    pub unconverted: u64,
    /// Books that the configuration does not fetch: of queues that are not served, not named, or beyond a limit.
    pub unasked: u64,
    /// Books that GRIN has not scanned yet.
    pub unscanned: u64,
    /// No list was read so far, so that no book is known.
    pub is_empty: bool,
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
    /// Of these, ready at GRIN and due, or in work with us.
    pub ready: u64,
    /// Of these, the ones whose next attempt is still to come.
    #[serde(default)]
    pub put_off: u64,
    /// Books that failed, and are not tried again by themselves.
    #[serde(default)]
    pub given_up: u64,
    /// Books that the configuration does not fetch; none of them is counted otherwise.
    #[serde(default)]
    pub unasked: u64,
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
    /// The same in words; empty from an earlier version.
    #[serde(default)]
    pub limit: String,
}

/// The downloads take as long as all books take at their speed, the conversions as long as those do that are not converted; the
/// slower of the two tells the day. While hardly any book is ready, the downloads are as slow as the conversions, and say nothing.
pub fn forecast(inputs: &ForecastInputs) -> LibraryForecast {
    let remaining = inputs.ready + inputs.put_off + inputs.unconverted;
    let (limited_by, days_left) = limit(inputs, remaining);
    let days_left = days_left.filter(|days| *days <= MOST_DAYS);
    LibraryForecast {
        remaining,
        ready: inputs.ready,
        put_off: inputs.put_off,
        given_up: inputs.given_up,
        unasked: inputs.unasked,
        unscanned: inputs.unscanned,
        books_a_day: inputs.stored_a_day,
        conversions_a_day: inputs.converted_a_day,
        day: days_left.and_then(|days| day_after(inputs.now, days)),
        days_left,
        limited_by,
        limit: inputs.limit_in_words(limited_by),
    }
}

fn limit(inputs: &ForecastInputs, remaining: u64) -> (ForecastLimit, Option<f64>) {
    if remaining == 0 && !inputs.is_empty {
        return (ForecastLimit::NothingToDo, Some(0.0));
    }
    match inputs.load.waits_for {
        Some(WaitCause::Disk) => return (ForecastLimit::Disk, None),
        Some(_) => return (ForecastLimit::Waiting, None),
        None => {}
    }
    if inputs.is_empty {
        return (ForecastLimit::Waiting, None);
    }
    // What is left failed before, and is tried again on days of its own.
    if inputs.ready + inputs.unconverted == 0 {
        return (ForecastLimit::Waiting, None);
    }
    let by_downloads = days(remaining, inputs.stored_a_day);
    if inputs.unconverted == 0 {
        return (inputs.load.limit(), by_downloads);
    }
    let by_conversions = days(inputs.unconverted, inputs.converted_a_day);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let are_few_ready = (inputs.ready + inputs.put_off) as f64 <= FEW_READY * inputs.stored_a_day.unwrap_or_default();
    match (by_downloads, by_conversions) {
        (None, _) if !are_few_ready => (inputs.load.limit(), None),
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

impl ForecastInputs {
    /// The same for a run that ends after so many books: those that are ready come first.
    #[must_use]
    pub fn within(self, limit: Option<u64>) -> Self {
        let mut room = limit.unwrap_or(u64::MAX);
        let mut take = |books: u64| {
            let taken = books.min(room);
            room -= taken;
            taken
        };
        let (ready, put_off, unconverted) = (take(self.ready), take(self.put_off), take(self.unconverted));
        let left_out = (self.ready - ready) + (self.put_off - put_off) + (self.unconverted - unconverted);
        Self {
            ready,
            put_off,
            unconverted,
            unasked: self.unasked + left_out,
            ..self
        }
    }

    fn limit_in_words(&self, limit: ForecastLimit) -> String {
        let stored = books_a_day(self.stored_a_day);
        match limit {
            ForecastLimit::Conversions => format!("conversions at GRIN ({})", books_a_day(self.converted_a_day)),
            ForecastLimit::Requests => format!("grin.requests_per_second ({stored})"),
            ForecastLimit::Bandwidth if self.load.bandwidth >= NEARLY_ALL => format!("session.bandwidth ({stored})"),
            ForecastLimit::Bandwidth => format!("the speed of downloads ({stored})"),
            ForecastLimit::Cpu => format!("the processors ({stored})"),
            ForecastLimit::Disk => "the disk, which has no room".to_owned(),
            ForecastLimit::Waiting => match self.load.waits_for {
                Some(cause) => format!("the wait for {}", cause.label()),
                None if self.is_empty => "GRIN's lists, none of which was read so far".to_owned(),
                None => "the time of the next attempt".to_owned(),
            },
            ForecastLimit::NothingToDo => "nothing".to_owned(),
        }
    }
}

fn books_a_day(speed: Option<f64>) -> String {
    match speed {
        None => "no book so far".to_owned(),
        Some(speed) if speed < 0.5 => "less than 1 book a day".to_owned(),
        Some(speed) if speed < 1.5 => "1 book a day".to_owned(),
        Some(speed) => format!("{speed:.0} books a day"),
    }
}

impl fmt::Display for LibraryForecast {
    /// `on 2027-03-02, in 94.0 days; 12000 books still to be stored, 300 of them ready; limited by the speed of downloads (128 books a day)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.day, self.days_left) {
            _ if self.limited_by == ForecastLimit::NothingToDo => {
                let other = if self.given_up > 0 { "other " } else { "" };
                let which = if self.unasked > 0 {
                    "is asked for"
                } else {
                    "GRIN gives out"
                };
                write!(f, "now, every {other}book that {which}")?;
            }
            (Some(day), Some(days)) if days < 1.0 => write!(f, "on {day}, within a day")?,
            (Some(day), Some(days)) => write!(f, "on {day}, in {days:.1} days")?,
            _ => f.write_str("nobody can tell the day")?,
        }
        if self.remaining > 0 {
            let (remaining, ready) = (CountedNoun(self.remaining, "book"), self.ready);
            write!(f, "; {remaining} still to be stored, {ready} of them ready")?;
            if self.put_off > 0 {
                write!(f, ", {} to be tried again later", self.put_off)?;
            }
        }
        if self.limited_by != ForecastLimit::NothingToDo && !self.limit.is_empty() {
            write!(f, "; limited by {}", self.limit)?;
        }
        if self.given_up > 0 {
            write!(f, "; {} failed, see grind retry --failed", self.given_up)?;
        }
        if self.unasked > 0 {
            write!(f, "; {} more are not asked for, and not counted", self.unasked)?;
        }
        if self.unscanned > 0 {
            write!(f, "; {} more are not scanned yet, and not counted", self.unscanned)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
