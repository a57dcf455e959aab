//! What a page says outside of the list's table, where refusals stand.

use crate::grin::list_page::counted::tells_of_more;
use crate::grin::refusal::{contains_ignoring_case, says_unavailable, tells_of_trouble};
use crate::grin::{AnswerRefusal, text};

/// Text that is kept before it is searched.
const WINDOW: usize = 4_096;
/// Kept of it when room is made, so that words across the border are found: more than any words searched for.
const OVERLAP: usize = 64;

/// Searches a page's text and addresses as they go by.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "findings that do not exclude each other")]
pub(super) struct OutsideTable {
    text: String,
    title: String,
    after_blank: bool,
    anything: bool,
    unavailable: bool,
    /// A field for a password, or an address of Google's sign-in.
    signs_in: bool,
    tells_of_more: bool,
    /// What a server in trouble says, or words in the list's table that stand in none of its rows.
    trouble: bool,
}

impl OutsideTable {
    /// Text outside of the list, in pieces.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            let blank = c.is_whitespace();
            if !(blank && self.after_blank) {
                self.text.push(if blank { ' ' } else { c });
            }
            self.after_blank = blank;
            self.anything |= !blank;
            if self.text.len() >= WINDOW {
                self.search();
            }
        }
    }

    /// Text in the list's table and in none of its rows, where only a server's words come to stand.
    pub(super) fn loose(&mut self, text: &str) {
        self.trouble |= !text::from_html(text).is_empty();
        self.text(text);
    }

    /// Another page begins within this one, as a server's page of an error does in place of the rest.
    pub(super) fn second_page(&mut self) {
        self.trouble = true;
    }

    fn search(&mut self) {
        let shown = text::from_html(&self.text);
        self.unavailable |= says_unavailable(&shown);
        self.tells_of_more |= tells_of_more(&shown);
        self.trouble |= tells_of_trouble(&shown);
        let keep = self.text.floor_char_boundary(self.text.len().saturating_sub(OVERLAP));
        self.text.drain(..keep);
    }

    /// Text of `<title>`.
    pub(super) fn title(&mut self, text: &str) {
        if self.title.len() + text.len() <= WINDOW {
            self.title.push_str(text);
        }
    }

    /// A field for a password.
    pub(super) fn password(&mut self) {
        self.signs_in = true;
    }

    /// An address that the page leads to.
    pub(super) fn address(&mut self, address: &str) {
        let signs = [
            "accounts.google.com/servicelogin",
            "accounts.google.com/v3/signin",
            "accounts.google.com/signin",
        ];
        self.signs_in |= signs.iter().any(|sign| contains_ignoring_case(address, sign));
    }

    /// Whether a count tells of more rows than the page has.
    pub(super) fn tells_of_more(&mut self) -> bool {
        self.search();
        self.tells_of_more || tells_of_more(&self.title)
    }

    /// Whether a server's words may stand in place of rows.
    pub(super) fn tells_of_trouble(&mut self) -> bool {
        self.search();
        self.trouble
    }

    /// What follows from all that. A page with a list may well have a link for signing in.
    pub(super) fn refusal(&mut self, listed: bool) -> Option<AnswerRefusal> {
        self.search();
        let sign_in = self.signs_in || contains_ignoring_case(&self.title, "sign in");
        match (self.unavailable || says_unavailable(&self.title), listed) {
            (true, _) => Some(AnswerRefusal::Unavailable),
            (false, true) => None,
            (false, false) if sign_in => Some(AnswerRefusal::SignIn),
            (false, false) if !self.anything => Some(AnswerRefusal::Empty),
            (false, false) => Some(AnswerRefusal::NotAList),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_the_pieces_break() {
        let page = format!(
            "{} Your  request\n is unavailable. {}",
            "ab ".repeat(3_000),
            "cd ".repeat(9_000)
        );
        for size in [1, 7, 4_096, page.len()] {
            let mut outside = OutsideTable::default();
            page.as_bytes()
                .chunks(size)
                .for_each(|piece| outside.text(&String::from_utf8_lossy(piece)));
            assert_eq!(outside.refusal(true), Some(AnswerRefusal::Unavailable), "{size}");
            assert!(outside.text.len() <= WINDOW + 4);
        }
    }

    #[test]
    fn a_sign_in_link_beside_a_list_refuses_nothing() {
        let mut outside = OutsideTable::default();
        outside.address("https://accounts.google.com/ServiceLogin?continue=x");
        assert_eq!(outside.refusal(true), None);
        assert_eq!(outside.refusal(false), Some(AnswerRefusal::SignIn));
    }
}
