//! Whose is an object, by its name?

use crate::grin::Barcode;
use crate::storage::{BookObjectKind, MARKER_NAME, ObjectKey, StorageLayout};

/// What an object of such a name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ObjectOwner {
    /// Such an object of this book.
    Book(BookObjectKind, Barcode),
    /// Ours, and no book's: the marker, copies of the catalog, what is in quarantine.
    Program,
    /// Nobody's.
    Nobody,
}

/// Each name of ours is one that the layout gives; everything else is nobody's, whatever it resembles.
pub(super) fn owner_of(layout: &StorageLayout, key: &ObjectKey) -> ObjectOwner {
    if key.as_str() == MARKER_NAME || layout.is_quarantined(key) || layout.is_copy(key) {
        return ObjectOwner::Program;
    }
    match layout.owner(key) {
        Some((kind, barcode)) => ObjectOwner::Book(kind, barcode),
        None => ObjectOwner::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BookObjectKind as K;
    use ObjectOwner as O;

    #[test]
    fn only_names_that_the_layout_gives_are_a_books() {
        let layout = StorageLayout::new("raw", "full", "a/meta").unwrap();
        let book = |kind, text: &str| O::Book(kind, Barcode::parse(text).unwrap());
        for (key, owner) in [
            ("raw/TL0001/TL0001.tar.gz", book(K::Archive, "TL0001")),
            ("raw/=24B98/=24B98.tar.gz", book(K::Archive, "$B98")),
            ("raw/TL0001/TL0002.tar.gz", O::Nobody),
            ("raw/TL0001/TL0001.tar.gz.gpg", book(K::Encrypted, "TL0001")),
            ("raw/TL0001/TL0001.tar", O::Nobody),
            ("raw/TL0001.tar.gz", O::Nobody),
            ("TL0001.tar.gz", O::Nobody),
            ("full/TL0001_ocr.jsonl.gz", book(K::Text, "TL0001")),
            ("full/TL0001_ocr.jsonl", book(K::Text, "TL0001")),
            ("full/TL0001_pages.jsonl.gz", book(K::TextByPage, "TL0001")),
            ("full/TL0001_pages.jsonl", O::Nobody),
            ("full/TL0001.jsonl", O::Nobody),
            ("a/meta/TL0001.json", book(K::Manifest, "TL0001")),
            ("a/meta/TL0001.marc.xml", book(K::Record, "TL0001")),
            ("a/meta/TL0001_members.json.gz", book(K::Members, "TL0001")),
            ("full/TL0001_members.json.gz", O::Nobody),
            ("meta/TL0001.json", O::Nobody),
            ("a/meta/catalog-2026-11-29.db.gz", O::Program),
            ("a/meta/catalog-unproven.db.gz", O::Program),
            ("a/meta/books_export.csv.gz", O::Program),
            ("a/meta/books-unproven.csv.gz", O::Program),
            ("a/meta/catalog-old.db.gz", O::Nobody),
            ("books_export.csv.gz", O::Nobody),
            ("grind-storage.json", O::Program),
            ("raw/grind-storage.json", O::Nobody),
            ("quarantine/TL0001/findings.json", O::Program),
            ("notes.txt", O::Nobody),
        ] {
            assert_eq!(owner_of(&layout, &ObjectKey::parse(key).unwrap()), owner, "{key}");
        }
    }
}
