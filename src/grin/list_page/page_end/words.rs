//! What the words of a link or button say about where it leads.

use crate::grin::list_page::page_end::LinkMeaning;

impl LinkMeaning {
    /// A link's text. "Last", with or without arrows, and ">>" say nothing: they may lead anywhere behind this page.
    pub(in crate::grin::list_page) fn of_text(text: &str) -> Self {
        let is_arrow = |c: char| matches!(c, '>' | '›' | '→' | '▶' | '►' | '⟩' | '»' | '-' | '.' | '…' | '[' | ']');
        let plain: String = text.chars().map(|c| if is_arrow(c) { ' ' } else { c }).collect();
        let words: Vec<String> = plain.split_whitespace().map(str::to_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["next", ref rest @ ..] if rest.len() <= 4 && rest.iter().all(|word| goes_with_next(word)) => {
                Self::NextInWords
            }
            [
                "previous" | "prev" | "back" | "newer" | "<" | "‹" | "←" | "«" | "<<" | "◀" | "zurück" | "vorherige"
                | "précédent" | "précédente" | "anterior" | "precedente" | "vorige" | "föregående" | "назад" | "前へ"
                | "上一页" | "上一頁",
                ..,
            ] => Self::Back,
            [] => match text.trim() {
                ">" | "›" | "→" | "▶" | "►" | "⟩" => Self::NextByArrow,
                "»" => Self::NextByDoubleArrow,
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}

/// Whether a link's or button's words promise more of a list without saying that it is the next part: "More", "Show all", "2". The number
/// `except` is no page's: it is how many rows a page is to have.
pub(in crate::grin::list_page) fn promises_more(text: &str, except: Option<&str>) -> bool {
    let parts = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<String> = parts.map(str::to_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [
            "more" | "older" | "further" | "remaining" | "continue" | "forward" | "onward",
            ref rest @ ..,
        ]
        | [
            "show" | "load" | "view" | "see" | "list" | "get" | "go",
            "more" | "all" | "next",
            ref rest @ ..,
        ] => goes_with_more(rest),
        [count, "more", ref rest @ ..] if is_number(count) => goes_with_more(rest),
        ["page", number] | ["go", "to", "page", number] => is_number(number) && number != "1",
        [number] if is_number(number) => number != "1" && Some(number) != except,
        [first, ref rest @ ..] => rest.len() <= 3 && ONWARD_ELSEWHERE.iter().any(|onward| is_form_of(first, onward)),
        _ => false,
    }
}

/// "Next" in other languages; of those that are not written in ASCII, the beginning.
const ONWARD_ELSEWHERE: [&str; 34] = [
    "weiter",
    "weitere",
    "nächst",
    "naechste",
    "suivant",
    "suivante",
    "suivants",
    "siguiente",
    "siguientes",
    "próxim",
    "seguinte",
    "següent",
    "avanti",
    "successivo",
    "successiva",
    "prossima",
    "prossimo",
    "volgende",
    "næste",
    "neste",
    "nästa",
    "seuraava",
    "dalej",
    "następn",
    "další",
    "следующ",
    "далее",
    "вперед",
    "次",
    "下一",
    "다음",
    "הבא",
    "التالي",
    "επόμεν",
];

fn is_form_of(word: &str, onward: &str) -> bool {
    word == onward || !onward.is_ascii() && word.starts_with(onward)
}

/// Whether words are nothing but arrows that point onward, as ">>" on a button; in a link, they may lead to the end or anywhere.
pub(in crate::grin::list_page) fn are_onward_arrows(text: &str) -> bool {
    let is_arrow = |c: char| matches!(c, '>' | '›' | '→' | '▶' | '►' | '⟩' | '»' | '⏵' | '⏩');
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| is_arrow(c) || c.is_whitespace())
}

fn goes_with_more(words: &[&str]) -> bool {
    words.len() <= 4 && words.iter().all(|word| goes_with_next(word))
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}

/// Words that may follow "Next": "Next page", "Next 10,000 books", "Next 2 of 6".
fn goes_with_next(word: &str) -> bool {
    let known = [
        "page", "pages", "books", "results", "rows", "set", "of", "volumes", "items",
    ];
    known.contains(&word) || word.chars().all(|c| c.is_ascii_digit() || c == ',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use LinkMeaning as M;

    #[test]
    fn words_that_promise_more() {
        for (text, expected) in [
            ("More", true),
            ("more books...", true),
            ("Show all", true),
            ("Show next 50", true),
            ("See next page", true),
            ("50 more", true),
            ("Older", true),
            ("Continue >", true),
            ("2", true),
            ("Page 2", true),
            ("Weiter", true),
            ("Nächste Seite", true),
            ("Suivant >", true),
            ("Siguiente", true),
            ("Próxima página", true),
            ("次へ", true),
            ("次の10件", true),
            ("下一页", true),
            ("הבא", true),
            ("Weiterführende Literatur", false),
            ("100", false),
            ("Page 1", false),
            ("All", false),
            ("Learn more", false),
            ("More about GRIN", false),
            ("Search", false),
            ("<<", false),
            ("", false),
        ] {
            assert_eq!(promises_more(text, Some("100")), expected, "{text}");
        }
        for (text, expected) in [(">>", true), ("▶ ▶", true), ("<<", false), ("> 2", false), (" ", false)] {
            assert_eq!(are_onward_arrows(text), expected, "{text}");
        }
    }

    #[test]
    fn meaning_of_a_links_text() {
        for (text, expected) in [
            ("Next", M::NextInWords),
            ("next page »", M::NextInWords),
            ("Next >", M::NextInWords),
            ("NEXT >>", M::NextInWords),
            ("Next 10,000", M::NextInWords),
            ("Next 2 of 6", M::NextInWords),
            (">", M::NextByArrow),
            ("›", M::NextByArrow),
            ("»", M::NextByDoubleArrow),
            (">>", M::Unknown),
            ("Last >>", M::Unknown),
            ("Last", M::Unknown),
            ("< Previous", M::Back),
            ("«", M::Back),
            ("Prev", M::Back),
            ("Zurück", M::Back),
            ("前へ", M::Back),
            ("Weiter", M::Unknown),
            ("Next of Kin", M::Unknown),
            ("The Next Tide >", M::Unknown),
            ("", M::Unknown),
        ] {
            assert_eq!(M::of_text(text), expected, "{text}");
        }
    }
}
