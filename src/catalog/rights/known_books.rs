//! The books of the catalog, to see at once which of many million volumes are among them: 24 bytes a book.

use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_64;

use crate::catalog::rights::volume_id::capitals;
use crate::catalog::{CatalogError, CatalogReader};

/// How many rows of a file name a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsNaming {
    /// The file says nothing of it.
    None,
    /// What the row says is taken.
    One,
    /// Which of them is about the book cannot be told; or two books of the catalog have names that differ only in capital letters.
    Several,
}

impl RowsNaming {
    fn and_one_more(self) -> Self {
        match self {
            Self::None => Self::One,
            Self::One | Self::Several => Self::Several,
        }
    }
}

struct KnownBook {
    /// Digest of the barcode in capitals. Whoever writes compares the barcode itself.
    digest: u64,
    id: i64,
    rows: RowsNaming,
}

/// All books, by the digest of their barcodes.
pub(super) struct KnownBooks(Vec<KnownBook>);

impl KnownBooks {
    pub(super) fn of(catalog: &CatalogReader) -> Result<Self, CatalogError> {
        let mut books = Vec::new();
        catalog.conn().each("SELECT id, barcode FROM books", &[], |row| {
            let barcode: String = row.get("barcode")?;
            books.push(KnownBook {
                digest: xxh3_64(capitals(&barcode).as_bytes()),
                id: row.get("id")?,
                rows: RowsNaming::None,
            });
            Ok::<_, CatalogError>(ControlFlow::Continue(()))
        })?;
        Ok(Self::sorted(books))
    }

    fn sorted(mut books: Vec<KnownBook>) -> Self {
        books.sort_unstable_by_key(|book| book.digest);
        for twins in books.chunk_by_mut(|one, next| one.digest == next.digest) {
            if let [_, _, ..] = twins {
                twins.iter_mut().for_each(|book| book.rows = RowsNaming::Several);
            }
        }
        Self(books)
    }

    fn place(&self, barcode: &str) -> Option<usize> {
        let digest = xxh3_64(barcode.as_bytes());
        self.0.binary_search_by_key(&digest, |book| book.digest).ok()
    }

    /// Notes that a row names the book with this barcode, which is in capitals; `false` if there is none.
    pub(super) fn name(&mut self, barcode: &str) -> bool {
        let Some(place) = self.place(barcode) else {
            return false;
        };
        let book = &mut self.0[place];
        book.rows = book.rows.and_one_more();
        true
    }

    /// The book with this barcode, which is in capitals: its number in the catalog, and how many rows name it.
    pub(super) fn named(&self, barcode: &str) -> Option<(i64, RowsNaming)> {
        let book = &self.0[self.place(barcode)?];
        Some((book.id, book.rows))
    }

    /// How many books no row names.
    pub(super) fn without_row(&self) -> u64 {
        self.0.iter().filter(|book| book.rows == RowsNaming::None).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_found_by_its_barcode_and_taken_only_if_one_row_names_it() {
        let barcodes = ["39015018415946", "HN6KFN", "hn1abc", "HN1ABC", "$B396528"];
        let books = barcodes.into_iter().zip(1..).map(|(barcode, id)| KnownBook {
            digest: xxh3_64(capitals(barcode).as_bytes()),
            id,
            rows: RowsNaming::None,
        });
        let mut known = KnownBooks::sorted(books.collect());
        for (row, found) in [
            ("39015018415946", true),
            ("HN6KFN", true),
            ("HN6KFN", true),
            ("HN1ABC", true),
            ("HN9XYZ", false),
        ] {
            assert_eq!(known.name(row), found, "{row}");
        }
        assert_eq!(known.named("39015018415946"), Some((1, RowsNaming::One)));
        assert_eq!(known.named("HN6KFN"), Some((2, RowsNaming::Several)), "two rows");
        assert_eq!(known.named("HN1ABC").unwrap().1, RowsNaming::Several, "two books");
        assert_eq!(known.named("$B396528"), Some((5, RowsNaming::None)));
        assert_eq!(known.named("HN9XYZ"), None);
        assert_eq!(known.without_row(), 1);
    }
}
