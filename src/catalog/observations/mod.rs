//! What GRIN tells of books: lists and their passes, searches, facts and MARC fields.

mod absent;
pub(crate) mod begin_pass;
pub(crate) mod believable;
pub(crate) mod dates;
pub(crate) mod enrich;
pub(crate) mod facts;
pub(crate) mod listing;
pub(crate) mod lists;
pub(crate) mod marc;
pub(crate) mod passes;
pub(crate) mod record;
pub(crate) mod record_rows;
