//! The page is over: what it was.

use crate::grin::list_page::page::{ListPageState, RowKind};
use crate::grin::list_page::page_end::{PageEnd, PageFacts, page_end, short};
use crate::grin::list_page::{EndDoubt, ListPage};
use crate::grin::{AnswerRefusal, RejectedRow, RejectionReason};

/// What is told of a list without rows and heading.
pub(in crate::grin) const EMPTY_IN_WORDS: &str = "GRIN says in words that the list is empty";

impl ListPageState {
    /// The page is over; `stopped` says why it was not read to its end.
    pub(in crate::grin::list_page) fn finish(&mut self, stopped: Option<AnswerRefusal>) -> ListPage {
        let cut = self.in_list() || self.row.is_some() || self.torn;
        if self.row.take().is_some_and(|row| row.kind == RowKind::Data) && !self.cells.is_empty() {
            let shown = self
                .cells
                .names()
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default()
                .into_owned();
            self.reject(RejectedRow::new(&shown, RejectionReason::CutOff));
        }
        if let Some((barcode, words)) = self.words_at_end.take() {
            self.say_words(&barcode, &words);
        }
        if self.unnoted > 0 {
            self.out.warnings.push(format!("{} more warnings", self.unnoted));
        }
        if self.out.rejected_more > 0 {
            let more = self.out.rejected_more;
            self.out.warnings.push(format!("{more} more rejected rows"));
        }
        self.row_links.clear();
        let end = self.end(self.out.rejected.len() as u64 + self.out.rejected_more);
        let is_empty = !self.list_closed && !cut && self.rows_seen == 0 && self.outside.says_empty();
        if is_empty {
            self.out.warnings.push(EMPTY_IN_WORDS.to_owned());
        }
        let listed = self.list_closed || cut || is_empty;
        let by_pager = match &end {
            PageEnd::Refused(refusal, _) => Some(*refusal),
            _ => None,
        };
        let refusal = stopped
            .or_else(|| self.outside.refusal(listed))
            .or((!listed).then_some(AnswerRefusal::NotAList))
            .or(by_pager)
            // Whether the body came to its end the session knows, so a page may leave out `</html>`.
            .or(cut.then_some(AnswerRefusal::Truncated));
        let mut page = ListPage {
            refusal,
            rows: self.rows_seen,
            ..std::mem::take(&mut self.out)
        };
        match end {
            PageEnd::Next(url, warning) => {
                page.warnings.extend(warning);
                let trouble = page.has_trouble.then(|| EndDoubt::Trouble.to_string());
                page.warnings.extend(trouble);
                page.next = refusal.is_none().then_some(url);
            }
            PageEnd::Doubt(doubt) => {
                page.warnings.push(doubt.to_string());
                page.doubt = refusal.is_none().then_some(doubt);
            }
            PageEnd::Refused(refusal, href) => page.warnings.push(format!("{refusal}: {}", short(&href))),
            PageEnd::Last => {}
        }
        page.complete = refusal.is_none() && page.doubt.is_none();
        page
    }

    fn end(&mut self, rejected: u64) -> PageEnd {
        let links = self.pager.finish();
        let tells_of_more = self.outside.tells_of_more();
        let words = self.outside.trouble().map(|words| format!("the words are {words:?}"));
        self.out.has_trouble = words.is_some() || self.outside.has_other_books();
        self.out.warnings.extend(words);
        self.out.total = self.outside.total();
        self.out.library_total = self.outside.library_total();
        page_end(&PageFacts {
            page: self.pager.page(),
            rows: self.rows_seen + rejected,
            links: &links,
            unaddressed: self.pager.unaddressed().or(tells_of_more.then_some("")),
            left_out: self.pager.has_left_out(),
            trouble: self.out.has_trouble,
            total: self.out.total,
            library_total: self.out.library_total,
            other_service: self.outside.tells_of_other_service(),
        })
    }
}
