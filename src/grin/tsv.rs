//! The table that `_barcode_search` answers.

mod short_rows;

use std::collections::BTreeMap;

use crate::grin::columns;
use crate::grin::columns::{ColumnKind, ExportColumn};
use crate::grin::lines;
use crate::grin::lines::LineCutter;
use crate::grin::text_list::speaks_for_itself;
use crate::grin::tsv::short_rows::{
    AfterShortRow, CellFit, EndedRow, LineBeginning, RowEnds, ShortRow, after_short_row,
};
use crate::grin::{AnswerRefusal, Barcode, BookEnrichment, FieldValue, RejectedRow, TypedValue, text};

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
    /// Volumes whose row does not fit the heading: it may be torn or shifted (`short_rows.rs`). They are not in `books` for that row.
    pub torn: Vec<Barcode>,
    /// Whether GRIN leaves out empty cells at a row's end; `None`: the answer does not tell.
    pub rows_are_trimmed: Option<bool>,
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

/// What is known about an answer of `_barcode_search` before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct AskedBooks<'a> {
    /// The volumes that were requested, if that is known.
    pub barcodes: Option<&'a [Barcode]>,
    /// An earlier answer proved that GRIN leaves out empty cells at a row's end.
    pub rows_are_trimmed: bool,
}

/// Reads an answer of `_barcode_search`. Columns are known by their whole names, wherever they stand; there is no quoting.
pub fn parse_tsv(bytes: &[u8], asked: &AskedBooks<'_>) -> TsvReader {
    let tsv = TsvReader {
        refusal: lines::refused(bytes),
        ..TsvReader::default()
    };
    if tsv.refusal.is_some() {
        return tsv;
    }
    let mut table = Table {
        asked,
        header: None,
        short: None,
        ends: RowEnds::default(),
        rows: 0,
        unnoted: 0,
        tsv,
    };
    let mut lines = LineCutter::new(LONGEST_LINE);
    lines.push(bytes, |line| table.line(line));
    table.ends.has_gaps = lines.has_skipped();
    let mut is_cut = false;
    let warnings = lines.finish(|line| {
        is_cut = true;
        table.line(line);
    });
    table.judge_short_rows(is_cut);
    table.finish(warnings)
}

struct Table<'a> {
    asked: &'a AskedBooks<'a>,
    header: Option<Header>,
    /// The last row, if it had fewer cells than there are columns.
    short: Option<ShortRow>,
    ends: RowEnds,
    /// Lines after the header, but empty ones.
    rows: u64,
    unnoted: u64,
    tsv: TsvReader,
}

struct Header {
    columns: Vec<Option<&'static ExportColumn>>,
    /// Where the barcode stands; without it no row can be used.
    barcode: Option<usize>,
}

impl Header {
    /// What a row says, and how well it fits.
    fn facts(&self, line: &str) -> (BookEnrichment, CellFit) {
        let mut book = BookEnrichment::default();
        let mut fit = CellFit {
            cells: line.split('\t').count(),
            columns: self.columns.len(),
            ..CellFit::default()
        };
        let mut cells = line.split('\t');
        // In this order, so that the last step takes no cell away.
        for (column, cell) in self.columns.iter().zip(cells.by_ref()) {
            if let Some(column) = column.filter(|column| column.sql != "barcode")
                && let Some(value) = FieldValue::read(column.kind, &text::one_line(cell))
            {
                fit.note(is_of_kind(column.kind, &value), column.kind == ColumnKind::Date);
                fit.has_no_date |= matches!(&value, FieldValue::Date(date) if !date.may_be_date());
                book.set(column.sql, value);
            }
        }
        fit.has_more = cells.any(|cell| !cell.trim().is_empty());
        (book, fit)
    }

    /// Whether a line is a heading, in whatever order: it has the column of barcodes, and where a barcode is expected the name of a
    /// column stands, or no cell has a digit.
    fn is_heading(&self, line: &str) -> bool {
        let Some(at) = self.barcode else { return false };
        let column = |cell: &str| columns::by_tsv(cell.trim());
        let mut cells = line.split('\t');
        let is_column = cells.clone().nth(at).is_some_and(|cell| column(cell).is_some());
        (is_column || !line.contains(|c: char| c.is_ascii_digit()))
            && cells.any(|cell| column(cell).is_some_and(|column| column.sql == "barcode"))
    }
}

