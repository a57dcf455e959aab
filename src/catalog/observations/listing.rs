//! Recording a page of one of GRIN's lists.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlStatement;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::next_state::signal_of_list;
use crate::catalog::observations::facts;
use crate::catalog::observations::facts::ColumnValues;
use crate::catalog::observations::lists;
use crate::catalog::observations::passes::PassId;
use crate::catalog::observations::record::{FactRecorder, FactSource, RecordRemarks, RowChange};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::{Barcode, ListKind, ListRow};

/// A page of a list, or any part of one; it is recorded whole or not at all.
#[derive(Debug, Clone)]
pub struct ListPart {
    /// Which list.
    pub list: ListKind,
    /// The pass it belongs to; `None` for rows from elsewhere, from which nothing about absence follows.
    pub pass: Option<PassId>,
    /// Its rows.
    pub rows: Vec<ListRow>,
    /// Books that it names in rows which could not be taken. All that is recorded of them is that they are listed still.
    pub sighted: Vec<Barcode>,
    /// Rows that could not be taken and do not tell which book they are about.
    pub unsure: u64,
    /// Where the list goes on, for resuming an interrupted pass.
    pub next: Option<String>,
}

/// What recording did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ListPartCounts {
    /// Books not known before.
    pub new: u64,
    /// Books of which something changed.
    pub changed: u64,
    /// Books of which nothing changed.
    pub same: u64,
    /// Books that the pass had not named before.
    pub fresh: u64,
    /// Books of [`ListPart::sighted`] that are not known.
    pub unknown: u64,
}

impl CatalogOperation for ListPart {
    type Output = ListPartCounts;
    const KIND: &'static str = "record_list";

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<ListPartCounts, CatalogError> {
        let mut done = ListPartCounts::default();
        let mut recorder = FactRecorder::new(tx.conn, FactSource::List)?;
        let mut sightings = Sightings::new(tx, self)?;
        for row in &self.rows {
            let recorded = record_row(&mut recorder, tx, self.list, row)?;
            done.fresh += u64::from(sightings.note(recorded.id())?);
            match recorded {
                RowChange::New(_) => done.new += 1,
                RowChange::Changed(_) => done.changed += 1,
                RowChange::Same(_) => done.same += 1,
            }
        }
        for barcode in &self.sighted {
            let sql = "SELECT id FROM books WHERE barcode = :barcode";
            let given = arguments! { barcode: barcode };
            let book = tx.conn.first(sql, &given, |row| row.at(0))?;
            match book {
                Some(id) => done.fresh += u64::from(sightings.note(id)?),
                None => done.unknown += 1,
            }
        }
        if let Some(pass) = self.pass {
            pass.note_page(tx, self.next.as_deref(), done, self.unsure)?;
        }
        Ok(done)
    }
}

fn record_row(
    recorder: &mut FactRecorder<'_>,
    tx: &mut CatalogTransaction<'_>,
    list: ListKind,
    row: &ListRow,
) -> Result<RowChange, CatalogError> {
    let facts = ColumnValues::of_row(row);
    let said = |failure_is_news| RecordRemarks {
        word: signal_of_list(list, facts.get(facts::GRIN_STATE), failure_is_news),
        list: Some(lists::name(list)),
        can_be_requested: facts.can_be_requested || list == ListKind::Available,
    };
    let recorded = recorder.record(tx, row.barcode.as_str(), &facts, said)?;
    recorded.ok_or_else(|| CatalogError::Fault("a listed book was not recorded".into()))
}

/// Notes when a book was last seen in the list.
struct Sightings<'c> {
    upsert: SqlStatement<'c>,
    list: i64,
    pass: i64,
    observed: i64,
}

impl<'c> Sightings<'c> {
    fn new(tx: &CatalogTransaction<'c>, part: &ListPart) -> Result<Self, CatalogError> {
        Ok(Self {
            upsert: tx.conn.prepare(
                "INSERT INTO sightings (list, book, pass, observed) VALUES (:list, :book, :pass, :observed) \
                 ON CONFLICT (list, book) DO UPDATE SET pass = excluded.pass, observed = excluded.observed \
                 WHERE sightings.pass <> excluded.pass OR excluded.pass = 0",
            )?,
            list: lists::number(part.list),
            pass: part.pass.map_or(0, |pass| pass.number),
            observed: tx.now.as_millisecond(),
        })
    }

    /// Whether the pass had not named the book before.
    fn note(&mut self, book: i64) -> Result<bool, CatalogError> {
        let given = arguments! { list: self.list, book: book, pass: self.pass, observed: self.observed };
        Ok(self.upsert.execute(&given)? > 0)
    }
}
