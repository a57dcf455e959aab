//! Writing down what GRIN said about a book, so that an empty value never overwrites a known one.

use std::sync::LazyLock;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::engine::{SqlConnection, SqlStatement};
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::lifecycle::decide::{BookAfter, BookBefore, decide};
use crate::catalog::lifecycle::history::{ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, DueTime, GrinSignal, SignalSource};
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
    lock: String,
    insert: String,
    update: String,
}

static LIST: LazyLock<Statements> = LazyLock::new(|| Statements::new(&LIST_COLUMNS));
static SEARCH: LazyLock<Statements> = LazyLock::new(|| Statements::new(&SEARCH_COLUMNS));

impl Statements {
    fn new(columns: &[&str]) -> Self {
        let names = columns.join(", ");
        let joined = |part: fn(&str) -> String| columns.iter().map(|column| part(column)).collect::<String>();
        let marks = joined(|column| format!(", :{column}"));
        let sets = joined(|column| format!(", {column} = ifnull(:{column}, {column})"));
        let find = format!(
            "SELECT {names}, id, state, listed_converted, can_be_requested, vanished_at IS NOT NULL AS vanished, next_attempt_at, \
                 conversion_failures, judged_converted_date, processing_request_timestamp, \
                 raw_values IS NOT NULL AS has_raw FROM books WHERE barcode = :barcode"
        );
        Self {
            lock: format!("{find} /*pg FOR UPDATE*/"),
            find,
            insert: format!(
                "INSERT INTO books (barcode, state, state_at, created_at, updated_at, listed_converted, \
                 can_be_requested, {names}) VALUES (:barcode, :state, :now, :now, :now, :ready, :requestable{marks}) RETURNING id"
            ),
            update: format!(
                "UPDATE books SET state_at = CASE WHEN state = :state THEN state_at ELSE :now END, state = :state, \
                 updated_at = :now, listed_converted = :listed, can_be_requested = :requestable, vanished_at = NULL, \
                 next_attempt_at = :due, conversion_failures = :failures, \
                 conversion_asks = CASE WHEN :ready THEN 0 ELSE conversion_asks END, \
                 absent_at = CASE WHEN :ready THEN NULL ELSE absent_at END, \
                 left_process_at = CASE WHEN :ready THEN NULL ELSE left_process_at END, \
                 attempts = CASE WHEN :revived THEN 0 ELSE attempts END, \
                 failures = CASE WHEN :revived THEN 0 ELSE failures END, \
                 failure_reason = CASE WHEN :revived THEN NULL ELSE failure_reason END, \
                 failure_detail = CASE WHEN :revived THEN NULL ELSE failure_detail END, \
                 enrich_key = ifnull(:enrich_key, enrich_key), enrich_asked_at = ifnull(:enriched_at, enrich_asked_at), \
                 enrichment_timestamp = ifnull(:enriched_at, enrichment_timestamp){sets} WHERE id = :id"
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
pub(crate) struct RecordRemarks {
    pub word: GrinSignal,
    /// `None` for a barcode search.
    pub list: Option<&'static str>,
    pub can_be_requested: bool,
}

/// A row about a book, and what is said beside it.
struct RowReport<'a> {
    barcode: &'a str,
    facts: &'a ColumnValues<'a>,
    said: RecordRemarks,
}

impl RowReport<'_> {
    fn after(&self, tx: &CatalogTransaction<'_>, before: &BookBefore) -> BookAfter {
        decide(tx, self.facts, before, &self.said)
    }
}

/// Nothing is to be written of the row.
fn is_same(before: &BookBefore, after: &BookAfter) -> bool {
    before.differing.is_empty()
        && after.state == before.state
        && after.listed_converted == before.listed_converted
        && after.can_be_requested == before.can_be_requested
        && !before.vanished
        && !after.enriched
}

/// Writes facts of one source into the running transaction; its statements are prepared once.
pub(crate) struct FactRecorder<'c> {
    conn: &'c SqlConnection,
    source: FactSource,
    find: SqlStatement<'c>,
    /// The same as `find`; on a server it locks the row.
    lock: SqlStatement<'c>,
    insert: SqlStatement<'c>,
    update: SqlStatement<'c>,
}

impl<'c> FactRecorder<'c> {
    pub(crate) fn new(conn: &'c SqlConnection, source: FactSource) -> Result<Self, CatalogError> {
        let statements: &Statements = match source {
            FactSource::List => &LIST,
            FactSource::Search => &SEARCH,
        };
        Ok(Self {
            conn,
            source,
            find: conn.prepare(&statements.find)?,
            lock: conn.prepare(&statements.lock)?,
            insert: conn.prepare(&statements.insert)?,
            update: conn.prepare(&statements.update)?,
        })
    }

