//! What a page says in words about how much of the list it shows: "1-100 of 5,000", "Page 1/50", "List truncated".

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

/// Whether the words that begin here do, after those `before`.
fn tells_here(before: &[Word], words: &[Word]) -> bool {
    match *words {
        [Word::Number(first), Word::To, Word::Number(last), ref rest @ ..] => {
            first <= last && whole(rest).is_some_and(|whole| whole > last)
        }
        [Word::Page, Word::Number(page), ref rest @ ..] => whole(rest).is_some_and(|whole| whole > page),
        // "2 of 3 copies" is about something else.
        [Word::Number(shown), ref rest @ ..] => {
            let is_of_books = before.last() == Some(&Word::Shown) || names_books(rest);
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
    match *rest.strip_prefix(&[Word::About]).unwrap_or(rest) {
        [Word::Number(whole), Word::Group(group), ..] => Some(whole.saturating_mul(1_000).saturating_add(group)),
        [Word::Number(whole) | Word::Group(whole), ..] => Some(whole),
        [Word::Many, ..] => Some(u64::MAX),
        _ => None,
    }
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
    First,
    Limited,
    List,
    Many,
    More,
    Of,
    Only,
    Page,
    Shown,
    To,
    Truncated,
    Other,
}

fn words(text: &str) -> Vec<Word> {
    let mut spaced = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '/' => spaced.push_str(" / "),
            '-' | '‐' | '‑' | '‒' | '–' | '—' | '−' => spaced.push_str(" - "),
            c => spaced.push(c),
        }
    }
    let plain = spaced.to_lowercase().replace("out of", "of");
    let plain = plain.replace("only the first", "only first");
    let mut words: Vec<Word> = Vec::new();
    for shown in plain.split_whitespace() {
        let word = word(shown);
        // Only after a number, three digits may belong to it.
        let goes_on = matches!(words.last(), Some(Word::Number(_)));
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
        "of" | "/" | "von" => Word::Of,
        "-" | "to" | "through" | "bis" => Word::To,
        "page" | "seite" => Word::Page,
        "about" | "approximately" | "over" | "than" | "nearly" => Word::About,
        "books" | "entries" | "items" | "records" | "results" | "rows" | "titles" | "volumes" => Word::Books,
        "displayed" | "displaying" | "listing" | "showing" | "shown" => Word::Shown,
        "and" => Word::And,
        "first" => Word::First,
        "list" => Word::List,
        "limited" => Word::Limited,
        "many" => Word::Many,
        "more" => Word::More,
        "only" => Word::Only,
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
}
