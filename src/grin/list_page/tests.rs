//! List pages as GRIN sends them, and as it should not.

mod limits;
mod pagers;
mod rows;
mod words;

use url::Url;

use crate::grin::list_page::*;
use crate::grin::{GrinState, LibraryDirectory, ListRow, RejectionReason};

const URL: &str = "https://books.google.com/libraries/TESTLIB/_all_books?result_count=100";

const PAGE: &str = r#"<html><head><title>TESTLIB</title></head><body>
<form action="_process" method="post">
<table><thead><tr class="heading"><td></td><td><span class="hd3">Barcode</span></td>
<td><span class="hd3">Title</span></td><td><span class="hd3">State</span></td>
<td><span class="hd3">Scanned Date</span></td><td><span class="hd3">OCR'd Date</span></td>
<td><span class="hd3">Google Books</span></td></tr></thead>
<tbody>
<tr><td><input type="checkbox" name="barcodes" value="TL0000000001"></td><td>TL0000000001</td>
<td>On Tides</td><td>NEW</td><td>2011/02/03 04:05</td><td></td>
<td><a href="https://books.google.com/books?id=qQaAAAAAZZ99">qQaAAAAAZZ99</a></td></tr>
<tr><td></td><td>TL0000000002</td><td></td><td>NOT_AVAILABLE_FOR_DOWNLOAD</td><td></td><td></td><td></td></tr>
</tbody></table></form>
<a href="/libraries/TESTLIB/_all_books?result_count=2&amp;first=3">Next &gt;</a>
</body></html>
"#;

/// A page with this heading (names between bars) and these rows, and nothing else.
fn page(heading: &str, rows: &str) -> String {
    let names = heading
        .split('|')
        .map(|name| format!("<td><span class=hd3>{name}</span></td>"))
        .collect::<Vec<_>>()
        .concat();
    format!("<html><body><table><tr class=heading>{names}</tr>{rows}</table></body></html>")
}

fn parse_in_pieces(html: &[u8], size: usize) -> (Vec<ListRow>, ListPage) {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let mut parser = ListPageParser::new(&library, &Url::parse(URL).unwrap());
    let mut rows = Vec::new();
    for piece in html.chunks(size) {
        match parser.push(piece) {
            Ok(more) => rows.extend(more),
            Err(_) => break,
        }
    }
    let (rest, page) = parser.finish();
    rows.extend(rest);
    (rows, page)
}

fn parse(html: impl AsRef<[u8]>) -> (Vec<ListRow>, ListPage) {
    parse_in_pieces(html.as_ref(), 32 << 10)
}

/// The barcodes of a page that must be understood.
fn barcodes(html: impl AsRef<[u8]>) -> Vec<String> {
    let (rows, page) = parse(html);
    assert!(page.complete, "{page:?}");
    rows.iter().map(|row| row.barcode.to_string()).collect()
}

#[test]
fn the_example_page() {
    let (rows, page) = parse(PAGE);
    assert_eq!(rows.len(), 2);
    let first = &rows[0];
    assert_eq!(first.barcode.as_str(), "TL0000000001");
    assert_eq!(first.title.as_deref(), Some("On Tides"));
    assert_eq!(first.grin_state, Some(GrinState::New));
    assert_eq!(first.dates.scanned.as_ref().unwrap().stored(), "2011-02-03T04:05:00");
    assert_eq!(first.dates.ocr, None);
    assert_eq!(
        first.google_books_link.as_deref(),
        Some("https://books.google.com/books?id=qQaAAAAAZZ99")
    );
    assert!(first.can_be_requested);
    let second = ListRow {
        grin_state: Some(GrinState::NotAvailableForDownload),
        ..ListRow::bare(crate::grin::Barcode::parse("TL0000000002").unwrap())
    };
    assert_eq!(rows[1], second);
    let next = "https://books.google.com/libraries/TESTLIB/_all_books?result_count=2&first=3";
    assert_eq!(page.next.as_ref().map(Url::as_str), Some(next));
    assert_eq!((page.complete, page.refusal, page.rows), (true, None, 2));
    assert!(
        page.rejected.is_empty() && page.warnings.is_empty() && page.unknown_columns.is_empty(),
        "{page:?}"
    );
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let whole = parse(PAGE);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(parse_in_pieces(PAGE.as_bytes(), size), whole, "{size}");
    }
}

#[test]
fn a_layout_table_round_the_list_gives_no_books() {
    let menu = "<td><a href=_all_books>All books</a></td>";
    let inner = "<table><tr class=heading><td>Barcode<td>Title</tr><tr><td>TL0001<td>Tides</tr></table>";
    for outer in [
        format!("<table><tr>{menu}<td>{inner}</td></tr><tr><td>Footer</td><td>Help</td></tr></table>"),
        format!("<table><tr class=heading><td>Menu<td>Page</tr><tr>{menu}<td>{inner}</td></tr></table>"),
        format!("<div id=Main><table><tbody><tr>{menu}<td><div>{inner}</div></tbody></table></div>"),
        format!("<table><tr class=heading><td>Barcode<td>x</tr><tr><td>Menu1<td>{inner}</td></tr></table>"),
    ] {
        assert_eq!(barcodes(&outer), ["TL0001"], "{outer}");
    }
}

