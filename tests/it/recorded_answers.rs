//! Answers as servers really gave them (tests/cases/http), each in a run of the real program.

use crate::support::recorded::{RecordedHome, RecordedRequest, answer, case, page, text};
use crate::support::sha256;

/// `grind collect` of the one list that matters here.
const COLLECT: &[&str] = &["collect", "--queue", "unconverted"];

/// The archive of [`case`]s about bodies, decrypted.
const ARCHIVE: &str = "868c3de08829c0d1ebb228e2f31bd2d5b18a00126153f0d873e1fac8e78153e5";

/// The lists of a library with these volumes, none of them converted.
fn lists(request: &RecordedRequest, barcodes: &[&str]) -> Vec<u8> {
    match request.target.split('?').next().unwrap() {
        "_all_books" if request.target.contains("format=text") => text(barcodes),
        "_all_books" => page(barcodes),
        "_available" | "_in_process" => text(&[]),
        "_converted" | "_failed" if request.target.contains("format=text") => text(&[]),
        "_converted" | "_failed" => page(&[]),
        _ => answer("404 Not Found", "text/html", "<html></html>"),
    }
}

#[test]
fn a_list_and_a_table_that_were_coded_unasked_are_read() {
    let home = RecordedHome::new(|request| match request.target.split('?').next().unwrap() {
        "_all_books" if !request.target.contains("format=text") => case("list-gzip.answer"),
        "_barcode_search" => case("search-gzip.answer"),
        _ => lists(request, &["TL7700000041"]),
    });
    let run = home.grind(COLLECT);
    assert_eq!(run.status.code(), Some(0), "{}", run.err);
    let known = |value: &str| vec![("TL7700000041".to_owned(), Some(value.to_owned()))];
    assert_eq!(home.column("title"), known("Lichens"));
    let run = home.grind(&["enrich"]);
    assert_eq!(run.status.code(), Some(0), "{}", run.err);
    assert_eq!(home.column("grin_state"), known("NEW"));
    assert_eq!(home.column("grin_viewability"), known("VIEW_SNIPPET"));
}

/// The archive: its first GET breaks off at byte 5000, the rest comes as recorded, and what lacks then as the standard says.
fn cut_archive(request: &RecordedRequest, rest: &str) -> Vec<u8> {
    let whole = case("TL7700000042.tar.gz.gpg");
    let first = request.header("range").and_then(|range| range.strip_prefix("bytes="));
    match first.map(|range| range.trim_end_matches('-').parse::<usize>().unwrap()) {
        None => case("200-cut.answer"),
        Some(5_000) => case(rest),
        Some(first) => {
            let (last, total) = (whole.len() - 1, whole.len());
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nETag: \"c-7f3a\"\r\nContent-Range: bytes {first}-{last}/{total}\r\n\
                 Content-Length: {}\r\n\r\n",
                total - first
            );
            [head.as_bytes(), &whole[first..]].concat()
        }
    }
}

#[test]
fn an_archive_whose_rest_comes_in_another_way_than_asked_for_is_stored() {
    for (rest, gets) in [
        ("206-total-unknown.answer", 2),
        ("206-begins-earlier.answer", 2),
        ("206-shorter.answer", 3),
    ] {
        let home = RecordedHome::new(move |request| match request.target.as_str() {
            "TL7700000042.tar.gz.gpg" if request.method == "GET" => cut_archive(request, rest),
            "TL7700000042.tar.gz.gpg" => {
                b"HTTP/1.1 200 OK\r\nETag: \"c-7f3a\"\r\nContent-Length: 13624\r\n\r\n".to_vec()
            }
            target if target.starts_with("_barcode_search") => {
                let facts = "Barcode\tState\tViewability\nTL7700000042\tCONVERTED\tVIEW_FULL\n";
                answer("200 OK", "text/plain", facts)
            }
            _ => lists(request, &["TL7700000042"]),
        });
        let run = home.grind(&["sync", "--barcodes", "TL7700000042"]);
        assert_eq!(run.status.code(), Some(0), "{rest}: {}", run.err);
        let stored = home.folder.path().join("library/raw/TL7700000042/TL7700000042.tar.gz");
        assert_eq!(sha256(&stored), ARCHIVE, "{rest}");
        let asked = home.seen("TL7700000042.tar.gz.gpg");
        let ranges: Vec<_> = asked.iter().filter(|request| request.method == "GET").collect();
        assert_eq!(ranges.len(), gets, "{rest}");
        assert_eq!(ranges[1].header("range"), Some("bytes=5000-"), "{rest}");
    }
}

/// The longest wait that is obeyed is a day; both forms of the date say years.
#[test]
fn a_wait_until_a_date_is_read_in_the_old_forms_too() {
    for name in ["429-date-rfc850.answer", "429-date-asctime.answer"] {
        let home = RecordedHome::new(move |request| match request.target.split('?').next().unwrap() {
            "_barcode_search" => case(name),
            _ => lists(request, &["TL7700000041"]),
        });
        assert_eq!(home.grind(COLLECT).status.code(), Some(0));
        let run = home.grind(&["enrich"]);
        assert!(run.err.contains("seconds=86400"), "{name}: {}", run.err);
        assert_eq!(run.status.code(), Some(1), "{name}: {}", run.err);
        assert_eq!(home.seen("_barcode_search").len(), 1, "{name}: nobody asks meanwhile");
    }
}

/// The last chunk is missing, however politely TLS was closed: half a word is recorded for no book.
#[test]
fn a_table_that_is_cut_behind_an_orderly_close_of_tls_is_not_taken() {
    let home = RecordedHome::over_tls(|request| match request.target.split('?').next().unwrap() {
        "_barcode_search" => case("search-cut-over-tls.answer"),
        _ => lists(request, &["TL7700000061", "TL7700000062"]),
    });
    let run = home.grind(COLLECT);
    assert_eq!(run.status.code(), Some(0), "{}", run.err);
    let run = home.grind(&["enrich"]);
    assert_eq!(run.status.code(), Some(1), "{}", run.err);
    assert!(home.seen("_barcode_search").len() > 1, "it is asked for again");
    let viewability = home.column("grin_viewability");
    assert!(
        viewability
            .iter()
            .all(|(_, value)| value.as_deref().is_none_or(|value| value == "VIEW_SNIPPET")),
        "{viewability:?}"
    );
}

/// A page with neither length nor chunks is proven by its last tag, also where TLS is closed after it.
#[test]
fn a_list_that_ends_with_its_connection_is_read() {
    let script = |request: &RecordedRequest| {
        let whole = lists(request, &["TL7700000041"]);
        let whole = String::from_utf8(whole).unwrap();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        let framed = !body.ends_with("</html>");
        let head: Vec<_> = head
            .lines()
            .filter(|line| framed || !line.starts_with("Content-Length"))
            .collect();
        format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
    };
    for home in [RecordedHome::new(script), RecordedHome::over_tls(script)] {
        let run = home.grind(COLLECT);
        assert_eq!(run.status.code(), Some(0), "{}", run.err);
        assert_eq!(home.column("title").len(), 1, "{}", run.err);
    }
}
