//! Room `grin`: a list page, read as it arrives.

mod cells;
mod heading;
mod loop_guard;
mod outside;
mod page;
mod pager;
mod parser;
#[cfg(test)]
mod tests;

pub(super) use cells::{name_of, set};
pub(super) use heading::{Field, Heading, field_of};
pub use loop_guard::{LoopGuard, PageMark};
pub use parser::{ListPageParser, ListRefusal, PageLimits, parse_list_page};

use url::Url;

use super::{Refusal, Rejected};

/// What a list page was, besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Rows that were handed out in all.
    pub rows: u64,
    /// Rows that were not taken; at most a thousand are kept.
    pub rejected: Vec<Rejected>,
    /// Rows that were not taken beyond those.
    pub rejected_more: u64,
    /// Address of the next page: the same list on the same server.
    pub next: Option<Url>,
    /// The page was understood to its end. Only then may a missing `next` be taken for the end of the list.
    pub complete: bool,
    /// Why the page is not what was asked for.
    pub refusal: Option<Refusal>,
    /// Whatever else is worth a line in the log.
    pub warnings: Vec<String>,
    /// Columns with names that are not known; their cells were passed over.
    pub unknown_columns: Vec<String>,
}
