//! The rows of a catalog that is in use, all of one moment.

use crate::catalog::CatalogLedger;
use crate::catalog::copy::operations::{AppendRows, BeginCopy, CountRows, FinishCopy, LastFence, ReadRows};
use crate::catalog::copy::{CatalogCopyError, ROWS, TABLES};
use crate::catalog::queries::reader::CatalogReader;
use crate::catalog::writer::ledger::CatalogOperation as _;

/// Copies all rows of a catalog, of one moment, into an empty one that nobody else uses, and counts them there.
pub(crate) fn copy_rows(
    source: &CatalogReader,
    target: &mut CatalogLedger,
    may_go_on: &dyn Fn() -> bool,
) -> Result<(), CatalogCopyError> {
    let shown = source.address().shown();
    target.execute(BeginCopy { from: shown.clone() })?;
    source.in_one_view(|tx| {
        for table in &TABLES {
            let (mut from, mut after) = (0, Vec::new());
            loop {
                if !may_go_on() {
                    return Err(CatalogCopyError::Interrupted(shown.clone()));
                }
                let read = ReadRows {
                    table,
                    after,
                    limit: ROWS,
                };
                let rows = read.run(tx)?;
                let (count, last) = (rows.rows.len(), table.last_key(&rows));
                from += count as u64;
                let anew = table.is_small();
                target.execute(AppendRows { table, rows, anew })?;
                if count < ROWS || anew {
                    break;
                }
                after = last;
            }
            let rows = target.execute(CountRows(table))?;
            if rows != from {
                return Err(CatalogCopyError::Differs {
                    table: table.name,
                    from,
                    to: rows,
                });
            }
        }
        let fence = LastFence.run(tx)?;
        target.execute(FinishCopy { fence })?;
        Ok(())
    })
}
