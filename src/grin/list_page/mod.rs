//! A list page, read as it arrives.

mod aside;
mod cells;
mod charset;
mod counted;
mod heading;
mod loop_guard;
mod outside;
mod page;
mod page_end;
mod pager;
mod parser;
mod tags;
#[cfg(test)]
mod tests;

pub(super) use crate::grin::list_page::aside::is_of_other_service;
pub(super) use crate::grin::list_page::cells::{name_of, set};
pub(super) use crate::grin::list_page::counted::{says_more, says_none, total_of};
pub(super) use crate::grin::list_page::heading::{ListField, ListHeading, field_of};
pub use crate::grin::list_page::loop_guard::{LoopGuard, PageMark};
pub(super) use crate::grin::list_page::page::EMPTY_IN_WORDS;
pub use crate::grin::list_page::parser::{ListPageParser, ListRefusal};
#[cfg(test)]
pub(super) use crate::grin::list_page::parser::{PageLimits, parse_list_page};

use url::Url;

use crate::grin::{AnswerRefusal, RejectedRow};

/// What a list page was, besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Rows that were taken.
    pub rows: u64,
    /// Rows that were not taken; at most a thousand are kept.
    pub rejected: Vec<RejectedRow>,
    /// Rows that were not taken beyond those.
    pub rejected_more: u64,
    /// Address of the next page: the same list on the same server.
    pub next: Option<Url>,
    /// The page was understood to its end, and so was its pager. Only then may a missing `next` be taken for the end of the
    /// list.
    pub complete: bool,
    /// Why the list may go on although there is no `next`; its rows are good.
    pub doubt: Option<EndDoubt>,
    /// Words on the page tell of trouble, so that rows of it may be missing; where there is no `next`, that is its doubt.
    pub has_trouble: bool,
    /// The most books that the page says there are; 0 where it says nothing of that.
    pub total: u64,
    /// As `total`, in words that may be about the whole library.
    pub library_total: u64,
    /// Why the page is not what was asked for.
    pub refusal: Option<AnswerRefusal>,
    /// Whatever else is worth a line in the log.
    pub warnings: Vec<String>,
    /// Columns with names that are not known; their cells are skipped.
    pub unknown_columns: Vec<String>,
}

/// Why it is not sure that a page is its list's last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndDoubt {
    /// Links of the same list of which it is not known where they lead.
    OpenLinks(Vec<Url>),
    /// Something says that there is more, such as a button or a count, and tells no address that could be followed: what it says and
    /// what stands in the place of the address, as far as there is something.
    NextWithoutAddress(String),
    /// Links that may be the list's are too many or too long to look at.
    LinksLeftOut,
    /// As many rows as were requested, and no link of the list at all.
    FullPage,
    /// Words stand where rows should, or tell of a server's trouble.
    Trouble,
    /// The page says that there are so many books, and has fewer. A pass that saw as many is complete.
    CountsMore(u64),
    /// The page says that there are so many books, perhaps in the whole library, and has fewer.
    CountsLibrary(u64),
    /// Words on the page tell that something is away which is not the list.
    OtherService,
}

impl EndDoubt {
    /// Is it of words that are likely about something other than the list? Such words may stand on every page for ever.
    pub fn may_be_of_others(&self) -> bool {
        matches!(self, Self::CountsLibrary(_) | Self::OtherService)
    }
}

impl std::fmt::Display for EndDoubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OpenLinks(links) => {
                f.write_str("a link that may lead to more of the list is not understood: ")?;
                f.write_str(&page_end::short(links.first().map_or("", Url::as_str)))
            }
            Self::NextWithoutAddress(shown) => {
                f.write_str("something on the page says that there is more and tells no address that is understood")?;
                f.write_str(if shown.is_empty() { "" } else { ": " })?;
                f.write_str(shown)
            }
            Self::LinksLeftOut => f.write_str("the page has more or longer links of the list than are looked at"),
            Self::Trouble => {
                f.write_str("words on the page tell of trouble, or stand in a table and in no row: rows may be missing")
            }
            Self::CountsMore(books) => write!(f, "the page says that there are {books} books, and fewer were seen"),
            Self::CountsLibrary(books) => {
                write!(
                    f,
                    "the page speaks of {books} books, perhaps of the whole library, and fewer were seen"
                )
            }
            Self::OtherService => {
                f.write_str("words on the page tell that something other than the list is unavailable")
            }
            Self::FullPage => f.write_str("the page has as many rows as were requested and no link to another page"),
        }
    }
}
