//! What of an answer was not read as rows about books. It may be all titles, so nothing stays but words of a service that say nothing of a
//! book.

use crate::cli::support_bundle::pseudonyms::{IN_ANSWERS, runs_of};

/// What stands between two values in any form of a list.
pub(super) fn is_separator(c: char) -> bool {
    matches!(
        c,
        ',' | ';' | '|' | ':' | '=' | '"' | '\'' | '{' | '}' | '[' | ']' | '(' | ')' | '<' | '>' | '\t' | '\n'
    )
}

/// Words of which messages, pagers and counts are made. A title that is made of nothing else tells of no book.
const OF_A_SERVICE: &str = "a access account again all allowed an and any archive archives are at available back bad barcode barcodes be been book books \
    busy by cannot complete contact conversion could data date denied directory download empty ended entries error errors \
    exceeded expired failed failure file files first for forbidden found from full gateway google grin has have id if in \
    incomplete internal invalid is it items last later library limit list log login many missing more next no none not occurred \
    of off on or out page pages partial permission permitted please prev previous process processing query queue quota record \
    records request requested requests result results rows search server service show showing shown sign signed state status \
    success support temporarily that the this time timeout to too total try unable unavailable unknown volumes was you your";

/// Whether a text is a message, a pager or a count, as far as its words tell.
pub(super) fn says_nothing_of_a_book(text: &str) -> bool {
    runs_of(text).all(|run| {
        let is_number = run.bytes().all(|byte| byte.is_ascii_digit()) && run.len() < IN_ANSWERS;
        is_number || OF_A_SERVICE.split(' ').any(|word| word.eq_ignore_ascii_case(run))
    })
}

/// Whether a word is the path of a file in an archive, whose folder is often the barcode; where its ending begins.
pub(super) fn ending_of_path(word: &str) -> Option<usize> {
    let name = word.trim_end_matches(|c: char| !c.is_alphanumeric());
    let ending = name.rfind('.').filter(|at| {
        let ending = &name[at + 1..];
        (1..6).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && ending.contains(|c: char| c.is_ascii_alphabetic())
    });
    match (ending, name.contains('/')) {
        (Some(at), _) => Some(at),
        (None, true) => Some(word.len()),
        (None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_pagers_and_counts_are_told_from_what_may_be_a_title() {
        for (text, expected) in [
            ("An error occurred", true),
            ("Your request is unavailable. Please try again later.", true),
            ("1 - 100 of 1500", true),
            ("Next 100", true),
            ("", true),
            ("Moby Dick", false),
            ("39015000000001", false),
            ("HXSPBQ", false),
        ] {
            assert_eq!(says_nothing_of_a_book(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_known_by_its_slashes_and_its_ending() {
        for (word, ending) in [
            ("HXSPBQ/00000001.jp2", Some(15)),
            ("HXSPBQ.xml:", Some(6)),
            ("HXSPBQ/odd", Some(10)),
            ("sparse", None),
            ("byte", None),
            ("12.", None),
            ("2.4", None),
        ] {
            assert_eq!(ending_of_path(word), ending, "{word}");
        }
    }
}
