//! How far the library is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::counters;
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::observations::lists;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::queries::reader::CatalogReader;
use crate::catalog::queries::verification::VerificationCounts;
use crate::clock::{earlier, stamp};
use crate::grin::ListKind;
use crate::vocabulary::BookState;

/// Days that the forecast and the printed table look back on.
const DAYS: u64 = 14;
/// Days from which the speed of the forecast is taken.
const SPEED_DAYS: u64 = 7;

/// The library at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LibraryReport {
    /// When.
    pub at: String,
    /// Books by our state.
    pub states: StateCounts,
    /// Books by GRIN's state; books of which it is not known under the empty word.
    pub grin_states: BTreeMap<String, u64>,
    /// Given-up books by reason.
    pub failures: Vec<(String, u64)>,
    /// Stored books by how well they are proven.
    pub verification: VerificationCounts,
    /// What GRIN says about failed conversions, the most frequent words first.
    pub conversion_failures: Vec<(String, u64)>,
    /// What happened on each of the last days (UTC), the last one first.
    pub days: Vec<DayReport>,
    /// Last pass over each list, and the last complete one.
    pub lists: Vec<ListReport>,
    /// Earliest moment at which a waiting book comes due.
    pub next_due: Option<String>,
    /// What is to be expected.
    pub forecast: ReportForecast,
}

/// One day (UTC).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DayReport {
    /// `2026-01-31`.
    pub day: String,
    /// Books that were stored.
    pub stored: u64,
    /// Bytes of their archives.
    pub bytes: u64,
    /// Books given up.
    pub failed: u64,
    /// Books found unchanged.
    pub unchanged: u64,
    /// Conversions asked for.
    pub requested: u64,
}

/// What is known of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListReport {
    /// The list.
    pub list: &'static str,
    /// When the last pass began.
    pub last_pass: Option<String>,
    /// When the last complete pass ended.
    pub last_complete: Option<String>,
    /// Rows of the last complete pass.
    pub rows: Option<u64>,
    /// Why the last pass is not complete, or what else is to be said of it.
    pub note: Option<String>,
}

/// When all will be stored, if it goes on as in the last days.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReportForecast {
    /// Books still to be stored; those not given out and those given up are not counted.
    pub remaining: u64,
    /// Of these, ready at GRIN or in work with us.
    pub ready: u64,
    /// Books a day, over the last days on which any was stored.
    pub books_a_day: Option<f64>,
    /// Days until none remains at that speed.
    pub days_left: Option<f64>,
}

impl CatalogReader {
    /// The report; from totals and indexes, so that it takes no longer for more books.
    pub fn report(&self) -> Result<LibraryReport, CatalogError> {
        self.make_report().map_err(|error| error.at(self.address()))
    }

    fn make_report(&self) -> Result<LibraryReport, CatalogError> {
        let conn = self.conn();
        let now = self.clock().now();
        let states = StateCounts::read(conn)?;
        let days = last_days(conn, now)?;
        let mut failures = counters::read(conn, CounterKind::Failure)?;
        failures.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(LibraryReport {
            at: stamp(now),
            forecast: forecast(&states, &days),
            grin_states: counters::read(conn, CounterKind::GrinState)?.into_iter().collect(),
            failures,
            verification: VerificationCounts::read(conn, &states)?,
            conversion_failures: conversion_failures(conn)?,
            days,
            lists: ListKind::ALL
                .into_iter()
                .map(|list| list_report(conn, list))
                .collect::<Result<_, _>>()?,
            next_due: crate::catalog::planning::select::next_due(conn, &stamp(now))?.map(stamp),
            states,
        })
    }
}

