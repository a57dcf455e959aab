//! Answers of `_barcode_search`, as they may come.

mod row_ends;

use crate::grin::tsv::*;

/// An answer of which it is not known what was requested.
fn read(bytes: &[u8]) -> TsvReader {
    parse_tsv(bytes, &AskedBooks::default())
}

const HEADER: &str = "Barcode\tCheck-In Date\tState\tOCR Analysis Score\tOCR'd Date";

fn book<'a>(tsv: &'a TsvReader, barcode: &str) -> &'a BookEnrichment {
    tsv.of(&Barcode::parse(barcode).unwrap()).unwrap()
}

fn stored(tsv: &TsvReader, barcode: &str) -> Vec<(&'static str, String)> {
    book(tsv, barcode)
        .iter()
        .map(|(sql, value)| (sql, value.stored()))
        .collect()
}

#[test]
fn columns_go_to_their_names() {
    let tsv = read(format!("{HEADER}\nTL0001\t2011/02/03 04:05\tNEW\t77\t2012-02-03\n").as_bytes());
    let expected = [
        ("grin_check_in_date", "2011-02-03T04:05:00"),
        ("grin_state", "NEW"),
        ("grin_ocr_analysis_score", "77"),
        ("ocr_date", "2012-02-03T00:00:00"),
    ];
    assert_eq!(
        stored(&tsv, "TL0001"),
        expected.map(|(sql, value)| (sql, value.to_owned()))
    );
    assert_eq!(
        book(&tsv, "tl0001").get("grin_state").map(FieldValue::stored),
        Some("NEW".to_owned()),
        "GRIN may write another case"
    );
    assert_eq!(
        (tsv.refusal, tsv.warnings.len(), tsv.columns_unknown.len()),
        (None, 0, 0)
    );
}

#[test]
fn a_score_is_no_date() {
    let tsv = read(b"Barcode\tOCR Analysis Score\tOCR GTD Score\nTL0001\t77\t3\n");
    assert_eq!(book(&tsv, "TL0001").get("ocr_date"), None);
}

#[test]
fn crlf_keeps_the_last_column_and_a_mark_the_first() {
    let tsv = read("\u{feff}Barcode\tState\r\nTL0001\tNEW\r\n".as_bytes());
    assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
}

#[test]
fn cells_that_are_empty_are_absent() {
    let tsv = read(format!("{HEADER}\nTL0001\t\t\t\t\nTL0002\t\t \tx\t\n").as_bytes());
    assert_eq!(book(&tsv, "TL0001"), &BookEnrichment::default());
    assert_eq!(stored(&tsv, "TL0002"), [("grin_ocr_analysis_score", "x".to_owned())]);
}

#[test]
fn a_row_with_too_few_cells_is_told_and_not_taken() {
    let whole = "TL0009\t\tNEW\t1\t\n";
    for (rows, torn, books) in [
        // The rest begins with words, with what could be a barcode, or is torn again.
        (
            "TL0001\tLichens\nand their keys\tNEW\t7\t\n",
            &["TL0001"][..],
            &["TL0009"][..],
        ),
        ("TL0001\tLichens\nkeys\tNEW\t7\t\n", &["TL0001"], &["TL0009"]),
        (
            "TL0001\tLichens\n and so\n\n keys\tNEW\t7\t\n",
            &["TL0001"],
            &["TL0009"],
        ),
        // The cell before the missing ones may be half of one.
        ("TL0001\t\tNEW\n", &["TL0001"], &["TL0009"]),
        ("TL0001\nTL0002\n", &["TL0001", "TL0002"], &["TL0009"]),
        ("TL0001\n", &["TL0001"], &["TL0009"]),
        // The rest looks like a volume of its own.
        ("TL0001\nHNABCD\t7\t\n", &["TL0001", "HNABCD"], &["TL0009"]),
        ("TL0001\nNEW\t7\t\n", &["TL0001"], &["TL0009"]),
        // A tab within a cell, whether or not the last one is empty.
        ("TL0001\t2011/02/03\tN\tEW\t7\t2012/02/03\n", &["TL0001"], &["TL0009"]),
        ("TL0001\t2011/02/03\tN\tEW\t7\t\n", &["TL0001"], &["TL0009"]),
        // A column too few or too many, and none of both.
        ("TL0001\tNEW\t7\t2012/02/03\n", &["TL0001"], &["TL0009"]),
        ("TL0001\t\t\tNEW\t7\n", &["TL0001"], &["TL0009"]),
        (
            "TL0001\t\tNEW\nTL0001\t\tNEW\t7\t\n",
            &["TL0001"],
            &["TL0001", "TL0009"],
        ),
    ] {
        let tsv = read(format!("{HEADER}\n{rows}{whole}").as_bytes());
        let names = |barcodes: Vec<&Barcode>| barcodes.iter().map(|b| b.to_string()).collect::<Vec<_>>();
        assert_eq!(names(tsv.torn.iter().collect()), torn, "{rows}");
        assert_eq!(names(tsv.books.keys().collect()), books, "{rows}");
        assert_eq!(tsv.warnings.len(), torn.len(), "{rows}");
    }
}

