//! What a list says about one volume.

use crate::grin::{BadBarcode, Barcode, FileName, GrinDate, GrinState};

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
pub struct RejectedRow {
    /// What stood where the barcode should be, cut to 80 characters.
    pub barcode: String,
    /// Why.
    pub because: RejectionReason,
}

/// Why a row was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RejectionReason {
    /// The cell's text is no barcode.
    #[error(transparent)]
    BadBarcode(#[from] crate::grin::BadBarcode),
    /// The cell's text is no archive's name.
    #[error(transparent)]
    BadFileName(#[from] crate::grin::BadFileName),
    /// The box to tick and the columns name different volumes.
    #[error("the row names two volumes, {0:?} and {1:?}")]
    Disagree(String, String),
    /// The row ends before the column that names the volume.
    #[error("too few cells: {0}")]
    TooFewCells(usize),
    /// A line of a text list is one word that no barcode looks like.
    #[error(
        "a word unlike the barcodes around it may be a server's and is taken for no barcode; if it is one, `grind collect --barcodes` with it adds the book"
    )]
    LoneWord,
    /// A line of a text list is words of a server, maybe in place of the rest of the list.
    #[error("the line is a message and no row")]
    Message,
    /// The last line of a text list has no end and is shorter than the others.
    #[error("the text ends within this line")]
    Torn,
    /// A cell is longer than allowed.
    #[error("a cell has more than {0} bytes")]
    TooLongCell(usize),
    /// The page ends within the row.
    #[error("the page ends within this row")]
    CutOff,
}

impl RejectedRow {
    /// The volumes that the row may have been about. None: whichever it was is not known.
    pub fn about(&self) -> Option<Vec<Barcode>> {
        match &self.because {
            // No volume is called so.
            RejectionReason::BadBarcode(BadBarcode::Length(0) | BadBarcode::Placeholder(_)) => None,
            RejectionReason::BadBarcode(_) => Some(Vec::new()),
            RejectionReason::BadFileName(_) => Some(Self::in_file_name(&self.barcode)),
            RejectionReason::Disagree(one, other) => {
                [one, other].map(|name| Barcode::parse(name).ok()).into_iter().collect()
            }
            RejectionReason::Torn | RejectionReason::Message => None,
            _ => Barcode::parse(&self.barcode).ok().map(|barcode| vec![barcode]),
        }
    }

    /// The volumes that an archive's odd name may still mean, with or without a library's prefix: `LIB_TL0001.tar.gz.gpg.old`.
    fn in_file_name(name: &str) -> Vec<Barcode> {
        let (name, _) = name.split_once('.').unwrap_or((name, ""));
        let bare = name.split_once('_').map(|(_, bare)| bare);
        [Some(name), bare]
            .into_iter()
            .flatten()
            .filter_map(|name| Barcode::parse(name).ok())
            .collect()
    }

    /// Notes a row that was not taken; of `text` only the beginning is kept.
    pub(super) fn new(text: &str, because: impl Into<RejectionReason>) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_row_may_still_tell_its_volume() {
        let about = |text: &str, because: RejectionReason| {
            let volumes = RejectedRow::new(text, because).about()?;
            Some(volumes.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let one = Some(vec!["TL0001".to_owned()]);
        assert_eq!(about("TL0001", RejectionReason::TooLongCell(9)), one);
        assert_eq!(about("", RejectionReason::TooLongCell(9)), None);
        assert_eq!(about("", BadBarcode::Length(0).into()), None);
        assert_eq!(about("None", BadBarcode::Placeholder("None".into()).into()), None);
        assert_eq!(about("try again", RejectionReason::Message), None);
        let bad = Barcode::parse("../evil").unwrap_err();
        assert_eq!(about("../evil", bad.into()), Some(Vec::new()), "no volume is called so");
        let both = RejectionReason::Disagree("TL0001".into(), "TL0002".into());
        assert_eq!(
            about("TL0001", both),
            Some(vec!["TL0001".to_owned(), "TL0002".to_owned()])
        );
        assert_eq!(about("a cell", RejectionReason::TooFewCells(1)), None);
        let odd = |name: &str| RejectionReason::from(FileName::parse(name).unwrap_err());
        let name = "TL0001.tar.gz.gpg.old";
        assert_eq!(about(name, odd(name)), one);
        let name = "LIB_TL0001.tar.gz.gpg.old";
        assert!(about(name, odd(name)).unwrap().contains(&"TL0001".to_owned()));
        assert_eq!(about("!.tar.gz", odd("!.tar.gz")), Some(Vec::new()));
    }
}