    /// Records what was said about one book; makes it known if it was not (lists only).
    pub(crate) fn record<'s>(
        &mut self,
        tx: &mut CatalogTransaction<'_>,
        barcode: &'s str,
        facts: &'s ColumnValues<'s>,
        said: impl Fn(bool) -> RecordRemarks,
    ) -> Result<Option<RowChange>, CatalogError> {
        let given = arguments! { barcode: barcode };
        let before = self.find.first(&given, |row| BookBefore::read(row, facts))?;
        let (recorded, has_raw) = match before {
            None if self.source == FactSource::Search => return Ok(None),
            None => {
                let said = said(true);
                (self.add(tx, &RowReport { barcode, facts, said })?, false)
            }
            Some(mut before) => {
                let is_list = self.source == FactSource::List;
                let report = |before: &BookBefore| {
                    let said = said(is_list && before.failure_is_news(facts));
                    RowReport { barcode, facts, said }
                };
                // Most rows bring nothing new: only the others are locked, and looked at once more.
                if self.conn.is_remote() && !is_same(&before, &report(&before).after(tx, &before)) {
                    let locked = self.lock.first(&given, |row| BookBefore::read(row, facts))?;
                    before = locked.unwrap_or(before);
                }
                (self.merge(tx, &report(&before), &before)?, before.has_raw)
            }
        };
        // Most rows have none and bring none.
        let stale = has_raw && matches!(recorded, RowChange::Changed(_));
        if stale || !facts.raw.is_empty() {
            self.keep_raw(recorded.id(), facts)?;
        }
        Ok(Some(recorded))
    }

    fn add(&mut self, tx: &mut CatalogTransaction<'_>, row: &RowReport<'_>) -> Result<RowChange, CatalogError> {
        let RowReport { barcode, facts, said } = row;
        let signal = BookChange::Signal(said.word, SignalSource::List);
        let next = tx.next_state(&BookStanding::of(BookState::Known), signal);
        let state = next.state;
        let (ready, requestable) = (said.word == GrinSignal::Ready, said.can_be_requested.then_some(true));
        let own = arguments! {
            barcode: barcode, state: state, now: tx.stamp, ready: ready, requestable: requestable,
        };
        let inserted = self.insert.first(&with_facts(&own, facts), |row| row.at(0))?;
        let id = inserted.ok_or_else(|| CatalogError::Fault("no number came of a new book".into()))?;
        tx.totals
            .add(CounterKind::GrinState, facts.get(facts::GRIN_STATE).unwrap_or(""), 1);
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
        self.conn.execute(
            "UPDATE books SET conversion_failures = 1, next_attempt_at = :at WHERE id = :id",
            &arguments! { at: at, id: id },
        )?;
        Ok(())
    }

    fn merge(
        &mut self,
        tx: &mut CatalogTransaction<'_>,
        row: &RowReport<'_>,
        before: &BookBefore,
    ) -> Result<RowChange, CatalogError> {
        let after = row.after(tx, before);
        if is_same(before, &after) {
            return Ok(RowChange::Same(before.id));
        }
        if after.revived {
            tx.uncount_failure(before.id)?;
        }
        let requestable = after.can_be_requested.then_some(true);
        let enriched_at = after.enriched.then_some(&*tx.stamp);
        let own = arguments! {
            state: after.state, now: tx.stamp, listed: after.listed_converted, requestable: requestable,
            due: after.next_attempt_at, failures: after.conversion_failures, ready: after.ready,
            revived: after.revived, enrich_key: after.enrich_key, enriched_at: enriched_at, id: before.id,
        };
        self.update.execute(&with_facts(&own, row.facts))?;
        Self::note_changes(tx, row, before, &after)?;
        Ok(RowChange::Changed(before.id))
    }

    fn note_changes(
        tx: &mut CatalogTransaction<'_>,
        row: &RowReport<'_>,
        before: &BookBefore,
        after: &BookAfter,
    ) -> Result<(), CatalogError> {
        let RowReport { barcode, facts, said } = row;
        let note = |from| ChangeNote {
            from,
            list: said.list,
            ..ChangeNote::of(after.cause)
        };
        if let (true, Some(new)) = (before.differs(facts::GRIN_STATE), facts.get(facts::GRIN_STATE)) {
            let old = before.grin_state.as_deref();
            tx.totals.shift(CounterKind::GrinState, old.unwrap_or(""), new);
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
        let raw = kept.chain(gone).collect();
        let sql = "SELECT raw_values FROM books WHERE id = :id";
        let old: Option<String> = self.conn.one(sql, &arguments! { id: id }, |row| row.at(0))?;
        let new = patched(old.as_deref(), raw);
        if old.as_ref() != Some(&new) {
            self.conn.execute(
                "UPDATE books SET raw_values = :raw WHERE id = :id",
                &arguments! { raw: new, id: id },
            )?;
        }
        Ok(())
    }
}

/// A JSON object with some values set, and those that are null taken out.
fn patched(old: Option<&str>, changes: serde_json::Map<String, serde_json::Value>) -> String {
    let old = old.and_then(|text| serde_json::from_str(text).ok());
    let mut object: serde_json::Map<String, serde_json::Value> = old.unwrap_or_default();
    for (name, value) in changes {
        if value.is_null() {
            object.remove(&name);
        } else {
            object.insert(name, value);
        }
    }
    serde_json::Value::Object(object).to_string()
}

/// Our own arguments, and each fact under its column's name.
fn with_facts<'a>(own: &[SqlArgument<'a>], facts: &'a ColumnValues<'_>) -> Vec<SqlArgument<'a>> {
    let facts = facts
        .values
        .iter()
        .map(|fact| SqlArgument::new(fact.column, &fact.value));
    own.iter().copied().chain(facts).collect()
}