fn last_days(conn: &SqlConnection, now: jiff::Timestamp) -> Result<Vec<DayReport>, CatalogError> {
    let mut n = conn.prepare("SELECT n FROM tallies WHERE kind = :kind AND value = :day")?;
    let mut of = |kind: CounterKind, day: &str| -> Result<u64, CatalogError> {
        let n: Option<i64> = n.first(&arguments! { kind: kind.as_str(), day: day }, |row| row.at(0))?;
        Ok(n.map_or(0, |n| u64::try_from(n).unwrap_or(0)))
    };
    let mut days = Vec::new();
    for back in 0..DAYS {
        let at = stamp(earlier(now, Duration::from_secs(back * 24 * 3_600)));
        let day = &at[..10];
        days.push(DayReport {
            stored: of(CounterKind::StoredOn, day)?,
            bytes: of(CounterKind::BytesOn, day)?,
            failed: of(CounterKind::FailedOn, day)?,
            unchanged: of(CounterKind::UnchangedOn, day)?,
            requested: of(CounterKind::RequestedOn, day)?,
            day: day.into(),
        });
    }
    Ok(days)
}

/// Speed over the last days, counted from the first of them on which a book was stored.
fn forecast(states: &StateCounts, days: &[DayReport]) -> ReportForecast {
    let waiting = [
        BookState::Known,
        BookState::Requested,
        BookState::InProcess,
        BookState::ConversionFailed,
    ];
    let ready = [BookState::Available, BookState::Checking, BookState::Downloading];
    let ready: u64 = ready.into_iter().map(|state| states.of(state)).sum();
    let remaining = ready + waiting.into_iter().map(|state| states.of(state)).sum::<u64>();
    let last = &days[..days.len().min(usize::try_from(SPEED_DAYS).unwrap_or(7))];
    let span = last.iter().rposition(|day| day.stored > 0).map(|at| at + 1);
    #[expect(clippy::cast_precision_loss, reason = "a forecast")]
    let books_a_day = span.map(|span| last.iter().map(|day| day.stored).sum::<u64>() as f64 / span as f64);
    #[expect(clippy::cast_precision_loss, reason = "a forecast")]
    let days_left = books_a_day.map(|speed| remaining as f64 / speed);
    ReportForecast {
        remaining,
        ready,
        books_a_day,
        days_left,
    }
}

fn conversion_failures(conn: &SqlConnection) -> Result<Vec<(String, u64)>, CatalogError> {
    let sql = "SELECT coalesce(convert_failed_info, conversion_words, '') AS words, count(*) AS n FROM books \
               WHERE state = 'conversion_failed' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20";
    conn.all(sql, &[], |row| Ok((row.get("words")?, row.get("n")?)))
}

fn list_report(conn: &SqlConnection, list: ListKind) -> Result<ListReport, CatalogError> {
    let name = lists::name(list);
    let given = arguments! { list: name };
    let last = conn.first(
        "SELECT started_at, note FROM list_passes WHERE list = :list ORDER BY id DESC LIMIT 1",
        &given,
        |row| Ok((row.get("started_at")?, row.get("note")?)),
    )?;
    let complete = conn.first(
        "SELECT ended_at, rows FROM list_passes WHERE list = :list AND complete = 1 ORDER BY id DESC LIMIT 1",
        &given,
        |row| Ok((row.get("ended_at")?, row.get("rows")?)),
    )?;
    let (last_pass, note) = last.unzip();
    let (last_complete, rows) = complete.unzip();
    Ok(ListReport {
        list: name,
        last_pass,
        last_complete,
        rows,
        note: note.flatten(),
    })
}

