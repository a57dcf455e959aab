//! Lists as text, plain or with columns.

mod columns;
mod markup;
mod plausible;

pub(super) use crate::grin::text_list::plausible::{is_message, says_cut_short, speaks_for_itself};

use std::cmp::Ordering;

use crate::grin::lines::LineCutter;
use crate::grin::list_page::{
    EMPTY_IN_WORDS, ListField, ListHeading, field_of, name_of, says_more, says_none, set, total_of,
};
use crate::grin::text_list::columns::{columns, fits, header, names_volume};
use crate::grin::text_list::plausible::{ENOUGH, ShapeCensus, WordShape};
use crate::grin::{AnswerRefusal, LibraryDirectory, ListKind, ListRow, RejectedRow, RejectionReason, refusal, text};

/// Longest line taken.
const LONGEST_LINE: usize = 64 << 10;
/// Rejected rows kept; beyond, they are only counted.
const MOST_NOTES: usize = 1_000;
/// A line that names so many columns is a heading, also where none of them names the volumes.
const COLUMNS_OF_A_HEADING: usize = 3;
/// Bytes looked at to tell a page from a text.
pub const TEXT_BEGINNING: usize = 4_096;

/// What a text list was, besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextList {
    /// Its rows, if it was read by [`parse_text_list`]; [`TextListParser::push`] hands them out itself.
    pub rows: Vec<ListRow>,
    /// Rows that were not taken; at most a thousand are kept.
    pub rejected: Vec<RejectedRow>,
    /// Further rows that were not taken.
    pub rejected_more: u64,
    /// Why the text is not what was asked for; then it must not be taken for the whole list. The rows of one that is truncated are good.
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
    /// Lines of which cells were left out.
    misfits: u64,
    /// Lone words, by shape.
    census: ShapeCensus,
    /// Lone words of shapes that are not common so far; they are judged when the text is over, or when their shape is common.
    held: Vec<ListRow>,
    /// Cells of the line before.
    cells: Option<usize>,
    /// The line has no end: it is the last one, and may be torn.
    is_open: bool,
    /// The text's own head said how long it is, and so long it was: its last line is whole, also without an end.
    has_length: bool,
    /// The lines after the last row say that the list goes on, or tell of trouble.
    is_cut_short: bool,
    /// A line between the rows was a server's words of trouble, which may stand in place of others.
    is_interrupted: bool,
    /// A cell of the line that does not fit its column tells of trouble.
    has_trouble: bool,
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
            misfits: 0,
            census: ShapeCensus::default(),
            held: Vec::new(),
            cells: None,
            is_open: false,
            has_length: false,
            is_cut_short: false,
            is_interrupted: false,
            has_trouble: false,
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

    /// Whether the text came with its length. A server that ends before its time cuts the last line of one that has none.
    #[must_use]
    pub fn of_length(self, has_length: bool) -> Self {
        Self { has_length, ..self }
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
        if self.beginning.len() < TEXT_BEGINNING {
            Ok(Vec::new())
        } else {
            self.begin()
        }
    }

    fn begin(&mut self) -> Result<Vec<ListRow>, AnswerRefusal> {
        self.begun = true;
        let beginning = std::mem::take(&mut self.beginning);
        self.out.refusal = markup::refused(&beginning);
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
        if refusal::looks_like_html(line.as_bytes()) {
            self.markup(line, RejectedRow::new(line, RejectionReason::Message));
            return;
        }
        let first = self.cells.is_none() && self.heading.is_none();
        if first && let Some(heading) = header(line) {
            self.out.unknown_columns.clone_from(&heading.unknown);
            self.heading = Some(heading);
            return;
        }
        if self.must_have_heading && self.heading.is_none() {
            self.out.refusal = Some(AnswerRefusal::NotAList);
            return;
        }
        if let Some(again) = self.heading_again(line) {
            if again.names_volumes() {
                self.heading = Some(again);
            } else {
                // Which cells of the rows after it hold what, is known; whose they are, is not.
                self.out.refusal = Some(AnswerRefusal::Truncated);
            }
            return;
        }
        match self.row(line) {
            Ok(read) => {
                self.is_cut_short = says_cut_short(line) || std::mem::take(&mut self.has_trouble);
                match read {
                    LineRead::Whole(row) => self.take(row),
                    LineRead::Lone(row) => self.hold(row),
                }
            }
            Err(rejected) => self.no_row(line, rejected),
        }
        self.cells = Some(cells_of(line));
    }

    /// A heading among the rows, which may name other columns than the one before, or the first ones: it names columns where a volume's
    /// name is expected, or has no digit, as each row with columns has.
    fn heading_again(&self, line: &str) -> Option<ListHeading> {
        let fields = self.heading.as_ref().map_or(&[][..], |heading| &heading.fields);
        let place = fields.iter().position(|field| names_volume(*field)).unwrap_or_default();
        let name = line.split('\t').nth(place).unwrap_or_default();
        if field_of(name).is_none() && line.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let heading = ListHeading::of(line.split('\t'));
        let known = heading.fields.iter().filter(|field| **field != ListField::Ignored);
        (heading.names_volumes() || known.count() >= COLUMNS_OF_A_HEADING).then_some(heading)
    }

    /// A line that names no volume: a page in place of the rest, a server's words, or an odd row.
    fn no_row(&mut self, line: &str, rejected: RejectedRow) {
        let page = line.find('<').map(|at| &line[at..]);
        if let Some(page) = page.filter(|page| refusal::looks_like_html(page.as_bytes())) {
            self.markup(page, rejected);
            return;
        }
        let first = line
            .split('\t')
            .find(|cell| !cell.trim().is_empty())
            .unwrap_or_default();
        let (total, named) = (total_of(first), self.taken + self.held.len() as u64);
        if total == Some(named) {
            // A count of just the rows before it.
            return;
        }
        if named == 0 && says_none(line) {
            self.out.warnings.push(EMPTY_IN_WORDS.to_owned());
            return;
        }
        let statement = first.trim_matches(|c: char| !c.is_alphanumeric());
        let counts_more = total.is_some_and(|total| total > named);
        self.is_cut_short |= std::mem::take(&mut self.has_trouble)
            || says_cut_short(line)
            || says_more(statement, true)
            || counts_more
            || refusal::says_trouble(first, true);
        // Also before or between the rows.
        self.is_interrupted |= says_more(statement, false);
        self.is_interrupted |= rejected.because == RejectionReason::Message && refusal::says_trouble(first, false);
        self.reject(rejected);
    }

    fn take(&mut self, row: ListRow) {
        self.taken += 1;
        self.rows.push(row);
    }

    fn reject(&mut self, rejected: RejectedRow) {
        if self.out.rejected.len() < MOST_NOTES {
            self.out.rejected.push(rejected);
        } else {
            self.out.rejected_more += 1;
        }
    }

    /// A line of one word is taken at once if its shape is common; others wait, until their shape has just become so.
    fn hold(&mut self, row: ListRow) {
        let shape = WordShape::of(row.barcode.as_str());
        match self.census.note(shape).cmp(&ENOUGH) {
            Ordering::Less => self.held.push(row),
            Ordering::Equal => {
                let same = |held: &mut ListRow| WordShape::of(held.barcode.as_str()) == shape;
                let waiting: Vec<ListRow> = self.held.extract_if(.., same).collect();
                waiting.into_iter().chain([row]).for_each(|row| self.take(row));
            }
            Ordering::Greater => self.take(row),
        }
    }

    /// The text is over: each word that still waits is taken or not.
    fn judge(&mut self) {
        for row in std::mem::take(&mut self.held) {
            if self.census.takes(row.barcode.as_str()) {
                self.take(row);
            } else {
                self.reject(RejectedRow::new(row.barcode.as_str(), RejectionReason::LoneWord));
            }
        }
    }

    fn row(&mut self, line: &str) -> Result<LineRead, RejectedRow> {
        if self.is_torn(line) {
            return Err(RejectedRow::new(line, RejectionReason::Torn));
        }
        let count = line.trim_end_matches('\t').split('\t').count();
        let known = self.heading.as_ref().map(|heading| heading.fields.as_slice());
        let fields = known.unwrap_or_else(|| columns(self.kind, count, line));
        self.has_trouble = false;
        let cells = || line.split('\t').map(text::one_line).zip(fields);
        let (name, _) = cells()
            .find(|(_, field)| names_volume(**field))
            .ok_or_else(|| RejectedRow::new(line, RejectionReason::TooFewCells(count)))?;
        let (barcode, file_name) = name_of(&name, &self.library).map_err(|because| {
            let because = if is_message(&name) {
                RejectionReason::Message
            } else {
                because
            };
            RejectedRow::new(&name, because)
        })?;
        let is_lone = known.is_none() && cells_of(line) == 1 && file_name.is_none();
        let mut row = ListRow {
            file_name,
            ..ListRow::bare(barcode)
        };
        // Without a heading only the place of a cell says what it is, so its text has to fit.
        let mut misfit = known.is_none() && count > fields.len();
        let mut is_dated = false;
        for (cell, field) in cells() {
            if known.is_some() || fits(*field, &cell) {
                is_dated |= !cell.is_empty() && !names_volume(*field);
                set(&mut row, *field, &cell, None);
            } else {
                misfit = true;
                self.has_trouble |= refusal::says_trouble(&cell, true);
            }
        }
        if misfit && !is_dated && !speaks_for_itself(&name) && row.file_name.is_none() {
            return Err(RejectedRow::new(&name, RejectionReason::LoneWord));
        }
        self.misfits += u64::from(misfit);
        Ok(if is_lone {
            LineRead::Lone(row)
        } else {
            LineRead::Whole(row)
        })
    }

    /// Whether the last line, which nothing ends, is only the beginning of one: it has fewer cells than the line before or the heading,
    /// or is a word that may be the beginning of one of the usual shape.
    fn is_torn(&self, line: &str) -> bool {
        if !self.is_open || self.has_length {
            return false;
        }
        let heading = self.heading.as_ref().map(|heading| heading.fields.len());
        let (cells, usual) = (cells_of(line), self.cells.max(heading));
        let is_shorter = usual == Some(1) && self.census.may_begin(line.trim());
        is_shorter || usual.is_some_and(|usual| cells < usual)
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
            self.is_open = true;
            let warnings = lines.finish(|line| self.line(line));
            self.judge();
            self.out.warnings.extend(warnings);
            let nothing_fits = self.taken == 0 && !self.out.rejected.is_empty();
            let refusal = self.out.refusal.or(nothing_fits.then_some(AnswerRefusal::NotAList));
            self.out.refusal =
                refusal.or((self.is_cut_short || self.is_interrupted).then_some(AnswerRefusal::Truncated));
        }
        if self.misfits > 0 {
            let lines = self.misfits;
            let warning = format!("{lines} lines have cells that do not fit their columns; those were left out");
            self.out.warnings.push(warning);
        }
        if self.out.rejected_more > 0 {
            let more = self.out.rejected_more;
            self.out.warnings.push(format!("{more} more rejected rows"));
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
    if !matches!(list.refusal, None | Some(AnswerRefusal::Truncated)) {
        rows.clear();
    }
    TextList { rows, ..list }
}

/// What a line is.
enum LineRead {
    /// A row with columns, or an archive's name.
    Whole(ListRow),
    /// One word.
    Lone(ListRow),
}

fn cells_of(line: &str) -> usize {
    line.split('\t').count()
}

#[cfg(test)]
mod tests;