#[test]
fn a_word_in_a_column_of_dates_makes_its_row_doubtful() {
    for (date, is_taken) in [
        ("", true),
        ("2012-02-03", true),
        ("3 Feb 2012", true),
        ("N/A", true),
        ("false", false),
        ("Lichens and their keys", false),
    ] {
        let tsv = read(format!("{HEADER}\nTL0001\t2011/02/03 04:05\tNEW\t77\t{date}\n").as_bytes());
        let told = usize::from(!is_taken);
        assert_eq!(
            (tsv.books.len(), tsv.torn.len(), tsv.warnings.len()),
            (usize::from(is_taken), told, told),
            "{date}"
        );
    }
}

#[test]
fn a_last_row_that_is_cut_is_torn() {
    for last in ["TL0002\t\tNE", "TL0002\t2011/02/03 04:05\tNEW\t7", "TL0002"] {
        let tsv = read(format!("{HEADER}\nTL0001\t\tNEW\t1\t\n{last}").as_bytes());
        assert_eq!(
            (tsv.books.len(), tsv.torn.len(), tsv.warnings.len()),
            (1, 1, 1),
            "{last}"
        );
    }
    let whole = format!("{HEADER}\nTL0002\t\tNEW\t1\t2012-02-03");
    assert_eq!(read(whole.as_bytes()).books.len(), 1);
}

#[test]
fn lines_ended_by_cr_alone_are_rows() {
    let tsv = read(b"Barcode\tState\rTL0001\tNEW\rTL0002\tNEW\r");
    assert_eq!((tsv.books.len(), tsv.refusal, tsv.warnings.len()), (2, None, 0));
}

#[test]
fn rows_that_are_too_long_are_told_and_not_taken() {
    let tsv = read(format!("{HEADER}\nTL0001\t\tNEW\t\t\textra\nTL0002\t\tNEW\t\t\t\t\n").as_bytes());
    assert_eq!((tsv.books.len(), tsv.torn.len(), tsv.warnings.len()), (1, 1, 1));
    assert_eq!(stored(&tsv, "TL0002"), [("grin_state", "NEW".to_owned())]);
}

#[test]
fn a_heading_among_the_rows_is_no_book() {
    let again = format!(
        "{HEADER}\nTL0001\t\tNEW\t1\t\n{}\nTL0002\t\tNEW\t2\t\n",
        HEADER.to_uppercase()
    );
    let tsv = read(again.as_bytes());
    let names = |tsv: &TsvReader| tsv.books.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (names(&tsv), tsv.warnings.len(), tsv.rejected.len()),
        (vec!["TL0001".to_owned(), "TL0002".to_owned()], 0, 0)
    );
    // With other columns, and after a row that has lost its rest.
    let other = format!("{HEADER}\nTL0001\t\tNEW\nBarcode\tState\nTL0002\tNEW\n");
    let tsv = read(other.as_bytes());
    assert_eq!(
        (names(&tsv), tsv.torn.len(), tsv.warnings.len()),
        (vec!["TL0002".to_owned()], 1, 2)
    );
    assert_eq!(stored(&tsv, "TL0002"), [("grin_state", "NEW".to_owned())]);
}

