//! Rows and their cells, in every form that a page can give them.

use crate::grin::list_page::tests::*;

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
        <tr><td>../TL0004.tar.gz.gpg</td><td>D</td></tr>\
        <tr><td><a href='/libraries/TESTLIB/TL0005.tar.gz.gpg'>Download</a></td><td>E</td></tr>\
        <tr><td><a href='TESTLIB_TL0006.tar.gz.gpg'>TL0006</a></td><td>F</td></tr>\
        <tr><td><a href='%24B0007.tar.gz.gpg'>$B0007.tar.gz.gpg</a></td><td>G</td></tr>\
        <tr><td><a href='/libraries/TESTLIB/%24B0008.tar.gz.gpg'>Download</a></td><td>H</td></tr>\
        <tr><td><a href='%2BZ0009.tar.gz.gpg'><img src=get.png></a></td><td>I</td></tr>\
        <tr><td><a href='a%2FTL0010.tar.gz.gpg'>Download</a></td><td>J</td></tr>\
        <tr><td><a href='TL0011.tar.gz.gpg'>TL00&hellip;</a></td><td>K</td></tr>";
    let (rows, page) = parse(page("Filename|Title", rows));
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.barcode.as_str(), row.file_name.as_ref().unwrap().as_str()))
        .collect();
    let expected = [
        ("TL0001", "TESTLIB_TL0001.tar.gz.gpg"),
        ("TL0002", "TL0002.tar.gz.gpg"),
        ("TL0003", "TL0003.tar.gz.gpg"),
        ("TL0005", "TL0005.tar.gz.gpg"),
        ("TL0006", "TESTLIB_TL0006.tar.gz.gpg"),
        ("$B0007", "$B0007.tar.gz.gpg"),
        ("$B0008", "$B0008.tar.gz.gpg"),
        ("+Z0009", "+Z0009.tar.gz.gpg"),
        ("TL0011", "TL0011.tar.gz.gpg"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(page.rejected.len(), 2);
}

/// Which words they are is decided in `placeholder.rs`. Which book such a row is about is not known.
#[test]
fn words_in_place_of_a_barcode_become_no_books() {
    let rows: String = [
        "None",
        "details",
        "TBD",
        "N/A",
        "-",
        "Total",
        "NEW",
        "<a href='x'>Download</a>",
        "null.tar.gz.gpg",
    ]
    .map(|name| format!("<tr><td>{name}</td><td>A title</td></tr>"))
    .concat();
    let (rows, page) = parse(page(
        "Barcode|Title",
        &(rows + "<tr><td>$B123456</td><td>A title</td></tr>"),
    ));
    assert_eq!(
        rows.iter().map(|row| row.barcode.as_str()).collect::<Vec<_>>(),
        ["$B123456"]
    );
    assert_eq!(page.rejected.len(), 9, "{:?}", page.rejected);
    assert!(
        page.rejected.iter().all(|row| row.about().is_none()),
        "{:?}",
        page.rejected
    );
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
fn all_tables_that_name_volumes_are_read() {
    let head = |names: &str| {
        let names: String = names.split('|').map(|name| format!("<td>{name}</td>")).collect();
        format!("<tr class=heading>{names}</tr>")
    };
    let table = |head: &str, rows: &str| format!("<h3>Converted 2025/06/01</h3><table>{head}{rows}</table>");
    let row = |barcode: &str| format!("<tr><td>{barcode}</td><td>A</td></tr>");
    let list = head("Barcode|Title");
    let sections = table(
        &list,
        &(row("TL0001") + "</tbody>" + &head("Converted 2025/06/02") + &row("TL0002")),
    );
    let search = table(
        &head("Barcode|Search"),
        "<tr><td><input name=barcodes></td><td><input type=submit></td></tr>",
    );
    let states = table(&head("State|Count"), "<tr><td>NEW</td><td>5000</td></tr>");
    for (html, expected) in [
        (
            table(&list, &row("TL0001")) + &table(&list, &row("TL0002")),
            &["TL0001", "TL0002"][..],
        ),
        (sections, &["TL0001", "TL0002"]),
        (search + &table(&list, &row("TL0001")), &["TL0001"]),
        (states.clone() + &table(&list, &row("TL0001")) + &states, &["TL0001"]),
        // The second one has other columns, within the same table too.
        (
            table(&list, &row("TL0001")) + &table(&head("Title|Barcode"), "<tr><td>B</td><td>TL0002</td></tr>"),
            &["TL0001", "TL0002"],
        ),
        (
            table(
                &list,
                &(row("TL0001") + &head("Title|Barcode") + "<tr><td>B</td><td>TL0002</td></tr>"),
            ),
            &["TL0001", "TL0002"],
        ),
    ] {
        assert_eq!(
            barcodes(format!("<html><body>{html}</body></html>")),
            expected,
            "{html}"
        );
    }
    // A part of the list whose columns are not named, or whose books stand in its foot.
    for rest in [
        table("", &row("TL0002")),
        table(
            "<tr><td>Barcode</td></tr>",
            "<tr><td><a href=x>TL0002.tar.gz.gpg</a></td></tr>",
        ),
        table(&head("State|Count"), &row("39015012345678")),
        table(&list, &format!("<tfoot>{}</tfoot>", row("TL0002"))),
        table(&list, "<tr><td colspan=2>TL0002</td></tr>"),
    ] {
        let (rows, page) = parse(table(&list, &row("TL0001")) + &rest);
        assert_eq!((rows.len(), page.doubt), (1, Some(EndDoubt::Trouble)), "{rest}");
    }
}

#[test]
fn a_barcode_and_its_archive_with_another_prefix_than_the_library_agree() {
    for (columns, names) in [
        ("Barcode|Filename", ["TL0001", "EXU_TL0001.tar.gz.gpg"]),
        ("Filename|Barcode", ["EXU_TL0001.tar.gz.gpg", "TL0001"]),
    ] {
        let row = format!("<tr><td>{}</td><td>{}</td></tr>", names[0], names[1]);
        let (rows, read) = parse(page(columns, &row));
        assert_eq!(
            (rows[0].barcode.as_str(), read.rejected.len()),
            ("TL0001", 0),
            "{columns}"
        );
        let file = rows[0].file_name.as_ref().map(crate::grin::FileName::as_str);
        assert_eq!(file, Some("EXU_TL0001.tar.gz.gpg"), "{columns}");
        let (rows, read) = parse(page(columns, &row.replace(">TL0001", ">TL0002")));
        assert_eq!((rows.len(), read.rejected.len()), (0, 1), "{columns}");
    }
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
fn a_table_within_a_cell_is_part_of_the_cell() {
    let nested = "<table><tr><td>Vol.</td><td>2</td></tr></table>";
    assert_eq!(titles(&[&format!("Tides {nested}")]), [Some("Tides Vol. 2".to_owned())]);
}

/// Titles are read in the encoding that the page declares: by its header, else by its `<meta>`.
#[test]
fn titles_are_read_as_the_page_declares() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let page = |head: &str, title: &[u8]| {
        let html = "<table><tr class=heading><td>Barcode</td><td>Title</td></tr><tr><td>TL0001</td><td>";
        [
            format!("<html><head>{head}</head><body>{html}").as_bytes(),
            title,
            b"</td></tr></table></body></html>",
        ]
        .concat()
    };
    let in_meta = "<meta charset=iso-8859-1>";
    let as_type = "<meta http-equiv=Content-Type content='text/html; charset=windows-1252'>";
    for (content_type, head, title, read, warned) in [
        ("text/html; charset=ISO-8859-1", "", &b"\xdcber"[..], "Über", 0),
        ("text/html", in_meta, b"\xdcber", "Über", 0),
        ("", as_type, b"\x96 \xdcber", "– Über", 0),
        ("text/html; charset=utf-8", in_meta, "Über".as_bytes(), "Über", 0),
        ("text/html", "", "Über".as_bytes(), "Über", 0),
        ("text/html", "", b"\xdcber", "\u{fffd}ber", 1),
    ] {
        let mut parser = ListPageParser::served_as(&library, &Url::parse(URL).unwrap(), content_type);
        let mut rows = parser.push(&page(head, title)).unwrap();
        let (rest, ended) = parser.finish();
        rows.extend(rest);
        assert_eq!(rows[0].title.as_deref(), Some(read), "{content_type} {head}");
        assert_eq!(ended.warnings.len(), warned, "{content_type} {head}");
    }
}

#[test]
fn rows_after_a_heading_that_is_not_marked_as_one_are_read_by_it() {
    let row = |cells: [&str; 3]| format!("<tr><td>{}</td></tr>", cells.join("</td><td>"));
    for (again, second) in [
        (["Title", "State", "Barcode"], ["Two", "CONVERTED", "TL0002"]),
        (["Barcode", "State", "Title"], ["TL0002", "CONVERTED", "Two"]),
    ] {
        let rows = [row(["TL0001", "One", "NEW"]), row(again), row(second)].concat();
        let (rows, page) = parse(page("Barcode|Title|State", &rows));
        assert!(page.complete && page.rejected.is_empty(), "{page:?}");
        assert_eq!(rows.len(), 2, "{again:?}");
        assert_eq!(
            (rows[1].barcode.as_str(), rows[1].title.as_deref()),
            ("TL0002", Some("Two"))
        );
        assert_eq!(rows[1].grin_state, Some(GrinState::Converted));
    }
}
