//! Other letters and digits in place of those that tell of a book, the same ones for the same name throughout a bundle.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::cli::support_bundle::names::is_barcode_shaped;
use crate::grin::Barcode;

/// Digits from which on a name in an answer is taken for that of a book, whether it is known or not.
pub(super) const IN_ANSWERS: usize = 5;
/// The same elsewhere, where sizes and counts stand.
pub(super) const ELSEWHERE: usize = 9;

/// The pseudonyms of one bundle. A letter becomes a letter, a digit a digit, and all else stays, so that whatever reads the text takes
/// it for the same kind of thing.
#[derive(Debug)]
pub(super) struct BookPseudonyms {
    key: u64,
    /// Runs of letters and digits that are, or are part of, a book's barcode, in capitals: not every text keeps them.
    known: BTreeSet<String>,
    /// Of addresses and the library, which stay.
    kept: BTreeSet<String>,
    /// Titles as people read them, longest first.
    titles: Vec<String>,
}

impl BookPseudonyms {
    /// With a key that nobody keeps, for these books; what is part of the texts in `kept` is no book's.
    pub(super) fn new(barcodes: &[Barcode], mut titles: Vec<String>, kept: &[String]) -> Self {
        let runs = barcodes.iter().flat_map(|barcode| {
            let is_meant = |run: &&str| has_digit(run) || !has_digit(barcode.as_str());
            runs_of(barcode.as_str()).filter(is_meant)
        });
        titles.retain(|title| title.chars().count() > 5);
        titles.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        titles.dedup();
        Self {
            key: rand::random(),
            known: runs.map(str::to_ascii_uppercase).collect(),
            kept: kept.iter().flat_map(|text| runs_of(text)).map(str::to_owned).collect(),
            titles,
        }
    }

    /// A text that is not all about books: known barcodes, titles, and runs with so many digits are replaced.
    pub(super) fn plain(&self, text: &str, digits: usize) -> String {
        self.without(text, |run| has_digits(run, digits))
    }

    /// A log: what looks like a barcode is replaced, too.
    pub(super) fn log(&self, text: &str) -> String {
        self.without(text, |run| has_digits(run, ELSEWHERE) || is_barcode_shaped(run))
    }

    /// Without known barcodes, titles, and runs that are suspect.
    fn without(&self, text: &str, is_suspect: impl Fn(&str) -> bool) -> String {
        let is_meant = |run: &str| self.is_known(run) || is_suspect(run) && !self.kept.contains(run);
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for (at, title) in self.titles_in(text) {
            out += &self.mapped(&text[from..at], is_meant);
            out += &self.words(title);
            from = at + title.len();
        }
        out + &self.mapped(&text[from..], is_meant)
    }

    /// Where titles begin, the longer ones first where two overlap.
    fn titles_in(&self, text: &str) -> BTreeMap<usize, &str> {
        let longer = self.titles.partition_point(|title| title.len() > text.len());
        let mut found: BTreeMap<usize, &str> = BTreeMap::new();
        for title in &self.titles[longer..] {
            for (at, _) in text.match_indices(title.as_str()) {
                let before = found.range(..at + title.len()).next_back();
                if before.is_none_or(|(begin, other)| begin + other.len() <= at) {
                    found.insert(at, title);
                }
            }
        }
        found
    }

    fn is_known(&self, run: &str) -> bool {
        self.known.contains(&run.to_ascii_uppercase())
    }

    /// A text about a book: every word is replaced; of a barcode only the parts with digits.
    pub(super) fn words(&self, text: &str) -> String {
        let is_name = Barcode::parse(text.trim()).is_ok() && has_digit(text);
        self.mapped(text, |run| !is_name || has_digit(run))
    }

