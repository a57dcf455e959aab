//! Lists as text, plain or with columns.

mod columns;

use crate::grin::lines::LineCutter;
use crate::grin::list_page::{ListField, ListHeading, field_of, name_of, set};
use crate::grin::text_list::columns::{columns, fits};
use crate::grin::{AnswerRefusal, LibraryDirectory, ListKind, ListRow, RejectedRow, RejectionReason, lines, text};

/// Longest line taken.
const LONGEST_LINE: usize = 64 << 10;
/// Rejected rows kept; beyond, they are only counted.
const MOST_NOTES: usize = 1_000;
/// Bytes looked at to tell a page from a text.
const BEGINNING: usize = 4_096;

/// What a text list was, besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextList {
    /// Its rows, if it was read by [`parse_text_list`]; [`TextListParser::push`] hands them out itself.
    pub rows: Vec<ListRow>,
    /// Rows that were not taken; at most a thousand are kept.
    pub rejected: Vec<RejectedRow>,
    /// Why the text is not what was asked for; then it must not be taken for the whole list.
    pub refusal: Option<AnswerRefusal>,
    /// Whatever else is worth a line in the log.
    pub warnings: Vec<String>,
    /// Names of columns that are not known, if the text has a header.
    pub unknown_columns: Vec<String>,
}

/// Reads a text list as it arrives: one volume a line, barcode or archive's name first, and with `mode=all` the columns
/// of PROTOCOL.md, section 5, after it. A header, as `_monthly_report` has one, is read if there is one.
#[derive(Debug)]
pub struct TextListParser {
    kind: ListKind,
    library: LibraryDirectory,
    lines: LineCutter,
    beginning: Vec<u8>,
    begun: bool,
    heading: Option<ListHeading>,
    must_have_heading: bool,
    rows: Vec<ListRow>,
    out: TextList,
    taken: u64,
    unnoted: u64,
    /// Lines of which cells were left out.
    misfits: u64,
}

impl TextListParser {
    /// For one list of one library.
    pub fn new(kind: ListKind, library: &LibraryDirectory) -> Self {
        Self {
            kind,
            library: library.clone(),
            lines: LineCutter::new(LONGEST_LINE),
            beginning: Vec::new(),
            begun: false,
            heading: None,
            must_have_heading: false,
            rows: Vec::new(),
            out: TextList::default(),
            taken: 0,
            unnoted: 0,
            misfits: 0,
        }
    }

    /// A text without a header is refused (`_monthly_report` has one, PROTOCOL.md, section 1).
    #[must_use]
    pub fn headed(self) -> Self {
        Self {
            must_have_heading: true,
            ..self
        }
    }

