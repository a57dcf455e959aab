//! What a page says in words about how much of the list it shows: "1-100 of 5,000", "Page 1/50", "List truncated".

use crate::grin::text_list::says_cut_short;

/// Whether a text tells of more than it says is shown.
pub(super) fn tells_of_more(text: &str) -> bool {
    if !text.contains(|c: char| c.is_ascii_digit()) && !has_truncated(text) {
        return false;
    }
    let words = words(&html_escape::decode_html_entities(text));
    (0..words.len()).any(|at| tells_here(&words[..at], &words[at..]))
}

fn has_truncated(text: &str) -> bool {
    text.to_lowercase().contains("truncated")
}

/// Whether a statement, as it stands between two tags or on a line, tells of more. `of_list`: it stands in the list's own table.
pub(in crate::grin) fn says_more(statement: &str, of_list: bool) -> bool {
    let words = words(statement);
    let has = |word| words.contains(&word);
    let promises = words.windows(2).any(|pair| pair == [Word::More, Word::Books]) && (has(Word::There) || of_list);
    let is_cut = words
        .windows(3)
        .any(|some| some == [Word::Too, Word::Many, Word::Books]);
    let is_beginning = has(Word::Only)
        && words
            .windows(2)
            .any(|pair| matches!(pair, [Word::First, Word::Number(_) | Word::Group(_)]));
    let has_limit = has(Word::Most) && has(Word::Reached) || has(Word::Books) && words.last() == Some(&Word::Limited);
    let goes_on = words.first() == Some(&Word::Continued);
    // Nothing else: "1/50".
    let is_place = matches!(words[..], [Word::Number(at), Word::Of, Word::Number(last)] if at < last);
    // "4,998 more".
    let is_rest = of_list && matches!(words[..], [Word::Number(_) | Word::Group(_), Word::More]);
    promises
        || is_cut
        || is_beginning
        || has_limit
        || goes_on
        || is_place
        || is_rest
        || of_list && says_cut_short(statement)
        || tells_of_more(statement)
}

/// What may stand beside "no books" in a sentence that says nothing else.
const BESIDE_NONE: [&str; 22] = [
    "any",
    "at",
    "available",
    "been",
    "currently",
    "display",
    "found",
    "for",
    "have",
    "in",
    "library",
    "list",
    "match",
    "matching",
    "moment",
    "of",
    "the",
    "this",
    "time",
    "to",
    "were",
    "your",
];

/// Whether a statement says that there are no books or rows, and nothing else: "No books found."
pub(in crate::grin) fn says_none(statement: &str) -> bool {
    let plain = statement.to_lowercase();
    let words: Vec<&str> = plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let (said, rest) = match words[..] {
        ["there", "are" | "is" | "were", "no", ref rest @ ..] | ["no", ref rest @ ..] => (true, rest),
        ref rest => (false, rest),
    };
    let is_books = |name: &str| word(name) == Word::Books;
    let others = || rest.iter().filter(|name| !is_books(name));
    said && rest.iter().any(|name| is_books(name)) && others().all(|name| BESIDE_NONE.contains(name))
}

/// How many books or rows a statement says there are: "Total: 5,000 books", "Found 5000 results".
pub(in crate::grin) fn total_of(statement: &str) -> Option<u64> {
    if !statement.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let words = words(statement);
    (0..words.len()).filter_map(|at| total_here(&words, at)).max()
}

/// The number that begins here, if it is one of all books.
fn total_here(words: &[Word], at: usize) -> Option<u64> {
    let (number, length) = grouped(&words[at..])?;
    let (before, after) = (&words[..at], &words[at + length..]);
    let is_part = matches!(before.last(), Some(Word::To | Word::Page | Word::First))
        || matches!(after.first(), Some(Word::Of | Word::To));
    let near = |wanted| {
        let before = before.iter().rev().take(3);
        before.chain(after.iter().take(3)).any(|word| *word == wanted)
    };
    let is_all = before.is_empty() && after == [Word::Books];
    // Nothing else: "Total: 5000".
    let is_bare = matches!((before, after), ([Word::Total], []) | ([], [Word::Total]));
    let is_counted = is_all || near(Word::Total) || near(Word::Count);
    (!is_part && (is_bare || near(Word::Books) && is_counted)).then_some(number)
}

/// Whether the words that begin here do, after those `before`.
fn tells_here(before: &[Word], words: &[Word]) -> bool {
    match *words {
        [Word::Number(first), Word::To, Word::Number(last), ref rest @ ..] => {
            let total = match *rest {
                [Word::Number(whole), Word::Total, ..] => Some(whole),
                ref rest => whole(rest),
            };
            first <= last && total.is_some_and(|whole| whole > last)
        }
        [Word::Number(shown), Word::Books, ref rest @ ..] if before.last() == Some(&Word::Shown) => {
            whole(rest).is_some_and(|whole| whole > shown)
        }
        [Word::Page, Word::Number(page), ref rest @ ..] => whole(rest).is_some_and(|whole| whole > page),
        // "2 of 3 copies" is about something else.
        [Word::Number(shown), ref rest @ ..] => {
            let is_of_books = matches!(before.last(), Some(Word::Shown | Word::Total)) || names_books(rest);
            is_of_books && whole(rest).is_some_and(|whole| whole > shown)
        }
        // "Long titles are truncated" is about something else.
        [Word::Truncated, ..] => matches!(before.last(), None | Some(Word::List | Word::Books)),
        [Word::Limited, Word::To, Word::Number(_), ..]
        | [Word::Only, Word::First, Word::Number(_), ..]
        | [Word::And, Word::Number(_), Word::More, ..] => true,
        _ => false,
    }
}

