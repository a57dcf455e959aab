//! What an operation works with: the connection inside a transaction, the moment, and who has the catalog open.

use std::cell::{Cell, OnceCell};

use jiff::Timestamp;

use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::counters::{CounterKind, PendingCounters};
use crate::catalog::lifecycle::due_bound::end_endless_waits;
use crate::catalog::lifecycle::history::{ChangeNote, ChangeTopic, HistoryEntry, PendingHistory};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, BookTransition, next_state};
use crate::catalog::sharing::members::check_complete;
use crate::catalog::{CatalogError, CatalogPolicy};
use crate::clock::SystemClock;
use crate::clock::stamp;
use crate::vocabulary::BookState;

/// A change of a book's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateChange {
    pub from: BookState,
    pub to: BookState,
}

impl StateChange {
    /// GRIN has done what it was asked for, or had in process.
    fn is_conversion(self) -> bool {
        use BookState as S;
        matches!(self.from, S::Requested | S::InProcess)
            && matches!(self.to, S::Available | S::Checking | S::Downloading | S::Stored)
    }
}

/// The database's clock, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseClock {
    /// Of a file, since the machine started; of a server, by its wall clock.
    pub lease_now: i64,
    /// What is written now is over as soon as the clock shows less: the machine was started anew, or the server's clock set back.
    pub lease_from: i64,
}

/// A server's clock that shows so much less than before was set back. By less than that it may be a transaction that began before another
/// one, and waited for a lock (for 60 s at most) while that was recorded.
const SET_BACK: i64 = 90_000;

impl LeaseClock {
    /// By a server's wall clock.
    fn of_server(now: i64) -> Self {
        Self {
            lease_now: now,
            lease_from: now - SET_BACK,
        }
    }

    /// By the time since the machine started, which is never set.
    fn since_boot(now: i64) -> Self {
        Self {
            lease_now: now,
            lease_from: now,
        }
    }
}

/// What an operation works with.
pub struct CatalogTransaction<'a> {
    /// The connection, inside a transaction.
    pub(crate) conn: &'a SqlConnection,
    /// When the operation began.
    pub(crate) now: Timestamp,
    /// The same as text.
    pub(crate) stamp: String,
    /// By which claims are judged.
    pub(crate) clock: LeaseClock,
    session: &'a OpenedSession,
    /// When this program began its first transaction.
    pub(crate) opened_at: &'a str,
    pub(crate) policy: &'a CatalogPolicy,
    pub(crate) totals: PendingCounters,
    history: PendingHistory,
}

/// Under which number, and since when, this program has the catalog open.
#[derive(Default)]
pub(crate) struct OpenedSession {
    /// As histories name it; 0 before it is noted in the catalog.
    number: Cell<i64>,
    /// The time of its first transaction: it is compared with times of books, and those are by the same clock.
    opened_at: OnceCell<String>,
    /// By how many milliseconds the wall clock was ahead of the time since the machine started, when that was last looked at.
    ahead: Cell<Option<i64>>,
    /// When the time was last left in the catalog, by the wall clock.
    clock_noted: Cell<Option<Timestamp>>,
}

/// What a transaction that is undone leaves as it was.
#[derive(Clone, Copy)]
pub(crate) struct SessionNotes {
    number: i64,
    ahead: Option<i64>,
    clock_noted: Option<Timestamp>,
}

impl OpenedSession {
    pub(super) fn notes(&self) -> SessionNotes {
        SessionNotes {
            number: self.number.get(),
            ahead: self.ahead.get(),
            clock_noted: self.clock_noted.get(),
        }
    }

    /// What was noted since then is undone.
    pub(super) fn go_back_to(&self, notes: SessionNotes) {
        self.number.set(notes.number);
        self.ahead.set(notes.ahead);
        self.clock_noted.set(notes.clock_noted);
    }
}

impl<'a> CatalogTransaction<'a> {
    /// An operation's part of the transaction that this connection has begun.
    pub(crate) fn of(
        conn: &'a SqlConnection,
        clock: &SystemClock,
        policy: &'a CatalogPolicy,
        session: &'a OpenedSession,
    ) -> Self {
        let now = now(conn, clock);
        let stamp = stamp(now);
        Self {
            conn,
            now,
            clock: lease_clock(conn, clock),
            session,
            opened_at: session.opened_at.get_or_init(|| stamp.clone()),
            stamp,
            policy,
            totals: PendingCounters::default(),
            history: PendingHistory::default(),
        }
    }
}

/// The time of the transaction: by the server's clock, so that all that share a catalog have one; a test's clock goes first.
fn now(conn: &SqlConnection, clock: &SystemClock) -> Timestamp {
    let server = conn.server_time().filter(|_| !clock.is_manual());
    let server = server.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    server.unwrap_or_else(|| clock.now())
}

fn lease_clock(conn: &SqlConnection, clock: &SystemClock) -> LeaseClock {
    match conn.server_time() {
        Some(millis) if !clock.is_manual() => LeaseClock::of_server(millis),
        _ => LeaseClock::since_boot(clock.since_boot()),
    }
}