    /// Replaces each run of letters and digits for which `is_meant` holds. `%24` and `&amp;` are no words.
    fn mapped(&self, text: &str, is_meant: impl Fn(&str) -> bool) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let is_known = |rest: &str| {
                runs_of(rest.get(3..).unwrap_or_default())
                    .next()
                    .is_some_and(|run| self.is_known(run))
            };
            let is_at_front = !out.ends_with(char::is_alphanumeric) || rest.starts_with('=') && is_known(rest);
            let kept = escape_of(rest, is_at_front);
            let run = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            let taken = match (kept, run) {
                (1.., _) => kept,
                (_, 0) => first.len_utf8(),
                (_, run) => run,
            };
            let (word, after) = rest.split_at(taken);
            if kept == 0 && run > 0 && is_meant(word) {
                out.push_str(&self.word(word));
            } else {
                out.push_str(word);
            }
            rest = after;
        }
        out
    }

    /// Another word of the same shape, never the same; in small letters that of the capitals. As each character moves on by those behind
    /// it, and then all but the first by those before it, whoever has the key could go back: no two words of a barcode share one.
    fn word(&self, word: &str) -> String {
        let mut chars: Vec<char> = word.chars().collect();
        for place in (0..chars.len()).rev() {
            chars[place] = moved(chars[place], self.hash(&chars[place + 1..]));
        }
        for place in 1..chars.len() {
            chars[place] = moved(chars[place], self.hash(&chars[..place]));
        }
        chars.into_iter().collect()
    }

    fn hash(&self, chars: &[char]) -> u64 {
        let capitals: String = chars.iter().map(char::to_ascii_uppercase).collect();
        xxh3_64_with_seed(capitals.as_bytes(), self.key)
    }
}

/// Another character of the same kind.
fn moved(c: char, hash: u64) -> char {
    let (first, count) = match c {
        digit if digit.is_numeric() => (b'0', 10),
        upper if upper.is_uppercase() => (b'A', 26),
        _ => (b'a', 26),
    };
    let place = u64::from(c).saturating_sub(u64::from(first)) % count;
    let other = (place + 1 + hash % (count - 1)) % count;
    char::from(first + u8::try_from(other).unwrap_or_default())
}

/// The runs of letters and digits in a text.
pub(super) fn runs_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty())
}

fn has_digits(run: &str, least: usize) -> bool {
    run.bytes().filter(u8::is_ascii_digit).count() >= least
}

fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// Bytes of the escape that begins here: of `$` and `+` in an address or in front of a key, or a character reference of a page.
fn escape_of(text: &str, is_at_front: bool) -> usize {
    let begins = |escapes: [&str; 3]| escapes.iter().any(|escape| text.starts_with(escape));
    if begins(["%24", "%2B", "%2b"]) || is_at_front && begins(["=24", "=2B", "=2b"]) {
        return 3;
    }
    let reference = text.strip_prefix('&').and_then(|rest| rest.split_once(';'));
    let is_name =
        |name: &str| !name.is_empty() && name.len() < 9 && name.chars().all(|c| c.is_alphanumeric() || c == '#');
    reference
        .filter(|(name, _)| is_name(name))
        .map_or(0, |(name, _)| name.len() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let class = |c: char| match c {
            '0'..='9' => '9',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            other => other,
        };
        text.chars().map(class).collect()
    }

    #[test]
    fn a_log_names_no_book() {
        let books = ["HXSPBQ", "$B98"].map(|name| Barcode::parse(name).unwrap());
        let names = BookPseudonyms::new(&books, Vec::new(), &["https://HOST01X.example".to_owned()]);
        let hidden = names.words("HXSPBQ");
        for (log, goes, stays) in [
            ("stored barcode=HXSPBQ bytes=12345", "HXSPBQ", " bytes=12345"),
            ("BARCODE=hxspbq", "hxspbq", "BARCODE="),
            ("is =24B988123", "B988123", "is =24"),
            ("a key==24b988123", "b988123", "a key==24"),
            ("raw/UC=24B98.gpg", "B98", "raw/UC=24"),
            ("a $b988123, CONVERTED on HOST01X", "b988123", ", CONVERTED on HOST01X"),
        ] {
            let said = names.log(log);
            assert!(!said.contains(goes) && said.contains(stays), "{said}");
            assert_eq!(shape(&said), shape(log));
        }
        assert_eq!(names.log("barcode=HXSPBQ"), format!("barcode={hidden}"));
        assert_eq!(names.log("hxspbq"), hidden.to_ascii_lowercase());
    }

    #[test]
    fn a_title_is_looked_for_once_however_often_it_was_read() {
        let titles = ["Typee 2", "Omoo 12", "Typee 2", "Mardi 123", "Omoo 12"].map(str::to_owned);
        let names = BookPseudonyms::new(&[], titles.to_vec(), &[]);
        assert_eq!(names.titles, ["Mardi 123", "Omoo 12", "Typee 2"]);
        for text in ["Omoo 12", "Typee 2 and Mardi 123"] {
            let said = names.plain(text, ELSEWHERE);
            assert!(
                !said.contains("Omoo") && !said.contains("Typee") && !said.contains("Mardi"),
                "{said}"
            );
        }
    }

    #[test]
    fn no_two_names_share_a_pseudonym() {
        let names = BookPseudonyms::new(&[], Vec::new(), &[]);
        let all: Vec<String> = (0..1_000)
            .flat_map(|number| [format!("B{number:03}"), format!("{number:03}")])
            .collect();
        let said: BTreeSet<String> = all.iter().map(|name| names.words(name)).collect();
        assert_eq!(said.len(), all.len());
        assert!(all.iter().all(|name| names.words(name) != *name));
    }

    #[test]
    fn a_title_has_one_pseudonym_wherever_it_stands() {
        let titles = ["Report 39015000000017", "Report 39", "Typee HXSPBQ"];
        let book = Barcode::parse("HXSPBQ").unwrap();
        let names = BookPseudonyms::new(&[book], titles.map(str::to_owned).to_vec(), &[]);
        for title in titles {
            let text = format!("{title} and {title}");
            let said = names.words(title);
            assert_eq!(names.plain(&text, IN_ANSWERS), format!("{said} and {said}"));
        }
    }

    #[test]
    fn a_name_keeps_its_shape_and_its_pseudonym() {
        let book = |name: &str| Barcode::parse(name).unwrap();
        let titles = vec!["Moby Dick; or, The Whale".to_owned()];
        let names = BookPseudonyms::new(&[book("$B98"), book("UC-17a")], titles, &["http://h:12345".to_owned()]);
        for (text, digits, goes, stays) in [
            ("$B98 and %24B98.tar.gz.gpg", IN_ANSWERS, "B98", "$"),
            ("TESTLIB_TL000017.tar.gz.gpg", IN_ANSWERS, "TL000017", "TESTLIB_"),
            (
                "first=100&amp;ctoken=39015000000017",
                IN_ANSWERS,
                "39015000000017",
                "first=100&amp;ctoken=",
            ),
            (
                "2026-11-29T10:00:00Z bytes=12345678",
                ELSEWHERE,
                "none",
                "2026-11-29T10:00:00Z bytes=12345678",
            ),
            ("http://h:12345/7654321", IN_ANSWERS, "7654321", "http://h:12345/"),
            ("raw/=24B98/=24B98.tar.gz", ELSEWHERE, "B98", "raw/=24"),
            ("barcode=2439015000000017", ELSEWHERE, "2439015000000017", "barcode="),
            ("barcode=UC-17a", ELSEWHERE, "17a", "barcode=UC-"),
            ("read Moby Dick; or, The Whale", ELSEWHERE, "Whale", "read "),
        ] {
            let said = names.plain(text, digits);
            assert!(!said.contains(goes) && said.starts_with(stays), "{said}");
            assert_eq!(shape(&said), shape(text));
            assert_eq!(said, names.plain(text, digits));
        }
        assert_eq!(names.words("UC-17a"), names.plain("UC-17a", ELSEWHERE));
        assert_eq!(names.words("TL000017"), names.plain("TL000017", IN_ANSWERS));
        let title = names.words("Œuvres &eacute;crites, 2");
        assert!(title.contains(" &eacute;") && !title.contains("uvres"), "{title}");
        assert_ne!(
            names.words("TL000017"),
            BookPseudonyms::new(&[], Vec::new(), &[]).words("TL000017")
        );
    }
}
