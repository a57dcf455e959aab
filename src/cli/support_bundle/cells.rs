//! The cells of an answer: those of rows about books are replaced, headings and pagers stay.

use std::collections::BTreeSet;

use crate::cli::support_bundle::names::is_barcode_shaped;
use crate::cli::support_bundle::pseudonyms::{BookPseudonyms, IN_ANSWERS, runs_of};
use crate::cli::support_bundle::unread::{is_separator, says_nothing_of_a_book};
use crate::grin::columns::{by_tsv, folded};
use crate::grin::{GrinState, ProcessOutcome};

/// Cells from which on a row is taken for one about a book where no barcode was read.
const CELLS: usize = 3;

/// What is known when an answer is gone through.
pub(super) struct AnswerCells<'a> {
    pub(super) names: &'a BookPseudonyms,
    /// What the answers are kept for.
    pub(super) words: &'a BTreeSet<String>,
    /// Rows about books were found in the answer.
    pub(super) is_read: bool,
}

impl AnswerCells<'_> {
    fn plain(&self, text: &str) -> String {
        self.names.plain(text, IN_ANSWERS)
    }

    /// The answer.
    pub(super) fn body(&self, body: &str) -> String {
        match is_page(body) {
            true => self.page(body),
            false => self.text(body),
        }
    }

    /// A page: what stands between one `<tr` and the next is a row, and what follows it.
    fn page(&self, page: &str) -> String {
        let pieces = pieces(page, &["<tr"]);
        let parts: Vec<(&str, &str)> = pieces.iter().map(|piece| piece.split_at(row_end(piece))).collect();
        // The first of all may have names that nobody knows.
        let heading: Vec<bool> = (0..)
            .zip(&parts)
            .map(|(number, (row, _))| self.is_heading_row(row, number <= 1))
            .collect();
        let rows = || {
            parts
                .iter()
                .zip(&heading)
                .filter(|(_, is_heading)| !**is_heading)
                .map(|((row, _), _)| *row)
        };
        let is_about_book = |row: &str| is_row(row) && runs_of(row).any(|run| digits(run) >= IN_ANSWERS);
        let usual = rows().find(|row| is_about_book(row)).map(cells);
        let is_data = |row: &str| {
            is_about_book(row) || is_row(row) && usual.map_or(cells(row) >= CELLS, |usual| cells(row) == usual)
        };
        let part = |((row, rest), is_heading): (&(&str, &str), &bool)| {
            let row = match is_heading {
                true => self.plain(row),
                false if is_data(row) => self.row(row),
                false => self.beside(row),
            };
            row + &self.beside(rest)
        };
        parts.iter().zip(&heading).map(part).collect()
    }

    /// What stands beside the rows. Where none was read, the books may be here.
    fn beside(&self, markup: &str) -> String {
        if self.is_read {
            return self.plain(markup);
        }
        let parts = pieces(markup, &["<"]).into_iter().map(|part| {
            let (tag, text) = match part.starts_with("<!--") {
                true => ("", part),
                false => part.split_at(part.find('>').map_or(0, |end| end + 1)),
            };
            self.tag(tag) + &self.unread(text)
        });
        parts.collect()
    }

    /// A row of names of columns: of cells that are headings, or said to be one, and of no book.
    fn is_heading_row(&self, row: &str, is_first: bool) -> bool {
        let lower = lower(row);
        let is_said = lower.split('>').next().is_some_and(|tag| tag.contains("heading"));
        let is_of_headings = pieces(row, &["<td"]).len() == 1 && cells(row) > 0;
        let is_of_book = runs_of(row).any(|run| digits(run) >= IN_ANSWERS || is_barcode_shaped(run));
        let has_known = || row.split(['<', '>']).map(str::trim).any(|text| self.is_kept(text));
        lower.starts_with("<tr") && (is_said || is_of_headings) && !is_of_book && (is_first || has_known())
    }

    /// A row of a page.
    fn row(&self, row: &str) -> String {
        let mut cells = pieces(row, &CELL_TAGS).into_iter();
        let begin = cells.next().map(|begin| self.plain(begin)).unwrap_or_default();
        let cells: String = cells.map(|cell| self.cell(cell)).collect();
        begin + &cells
    }

    /// A cell of a page: its text, and what its tags say of the book.
    fn cell(&self, cell: &str) -> String {
        let parts = pieces(cell, &["<"]).into_iter().map(|part| {
            let (tag, text) = part.split_at(part.find('>').map_or(0, |end| end + 1));
            self.tag(tag) + &self.value(text)
        });
        parts.collect()
    }

    fn tag(&self, tag: &str) -> String {
        let attributes = [
            "title=",
            "alt=",
            "value=",
            "label=",
            "data-name=",
            "placeholder=",
            "?id=",
            "&id=",
            "&amp;id=",
            "vid=",
        ];
        let found = attributes
            .iter()
            .filter_map(|name| Some(lower(tag).find(name)? + name.len()));
        let Some(begin) = found.min() else {
            return self.plain(tag);
        };
        let (before, value) = tag.split_at(begin);
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let ends = |c: char| {
            quote.map_or(c.is_whitespace() || matches!(c, '"' | '\'' | '&' | '>'), |quote| {
                c == quote
            })
        };
        let from = quote.map_or(0, char::len_utf8);
        let end = value[from..].find(ends).map_or(value.len(), |end| from + end);
        let (value, rest) = value.split_at(end);
        let (quote, value) = value.split_at(from);
        [&self.plain(before), quote, &self.names.words(value), &self.tag(rest)].concat()
    }

    /// A text, one line a book or with a heading of columns.
    fn text(&self, text: &str) -> String {
        let lines = text.split_inclusive('\n').map(|line| {
            let separator = if line.contains('\t') { "\t" } else { "  " };
            if !line.contains(separator) {
                return self.unread(line);
            }
            let cells: Vec<&str> = line.split(separator).collect();
            let known = cells.iter().filter(|cell| self.is_kept(cell.trim())).count();
            if is_heading(cells[0].trim()) && known > 1 {
                return self.plain(line);
            }
            let cells: Vec<String> = cells.into_iter().map(|cell| self.value(cell)).collect();
            cells.join(separator)
        });
        lines.collect()
    }

    /// A text that was not read as a row, whatever its form: a message, or values with something between them.
    fn unread(&self, text: &str) -> String {
        if says_nothing_of_a_book(text) {
            return self.plain(text);
        }
        let values = text.split_inclusive(is_separator).map(|part| {
            let (value, separator) = part.split_at(part.trim_end_matches(is_separator).len());
            self.value(value) + separator
        });
        values.collect()
    }

    /// The text of a cell, unless it says nothing of a book, as a whole or word for word.
    fn value(&self, text: &str) -> String {
        let word = text.trim();
        let is_number = !word.contains(char::is_alphabetic) && runs_of(word).all(|run| run.len() < IN_ANSWERS);
        if is_number || self.is_known(word) || word.split_whitespace().all(|word| self.is_known(word)) {
            self.plain(text)
        } else {
            self.names.words(text)
        }
    }

    /// A word in question, a state, what came of a request, or the name of a column.
    fn is_known(&self, word: &str) -> bool {
        self.is_kept(word)
            || matches!(GrinState::read(word), Some(state) if !matches!(state, GrinState::Other(_)))
            || ProcessOutcome::of_words(word) != ProcessOutcome::Unknown
            || ["true", "false"].contains(&lower(word).as_str())
    }

    /// A word in question, or the name of a column.
    fn is_kept(&self, word: &str) -> bool {
        self.words.contains(word) || is_heading(word)
    }
}

