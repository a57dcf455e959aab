//! Whether a name is this book's.

use crate::archive::names::percent_decoded;
use crate::archive::page_number::NumberedStem;
use crate::grin::{Barcode, LibraryDirectory};

/// What stands between the words of a file's name.
pub(super) const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];

/// Words of a file's name in which the book's own is looked for.
const MOST_WORDS: usize = 8;

/// Does an OBJID, or the file name of a METS without its extension, name the barcode? It is `<BARCODE>` alone, `<BARCODE>` behind a
/// character that neither a barcode nor its encodings have, as in `<LIB>:<BARCODE>`, or `<LIB>_<BARCODE>` where `<LIB>` has only letters,
/// digits and hyphens and is no page's number in full; the word METS before or behind it is put aside. The whole rest must be the barcode: `$B123` and `AB_123` are other
/// books than `B123` and `123`. Letter case and encoding are put aside.
pub(super) fn names_book(text: &str, barcode: &Barcode) -> bool {
    let text = decoded_barcode(text.trim());
    let is_barcode = |text: &str| text.eq_ignore_ascii_case(barcode.as_str());
    let is_separator = |c: char| !(c.is_alphanumeric() || "-_$+=%".contains(c));
    let names = |text: &str| match text.rsplit_once(is_separator) {
        Some((_, last)) => is_barcode(last),
        None => is_barcode(text) || without_library(text).is_some_and(is_barcode),
    };
    names(&text) || names(without_mets(&text))
}

/// No library has a barcode of so many characters and another one that is the same behind some letters and an underscore.
const WHOLE_BARCODE: usize = 10;

/// Does an OBJID, or the file name of a METS without its extension, name the barcode behind a library that has an underscore, as
/// `LI_B_<BARCODE>` does? Of a short barcode only behind this very library: `AB_123` may be another book than `123`.
pub(super) fn names_book_of(text: &str, barcode: &Barcode, library: Option<&LibraryDirectory>) -> bool {
    let length = barcode.as_str().len();
    let is_ours = |library: &LibraryDirectory| {
        let text = decoded_barcode(text.trim());
        let named = without_mets(&text);
        let before = named.len().checked_sub(length + 1).and_then(|at| named.get(..at));
        before.is_some_and(|before| before.eq_ignore_ascii_case(library.as_str()))
    };
    may_name_book(text, barcode) && (length >= WHOLE_BARCODE || library.is_some_and(is_ours))
}

