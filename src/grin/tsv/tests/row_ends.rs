//! Rows with fewer cells than there are columns, and what the whole answer shows about them.

use crate::grin::tsv::tests::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn rows_without_their_empty_last_cells_are_taken_where_the_answer_shows_that_grin_leaves_them_out() {
    let asked: Vec<_> = ["TL0001", "TL0002", "NEW"]
        .iter()
        .map(|name| Barcode::parse(name).unwrap())
        .collect();
    let filled = "TL0009\t\tNEW\t1\t2012-02-03\n";
    let unfilled = "TL0009\t\tNEW\t1\t\n";
    for (rows, trimmed_before, torn, books, trimmed) in [
        // Several, closed by rows of requested books or by the end.
        (
            "TL0001\t\tNEW\nTL0002\n",
            false,
            &[][..],
            &["TL0001", "TL0002"][..],
            Some(true),
        ),
        (
            "tl0001\t\tNEW\nTL0002\n\n",
            false,
            &[],
            &["TL0002", "tl0001"],
            Some(true),
        ),
        // One, and one that a row of no requested book follows.
        ("TL0001\t\tNEW\n", false, &["TL0001"], &[], None),
        (
            &format!("TL0001\t\tNEW\nTL0002\n{filled}"),
            false,
            &["TL0002", "TL0001"],
            &["TL0009"],
            None,
        ),
        // A row that ends with an empty cell, short or not.
        (
            &format!("{unfilled}TL0001\t\tNEW\nTL0002\n"),
            false,
            &["TL0001", "TL0002"],
            &["TL0009"],
            Some(false),
        ),
        (
            "TL0001\t\tNEW\t\nTL0002\n",
            false,
            &["TL0001", "TL0002"],
            &[],
            Some(false),
        ),
        (
            &format!("{unfilled}TL0001\t\tNEW\nTL0002\n"),
            true,
            &["TL0001", "TL0002"],
            &["TL0009"],
            Some(false),
        ),
        // An earlier answer has shown it.
        ("TL0001\t\tNEW\n", true, &[], &["TL0001"], None),
        ("TL0001\t\tNE", true, &["TL0001"], &[], None),
        ("TL0001\t\tNE\nW and more\n", true, &["TL0001"], &[], None),
        // The second row would fill the gap of the first, and is a row of its own.
        (
            "TL0001\t2011/02/03\nTL0002\t\tNEW\t7\n",
            false,
            &[],
            &["TL0001", "TL0002"],
            Some(true),
        ),
        (
            "TL0001\t2011/02/03\nTL0002\t\tNEW\t7\n",
            true,
            &[],
            &["TL0001", "TL0002"],
            Some(true),
        ),
        // As long as only one is proven whole, none is.
        ("TL0001\t\tNEW\nTL0002\t\tNE", false, &["TL0002", "TL0001"], &[], None),
        (
            "TL0001\t\tNEW\nTL0002\tLichens\nand keys\tNEW\n",
            false,
            &["TL0002", "TL0001"],
            &[],
            None,
        ),
        // What begins with a book that was not requested may be the rest of a row.
        (
            "TL0001\tLichens\nkeys\tNEW\nTL0002\n",
            false,
            &["TL0001", "TL0002"],
            &[],
            None,
        ),
        // The rest of a row may be nothing but empty cells.
        (
            "NEW\t\tx\nTL0001\tLichens\n\t\t\t\nTL0002\n",
            false,
            &["TL0001", "NEW", "TL0002"],
            &[],
            Some(false),
        ),
    ] {
        let asked = AskedBooks {
            barcodes: Some(&asked),
            rows_are_trimmed: trimmed_before,
        };
        let tsv = parse_tsv(format!("{HEADER}\n{rows}").as_bytes(), &asked);
        let names = |barcodes: Vec<&Barcode>| barcodes.iter().map(|b| b.to_string()).collect::<Vec<_>>();
        assert_eq!(names(tsv.torn.iter().collect()), torn, "{rows}");
        assert_eq!(names(tsv.books.keys().collect()), books, "{rows}");
        assert_eq!(tsv.rows_are_trimmed, trimmed, "{rows}");
        let short = tsv.books.iter().find(|(barcode, _)| barcode.as_str() == "TL0001");
        assert!(short.is_none_or(|(_, book)| book.iter().count() == 1), "{rows}");
    }
    let long = format!("{HEADER}\nTL0001\t\tNEW\n{}\nTL0002\n", "x".repeat(LONGEST_LINE + 1));
    assert_eq!(
        read(long.as_bytes()).torn.len(),
        2,
        "a line that was skipped may be the rest of one"
    );
}

#[test]
fn a_short_row_is_taken_if_it_is_all_that_there_is_of_the_only_book_requested() {
    let asked = [Barcode::parse("TL0001").unwrap()];
    for (rows, is_taken) in [
        ("TL0001\t\tNEW\n", true),
        ("tl0001\t\tNEW\r\n\r\n", true),
        ("TL0001\t\tNEW", false),
        ("TL0001\t\tNE\nW\t\t\n", false),
        ("TL0001\t\tNE\nW\n", false),
        ("TL0001\t\tNEW\n\t\t\n", false),
        ("TL0001\t\tNEW\nTL0002\t\tNEW\n", false),
        ("TL0001\t\tNEW\nTL0001\t\tNEW\n", false),
        ("TL0001\t\tNEW\t\n", false),
    ] {
        let asked = AskedBooks {
            barcodes: Some(&asked),
            rows_are_trimmed: false,
        };
        let tsv = parse_tsv(format!("{HEADER}\n{rows}").as_bytes(), &asked);
        assert_eq!(tsv.books.len(), usize::from(is_taken), "{rows}");
    }
}

#[test]
fn the_rest_of_a_torn_row_is_no_row_of_the_book_that_it_begins_with() {
    let asked = ["TL0001", "TL0002", "TL0003"].map(|name| Barcode::parse(name).unwrap());
    let whole = "TL0002\t2011/02/03\tNEW\t7\t2012-02-03\n";
    for (rows, books) in [
        (
            format!("{whole}TL0001\tLike\nTL0002\tNEW\t7\t2012-02-03\n"),
            &["TL0002"][..],
        ),
        (
            format!("TL0001\tLike\nTL0002\tNEW\t7\t2012-02-03\n{whole}"),
            &["TL0002"],
        ),
        // Rows of their own.
        (
            "TL0001\t2011/02/03\nTL0002\t\tNEW\t7\n".to_owned(),
            &["TL0001", "TL0002"],
        ),
        // What does not fit its column is no date.
        (
            "TL0001\tLike\nTL0002\t\tNEW\t7\nTL0003\n".to_owned(),
            &["TL0002", "TL0003"],
        ),
        (
            format!("TL0001\t2011/02/03\nTL0003\t\tNEW\n{whole}"),
            &["TL0001", "TL0002", "TL0003"],
        ),
    ] {
        let asked = AskedBooks {
            barcodes: Some(&asked),
            rows_are_trimmed: false,
        };
        let tsv = parse_tsv(format!("{HEADER}\n{rows}").as_bytes(), &asked);
        let taken: Vec<_> = tsv.books.keys().map(Barcode::as_str).collect();
        assert_eq!(taken, books, "{rows}");
        let other = stored(&tsv, "TL0002");
        assert!(
            other.len() > if rows.contains(whole) { 2 } else { 1 },
            "{rows}: {other:?}"
        );
    }
}
