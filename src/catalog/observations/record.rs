//! Writing down what GRIN said about a book, so that an empty value never overwrites a known one.

use std::fmt::Write as _;
use std::sync::LazyLock;

use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, ToSql};

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::decide::{BookAfter, BookBefore, decide};
use crate::catalog::lifecycle::history::{ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, DueTime, GrinSignal, SignalSource};
use crate::catalog::lifecycle::tallies::TallyKind;
use crate::catalog::observations::facts;
use crate::catalog::observations::facts::{ColumnValues, LIST_COLUMNS, SEARCH_COLUMNS};
use crate::catalog::writer::ledger::{CatalogTransaction, StateChange};
use crate::vocabulary::BookState;

/// Where the facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactSource {
    List,
    Search,
}

/// The statements of one source, for its columns.
struct Statements {
    find: String,
    insert: String,
    update: String,
}

static LIST: LazyLock<Statements> = LazyLock::new(|| Statements::new(LIST_COLUMNS));
static SEARCH: LazyLock<Statements> = LazyLock::new(|| Statements::new(&SEARCH_COLUMNS));

/// Columns of our own that stand before the source's in `find`.
const OWN: usize = 10;
/// Parameters of our own that stand before the source's values in `update`.
const OWN_SET: usize = 11;
/// The same in `insert`.
const OWN_NEW: usize = 5;

impl Statements {
    fn new(columns: &[&str]) -> Self {
        let names = columns.join(", ");
        let marks = |from: usize| {
            (0..columns.len()).fold(String::new(), |mut out, at| {
                let _ = write!(out, ", ?{}", from + at);
                out
            })
        };
        let sets = columns.iter().enumerate().fold(String::new(), |mut out, (at, column)| {
            let _ = write!(out, ", {column} = ifnull(?{}, {column})", OWN_SET + 1 + at);
            out
        });
        Self {
            find: format!(
                "SELECT id, state, listed_converted, can_be_requested, vanished_at, next_attempt_at, \
                 conversion_failures, judged_converted_date, processing_request_timestamp, raw_values IS NOT NULL, {names} \
                 FROM books WHERE barcode = ?1"
            ),
            insert: format!(
                "INSERT INTO books (barcode, state, state_at, created_at, updated_at, listed_converted, \
                 can_be_requested, {names}) VALUES (?1, ?2, ?3, ?3, ?3, ?4, ?5{})",
                marks(OWN_NEW + 1)
            ),
            update: format!(
                "UPDATE books SET state_at = CASE WHEN state = ?2 THEN state_at ELSE ?3 END, state = ?2, \
                 updated_at = ?3, listed_converted = ?4, can_be_requested = ?5, vanished_at = NULL, \
                 next_attempt_at = ?6, conversion_failures = ?7, \
                 conversion_asks = CASE WHEN ?8 THEN 0 ELSE conversion_asks END, \
                 absent_at = CASE WHEN ?8 THEN NULL ELSE absent_at END, \
                 left_process_at = CASE WHEN ?8 THEN NULL ELSE left_process_at END, \
                 attempts = CASE WHEN ?9 THEN 0 ELSE attempts END, \
                 failure_reason = CASE WHEN ?9 THEN NULL ELSE failure_reason END, \
                 failure_detail = CASE WHEN ?9 THEN NULL ELSE failure_detail END, \
                 enrich_key = ifnull(?10, enrich_key), enrich_asked_at = ifnull(?11, enrich_asked_at), \
                 enrichment_timestamp = ifnull(?11, enrichment_timestamp){sets} WHERE id = ?1"
            ),
        }
    }
}

/// What a row was to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowChange {
    New(i64),
    Changed(i64),
    Same(i64),
}

impl RowChange {
    pub(crate) fn id(self) -> i64 {
        let (Self::New(id) | Self::Changed(id) | Self::Same(id)) = self;
        id
    }
}