    /// Takes the next bytes; returns the rows whose lines have ended.
    ///
    /// # Errors
    /// A page in place of text is refused, at its beginning and ever after.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<ListRow>, AnswerRefusal> {
        if self.begun {
            return self.read(bytes);
        }
        self.beginning.extend_from_slice(bytes);
        if self.beginning.len() < BEGINNING {
            Ok(Vec::new())
        } else {
            self.begin()
        }
    }

    fn begin(&mut self) -> Result<Vec<ListRow>, AnswerRefusal> {
        self.begun = true;
        let beginning = std::mem::take(&mut self.beginning);
        self.out.refusal = lines::refused(&beginning);
        self.read(&beginning)
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Vec<ListRow>, AnswerRefusal> {
        if let Some(refusal) = self.out.refusal {
            return Err(refusal);
        }
        let mut lines = std::mem::replace(&mut self.lines, LineCutter::new(0));
        lines.push(bytes, |line| self.line(line));
        self.lines = lines;
        Ok(std::mem::take(&mut self.rows))
    }

    fn line(&mut self, line: &str) {
        if line.trim().is_empty() || self.out.refusal.is_some() {
            return;
        }
        let first = self.taken == 0 && self.heading.is_none() && self.out.rejected.is_empty();
        if first && let Some(heading) = header(line) {
            self.out.unknown_columns.clone_from(&heading.unknown);
            self.heading = Some(heading);
            return;
        }
        if self.must_have_heading && self.heading.is_none() {
            self.out.refusal = Some(AnswerRefusal::NotAList);
            return;
        }
        match self.row(line) {
            Ok(row) => {
                self.taken += 1;
                self.rows.push(row);
            }
            Err(rejected) if self.out.rejected.len() < MOST_NOTES => self.out.rejected.push(rejected),
            Err(_) => self.unnoted += 1,
        }
    }

    fn row(&mut self, line: &str) -> Result<ListRow, RejectedRow> {
        let count = line.trim_end_matches('\t').split('\t').count();
        let known = self.heading.as_ref().map(|heading| heading.fields.as_slice());
        let fields = known.unwrap_or_else(|| columns(self.kind, count, line));
        let cells = || line.split('\t').map(text::one_line).zip(fields);
        let names = |field: &ListField| matches!(field, ListField::Barcode | ListField::FileName);
        let (name, _) = cells()
            .find(|(_, field)| names(field))
            .ok_or_else(|| RejectedRow::new(line, RejectionReason::TooFewCells(count)))?;
        let (barcode, file_name) = name_of(&name, &self.library).map_err(|because| RejectedRow::new(&name, because))?;
        if known.is_none() && count == 1 && file_name.is_none() && !looks_like_barcode(&name) {
            return Err(RejectedRow::new(&name, RejectionReason::LoneWord));
        }
        let mut row = ListRow {
            file_name,
            ..ListRow::bare(barcode)
        };
        // Without a heading only the place of a cell says what it is, so its text has to fit.
        let mut misfit = known.is_none() && count > fields.len();
        for (cell, field) in cells() {
            if known.is_some() || fits(*field, &cell) {
                set(&mut row, *field, &cell, None);
            } else {
                misfit = true;
            }
        }
        self.misfits += u64::from(misfit);
        Ok(row)
    }

    /// The text is over. Rows that were still held back are in [`TextList::rows`].
    pub fn finish(mut self) -> TextList {
        if !self.begun {
            // A refusal is in `out` too.
            let held = self.begin().unwrap_or_default();
            self.rows = held;
        }
        let lines = std::mem::replace(&mut self.lines, LineCutter::new(0));
        if self.out.refusal.is_none() {
            let warnings = lines.finish(|line| self.line(line));
            self.out.warnings.extend(warnings);
            let nothing_fits = self.taken == 0 && !self.out.rejected.is_empty();
            self.out.refusal = nothing_fits.then_some(AnswerRefusal::NotAList);
        }
        if self.misfits > 0 {
            let lines = self.misfits;
            let warning = format!("{lines} lines have cells that do not fit their columns; those were left out");
            self.out.warnings.push(warning);
        }
        if self.unnoted > 0 {
            self.out.warnings.push(format!("{} more rejected rows", self.unnoted));
        }
        TextList {
            rows: self.rows,
            ..self.out
        }
    }
}

/// Reads a text list that is there as a whole.
pub fn parse_text_list(bytes: &[u8], kind: ListKind, library: &LibraryDirectory) -> TextList {
    let mut parser = TextListParser::new(kind, library);
    let mut rows = parser.push(bytes).unwrap_or_default();
    let mut list = parser.finish();
    rows.append(&mut list.rows);
    TextList { rows, ..list }
}

/// A first line that names columns instead of a volume, in whatever order.
fn header(line: &str) -> Option<ListHeading> {
    let names = |cell: &str| matches!(field_of(cell), Some(ListField::Barcode | ListField::FileName));
    line.split('\t').any(names).then(|| ListHeading::of(line.split('\t')))
}

