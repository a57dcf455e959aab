//! Lists as text: which lines are rows.

use super::*;

fn parse(kind: ListKind, text: impl AsRef<[u8]>) -> TextList {
    parse_text_list(text.as_ref(), kind, &LibraryDirectory::parse("TESTLIB").unwrap())
}

fn barcodes(list: &TextList) -> Vec<&str> {
    list.rows.iter().map(|row| row.barcode.as_str()).collect()
}

#[test]
fn plain_lists() {
    let list = parse(ListKind::AllBooks, "\u{feff}TL0001\r\n\r\nTL0002");
    assert_eq!((barcodes(&list), list.refusal), (vec!["TL0001", "TL0002"], None));
    let list = parse(ListKind::Converted, "TESTLIB_TL0001.tar.gz.gpg\nTL0002.tar.gz.gpg\n");
    assert_eq!(barcodes(&list), ["TL0001", "TL0002"]);
    assert_eq!(
        list.rows[0].file_name.as_ref().unwrap().as_str(),
        "TESTLIB_TL0001.tar.gz.gpg"
    );
    let empty = parse(ListKind::Converted, "");
    assert_eq!((empty.rows.len(), empty.refusal), (0, None), "an empty list is a list");
}

#[test]
fn trouble_beside_a_book_at_the_end_of_a_text_leaves_it_cut_also_where_the_book_is_in_doubt() {
    let list = parse(ListKind::AllBooks, "TL0001\nTL0002\nB1234\tError: timeout\n");
    assert_eq!(list.refusal, Some(AnswerRefusal::Truncated));
}

#[test]
fn a_heading_names_its_columns_in_any_order() {
    let list = parse(ListKind::AllBooks, "State\tBarcode\nNEW\tTL0001\nCONVERTED\tTL0002\n");
    assert_eq!(barcodes(&list), ["TL0001", "TL0002"]);
    assert_eq!(list.rows[0].grin_state.as_ref().unwrap().as_str(), "NEW");
}

#[test]
fn a_text_that_must_have_a_heading_is_refused_without_one() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    for (text, rows, refusal) in [
        ("Error\n", 0, Some(AnswerRefusal::NotAList)),
        ("TL0001\nTL0002\n", 0, Some(AnswerRefusal::NotAList)),
        ("Barcode\tState\nTL0001\tNEW\n", 1, None),
        ("", 0, None),
    ] {
        let mut parser = TextListParser::new(ListKind::AllBooks, &library).headed();
        let pushed = parser.push(text.as_bytes()).unwrap_or_default();
        let list = parser.finish();
        assert_eq!(
            (pushed.len() + list.rows.len(), list.refusal),
            (rows, refusal),
            "{text}"
        );
    }
}

#[test]
fn a_text_that_says_that_there_are_no_books_is_empty() {
    for (text, refusal) in [
        ("No books found\n", None),
        ("There are no volumes in this list.", None),
        ("No books found: try again later\n", Some(AnswerRefusal::NotAList)),
        ("No books found\nError 500\n", Some(AnswerRefusal::NotAList)),
    ] {
        let list = parse(ListKind::InProcess, text);
        assert_eq!((list.rows.len(), list.refusal), (0, refusal), "{text}");
    }
    let after = parse(ListKind::InProcess, "TL0001\nTL0002\nNo more books\n");
    assert_eq!(after.rows.len(), 2);
}

