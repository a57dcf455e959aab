//! How fast the library came in the last days, and how much of it is left: what a forecast goes by.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::counters;
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::queries::failures::FailedBooks;
use crate::catalog::queries::forecast::ForecastInputs;
use crate::catalog::queries::remaining::RemainingBooks;
use crate::catalog::queries::wanted_books::WantedBooks;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{earlier, read_stamp, stamp};
use crate::grin::GrinState;
use crate::vocabulary::BookState;

/// Days from which the speed of the forecast is taken.
const SPEED_DAYS: u64 = 7;
/// Days that are shown.
const SHOWN_DAYS: u64 = 30;
const DAY: Duration = Duration::from_hours(24);
/// The books put off are counted one by one, which the status asks for no oftener than this, as long as few books came or went on.
const COUNTED_EVERY: Duration = Duration::from_mins(1);
/// Few: one in so many. The first lists of a library bring it within less than a minute.
const FEW: u64 = 10;
pub(crate) const PUT_OFF_AVAILABLE: &str =
    "SELECT count(*) FROM books WHERE state = 'available' AND next_attempt_at > :now";
pub(crate) const PUT_OFF_FAILED: &str =
    "SELECT count(*) FROM books WHERE state = 'failed' AND next_attempt_at IS NOT NULL";
/// A book that is taken, and released or put off, is pending anew from then on.
pub(crate) const OLDEST_PENDING: &str =
    "SELECT state_at FROM books WHERE state = 'available' ORDER BY state_at LIMIT 1";
/// Of a day, counted at the least, a minute: the first books come together.
const LEAST_PART: f64 = 1.0 / 1_440.0;

/// One day (UTC).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Conversions that came to their end.
    pub converted: u64,
}

/// How many books there are, and how fast they came.
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryPace {
    /// How many books there are in each state.
    pub states: StateCounts,
    /// What a forecast goes by, as far as the catalog knows it.
    pub inputs: ForecastInputs,
    /// What happened on each of the last 30 days, today first.
    pub days: Vec<DayReport>,
    /// Since when the book waits that is ready at GRIN and was taken the longest time ago, or never; `None`: no book is ready.
    pub oldest_pending: Option<Timestamp>,
    /// For the next time.
    pub put_off: PutOffCounts,
    /// Books that failed; also for the next time.
    pub failed: FailedBooks,
}

/// Asks for the [`LibraryPace`]; of totals, so that it takes no longer for more books, but for those put off.
#[derive(Debug, Clone, Default)]
pub struct AskPace {
    /// How many books were put off when this was asked last: they are counted anew only after a minute, or after many books changed.
    pub last: Option<PutOffCounts>,
    /// Which books had failed then: they are listed anew only after others failed.
    pub failed: Option<FailedBooks>,
    /// Which books are fetched: the same each time.
    pub asked: WantedBooks,
}

impl CatalogOperation for AskPace {
    type Output = LibraryPace;
    const KIND: &'static str = "pace";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<LibraryPace, CatalogError> {
        let states = StateCounts::read(tx.conn)?;
        let days = last_days(tx.conn, tx.now, SHOWN_DAYS)?;
        let in_failed = states.of(BookState::Failed);
        let put_off = match self.last.clone().filter(|last| last.is_recent(tx.now, &states)) {
            Some(last) if last.in_failed == in_failed => last,
            Some(last) => last.with_failed_anew(tx.conn, in_failed)?,
            None => PutOffCounts::read(tx.conn, tx.now, &states, &self.asked)?,
        };
        let failed = FailedBooks::read(tx.conn, tx.now, self.failed.as_ref())?;
        let pending: Option<String> = tx.conn.first(OLDEST_PENDING, &[], |row| row.at(0))?;
        let pace = pace(tx.conn, tx.now, states, &days, put_off)?;
        Ok(LibraryPace {
            days,
            failed,
            oldest_pending: pending.as_deref().and_then(read_stamp),
            ..pace
        })
    }
}

/// What happened on each of the last days, today first.
pub(super) fn last_days(conn: &SqlConnection, now: Timestamp, count: u64) -> Result<Vec<DayReport>, CatalogError> {
    let day = |back: u64| {
        let at = stamp(earlier(
            now,
            DAY.saturating_mul(u32::try_from(back).unwrap_or(u32::MAX)),
        ));
        at[..10].to_owned()
    };
    let kinds = [
        CounterKind::StoredOn,
        CounterKind::BytesOn,
        CounterKind::FailedOn,
        CounterKind::UnchangedOn,
        CounterKind::RequestedOn,
        CounterKind::ConvertedOn,
    ];
    let kinds = kinds.map(|kind| format!("'{}'", kind.as_str())).join(", ");
    // The day is the whole value of these kinds, so that its order as text is the order in time.
    let sql = format!("SELECT kind, value, n FROM tallies WHERE kind IN ({kinds}) AND value >= :since AND n > 0");
    let since = day(count.saturating_sub(1));
    let given = arguments! { since: since };
    let counts = conn.all(&sql, &given, |row| Ok(((row.at(0)?, row.at(1)?), row.at(2)?)))?;
    let counts: HashMap<(String, String), u64> = counts.into_iter().collect();
    let of = |kind: CounterKind, day: &str| {
        let counted = counts.get(&(kind.as_str().to_owned(), day.to_owned()));
        counted.copied().unwrap_or(0)
    };
    let report = |day: String| DayReport {
        stored: of(CounterKind::StoredOn, &day),
        bytes: of(CounterKind::BytesOn, &day),
        failed: of(CounterKind::FailedOn, &day),
        unchanged: of(CounterKind::UnchangedOn, &day),
        requested: of(CounterKind::RequestedOn, &day),
        converted: of(CounterKind::ConvertedOn, &day),
        day,
    };
    Ok((0..count).map(|back| report(day(back))).collect())
}

