//! List pages as GRIN sends them, and as it should not.

mod limits;
mod pagers;

use url::Url;

use crate::grin::list_page::*;
use crate::grin::{GrinState, LibraryDirectory, ListKind, ListRow, RejectionReason};

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
    let mut parser = ListPageParser::new(ListKind::AllBooks, &library, &Url::parse(URL).unwrap());
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

fn titles(cells: &[&str]) -> Vec<Option<String>> {
    let rows = cells
        .iter()
        .map(|cell| format!("<tr><td>TL0001</td><td>{cell}</td></tr>"))
        .collect::<Vec<_>>()
        .concat();
    parse(page("Barcode|Title", &rows))
        .0
        .into_iter()
        .map(|row| row.title)
        .collect()
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
fn tags_left_open_and_columns_in_another_order() {
    let html = "<table><tr class='x heading'><th>Title<th>Google Books<th>State<th>Barcode\
        <tr><td>Tides &amp; Waves<td><td>NEW<td>TL0001\
        <tr><td>Winds<td><a href='https://books.google.com/books?id=x&amp;y=1'>x</a><td>CONVERTED<td>TL0002</table>";
    let (rows, page) = parse(html);
    assert!(page.complete);
    assert_eq!(rows[0].title.as_deref(), Some("Tides & Waves"));
    assert_eq!(
        rows[1].google_books_link.as_deref(),
        Some("https://books.google.com/books?id=x&y=1")
    );
    assert_eq!(rows[1].grin_state, Some(GrinState::Converted));
}

#[test]
fn a_layout_table_round_the_list_gives_no_books() {
    let menu = "<td><a href=_all_books>All books</a></td>";
    let inner = "<table><tr class=heading><td>Barcode<td>Title</tr><tr><td>TL0001<td>Tides</tr></table>";
    for outer in [
        format!("<table><tr>{menu}<td>{inner}</td></tr><tr><td>Footer</td><td>TL0009</td></tr></table>"),
        format!("<table><tr class=heading><td>Menu<td>Page</tr><tr>{menu}<td>{inner}</td></tr></table>"),
        format!("<div id=Main><table><tbody><tr>{menu}<td><div>{inner}</div></tbody></table></div>"),
        format!("<table><tr class=heading><td>Barcode<td>x</tr><tr><td>Menu1<td>{inner}</td></tr></table>"),
    ] {
        assert_eq!(barcodes(&outer), ["TL0001"], "{outer}");
    }
}

#[test]
fn a_table_within_a_cell_is_part_of_the_cell() {
    let nested = "<table><tr><td>Vol.</td><td>2</td></tr></table>";
    assert_eq!(titles(&[&format!("Tides {nested}")]), [Some("Tides Vol. 2".to_owned())]);
}

#[test]
fn titles_with_markup_links_and_entities() {
    let cells = [
        ("<a href='/books?id=x'>On Tides</a>", "On Tides"),
        ("On <i>Tides</i> and <b>Winds</b>", "On Tides and Winds"),
        ("T<i>i</i>des", "Tides"),
        ("On Tides<br>Vol. 2", "On Tides Vol. 2"),
        ("<p>On</p><p>Tides</p>", "On Tides"),
        ("<div>On</div>Tides<hr>2", "On Tides 2"),
        ("A &lt;b&gt; &amp; c &#39;d&#39; &eacute;", "A <b> & c 'd' é"),
        ("海の本 &#x6d77;", "海の本 海"),
        ("كتاب البحر", "كتاب البحر"),
        ("Tides > winds >> waves", "Tides > winds >> waves"),
        ("<script>alert(1)</script>Tides<!-- no -->", "Tides"),
        ("Your request is unavailable", "Your request is unavailable"),
        ("<a href='?first=3'>Next</a>", "Next"),
    ];
    let shown: Vec<_> = cells.iter().map(|(_, shown)| Some((*shown).to_owned())).collect();
    assert_eq!(titles(&cells.map(|(raw, _)| raw)), shown);
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
fn a_page_cut_anywhere_is_never_complete_and_invents_nothing() {
    let known = barcodes(PAGE);
    let next_seen = PAGE.find("</a>\n</body>").unwrap() + 4;
    for cut in 0..next_seen {
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

#[test]
fn rows_that_are_not_taken_say_why() {
    let rows = "<tr><td></td><td>../../etc</td><td>x</td></tr>\
        <tr><td></td><td>a/b/c</td><td>x</td></tr>\
        <tr><td></td><td>TL\u{1}0001</td><td>x</td></tr>\
        <tr><td><input name=barcodes value=TL0007></td><td>TL0008</td><td>x</td></tr>\
        <tr><td><input name=barcodes value='../x'></td><td>TL0008</td><td>x</td></tr>\
        <tr><td></td></tr><tr><td></td><td></td><td>Orphan</td></tr>\
        <tr><td>1</td><td>TL0001</td><td>x</td></tr>";
    let long = format!("<tr><td></td><td>{}</td><td></td></tr>", "9".repeat(300));
    let (rows, page) = parse(page("|Barcode|Title", &(rows.to_owned() + &long)));
    assert_eq!(
        rows.iter().map(|row| row.barcode.as_str()).collect::<Vec<_>>(),
        ["TL0001"]
    );
    let because: Vec<_> = page
        .rejected
        .iter()
        .map(|rejected| rejected.because.to_string())
        .collect();
    assert_eq!(because.len(), 7, "{because:?}");
    assert_eq!(because[3], "the row names two volumes, \"TL0008\" and \"TL0007\"");
    assert!(page.complete, "bad rows do not hide the end of the list");
    assert!(
        page.rejected
            .iter()
            .all(|rejected| rejected.barcode.chars().count() <= 80)
    );
}

#[test]
fn rows_may_lack_the_box_or_its_cell_or_later_cells() {
    let rows = "<tr><td><input type=checkbox name=barcodes value=TL0001></td><td>TL0001</td><td>A</td><td>NEW</td></tr>\
        <tr><td></td><td>TL0002</td><td>B</td><td>NEW</td></tr>\
        <tr><td>TL0003</td><td>C</td><td>NEW</td></tr>\
        <tr><td></td><td>TL0004</td></tr>\
        <tr><td><input name=barcodes value=TL0005></td><td></td><td>E</td><td>NEW</td></tr>\
        <tr><td></td></tr>";
    let (rows, _) = parse(page("|Barcode|Title|State", rows));
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.barcode.as_str(), row.title.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        shown,
        [
            ("TL0001", "A"),
            ("TL0002", "B"),
            ("TL0003", "C"),
            ("TL0004", "-"),
            ("TL0005", "E")
        ]
    );
}

#[test]
fn converted_lists_name_files() {
    let rows = "<tr><td><a href='TESTLIB_TL0001.tar.gz.gpg'>TESTLIB_TL0001.tar.gz.gpg</a></td><td>A</td></tr>\
        <tr><td>TL0002.tar.gz.gpg</td><td>B</td></tr>\
        <tr><td><a href='/libraries/TESTLIB/TL0003.tar.gz.gpg?x=1'></a></td><td>C</td></tr>\
        <tr><td>../TL0004.tar.gz.gpg</td><td>D</td></tr>";
    let (rows, page) = parse(page("Filename|Title", rows));
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.barcode.as_str(), row.file_name.as_ref().unwrap().as_str()))
        .collect();
    let expected = [
        ("TL0001", "TESTLIB_TL0001.tar.gz.gpg"),
        ("TL0002", "TL0002.tar.gz.gpg"),
        ("TL0003", "TL0003.tar.gz.gpg"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(page.rejected.len(), 1);
}

#[test]
fn failed_lists_say_why() {
    let heading = "Barcode|Convert Failed Date|Convert Failed Info|Detailed Convert Failed Info";
    let rows = "<tr><td>TL0001</td><td>2020/01/02 03:04</td><td>E12</td><td>page <b>7</b> missing</td></tr>\
        <tr><td>TL0002</td><td></td><td></td><td></td></tr>";
    let (rows, _) = parse(page(heading, rows));
    let failure = rows[0].failure.as_ref().unwrap();
    assert_eq!(failure.date.as_ref().unwrap().stored(), "2020-01-02T03:04:00");
    assert_eq!(
        (failure.info.as_deref(), failure.detail.as_deref()),
        (Some("E12"), Some("page 7 missing"))
    );
    assert_eq!(rows[1].failure, None);
}

#[test]
fn new_and_doubled_columns_are_told_and_harmless() {
    let (rows, page) = parse(page(
        "Barcode|Mood|Title|Title|OCR Analysis Score",
        "<tr><td>TL0001<td>sad<td>A<td>B<td>9",
    ));
    assert_eq!(rows[0].title.as_deref(), Some("A"));
    assert_eq!(rows[0].dates.ocr, None);
    assert_eq!(page.unknown_columns, ["Mood", "OCR Analysis Score"]);
    assert_eq!(page.warnings.len(), 1);
}

#[test]
fn a_heading_repeated_within_the_list_is_no_book() {
    let again = "<tr class=heading><td>Barcode</td><td>Title</td></tr>";
    let rows = format!("<tr><td>TL0001</td><td>A</td></tr>{again}<tr><td>TL0002</td><td>B</td></tr>");
    assert_eq!(barcodes(page("Barcode|Title", &rows)), ["TL0001", "TL0002"]);
}

#[test]
fn bytes_that_are_no_text() {
    let mut html = page("Barcode|Title", "<tr><td>TL0001</td><td>On #Tides</td></tr>").into_bytes();
    let at = html.iter().position(|b| *b == b'#').unwrap();
    html.splice(at..=at, *b"\xff\x00\xc3");
    let (rows, page) = parse(html);
    assert_eq!(rows[0].title.as_deref(), Some("On \u{fffd} \u{fffd}Tides"));
    assert_eq!(page.warnings, ["2 places that are not UTF-8 were replaced"]);
}
