//! Words of trouble and of more, wherever on a page they stand.

use crate::grin::list_page::tests::pagers::read;
use crate::grin::list_page::tests::*;

/// What a server in trouble says takes the place of rows: outside of the rows' cells, it is never passed over.
#[test]
fn words_in_place_of_rows_leave_no_page_complete() {
    for (inside, after, refused) in [
        ("<p>Your request is unavailable</p>", "", true),
        ("Your request is <b>unavailable</b>", "", true),
        ("</tbody><tr>Your request is unavailable</tr>", "", true),
        ("", "<p>Your request\n is unavailable.</p>", true),
        ("\nDeadlineExceeded\n</tbody>", "", false),
        ("<tr>DeadlineExceeded</tr>", "", false),
        ("Oops</tbody>", "", false),
        ("", "<h1>500 Internal Server Error</h1>", false),
        ("", "<p><b>Error</b>: backend timeout</p>", false),
        ("", "<p>Error 500</p>", false),
        ("", "<p>Timeout while reading rows</p>", false),
        ("", "<p class=warn>Warning: this list is incomplete.</p>", false),
        ("", "<p>Only partial results are shown.</p>", false),
        (
            "",
            "<div class=error-box><p>Not all data is here. Sorry!</p></div>",
            false,
        ),
        ("", "<font color=red>Partial</font>", false),
        ("", "<div>Try again</div>", false),
        ("", "<div>Temporary failure</div>", false),
        ("", "<div>Some results may be missing</div>", false),
        (
            "",
            "<pre>java.lang.NullPointerException\n at com.x.Foo(Foo.java:12)</pre>",
            false,
        ),
        (
            "</tbody><tfoot><tr><td colspan=2>Backend timeout</td></tr></tfoot>",
            "",
            false,
        ),
        ("</tbody><tfoot><tr><td>Please try again</td></tr></tfoot>", "", false),
        ("<tr><td colspan=2>Timeout while reading rows</td></tr>", "", false),
        ("<tr><td colspan=2>Truncated by an error</td></tr>", "", false),
        // Behind a cell's end, words are in no cell.
        ("<tr><td></td>An error occurred<td></td></tr>", "", false),
        ("<tr><td>&nbsp;</td> Oops</tr>", "", false),
        ("<html><title>Sign in</title><body></body></html>", "", false),
        (
            "<tr><td colspan=2>Internal error, please try again later</td></tr>",
            "",
            false,
        ),
    ] {
        let page = read("?result_count=100", inside, after);
        let refusal = refused.then_some(AnswerRefusal::Unavailable);
        let doubt = (!refused).then_some(EndDoubt::Trouble);
        assert_eq!(
            (page.refusal, page.doubt, page.complete),
            (refusal, doubt, false),
            "{inside}{after}"
        );
    }
}

#[test]
fn trouble_is_told_beside_a_next_page_and_never_seen_where_there_is_none() {
    let page = read(
        "?result_count=100",
        "<tr><td colspan=2>Error: timeout</td></tr>",
        "<a href='?first=3'>Next</a>",
    );
    assert!(
        page.next.is_some() && page.has_trouble && page.warnings.len() == 3,
        "{page:?}"
    );
    let words = page.warnings.iter().any(|warning| warning.contains("Error: timeout"));
    assert!(words, "which words they are is told: {page:?}");
    for inside in ["", " \n&nbsp;", "<tr><td colspan=2>None</td></tr>"] {
        assert!(read("?result_count=100", inside, "").complete, "{inside}");
    }
    let footer = "<div>Total: 2</div><div>Please try again with other words.</div><div>© 2011 Example, Inc.</div>";
    assert!(read("?result_count=100", "", footer).complete);
    for after in [
        // What to do, and nothing that has happened.
        "Help<p>If something went wrong with a conversion, try again later or <b>write</b> to us.</p>",
        "<p>Books are converted at night. In case of an internal error, wait a day.</p>",
        // What is no box holds no words.
        "<img class=warning src=x><p>Errors in conversion</p>",
        "<input class=error><p>Failed</p>",
        // A box in a box: the inner end is not the outer one's.
        "<div class=alert><i class=alert-icon></i></div><p>Failed</p>",
        // Dates are no books, wherever they stand.
        "<table><tr><td>2025-06-01</td></tr></table>",
        "<table><tr><td></td></tr></table><p>TL0001AB</p>",
    ] {
        assert!(read("?result_count=100", "", after).complete, "{after}");
    }
    let boxed = "<div class=alert><i class=alert-icon></i>Partial data</div>";
    assert_eq!(read("?result_count=100", "", boxed).doubt, Some(EndDoubt::Trouble));
}

