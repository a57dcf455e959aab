//! How long what still runs may take to end after a drain has cut everything: each part less than the one around it, so that
//! each is told of by the one that knows most about it.

use std::time::Duration;

/// How long the catalog is still asked to record what came of a book.
pub const SETTLEMENT_AFTER_CUT: Duration = Duration::from_secs(10);
/// How long books may still take; then they are left to their claims' end.
pub const BOOKS_AFTER_CUT: Duration = Duration::from_secs(15);
/// How long the whole run may still take; then it is left as it is.
pub const RUN_AFTER_CUT: Duration = Duration::from_secs(30);

const _: () = assert!(
    SETTLEMENT_AFTER_CUT.as_secs() < BOOKS_AFTER_CUT.as_secs() && BOOKS_AFTER_CUT.as_secs() < RUN_AFTER_CUT.as_secs()
);
