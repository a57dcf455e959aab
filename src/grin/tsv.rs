//! The table that `_barcode_search` answers.

use std::collections::BTreeMap;

use crate::grin::columns;
use crate::grin::columns::ExportColumn;
use crate::grin::lines;
use crate::grin::lines::LineCutter;
use crate::grin::{AnswerRefusal, Barcode, BookEnrichment, FieldValue, RejectedRow, text};

/// Longest line taken; 25 columns of words and dates have a few hundred bytes.
const LONGEST_LINE: usize = 256 << 10;
/// Rejected rows and warnings kept.
const MOST_NOTES: usize = 1_000;

/// GRIN's facts about the volumes that it knows. Those that it does not know have no row (PROTOCOL.md, section 6).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TsvReader {
    /// What GRIN says, by barcode as GRIN writes it.
    pub books: BTreeMap<Barcode, BookEnrichment>,
    /// Names of columns that are not known; their cells were passed over.
    pub columns_unknown: Vec<String>,
    /// Rows that were not taken.
    pub rejected: Vec<RejectedRow>,
    /// Whatever else is worth a line in the log.
    pub warnings: Vec<String>,
    /// Why the answer is no such table; then nothing can be concluded about any volume.
    pub refusal: Option<AnswerRefusal>,
}

impl TsvReader {
    /// What GRIN says about a volume that was asked for; case of letters aside if there is nothing under that very name.
    pub fn of(&self, barcode: &Barcode) -> Option<&BookEnrichment> {
        let same = |other: &&Barcode| other.as_str().eq_ignore_ascii_case(barcode.as_str());
        self.books
            .get(barcode)
            .or_else(|| self.books.get(self.books.keys().find(same)?))
    }
}

/// Reads an answer of `_barcode_search`. Columns are known by their whole names, wherever they stand; there is no quoting.
pub fn parse_tsv(bytes: &[u8]) -> TsvReader {
    let tsv = TsvReader {
        refusal: lines::refused(bytes),
        ..TsvReader::default()
    };
    if tsv.refusal.is_some() {
        return tsv;
    }
    let mut table = Table {
        header: None,
        long_rows: 0,
        unnoted: 0,
        tsv,
    };
    let mut lines = LineCutter::new(LONGEST_LINE);
    lines.push(bytes, |line| table.line(line));
    let warnings = lines.finish(|line| table.line(line));
    table.finish(warnings)
}

struct Table {
    header: Option<Header>,
    long_rows: u64,
    unnoted: u64,
    tsv: TsvReader,
}

struct Header {
    columns: Vec<Option<&'static ExportColumn>>,
    /// Where the barcode stands; without it no row can be used.
    barcode: Option<usize>,
}

