//! `grind parse` on inputs that libraries have met (tests/cases/lists, tests/cases/tsv), each with its right answer.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Runs `grind parse` in the folder of cases.
fn parse(arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
    let ended = command
        .arg("parse")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)))
}

fn page(file: &str, query: &str) -> Value {
    let url = format!("https://books.google.com/libraries/EXAMPLE/_all_books{query}");
    parse(&["list-page", file, "--url", &url])
}

#[test]
fn pagers_lead_on_in_every_form() {
    for file in ["pager-image", "pager-count", "pager-form"] {
        let page = page(&format!("lists/{file}.html"), "?result_count=2");
        let next = "https://books.google.com/libraries/EXAMPLE/_all_books?result_count=2&first=3";
        assert_eq!(
            (&page["next"], &page["complete"]),
            (&json!(next), &json!(true)),
            "{file}"
        );
    }
}

#[test]
fn a_way_back_is_no_way_on() {
    let page = page("lists/last-page.html", "?result_count=2&first=3");
    assert_eq!((&page["next"], &page["complete"]), (&Value::Null, &json!(true)));
}

#[test]
fn barcodes_as_libraries_have_them() {
    let page = page("lists/odd-barcodes.html", "");
    assert_eq!(
        (&page["rows"][0]["barcode"], &page["rows"][1]["barcode"]),
        (&json!("$B988123"), &json!("+Z204417703"))
    );
    for barcode in ["$B988123", "+Z204417703"] {
        assert_eq!(parse(&["barcode", "--", barcode])["valid"], true, "{barcode}");
    }
    for bad in ["-rf", "_all_books", "a/b", "$B 1"] {
        assert_eq!(parse(&["barcode", "--", bad])["valid"], false, "{bad}");
    }
}

#[test]
fn a_torn_row_is_told_and_its_book_has_no_facts() {
    let table = parse(&["tsv", "tsv/torn-row.tsv"]);
    let books = table["books"].as_object().unwrap();
    assert_eq!(books.keys().collect::<Vec<_>>(), ["TL7700000022"]);
    assert_eq!(books["TL7700000022"]["grin_viewability"], "VIEW_SNIPPET");
    assert!(
        table["warnings"][0].as_str().unwrap().contains("TL7700000021"),
        "{table}"
    );
}

#[test]
fn lines_ended_by_cr_alone_are_rows() {
    let table = parse(&["tsv", "tsv/carriage-returns.tsv"]);
    let books = table["books"].as_object().unwrap();
    assert_eq!(books.keys().collect::<Vec<_>>(), ["TL7700000021", "TL7700000022"]);
}