/// `days`: the last ones, today first.
pub(super) fn pace(
    conn: &SqlConnection,
    now: Timestamp,
    states: StateCounts,
    days: &[DayReport],
    put_off: PutOffCounts,
) -> Result<LibraryPace, CatalogError> {
    let days = &days[..days.len().min(usize::try_from(SPEED_DAYS).unwrap_or(usize::MAX))];
    let past = CountedTime::until(now, began_at(conn)?);
    let all = RemainingBooks::of(&states, checked_in(conn)?, [put_off.available, put_off.failed]);
    let inputs = ForecastInputs {
        now,
        stored_a_day: a_day(days.iter().map(|day| day.stored), past),
        converted_a_day: a_day(days.iter().map(|day| day.converted), past),
        ..all.inputs(&states, put_off.unasked)
    };
    Ok(LibraryPace {
        states,
        inputs,
        days: Vec::new(),
        oldest_pending: None,
        put_off,
        failed: FailedBooks::default(),
    })
}

/// Books that GRIN says it has not scanned, whatever state they are in with us.
fn checked_in(conn: &SqlConnection) -> Result<u64, CatalogError> {
    let grin_states = counters::read(conn, CounterKind::GrinState)?;
    let checked_in = grin_states
        .into_iter()
        .find(|(word, _)| word == GrinState::CheckedIn.as_str());
    Ok(checked_in.map_or(0, |(_, n)| n))
}

/// When the first list of this catalog was read.
fn began_at(conn: &SqlConnection) -> Result<Option<Timestamp>, CatalogError> {
    let sql = "SELECT started_at FROM list_passes ORDER BY id LIMIT 1";
    let began: Option<String> = conn.first(sql, &[], |row| row.at(0))?;
    Ok(began.as_deref().and_then(read_stamp))
}

/// Books that have a due time.
#[derive(Debug, Clone, PartialEq)]
pub struct PutOffCounts {
    counted_at: Timestamp,
    /// All books, as they were then.
    states: StateCounts,
    /// Ready at GRIN, and due later.
    available: u64,
    /// Failed, and tried again when it comes.
    failed: u64,
    /// All that had failed when these were counted: of others it would seem that they are given up.
    in_failed: u64,
    /// Books that the configuration does not fetch.
    unasked: RemainingBooks,
}

impl PutOffCounts {
    /// `asked`: the books that are fetched.
    pub(super) fn read(
        conn: &SqlConnection,
        now: Timestamp,
        states: &StateCounts,
        asked: &WantedBooks,
    ) -> Result<Self, CatalogError> {
        let available = conn.one(PUT_OFF_AVAILABLE, &arguments! { now: stamp(now) }, |row| row.at(0))?;
        let failed = conn.one(PUT_OFF_FAILED, &[], |row| row.at(0))?;
        let all = RemainingBooks::of(states, checked_in(conn)?, [available, failed]);
        Ok(Self {
            counted_at: now,
            states: states.clone(),
            available,
            failed,
            in_failed: states.of(BookState::Failed),
            unasked: asked.unasked(conn, now, all)?,
        })
    }

    fn with_failed_anew(self, conn: &SqlConnection, in_failed: u64) -> Result<Self, CatalogError> {
        let failed = conn.one(PUT_OFF_FAILED, &[], |row| row.at(0))?;
        Ok(Self {
            failed,
            in_failed,
            ..self
        })
    }

    /// A clock that was set back makes them old, too.
    fn is_recent(&self, now: Timestamp, states: &StateCounts) -> bool {
        let age = Duration::try_from(now.duration_since(self.counted_at));
        let moved = BookState::ALL.map(|state| self.states.of(state).abs_diff(states.of(state)));
        age.is_ok_and(|age| age < COUNTED_EVERY) && moved.iter().sum::<u64>() * FEW <= states.total
    }
}

/// How much time the counts of days are of, in days.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CountedTime {
    /// Of today (UTC).
    today: f64,
    /// Since this catalog began; without end, where that is not known.
    catalog: f64,
}

