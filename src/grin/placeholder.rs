//! Words that stand where a list names a volume and name none: `None`, `TBD`, `details`, the name of a column.
//!
//! A barcode of letters alone is rare, and is written in capitals. So a word without a digit is no barcode if it has a small letter, if
//! it is several words joined by a sign, or if it is one that pages and servers write. A word with a digit is none if trouble is spelled out
//! in it (`Error-500`), and neither is one sign or digit repeated (`000000`).

use crate::grin::columns::by_tsv;
use crate::grin::list_page::field_of;
use crate::grin::server_words::{is_in_no_barcode, stands_for_no_volume};
use crate::grin::{BadBarcode, Barcode, GrinState};

/// Whether a text stands for no volume, with or without signs round it: `None`, `(pending)`, `-`.
fn is_placeholder(text: &str) -> bool {
    if Barcode::parse(text).is_ok() {
        return is_word(text);
    }
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let is_not_applicable = bare.eq_ignore_ascii_case("n/a") || bare.eq_ignore_ascii_case("n.a");
    !text.is_empty() && bare.is_empty()
        || is_not_applicable
        || bare != text && Barcode::parse(bare).is_ok() && is_word(bare)
}

/// Whether a word of the form of a barcode is none.
fn is_word(word: &str) -> bool {
    let first = word.as_bytes().first();
    if word.bytes().all(|byte| Some(&byte) == first) {
        return true;
    }
    if word.contains(|c: char| c.is_ascii_digit()) {
        return word.split(|c: char| !c.is_ascii_alphabetic()).any(is_in_no_barcode);
    }
    let is_written_small = word.contains(|c: char| c.is_ascii_lowercase());
    let is_state = !matches!(GrinState::read(word), None | Some(GrinState::Other(_)));
    is_written_small || word.contains(['-', '_']) || stands_for_no_volume(word) || is_state || names_column(word)
}

/// Whether a word is the name of a column that names volumes, as in a heading that is no heading by its markup.
fn names_column(word: &str) -> bool {
    field_of(word).is_some() || by_tsv(word).is_some()
}

impl Barcode {
    /// As [`Barcode::parse`], of what stands where a list names a volume.
    ///
    /// # Errors
    /// As there; and a word that names no volume.
    pub(crate) fn listed(text: &str) -> Result<Self, BadBarcode> {
        if is_placeholder(text) {
            return Err(BadBarcode::Placeholder(text.into()));
        }
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_stand_for_no_volume_are_told_from_barcodes() {
        for (word, expected) in [
            // Barcodes as libraries have them.
            ("39015012345678", false),
            ("HN1ABC", false),
            ("HNABCD", false),
            ("$B123456", false),
            ("$b123456", false),
            ("+Z170669505", false),
            ("W22084-I0886", false),
            ("UCAL_$B123456", false),
            ("hn1abc", false),
            ("ABC", false),
            ("$BABCD", false),
            ("12345", false),
            ("AR0000000", false),
            ("1000000", false),
            ("ERR0R1", false),
            // Words.
            ("None", true),
            ("NONE", true),
            ("null", true),
            ("TBD", true),
            ("tbd", true),
            ("details", true),
            ("Download", true),
            ("GET", true),
            ("unknown", true),
            ("Pending", true),
            ("MISSING", true),
            ("Total", true),
            ("Barcode", true),
            ("BARCODE", true),
            ("FILENAME", true),
            ("NEW", true),
            ("IN_PROCESS", true),
            ("NOT_SET", true),
            ("N-A", true),
            ("UNKNOWN-123", true),
            ("Error500", true),
            ("TIMEOUT504", true),
            ("000000", true),
            ("$$$", true),
            ("xxxx", true),
        ] {
            let listed = Barcode::listed(word);
            assert!(Barcode::parse(word).is_ok(), "{word}");
            assert_eq!(matches!(listed, Err(BadBarcode::Placeholder(_))), expected, "{word}");
            assert_eq!(listed.is_err(), expected, "{word}");
        }
    }

    #[test]
    fn signs_round_a_word_make_it_no_barcode() {
        for (text, expected) in [
            ("N/A", true),
            ("-", true),
            ("---", true),
            ("\u{2014}", true),
            ("(pending)", true),
            ("[none]", true),
            ("?", true),
            ("", false),
            ("a/b", false),
            ("(TL0001)", false),
            ("TL 0001", false),
            ("Error: try again", false),
        ] {
            let listed = Barcode::listed(text);
            assert_eq!(matches!(listed, Err(BadBarcode::Placeholder(_))), expected, "{text}");
            assert!(listed.is_err(), "{text}");
        }
    }
}
