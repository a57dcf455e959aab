//! Rows of books that are written after a batch of reports was judged.

use std::sync::LazyLock;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::lifecycle::decide::BookAfter;
use crate::catalog::observations::facts::{LIST_COLUMNS, SEARCH_COLUMNS};
use crate::catalog::observations::record::{BookReport, FactSource};
use crate::catalog::writer::ledger::CatalogTransaction;
use crate::vocabulary::BookState;

/// The statements of one source, for its columns.
pub(crate) struct RecordStatements {
    pub find: String,
    /// The same as `find`; on a server it locks the rows.
    pub lock: String,
    insert: String,
    update: String,
}

static LIST: LazyLock<RecordStatements> = LazyLock::new(|| RecordStatements::new(&LIST_COLUMNS));
static SEARCH: LazyLock<RecordStatements> = LazyLock::new(|| RecordStatements::new(&SEARCH_COLUMNS));

impl RecordStatements {
    pub(crate) fn of(source: FactSource) -> &'static Self {
        match source {
            FactSource::List(_) => &LIST,
            FactSource::Search => &SEARCH,
        }
    }

    fn new(columns: &[&str]) -> Self {
        let names = columns.join(", ");
        let joined = |part: fn(&str) -> String| columns.iter().map(|column| part(column)).collect::<String>();
        let marks = joined(|column| format!(", :{column}"));
        let sets = joined(|column| format!(", {column} = ifnull(:{column}, {column})"));
        let requestable = "CASE WHEN :requestable THEN 1 END";
        let find = format!(
            "SELECT {names}, id, barcode, state, listed_converted, can_be_requested, vanished_at IS NOT NULL AS vanished, \
                 next_attempt_at, conversion_failures, judged_converted_date, processing_request_timestamp, raw_values \
                 FROM books WHERE barcode IN (SELECT value FROM json_each(:barcodes))"
        );
        Self {
            lock: format!("{find} ORDER BY id /*pg FOR UPDATE*/"),
            find,
            insert: format!(
                "INSERT INTO books (barcode, state, state_at, created_at, updated_at, listed_converted, can_be_requested, \
                 conversion_failures, next_attempt_at, raw_values, {names}) \
                 VALUES (:barcode, :state, :now, :now, :now, :ready, {requestable}, :failures, :due, :raw{marks})"
            ),
            update: format!(
                "UPDATE books SET state_at = CASE WHEN state = :state THEN state_at ELSE :now END, state = :state, \
                 updated_at = :now, listed_converted = :listed, can_be_requested = {requestable}, vanished_at = NULL, \
                 next_attempt_at = :due, conversion_failures = :failures, raw_values = :raw, \
                 conversion_asks = CASE WHEN :ready THEN 0 ELSE conversion_asks END, \
                 absent_at = CASE WHEN :ready THEN NULL ELSE absent_at END, \
                 left_process_at = CASE WHEN :ready THEN NULL ELSE left_process_at END, \
                 attempts = CASE WHEN :revived THEN 0 ELSE attempts END, \
                 failures = CASE WHEN :revived THEN 0 ELSE failures END, \
                 failure_reason = CASE WHEN :revived THEN NULL ELSE failure_reason END, \
                 failure_detail = CASE WHEN :revived THEN NULL ELSE failure_detail END, \
                 enrich_key = ifnull(:enrich_key, enrich_key), \
                 enrich_asked_at = CASE WHEN :enriched THEN :now ELSE enrich_asked_at END, \
                 enrichment_timestamp = CASE WHEN :enriched THEN :now ELSE enrichment_timestamp END{sets} WHERE id = :id"
            ),
        }
    }
}

/// A book that becomes known.
pub(crate) struct NewBook<'r> {
    pub report: &'r BookReport<'r>,
    pub state: BookState,
    pub ready: bool,
    pub requestable: bool,
    pub failures: u32,
    pub due: Option<String>,
    pub raw: Option<String>,
}

impl NewBook<'_> {
    fn arguments<'a>(&'a self, now: &'a str) -> Vec<SqlArgument<'a>> {
        let own = arguments! {
            barcode: self.report.barcode, state: self.state, now: *now, ready: self.ready,
            requestable: self.requestable, failures: self.failures, due: self.due, raw: self.raw,
        };
        own.into_iter().chain(self.report.arguments()).collect()
    }
}

/// A known book of which something changes.
pub(crate) struct ChangedBook<'r> {
    pub report: &'r BookReport<'r>,
    pub id: i64,
    pub after: BookAfter,
    pub raw: Option<String>,
}

impl ChangedBook<'_> {
    fn arguments<'a>(&'a self, now: &'a str) -> Vec<SqlArgument<'a>> {
        let after = &self.after;
        let own = arguments! {
            state: after.state, now: *now, listed: after.listed_converted, requestable: after.can_be_requested,
            due: after.next_attempt_at, failures: after.conversion_failures, raw: self.raw, ready: after.ready,
            revived: after.revived, enrich_key: after.enrich_key, enriched: after.enriched,
        };
        let id = arguments! { id: self.id };
        own.into_iter().chain(self.report.arguments()).chain(id).collect()
    }
}

impl BookReport<'_> {
    /// Each fact under its column's name.
    fn arguments(&self) -> impl Iterator<Item = SqlArgument<'_>> {
        let facts = self.facts.values.iter();
        facts.map(|fact| SqlArgument::new(fact.column, &fact.value))
    }
}

/// What is to be written of a batch.
#[derive(Default)]
pub(crate) struct RecordedRows<'r> {
    pub new: Vec<NewBook<'r>>,
    pub changed: Vec<ChangedBook<'r>>,
}

impl RecordedRows<'_> {
    pub(crate) fn write(&self, tx: &CatalogTransaction<'_>, statements: &RecordStatements) -> Result<(), CatalogError> {
        let now = tx.stamp.as_str();
        let new = self.new.iter().map(|book| book.arguments(now));
        tx.conn.execute_each(&statements.insert, new)?;
        let changed = self.changed.iter().map(|book| book.arguments(now));
        tx.conn.execute_each(&statements.update, changed)
    }
}