impl Table<'_> {
    fn line(&mut self, line: &str) {
        // Empty cells alone are no row, but they may be the rest of one.
        let is_rest = self.short.is_some() && line.contains('\t');
        if line.trim().is_empty() && !is_rest {
            return;
        }
        match self.header.take() {
            None => self.header = Some(self.read_header(line)),
            Some(header) if header.is_heading(line) => self.header = Some(self.heading_again(&header, line)),
            Some(header) => {
                self.row(&header, line);
                self.header = Some(header);
            }
        }
    }

    /// A heading among the rows, which may name other columns than the one before. The row before it may have lost its rest.
    fn heading_again(&mut self, before: &Header, line: &str) -> Header {
        if let Some((barcode, _)) = self.short.take().and_then(|short| short.facts) {
            self.tear(barcode);
        }
        let unknown = self.tsv.columns_unknown.len();
        let header = self.read_header(line);
        if header.columns == before.columns {
            self.tsv.columns_unknown.truncate(unknown);
        } else {
            self.warn("a second heading names other columns than the first".to_owned());
        }
        header
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
        self.rows += 1;
        let name = text::one_line(line.split('\t').nth(at).unwrap_or_default());
        let begins = self.beginning(Barcode::parse(&name).ok().as_ref());
        let (begins, parsed) = match Barcode::listed(&name) {
            // Whatever a requested book is called.
            _ if begins == LineBeginning::Requested => (begins, Barcode::parse(&name)),
            Ok(barcode) => (begins, Ok(barcode)),
            Err(bad) => (LineBeginning::Other, Err(bad)),
        };
        let count = line.split('\t').count();
        let columns = header.columns.len();
        self.ends.any_empty |= line.rsplit('\t').next().is_some_and(|cell| cell.trim().is_empty());
        let next = parsed.as_ref().ok().filter(|_| begins == LineBeginning::Requested);
        if self.continues(count, columns, next, begins) {
            return;
        }
        let barcode = match parsed {
            Ok(barcode) => barcode,
            Err(bad) => return self.reject(RejectedRow::new(&name, bad)),
        };
        let (book, fit) = header.facts(line);
        if count < columns {
            let facts = if begins == LineBeginning::Requested && fit.is_good() {
                Some((barcode, book))
            } else {
                self.tear(barcode);
                None
            };
            self.short = Some(ShortRow { cells: count, facts });
        } else if fit.is_good() {
            self.take(barcode, book);
        } else {
            self.tear(barcode);
        }
    }

    fn take(&mut self, barcode: Barcode, book: BookEnrichment) {
        let known = self.tsv.books.get(&barcode);
        let is_new = known.is_none();
        if known.is_some_and(|known| *known != book) {
            self.warn(format!("{barcode} has two rows that differ; the first counts"));
        }
        if is_new {
            self.tsv.books.insert(barcode, book);
        }
    }

    fn beginning(&self, barcode: Option<&Barcode>) -> LineBeginning {
        let Some(barcode) = barcode else {
            return LineBeginning::Other;
        };
        let same = |asked: &Barcode| asked.as_str().eq_ignore_ascii_case(barcode.as_str());
        let is_requested = match self.asked.barcodes {
            Some(asked) => asked.iter().any(same),
            None => speaks_for_itself(barcode.as_str()),
        };
        if is_requested {
            LineBeginning::Requested
        } else {
            LineBeginning::Word
        }
    }

    /// Whether a line is the rest of the short row before it. If it is not, that row is over.
    fn continues(&mut self, cells: usize, columns: usize, next: Option<&Barcode>, begins: LineBeginning) -> bool {
        let Some(short) = self.short.take() else { return false };
        let after = after_short_row(short.cells, cells, columns, begins);
        match (after, short.facts) {
            (AfterShortRow::Closing, Some((barcode, book))) => {
                let fits = next
                    .filter(|_| cells < columns && short.cells + cells - 1 == columns)
                    .cloned();
                self.ends.short.push(EndedRow { barcode, book, fits });
            }
            (_, Some((barcode, _))) => self.tear(barcode),
            (_, None) => {}
        }
        let together = short.cells + cells - 1;
        if after == AfterShortRow::Rest && together < columns {
            // Torn once more: the next line may be the rest.
            self.short = Some(ShortRow {
                cells: together,
                facts: None,
            });
        }
        after == AfterShortRow::Rest
    }

    /// The answer is over, within a line if `is_cut`: what the short rows say is taken or not.
    fn judge_short_rows(&mut self, is_cut: bool) {
        if let Some((barcode, book)) = self.short.take().and_then(|short| short.facts) {
            if is_cut {
                self.tear(barcode);
            } else {
                let fits = None;
                self.ends.short.push(EndedRow { barcode, book, fits });
            }
        }
        for row in self.ends.take_doubtful(|name| self.tsv.books.contains_key(name)) {
            self.tear(row.barcode);
        }
        self.tsv.rows_are_trimmed = self.ends.are_trimmed();
        let is_alone = self.rows == 1 && self.asked.barcodes.is_some_and(|asked| asked.len() == 1);
        let may_be_whole = is_alone || self.asked.rows_are_trimmed;
        let are_whole = self.tsv.rows_are_trimmed.unwrap_or(may_be_whole);
        for EndedRow { barcode, book, .. } in std::mem::take(&mut self.ends.short) {
            if are_whole && !self.ends.has_gaps {
                self.take(barcode, book);
            } else {
                self.tear(barcode);
            }
        }
    }

    /// A row that does not fit the heading. What it says is dropped: it may be half of a cell, or of another column.
    fn tear(&mut self, barcode: Barcode) {
        self.warn(format!(
            "the row of {barcode} does not fit the heading; its facts were not taken"
        ));
        self.tsv.torn.push(barcode);
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
        if self.unnoted > 0 {
            self.tsv
                .warnings
                .push(format!("{} more rejected rows and warnings", self.unnoted));
        }
        self.tsv.warnings.extend(warnings);
        self.tsv
    }
}

/// Whether a value is what its column holds; `None`: the column holds any words, or a date in a form that is not known, which GRIN may change
/// for all rows at once.
fn is_of_kind(kind: ColumnKind, value: &FieldValue) -> Option<bool> {
    match (kind, value) {
        (ColumnKind::Text | ColumnKind::Timestamp, _) => None,
        (_, FieldValue::Date(date)) if date.when().is_none() && date.may_be_date() => None,
        (_, FieldValue::Date(date)) => Some(date.when().is_some()),
        (kind, FieldValue::Text(text)) => Some(TypedValue::read(kind, text).is_some()),
    }
}

#[cfg(test)]
mod tests;
