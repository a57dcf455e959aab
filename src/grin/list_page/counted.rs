//! What a page says in words about how much of the list it shows: "1-100 of 5,000", "Page 1 of 50".

/// Whether a text tells of more than it says is shown.
pub(super) fn tells_of_more(text: &str) -> bool {
    let words = words(&html_escape::decode_html_entities(text));
    let after_of = |at: usize| {
        let rest = words.get(at..)?.strip_prefix(&[Word::Of])?;
        let rest = rest.strip_prefix(&[Word::About]).unwrap_or(rest);
        match rest.first() {
            Some(Word::Number(whole)) => Some(*whole),
            _ => None,
        }
    };
    (0..words.len()).any(|at| match words[at..] {
        [Word::Number(first), Word::To, Word::Number(last), ..] => {
            first <= last && after_of(at + 3).is_some_and(|whole| whole > last)
        }
        [Word::Page, Word::Number(page), ..] => after_of(at + 2).is_some_and(|whole| whole > page),
        _ => false,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Number(u64),
    Of,
    To,
    Page,
    About,
    Other,
}

fn words(text: &str) -> Vec<Word> {
    let is_dash = |c: char| matches!(c, '-' | '‐' | '‑' | '‒' | '–' | '—' | '−');
    let text: String = text
        .chars()
        .map(|c| if is_dash(c) { " - ".to_owned() } else { c.to_string() })
        .collect();
    text.split_whitespace().map(word).collect()
}

fn word(word: &str) -> Word {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
    let digits: String = bare.chars().filter(|c| !matches!(c, ',' | '.' | '\'' | '’')).collect();
    if let Ok(number) = digits.parse() {
        return Word::Number(number);
    }
    match bare.to_lowercase().as_str() {
        "of" => Word::Of,
        "-" | "to" | "through" => Word::To,
        "page" => Word::Page,
        "about" | "approximately" | "over" => Word::About,
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
            ("1-100 of 100", false),
            ("4,901 - 5,000 of 5,000", false),
            ("Page 50 of 50", false),
            ("1-100", false),
            ("2 of 3 copies", false),
            ("1999-2001 of the journal", false),
            ("Page of 3", false),
            ("5-1 of 9", false),
            ("", false),
        ] {
            assert_eq!(tells_of_more(text), expected, "{text}");
        }
    }
}
