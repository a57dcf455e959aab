//! `grind parse` on one input of each kind.

use clap::Parser;

use crate::cli::parse::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ParseArgs,
}

/// Runs `grind parse` with these words, `FILE` being a file with this content.
pub(super) fn parse(words: &[&str], content: &[u8]) -> (Value, u8) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, content).unwrap();
    let words = words
        .iter()
        .map(|word| if *word == "FILE" { file.to_str().unwrap() } else { word });
    let line = Line::try_parse_from(std::iter::once("parse").chain(words)).unwrap();
    let mut out = Vec::new();
    let outcome = run(&line.args, &mut out).unwrap();
    (
        serde_json::from_slice(&out).unwrap(),
        u8::from(outcome == ParseOutcome::Refused),
    )
}

#[test]
fn list_page() {
    let page = b"<table><tr class=heading><td>Barcode<td>State<td>Scanned Date</tr>\
        <tr><td>TL0001<td>NEW<td>2011/02/03 04:05</tr><tr><td>../x<td><td></tr></table>\
        <a href='?first=2'>Next</a>";
    let url = "https://books.google.com/libraries/TESTLIB/_all_books";
    let (json, code) = parse(&["list-page", "FILE", "--url", url], page);
    let row = json!({"barcode": "TL0001", "grin_state": "NEW", "scanned_date": "2011-02-03T04:05:00"});
    assert_eq!((&json["rows"], code), (&json!([row]), 0));
    assert_eq!(
        (&json["next"], &json["complete"]),
        (&json!(format!("{url}?first=2")), &json!(true))
    );
    assert_eq!(
        (&json["rejected"][0]["barcode"], &json["refusal"]),
        (&json!("../x"), &Value::Null)
    );
    let (json, code) = parse(&["list-page", "FILE", "--url", url], b"<p>hello");
    assert_eq!(
        (&json["refusal"], &json["complete"], code),
        (&json!("not_a_list"), &json!(false), 1)
    );
}

#[test]
fn texts() {
    let (json, _) = parse(
        &["text-list", "FILE", "--library", "TESTLIB"],
        b"TESTLIB_TL0001.tar.gz.gpg\n",
    );
    assert_eq!(json["barcodes"], json!(["TL0001"]));
    let (json, code) = parse(&["tsv", "FILE"], b"Barcode\tState\tMood\nTL0001\tNEW\tx\n");
    assert_eq!(json["books"], json!({"TL0001": {"grin_state": "NEW"}}));
    assert_eq!((&json["columns_unknown"], code), (&json!(["Mood"]), 0));
    let (json, code) = parse(&["tsv", "FILE"], b"<html>");
    assert_eq!((&json["refusal"], code), (&json!("html"), 1));
}

#[test]
fn process() {
    let body = b"Barcode\tStatus\nTL0001\tAlready being converted\n";
    let (json, code) = parse(&["process", "FILE", "--barcode", "TL0001"], body);
    assert_eq!(
        (&json["outcome"], &json["words"], code),
        (&json!("in_process"), &json!("Already being converted"), 0)
    );
    let (json, _) = parse(&["process", "FILE", "--status", "429", "--barcode", "TL0001"], b"");
    assert_eq!(json["outcome"], "queue_full");
    let (json, _) = parse(&["process", "FILE", "--status", "503"], b"");
    assert_eq!(json["outcome"], "unavailable_service");
}

#[test]
fn failed() {
    let page = b"<html><body><table><tr class=heading><td>Barcode<td>Convert Failed Date<td>Convert Failed Info\
        <td>Detailed Convert Failed Info</tr><tr><td>TL0001<td>2020/01/02 03:04<td>E1<td>why</tr></table></body></html>";
    let row = json!([{"barcode": "TL0001", "convert_failed_date": "2020-01-02T03:04:00",
        "convert_failed_info": "E1", "detailed_convert_failed_info": "why"}]);
    assert_eq!(parse(&["failed", "FILE"], page).0["rows"], row);
    let text = b"TL0001\t\t\t\t2020/01/02 03:04\tE1\t\twhy\t\n";
    assert_eq!(parse(&["failed", "FILE"], text).0["rows"], row);
}

#[test]
fn words() {
    let (json, code) = parse(&["barcode", "TL0001"], b"");
    assert_eq!(
        (&json["valid"], &json["value"], code),
        (&json!(true), &json!("TL0001"), 0)
    );
    let (json, code) = parse(&["barcode", "../x"], b"");
    assert_eq!(
        (&json["valid"], json["reason"].is_string(), code),
        (&json!(false), true, 1)
    );
    assert_eq!(parse(&["library", "a b"], b"").1, 1);
    assert_eq!(
        parse(&["date", "2011/02/03 04:05"], b"").0["value"],
        "2011-02-03T04:05:00"
    );
    assert_eq!(parse(&["date", "soon"], b"").0["value"], "soon");
    assert_eq!(parse(&["etag", "\"a\"", "\"a\""], b"").0["decision"], "skip");
    assert_eq!(parse(&["etag", "\"a\"", "null"], b"").0["decision"], "download");
    assert_eq!(parse(&["etag", "", "\"a\""], b"").0["decision"], "error");
}
