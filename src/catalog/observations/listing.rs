//! Recording a page of one of GRIN's lists.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::observations::lists;
use crate::catalog::observations::passes::PassId;
use crate::catalog::observations::record::{BookReport, FactSource, RowChange, batches, record_batch};
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
        for rows in batches(&self.rows, |row| &row.barcode) {
            let reports: Vec<_> = rows.iter().map(BookReport::of_row).collect();
            for change in record_batch(tx, FactSource::List(self.list), &reports)? {
                match change {
                    RowChange::New => done.new += 1,
                    RowChange::Changed => done.changed += 1,
                    RowChange::Same | RowChange::Unknown => done.same += 1,
                }
            }
            done.fresh += self.note_sightings(tx, reports.iter().map(|report| report.barcode))?;
        }
        for barcodes in batches(&self.sighted, |barcode| barcode) {
            let barcodes = || barcodes.iter().map(Barcode::as_str);
            done.unknown += count_unknown(tx, barcodes())?;
            done.fresh += self.note_sightings(tx, barcodes())?;
        }
        if let Some(pass) = self.pass {
            pass.note_page(tx, self.next.as_deref(), done, self.unsure)?;
        }
        Ok(done)
    }
}

impl ListPart {
    /// Notes when books were last seen in the list; comes back with the number of those that the pass had not named before.
    fn note_sightings<'a>(
        &self,
        tx: &CatalogTransaction<'_>,
        barcodes: impl Iterator<Item = &'a str>,
    ) -> Result<u64, CatalogError> {
        let pass = self.pass.map_or(0, |pass| pass.number);
        tx.conn.execute(
            "INSERT INTO sightings (list, book, pass, observed) SELECT :list, id, :pass, :observed FROM books \
             WHERE barcode IN (SELECT value FROM json_each(:barcodes)) \
             ON CONFLICT (list, book) DO UPDATE SET pass = excluded.pass, observed = excluded.observed \
             WHERE sightings.pass <> excluded.pass OR excluded.pass = 0",
            &arguments! {
                list: lists::number(self.list), pass: pass, observed: tx.now.as_millisecond(),
                barcodes: json_list(barcodes),
            },
        )
    }
}

/// How many of these are not in the catalog.
fn count_unknown<'a>(
    tx: &CatalogTransaction<'_>,
    barcodes: impl Iterator<Item = &'a str>,
) -> Result<u64, CatalogError> {
    let sql = "SELECT count(*) FROM json_each(:barcodes) AS named \
               WHERE NOT EXISTS (SELECT 1 FROM books WHERE barcode = named.value)";
    tx.conn
        .one(sql, &arguments! { barcodes: json_list(barcodes) }, |row| row.at(0))
}
