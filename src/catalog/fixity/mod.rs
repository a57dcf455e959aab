//! Which stored books are to be read again, and what came of it.

pub(crate) mod evidence;
pub(crate) mod mend;
pub(crate) mod premis;
pub(crate) mod record;
pub(crate) mod removal;
pub(crate) mod restoring;
pub(crate) mod select;
pub(crate) mod unsound;
