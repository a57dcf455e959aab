//! A list page, read as it arrives.

mod cells;
mod heading;
mod loop_guard;
mod outside;
mod page;
mod pager;
mod parser;
#[cfg(test)]
mod tests;

pub(super) use crate::grin::list_page::cells::{name_of, set};
pub(super) use crate::grin::list_page::heading::{ListField, ListHeading, field_of};
pub use crate::grin::list_page::loop_guard::{LoopGuard, PageMark};
pub use crate::grin::list_page::parser::{ListPageParser, ListRefusal, PageLimits, parse_list_page};

use url::Url;

use crate::grin::{AnswerRefusal, RejectedRow};

/// What a list page was, besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Rows that were handed out in all.
    pub rows: u64,
    /// Rows that were not taken; at most a thousand are kept.
    pub rejected: Vec<RejectedRow>,
    /// Rows that were not taken beyond those.
    pub rejected_more: u64,
    /// Address of the next page: the same list on the same server.
    pub next: Option<Url>,
    /// The page was understood to its end. Only then may a missing `next` be taken for the end of the list.
    pub complete: bool,
    /// Why the page is not what was asked for.
    pub refusal: Option<AnswerRefusal>,
    /// Whatever else is worth a line in the log.
    pub warnings: Vec<String>,
    /// Columns with names that are not known; their cells were passed over.
    pub unknown_columns: Vec<String>,
}
