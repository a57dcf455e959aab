//! Room `grin`: what a list says about one volume.

use super::{Barcode, FileName, GrinDate, GrinState};

/// One volume in a list. Whatever GRIN left empty, or does not say in this list and form, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// The volume.
    pub barcode: Barcode,
    /// Name of its archive, where the list names it.
    pub file_name: Option<FileName>,
    /// Title, as a browser would show it, on one line.
    pub title: Option<String>,
    /// GRIN's state, where the list has that column.
    pub grin_state: Option<GrinState>,
    /// Dates of GRIN's work.
    pub dates: ListDates,
    /// Address at Google Books.
    pub google_books_link: Option<String>,
    /// Why its conversion failed (`_failed`).
    pub failure: Option<ListFailure>,
    /// Whether the row has the box to tick for conversion.
    pub can_be_requested: bool,
}

/// The dates that lists have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is GRIN's column of that name")]
pub struct ListDates {
    pub scanned: Option<GrinDate>,
    pub analyzed: Option<GrinDate>,
    pub converted: Option<GrinDate>,
    pub downloaded: Option<GrinDate>,
    pub processed: Option<GrinDate>,
    pub ocr: Option<GrinDate>,
}

/// Why a conversion failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFailure {
    /// Convert Failed Date.
    pub date: Option<GrinDate>,
    /// Convert Failed Info.
    pub info: Option<String>,
    /// Detailed Convert Failed Info.
    pub detail: Option<String>,
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// What stood where the barcode should be, cut to 80 characters.
    pub barcode: String,
    /// Why.
    pub because: Because,
}

/// Why a row was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Because {
    /// The cell's text is no barcode.
    #[error(transparent)]
    BadBarcode(#[from] super::BadBarcode),
    /// The cell's text is no archive's name.
    #[error(transparent)]
    BadFileName(#[from] super::BadFileName),
    /// The box to tick and the columns name different volumes.
    #[error("the row names two volumes, {0:?} and {1:?}")]
    Disagree(String, String),
    /// The row ends before the column that names the volume.
    #[error("too few cells: {0}")]
    TooFewCells(usize),
    /// A cell is longer than allowed.
    #[error("a cell has more than {0} bytes")]
    TooLongCell(usize),
    /// The page ends within the row.
    #[error("the page ends within this row")]
    CutOff,
}

impl Rejected {
    /// Notes a row that was not taken; of `text` only the beginning is kept.
    pub(super) fn new(text: &str, because: impl Into<Because>) -> Self {
        Self {
            barcode: text.chars().take(80).collect(),
            because: because.into(),
        }
    }
}

impl ListRow {
    /// A row of which only the barcode is known.
    pub fn bare(barcode: Barcode) -> Self {
        Self {
            barcode,
            file_name: None,
            title: None,
            grin_state: None,
            dates: ListDates::default(),
            google_books_link: None,
            failure: None,
            can_be_requested: false,
        }
    }
}

impl ListDates {
    /// Dates by their columns' names in the catalog.
    pub fn by_sql(&self) -> [(&'static str, Option<&GrinDate>); 6] {
        [
            ("scanned_date", self.scanned.as_ref()),
            ("analyzed_date", self.analyzed.as_ref()),
            ("converted_date", self.converted.as_ref()),
            ("downloaded_date", self.downloaded.as_ref()),
            ("processed_date", self.processed.as_ref()),
            ("ocr_date", self.ocr.as_ref()),
        ]
    }
}

/// Whether GRIN has worked on the volume after it was last converted, so that a newer archive can be had: processed,
/// analysed or read by OCR later than converted (`grin-interface`, section 4).
pub fn newer_version_available(dates: &ListDates) -> bool {
    let Some(converted) = &dates.converted else {
        return false;
    };
    [&dates.processed, &dates.analyzed, &dates.ocr]
        .into_iter()
        .flatten()
        .any(|date| date.later_than(converted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_version_by_dates() {
        let date = GrinDate::read;
        let with = |converted, processed, analyzed, ocr| ListDates {
            converted: date(converted),
            processed: date(processed),
            analyzed: date(analyzed),
            ocr: date(ocr),
            ..ListDates::default()
        };
        let old = "2011/02/03 04:05";
        let new = "2020-02-03";
        assert!(newer_version_available(&with(old, new, "", "")));
        assert!(newer_version_available(&with(old, old, new, "")));
        assert!(newer_version_available(&with(old, "", "", new)));
        assert!(!newer_version_available(&with(old, old, old, old)));
        assert!(!newer_version_available(&with(new, old, old, old)));
        assert!(
            !newer_version_available(&with("", new, new, new)),
            "never converted: nothing is newer than it"
        );
        assert!(!newer_version_available(&with(old, "tomorrow", "", "")));
    }
}