impl Table {
    fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        match self.header.take() {
            None => self.header = Some(self.read_header(line)),
            Some(header) => {
                self.row(&header, line);
                self.header = Some(header);
            }
        }
    }

    fn read_header(&mut self, line: &str) -> Header {
        let mut columns: Vec<Option<&'static ExportColumn>> = Vec::new();
        for name in line.split('\t').map(str::trim) {
            let column = columns::by_tsv(name);
            let twice = column.is_some() && columns.contains(&column);
            if twice {
                self.warn(format!("column {name:?} comes twice; the first counts"));
            } else if column.is_none() && !name.is_empty() {
                self.tsv.columns_unknown.push(name.chars().take(200).collect());
            }
            columns.push(column.filter(|_| !twice));
        }
        let barcode = columns
            .iter()
            .position(|column| column.is_some_and(|column| column.sql == "barcode"));
        Header { columns, barcode }
    }

    fn row(&mut self, header: &Header, line: &str) {
        let Some(at) = header.barcode else { return };
        let name = text::one_line(line.split('\t').nth(at).unwrap_or_default());
        let barcode = match Barcode::parse(&name) {
            Ok(barcode) => barcode,
            Err(bad) => return self.reject(RejectedRow::new(&name, bad)),
        };
        let mut book = BookEnrichment::default();
        let mut cells = line.split('\t');
        // In this order, so that the last step takes no cell away.
        for (column, cell) in header.columns.iter().zip(cells.by_ref()) {
            if let Some(column) = column.filter(|column| column.sql != "barcode")
                && let Some(value) = FieldValue::read(column.kind, &text::one_line(cell))
            {
                book.set(column.sql, value);
            }
        }
        self.long_rows += u64::from(cells.any(|cell| !cell.trim().is_empty()));
        match self.tsv.books.get(&barcode) {
            Some(known) if *known != book => self.warn(format!("{barcode} has two rows that differ; the first counts")),
            Some(_) => {}
            None => {
                self.tsv.books.insert(barcode, book);
            }
        }
    }

    fn reject(&mut self, rejected: RejectedRow) {
        if self.tsv.rejected.len() < MOST_NOTES {
            self.tsv.rejected.push(rejected);
        } else {
            self.unnoted += 1;
        }
    }

    fn warn(&mut self, warning: String) {
        if self.tsv.warnings.len() < MOST_NOTES {
            self.tsv.warnings.push(warning);
        } else {
            self.unnoted += 1;
        }
    }

    fn finish(mut self, warnings: Vec<String>) -> TsvReader {
        self.tsv.refusal = match &self.header {
            None => Some(AnswerRefusal::Empty),
            Some(Header { barcode: None, .. }) => Some(AnswerRefusal::BadHeader),
            Some(_) => None,
        };
        if self.tsv.refusal == Some(AnswerRefusal::BadHeader) {
            self.warn("no column is named Barcode".to_owned());
        }
        if self.long_rows > 0 {
            self.warn(format!(
                "{} rows have more cells than there are columns",
                self.long_rows
            ));
        }
        if self.unnoted > 0 {
            self.tsv
                .warnings
                .push(format!("{} more rejected rows and warnings", self.unnoted));
        }
        self.tsv.warnings.extend(warnings);
        self.tsv
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::GrinState;

    const HEADER: &str = "Barcode\tCheck-In Date\tState\tOCR Analysis Score\tOCR'd Date";

    fn book<'a>(tsv: &'a TsvReader, barcode: &str) -> &'a BookEnrichment {
        tsv.of(&Barcode::parse(barcode).unwrap()).unwrap()
    }

    fn stored(tsv: &TsvReader, barcode: &str) -> Vec<(&'static str, String)> {
        book(tsv, barcode)
            .iter()
            .map(|(sql, value)| (sql, value.stored()))
            .collect()
    }

    #[test]
    fn columns_go_to_their_names() {
        let tsv = parse_tsv(format!("{HEADER}\nTL0001\t2011/02/03 04:05\tNEW\t77\t2012-02-03\n").as_bytes());
        let expected = [
            ("grin_check_in_date", "2011-02-03T04:05:00"),
            ("grin_state", "NEW"),
            ("grin_ocr_analysis_score", "77"),
            ("ocr_date", "2012-02-03T00:00:00"),
        ];
        assert_eq!(
            stored(&tsv, "TL0001"),
            expected.map(|(sql, value)| (sql, value.to_owned()))
        );
        assert_eq!(
            book(&tsv, "tl0001").grin_state(),
            Some(GrinState::New),
            "GRIN may write another case"
        );
        assert_eq!(
            (tsv.refusal, tsv.warnings.len(), tsv.columns_unknown.len()),
            (None, 0, 0)
        );
    }

    #[test]
    fn a_score_is_no_date() {
        let tsv = parse_tsv(b"Barcode\tOCR Analysis Score\tOCR GTD Score\nTL0001\t77\t3\n");
        assert_eq!(book(&tsv, "TL0001").dates().ocr, None);
    }

    #[test]
    fn crlf_keeps_the_last_column_and_a_mark_the_first() {
        let tsv = parse_tsv("\u{feff}Barcode\tState\r\nTL0001\tNEW\r\n".as_bytes());
        assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
    }

    #[test]
    fn cells_that_are_empty_or_missing_are_absent() {
        let tsv = parse_tsv(format!("{HEADER}\nTL0001\nTL0002\t\t \tx\n").as_bytes());
        assert!(book(&tsv, "TL0001").is_empty());
        assert_eq!(stored(&tsv, "TL0002"), [("grin_ocr_analysis_score", "x".to_owned())]);
    }

    #[test]
    fn rows_that_are_too_long_are_told() {
        let tsv = parse_tsv(format!("{HEADER}\nTL0001\t\tNEW\t\t\textra\nTL0002\t\tNEW\t\t\t\t\n").as_bytes());
        assert_eq!((tsv.books.len(), tsv.warnings.len()), (2, 1));
    }

    #[test]
    fn the_barcode_is_found_by_name() {
        let tsv = parse_tsv(b"State\tBarcode\nNEW\tTL0001\n");
        assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
        let tsv = parse_tsv(b"Name\tState\nTL0001\tNEW\n");
        assert_eq!((tsv.books.len(), tsv.refusal), (0, Some(AnswerRefusal::BadHeader)));
    }

    #[test]
    fn answers_that_are_no_table() {
        let cases: [(&[u8], Option<AnswerRefusal>); 6] = [
            (b"<html><body>Barcode</body></html>", Some(AnswerRefusal::Html)),
            (
                b"<!doctype html><p>Your request is unavailable",
                Some(AnswerRefusal::Unavailable),
            ),
            (b"", Some(AnswerRefusal::Empty)),
            (b"\n\r\n", Some(AnswerRefusal::Empty)),
            (b"TL0001\tNEW\n", Some(AnswerRefusal::BadHeader)),
            (b"Barcode\tState\n", None),
        ];
        for (bytes, refusal) in cases {
            let tsv = parse_tsv(bytes);
            assert_eq!(
                (tsv.refusal, tsv.books.len()),
                (refusal, 0),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn unknown_and_doubled_columns_are_told() {
        let tsv =
            parse_tsv(b"Barcode\tMood\tState\tState\tOCR Date\tOCR'd Date\nTL0001\tsad\tNEW\tOLD\t\t2001/01/01\n");
        assert_eq!((tsv.columns_unknown, tsv.warnings.len()), (vec!["Mood".to_owned()], 2));
        assert_eq!(tsv.books.values().next().unwrap().grin_state(), Some(GrinState::New));
    }

    #[test]
    fn bad_rows_leave_the_others() {
        let long = "9".repeat(300);
        let text = format!("Barcode\tState\n../x\tNEW\n{long}\tNEW\na\u{0}b\tNEW\n\tNEW\nTL0001\tNEW\nTL0001\tOLD\n");
        let tsv = parse_tsv(text.as_bytes());
        assert_eq!((tsv.books.len(), tsv.rejected.len(), tsv.warnings.len()), (1, 4, 1));
        let endless = format!("Barcode\tState\nTL0001\t{}\nTL0002\tNEW\n", "x".repeat(10 << 20));
        assert_eq!(parse_tsv(endless.as_bytes()).books.len(), 1);
        let bad = parse_tsv(b"Barcode\tState\nTL0001\tN\xff\n");
        assert_eq!(
            (stored(&bad, "TL0001")[0].1.as_str(), bad.warnings.len()),
            ("N\u{fffd}", 1)
        );
    }
}
