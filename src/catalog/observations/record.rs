//! Writing down what GRIN said about books, so that an empty value never overwrites a known one.

use std::collections::{HashMap, HashSet};

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::lifecycle::decide::{BookAfter, BookBefore, decide};
use crate::catalog::lifecycle::history::{ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{
    BookChange, BookStanding, GrinSignal, SignalSource, signal_of_list, signal_of_state,
};
use crate::catalog::observations::facts;
use crate::catalog::observations::facts::ColumnValues;
use crate::catalog::observations::lists;
use crate::catalog::observations::record_rows::{ChangedBook, NewBook, RecordStatements, RecordedRows};
use crate::catalog::writer::ledger::{CatalogTransaction, StateChange};
use crate::grin::{Barcode, BookEnrichment, ListKind, ListRow};
use crate::vocabulary::BookState;

/// So many rows are recorded at a time.
const BATCH: usize = 250;

/// Where the facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactSource {
    List(ListKind),
    Search,
}

impl FactSource {
    fn remarks(self, facts: &ColumnValues<'_>, failure_is_news: bool) -> RecordRemarks {
        let state = facts.get(facts::GRIN_STATE);
        match self {
            Self::List(list) => RecordRemarks {
                word: signal_of_list(list, state, failure_is_news),
                list: Some(lists::name(list)),
                can_be_requested: facts.can_be_requested || list == ListKind::Available,
            },
            Self::Search => RecordRemarks {
                word: signal_of_state(state),
                list: None,
                can_be_requested: false,
            },
        }
    }
}

/// What is said beside the facts.
pub(crate) struct RecordRemarks {
    pub word: GrinSignal,
    /// `None` for a barcode search.
    pub list: Option<&'static str>,
    pub can_be_requested: bool,
}

/// What a row was to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowChange {
    New,
    Changed,
    Same,
    /// A search named a book that is not in the catalog.
    Unknown,
}

/// What was said about one book.
pub(crate) struct BookReport<'a> {
    pub barcode: &'a str,
    pub facts: ColumnValues<'a>,
}

impl<'a> BookReport<'a> {
    pub(crate) fn of_row(row: &'a ListRow) -> Self {
        Self {
            barcode: row.barcode.as_str(),
            facts: ColumnValues::of_row(row),
        }
    }

    pub(crate) fn of_search(barcode: &'a Barcode, found: &'a BookEnrichment) -> Self {
        Self {
            barcode: barcode.as_str(),
            facts: ColumnValues::of_search(found),
        }
    }
}

/// Parts of what was said that name no book twice: what one row changes, the next one about that book must find.
pub(crate) fn batches<T>(mut rows: &[T], barcode: impl Fn(&T) -> &Barcode) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let mut named = HashSet::new();
        let others = rows.iter().take(BATCH).take_while(|row| named.insert(barcode(row)));
        let (batch, rest) = rows.split_at(others.count());
        rows = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Records one of the [`batches`] in the running transaction; makes books known that were not (lists only). Comes back with what each
/// row was.
pub(crate) fn record_batch(
    tx: &mut CatalogTransaction<'_>,
    source: FactSource,
    reports: &[BookReport<'_>],
) -> Result<Vec<RowChange>, CatalogError> {
    let statements = RecordStatements::of(source);
    let mut books = find(tx.conn, &statements.find, reports.iter())?;
    // Most rows bring nothing new: only the others are locked, and looked at once more.
    if tx.conn.is_remote() {
        let is_news = |report: &&BookReport<'_>| {
            let before = books.get(report.barcode);
            before.is_some_and(|before| !RowMerge::of(tx, source, report, before).is_same)
        };
        let locked = find(tx.conn, &statements.lock, reports.iter().filter(is_news))?;
        books.extend(locked);
    }
    let mut rows = RecordedRows::default();
    let mut changes = Vec::with_capacity(reports.len());
    for report in reports {
        changes.push(match books.get(report.barcode) {
            None if source == FactSource::Search => RowChange::Unknown,
            None => {
                rows.new.push(add(tx, source, report)?);
                RowChange::New
            }
            Some(before) => {
                let merge = RowMerge::of(tx, source, report, before);
                if merge.is_same {
                    RowChange::Same
                } else {
                    rows.changed.push(merge.note(tx, report, before)?);
                    RowChange::Changed
                }
            }
        });
    }
    rows.write(tx, statements)?;
    Ok(changes)
}

