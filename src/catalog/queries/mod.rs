//! What is asked of the catalog: reports, single books, exports.

pub(crate) mod ask;
mod dataset;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod export_filter;
pub(crate) mod failures;
pub(crate) mod forecast;
pub(crate) mod pace;
pub(crate) mod reader;
mod remaining;
pub(crate) mod report;
pub(crate) mod verification;
pub(crate) mod wanted_books;