impl CountedTime {
    #[expect(clippy::cast_precision_loss, reason = "seconds of years")]
    fn until(now: Timestamp, began: Option<Timestamp>) -> Self {
        let days = |seconds: i64| seconds as f64 / DAY.as_secs_f64();
        // A clock that was set back tells nothing of the beginning.
        let began = began.filter(|began| *began <= now);
        Self {
            today: days(now.as_second().rem_euclid(24 * 3_600)),
            catalog: began.map_or(f64::INFINITY, |began| days(now.as_second() - began.as_second())),
        }
    }
}

/// So many a day since the first of these days on which there was one, as far as the catalog is as old; today comes first.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn a_day(counts: impl Iterator<Item = u64>, time: CountedTime) -> Option<f64> {
    let counts: Vec<u64> = counts.collect();
    let before_today = counts.iter().rposition(|count| *count > 0)?;
    let days = (before_today as f64 + time.today).min(time.catalog).max(LEAST_PART);
    Some(counts.iter().sum::<u64>() as f64 / days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready_books(ready: u64, stored: u64) -> StateCounts {
        StateCounts {
            by_state: [(BookState::Available, ready), (BookState::Stored, stored)].into(),
            total: ready + stored,
        }
    }

    fn put_off_at(counted_at: Timestamp) -> PutOffCounts {
        PutOffCounts {
            counted_at,
            states: ready_books(100, 0),
            available: 4,
            failed: 3,
            in_failed: 5,
            unasked: RemainingBooks::default(),
        }
    }

    #[test]
    fn the_books_put_off_are_counted_anew_after_a_minute_or_when_the_clock_was_set_back() {
        for (age, is_recent) in [(-1, false), (0, true), (59, true), (60, false)] {
            let at = |second| Timestamp::from_second(second).unwrap();
            let last = put_off_at(at(1_000));
            assert_eq!(last.is_recent(at(1_000 + age), &last.states), is_recent, "{age}");
        }
    }

    #[test]
    fn they_are_counted_anew_at_once_after_many_books_came_or_went_on() {
        let last = put_off_at(Timestamp::UNIX_EPOCH);
        for ([ready, stored], is_recent) in [
            ([100, 0], true),
            ([95, 5], true),
            ([94, 6], false),
            ([110, 0], true),
            ([112, 0], false),
            ([1_000_000, 0], false),
            ([0, 0], false),
        ] {
            let states = ready_books(ready, stored);
            assert_eq!(last.is_recent(last.counted_at, &states), is_recent, "{ready} {stored}");
        }
    }

    /// Counts of the last days, today first; how old the catalog is at 12:00; books a day.
    #[test]
    fn the_speed_counts_from_the_first_busy_day_or_the_beginning_of_the_catalog() {
        let noon: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let (hours, minutes, seconds) = (3_600, 60, 1);
        for (counts, age, speed) in [
            (vec![0, 0, 0], Some(hours), None),
            (vec![], Some(hours), None),
            (vec![10, 0, 20, 0, 0], None, Some(12.0)),
            (vec![10, 0, 20, 0, 0], Some(100 * hours), Some(12.0)),
            (vec![30, 0, 0], None, Some(60.0)),
            (vec![30, 0, 0], Some(6 * hours), Some(120.0)),
            // The day before began an hour before its end.
            (vec![120, 10, 0], Some(13 * hours), Some(240.0)),
            // The first minutes: 20 books a minute from the first on.
            (vec![200, 0, 0], Some(10 * minutes), Some(28_800.0)),
            (vec![100, 0, 0], Some(5 * minutes), Some(28_800.0)),
            (vec![40, 0, 0], Some(2 * minutes), Some(28_800.0)),
            (vec![20, 0, 0], Some(minutes), Some(28_800.0)),
            (vec![10, 0, 0], Some(30 * seconds), Some(14_400.0)),
            (vec![1, 0, 0], Some(0), Some(1_440.0)),
            // The clock was set back.
            (vec![30, 0, 0], Some(-hours), Some(60.0)),
        ] {
            let began = age.map(|age: i64| Timestamp::from_second(noon.as_second() - age).unwrap());
            let told = a_day(counts.iter().copied(), CountedTime::until(noon, began));
            let close = told.zip(speed).is_some_and(|(told, speed)| (told - speed).abs() < 1e-6);
            assert!(close || (told, speed) == (None, None), "{counts:?} {age:?}: {told:?}");
        }
    }

    #[test]
    fn a_new_day_does_not_begin_with_a_speed_of_its_own() {
        let midnight: Timestamp = "2026-11-29T00:00:01Z".parse().unwrap();
        let time = CountedTime::until(midnight, Some("2026-11-20T00:00:00Z".parse().unwrap()));
        let told = a_day([1, 20, 0].into_iter(), time).unwrap();
        assert!((told - 21.0).abs() < 0.01, "{told}");
    }
}
