//! How far the library is.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::fixity::unsound::StoredChecks;
use crate::catalog::lifecycle::counters;
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::observations::lists;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::queries::forecast::{LibraryForecast, forecast};
use crate::catalog::queries::pace::{DayReport, LibraryPace, PutOffCounts, last_days, pace};
use crate::catalog::queries::reader::CatalogReader;
use crate::catalog::queries::verification::VerificationCounts;
use crate::catalog::queries::wanted_books::WantedBooks;
use crate::clock::stamp;
use crate::grin::ListKind;

/// Days that the printed table looks back on.
const DAYS: u64 = 14;

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
    /// How far they were read again.
    pub checks: StoredChecks,
    /// What GRIN says about failed conversions, the most frequent words first.
    pub conversion_failures: Vec<(String, u64)>,
    /// What happened on each of the last days (UTC), the last one first.
    pub days: Vec<DayReport>,
    /// Last pass over each list, and the last complete one.
    pub lists: Vec<ListReport>,
    /// Earliest moment at which a waiting book comes due.
    pub next_due: Option<String>,
    /// What is to be expected.
    pub forecast: LibraryForecast,
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

impl CatalogReader {
    /// The report; from totals and indexes, so that it takes longer only for more books that are put off, not converted, or named;
    /// `asked`: what the configuration fetches.
    pub fn report(&self, asked: &WantedBooks) -> Result<LibraryReport, CatalogError> {
        self.make_report(asked).map_err(|error| error.at(self.address()))
    }

    fn make_report(&self, asked: &WantedBooks) -> Result<LibraryReport, CatalogError> {
        let conn = self.conn();
        let now = self.clock().now();
        let states = StateCounts::read(conn)?;
        let days = last_days(conn, now, DAYS)?;
        let put_off = PutOffCounts::read(conn, now, &states, asked)?;
        let LibraryPace { states, inputs, .. } = pace(conn, now, states, &days, put_off)?;
        let mut failures = counters::read(conn, CounterKind::Failure)?;
        failures.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(LibraryReport {
            at: stamp(now),
            forecast: forecast(&inputs.within(asked.limit)),
            grin_states: counters::read(conn, CounterKind::GrinState)?.into_iter().collect(),
            failures,
            verification: VerificationCounts::read(conn, &states)?,
            checks: StoredChecks::read(conn)?,
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
        write!(f, "{}", self.checks)?;
        self.write_days(f)?;
        self.write_lists(f)?;
        writeln!(f, "\nAll stored: {}", self.forecast)?;
        self.next_due
            .iter()
            .try_for_each(|at| writeln!(f, "next waiting book due at {at}"))
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
            "\nDay (UTC)        stored         GB     failed  unchanged  requested  converted"
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
                "{} {:>12} {:>8}.{} {:>10} {:>10} {:>10} {:>10}",
                day.day,
                day.stored,
                tenths / 10,
                tenths % 10,
                day.failed,
                day.unchanged,
                day.requested,
                day.converted
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
}
