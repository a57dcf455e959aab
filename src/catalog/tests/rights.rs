//! Rights that a hathifile tells of, and exports of some of the books.

use std::io::{self, Read, Write as _};

use crate::catalog::tests::shelf::{HOUR, Shelf, barcode, three};
use crate::catalog::*;

/// A row of a hathifile.
fn row(volume: &str, access: &str, code: &str, time: &str) -> String {
    let after = "0\t1969\tnyu\teng\tBK\tHVD\tharvard\tharvard\tgoogle\tgoogle\tSomebody, 1900-";
    format!("{volume}\t{access}\t{code}\t000000067\t\tHVD\t99\t4270\t\t\t\tA title\tNew York\tbib\t{time}\t{after}\n")
}

fn import(shelf: &mut Shelf, bytes: &[u8], namespaces: &[&str]) -> Result<RightsReport, RightsImportError> {
    let reader = shelf.reader();
    let namespaces: Vec<_> = namespaces.iter().map(|name| (*name).to_owned()).collect();
    let bytes = bytes.to_vec();
    let import = RightsImport {
        file: &|| Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read>),
        namespaces: &namespaces,
        books: &reader,
        into: &mut shelf.ledger,
        may_go_on: &|| true,
    };
    import.run()
}

fn codes(shelf: &Shelf) -> [Option<String>; 3] {
    ["TL0001", "TL0002", "TL0003"].map(|code| shelf.text(code, "rights_code"))
}

fn known(codes: [&str; 3]) -> [Option<String>; 3] {
    codes.map(|code| Some(code.to_owned()).filter(|code| !code.is_empty()))
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf
}

const TIME: &str = "2020-01-01 00:00:00";

#[test]
fn rights_are_recorded_by_barcode_and_what_the_file_does_not_say_stays_unknown() {
    let mut shelf = shelf();
    let file = [
        row("hvd.tl0001", "allow", "pd", TIME),
        row("hvd.tl0009", "allow", "pd", TIME),
        row("uc2.ark:/13960/t0000xw9z", "deny", "ic", TIME),
        "half a line\n".into(),
        row("hvd.tl0003", "deny", "ic", ""),
    ];
    let report = import(&mut shelf, file.concat().as_bytes(), &[]).unwrap();
    assert_eq!(codes(&shelf), known(["pd", "", "ic"]));
    assert_eq!(
        (report.rows, report.matched, report.not_in_catalog, report.no_barcode),
        (4, 2, 1, 1)
    );
    assert_eq!(
        (report.counts.recorded, report.malformed, report.books_without),
        (2, 1, 1)
    );
    assert_eq!(report.malformed_lines[0].line, 4);
    let story = shelf.reader().explain(&barcode("TL0001")).unwrap().unwrap();
    let told = [
        "hathitrust_id",
        "rights_access",
        "rights_reason",
        "rights_timestamp",
        "rights_date_used",
    ];
    assert_eq!(
        told.map(|column| story.book[column].as_str().unwrap().to_owned()),
        ["hvd.tl0001", "allow", "bib", "2020-01-01T00:00:00", "1969"]
    );
    assert!(story.to_string().contains("at HathiTrust: "), "{story}");
    assert_eq!(shelf.text("TL0003", "rights_timestamp"), None);
}

#[test]
fn a_later_import_replaces_and_what_it_does_not_name_stays() {
    let mut shelf = shelf();
    let first = row("hvd.tl0001", "deny", "ic", TIME) + &row("hvd.tl0002", "allow", "pd", TIME);
    import(&mut shelf, first.as_bytes(), &[]).unwrap();
    let second = row("hvd.tl0001", "allow", "pdus", "2024-01-01 00:00:00");
    let report = import(&mut shelf, second.as_bytes(), &[]).unwrap();
    assert_eq!((report.counts.recorded, report.books_without), (1, 2));
    assert_eq!(codes(&shelf), known(["pdus", "pd", ""]));
    // The file before the last once more: of one book it says what is known, of the other what was known before.
    let report = import(&mut shelf, first.as_bytes(), &[]).unwrap();
    assert_eq!(
        (report.counts.recorded, report.counts.unchanged, report.counts.older),
        (0, 1, 1)
    );
    assert_eq!(codes(&shelf), known(["pdus", "pd", ""]));
}

#[test]
fn a_book_that_several_rows_name_is_left_as_it_is_unless_a_namespace_decides() {
    let mut shelf = shelf();
    let file = row("hvd.tl0001", "allow", "pd", TIME) + &row("coo.tl0001", "deny", "ic", TIME);
    let report = import(&mut shelf, file.as_bytes(), &[]).unwrap();
    assert_eq!((report.ambiguous, report.counts.recorded), (2, 0));
    assert_eq!(report.ambiguous_rows[1].to_string(), "line 2: coo.tl0001");
    assert_eq!(codes(&shelf), known(["", "", ""]));
    let report = import(&mut shelf, file.as_bytes(), &["hvd"]).unwrap();
    assert_eq!((report.left_out, report.ambiguous, report.counts.recorded), (1, 0, 1));
    assert_eq!(codes(&shelf), known(["pd", "", ""]));
}

#[test]
fn a_refused_file_changes_nothing() {
    let mut shelf = shelf();
    let good = row("hvd.tl0001", "allow", "pd", TIME);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(good.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let cut = import(&mut shelf, &packed[..packed.len() - 5], &[]).unwrap_err();
    assert!(matches!(cut, RightsImportError::Read { .. }), "{cut}");
    for text in ["", "<html>\n<body>\n", "Barcode,Title\nTL0001,A title\n"] {
        let refused = import(&mut shelf, text.as_bytes(), &[]).unwrap_err();
        assert!(matches!(refused, RightsImportError::NotHathifile { .. }), "{refused}");
    }
    assert_eq!(codes(&shelf), known(["", "", ""]));
    import(&mut shelf, &packed, &[]).unwrap();
    assert_eq!(codes(&shelf), known(["pd", "", ""]));
}

#[test]
fn many_rows_are_recorded_in_several_transactions() {
    let mut shelf = Shelf::new();
    let name = |n: usize| format!("TL{n:06}");
    let books = (0..2_500).map(|n| barcode(&name(n))).collect();
    shelf.ledger.execute(EnsureKnown(books)).unwrap();
    let file: String = (0..2_500)
        .map(|n| row(&format!("hvd.{}", name(n).to_lowercase()), "deny", "ic", TIME))
        .collect();
    let report = import(&mut shelf, file.as_bytes(), &[]).unwrap();
    assert_eq!(
        (report.matched, report.counts.recorded, report.books_without),
        (2_500, 2_500, 0)
    );
    assert_eq!(report.namespaces.get("hvd"), Some(&2_500));
    for n in [0, 999, 1_000, 2_499] {
        assert_eq!(shelf.text(&name(n), "rights_code").as_deref(), Some("ic"), "{n}");
    }
}

#[test]
fn rights_count_as_something_that_was_recorded_of_a_book() {
    let mut shelf = shelf();
    shelf.clock.advance(HOUR);
    let since = Some(shelf.clock.now());
    let file = row("hvd.tl0001", "allow", "pd", TIME);
    import(&mut shelf, file.as_bytes(), &[]).unwrap();
    let mut jsonl = Vec::new();
    let filter = ExportFilter {
        since,
        ..ExportFilter::default()
    };
    assert_eq!(shelf.reader().export_jsonl(&filter, &mut jsonl).unwrap(), 1);
    let text = String::from_utf8(jsonl).unwrap();
    assert!(text.contains("\"TL0001\"") && text.contains("\"hvd.tl0001\""), "{text}");
}