#[test]
fn rows_after_a_heading_in_another_order_are_read_by_that_one() {
    for (first, again) in [
        (
            "Barcode\tOCR Analysis Score\tState\nTL0001\t76\tNEW",
            "OCR Analysis Score\tState\tBarcode\n77\tCONVERTED\tTL0002",
        ),
        (
            "Barcode\tState\tOCR Analysis Score\nTL0001\tNEW\t76",
            "Mood\tBarcode\tOCR Analysis Score\tState\nsad\tTL0002\t77\tCONVERTED",
        ),
    ] {
        let tsv = read(format!("{first}\n{again}\n").as_bytes());
        assert_eq!((tsv.books.len(), tsv.refusal, tsv.torn.len()), (2, None, 0), "{again}");
        let facts = stored(&tsv, "TL0002");
        assert!(
            facts.contains(&("grin_state", "CONVERTED".to_owned())),
            "{again}: {facts:?}"
        );
        assert!(
            facts.contains(&("grin_ocr_analysis_score", "77".to_owned())),
            "{again}: {facts:?}"
        );
    }
    // A book called as a column is a book.
    let tsv = read(b"Barcode\tTitle\nTL0001\tBarcode\nTL0002\tState\n");
    assert_eq!((tsv.books.len(), tsv.rejected.len()), (2, 0));
}

#[test]
fn words_that_name_no_volume_become_no_books() {
    let tsv = read(b"Barcode\tState\nNone\tNEW\nTotal\t5000\nTL0001\tNEW\n");
    assert_eq!((tsv.books.len(), tsv.rejected.len()), (1, 2));
}

#[test]
fn the_barcode_is_found_by_name() {
    let tsv = read(b"State\tBarcode\nNEW\tTL0001\n");
    assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
    let tsv = read(b"Name\tState\nTL0001\tNEW\n");
    assert_eq!((tsv.books.len(), tsv.refusal), (0, Some(AnswerRefusal::BadHeader)));
}

#[test]
fn answers_that_are_no_table() {
    let cases: [(&[u8], Option<AnswerRefusal>); 6] = [
        (b"<html><body>Barcode</body></html>", Some(AnswerRefusal::Html)),
        (
            b"<!doctype html><p>Your request is unavailable",
            Some(AnswerRefusal::Unavailable),
        ),
        (b"", Some(AnswerRefusal::Empty)),
        (b"\n\r\n", Some(AnswerRefusal::Empty)),
        (b"TL0001\tNEW\n", Some(AnswerRefusal::BadHeader)),
        (b"Barcode\tState\n", None),
    ];
    for (bytes, refusal) in cases {
        let tsv = read(bytes);
        assert_eq!(
            (tsv.refusal, tsv.books.len()),
            (refusal, 0),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn unknown_and_doubled_columns_are_told() {
    let tsv = read(b"Barcode\tMood\tState\tState\tOCR Date\tOCR'd Date\nTL0001\tsad\tNEW\tOLD\t\t2001/01/01\n");
    assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
    assert_eq!((tsv.columns_unknown, tsv.warnings.len()), (vec!["Mood".to_owned()], 2));
}

#[test]
fn bad_rows_leave_the_others() {
    let long = "9".repeat(300);
    let text = format!("Barcode\tState\n../x\tNEW\n{long}\tNEW\na\u{0}b\tNEW\n\tNEW\nTL0001\tNEW\nTL0001\tOLD\n");
    let tsv = read(text.as_bytes());
    assert_eq!((tsv.books.len(), tsv.rejected.len(), tsv.warnings.len()), (1, 4, 1));
    let endless = format!("Barcode\tState\nTL0001\t{}\nTL0002\tNEW\n", "x".repeat(10 << 20));
    assert_eq!(read(endless.as_bytes()).books.len(), 1);
    let bad = read(b"Barcode\tState\nTL0001\tN\xff\n");
    assert_eq!(
        (stored(&bad, "TL0001")[0].1.as_str(), bad.warnings.len()),
        ("N\u{fffd}", 1)
    );
}

#[test]
fn dates_in_another_form_cost_no_other_facts() {
    let heading = "Barcode\tCheck-In Date\tState\tScanned Date\tProcessed Date\tOCR'd Date\tOCR Analysis Score";
    for date in [
        "2008-01-02T03:04:05.678Z",
        "2008-Jan-02",
        "2 January 2008",
        "1/2/2008 3:04 AM",
    ] {
        let row = format!("TL0001\t{date}\tNEW\t{date}\t{date}\t{date}\t77");
        let tsv = read(format!("{heading}\n{row}\n").as_bytes());
        let stored = stored(&tsv, "TL0001");
        assert!(stored.contains(&("grin_state", "NEW".to_owned())), "{date}: {stored:?}");
        assert!(
            stored.contains(&("scanned_date", date.to_owned())),
            "{date}: {stored:?}"
        );
        assert!(tsv.rejected.is_empty(), "{date}");
    }
}
