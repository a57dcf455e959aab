//! Which books an export holds.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::queries::reader::CatalogReader;
use crate::clock::stamp;
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Which books an export holds; what is named together must hold together. The default is every book.
#[derive(Debug, Clone, Default)]
pub struct ExportFilter {
    /// Only books in one of these states; none: in any.
    pub states: Vec<BookState>,
    /// Only books of which something was recorded at this moment or since.
    pub since: Option<Timestamp>,
    /// Only these books.
    pub barcodes: Option<Vec<Barcode>>,
}

impl ExportFilter {
    /// The question for these columns of the books meant, in the order in which they became known. A condition that was not asked for does
    /// not stand in it, so that the index of barcodes is used where barcodes are named.
    fn question(&self, columns: &str) -> String {
        let conditions = [
            (!self.states.is_empty()).then_some("state IN (SELECT value FROM json_each(:states))"),
            // A check, and an answer of GRIN's that changed nothing, leave `updated_at` as it is.
            self.since
                .map(|_| "(updated_at >= :since OR enrichment_timestamp >= :since OR checked_at >= :since)"),
            self.barcodes
                .as_ref()
                .map(|_| "barcode IN (SELECT value FROM json_each(:barcodes))"),
        ];
        let asked: Vec<_> = conditions.into_iter().flatten().collect();
        let which = if asked.is_empty() {
            "TRUE".to_owned()
        } else {
            asked.join(" AND ")
        };
        format!("SELECT {columns} FROM books WHERE {which} ORDER BY id")
    }
}

impl CatalogReader {
    /// Calls `read` for each book that is meant, with these columns of it; comes back with their number.
    pub(super) fn each_exported<E: From<CatalogError>>(
        &self,
        filter: &ExportFilter,
        columns: &str,
        mut read: impl FnMut(&SqlRow<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let states = json_list(filter.states.iter().map(|state| state.as_str()));
        let barcodes = json_list(filter.barcodes.iter().flatten().map(Barcode::as_str));
        let since = filter.since.map(stamp);
        let given = arguments! { states: states, since: since, barcodes: barcodes };
        let mut done = 0;
        self.conn().each(&filter.question(columns), &given, |row| {
            read(row)?;
            done += 1;
            Ok::<_, E>(ControlFlow::Continue(()))
        })?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_holds_what_was_asked_for_and_no_more() {
        let states = vec![BookState::Stored];
        let since = Some(Timestamp::UNIX_EPOCH);
        let barcodes = Some(vec![Barcode::parse("TL0001").unwrap()]);
        let all = ExportFilter::default();
        let cases = [
            (all.clone(), [false, false, false]),
            (
                ExportFilter {
                    states: states.clone(),
                    ..all.clone()
                },
                [true, false, false],
            ),
            (ExportFilter { since, ..all.clone() }, [false, true, false]),
            (
                ExportFilter {
                    barcodes: barcodes.clone(),
                    ..all.clone()
                },
                [false, false, true],
            ),
            // A list without a barcode in it names no book, and is not the same as none.
            (
                ExportFilter {
                    barcodes: Some(Vec::new()),
                    ..all
                },
                [false, false, true],
            ),
            (
                ExportFilter {
                    states,
                    since,
                    barcodes,
                },
                [true, true, true],
            ),
        ];
        for (filter, holds) in cases {
            let question = filter.question("id");
            let found = [":states", ":since", ":barcodes"].map(|name| question.contains(name));
            assert_eq!(found, holds, "{question}");
        }
    }
}
