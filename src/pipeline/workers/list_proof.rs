//! Whether a list that was read page by page is complete.
//!
//! A book is taken for gone only by a pass that is proven whole. The proof is one of two:
//!
//! - The pages end in a way that is understood, name just as many books as the last complete pass and miss none of those seen before.
//! - The text form of the same moment names, all but one in a hundred, the books of the pages; rows that only it has are read too. Where
//!   the pages broke off though they led on, it must name more. Nor does one that adds nothing settle what the last page says of more: a
//!   server that cuts each answer at so many rows cuts both. By what a page counts, so many books are to be seen;
//!   where its words are likely about the whole library, or about a service that is away, a text form that agrees ends the pass without a
//!   fault, and nothing follows from absence.
//!
//! Books are counted, never rows: a pager that repeats rows hides others. If GRIN says that it does not have the text form, the pass
//! ends without a fault, its rows are kept, and nothing follows from what it does not name, in this pass or in any other like it. So it is
//! with a text form that names a part of the books in the pages and no other. Where trouble kept the text form away, the pass stays open
//! once: the next one goes on at the last page and compares then. If that fails too, each later pass reads all pages, and after
//! [`MOST_UNCOMPARED`] the text form counts as one that GRIN does not have.

use crate::catalog::NOT_COMPARED;
use crate::grin::EndDoubt;
use crate::pipeline::workers::list_reading::PassState;

/// So many passes in turn that trouble kept from being compared are faults; after them, trouble is how it always is.
const MOST_UNCOMPARED: u64 = 2;

/// A list that was read page by page, to a page without a next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct PagesRead {
    /// Books that the pass named.
    pub(super) books: u64,
    /// Books that the last complete pass named, those of its text form included if it was read too; `None`: there was none.
    pub(super) last_books: Option<u64>,
    /// Pages that were read now.
    pub(super) pages: u64,
    /// Passes before it, since the last complete one, that trouble kept from being compared.
    pub(super) uncompared: u64,
    /// It went on with a pass that was interrupted.
    pub(super) is_resumed: bool,
    /// The last page may not be the last one.
    pub(super) is_doubted: bool,
    /// Books stand in more than one row.
    pub(super) repeats: bool,
    /// A page that led on had fewer rows than were requested, or told of trouble.
    pub(super) are_cut: bool,
}

impl PagesRead {
    /// Whether the books are compared with the list's text form: wherever anything hints at rows that were not seen, or anything would
    /// follow from their absence. `always`: the configuration says so. Otherwise the pages name as many books as before, and it is left
    /// to see whether they are the same ones.
    pub(super) fn are_compared(self, always: bool) -> bool {
        let is_odd = self.is_resumed || self.is_doubted || self.repeats || self.are_cut;
        always || is_odd || self.last_books != Some(self.books)
    }

    /// How a pass ends that had to be compared and could not be, because of `fault`. `denied`: GRIN says that it has no text form;
    /// otherwise it was trouble, which passes.
    pub(super) fn without_text(self, doubt: Option<String>, denied: bool, fault: &str) -> PassState {
        let uncompared = format!("{NOT_COMPARED}: {fault}");
        match doubt {
            // A pass that goes on at the last page would not see it again.
            _ if self.repeats => PassState::Incomplete("its pages repeat rows, so others may be left out".to_owned()),
            _ if !denied && self.uncompared < MOST_UNCOMPARED => {
                // One page is all that the next pass would read anyway.
                if self.is_resumed || self.uncompared > 0 || self.pages < 2 {
                    PassState::Incomplete(uncompared)
                } else {
                    PassState::Interrupted(uncompared)
                }
            }
            Some(doubt) => PassState::Incomplete(doubt),
            None => PassState::Unproven(if denied { fault.to_owned() } else { uncompared }),
        }
    }