/// The number after "of", "of about" or "of more than".
fn whole(words: &[Word]) -> Option<u64> {
    let rest = words.strip_prefix(&[Word::Of])?;
    let rest = rest.strip_prefix(&[Word::More]).unwrap_or(rest);
    let rest = rest.strip_prefix(&[Word::About]).unwrap_or(rest);
    match *rest {
        [Word::Many, ..] => Some(u64::MAX),
        [Word::Group(whole), ..] => Some(whole),
        _ => grouped(rest).map(|(whole, _)| whole),
    }
}

/// The number that begins here with the groups of three digits that go on with it, and how many words they are.
fn grouped(words: &[Word]) -> Option<(u64, usize)> {
    let Some((Word::Number(first), rest)) = words.split_first() else {
        return None;
    };
    let groups = rest.iter().map_while(|word| match word {
        Word::Group(group) => Some(*group),
        _ => None,
    });
    let add = |(number, length): (u64, usize), group| (number.saturating_mul(1_000).saturating_add(group), length + 1);
    Some(groups.fold((*first, 1), add))
}

/// Whether books or rows are what is counted: "of 5,000 books".
fn names_books(words: &[Word]) -> bool {
    let is_number = |word: &Word| matches!(word, Word::Number(_) | Word::Group(_));
    let after = words
        .iter()
        .skip_while(|word| !is_number(word))
        .find(|word| !is_number(word));
    after == Some(&Word::Books)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Number(u64),
    /// Three digits that may go on with a number: "5 000".
    Group(u64),
    About,
    And,
    Books,
    Continued,
    /// "Number of" books; alone it names one of them.
    Count,
    First,
    Limited,
    List,
    Many,
    More,
    Most,
    Of,
    Only,
    Page,
    Reached,
    Shown,
    There,
    To,
    Too,
    Total,
    Truncated,
    Other,
}

fn words(text: &str) -> Vec<Word> {
    let mut spaced = String::with_capacity(text.len());
    // Written without blanks: "全5000件中 1-2件".
    let text = text.replace("件中", " books total ");
    for c in text.replace("...", " ").replace("..", " - ").chars() {
        match c {
            '全' | '共' => spaced.push_str(" total "),
            '件' | '冊' | '条' => spaced.push_str(" books "),
            '/' => spaced.push_str(" / "),
            '-' | '‐' | '‑' | '‒' | '–' | '—' | '−' | '~' | '～' => spaced.push_str(" - "),
            '(' | ')' | ':' | '：' | ';' => spaced.push(' '),
            c => spaced.push(c),
        }
    }
    let plain = spaced.to_lowercase().replace("out of", "of");
    let plain = plain.replace("only the first", "only first");
    let mut words: Vec<Word> = Vec::new();
    for shown in plain.split_whitespace() {
        let word = word(shown);
        // Only after a number, three digits may belong to it: "1 234 567".
        let goes_on = matches!(words.last(), Some(Word::Number(_) | Word::Group(_)));
        words.push(match word {
            Word::Group(number) if !goes_on => Word::Number(number),
            word => word,
        });
    }
    words
}

