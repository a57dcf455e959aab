//! Whether a list that was read page by page is complete.
//!
//! A book is taken for gone only by a pass that is proven whole. The proof is one of two:
//!
//! - The pages end in a way that is understood, name just as many books as the last complete pass and miss none of those seen before.
//! - The text form of the same moment names, all but one in a hundred, the books of the pages; rows that only it has are read too.
//!
//! Books are counted, never rows: a pager that repeats rows hides others. If GRIN does not have the text form, the pass ends without a
//! fault, its rows are kept, and nothing follows from what it does not name, in this pass or in any other like it.

use crate::pipeline::workers::list_reading::PassState;

/// A list that was read page by page, to a page without a next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct PagesRead {
    /// Books that the pass named.
    pub(super) books: u64,
    /// Books that the last complete pass named, those of its text form included if it was read too; `None`: there was none.
    pub(super) last_books: Option<u64>,
    /// Books that earlier passes saw in the list and this one did not.
    pub(super) missing: u64,
    /// It went on with a pass that was interrupted.
    pub(super) is_resumed: bool,
    /// The last page may not be the last one.
    pub(super) is_doubted: bool,
    /// Books stand in more than one row.
    pub(super) repeats: bool,
    /// A page that led on had fewer rows than were requested.
    pub(super) are_cut: bool,
}

impl PagesRead {
    /// Whether the books are compared with the list's text form: wherever anything hints at rows that were not seen, or anything would
    /// follow from their absence. `always`: the configuration says so.
    pub(super) fn are_compared(self, always: bool) -> bool {
        let is_as_before = self.last_books == Some(self.books) && self.missing == 0;
        let is_odd = self.is_resumed || self.is_doubted || self.repeats || self.are_cut;
        always || is_odd || !is_as_before
    }

    /// How a pass ends that had to be compared and could not be, because of `fault`.
    pub(super) fn without_text(self, doubt: Option<String>, text_is_not_to_be_had: bool, fault: &str) -> PassState {
        match doubt {
            Some(doubt) => PassState::Incomplete(doubt),
            None if self.repeats => {
                PassState::Incomplete("its pages repeat rows, so others may be left out".to_owned())
            }
            None if text_is_not_to_be_had => PassState::Unproven(fault.to_owned()),
            None => PassState::Incomplete(fault.to_owned()),
        }
    }
}

/// The text form of a list whose pages were read before.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextSeen {
    /// Books that it names.
    pub(super) books: u64,
    /// Those of them that the pages do not name.
    pub(super) added: u64,
}

impl TextSeen {
    /// Why the text form proves nothing about pages that name so many books: it lacks more of them than leave a list while it is read.
    pub(super) fn disagrees(self, pages: u64) -> Option<String> {
        let common = self.books.saturating_sub(self.added);
        let lacks = pages.saturating_sub(common);
        (lacks * 100 > pages).then(|| format!("its text form lacks {lacks} of the {pages} books in its pages"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AS_BEFORE: PagesRead = PagesRead {
        books: 60,
        last_books: Some(60),
        missing: 0,
        is_resumed: false,
        is_doubted: false,
        repeats: false,
        are_cut: false,
    };

    #[test]
    fn pages_are_compared_wherever_books_may_be_missing() {
        let pages = |change: fn(&mut PagesRead)| {
            let mut pages = AS_BEFORE;
            change(&mut pages);
            pages
        };
        assert!(!AS_BEFORE.are_compared(false) && AS_BEFORE.are_compared(true));
        for compared in [
            pages(|pages| pages.last_books = None),
            pages(|pages| pages.books = 59),
            // The list has grown: more of it may lie behind a way on that was not seen.
            pages(|pages| pages.books = 61),
            // As many as before, and others.
            pages(|pages| pages.missing = 20),
            pages(|pages| pages.is_resumed = true),
            pages(|pages| (pages.is_resumed, pages.last_books) = (true, None)),
            pages(|pages| pages.is_doubted = true),
            pages(|pages| pages.repeats = true),
            pages(|pages| pages.are_cut = true),
        ] {
            assert!(compared.are_compared(false), "{compared:?}");
        }
    }

    #[test]
    fn without_the_text_form_nothing_is_proven() {
        let repeating = PagesRead {
            repeats: true,
            ..AS_BEFORE
        };
        for (pages, doubt, no_text, proven_enough) in [
            (AS_BEFORE, None, true, true),
            (AS_BEFORE, None, false, false),
            (repeating, None, true, false),
            (AS_BEFORE, Some("a link"), true, false),
        ] {
            let state = pages.without_text(doubt.map(str::to_owned), no_text, "404");
            let is_unproven = matches!(state, PassState::Unproven(_));
            let is_incomplete = matches!(state, PassState::Incomplete(_));
            assert_eq!(
                (is_unproven, is_incomplete),
                (proven_enough, !proven_enough),
                "{pages:?} {doubt:?}"
            );
        }
    }

    #[test]
    fn a_text_form_is_a_witness_only_if_it_names_what_the_pages_name() {
        for (pages, books, added, agrees) in [
            (60, 60, 0, true),
            (60, 100, 40, true),
            // Five books twice on the page, four more in the text.
            (5, 9, 4, true),
            // As many books, and others.
            (60, 60, 20, false),
            (60, 0, 0, false),
            (40_000, 39_700, 10, true),
            (40_000, 39_000, 0, false),
            (0, 0, 0, true),
            (0, 30, 30, true),
        ] {
            let text = TextSeen { books, added };
            assert_eq!(text.disagrees(pages).is_none(), agrees, "{pages} {text:?}");
        }
    }
}