impl fmt::Display for LibraryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} books at {}", self.states.total, self.at)?;
        for (state, n) in &self.states.by_state {
            writeln!(f, "  {:<18} {n:>10}", state.as_str())?;
        }
        section(
            f,
            "At GRIN",
            self.grin_states.iter().map(|(word, n)| (unknown_if_empty(word), *n)),
        )?;
        section(
            f,
            "Given up, by reason",
            self.failures.iter().map(|(word, n)| (unknown_if_empty(word), *n)),
        )?;
        let words = self
            .conversion_failures
            .iter()
            .map(|(word, n)| (unknown_if_empty(word), *n));
        section(f, "Conversions that failed, in GRIN's words", words)?;
        let VerificationCounts {
            verified,
            unverified,
            unknown,
        } = self.verification;
        let counts = [
            ("verified", verified),
            ("unverified", unverified),
            ("not recorded", unknown),
        ];
        section(f, "Stored books", counts.into_iter().filter(|(_, n)| *n > 0))?;
        self.write_days(f)?;
        self.write_lists(f)?;
        self.write_forecast(f)
    }
}

fn unknown_if_empty(word: &str) -> &str {
    if word.is_empty() { "(not known)" } else { word }
}

fn section<'a>(f: &mut fmt::Formatter<'_>, title: &str, rows: impl Iterator<Item = (&'a str, u64)>) -> fmt::Result {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for (word, n) in rows {
        writeln!(f, "  {:<38} {n:>10}", Plain(word).to_string())?;
    }
    Ok(())
}

/// Words from outside, on one line and without control characters.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        f.write_str(&self.0.chars().take(80).map(clean).collect::<String>())
    }
}

impl LibraryReport {
    fn write_days(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nDay (UTC)        stored         GB     failed  unchanged  requested"
        )?;
        for day in self.days.iter().filter(|day| {
            **day
                != DayReport {
                    day: day.day.clone(),
                    ..DayReport::default()
                }
        }) {
            let tenths = day.bytes / 100_000_000;
            writeln!(
                f,
                "{} {:>12} {:>8}.{} {:>10} {:>10} {:>10}",
                day.day,
                day.stored,
                tenths / 10,
                tenths % 10,
                day.failed,
                day.unchanged,
                day.requested
            )?;
        }
        Ok(())
    }

    fn write_lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nList          last complete pass              rows")?;
        for list in &self.lists {
            let complete = list.last_complete.as_deref().unwrap_or("never");
            let rows = list.rows.map_or_else(String::new, |rows| rows.to_string());
            write!(f, "{:<13} {complete:<25} {rows:>10}", list.list)?;
            if let Some(note) = &list.note {
                write!(f, "  {}", Plain(note))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn write_forecast(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forecast = &self.forecast;
        write!(
            f,
            "\n{} books still to be stored, {} of them ready",
            forecast.remaining, forecast.ready
        )?;
        match (forecast.books_a_day, forecast.days_left) {
            (Some(speed), Some(days)) => writeln!(f, "; at {speed:.0} a day in {days:.1} days"),
            _ => writeln!(
                f,
                "; none was stored in the last {SPEED_DAYS} days, so there is no forecast"
            ),
        }?;
        self.next_due
            .iter()
            .try_for_each(|at| writeln!(f, "next waiting book due at {at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(BookState, u64)]) -> StateCounts {
        StateCounts {
            by_state: pairs.iter().copied().collect(),
            total: pairs.iter().map(|(_, n)| n).sum(),
        }
    }

    #[test]
    fn the_forecast_counts_from_the_first_busy_day() {
        let day = |stored| DayReport {
            stored,
            ..DayReport::default()
        };
        let states = counts(&[
            (BookState::Known, 50),
            (BookState::Available, 10),
            (BookState::Stored, 40),
            (BookState::Failed, 9),
        ]);
        let forecast = forecast(&states, &[day(10), day(0), day(20), day(0), day(0)]);
        assert_eq!((forecast.remaining, forecast.ready), (60, 10));
        assert_eq!(forecast.books_a_day, Some(10.0));
        assert_eq!(forecast.days_left, Some(6.0));
    }

    #[test]
    fn without_a_busy_day_there_is_no_forecast() {
        let states = counts(&[(BookState::Known, 50)]);
        assert_eq!(
            forecast(
                &states,
                &[DayReport::default(), DayReport::default(), DayReport::default()]
            )
            .days_left,
            None
        );
    }
}
