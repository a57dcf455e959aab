//! Archives whose names have a prefix that is not the library's directory: of which books they are.
//!
//! GRIN lists an archive under its barcode alone or behind a prefix, which need not be what the library's directory is called. Barcodes may
//! have the sign between the two, so only the catalog can tell: a book that it knows is meant before one that nothing else names.

use std::collections::BTreeSet;

use tracing::{info, warn};

use crate::actor::AskContext;
use crate::catalog::{AskUnknown, CatalogError};
use crate::grin::{Barcode, ListKind, ListRow};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_reading::ListReading;

/// Which book an archive is whose name has a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PrefixMeaning {
    /// The one that is called as all of the name.
    Whole,
    /// The same, though the catalog also knows one that is called as what stands behind the prefix.
    Either,
    /// The one that is called as what stands behind the prefix.
    Behind,
    /// Neither is known: another list has to name it first.
    Open,
}

impl PrefixMeaning {
    fn of(list: ListKind, knows_whole: bool, knows_behind: bool) -> Self {
        match (knows_whole, knows_behind) {
            (true, true) => Self::Either,
            (true, false) => Self::Whole,
            (false, true) => Self::Behind,
            // No other list names what this one does not.
            (false, false) if list == ListKind::AllBooks => Self::Whole,
            (false, false) => Self::Open,
        }
    }
}

/// The prefix of a row's archive, and the barcode behind it; not the library's own, which is put aside where names are read.
fn prefixed(row: &ListRow) -> Option<(&str, Barcode)> {
    let name = row.file_name.as_ref()?;
    name.prefixed().filter(|_| name.stem() == row.barcode.as_str())
}

impl<S: GrinSession> ListReading<'_, S> {
    /// The rows, each with the barcode of the book that its archive is of. Those of which that is not known make no books.
    pub(super) async fn settle_names(
        &mut self,
        rows: Vec<ListRow>,
        cx: &AskContext,
    ) -> Result<Vec<ListRow>, CatalogError> {
        let named = rows
            .iter()
            .filter_map(|row| Some([row.barcode.clone(), prefixed(row)?.1]));
        let named: Vec<Barcode> = named.flatten().collect();
        if named.is_empty() {
            return Ok(rows);
        }
        let unknown = self.parts.catalog.ask(AskUnknown(named), cx).await?;
        let unknown: BTreeSet<Barcode> = unknown.into_iter().collect();
        let mut settled = Vec::with_capacity(rows.len());
        for mut row in rows {
            if let Some((prefix, behind)) = prefixed(&row) {
                let knows = |book: &Barcode| !unknown.contains(book);
                let meaning = PrefixMeaning::of(self.list, knows(&row.barcode), knows(&behind));
                self.tell_prefix(prefix, meaning, &row.barcode, &behind);
                match meaning {
                    PrefixMeaning::Whole | PrefixMeaning::Either => {}
                    PrefixMeaning::Behind => row.barcode = behind,
                    PrefixMeaning::Open => {
                        self.put_aside([row.barcode, behind]);
                        continue;
                    }
                }
            }
            settled.push(row);
        }
        Ok(settled)
    }

    /// Says once a pass what a prefix is taken for.
    fn tell_prefix(&mut self, prefix: &str, meaning: PrefixMeaning, whole: &Barcode, behind: &Barcode) {
        let is_new = meaning != PrefixMeaning::Whole && self.prefixes.insert((prefix.to_owned(), meaning));
        if !is_new {
            return;
        }
        let (list, directory) = (self.list, &self.parts.library);
        match meaning {
            PrefixMeaning::Whole => {}
            PrefixMeaning::Behind => {
                info!(%list, prefix, %directory, barcode = %behind, "archives have a prefix that is not the library's directory; their books are told by what stands behind it");
            }
            PrefixMeaning::Either => {
                warn!(%list, prefix, %directory, barcode = %whole, other = %behind, "archives have a prefix that is not the library's directory, and the catalog knows books with it and without; the name as a whole counts");
            }
            PrefixMeaning::Open => {
                warn!(%list, prefix, %directory, barcode = %whole, other = %behind, "archives have a prefix that is not the library's directory, and the catalog knows their books neither with it nor without; they are put aside until _all_books names them");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_that_is_known_is_meant_before_one_that_nothing_else_names() {
        use PrefixMeaning as M;
        for (list, knows_whole, knows_behind, expected) in [
            (ListKind::Converted, true, false, M::Whole),
            (ListKind::Converted, false, true, M::Behind),
            (ListKind::Converted, true, true, M::Either),
            (ListKind::Converted, false, false, M::Open),
            (ListKind::Failed, false, false, M::Open),
            (ListKind::AllBooks, false, false, M::Whole),
            (ListKind::AllBooks, false, true, M::Behind),
        ] {
            let meaning = M::of(list, knows_whole, knows_behind);
            assert_eq!(meaning, expected, "{list} {knows_whole} {knows_behind}");
        }
    }
}
