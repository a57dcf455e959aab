//! What a page says outside of the list's table, where refusals stand.

use crate::grin::list_page::aside::may_count_library;
use crate::grin::list_page::counted::{says_more, says_none, tells_of_more, total_of};
use crate::grin::list_page::page_end::short;
use crate::grin::refusal::{
    contains_ignoring_case, says_trouble, says_unavailable, tells_of_other_service, trouble_in,
};
use crate::grin::text_list::speaks_for_itself;
use crate::grin::{AnswerRefusal, Barcode, FileName, GrinDate, text};

/// Text that is kept before it is searched.
const WINDOW: usize = 4_096;
/// Kept of it when room is made, so that words across the border are found: more than any words searched for.
const OVERLAP: usize = 64;
/// A statement is looked at no further than this; what is longer is prose.
const LONGEST_STATEMENT: usize = 1_024;

/// Searches a page's text and addresses as they go by.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "findings that do not exclude each other")]
pub(super) struct OutsideTable {
    text: String,
    /// Bytes of it that were searched already, with all that stood before them.
    searched: usize,
    title: String,
    after_blank: bool,
    anything: bool,
    unavailable: bool,
    /// A field for a password, or an address of Google's sign-in.
    signs_in: bool,
    tells_of_more: bool,
    /// The first that a server in trouble says, or the first words in the list's table that stand in none of its rows.
    trouble: Option<String>,
    /// Text since the last tag at which words end.
    statement: String,
    /// It is longer than what is judged.
    is_long: bool,
    /// It is the first one of a cell.
    in_cell: bool,
    /// So many boxes for errors are open around it.
    alerts: u32,
    /// What a book is called stands in a cell of a table that is not read.
    other_books: bool,
    /// The most books or rows that a count names.
    total: u64,
    /// As `total`, in words that may be about the whole library.
    library_total: u64,
    /// Words tell that something other than the list is away.
    other_service: bool,
    /// A statement says that there are no books.
    says_none: bool,
}

impl OutsideTable {
    /// Text outside of the list, in pieces.
    pub(super) fn text(&mut self, text: &str) {
        self.is_long |= self.statement.len() + text.len() > LONGEST_STATEMENT;
        if !self.is_long {
            self.statement.push_str(text);
        }
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
        let shown = text::from_html(text);
        if !shown.is_empty() {
            self.note_trouble(&shown);
        }
        self.text(text);
    }

    /// A row of the list's table that names no volume and says this.
    pub(super) fn message(&mut self, text: &str) {
        self.pause(false);
        self.text(text);
        self.in_cell = true;
        self.pause(true);
        self.text(" ");
    }

    /// A cell begins in a table that is not read.
    pub(super) fn cell(&mut self) {
        self.in_cell = true;
    }

    /// What follows stands in no cell.
    pub(super) fn cell_over(&mut self) {
        self.in_cell = false;
    }

    /// A box for errors begins.
    pub(super) fn alert(&mut self) {
        self.pause(false);
        self.alerts += 1;
    }

    /// It ends; it may have been empty.
    pub(super) fn alert_end(&mut self) {
        self.pause(false);
        self.alerts = self.alerts.saturating_sub(1);
    }

    /// A tag at which words end: what stands before it was a statement. `of_list`: in the list's table, where nothing but books is told,
    /// so that a word of trouble is enough.
    pub(super) fn pause(&mut self, of_list: bool) {
        if std::mem::take(&mut self.is_long) || self.statement.trim().is_empty() {
            self.statement.clear();
            return;
        }
        let statement = std::mem::take(&mut self.statement);
        let shown = text::from_html(&statement);
        let of_list = of_list || self.alerts > 0;
        if says_trouble(&shown, of_list) {
            self.note_trouble(&shown);
        }
        self.tells_of_more |= says_more(&shown, of_list);
        self.says_none |= says_none(&shown);
        let total = if may_count_library(&shown) {
            &mut self.library_total
        } else {
            &mut self.total
        };
        *total = (*total).max(total_of(&shown).unwrap_or(0));
        self.other_books |= std::mem::take(&mut self.in_cell) && is_book(&shown);
    }

    fn note_trouble(&mut self, words: &str) {
        self.trouble.get_or_insert_with(|| short(words));
    }

    /// Another page begins within this one, as a server's page of an error does in place of the rest.
    pub(super) fn second_page(&mut self) {
        self.note_trouble("<html>, once more");
    }

    fn search(&mut self) {
        if self.text.len() == self.searched {
            return;
        }
        let shown = text::from_html(&self.text);
        self.unavailable |= says_unavailable(&shown);
        self.tells_of_more |= tells_of_more(&shown);
        self.other_service |= tells_of_other_service(&shown);
        if let Some(words) = trouble_in(&shown) {
            self.note_trouble(words);
        }
        let keep = self.text.floor_char_boundary(self.text.len().saturating_sub(OVERLAP));
        self.text.drain(..keep);
        self.searched = self.text.len();
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
        self.pause(false);
        self.search();
        self.tells_of_more || tells_of_more(&self.title)
    }

    /// The most books or rows that a count names; 0: there is none.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// As [`OutsideTable::total`], in words that may be about the whole library.
    pub(super) fn library_total(&self) -> u64 {
        self.library_total
    }

    /// Whether words tell that something other than the list is away.
    pub(super) fn tells_of_other_service(&mut self) -> bool {
        self.search();
        self.other_service
    }

    /// Whether a page without the list's table says in words that the list is empty, and tells of no trouble.
    pub(super) fn says_empty(&mut self) -> bool {
        self.pause(false);
        self.says_none && self.trouble().is_none() && !self.other_books
    }

    /// Whether a table that is not read may have books.
    pub(super) fn has_other_books(&self) -> bool {
        self.other_books
    }

    /// A server's words that may stand in place of rows.
    pub(super) fn trouble(&mut self) -> Option<&str> {
        self.search();
        self.trouble.as_deref()
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

/// Whether a text is what a book is called, and hardly anything else.
fn is_book(text: &str) -> bool {
    let is_short_number = text.len() < 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = || GrinDate::read(text).is_some_and(|date| date.when().is_some());
    let is_barcode = Barcode::listed(text).is_ok() && speaks_for_itself(text) && !is_short_number;
    FileName::parse(text).is_ok() || is_barcode && !is_date()
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