#[test]
fn a_title_is_neither_refusal_nor_pager() {
    let rows = "<tr><td>TL0001</td><td>Your request is unavailable</td></tr>\
        <tr><td>TL0002</td><td><a href='?first=77'>Next</a></td></tr>\
        <tr><td>TL0003</td><td><a href='https://evil.example/?first=77'>Next &gt;</a></td></tr>";
    let (rows, page) = parse(page("Barcode|Title", rows));
    assert_eq!((rows.len(), page.complete, page.next), (3, true, None));
}

#[test]
fn last_before_next_skips_no_page() {
    let links = "<a href='?first=9999'>Last &gt;&gt;</a> <a href='?first=3'>Next &gt;</a>";
    let html = PAGE
        .replace("</body>", &format!("{links}</body>"))
        .replace("Next &gt;</a>\n</body>", "</a></body>");
    let html = html.replace("/libraries/TESTLIB/_all_books?result_count=2&amp;first=3", "#");
    assert_eq!(parse(html).1.next.unwrap().query(), Some("first=3"));
}

#[test]
fn next_on_another_host_is_refused() {
    let html = PAGE.replace(
        "/libraries/TESTLIB/_all_books?",
        "https://evil.example/libraries/TESTLIB/_all_books?",
    );
    let (rows, page) = parse(html);
    assert_eq!(
        (rows.len(), page.next, page.complete, page.refusal),
        (2, None, false, Some(AnswerRefusal::ForeignNext))
    );
}

#[test]
fn a_list_that_is_empty_in_words_is_complete() {
    for (words, is_complete) in [
        ("<h1>In process</h1><p>No books found.</p>", true),
        ("<p>There are no volumes in this list</p>", true),
        ("<p>No results: server error</p>", false),
        ("<p>No books found</p><p>An error occurred</p>", false),
        ("<p>No books can be shown to this account</p>", false),
        ("<p>No page found</p>", false),
    ] {
        let (rows, page) = parse(format!("<html><body>{words}</body></html>"));
        let refusal = (!is_complete).then_some(AnswerRefusal::NotAList);
        assert_eq!(
            (rows.len(), page.complete, page.refusal),
            (0, is_complete, refusal),
            "{words}"
        );
    }
}

#[test]
fn answers_that_are_no_list() {
    let sign_in = "<html><head><title>Sign in - Google Accounts</title></head><body><form \
        action='https://accounts.google.com/signin/v2'><input type=password></form></body></html>";
    let cases = [
        (
            "<html><body><p>Your request is <b>unavailable</b>.</body></html>",
            AnswerRefusal::Unavailable,
        ),
        (sign_in, AnswerRefusal::SignIn),
        (
            "<html><body><table><tr><td>TL0001</td></tr></table></body></html>",
            AnswerRefusal::NotAList,
        ),
        (
            "<table><tr class=heading><td>Title</td></tr><tr><td>TL0001</td></tr></table>",
            AnswerRefusal::NotAList,
        ),
        ("TL0001\nTL0002\n", AnswerRefusal::NotAList),
        ("", AnswerRefusal::Empty),
        ("<html></html>", AnswerRefusal::Empty),
    ];
    for (html, refusal) in cases {
        let (rows, page) = parse(html);
        assert_eq!(
            (rows.len(), page.complete, page.refusal),
            (0, false, Some(refusal)),
            "{html}"
        );
    }
}

#[test]
fn words_of_refusal_beside_a_list_refuse_it() {
    let html = PAGE.replace("<form", "<p>Your request\n is unavailable</p><form");
    assert_eq!(parse(html).1.refusal, Some(AnswerRefusal::Unavailable));
    let html = page(
        "Barcode|Title",
        "<tr><td colspan=2>Your request is unavailable</td></tr>",
    );
    assert_eq!(parse(html).1.refusal, Some(AnswerRefusal::Unavailable));
}

#[test]
fn a_page_with_heading_and_no_rows_ends_the_list() {
    for rows in [
        "",
        "<tr><td colspan=2>None</td></tr>",
        "<tr><td></td><td>&nbsp;</td></tr>",
    ] {
        let (rows, page) = parse(page("Barcode|Title", rows));
        assert_eq!(
            (rows.len(), page.complete, page.next, page.rejected.len()),
            (0, true, None, 0)
        );
    }
}

#[test]
fn a_page_may_leave_out_its_last_tags() {
    let (rows, first) = parse(PAGE.replace("</body></html>", ""));
    assert_eq!((rows.len(), first.refusal, first.next.is_some()), (2, None, true));
    let last = page("Barcode", "<tr><td>TL0001</td></tr>").replace("</body></html>", "");
    let (rows, page) = parse(last);
    assert_eq!((rows.len(), page.complete, page.refusal), (1, true, None));
}

#[test]
fn a_page_cut_within_its_list_is_never_complete_and_invents_nothing() {
    let known = barcodes(PAGE);
    let list_ends = PAGE.find("</table>").unwrap();
    for cut in 0..list_ends {
        let (rows, page) = parse(&PAGE.as_bytes()[..cut]);
        assert!(!page.complete, "cut at {cut}: {page:?}");
        assert!(
            rows.iter().all(|row| known.contains(&row.barcode.to_string())),
            "cut at {cut}"
        );
    }
    let (rows, page) = parse(PAGE.split("</td>\n<td>On Tides").next().unwrap());
    assert_eq!((rows.len(), page.refusal), (0, Some(AnswerRefusal::Truncated)));
    assert_eq!(
        (page.rejected[0].barcode.as_str(), &page.rejected[0].because),
        ("TL0000000001", &RejectionReason::CutOff)
    );
}
