//! What keeps a catalog from being copied, or from being copied as it is.

use crate::catalog::tests::copies::{CopyPlaces, copy, copy_with, filled, open, text};
use crate::catalog::tests::shelf::{LEASE, Shelf};
use crate::catalog::*;

#[test]
fn a_text_that_no_server_takes_is_copied_as_far_as_it_can_be_shown() {
    let places = CopyPlaces::new();
    let shelf = filled();
    let sql = "UPDATE books SET hook_error = 'bad' || char(0) || 'thing' WHERE barcode = 'TL0003'";
    shelf.sqlite().execute(sql, []).unwrap();
    let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
    copy(&from, &to, &shelf.clock).unwrap();
    let copied = text(&open(&to, &shelf.clock), "TL0003", "hook_error");
    assert_eq!(copied.as_deref(), Some("bad\u{fffd}thing"));
}

#[test]
fn a_copy_that_is_repeated_was_complete_before_as_long_as_both_are_equal() {
    let places = CopyPlaces::new();
    let shelf = filled();
    let (from, to) = (shelf.ledger.address().clone(), places.elsewhere());
    let again = || copy_with(&from, &to, &shelf.clock, &mut |_| ());
    let first = again().unwrap();
    assert!(!first.was_there);
    let second = again().unwrap();
    assert!(second.was_there && second.tables == first.tables, "{second:?}");
    // As many rows, of which one is another.
    let sql = "UPDATE books SET title = 'x' WHERE barcode = 'TL0003'";
    shelf.sqlite().execute(sql, []).unwrap();
    let error = copy(&from, &to, &shelf.clock).unwrap_err();
    assert!(
        matches!(error, CatalogCopyError::NotEmpty { books: 1_150, .. }),
        "{error}"
    );
}

#[test]
fn a_fault_says_of_which_catalog_it_is_and_nothing_is_made_for_a_copy_that_cannot_begin() {
    let places = CopyPlaces::new();
    let mut shelf = Shelf::in_file();
    let from = shelf.ledger.address().clone();
    let nowhere = CatalogAddress::Sqlite("/nonexistent-folder/catalog.db".into());
    let error = copy(&from, &nowhere, &shelf.clock).unwrap_err();
    assert!(
        matches!(error, CatalogCopyError::Target(CatalogError::Open { .. })),
        "{error}"
    );
    assert!(shelf.ledger.execute(ListMembers).unwrap().is_empty(), "it has left");
    let error = copy(&nowhere, &from, &shelf.clock).unwrap_err();
    assert!(
        matches!(error, CatalogCopyError::Catalog(CatalogError::Open { .. })),
        "{error}"
    );

    let member = MemberCard {
        instance: "main".into(),
        owner: "main:1".into(),
        host: "tower".into(),
        program: "daemon".into(),
        version: "1".into(),
    };
    shelf.ledger.execute(JoinMembers { member, lease: LEASE }).unwrap();
    let to = places.file("not-made.db");
    let error = copy(&from, &to, &shelf.clock).unwrap_err();
    assert!(matches!(error, CatalogCopyError::InUse { .. }), "{error}");
    assert!(!to.file().unwrap().exists());
}