#[test]
fn a_servers_words_in_a_cell_for_a_date_or_state_leave_the_end_in_doubt_where_nothing_follows_them() {
    let read = |columns: &str, rows: &[&str]| {
        let cells = rows.iter().enumerate();
        let html: String = cells
            .map(|(n, cells)| format!("<tr><td>TL000{n}</td><td>The error of ways</td>{cells}"))
            .collect();
        let (taken, page) = parse(super::page(&format!("Barcode|Title|{columns}"), &html));
        assert_eq!(taken.len(), rows.len(), "{html}");
        page
    };
    let fine = "<td>2011/02/03 04:05</td><td>NEW</td></tr>";
    for words in [
        "ERROR",
        "Error: timeout",
        "2011/02/03 Error: timeout",
        "NEW Internal server error",
    ] {
        let odd = format!("<td>2011/02/03</td><td>{words}</td>");
        let (closed, dated) = (format!("{odd}</tr>"), format!("<td>{words}</td><td>NEW</td></tr>"));
        let (linked, short) = (format!("{odd}<td></td></tr>"), format!("<td>{words}</td></tr>"));
        let cut = format!("<td>{words}<td>");
        for (columns, rows, is_doubted) in [
            // Another row or cell follows.
            ("Scanned Date|State", vec![&*odd, fine], false),
            ("Scanned Date|State", vec![&*closed, &*closed, fine], false),
            ("Scanned Date|State", vec![&*dated], false),
            ("Scanned Date|State|Google Books", vec![&*linked, &*linked], false),
            ("State|Google Books", vec![&*cut], false),
            // None.
            ("Scanned Date|State", vec![fine, &*closed], true),
            ("Scanned Date|State", vec![fine, &*odd], true),
            // What else the row should have is not there.
            ("State|Google Books|Scanned Date", vec![&*short, &*cut], true),
            ("State|Google Books", vec![&*short], true),
        ] {
            let page = read(columns, &rows);
            let doubt = is_doubted.then_some(EndDoubt::Trouble);
            assert_eq!((page.doubt, page.complete), (doubt, !is_doubted), "{columns}: {rows:?}");
        }
    }
    let unavailable = "<td></td><td>Your request is unavailable</td></tr>";
    assert!(read("Scanned Date|State", &[unavailable, fine]).complete);
    assert!(read("Scanned Date|State", &["<td>unknown</td><td>On loan</td></tr>"]).complete);
    let page = read("Scanned Date|State", &["<td></td><td>ERROR</td></tr>"]);
    assert!(page.warnings[0].contains("TL0000"), "the book is named: {page:?}");
}

#[test]
fn a_date_that_is_not_known_is_no_word_of_trouble() {
    for date in ["N/A", "-", "0000-00-00", "03-02-2011"] {
        let row = format!("<tr><td>TL0001</td><td>{date}</td></tr>");
        let (rows, page) = parse(super::page("Barcode|Scanned Date", &row));
        assert!(page.complete && rows.len() == 1, "{date}: {page:?}");
    }
}

#[test]
fn words_in_the_table_or_after_it_that_tell_of_more_leave_the_end_in_doubt() {
    for words in [
        "1-2 of 5000",
        "... and 4998 more",
        "...",
        "More results available",
        "Too many rows",
        "Showing the first 2 books only",
        "Total 2 of 5000",
        "1/2500",
    ] {
        let row = format!("<tr><td colspan=2>{words}</td></tr>");
        let foot = format!("</tbody><tfoot><tr><td colspan=2>{words}</td></tr></tfoot>");
        for inside in [row, foot] {
            let page = read("?result_count=100", &inside, "");
            assert_eq!(
                page.doubt,
                Some(EndDoubt::NextWithoutAddress(String::new())),
                "{inside}"
            );
        }
    }
    for words in [
        "Total: 5,000 books",
        "Total: 5000",
        "全5000件中 1-2件",
        "5000 books found",
        "Query returned 5000 rows; displaying 2.",
    ] {
        for (inside, after) in [
            (format!("<tr><td colspan=2>{words}</td></tr>"), String::new()),
            (
                format!("</tbody><tfoot><tr><td>{words}</td></tr></tfoot>"),
                String::new(),
            ),
            (String::new(), format!("<p>{words}</p>")),
        ] {
            let page = read("?result_count=100", &inside, &after);
            assert_eq!(page.doubt, Some(EndDoubt::CountsMore(5_000)), "{inside}{after}");
        }
    }
}

/// A page may say on and on how large the library is, or that something other than the list is away.
#[test]
fn words_about_something_other_than_the_list_are_a_weaker_doubt() {
    let away = "<p>Conversion is temporarily unavailable. Please try again later.</p>";
    for (inside, after, expected) in [
        ("", "<p>Library total: 5,000 books</p>", EndDoubt::CountsLibrary(5_000)),
        ("", away, EndDoubt::OtherService),
        (
            "<tr><td colspan=2>Conversion is temporarily unavailable</td></tr>",
            "",
            EndDoubt::Trouble,
        ),
        ("", "<p>The list is temporarily unavailable</p>", EndDoubt::Trouble),
        ("", &format!("{away}<p>Internal error</p>"), EndDoubt::Trouble),
        (
            "",
            &format!("{away}<p>Total: 5,000 books</p>"),
            EndDoubt::CountsMore(5_000),
        ),
    ] {
        let page = read("?result_count=100", inside, after);
        assert_eq!(page.doubt, Some(expected), "{inside}{after}");
    }
    for words in ["Pages in this library: 5,000", "Library total: 2 books"] {
        let page = read("?result_count=100", "", &format!("<p>{words}</p>"));
        assert!(page.complete, "{words}: {page:?}");
    }
}
