//! Which lone words of a text list are barcodes. Servers in trouble answer words too, and such a word would become a book.

use crate::grin::server_words::is_of_a_server;

/// Fewer lines of one shape than this are no shape of the library's barcodes.
pub(super) const ENOUGH: u64 = 3;
/// Fewest characters of a word that nothing speaks for but itself, and fewest of a mere number.
const SHORTEST: usize = 6;
const SHORTEST_NUMBER: usize = 10;
/// Barcodes have no more letters side by side; words have.
const MOST_LETTERS: usize = 4;

/// What barcodes of one library have in common: their length and the kinds of characters in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WordShape {
    length: usize,
    has_upper: bool,
    has_lower: bool,
    has_digit: bool,
    has_sign: bool,
}

impl WordShape {
    pub(super) fn of(word: &str) -> Self {
        Self {
            length: word.chars().count(),
            has_upper: word.contains(|c: char| c.is_ascii_uppercase()),
            has_lower: word.contains(|c: char| c.is_ascii_lowercase()),
            has_digit: word.contains(|c: char| c.is_ascii_digit()),
            has_sign: word.contains(|c: char| !c.is_ascii_alphanumeric()),
        }
    }

    /// Whether a word of this shape may be the beginning of one of that shape: it is shorter, and has nothing that the other has not.
    fn may_begin(self, whole: Self) -> bool {
        let lacks = |has: bool, whole_has: bool| has && !whole_has;
        self.length < whole.length
            && !lacks(self.has_upper, whole.has_upper)
            && !lacks(self.has_lower, whole.has_lower)
            && !lacks(self.has_digit, whole.has_digit)
            && !lacks(self.has_sign, whole.has_sign)
    }
}

/// The shapes of a list's lone words, with how many words each has; a library has few.
#[derive(Debug, Default)]
pub(super) struct ShapeCensus {
    shapes: std::collections::BTreeMap<WordShape, u64>,
    words: u64,
}

impl ShapeCensus {
    /// Counts a word; returns how many of its shape there are now.
    pub(super) fn note(&mut self, shape: WordShape) -> u64 {
        self.words += 1;
        let count = self.shapes.entry(shape).or_default();
        *count += 1;
        *count
    }

    /// Whether so many words have this shape that it is one of the library's.
    fn is_common(&self, shape: WordShape) -> bool {
        self.shapes.get(&shape).is_some_and(|count| *count >= ENOUGH)
    }

    /// The length that most words have, if there are enough of them.
    pub(super) fn usual_length(&self) -> Option<usize> {
        let most = self.shapes.iter().max_by_key(|(_, count)| **count)?;
        (*most.1 >= ENOUGH && most.1 * 2 > self.words).then_some(most.0.length)
    }

    /// Whether a word is taken for a barcode, once all words of the list are known: many have its shape, or the word itself looks like
    /// one. A library has barcodes of several ages, and few of some.
    pub(super) fn takes(&self, word: &str) -> bool {
        self.is_common(WordShape::of(word)) || speaks_for_itself(word)
    }

    /// Whether a word may be the beginning of one of the usual shape.
    pub(super) fn may_begin(&self, word: &str) -> bool {
        let most = self.shapes.iter().max_by_key(|(_, count)| **count);
        most.is_some_and(|(usual, _)| self.usual_length().is_some() && WordShape::of(word).may_begin(*usual))
    }
}

/// Whether a word may be a barcode that stands alone: letters and digits as barcodes have them, and no word of a server.
pub(in crate::grin) fn speaks_for_itself(word: &str) -> bool {
    let shape = WordShape::of(word);
    let mut parts = word.split(|c: char| !c.is_ascii_alphabetic());
    let is_word = |part: &str| part.len() > MOST_LETTERS || is_of_a_server(part);
    let is_number = !(shape.has_upper || shape.has_lower || shape.has_sign);
    // `E500` and the like, however long.
    let is_error = word
        .strip_prefix('E')
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let shortest = if is_number { SHORTEST_NUMBER } else { SHORTEST };
    shape.has_digit && !shape.has_lower && shape.length >= shortest && !is_error && !parts.any(is_word)
}

/// Whether a cell is a message of a server rather than an odd name of a volume: it has two words of letters side by side, or is JSON, or
/// names what it tells.
pub(in crate::grin) fn is_message(cell: &str) -> bool {
    let is_word = |word: &&str| {
        let letters = word.trim_matches(|c: char| c.is_ascii_punctuation());
        letters.chars().count() > 1 && letters.chars().all(char::is_alphabetic)
    };
    let words: Vec<&str> = cell.split_whitespace().collect();
    let has_sentence = words.windows(2).any(|pair| pair.iter().all(is_word));
    has_sentence || cell.starts_with(['{', '[']) || cell.contains(": ")
}

