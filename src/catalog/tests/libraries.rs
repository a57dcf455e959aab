//! Whose library a catalog is.

use crate::catalog::tests::sharing::{card, join};
use crate::catalog::tests::shelf::{LEASE, Shelf, converted};
use crate::catalog::*;
use crate::grin::{LibraryDirectory, ListKind};

fn keep(shelf: &mut Shelf, library: &str) -> Result<(), CatalogError> {
    shelf
        .ledger
        .execute(KeepLibrary(LibraryDirectory::parse(library).unwrap()))
}

/// Whose library it is, as a refusal says.
fn owner(kept: Result<(), CatalogError>) -> Option<String> {
    match kept {
        Ok(()) => None,
        Err(CatalogError::OtherLibrary { kept, .. }) => Some(kept),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_catalog_with_books_is_refused_to_another_library() {
    let mut shelf = Shelf::new();
    keep(&mut shelf, "MISTYPED").unwrap();
    keep(&mut shelf, "MINE").unwrap();
    shelf.complete_pass(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    assert_eq!(owner(keep(&mut shelf, "OTHER")).as_deref(), Some("MINE"));
    let ask = |library: &str| {
        let question = CheckLibrary(LibraryDirectory::parse(library).unwrap());
        owner(shelf.reader().ask(&question))
    };
    assert_eq!(ask("OTHER").as_deref(), Some("MINE"));
    assert_eq!(ask("MINE"), None);
    keep(&mut shelf, "MINE").unwrap();
}

#[test]
fn a_catalog_of_before_takes_the_first_that_opens_it() {
    let mut shelf = Shelf::new();
    shelf.complete_pass(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    keep(&mut shelf, "MINE").unwrap();
    assert_eq!(owner(keep(&mut shelf, "OTHER")).as_deref(), Some("MINE"));
}

#[test]
fn two_libraries_that_begin_at_once_do_not_share_an_empty_catalog() {
    let mut shelf = Shelf::new();
    keep(&mut shelf, "MINE").unwrap();
    join(&mut shelf, &card("a", "1"));
    assert_eq!(owner(keep(&mut shelf, "OTHER")).as_deref(), Some("MINE"));
    shelf.clock.advance(LEASE);
    assert_eq!(owner(keep(&mut shelf, "OTHER")), None);
}