impl CatalogTransaction<'_> {
    /// Counts and writes into the history that a known book's state changed; the caller changes the row itself.
    pub(crate) fn record_transition(
        &mut self,
        barcode: &str,
        change: StateChange,
        note: ChangeNote<'_>,
    ) -> Result<(), CatalogError> {
        let StateChange { from, to } = change;
        self.totals.shift(CounterKind::State, from.as_str(), to.as_str());
        if change.is_conversion() {
            let day = self.day().to_owned();
            self.totals.add(CounterKind::ConvertedOn, &day, 1);
        }
        let note = ChangeNote {
            from: Some(from.as_str()),
            ..note
        };
        self.append_history(barcode, ChangeTopic::State, to.as_str(), &note.text())
    }

    /// The same for a book that was not known before.
    pub(crate) fn record_new_book(&mut self, barcode: &str, state: BookState, note: &str) -> Result<(), CatalogError> {
        self.totals.add(CounterKind::State, state.as_str(), 1);
        self.append_history(barcode, ChangeTopic::State, state.as_str(), note)
    }

    /// Appends to a book's history.
    pub(crate) fn append_history(
        &mut self,
        barcode: &str,
        topic: ChangeTopic,
        value: &str,
        note: &str,
    ) -> Result<(), CatalogError> {
        self.append_entry(HistoryEntry {
            barcode: barcode.into(),
            topic,
            value: value.into(),
            stamp: self.stamp.clone(),
            session: self.session(),
            note: note.into(),
        })
    }

    /// The same with a time and a session of its own.
    pub(crate) fn append_entry(&mut self, entry: HistoryEntry) -> Result<(), CatalogError> {
        self.history.append(self.conn, entry)
    }

    /// What the table of lifecycle changes says about a book now.
    pub(crate) fn next_state(&self, book: &BookStanding, change: BookChange) -> BookTransition {
        next_state(book, change, self.policy, self.now)
    }

    /// Takes a given-up book out of the count of its reason; to be called before the reason is overwritten.
    pub(crate) fn uncount_failure(&mut self, id: i64) -> Result<(), CatalogError> {
        self.count_failure_by(id, -1)
    }

    /// Puts a given-up book back into the count of its reason.
    pub(crate) fn count_failure(&mut self, id: i64) -> Result<(), CatalogError> {
        self.count_failure_by(id, 1)
    }

    fn count_failure_by(&mut self, id: i64, by: i64) -> Result<(), CatalogError> {
        let sql = "SELECT failure_reason FROM books WHERE id = :id";
        let reason: Option<Option<String>> = self.conn.first(sql, &arguments! { id: id }, |row| row.at(0))?;
        let reason = reason.flatten();
        self.totals
            .add(CounterKind::Failure, reason.as_deref().unwrap_or(""), by);
        Ok(())
    }

    /// Writes the histories and totals that the operation has changed so far.
    pub(crate) fn write_pending(&mut self) -> Result<(), CatalogError> {
        let (history, totals) = (std::mem::take(&mut self.history), std::mem::take(&mut self.totals));
        let statements = history.statements().chain(totals.statements(self.conn));
        self.conn.execute_together(&statements.collect::<Vec<_>>())
    }

    /// The number by which histories name this program.
    pub(crate) fn session(&self) -> i64 {
        self.session.number.get()
    }

    /// Notes in the catalog, once, that this program has it open; histories name it from now on.
    pub(crate) fn note_session(&self) -> Result<(), CatalogError> {
        if self.session() > 0 {
            return Ok(());
        }
        // Nothing is written into a half copy: its numbers are those of the other catalog's rows.
        check_complete(self.conn)?;
        let (program, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        self.session.number.set(self.conn.one(
            "INSERT INTO sessions (opened_at, program, version) VALUES (:opened_at, :program, :version) RETURNING id",
            &arguments! { opened_at: self.opened_at, program: program, version: version },
            |row| row.at(0),
        )?);
        end_endless_waits(self)
    }

    /// By how many milliseconds the machine's clock was set back since this was last asked; `None`: it is asked for the first time.
    pub(crate) fn clock_set_back(&self) -> Option<i64> {
        let ahead = self.now.as_millisecond() - self.clock.lease_now;
        let before = self.session.ahead.replace(Some(ahead));
        before.map(|before| (before - ahead).max(0))
    }

    /// When this program last left the time in the catalog.
    pub(crate) fn clock_noted(&self) -> Option<Timestamp> {
        self.session.clock_noted.get()
    }

    /// The time is left in the catalog.
    pub(crate) fn note_clock(&self) {
        self.session.clock_noted.set(Some(self.now));
    }

    /// Today (UTC), as the daily totals name it.
    pub(crate) fn day(&self) -> &str {
        &self.stamp[..10]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_by_a_clock_that_was_set_back_since_is_over() {
        let hour = 3_600_000;
        for (written, read, is_over) in [
            (LeaseClock::of_server(hour), hour, false),
            (LeaseClock::of_server(hour), 2 * hour, false),
            // A transaction that began before that one.
            (LeaseClock::of_server(hour), hour - SET_BACK, false),
            (LeaseClock::of_server(hour), hour - SET_BACK - 1, true),
            (LeaseClock::of_server(hour), 0, true),
            (LeaseClock::since_boot(hour), hour, false),
            (LeaseClock::since_boot(hour), hour - 1, true),
        ] {
            assert_eq!(written.lease_from > read, is_over, "{written:?} {read}");
        }
    }
}
