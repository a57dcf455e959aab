//! Selections that are limited to blocks of barcodes.

use std::collections::BTreeSet;

use crate::catalog::tests::shelf::*;
use crate::catalog::*;
use crate::grin::ListKind;

/// Of so many books, those in the even blocks and the others.
fn halves(codes: &[String]) -> (BlockSet, BTreeSet<&str>) {
    let even: BlockSet = (0..=255).filter(|block| block % 2 == 0).collect();
    let mine = codes.iter().map(String::as_str).filter(|code| even.has(code)).collect();
    (even, mine)
}

#[test]
fn claims_keep_to_the_blocks_and_find_all_of_them() {
    let mut shelf = Shelf::new();
    let codes: Vec<String> = (0..100).map(|number| format!("TL{number:04}")).collect();
    let rows = codes.iter().map(|code| converted(code, "2025/06/03")).collect();
    shelf.list(ListKind::Converted, rows);
    let (even, mine) = halves(&codes);
    assert!(mine.len() > 20 && mine.len() < 80);
    let limited = BookSelection {
        blocks: Some(even),
        ..queue(&[Queue::Converted])
    };
    let mut seen = BTreeSet::new();
    loop {
        let claimed = shelf.claim_of("one", limited.clone(), 7);
        if claimed.is_empty() {
            break;
        }
        assert!(claimed.len() <= 7);
        seen.extend(claimed.iter().map(|book| book.claim.barcode.as_str().to_owned()));
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<BTreeSet<_>>(), mine);
    let rest = shelf.claim_of("two", queue(&[Queue::Converted]), 100);
    assert_eq!(rest.len() + mine.len(), 100, "without blocks the rest is free");
}

#[test]
fn books_that_were_named_are_kept_to_the_blocks_too() {
    let mut shelf = Shelf::new();
    let codes: Vec<String> = (0..20).map(|number| format!("TL{number:04}")).collect();
    let rows = codes.iter().map(|code| converted(code, "2025/06/03")).collect();
    shelf.list(ListKind::Converted, rows);
    let (even, mine) = halves(&codes);
    let named: Vec<&str> = codes.iter().map(String::as_str).collect();
    let limited = BookSelection {
        blocks: Some(even),
        ..only(&named)
    };
    let claimed = shelf.claim_of("one", limited, 100);
    assert_eq!(codes_of(&claimed), mine);
}

fn codes_of(claimed: &[ClaimedBook]) -> BTreeSet<&str> {
    claimed.iter().map(|book| book.claim.barcode.as_str()).collect()
}

#[test]
fn searches_keep_to_the_blocks_and_find_all_of_them() {
    let mut shelf = Shelf::new();
    let codes: Vec<String> = (0..100).map(|number| format!("TL{number:04}")).collect();
    shelf.list(ListKind::AllBooks, codes.iter().map(|code| row(code, "NEW")).collect());
    let (even, mine) = halves(&codes);
    let mut ask = ToEnrich {
        limit: 7,
        blocks: Some(even),
        ..ToEnrich::default()
    };
    let mut seen = Vec::new();
    loop {
        let batch = shelf.ledger.execute(ask.clone()).unwrap();
        assert!(batch.barcodes.len() <= 7);
        seen.extend(batch.barcodes.iter().map(|barcode| barcode.as_str().to_owned()));
        ask.after = batch.next;
        if ask.after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), mine.len(), "each once");
    assert_eq!(seen.iter().map(String::as_str).collect::<BTreeSet<_>>(), mine);
}

#[test]
fn conversions_keep_to_the_blocks() {
    let mut shelf = Shelf::new();
    let codes: Vec<String> = (0..40).map(|number| format!("TL{number:04}")).collect();
    shelf.list(ListKind::AllBooks, codes.iter().map(|code| row(code, "NEW")).collect());
    let (even, mine) = halves(&codes);
    let plan = shelf
        .ledger
        .execute(PlanConversions {
            selection: BookSelection {
                blocks: Some(even),
                ..queue(&[Queue::Unconverted])
            },
            limit: 100,
            queue_limit: 100,
        })
        .unwrap();
    let asked: BTreeSet<&str> = plan.barcodes.iter().map(|barcode| barcode.as_str()).collect();
    assert_eq!(asked, mine);
}
