//! Rows with fewer cells than there are columns: torn by a line break within a cell, or written without the empty cells at their end.
//!
//! The table has no quoting, and no source says whether GRIN leaves out a row's last cells if they are empty. Half a row must never be
//! recorded, and a book whose row is always short must not be requested for ever. So the facts of a short row are taken if
//!
//! 1. it is of a requested book, its line has an end, and after it comes a row of a requested book, or nothing more: the rest of a torn row is not begun by a whole
//!    cell that is the barcode of a requested book, and
//! 2. GRIN leaves out empty cells: no row of the answer ends with one, and several are short; or an earlier answer was such a one, and
//!    this one has no row that ends with an empty cell either; or it is the only row, of the only book that was requested: what may be
//!    its rest would stand after it; and
//! 3. no other row is of its book, nor of the book whose row comes next where the two would fill all columns together: the rest of a
//!    torn row may begin with the name of a requested book.
//!
//! A row with more cells than columns, or with as many, may be shifted by a tab within a cell. Its facts are taken if nothing stands beyond
//! the columns, and its cells are what their columns hold: dates, numbers, flags. A row with as many cells as columns may have some that
//! are not, because GRIN writes what it likes, and a date in whatever form is no fault; more of them than others, or several with one in a column of dates, show that it is shifted.
//! So does one word in a column of dates that is a date in no form at all.
//!
//! What was requested may be unknown (a saved answer); then a word that can only be a barcode stands for a requested book.

use crate::grin::{Barcode, BookEnrichment};

/// Fewer short rows than this prove nothing: one row may be torn in a way that nobody has thought of.
const SEVERAL: usize = 2;

/// How a row fits the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CellFit {
    pub(super) cells: usize,
    pub(super) columns: usize,
    /// Something stands beyond the last column.
    pub(super) has_more: bool,
    /// Cells that are what their column holds, where that is not any words.
    pub(super) good: usize,
    /// Cells that are not.
    pub(super) bad: usize,
    /// Some of those are in columns of dates.
    pub(super) has_bad_date: bool,
    /// One of them cannot be a date in whatever form.
    pub(super) has_no_date: bool,
}

impl CellFit {
    /// Counts a cell; `None`: its column holds any words.
    pub(super) fn note(&mut self, is_of_kind: Option<bool>, is_date: bool) {
        self.good += usize::from(is_of_kind == Some(true));
        self.bad += usize::from(is_of_kind == Some(false));
        self.has_bad_date |= is_date && is_of_kind == Some(false);
    }

    /// Whether nothing shows that cells stand in the wrong columns.
    pub(super) fn is_good(self) -> bool {
        let is_shifted = if self.cells == self.columns {
            self.bad > 1 && self.bad > self.good || self.bad > 2 && self.has_bad_date
        } else {
            self.bad > 0
        };
        !self.has_more && !self.has_no_date && !is_shifted
    }
}

/// How a line begins, as far as its cell for the barcode tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineBeginning {
    /// With a book that was requested.
    Requested,
    /// With a word that may be a barcode.
    Word,
    /// With anything else.
    Other,
}

/// What a line is to the short row before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterShortRow {
    /// The row of another book: the short row has ended where its line does.
    Closing,
    /// The rest of it, or a part of that.
    Rest,
    /// Some other row, which says nothing about the short one.
    Unrelated,
}

/// What a line of so many cells is to a row that has `short` cells so far.
pub(super) fn after_short_row(short: usize, line: usize, columns: usize, begins: LineBeginning) -> AfterShortRow {
    // The break is within a cell, of which each line has a part.
    let fits = line < columns && short + line - 1 == columns;
    match begins {
        LineBeginning::Requested => AfterShortRow::Closing,
        LineBeginning::Word if !fits => AfterShortRow::Unrelated,
        LineBeginning::Word | LineBeginning::Other => AfterShortRow::Rest,
    }
}

/// A short row whose end is not known yet.
#[derive(Debug)]
pub(super) struct ShortRow {
    pub(super) cells: usize,
    /// What it says; `None` if it is known to be torn, and more of it may come.
    pub(super) facts: Option<(Barcode, BookEnrichment)>,
}

/// A short row of a requested book that has ended.
#[derive(Debug)]
pub(super) struct EndedRow {
    pub(super) barcode: Barcode,
    pub(super) book: BookEnrichment,
    /// Whose row comes next, if that one would fill the columns that this one lacks.
    pub(super) fits: Option<Barcode>,
}