/// How cells begin.
const CELL_TAGS: [&str; 4] = ["<td", "<th>", "<th ", "<th\n"];

/// The parts of a text that begin with one of the tags, and what stands before the first.
pub(super) fn pieces<'a>(text: &'a str, tags: &[&str]) -> Vec<&'a str> {
    let lower = lower(text);
    let mut starts: Vec<usize> = tags
        .iter()
        .flat_map(|tag| lower.match_indices(tag))
        .map(|(at, _)| at)
        .collect();
    starts.sort_unstable();
    starts.insert(0, 0);
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// Where the row ends with which a text begins.
fn row_end(piece: &str) -> usize {
    let lower = lower(piece);
    let ends = ["</tr", "</table"].into_iter().filter_map(|tag| lower.find(tag));
    ends.min().unwrap_or(piece.len())
}

/// In ASCII alone, so that places stay the same.
fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// Whether an answer is a page.
pub(super) fn is_page(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

fn is_row(piece: &str) -> bool {
    lower(piece).starts_with("<tr") && cells(piece) > 0
}

fn cells(piece: &str) -> usize {
    pieces(piece, &CELL_TAGS).len() - 1
}

fn digits(run: &str) -> usize {
    run.bytes().filter(u8::is_ascii_digit).count()
}

fn is_heading(name: &str) -> bool {
    by_tsv(name).is_some() || ["filename", "file_name", "title", "status"].contains(&folded(name).as_str())
}