fn word(word: &str) -> Word {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-' && c != '/');
    let digits: String = bare.chars().filter(|c| !matches!(c, ',' | '.' | '\'' | '’')).collect();
    let thousands = digits.strip_suffix('k').and_then(|digits| digits.parse::<u64>().ok());
    if let Some(number) = thousands {
        return Word::Number(number.saturating_mul(1_000));
    }
    if let Ok(number) = digits.parse() {
        let is_group = bare.len() == 3;
        return if is_group {
            Word::Group(number)
        } else {
            Word::Number(number)
        };
    }
    match bare {
        "of" | "/" | "von" | "sur" | "de" | "di" | "van" | "av" | "af" | "из" | "z" => Word::Of,
        "-" | "to" | "through" | "bis" | "à" | "a" | "al" | "tot" | "till" | "til" | "до" => Word::To,
        "page" | "seite" | "página" | "pagina" | "sida" | "side" | "страница" => Word::Page,
        "about" | "approximately" | "over" | "than" | "nearly" => Word::About,
        "books" | "entries" | "items" | "records" | "results" | "rows" | "titles" | "volumes" | "bücher"
        | "büchern" | "bände" | "bänden" | "einträge" | "einträgen" | "titel" | "titeln" | "treffer" | "treffern"
        | "livres" | "titres" | "résultats" | "libros" | "títulos" | "resultados" | "libri" | "titoli"
        | "risultati" => Word::Books,
        "displayed" | "displaying" | "listing" | "showing" | "shown" => Word::Shown,
        "and" => Word::And,
        "continued" => Word::Continued,
        "first" => Word::First,
        "list" => Word::List,
        "limited" => Word::Limited,
        "many" => Word::Many,
        "more" => Word::More,
        "limit" | "max" | "maximum" => Word::Most,
        "reached" | "exceeded" => Word::Reached,
        "only" => Word::Only,
        "there" | "available" | "follow" | "remaining" => Word::There,
        "too" => Word::Too,
        "total" | "totals" | "totale" | "totaal" | "found" | "returned" | "matched" | "matching" | "matches"
        | "altogether" | "insgesamt" | "gesamt" => Word::Total,
        "number" => Word::Count,
        "truncated" => Word::Truncated,
        _ => Word::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_tell_of_more() {
        for (text, expected) in [
            ("1-100 of 5,000", true),
            ("Showing 1 to 100 of about 5.000 books.", true),
            ("Results <b> 1&nbsp;&ndash;&nbsp;100 of 101", true),
            ("(Page 1 of 50)", true),
            ("Page 1/50", true),
            ("Seite 1 von 50", true),
            ("1-100/5000", true),
            ("3 of 5,000 books", true),
            ("3 of 5 000 books", true),
            ("1 - 100 of 5 000", true),
            ("Showing 3 out of 5000", true),
            ("1-3 of more than 5,000", true),
            ("1-3 of many", true),
            ("1-300 of 5k", true),
            ("List truncated.", true),
            ("Results limited to 3 rows", true),
            ("Only the first 3 results are shown.", true),
            ("and 4997 more", true),
            ("1 - 2 sur 5 000", true),
            ("5 von 12.345 Titeln", true),
            ("5 sur 12 345 titres", true),
            ("5 de 12.345 títulos", true),
            ("5 von 5 Titeln", false),
            ("1 a 2 de 5000", true),
            ("1..2 of 5000", true),
            ("1 to 2 (5000 total)", true),
            ("Showing 2 books of 5000", true),
            ("Total 2 of 5000", true),
            ("Long titles are truncated", false),
            ("1-100 of 100", false),
            ("4,901 - 5,000 of 5,000", false),
            ("Page 50 of 50", false),
            ("Page 50/50", false),
            ("5,000 of 5,000 books", false),
            ("Showing 3 of 3", false),
            ("1-100", false),
            ("2 of 3 copies", false),
            ("1999-2001 of the journal", false),
            ("29/11/2026", false),
            ("Page of 3", false),
            ("5-1 of 9", false),
            ("", false),
        ] {
            assert_eq!(tells_of_more(text), expected, "{text}");
        }
    }

    #[test]
    fn statements_that_tell_of_more() {
        for (text, in_list, elsewhere) in [
            ("More results available", true, true),
            ("There are more books in this list.", true, true),
            ("Too many rows", true, true),
            ("Showing the first 2 books only", true, true),
            ("1/2500", true, true),
            ("Continued on next page", true, true),
            ("(continued)", true, true),
            ("Warning: results limited.", true, true),
            ("Maximum number of rows reached", true, true),
            ("Results are limited to books of your library", false, false),
            ("1-2 of 5000", true, true),
            ("...", true, false),
            ("More books", true, false),
            ("More information", false, false),
            ("More books by this library", true, false),
            ("None", false, false),
            ("1/1", false, false),
            ("2011/02", false, false),
            ("29/11/2026", false, false),
            ("", false, false),
        ] {
            assert_eq!(says_more(text, true), in_list, "in the list: {text}");
            assert_eq!(says_more(text, false), elsewhere, "elsewhere: {text}");
        }
    }

    #[test]
    fn numbers_of_all_books() {
        for (text, expected) in [
            ("Total: 5,000 books", Some(5_000)),
            ("5 000 books total. Displaying 2.", Some(5_000)),
            ("5000 books found", Some(5_000)),
            ("Number of books: 5.000", Some(5_000)),
            ("Total number of books: 12", Some(12)),
            ("Found 5,000 results", Some(5_000)),
            ("Query returned 5000 rows; displaying 2.", Some(5_000)),
            ("5,000 books in total", Some(5_000)),
            ("5000 books", Some(5_000)),
            ("500 books", Some(500)),
            ("5000 of 12000 scanned this year", None),
            ("5000 books can be requested a day", None),
            ("Page 2 of 7", None),
            ("1-2 of 5000", None),
            ("Total: 5000", Some(5_000)),
            ("Total: 5 000", Some(5_000)),
            ("1 234 567 books total", Some(1_234_567)),
            ("5,000 total", Some(5_000)),
            ("Insgesamt: 12.345", Some(12_345)),
            ("全12345件中 1-5件", Some(12_345)),
            ("12,345件中 1～5件を表示", Some(12_345)),
            ("共12345条", Some(12_345)),
            ("Total cost: 5000", None),
            ("Number 5000", None),
            ("Copyright 2011", None),
            ("books found", None),
            ("", None),
        ] {
            assert_eq!(total_of(text), expected, "{text}");
        }
    }
}
