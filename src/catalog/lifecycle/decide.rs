//! What follows for a book from what GRIN said of it, compared with how it stood.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::SqlValue;
use crate::catalog::lifecycle::history::ChangeCause;
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, DueTime, GrinSignal, SignalSource};
use crate::catalog::observations::dates::is_readable;
use crate::catalog::observations::facts;
use crate::catalog::observations::facts::ColumnValues;
use crate::catalog::observations::record::RecordRemarks;
use crate::catalog::writer::ledger::CatalogTransaction;
use crate::clock::{earlier, read_stamp, stamp};
use crate::vocabulary::BookState;

/// A book as it stood before.
pub(crate) struct BookBefore {
    pub id: i64,
    pub state: BookState,
    pub listed_converted: bool,
    pub can_be_requested: bool,
    pub vanished: bool,
    pub next_attempt_at: Option<String>,
    pub conversion_failures: u32,
    pub judged: Option<String>,
    pub requested_at: Option<String>,
    /// The texts of dates that are kept.
    pub raw: Option<String>,
    /// Columns whose facts differ from what was known.
    pub differing: Vec<&'static str>,
    pub grin_state: Option<String>,
    pub converted_date: Option<String>,
}

impl BookBefore {
    /// The statement begins with the columns of the facts, in their order: both are made from one list.
    pub fn read(row: &SqlRow<'_>, facts: &ColumnValues<'_>) -> Result<Self, CatalogError> {
        let mut differing = Vec::new();
        for (place, fact) in facts.values.iter().enumerate() {
            if let Some(new) = fact.value.as_deref() {
                if row.value(place)? != SqlValue::Text(new) {
                    differing.push(fact.column);
                }
            }
        }
        Ok(Self {
            id: row.get("id")?,
            state: row.get("state")?,
            listed_converted: row.get("listed_converted")?,
            can_be_requested: row.get::<Option<bool>>("can_be_requested")?.unwrap_or(false),
            vanished: row.get("vanished")?,
            next_attempt_at: row.get("next_attempt_at")?,
            conversion_failures: row.get("conversion_failures")?,
            judged: row.get("judged_converted_date")?,
            requested_at: row.get("processing_request_timestamp")?,
            raw: row.get("raw_values")?,
            differing,
            grin_state: row.get(facts::GRIN_STATE)?,
            converted_date: row.get(facts::CONVERTED_DATE)?,
        })
    }

    pub fn differs(&self, column: &str) -> bool {
        self.differing.contains(&column)
    }

    /// A failure of conversion that we had not heard of, and that does not date from before our last request. GRIN's
    /// dates have no zone, so a day's difference is needed to call it older.
    pub fn failure_is_news(&self, facts: &ColumnValues<'_>) -> bool {
        let told = facts
            .get(facts::FAILED_DATE)
            .or(facts.get(facts::FAILED_INFO))
            .is_some();
        if !told {
            return self.state == BookState::Known;
        }
        let differs = self.differs(facts::FAILED_DATE) || self.differs(facts::FAILED_INFO);
        differs && !self.failed_before_request(facts.get(facts::FAILED_DATE))
    }

    fn failed_before_request(&self, failed: Option<&str>) -> bool {
        let Some(requested) = self.requested_at.as_deref().and_then(read_stamp) else {
            return false;
        };
        let day_before = stamp(earlier(requested, std::time::Duration::from_secs(24 * 3_600)));
        failed.is_some_and(|failed| failed < day_before.as_str())
    }

    /// A given-up book of which GRIN has a newer archive than the one that was given up.
    fn has_newer_archive(&self, facts: &ColumnValues<'_>) -> bool {
        let listed = facts.get(facts::CONVERTED_DATE).filter(|date| is_readable(date));
        // Given up before any date was known: then each date is news.
        listed.is_some_and(|listed| listed > self.judged.as_deref().unwrap_or_default())
    }
}

/// What is written over a book.
pub(crate) struct BookAfter {
    pub state: BookState,
    pub cause: ChangeCause,
    pub next_attempt_at: Option<String>,
    pub conversion_failures: u32,
    pub listed_converted: bool,
    pub can_be_requested: bool,
    /// GRIN has the archive ready: earlier troubles with the conversion count no more.
    pub ready: bool,
    /// Given up before, and worth another try.
    pub revived: bool,
    /// New value of `enrich_key`: 0 to have it searched for anew.
    pub enrich_key: Option<i64>,
    /// GRIN was asked for this book, and answered just now.
    pub enriched: bool,
}

/// What follows for the book from what was said.
pub(crate) fn decide(
    tx: &CatalogTransaction<'_>,
    facts: &ColumnValues<'_>,
    before: &BookBefore,
    said: &RecordRemarks,
) -> BookAfter {
    let ready = said.word == GrinSignal::Ready;
    let revived = before.state == BookState::Failed && ready && before.has_newer_archive(facts);
    let standing = BookStanding {
        conversion_failures: before.conversion_failures,
        ..BookStanding::of(before.state)
    };
    let source = match said.list {
        Some(_) => SignalSource::List,
        None => SignalSource::Search,
    };
    let change = if revived {
        BookChange::NewerArchive
    } else if said.word == GrinSignal::Idle && !before.differs(facts::GRIN_STATE) {
        // GRIN says what it said before; what it answered to our request since weighs more.
        BookChange::Signal(GrinSignal::Silent, source)
    } else {
        BookChange::Signal(said.word, source)
    };
    let next = tx.next_state(&standing, change);
    let state = next.state;
    let failed_now = state == BookState::ConversionFailed && before.state != state;
    let failures = match (failed_now, ready) {
        (true, _) => before.conversion_failures.saturating_add(1),
        (false, true) => 0,
        (false, false) => before.conversion_failures,
    };
    let next_attempt_at = match next.due {
        DueTime::Keep if before.state == BookState::Stored && newly_converted(facts, before) => None,
        DueTime::Keep => before.next_attempt_at.clone(),
        DueTime::Clear => None,
        DueTime::At(at) => Some(stamp(at)),
    };
    BookAfter {
        state,
        cause: next.cause,
        next_attempt_at,
        conversion_failures: failures,
        listed_converted: before.listed_converted || ready,
        can_be_requested: before.can_be_requested || said.can_be_requested,
        ready,
        revived,
        enrich_key: match said.list {
            None => Some(tx.now.as_millisecond()),
            Some(_) => before
                .differing
                .iter()
                .any(|column| facts::WATCHED_COLUMNS.contains(column))
                .then_some(0),
        },
        enriched: said.list.is_none(),
    }
}

fn newly_converted(facts: &ColumnValues<'_>, before: &BookBefore) -> bool {
    let readable = |date: &&str| is_readable(date);
    let old = before.converted_date.as_deref().filter(readable);
    let new = facts.get(facts::CONVERTED_DATE).filter(readable);
    new.is_some() && new > old
}