#[test]
fn a_word_is_no_book() {
    for text in [
        "None",
        "Error\n",
        "Service\nunavailable\n",
        "503\r\n",
        "null",
        "ERR_500\n",
        "E1234",
        "TIMEOUT504",
        "12345\n",
        "E500\tan error occurred\n",
    ] {
        let list = parse(ListKind::InProcess, text);
        assert_eq!(
            (list.rows.len(), list.refusal),
            (0, Some(AnswerRefusal::NotAList)),
            "{text}"
        );
    }
    let list = parse(ListKind::InProcess, "TL0001\nE500\n");
    assert_eq!((barcodes(&list), list.refusal), (vec!["TL0001"], None));
    assert_eq!(list.rejected[0].because, RejectionReason::LoneWord);
    // A word that names no volume does so before other cells too.
    for text in [
        "TL0001\nNone\t\t\nTL0002\n",
        "TL0001\nError\nTL0002\n",
        "TL0001\nnull.tar.gz.gpg\nTL0002\n",
    ] {
        let list = parse(ListKind::InProcess, text);
        assert_eq!(
            (barcodes(&list), list.refusal),
            (vec!["TL0001", "TL0002"], None),
            "{text}"
        );
        assert_eq!(list.rejected[0].about(), None, "{text}");
    }
    // What stands under a heading, or before other cells, or is an archive's name, is no mere word.
    let list = parse(ListKind::AllBooks, "TL0001\nTL0002\nTL0003\nE500\n12345\n");
    assert_eq!(
        (barcodes(&list), list.rejected.len()),
        (vec!["TL0001", "TL0002", "TL0003"], 2)
    );
    for (kind, text) in [
        (ListKind::InProcess, "Barcode\tState\nABC\tNEW\n"),
        (ListKind::InProcess, "ABC\t2001/01/01\n"),
        (ListKind::Converted, "ABC.tar.gz.gpg\n"),
    ] {
        assert_eq!(barcodes(&parse(kind, text)), ["ABC"], "{text}");
    }
}

#[test]
fn a_last_line_without_an_end_may_be_torn() {
    let dates = "\t2009/03/12 10:30\t\t\t\t";
    for (text, rows, rejected) in [
        ("TL0001\nTL0002\nTL0003\nTL000".to_owned(), 3, 1),
        ("TL0001\nTL0002\nTL0003\nTL0004".to_owned(), 4, 0),
        (format!("TL0001{dates}\nTL00"), 1, 1),
        (format!("TL0001{dates}\nTL0002\t2009/03"), 1, 1),
        (format!("TL0001{dates}\nTL0002{dates}"), 2, 0),
        (format!("TL0001{dates}\nTL0002\n"), 2, 0),
        ("Barcode\tState\nTL0001\tNEW\nTL0002".to_owned(), 1, 1),
        ("TL0001.tar.gz.gpg\nTL0002.ta".to_owned(), 1, 1),
    ] {
        let list = parse(ListKind::InProcess, &text);
        assert_eq!((list.rows.len(), list.rejected.len()), (rows, rejected), "{text}");
    }
}

#[test]
fn a_header_is_read_by_its_names() {
    let list = parse(
        ListKind::AllBooks,
        "Barcode\tMood\tState\tScanned Date\nTL0001\tsad\tNEW\t2001/01/01\n",
    );
    assert_eq!(
        (barcodes(&list), list.unknown_columns.clone()),
        (vec!["TL0001"], vec!["Mood".to_owned()])
    );
    assert_eq!(list.rows[0].grin_state, Some(crate::grin::GrinState::New));
}

#[test]
fn a_heading_in_the_middle_is_no_row() {
    let list = parse(
        ListKind::AllBooks,
        "Barcode\tMood\nTL0001\tsad\nBarcode\tMood\nTL0002\tsad\nState\tBarcode\nNEW\tTL0003\n",
    );
    assert_eq!(
        (barcodes(&list), list.refusal),
        (vec!["TL0001", "TL0002", "TL0003"], None)
    );
    assert!(list.rejected.is_empty(), "{:?}", list.rejected);
    assert_eq!(list.rows[2].grin_state, Some(crate::grin::GrinState::New));
}

#[test]
fn what_a_text_says_of_more_leaves_its_end_in_doubt() {
    for (line, at_the_end, before) in [
        ("# 2 of 5000", true, true),
        ("Rows 1-2 of 5000", true, true),
        ("Page 1 of 3", true, true),
        ("limit 2 reached", true, true),
        ("(4998 more)", true, false),
        ("Rows 1-2 of 2", false, false),
        ("# made at 12:30", false, false),
    ] {
        for (text, is_cut) in [
            (format!("TL0001\nTL0002\n{line}\n"), at_the_end),
            (format!("{line}\nTL0001\nTL0002\n"), before),
        ] {
            let list = parse(ListKind::AllBooks, &text);
            assert_eq!(list.refusal.is_some(), is_cut, "{text}");
            assert_eq!(barcodes(&list), ["TL0001", "TL0002"], "{text}");
        }
    }
}