/// The books as they stand; those that are not in the catalog are left out.
fn find<'r>(
    conn: &SqlConnection,
    sql: &str,
    reports: impl Iterator<Item = &'r BookReport<'r>>,
) -> Result<HashMap<&'r str, BookBefore>, CatalogError> {
    let reports: HashMap<_, _> = reports.map(|report| (report.barcode, report)).collect();
    if reports.is_empty() {
        return Ok(HashMap::new());
    }
    let named = json_list(reports.keys().copied());
    let found = conn.all(sql, &arguments! { barcodes: named }, |row| {
        let barcode: String = row.get("barcode")?;
        let report = reports.get(&*barcode);
        let report = report.ok_or_else(|| CatalogError::Fault(format!("{barcode} was not asked for")))?;
        Ok((report.barcode, BookBefore::read(row, &report.facts)?))
    })?;
    Ok(found.into_iter().collect())
}

/// A book that was not known, noted in totals and history.
fn add<'r>(
    tx: &mut CatalogTransaction<'_>,
    source: FactSource,
    report: &'r BookReport<'r>,
) -> Result<NewBook<'r>, CatalogError> {
    let said = source.remarks(&report.facts, true);
    let signal = BookChange::Signal(said.word, SignalSource::List);
    let next = tx.next_state(&BookStanding::of(BookState::Known), signal);
    let grin_state = report.facts.get(facts::GRIN_STATE);
    tx.totals.add(CounterKind::GrinState, grin_state.unwrap_or(""), 1);
    let note = ChangeNote {
        list: said.list,
        ..ChangeNote::of(next.cause)
    };
    tx.record_new_book(report.barcode, next.state, &note.text())?;
    let has_failed = next.state == BookState::ConversionFailed;
    let (_, due) = next.due.column();
    Ok(NewBook {
        report,
        state: next.state,
        ready: said.word == GrinSignal::Ready,
        requestable: said.can_be_requested,
        failures: u32::from(has_failed),
        due: due.filter(|_| has_failed),
        raw: report.facts.kept_texts(None, false),
    })
}

/// What a row changes of a known book.
struct RowMerge {
    said: RecordRemarks,
    after: BookAfter,
    raw: Option<String>,
    /// Nothing is to be written of it.
    is_same: bool,
}

impl RowMerge {
    fn of(tx: &CatalogTransaction<'_>, source: FactSource, report: &BookReport<'_>, before: &BookBefore) -> Self {
        let facts = &report.facts;
        let said = source.remarks(facts, before.failure_is_news(facts));
        let after = decide(tx, facts, before, &said);
        let is_same = before.differing.is_empty()
            && after.state == before.state
            && after.listed_converted == before.listed_converted
            && after.can_be_requested == before.can_be_requested
            && !before.vanished
            && !after.enriched;
        let raw = facts.kept_texts(before.raw.as_deref(), !is_same);
        Self {
            is_same: is_same && raw == before.raw,
            said,
            after,
            raw,
        }
    }

    /// Notes the change in totals and history.
    fn note<'r>(
        self,
        tx: &mut CatalogTransaction<'_>,
        report: &'r BookReport<'r>,
        before: &BookBefore,
    ) -> Result<ChangedBook<'r>, CatalogError> {
        let RowMerge { said, after, raw, .. } = self;
        if after.revived {
            tx.uncount_failure(before.id)?;
        }
        let note = |from| ChangeNote {
            from,
            list: said.list,
            ..ChangeNote::of(after.cause)
        };
        let BookReport { barcode, facts } = report;
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
        Ok(ChangedBook {
            report,
            id: before.id,
            after,
            raw,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_is_long_or_names_a_book_twice() {
        let books = |names: &[&str]| {
            names
                .iter()
                .map(|name| Barcode::parse(name).unwrap())
                .collect::<Vec<_>>()
        };
        let split = |rows: &[Barcode]| batches(rows, |row| row).map(<[_]>::len).collect::<Vec<_>>();
        assert!(split(&[]).is_empty());
        assert_eq!(split(&books(&["TL1", "TL2", "TL3"])), [3]);
        assert_eq!(split(&books(&["TL1", "TL2", "TL1", "TL1", "TL2"])), [2, 1, 2]);
        let many: Vec<_> = (0..=2 * BATCH).map(|n| format!("TL{n:05}")).collect();
        let many = many.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(split(&books(&many)), [BATCH, BATCH, 1]);
    }
}