/// What an answer shows about the cells at the end of its rows.
#[derive(Debug, Default)]
pub(super) struct RowEnds {
    /// Short rows of requested books that have ended.
    pub(super) short: Vec<EndedRow>,
    /// A row, or a part of one, ends with an empty cell.
    pub(super) any_empty: bool,
    /// Lines were left out, of which one may be the rest of a row.
    pub(super) has_gaps: bool,
}

impl RowEnds {
    /// Takes out the rows of which another row makes it doubtful that they are rows; `has_row`: whose whole row is in the answer.
    pub(super) fn take_doubtful(&mut self, has_row: impl Fn(&Barcode) -> bool) -> Vec<EndedRow> {
        let names: Vec<_> = self.short.iter().map(|row| row.barcode.clone()).collect();
        let is_twice = |name: &Barcode| has_row(name) || names.iter().filter(|other| *other == name).count() > 1;
        let is_doubtful = |row: &mut EndedRow| is_twice(&row.barcode) || row.fits.as_ref().is_some_and(is_twice);
        self.short.extract_if(.., is_doubtful).collect()
    }

    /// Whether GRIN leaves out empty cells at a row's end; `None`: the answer does not tell.
    pub(super) fn are_trimmed(&self) -> Option<bool> {
        match self.short.len() {
            _ if self.any_empty => Some(false),
            SEVERAL.. if !self.has_gaps => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AfterShortRow::{Closing, Rest, Unrelated};
    use LineBeginning::{Other, Requested, Word};

    #[test]
    fn a_row_whose_cells_are_not_what_their_columns_hold_is_shifted() {
        let fit = |cells, good, bad| CellFit {
            cells,
            columns: 5,
            good,
            bad,
            ..CellFit::default()
        };
        for (fit, expected) in [
            (fit(5, 0, 0), true),
            (fit(5, 3, 0), true),
            // GRIN may write a word for a number.
            (fit(5, 0, 1), true),
            (fit(5, 3, 3), true),
            (fit(5, 1, 2), false),
            (
                CellFit {
                    has_bad_date: true,
                    ..fit(5, 9, 2)
                },
                true,
            ),
            (
                CellFit {
                    has_bad_date: true,
                    ..fit(5, 9, 3)
                },
                false,
            ),
            (
                CellFit {
                    has_no_date: true,
                    ..fit(5, 9, 1)
                },
                false,
            ),
            // Of another length, one is enough.
            (fit(4, 2, 0), true),
            (fit(4, 2, 1), false),
            (fit(6, 2, 0), true),
            (fit(6, 2, 1), false),
            (
                CellFit {
                    has_more: true,
                    ..fit(6, 2, 0)
                },
                false,
            ),
        ] {
            assert_eq!(fit.is_good(), expected, "{fit:?}");
        }
    }

    #[test]
    fn only_the_rest_of_a_row_is_joined_to_it() {
        for (short, line, begins, expected) in [
            // A row of a requested book is a row, also where it would fill the gap.
            (2, 4, Requested, Closing),
            (2, 2, Requested, Closing),
            (3, 5, Requested, Closing),
            // A title's second line, or the first word of it.
            (2, 4, Other, Rest),
            (2, 4, Word, Rest),
            // Torn once more.
            (2, 1, Other, Rest),
            (2, 3, Other, Rest),
            // A word that does not fill the gap, and a whole row of a book that was not requested.
            (2, 3, Word, Unrelated),
            (1, 5, Word, Unrelated),
            (3, 6, Word, Unrelated),
        ] {
            assert_eq!(
                after_short_row(short, line, 5, begins),
                expected,
                "{short} {line} {begins:?}"
            );
        }
    }

    #[test]
    fn several_short_rows_and_no_empty_last_cell_show_that_rows_are_trimmed() {
        let row = || EndedRow {
            barcode: Barcode::parse("TL0001").unwrap(),
            book: BookEnrichment::default(),
            fits: None,
        };
        for (short, any_empty, has_gaps, expected) in [
            (0, false, false, None),
            (1, false, false, None),
            (2, false, false, Some(true)),
            (9, false, true, None),
            (0, true, false, Some(false)),
            (9, true, false, Some(false)),
            (9, true, true, Some(false)),
        ] {
            let ends = RowEnds {
                short: std::iter::repeat_with(row).take(short).collect(),
                any_empty,
                has_gaps,
            };
            assert_eq!(ends.are_trimmed(), expected, "{ends:?}");
        }
    }
}