#[test]
fn rows_after_a_heading_are_read_by_that_one() {
    let row = "TL0001\tOne\tNEW\n";
    for (first, again, taken) in [
        (
            "Barcode\tTitle\tState\n",
            "Title\tState\tBarcode\nTwo\tCONVERTED\tTL0002\n",
            true,
        ),
        // With columns that are not known.
        (
            "Barcode\tTitle\tState\n",
            "Title\tMood\tState\tBarcode\nTwo\tsad\tCONVERTED\tTL0002\n",
            true,
        ),
        (
            "Barcode\tTitle\tState\n",
            "Mood\tState\tTitle\tBarcode\nsad\tCONVERTED\tTwo\tTL0002\n",
            true,
        ),
        (
            "Barcode\tTitle\tState\n",
            "Title\tMood 2\tState\tBarcode\nTwo\tsad\tCONVERTED\tTL0002\n",
            true,
        ),
        // Where no heading came before.
        ("", "State\tTitle\tBarcode\nCONVERTED\tTwo\tTL0002\n", true),
        // Whose rows these are is not said.
        (
            "Barcode\tTitle\tState\n",
            "Status\tTitle\tScanned Date\nCONVERTED\tTwo\t2020/01/01\n",
            false,
        ),
    ] {
        let list = parse(ListKind::AllBooks, format!("{first}{row}{again}"));
        let expected: &[&str] = if taken { &["TL0001", "TL0002"] } else { &["TL0001"] };
        assert_eq!(barcodes(&list), expected, "{again}");
        assert_eq!(list.refusal, (!taken).then_some(AnswerRefusal::Truncated), "{again}");
        if taken {
            let row = &list.rows[1];
            assert_eq!(row.grin_state, Some(crate::grin::GrinState::Converted), "{again}");
            assert_eq!(row.title.as_deref(), Some("Two"), "{again}");
        }
    }
    // A book called as a column is a book.
    let list = parse(ListKind::AllBooks, "Barcode\tTitle\nTL0001\tBarcode\nTL0002\tState\n");
    assert_eq!((barcodes(&list), list.refusal), (vec!["TL0001", "TL0002"], None));
}

#[test]
fn a_count_of_the_rows_before_it_is_no_row() {
    for count in ["Total: 2 books", "Total: 2"] {
        let list = parse(ListKind::AllBooks, format!("TL0001\nTL0002\n{count}\n"));
        assert_eq!(
            (list.rows.len(), list.rejected.len(), list.refusal),
            (2, 0, None),
            "{count}"
        );
    }
}

#[test]
fn a_list_in_another_encoding_is_read_or_told() {
    let wide: Vec<u8> = "\u{feff}TL0001\nTL0002\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let list = parse(ListKind::AllBooks, &wide);
    assert_eq!((barcodes(&list), list.refusal), (vec!["TL0001", "TL0002"], None));
    // Without its mark it is taken for no list.
    assert_eq!(
        parse(ListKind::AllBooks, &wide[2..]).refusal,
        Some(AnswerRefusal::NotAList)
    );
    let latin = b"Barcode\tTitle\nTL0001\t\xdcber\nTL0002\tB\n";
    let list = parse(ListKind::AllBooks, latin);
    assert_eq!(
        (barcodes(&list), list.refusal, list.warnings.len()),
        (vec!["TL0001", "TL0002"], None, 1)
    );
}

#[test]
fn lines_that_name_no_volume() {
    let text = format!("../../etc\nTL0001\na/b/c\nx\u{1}y\n{}\nTL\u{0}0002\n", "9".repeat(300));
    let list = parse(ListKind::AllBooks, text);
    assert_eq!(
        (barcodes(&list), list.rejected.len(), list.refusal),
        (vec!["TL0001"], 5, None)
    );
    assert_eq!(
        parse(ListKind::AllBooks, "an error occurred\n").refusal,
        Some(AnswerRefusal::NotAList)
    );
    assert_eq!(
        parse(ListKind::AllBooks, [0xff; 9_000]).refusal,
        Some(AnswerRefusal::NotAList)
    );
}

#[test]
fn pages_are_no_lists() {
    for (page, refusal) in [
        ("<html><body>TL0001</body></html>".to_owned(), AnswerRefusal::Html),
        (format!("\n<!doctype html>{}", "x".repeat(9_000)), AnswerRefusal::Html),
        ("Your request is unavailable.".to_owned(), AnswerRefusal::Unavailable),
    ] {
        let list = parse(ListKind::AllBooks, page);
        assert_eq!((list.rows.len(), list.refusal), (0, Some(refusal)));
    }
}