/// May the file name of a METS, without its extension, name the barcode behind a library that has an underscore, whatever the barcode and
/// the library are? A word of the METS itself decides before this.
pub(super) fn may_name_book(stem: &str, barcode: &Barcode) -> bool {
    let stem = decoded_barcode(stem.trim());
    let stem = without_mets(&stem);
    let at = stem.len().checked_sub(barcode.as_str().len());
    let Some((library, name)) = at.and_then(|at| stem.split_at_checked(at)) else {
        return false;
    };
    let is_library = |library: &str| {
        LibraryDirectory::parse(library).is_ok() && library.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    name.eq_ignore_ascii_case(barcode.as_str()) && library.strip_suffix('_').is_some_and(is_library)
}

/// A name without the word METS and the extension that some put before or behind it.
fn without_mets(text: &str) -> &str {
    const WORD: &str = "METS";
    let is_word = |part: &str| part.eq_ignore_ascii_case(WORD);
    let behind = text
        .len()
        .checked_sub(WORD.len())
        .and_then(|at| text.split_at_checked(at));
    match (behind, text.split_at_checked(WORD.len())) {
        (Some((rest, word)), _) if is_word(word) => rest.trim_end_matches(SEPARATORS),
        (_, Some((word, rest))) if is_word(word) => rest.trim_start_matches(SEPARATORS),
        _ => text,
    }
}

/// What follows `<LIB>_`.
fn without_library(text: &str) -> Option<&str> {
    let (library, rest) = text.split_once('_')?;
    let is_library = library.starts_with(|c: char| c.is_ascii_alphanumeric())
        && library.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_page = NumberedStem::of(library).is_some_and(|numbered| numbered.is_bare() && numbered.is_in_full(library));
    (is_library && !is_page).then_some(rest)
}

/// A text without percent-encoding and without the encoding of barcodes in object keys.
fn decoded_barcode(text: &str) -> String {
    let text = percent_decoded(text);
    text.replace("=24", "$").replace("=2B", "+").replace("=2b", "+")
}

/// Does a METS's file name name some book, as `<LIB>_<BARCODE>` does?
pub(super) fn names_some_book(base_name: &str) -> bool {
    let stem = base_name.rsplit_once('.').map_or(base_name, |(stem, _)| stem);
    let stem = without_mets(stem);
    let barcode = stem.rsplit_once('_').map(|(_, barcode)| barcode);
    barcode.is_some_and(|barcode| barcode.len() > 3 && barcode.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Has a word letters where the barcode has them, and digits likewise, and is not the barcode?
pub(super) fn is_formed_as(word: &str, barcode: &Barcode) -> bool {
    let form = |text: &str| -> Vec<u8> {
        let class = |byte: u8| match byte {
            b'0'..=b'9' => b'0',
            _ if byte.is_ascii_alphabetic() => b'a',
            other => other,
        };
        text.bytes().map(class).collect()
    };
    !word.eq_ignore_ascii_case(barcode.as_str()) && form(word) == form(barcode.as_str())
}

/// What stands behind the book's own name, the digits of which are no page's; all of it where the name is not there.
pub(super) fn behind_book<'s>(stem: &'s str, barcode: Option<&Barcode>) -> &'s str {
    let is_book = |end: &usize| barcode.is_some_and(|barcode| names_book(&stem[..*end], barcode));
    let ends = stem.match_indices(SEPARATORS).map(|(at, _)| at).take(MOST_WORDS);
    let end = ends.chain([stem.len()]).find(is_book);
    end.map_or(stem, |end| stem[end..].trim_start_matches(SEPARATORS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_books_name_is_told_from_it() {
        let cases = [
            ("39015012345678", "39015012345678_cover", "cover"),
            ("39015012345678", "39015012345678", ""),
            ("TL0000000001", "TESTLIB_TL0000000001_0003r", "0003r"),
            ("AB_123456", "TESTLIB_AB_123456 - 3", "3"),
            ("TL0000000001", "TL0000000002_3", "TL0000000002_3"),
            ("TL0000000001", "00000003_TL0000000001", "00000003_TL0000000001"),
            ("TL0000000001", "90000003_TL0000000001", ""),
        ];
        for (barcode, stem, expected) in cases {
            let parsed = Barcode::parse(barcode).unwrap();
            assert_eq!(behind_book(stem, Some(&parsed)), expected, "{stem} for {barcode}");
        }
        assert_eq!(behind_book("a_1", None), "a_1");
    }

    #[test]
    fn only_the_whole_barcode_names_the_book() {
        let cases = [
            ("TL0000000001", "TESTLIB:TL0000000001", true),
            ("TL0000000001", "TL0000000001", true),
            ("TL0000000001", " testlib/tl0000000001 ", true),
            ("TL0000000001", "urn:TESTLIB:TL0000000001", true),
            ("TL0000000001", "TESTLIB.TL0000000001", true),
            ("TL0000000001", "TESTLIB_TL0000000001", true),
            ("TL0000000001", "TESTLIB%3ATL0000000001", true),
            ("TL0000000001", "TESTLIB_TL0000000001.mets", true),
            ("TL0000000001", "TL0000000001_mets", true),
            ("TL0000000001", "TL0000000001-METS", true),
            ("TL0000000001", "mets_TESTLIB_TL0000000001", true),
            ("TL0000000001", "METS.TL0000000001", true),
            ("TL0000000001", "TEST-LIB_TL0000000001", true),
            ("TL0000000001", "TEST-LIB_TL0000000001.mets", true),
            ("TL0000000001", "TESTLIB_TL0000000002.mets", false),
            ("TL0000000001", "-LIB_TL0000000001", false),
            ("TL0000000001", "00000003_TL0000000001", false),
            ("TL0000000001", "mets", false),
            ("LIB_METS", "LIB_METS", true),
            ("TL0000000001", "_TL0000000001", false),
            ("TL0000000001", "TESTLIB:XTL0000000001", false),
            ("TL0000000001", "TESTLIB:TL0000000002", false),
            ("TL0000000001", "TL00000000011", false),
            ("TL0000000001", "", false),
            ("$B123456", "TESTLIB:$B123456", true),
            ("$B123456", "TESTLIB_$B123456", true),
            ("$B123456", "TESTLIB_=24B123456", true),
            ("$B123456", "TESTLIB_%24B123456", true),
            ("+Z170669505", "TESTLIB_=2BZ170669505", true),
            ("AB_123456", "TESTLIB_AB_123456", true),
            ("AB_123456", "AB_123456", true),
            ("B123456", "TESTLIB:$B123456", false),
            ("B123456", "TESTLIB_$B123456", false),
            ("24B123456", "TESTLIB:=24B123456", false),
            ("24B123456", "TESTLIB:%24B123456", false),
            ("Z170669505", "TESTLIB:+Z170669505", false),
            ("Z170669505", "+Z170669505", false),
            ("123456", "TESTLIB:X-123456", false),
            ("123456", "X-123456", false),
            ("123456", "TESTLIB:AB_123456", false),
            ("123456", "TESTLIB_AB_123456", false),
            ("123456", "TESTLIB_X-123456", false),
        ];
        for (barcode, text, expected) in cases {
            let parsed = Barcode::parse(barcode).unwrap();
            assert_eq!(names_book(text, &parsed), expected, "{text:?} for {barcode}");
        }
    }

    #[test]
    fn a_whole_barcode_and_this_library_name_the_book_behind_underscores() {
        for (barcode, text, library, expected) in [
            ("TL0000000001", "LI_B_TL0000000001", None, true),
            ("TL0000000001", "LI_B_TL0000000001", Some("OTHER"), true),
            ("TL0000000001", "li_b_tl0000000001.mets", None, true),
            ("TL0000000001", "LI_B_TL0000000002", Some("LI_B"), false),
            ("TL0000000001", "LI_B_XTL0000000001", Some("LI_B"), false),
            ("TL0000000001", "LI_B_TL0000000001_2", Some("LI_B"), false),
            ("$B123456", "LI_B_=24B123456", Some("LI_B"), true),
            ("123456", "li_b_123456", Some("LI_B"), true),
            ("123456", "mets_LI_B_123456", Some("LI_B"), true),
            ("123456", "LI_B_123456", None, false),
            ("123456", "TESTLIB_AB_123456", Some("TESTLIB"), false),
            ("123456", "TESTLIB_AB_123456", None, false),
        ] {
            let parsed = Barcode::parse(barcode).unwrap();
            let library = library.map(|library| LibraryDirectory::parse(library).unwrap());
            let named = names_book_of(text, &parsed, library.as_ref());
            assert_eq!(named, expected, "{text:?} for {barcode} of {library:?}");
        }
    }

    #[test]
    fn a_library_with_underscores_may_stand_before_the_barcode() {
        let cases = [
            ("TL0000000001", "LI_B_TL0000000001", true),
            ("TL0000000001", "li_b-x_tl0000000001", true),
            ("TL0000000001", "A_LI_B_TL0000000001.mets", true),
            ("$B123456", "LI_B_=24B123456", true),
            ("AB_123456", "LI_B_AB_123456", true),
            ("TL0000000001", "LI_B_TL0000000002", false),
            ("TL0000000001", "LI_B_XTL0000000001", false),
            ("TL0000000001", "LI_B_TL0000000001_2", false),
            ("TL0000000001", "00000003_2_TL0000000001", false),
            ("TL0000000001", "_TL0000000001", false),
            ("TL0000000001", "TL0000000001", false),
            ("B123456", "LI_B_$B123456", false),
        ];
        for (barcode, stem, expected) in cases {
            let parsed = Barcode::parse(barcode).unwrap();
            assert_eq!(may_name_book(stem, &parsed), expected, "{stem:?} for {barcode}");
        }
    }
}