/// Whether the only word of a line may be a barcode. Each that is known has a digit; `None`, `Error` or `503` is an answer of a
/// server in trouble, and would become a book.
fn looks_like_barcode(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit()) && !(word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: ListKind, text: impl AsRef<[u8]>) -> TextList {
        parse_text_list(text.as_ref(), kind, &LibraryDirectory::parse("TESTLIB").unwrap())
    }

    fn barcodes(list: &TextList) -> Vec<&str> {
        list.rows.iter().map(|row| row.barcode.as_str()).collect()
    }

    #[test]
    fn plain_lists() {
        let list = parse(ListKind::AllBooks, "\u{feff}TL0001\r\n\r\nTL0002");
        assert_eq!((barcodes(&list), list.refusal), (vec!["TL0001", "TL0002"], None));
        let list = parse(ListKind::Converted, "TESTLIB_TL0001.tar.gz.gpg\nTL0002.tar.gz.gpg\n");
        assert_eq!(barcodes(&list), ["TL0001", "TL0002"]);
        assert_eq!(
            list.rows[0].file_name.as_ref().unwrap().as_str(),
            "TESTLIB_TL0001.tar.gz.gpg"
        );
        let empty = parse(ListKind::Converted, "");
        assert_eq!((empty.rows.len(), empty.refusal), (0, None), "an empty list is a list");
    }

    #[test]
    fn a_heading_names_its_columns_in_any_order() {
        let list = parse(ListKind::AllBooks, "State\tBarcode\nNEW\tTL0001\nCONVERTED\tTL0002\n");
        assert_eq!(barcodes(&list), ["TL0001", "TL0002"]);
        assert_eq!(list.rows[0].grin_state.as_ref().unwrap().as_str(), "NEW");
    }

    #[test]
    fn a_text_that_must_have_a_heading_is_refused_without_one() {
        let library = LibraryDirectory::parse("TESTLIB").unwrap();
        for (text, rows, refusal) in [
            ("Error\n", 0, Some(AnswerRefusal::NotAList)),
            ("TL0001\nTL0002\n", 0, Some(AnswerRefusal::NotAList)),
            ("Barcode\tState\nTL0001\tNEW\n", 1, None),
            ("", 0, None),
        ] {
            let mut parser = TextListParser::new(ListKind::AllBooks, &library).headed();
            let pushed = parser.push(text.as_bytes()).unwrap_or_default();
            let list = parser.finish();
            assert_eq!(
                (pushed.len() + list.rows.len(), list.refusal),
                (rows, refusal),
                "{text}"
            );
        }
    }

    #[test]
    fn a_word_is_no_book() {
        for text in ["None", "Error\n", "Service\nunavailable\n", "503\r\n", "null"] {
            let list = parse(ListKind::InProcess, text);
            assert_eq!(
                (list.rows.len(), list.refusal),
                (0, Some(AnswerRefusal::NotAList)),
                "{text}"
            );
        }
        let list = parse(ListKind::InProcess, "TL0001\nError\n");
        assert_eq!((barcodes(&list), list.refusal), (vec!["TL0001"], None));
        assert_eq!(list.rejected[0].because, RejectionReason::LoneWord);
        // What stands under a heading, or before other cells, or is an archive's name, is no mere word.
        for (kind, text) in [
            (ListKind::InProcess, "Barcode\tState\nABC\tNEW\n"),
            (ListKind::InProcess, "ABC\t2001/01/01\n"),
            (ListKind::Converted, "ABC.tar.gz.gpg\n"),
        ] {
            assert_eq!(barcodes(&parse(kind, text)), ["ABC"], "{text}");
        }
    }

    #[test]
    fn a_header_is_read_by_its_names() {
        let list = parse(
            ListKind::AllBooks,
            "Barcode\tMood\tState\tScanned Date\nTL0001\tsad\tNEW\t2001/01/01\n",
        );
        assert_eq!(
            (barcodes(&list), list.unknown_columns.clone()),
            (vec!["TL0001"], vec!["Mood".to_owned()])
        );
        assert_eq!(list.rows[0].grin_state, Some(crate::grin::GrinState::New));
    }

    #[test]
    fn lines_that_name_no_volume() {
        let text = format!("../../etc\nTL0001\na/b/c\nx\u{1}y\n{}\nTL\u{0}0002\n", "9".repeat(300));
        let list = parse(ListKind::AllBooks, text);
        assert_eq!(
            (barcodes(&list), list.rejected.len(), list.refusal),
            (vec!["TL0001"], 5, None)
        );
        assert_eq!(
            parse(ListKind::AllBooks, "an error occurred\n").refusal,
            Some(AnswerRefusal::NotAList)
        );
        assert_eq!(
            parse(ListKind::AllBooks, [0xff; 9_000]).refusal,
            Some(AnswerRefusal::NotAList)
        );
    }

    #[test]
    fn pages_are_no_lists() {
        for (page, refusal) in [
            ("<html><body>TL0001</body></html>".to_owned(), AnswerRefusal::Html),
            (format!("\n<!doctype html>{}", "x".repeat(9_000)), AnswerRefusal::Html),
            ("Your request is unavailable.".to_owned(), AnswerRefusal::Unavailable),
        ] {
            let list = parse(ListKind::AllBooks, page);
            assert_eq!((list.rows.len(), list.refusal), (0, Some(refusal)));
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let text = (0..2_000)
            .map(|i| format!("TL{i:08}\t2001/01/01\té\n"))
            .collect::<Vec<_>>()
            .concat();
        let whole = parse(ListKind::AllBooks, &text);
        for size in [1, 13, 5_000] {
            let mut parser = TextListParser::new(ListKind::AllBooks, &LibraryDirectory::parse("TESTLIB").unwrap());
            let mut rows: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.push(piece).unwrap())
                .collect();
            rows.extend(parser.finish().rows);
            assert_eq!(rows, whole.rows, "{size}");
        }
        assert_eq!(whole.rows.len(), 2_000);
    }
}
