//! Which books are meant, and which to ask GRIN to convert.

pub(crate) mod convert;
pub(crate) mod queue_filter;
pub(crate) mod select;