/// What is said beside the facts.
pub(crate) struct RecordRemarks<'a> {
    pub word: GrinSignal,
    /// `None` for a barcode search.
    pub list: Option<&'static str>,
    pub can_be_requested: bool,
    /// For a barcode search: when it was answered, as text and in Unix milliseconds.
    pub enriched: Option<(&'a str, i64)>,
}

/// Writes facts of one source into the running transaction; its statements are prepared once.
pub(crate) struct FactRecorder<'c> {
    conn: &'c Connection,
    source: FactSource,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
}

impl<'c> FactRecorder<'c> {
    pub(crate) fn new(conn: &'c Connection, source: FactSource) -> Result<Self, CatalogError> {
        let statements: &Statements = match source {
            FactSource::List => &LIST,
            FactSource::Search => &SEARCH,
        };
        Ok(Self {
            conn,
            source,
            find: conn.prepare_cached(&statements.find)?,
            insert: conn.prepare_cached(&statements.insert)?,
            update: conn.prepare_cached(&statements.update)?,
        })
    }

    /// Records what was said about one book; makes it known if it was not (lists only).
    pub(crate) fn record<'s>(
        &mut self,
        tx: &mut CatalogTransaction<'_>,
        barcode: &str,
        facts: &ColumnValues<'_>,
        said: impl FnOnce(bool) -> RecordRemarks<'s>,
    ) -> Result<Option<RowChange>, CatalogError> {
        let before = {
            let mut rows = self.find.query([barcode])?;
            rows.next()?.map(|row| BookBefore::read(row, OWN, facts)).transpose()?
        };
        let has_raw = before.as_ref().is_some_and(|before| before.has_raw);
        let recorded = match before {
            None if self.source == FactSource::Search => return Ok(None),
            None => self.add(tx, barcode, facts, &said(true))?,
            Some(before) => {
                let said = said(self.source == FactSource::List && before.failure_is_news(facts));
                self.merge(tx, barcode, facts, (&before, &said))?
            }
        };
        // Most rows have none and bring none.
        let stale = has_raw && matches!(recorded, RowChange::Changed(_));
        if stale || !facts.raw.is_empty() {
            self.keep_raw(recorded.id(), facts)?;
        }
        Ok(Some(recorded))
    }

    fn add(
        &mut self,
        tx: &mut CatalogTransaction<'_>,
        barcode: &str,
        facts: &ColumnValues<'_>,
        said: &RecordRemarks<'_>,
    ) -> Result<RowChange, CatalogError> {
        let signal = BookChange::Signal(said.word, SignalSource::List);
        let next = tx.next_state(&BookStanding::of(BookState::Known), signal);
        let state = next.state;
        let own: [&dyn ToSql; OWN_NEW] = [
            &barcode,
            &state,
            &tx.stamp,
            &(said.word == GrinSignal::Ready),
            &said.can_be_requested.then_some(true),
        ];
        bind(&mut self.insert, &own, facts)?;
        self.insert.raw_execute()?;
        let id = self.conn.last_insert_rowid();
        tx.totals
            .add(TallyKind::GrinState, facts.get(facts::GRIN_STATE).unwrap_or(""), 1);
        let note = ChangeNote {
            list: said.list,
            ..ChangeNote::of(next.cause)
        };
        tx.record_new_book(barcode, state, &note.text())?;
        if state == BookState::ConversionFailed {
            self.set_first_retry(id, next.due)?;
        }
        Ok(RowChange::New(id))
    }

    fn set_first_retry(&self, id: i64, due: DueTime) -> Result<(), CatalogError> {
        let (_, at) = due.column();
        self.conn
            .prepare_cached("UPDATE books SET conversion_failures = 1, next_attempt_at = ?2 WHERE id = ?1")?
            .execute((id, at))?;
        Ok(())
    }

    fn merge(
        &mut self,
        tx: &mut CatalogTransaction<'_>,
        barcode: &str,
        facts: &ColumnValues<'_>,
        (before, said): (&BookBefore, &RecordRemarks<'_>),
    ) -> Result<RowChange, CatalogError> {
        let after = decide(tx, facts, before, said);
        let same = before.differing.is_empty()
            && after.state == before.state
            && after.listed_converted == before.listed_converted
            && after.can_be_requested == before.can_be_requested
            && !before.vanished
            && after.enriched_at.is_none();
        if same {
            return Ok(RowChange::Same(before.id));
        }
        if after.revived {
            tx.uncount_failure(before.id)?;
        }
        let own: [&dyn ToSql; OWN_SET] = [
            &before.id,
            &after.state,
            &tx.stamp,
            &after.listed_converted,
            &after.can_be_requested.then_some(true),
            &after.next_attempt_at,
            &after.conversion_failures,
            &after.ready,
            &after.revived,
            &after.enrich_key,
            &after.enriched_at,
        ];
        bind(&mut self.update, &own, facts)?;
        self.update.raw_execute()?;
        Self::note_changes(tx, barcode, facts, (before, &after, said))?;
        Ok(RowChange::Changed(before.id))
    }

    fn note_changes(
        tx: &mut CatalogTransaction<'_>,
        barcode: &str,
        facts: &ColumnValues<'_>,
        (before, after, said): (&BookBefore, &BookAfter<'_>, &RecordRemarks<'_>),
    ) -> Result<(), CatalogError> {
        let note = |from| ChangeNote {
            from,
            list: said.list,
            ..ChangeNote::of(after.cause)
        };
        if let (true, Some(new)) = (before.differs(facts::GRIN_STATE), facts.get(facts::GRIN_STATE)) {
            let old = before.grin_state.as_deref();
            tx.totals.shift(TallyKind::GrinState, old.unwrap_or(""), new);
            tx.append_history(barcode, ChangeTopic::GrinState, new, &note(old).text())?;
        }
        if before.vanished {
            tx.append_history(barcode, ChangeTopic::Listing, "listed_again", &note(None).text())?;
        }
        if after.state != before.state {
            let words = facts.get(facts::FAILED_INFO);
            let note = ChangeNote {
                words: words.filter(|_| after.state == BookState::ConversionFailed),
                next: after.next_attempt_at.as_deref(),
                ..note(None)
            };
            let change = StateChange {
                from: before.state,
                to: after.state,
            };
            tx.record_transition(barcode, change, note)?;
        }
        Ok(())
    }

    /// Keeps the text of dates in a form from which it could not be made again, and forgets texts of dates that were replaced.
    fn keep_raw(&self, id: i64, facts: &ColumnValues<'_>) -> Result<(), CatalogError> {
        let kept = facts
            .raw
            .iter()
            .map(|(column, text)| ((*column).into(), (*text).into()));
        let gone = facts
            .plain
            .iter()
            .map(|column| ((*column).into(), serde_json::Value::Null));
        let raw: serde_json::Map<String, serde_json::Value> = kept.chain(gone).collect();
        let raw = serde_json::Value::Object(raw).to_string();
        self.conn
            .prepare_cached(
                "UPDATE books SET raw_values = json_patch(ifnull(raw_values, '{}'), ?2) \
                 WHERE id = ?1 AND ifnull(raw_values, '') <> json_patch(ifnull(raw_values, '{}'), ?2)",
            )?
            .execute((id, raw))?;
        Ok(())
    }
}

fn bind(statement: &mut CachedStatement<'_>, own: &[&dyn ToSql], facts: &ColumnValues<'_>) -> Result<(), CatalogError> {
    for (at, value) in own.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, value)?;
    }
    for (at, value) in facts.values.iter().enumerate() {
        let value = value
            .as_deref()
            .map_or(ToSqlOutput::from(rusqlite::types::Null), ToSqlOutput::from);
        statement.raw_bind_parameter(own.len() + at + 1, value)?;
    }
    Ok(())
}
