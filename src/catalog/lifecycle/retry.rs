//! Books that an operator names are tried again, all of them or none.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::wish::ResetFailed;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Has these books tried again, each as [`ResetFailed`] does.
///
/// One barcode that the catalog does not know refuses the whole request, and nothing is changed.
#[derive(Debug, Clone)]
pub struct RetryBooks(pub Vec<Barcode>);

/// What came of [`RetryBooks`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetriedBooks {
    /// Books that are tried again.
    pub reset: u64,
    /// Books with nothing to reset, each with its state.
    pub unchanged: Vec<(Barcode, BookState)>,
    /// Barcodes that the catalog does not know. With any of them nothing was changed.
    pub unknown: Vec<Barcode>,
}

impl CatalogOperation for RetryBooks {
    type Output = RetriedBooks;
    const KIND: &'static str = "retry_books";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<RetriedBooks, CatalogError> {
        let mut found = Vec::new();
        let mut done = RetriedBooks::default();
        for barcode in &self.0 {
            let sql = "SELECT state FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
            let given = arguments! { barcode: barcode };
            match tx.conn.first(sql, &given, |row| row.at::<BookState>(0))? {
                Some(state) => found.push((barcode, state)),
                None => done.unknown.push(barcode.clone()),
            }
        }
        if !done.unknown.is_empty() {
            return Ok(done);
        }
        for (barcode, state) in found {
            let only = Some(vec![barcode.clone()]);
            match (ResetFailed { only, reason: None }).run(tx)? {
                0 => done.unchanged.push((barcode.clone(), state)),
                _ => done.reset += 1,
            }
        }
        Ok(done)
    }
}
