//! Exports of some of the books.

use crate::catalog::tests::shelf::{HOUR, Shelf, barcode, three};
use crate::catalog::*;

fn exported(shelf: &Shelf, filter: &ExportFilter) -> Vec<String> {
    let mut csv = Vec::new();
    let books = shelf.reader().export_csv(filter, &mut csv).unwrap();
    let text = String::from_utf8(csv).unwrap();
    let barcodes: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    assert_eq!(books as usize, barcodes.len());
    barcodes
}

#[test]
fn an_export_holds_the_books_that_are_meant() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.clock.advance(HOUR);
    let since = Some(shelf.clock.now());
    shelf.store("TL0002", "\"a\"");
    let all = ExportFilter::default();
    assert_eq!(exported(&shelf, &all).len(), 3);
    let states = vec![BookState::Stored];
    assert_eq!(exported(&shelf, &ExportFilter { states, ..all.clone() }), ["TL0002"]);
    let states = vec![BookState::Stored, BookState::Available];
    assert_eq!(
        exported(
            &shelf,
            &ExportFilter {
                states: states.clone(),
                ..all.clone()
            }
        )
        .len(),
        3
    );
    assert_eq!(exported(&shelf, &ExportFilter { since, ..all.clone() }), ["TL0002"]);
    let barcodes = Some(vec![barcode("TL0003"), barcode("TL0002"), barcode("TL0009")]);
    let named = ExportFilter {
        barcodes,
        ..all.clone()
    };
    assert_eq!(
        exported(&shelf, &named),
        ["TL0003", "TL0002"],
        "in the order in which they became known"
    );
    assert_eq!(exported(&shelf, &ExportFilter { states, since, ..named }), ["TL0002"]);
    assert!(
        exported(
            &shelf,
            &ExportFilter {
                barcodes: Some(Vec::new()),
                ..all
            }
        )
        .is_empty()
    );
}