#[test]
fn a_text_that_ends_in_something_else_is_no_whole_list() {
    for (rest, refusal) in [
        ("<html><body>502 Bad Gateway</body></html>", Some(AnswerRefusal::Html)),
        ("<!DOCTYPE html>\n<title>x</title>\n", Some(AnswerRefusal::Html)),
        (
            "  <a href=\"https://accounts.google.com/ServiceLogin\">Sign in</a>\n",
            Some(AnswerRefusal::SignIn),
        ),
        (
            "TL000001<html><body>502 Bad Gateway</body></html>",
            Some(AnswerRefusal::Html),
        ),
        ("Internal error, please retry\n", Some(AnswerRefusal::Truncated)),
        ("Internal error", Some(AnswerRefusal::Truncated)),
        ("Internal server error\n", Some(AnswerRefusal::Truncated)),
        ("Error: timeout\n", Some(AnswerRefusal::Truncated)),
        ("Error\n", Some(AnswerRefusal::Truncated)),
        ("Exception: deadline exceeded\n\n", Some(AnswerRefusal::Truncated)),
        ("{\"error\": \"x\"}\n", Some(AnswerRefusal::Truncated)),
        (
            "java.lang.NullPointerException\n\tat com.x.Foo(Foo.java:12)\n\tat com.x.Bar(Bar.java:1)\n",
            Some(AnswerRefusal::Truncated),
        ),
        ("TL000001\tError: timeout\n", Some(AnswerRefusal::Truncated)),
        ("Connection reset by peer\n", Some(AnswerRefusal::Truncated)),
        ("Total: 5,000 books\n", Some(AnswerRefusal::Truncated)),
        ("Total: 5,000\n", Some(AnswerRefusal::Truncated)),
        ("Server Error\nTL000001\n", Some(AnswerRefusal::Truncated)),
        ("Total: 5 books\n", None),
        ("End of list\n", None),
        ("The error of ways\nTL000001\n", None),
    ] {
        for rows in [10, 2_000] {
            let rows: String = (0..rows).map(|number| format!("TL{number:06}\n")).collect();
            let list = parse(ListKind::InProcess, format!("{rows}{rest}"));
            assert_eq!(list.refusal, refusal, "{rest}");
            let is_read = matches!(refusal, None | Some(AnswerRefusal::Truncated));
            assert_eq!(!list.rows.is_empty(), is_read, "{rest}");
            if refusal.is_none() {
                let unsure = list.rejected.iter().filter(|row| row.about().is_none());
                assert_eq!(unsure.count(), 1, "{rest}");
            }
        }
    }
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let text = (0..2_000)
        .map(|i| format!("TL{i:08}\t2001/01/01\té\n"))
        .collect::<Vec<_>>()
        .concat();
    let whole = parse(ListKind::AllBooks, &text);
    for size in [1, 13, 5_000] {
        let mut parser = TextListParser::new(ListKind::AllBooks, &LibraryDirectory::parse("TESTLIB").unwrap());
        let mut rows: Vec<_> = text
            .as_bytes()
            .chunks(size)
            .flat_map(|piece| parser.push(piece).unwrap())
            .collect();
        rows.extend(parser.finish().rows);
        assert_eq!(rows, whole.rows, "{size}");
    }
    assert_eq!(whole.rows.len(), 2_000);
}

#[test]
fn the_last_line_of_a_text_that_came_with_its_length_is_whole() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    for (text, last) in [
        (
            "39015000000011\t2007/06/30\t2007/06/30\t2007/07/01\n39015000000012\t2007/06/30\t2007/06/30",
            "39015000000012",
        ),
        (
            "39015000000001\n39015000000002\n39015000000003\n3901500001",
            "3901500001",
        ),
    ] {
        for has_length in [false, true] {
            let mut parser = TextListParser::new(ListKind::InProcess, &library).of_length(has_length);
            let mut rows = parser.push(text.as_bytes()).unwrap();
            let list = parser.finish();
            rows.extend(list.rows);
            let is_named = rows.iter().any(|row| row.barcode.as_str() == last);
            assert_eq!(
                (is_named, list.rejected.len()),
                (has_length, usize::from(!has_length)),
                "{text}"
            );
        }
    }
}