    /// How a pass ends that was compared with a text form that names no other books than the pages, and lacks many of them.
    pub(super) fn with_part(self, doubt: Option<String>, lacks: String) -> PassState {
        match doubt {
            None if self.repeats => PassState::Incomplete(lacks),
            None => PassState::Unproven(lacks),
            Some(doubt) => PassState::Incomplete(format!("{lacks}; {doubt}")),
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

    /// How a pass ends whose list was read as a text, after pages that named so many books, if there were any.
    pub(super) fn alone(self, pages: u64) -> PassState {
        self.disagrees(pages).map_or(PassState::Complete, PassState::Incomplete)
    }

    /// How a pass ends whose last page was doubted, once its text form, with which the pages agree, was read too. It settles what is only a
    /// guess, and what it explains by books that the pages do not name.
    pub(super) fn settle(self, doubt: Option<&EndDoubt>) -> PassState {
        let Some(doubt) = doubt else { return PassState::Complete };
        let why = format!(
            "{doubt}; its text form names {} books, {} of them new",
            self.books, self.added
        );
        match doubt {
            EndDoubt::CountsMore(total) if self.books < *total => {
                let is_much = (total - self.books) * 100 > *total;
                if is_much {
                    PassState::Incomplete(why)
                } else {
                    PassState::Unproven(why)
                }
            }
            // It may stand on every page, in pass after pass.
            EndDoubt::CountsLibrary(total) if self.books < *total => PassState::Unproven(why),
            EndDoubt::OtherService if self.added == 0 => PassState::Unproven(why),
            EndDoubt::Trouble if self.added == 0 => PassState::Incomplete(why),
            EndDoubt::NextWithoutAddress(_) if self.added == 0 => PassState::Unproven(why),
            // A link that is not understood may lead anywhere: "Last" stands on the last page, too.
            _ => PassState::Complete,
        }
    }

    /// How a pass ends whose text form was read because its pages broke off. If they `lead_on` there are more books, and a text that adds
    /// none is cut where they are.
    pub(super) fn instead_of(self, pages: u64, lead_on: bool) -> PassState {
        match self.alone(pages) {
            PassState::Complete if lead_on && self.added == 0 => {
                let why = "its pages break off before their end, and its text form names no other books";
                PassState::Incomplete(why.to_owned())
            }
            state => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AS_BEFORE: PagesRead = PagesRead {
        books: 60,
        last_books: Some(60),
        pages: 2,
        uncompared: 0,
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
        let resumed = PagesRead {
            is_resumed: true,
            ..AS_BEFORE
        };
        let after = |uncompared| PagesRead {
            uncompared,
            ..AS_BEFORE
        };
        let single = PagesRead { pages: 1, ..AS_BEFORE };
        for (pages, doubt, denied, expected) in [
            (single, None, false, "Incomplete"),
            // Trouble that lasts: the last page is read again once, and all pages from then on.
            (resumed, None, false, "Incomplete"),
            (after(1), None, false, "Incomplete"),
            (after(2), None, false, "Unproven"),
            (after(9), None, false, "Unproven"),
            (after(9), Some("a link"), false, "Incomplete"),
            (after(9), None, true, "Unproven"),
            (AS_BEFORE, None, true, "Unproven"),
            (AS_BEFORE, None, false, "Interrupted"),
            (repeating, None, true, "Incomplete"),
            (repeating, None, false, "Incomplete"),
            (AS_BEFORE, Some("a link"), true, "Incomplete"),
            (AS_BEFORE, Some("a link"), false, "Interrupted"),
        ] {
            let state = pages.without_text(doubt.map(str::to_owned), denied, "a status");
            let state = format!("{state:?}");
            assert!(state.starts_with(expected), "{pages:?} {doubt:?} {denied}: {state}");
        }
    }

    #[test]
    fn a_text_form_that_names_a_part_of_the_books_is_no_fault() {
        let repeating = PagesRead {
            repeats: true,
            ..AS_BEFORE
        };
        for (pages, doubt, expected) in [
            (AS_BEFORE, None, "Unproven"),
            (AS_BEFORE, Some("a link"), "Incomplete"),
            (repeating, None, "Incomplete"),
        ] {
            let state = pages.with_part(doubt.map(str::to_owned), "it lacks some".to_owned());
            let state = format!("{state:?}");
            assert!(state.starts_with(expected), "{pages:?} {doubt:?}: {state}");
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
            assert_eq!(
                matches!(text.alone(pages), PassState::Complete),
                agrees,
                "{pages} {text:?}"
            );
        }
    }

    #[test]
    fn a_text_that_is_cut_where_the_pages_are_settles_no_doubt() {
        use EndDoubt as D;
        let link = || D::OpenLinks(vec!["https://grin.example/l?page=2".parse().unwrap()]);
        for (books, added, doubt, expected) in [
            (57, 0, None, "Complete"),
            // A guess.
            (57, 0, Some(D::FullPage), "Complete"),
            (57, 0, Some(link()), "Complete"),
            (57, 0, Some(D::LinksLeftOut), "Complete"),
            // The page itself says that there are more.
            (57, 0, Some(D::CountsMore(60)), "Incomplete"),
            (58, 1, Some(D::CountsMore(60)), "Incomplete"),
            (60, 3, Some(D::CountsMore(60)), "Complete"),
            (999, 0, Some(D::CountsMore(1_000)), "Unproven"),
            // It may speak of other books.
            (57, 0, Some(D::CountsLibrary(108_037)), "Unproven"),
            (58, 1, Some(D::CountsLibrary(60)), "Unproven"),
            (60, 3, Some(D::CountsLibrary(60)), "Complete"),
            (57, 0, Some(D::OtherService), "Unproven"),
            (60, 3, Some(D::OtherService), "Complete"),
            (2, 0, Some(D::NextWithoutAddress(String::new())), "Unproven"),
            (2, 0, Some(D::Trouble), "Incomplete"),
            // The text has what the pages lack.
            (5, 3, Some(D::NextWithoutAddress(String::new())), "Complete"),
            (5, 3, Some(link()), "Complete"),
            (5, 3, Some(D::Trouble), "Complete"),
        ] {
            let state = format!("{:?}", TextSeen { books, added }.settle(doubt.as_ref()));
            assert!(state.starts_with(expected), "{books} {added} {doubt:?}: {state}");
        }
    }

    #[test]
    fn a_text_in_place_of_broken_pages_names_more_than_they_do() {
        for (pages, books, added, lead_on, is_complete) in [
            (60, 100, 40, true, true),
            (60, 61, 1, true, true),
            (60, 60, 0, true, false),
            // The last page leads back to the first.
            (60, 60, 0, false, true),
            (60, 70, 40, true, false),
            (60, 30, 0, false, false),
        ] {
            let state = TextSeen { books, added }.instead_of(pages, lead_on);
            assert_eq!(
                matches!(state, PassState::Complete),
                is_complete,
                "{pages} {books} {added} {lead_on}"
            );
        }
    }
}