/// Whether a list's last line says that there is more of it: `...`, `(truncated)`, `and 400 more`.
pub(in crate::grin) fn says_cut_short(line: &str) -> bool {
    let words = || {
        line.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
    };
    let is = |word: Option<&str>, known: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(known));
    let (first, last) = (words().next(), words().next_back());
    match first {
        None => line.contains("...") || line.contains('…'),
        Some(_) if line.contains('\t') => false,
        Some(_) => {
            let is_one = words().nth(1).is_none() && (is(first, "more") || is(first, "continued"));
            is_one || is(first, "and") && is(last, "more") || words().any(|word| is(Some(word), "truncated"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines_that_say_that_there_is_more() {
        for (line, expected) in [
            ("...", true),
            (" [ … ]", true),
            ("(truncated)", true),
            ("-- list truncated --", true),
            ("and 400 more", true),
            ("More...", true),
            ("TL0001", false),
            ("TL0001\tThe truncated edition", false),
            ("TL0001\t...", false),
            ("", false),
        ] {
            assert_eq!(says_cut_short(line), expected, "{line}");
        }
    }

    #[test]
    fn words_that_stand_alone() {
        for (word, expected) in [
            ("TL0001", true),
            ("HN1ABC", true),
            ("32044012345678", true),
            ("AR01234567", true),
            ("$B123456", true),
            ("+Z170669505", true),
            ("UCAL_$B123456", true),
            ("W22084-I0886", true),
            ("HN1E2A", true),
            ("A1B2C3D4E5", true),
            ("RESOURCE_EXHAUSTED_429", false),
            ("NOT_FOUND_404", false),
            ("MAINTENANCE2026", false),
            ("OVERLOAD503", false),
            ("BUSY-12345", false),
            ("TRY_AGAIN_30", false),
            ("12345678", false),
            ("None", false),
            ("503", false),
            ("12345", false),
            ("E500", false),
            ("E1234", false),
            ("E1234567", false),
            ("ERR_500", false),
            ("Error-500123", false),
            ("TIMEOUT504", false),
            ("RPC_DEADLINE_2", false),
            ("backend42", false),
            ("retry-after-30", false),
            ("HTTP-503-1", false),
        ] {
            assert_eq!(speaks_for_itself(word), expected, "{word}");
        }
    }

    #[test]
    fn messages_are_told_from_odd_names() {
        for (cell, expected) in [
            ("Internal error", true),
            ("HTTP/1.1 502 Bad Gateway", true),
            ("Too many requests, retry later.", true),
            ("Dienst gestört", true),
            ("Error: 500", true),
            ("{\"error\": 500}", true),
            ("HN 1ABC", false),
            ("a/b/c", false),
            ("39015 000 000", false),
            ("../../etc", false),
            ("", false),
        ] {
            assert_eq!(is_message(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_word_is_judged_by_the_list_around_it() {
        for (words, word, expected) in [
            (&["TL0001", "TL0002", "TL0003"][..], "TL0004", true),
            (&["TL0001", "TL0002", "TL0003"], "12345", false),
            (&["TL0001", "TL0002", "TL0003"], "E500", false),
            (&["TL0001", "TL0002", "TL0003"], "TL00011", true),
            (&["39015000000001", "39015000000002", "39015000000003"], "HN1ABC", true),
            (
                &["39015000000001", "39015000000002", "39015000000003"],
                "$B123456",
                true,
            ),
            // Letters alone: the word of a server is as likely, and would become a book. It is counted and named instead, and is a book as
            // soon as a page, a text with columns or a person names it.
            (&["TL0001", "TL0002", "TL0003"], "ABCDEF", false),
            (
                &["39015000000001", "39015000000002", "39015000000003"],
                "ABCDEFGHIJKLMN",
                false,
            ),
            // Where a library has such barcodes, they are not alone.
            (&["ABCDEF", "GHIJKL", "MNOPQR"], "STUVWX", true),
            // Short or odd in itself, but just so are they all.
            (&["E501", "E502", "E503"], "E504", true),
            (&["12345", "12346", "12347"], "12348", true),
            // Two shapes, as old and new volumes of one library have.
            (
                &["32044000000001", "32044000000002", "32044000000003", "HN1ABC", "HNQ2RS"],
                "HN1ABX",
                true,
            ),
            // Too few to tell.
            (&["TL0001"], "TL00011", true),
            (&["TL0001"], "E500", false),
        ] {
            let mut census = ShapeCensus::default();
            words.iter().chain([&word]).for_each(|word| {
                census.note(WordShape::of(word));
            });
            assert_eq!(census.takes(word), expected, "{word} in {words:?}");
        }
    }

    #[test]
    fn only_a_word_of_the_usual_kinds_of_characters_may_be_torn() {
        let mut census = ShapeCensus::default();
        for word in ["39015000000001", "39015000000002", "39015000000003"] {
            census.note(WordShape::of(word));
        }
        for (word, expected) in [("3901500", true), ("HN1ABC", false), ("39015000000004", false)] {
            assert_eq!(census.may_begin(word), expected, "{word}");
        }
    }
}
