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
    /// Names of columns that are not known; their cells are skipped.
    pub columns_unknown: Vec<String>,
    /// Rows that were not taken.
    pub rejected: Vec<RejectedRow>,
    /// Volumes whose row has fewer cells than there are columns: a line break within a cell has torn it, or the answer ends in it. They are
    /// not in `books` for that row, because the last cell may be half of one.
    pub torn: Vec<Barcode>,
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
        short: None,
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
    /// The last row, if it had fewer cells than there are columns.
    short: Option<ShortRow>,
    long_rows: u64,
    unnoted: u64,
    tsv: TsvReader,
}

/// A torn row; the next line may be the rest of it.
struct ShortRow {
    cells: usize,
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
        let parsed = Barcode::parse(&name);
        if self.continues(header, line, parsed.is_ok()) {
            return;
        }
        let barcode = match parsed {
            Ok(barcode) => barcode,
            Err(bad) => return self.reject(RejectedRow::new(&name, bad)),
        };
        let count = line.split('\t').count();
        if count < header.columns.len() {
            return self.tear(barcode, count);
        }
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
        let known = self.tsv.books.get(&barcode);
        let is_new = known.is_none();
        if known.is_some_and(|known| *known != book) {
            self.warn(format!("{barcode} has two rows that differ; the first counts"));
        }
        if is_new {
            self.tsv.books.insert(barcode, book);
        }
    }

    /// A row with too few cells. What it says is dropped: cells are missing, and its last one may be half of one.
    fn tear(&mut self, barcode: Barcode, cells: usize) {
        self.short = Some(ShortRow { cells });
        self.warn(format!("the row of {barcode} is torn; its facts were not taken"));
        self.tsv.torn.push(barcode);
    }

    /// Whether a line is the rest of the row before it, which a line break within a cell has torn: that row lacked cells, and
    /// this line names no volume, or has just the cells that were lacking.
    fn continues(&mut self, header: &Header, line: &str, names_a_volume: bool) -> bool {
        let Some(short) = self.short.take() else { return false };
        let cells = line.split('\t').count();
        let together = short.cells + cells - 1;
        // A line with all cells is a row of its own, and so is one that does not fill the gap.
        let fits = cells < header.columns.len() && together == header.columns.len();
        if names_a_volume && !fits {
            return false;
        }
        if together < header.columns.len() {
            // Torn once more: the next line may be the rest.
            self.short = Some(ShortRow { cells: together });
        }
        true
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
            book(&tsv, "tl0001").get("grin_state").map(FieldValue::stored),
            Some("NEW".to_owned()),
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
        assert_eq!(book(&tsv, "TL0001").get("ocr_date"), None);
    }

    #[test]
    fn crlf_keeps_the_last_column_and_a_mark_the_first() {
        let tsv = parse_tsv("\u{feff}Barcode\tState\r\nTL0001\tNEW\r\n".as_bytes());
        assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
    }

    #[test]
    fn cells_that_are_empty_are_absent() {
        let tsv = parse_tsv(format!("{HEADER}\nTL0001\t\t\t\t\nTL0002\t\t \tx\t\n").as_bytes());
        assert_eq!(book(&tsv, "TL0001"), &BookEnrichment::default());
        assert_eq!(stored(&tsv, "TL0002"), [("grin_ocr_analysis_score", "x".to_owned())]);
    }

    #[test]
    fn a_row_with_too_few_cells_is_told_and_not_taken() {
        let whole = "TL0009\t\tNEW\t1\t\n";
        for (rows, torn, books) in [
            // The rest begins with words, with what could be a barcode, or is torn again.
            (
                "TL0001\tLichens\nand their keys\tNEW\t7\t\n",
                &["TL0001"][..],
                &["TL0009"][..],
            ),
            ("TL0001\tLichens\nkeys\tNEW\t7\t\n", &["TL0001"], &["TL0009"]),
            (
                "TL0001\tLichens\n and so\n\n keys\tNEW\t7\t\n",
                &["TL0001"],
                &["TL0009"],
            ),
            // The cell before the missing ones may be half of one.
            ("TL0001\t\tNEW\n", &["TL0001"], &["TL0009"]),
            ("TL0001\nTL0002\n", &["TL0001", "TL0002"], &["TL0009"]),
            ("TL0001\n", &["TL0001"], &["TL0009"]),
            // The rest looks like a volume of its own.
            ("TL0001\nNEW\t7\t\n", &["TL0001", "NEW"], &["TL0009"]),
            (
                "TL0001\t\tNEW\nTL0001\t\tNEW\t7\t\n",
                &["TL0001"],
                &["TL0001", "TL0009"],
            ),
        ] {
            let tsv = parse_tsv(format!("{HEADER}\n{rows}{whole}").as_bytes());
            let names = |barcodes: Vec<&Barcode>| barcodes.iter().map(|b| b.to_string()).collect::<Vec<_>>();
            assert_eq!(names(tsv.torn.iter().collect()), torn, "{rows}");
            assert_eq!(names(tsv.books.keys().collect()), books, "{rows}");
            assert_eq!(tsv.warnings.len(), torn.len(), "{rows}");
        }
    }

    #[test]
    fn a_last_row_that_is_cut_is_torn() {
        for last in ["TL0002\t\tNE", "TL0002\t2011/02/03 04:05\tNEW\t7", "TL0002"] {
            let tsv = parse_tsv(format!("{HEADER}\nTL0001\t\tNEW\t1\t\n{last}").as_bytes());
            assert_eq!(
                (tsv.books.len(), tsv.torn.len(), tsv.warnings.len()),
                (1, 1, 1),
                "{last}"
            );
        }
        let whole = format!("{HEADER}\nTL0002\t\tNEW\t1\t2012-02-03");
        assert_eq!(parse_tsv(whole.as_bytes()).books.len(), 1);
    }

    #[test]
    fn lines_ended_by_cr_alone_are_rows() {
        let tsv = parse_tsv(b"Barcode\tState\rTL0001\tNEW\rTL0002\tNEW\r");
        assert_eq!((tsv.books.len(), tsv.refusal, tsv.warnings.len()), (2, None, 0));
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
        assert_eq!(stored(&tsv, "TL0001"), [("grin_state", "NEW".to_owned())]);
        assert_eq!((tsv.columns_unknown, tsv.warnings.len()), (vec!["Mood".to_owned()], 2));
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
