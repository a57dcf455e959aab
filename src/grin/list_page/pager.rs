//! The link to a list's next page, known by its meaning.

use url::Url;

use crate::grin::{AnswerRefusal, text};

/// Longest text and address of a link that are looked at.
const LONGEST: usize = 4_096;

/// Watches the links outside of the list's table.
#[derive(Debug)]
pub(super) struct PagerWatch {
    page: Url,
    base: Url,
    open: Option<Link>,
    best: Option<(u8, Url)>,
    foreign: Option<(u8, String)>,
    several: bool,
}

#[derive(Debug)]
struct Link {
    href: String,
    says_next: bool,
    text: String,
}

/// What the pager found.
#[derive(Debug)]
pub(super) struct PagerLink {
    pub(super) next: Option<Url>,
    pub(super) refusal: Option<AnswerRefusal>,
    pub(super) warnings: Vec<String>,
}

impl PagerWatch {
    pub(super) fn new(page: &Url) -> Self {
        Self {
            page: page.clone(),
            base: page.clone(),
            open: None,
            best: None,
            foreign: None,
            several: false,
        }
    }

    /// `<base href>`: what relative addresses are relative to, as long as it stays on the same server.
    pub(super) fn base(&mut self, href: &str) {
        if let Ok(base) = self.page.join(&address(href))
            && base.origin() == self.page.origin()
        {
            self.base = base;
        }
    }

    /// `<a href rel>`: a link begins, and with it ends one that was left open.
    pub(super) fn begin(&mut self, href: &str, rel: Option<&str>) {
        self.end();
        if href.len() <= LONGEST {
            let says_next = rel.is_some_and(|rel| rel.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case("next")));
            self.open = Some(Link {
                href: address(href),
                says_next,
                text: String::new(),
            });
        }
    }

    /// Text of the page; it belongs to the open link, if there is one.
    pub(super) fn text(&mut self, text: &str) {
        if let Some(link) = &mut self.open
            && link.text.len() + text.len() <= LONGEST
        {
            link.text.push_str(text);
        }
    }

    /// `</a>`.
    pub(super) fn end(&mut self) {
        let Some(link) = self.open.take() else { return };
        let rank = if link.says_next {
            NEXT_IN_WORDS
        } else {
            rank(&text::from_html(&link.text))
        };
        let marked = has_page_mark(&link.href);
        let rank = match (marked, rank) {
            (false, NEXT_IN_WORDS) => NEXT_UNMARKED,
            (false, _) => 0,
            (true, rank) => rank,
        };
        if rank == 0 {
            return;
        }
        match self.judge(&link.href) {
            Some(url) => self.take(rank, url),
            None if marked && self.foreign.as_ref().is_none_or(|(best, _)| rank > *best) => {
                self.foreign = Some((rank, link.href));
            }
            None => {}
        }
    }

    fn take(&mut self, rank: u8, url: Url) {
        match &self.best {
            Some((best, known)) if *best == rank => self.several |= *known != url,
            Some((best, _)) if *best > rank => {}
            _ => self.best = Some((rank, url)),
        }
    }

    /// The address, if it is the same list's on the same server.
    fn judge(&self, href: &str) -> Option<Url> {
        let mut url = self.base.join(href).ok()?;
        url.set_fragment(None);
        let plain = url.username().is_empty() && url.password().is_none();
        let same = url.origin() == self.page.origin() && url.path() == self.page.path();
        let other = url.query_pairs().next().is_some();
        (plain && same && other).then_some(url)
    }

    /// All links were seen. One that is still open was cut off, and its text may be half of something else.
    pub(super) fn finish(&mut self) -> PagerLink {
        let mut found = PagerLink {
            next: None,
            refusal: None,
            warnings: Vec::new(),
        };
        let best = self.best.as_ref().map_or(0, |(rank, _)| *rank);
        match (self.best.take(), self.foreign.take()) {
            (_, Some((rank, href))) if rank > best => {
                found.refusal = Some(AnswerRefusal::ForeignNext);
                found
                    .warnings
                    .push(format!("the next page's address leads elsewhere: {}", short(&href)));
            }
            (Some((_, url)), _) if same_page(&url, &self.page) => {
                found.refusal = Some(AnswerRefusal::Loop);
                found
                    .warnings
                    .push("the next page's address is this page's own".to_owned());
            }
            (Some((_, url)), _) => found.next = Some(url),
            (None, _) => {}
        }
        if let (NEXT_UNMARKED, Some(next)) = (best, &found.next) {
            found.warnings.push(format!(
                "a link that says \"next\" has neither first= nor ctoken=; it was followed: {}",
                short(next.as_str())
            ));
        }
        if self.several {
            found
                .warnings
                .push("several links say \"next\" and differ; the first was taken".to_owned());
        }
        found
    }
}

