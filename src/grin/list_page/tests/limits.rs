//! List pages that are large, deep or broken take bounded memory; and how fast one is read.

use crate::grin::list_page::tests::*;

#[test]
fn a_cell_of_ten_megabytes_costs_one_row() {
    let cell = "x".repeat(10 << 20);
    let rows = format!("<tr><td>TL0001</td><td>{cell}</td></tr><tr><td>TL0002</td><td>B</td></tr>");
    let (rows, page) = parse(page("Barcode|Title", &rows));
    assert_eq!(
        rows.iter().map(|row| row.barcode.as_str()).collect::<Vec<_>>(),
        ["TL0002"]
    );
    assert_eq!((page.rejected[0].barcode.as_str(), page.complete), ("TL0001", true));
}

#[test]
fn a_page_beyond_the_limit_is_refused_while_it_comes() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let limits = PageLimits {
        page: 1 << 20,
        ..PageLimits::default()
    };
    let mut parser = ListPageParser::with_limits(&library, &Url::parse(URL).unwrap(), limits);
    let piece = vec![b'x'; 1 << 19];
    assert!(parser.push(&piece).is_ok() && parser.push(&piece).is_ok());
    assert_eq!(parser.push(&piece), Err(ListRefusal::TooLarge { limit: 1 << 20 }));
    assert!(parser.push(b"<").is_err(), "once refused, always refused");
    assert_eq!(parser.finish().1.refusal, Some(AnswerRefusal::TooLarge));
}

#[test]
fn deep_nesting_and_endless_tags_are_bounded() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let limits = PageLimits {
        memory: 1 << 20,
        ..PageLimits::default()
    };
    for piece in ["<div>", "<table><tr><td>", "<a href='", "<table>", "<b x"] {
        let mut parser = ListPageParser::with_limits(&library, &Url::parse(URL).unwrap(), limits);
        let many = piece.repeat(4_000);
        let refused = (0..400).find_map(|_| parser.push(many.as_bytes()).err());
        assert_eq!(refused, Some(ListRefusal::TooDeep { limit: 1 << 20 }), "{piece}");
        assert_eq!(parser.finish().1.refusal, Some(AnswerRefusal::TooDeep));
    }
}

#[test]
fn rows_left_open_take_no_memory() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let limits = PageLimits {
        memory: 2 << 20,
        ..PageLimits::default()
    };
    let rows = "<tr><td>TL0001<td>A<table><tr><td>b</table>c\n".repeat(50_000);
    let html = page("Barcode|Title", &rows);
    let mut parser = ListPageParser::with_limits(&library, &Url::parse(URL).unwrap(), limits);
    let mut rows: Vec<_> = html
        .as_bytes()
        .chunks(30_011)
        .flat_map(|piece| parser.push(piece).unwrap())
        .collect();
    let (rest, list) = parser.finish();
    rows.extend(rest);
    assert!(rows.len() == 50_000 && rows.iter().all(|row| row.title.as_deref() == Some("A b c")));
    assert_eq!((list.refusal, list.doubt), (None, Some(EndDoubt::FullPage)));
}

#[test]
fn a_list_ended_by_a_stray_tag_is_not_complete() {
    let list = "<table><tr class=heading><td>Barcode</tr><td>TL0001</tr><tr><td>TL0002</tr></table>";
    let (_, page) = parse(format!("<html><body><table><tr><td>{list}</tr></table></body></html>"));
    assert_eq!((page.complete, page.refusal), (false, Some(AnswerRefusal::Truncated)));
}

#[test]
fn a_parser_can_move_between_threads() {
    fn check<T: Send>() {}
    check::<ListPageParser>();
}

/// Not a test of behaviour: prints rows a CPU-second. `cargo test --release --lib list_page::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, for a release build on a quiet machine"]
fn speed() {
    let row = |i: usize, open: bool| {
        let html = format!(
            "<tr><td><input type=\"checkbox\" name=\"barcodes\" value=\"TL{i:010}\"></td><td>TL{i:010}</td>\n\
             <td>The tides &amp; winds of <i>several</i> seas, {i}</td><td>NEW</td><td>2011/02/03 04:05</td>\
             <td>2012/02/03 04:05</td><td>2013/02/03 04:05</td><td></td><td>2014/02/03 04:05</td><td>2015/02/03 04:05</td>\n\
             <td><a href=\"https://books.google.com/books?id=qQaAAAAAZZ99\">qQaAAAAAZZ99</a></td></tr>\n"
        );
        if open {
            html.replace("</td>", "").replace("</tr>", "")
        } else {
            html
        }
    };
    let heading = "|Barcode|Title|State|Scanned Date|Analyzed Date|Converted Date|Downloaded Date|Processed Date|OCR'd Date|Google Books";
    for open in [false, true] {
        let html = page(heading, &(0..50_000).map(|i| row(i, open)).collect::<Vec<_>>().concat());
        for _ in 0..5 {
            let start = cpu_seconds();
            let (rows, page) = parse(&html);
            let took = cpu_seconds() - start;
            assert_eq!((rows.len(), page.refusal), (50_000, None), "{page:?}");
            println!("tags left open: {open}, {:.0} rows a CPU-second", 50_000.0 / took);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds and nanoseconds of a short run")]
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