fn address(href: &str) -> String {
    html_escape::decode_html_entities(href.trim()).into_owned()
}

fn has_page_mark(href: &str) -> bool {
    ["first=", "ctoken="].iter().any(|mark| href.contains(mark))
}

fn same_page(a: &Url, b: &Url) -> bool {
    let mut b = b.clone();
    b.set_fragment(None);
    *a == b
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

const NEXT_IN_WORDS: u8 = 4;
const NEXT_BY_ARROW: u8 = 3;
const NEXT_BY_DOUBLE_ARROW: u8 = 2;
/// In words, with parameters other than those that have been seen.
const NEXT_UNMARKED: u8 = 1;

/// How surely a link's text means "next": 0 is not at all. "Last", with or without arrows, and `>>` never do.
fn rank(text: &str) -> u8 {
    let is_arrow = |c: char| matches!(c, '>' | '›' | '→' | '▶' | '►' | '⟩' | '»' | '-' | '.' | '…' | '[' | ']');
    let words: String = text
        .chars()
        .map(|c| if is_arrow(c) { ' ' } else { c })
        .collect::<String>()
        .to_lowercase();
    let mut words = words.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("next"), None, ..) | (Some("next"), Some("page" | "books" | "results"), None, _) => NEXT_IN_WORDS,
        (Some("next"), Some(n), None | Some("books" | "results" | "rows"), None) if is_number(n) => NEXT_IN_WORDS,
        (None, ..) => match text {
            ">" | "›" | "→" | "▶" | "►" | "⟩" => NEXT_BY_ARROW,
            "»" => NEXT_BY_DOUBLE_ARROW,
            _ => 0,
        },
        _ => 0,
    }
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit() || c == ',')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://books.google.com/libraries/TESTLIB/_all_books?result_count=2&first=1";

    fn found(links: &[(&str, &str)]) -> PagerLink {
        let mut pager = PagerWatch::new(&Url::parse(PAGE).unwrap());
        for (href, text) in links {
            pager.begin(href, None);
            pager.text(text);
            pager.end();
        }
        pager.finish()
    }

    #[test]
    fn meaning_of_a_links_text() {
        for (text, expected) in [
            ("Next", NEXT_IN_WORDS),
            ("next page »", NEXT_IN_WORDS),
            ("Next >", NEXT_IN_WORDS),
            ("NEXT >>", NEXT_IN_WORDS),
            ("Next 10,000", NEXT_IN_WORDS),
            (">", NEXT_BY_ARROW),
            ("›", NEXT_BY_ARROW),
            ("»", NEXT_BY_DOUBLE_ARROW),
            (">>", 0),
            ("Last >>", 0),
            ("Last", 0),
            ("< Previous", 0),
            ("Next of Kin", 0),
            ("The Next Tide >", 0),
            ("", 0),
        ] {
            assert_eq!(rank(text), expected, "{text}");
        }
    }

    #[test]
    fn last_before_next_is_not_taken() {
        let found = found(&[("?first=9999", "Last &gt;&gt;"), ("?first=3", "Next &gt;")]);
        assert_eq!(found.next.unwrap().query(), Some("first=3"));
    }

    #[test]
    fn words_count_more_than_arrows() {
        let found = found(&[("?first=99", "&raquo;"), ("?first=5", ">"), ("?first=3", "Next")]);
        assert_eq!(found.next.unwrap().query(), Some("first=3"));
    }

    #[test]
    fn forms_of_the_link() {
        let list = "https://books.google.com/libraries/TESTLIB/_all_books";
        for (href, query) in [
            (
                "/libraries/TESTLIB/_all_books?result_count=2&amp;first=3",
                "result_count=2&first=3",
            ),
            ("_all_books?result_count=2&first=3", "result_count=2&first=3"),
            ("?ctoken=abc%3D", "ctoken=abc%3D"),
            (
                "https://books.google.com/libraries/TESTLIB/_all_books?ctoken=x#top",
                "ctoken=x",
            ),
            ("//books.google.com/libraries/TESTLIB/_all_books?ctoken=x", "ctoken=x"),
            (
                "https://books.google.com:443/libraries/TESTLIB/_all_books?ctoken=x",
                "ctoken=x",
            ),
        ] {
            let next = found(&[(href, "Next")]).next.unwrap();
            assert_eq!(next.as_str(), format!("{list}?{query}"), "{href}");
        }
    }

    #[test]
    fn a_link_that_says_next_is_followed_by_whatever_parameters_and_said() {
        let unknown = ("_all_books?result_count=4&start=5", "Next &gt;");
        let page = found(&[unknown]);
        assert_eq!(page.next.unwrap().query(), Some("result_count=4&start=5"));
        assert!(page.warnings[0].contains("start=5"), "{:?}", page.warnings);
        let known = found(&[unknown, ("?first=3", ">")]);
        assert_eq!(known.next.unwrap().query(), Some("first=3"));
        assert!(known.warnings.is_empty());
        let arrow = found(&[("_all_books?mode=all", ">"), ("_all_books", "Next")]);
        assert_eq!((arrow.next, arrow.refusal), (None, None), "an arrow may be anything");
    }

    #[test]
    fn links_that_lead_elsewhere_are_refused() {
        for href in [
            "https://evil.example/libraries/TESTLIB/_all_books?first=3",
            "//evil.example/libraries/TESTLIB/_all_books?first=3",
            "http://books.google.com/libraries/TESTLIB/_all_books?first=3",
            "https://books.google.com:8443/libraries/TESTLIB/_all_books?first=3",
            "https://books.google.com@evil.example/?first=3",
            "https://user@books.google.com/libraries/TESTLIB/_all_books?first=3",
            "/libraries/OTHER/_all_books?first=3",
            "_process?first=3",
            "javascript:location='?first=3'",
        ] {
            let found = found(&[(href, "Next")]);
            assert_eq!(
                (found.next, found.refusal),
                (None, Some(AnswerRefusal::ForeignNext)),
                "{href}"
            );
        }
    }

    #[test]
    fn a_link_to_the_page_itself_is_a_loop() {
        assert_eq!(
            found(&[("?result_count=2&first=1", "Next")]).refusal,
            Some(AnswerRefusal::Loop)
        );
    }

    #[test]
    fn other_links_are_none_of_ours() {
        let none = [
            ("/books?id=x", "Next"),
            ("?first=1", "Previous"),
            ("https://evil.example/?first=3", "Help"),
        ];
        let found = found(&none);
        assert_eq!((found.next, found.refusal), (None, None));
    }

    #[test]
    fn a_base_on_another_server_is_ignored() {
        let mut pager = PagerWatch::new(&Url::parse(PAGE).unwrap());
        pager.base("https://evil.example/");
        pager.begin("_all_books?first=3", None);
        pager.text("Next");
        pager.end();
        assert_eq!(pager.finish().next.unwrap().host_str(), Some("books.google.com"));
    }
}
