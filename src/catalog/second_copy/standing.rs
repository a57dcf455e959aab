//! How many books have a second copy, kept as totals: nobody ever counts the rows.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::lifecycle::counters::{self, CounterKind};
use crate::catalog::writer::ledger::CatalogTransaction;

/// Where a book stands of whose second copy something is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyState {
    /// What is stored of it is copied.
    Copied,
    /// It is to be copied.
    Waiting,
    /// It is to be copied again: that failed because of the book itself.
    Failed,
}

impl CopyState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
        }
    }

    /// The rows of the books that stand so.
    pub const fn rows(self) -> &'static str {
        match self {
            Self::Copied => "due_at IS NULL",
            Self::Waiting => "due_at IS NOT NULL AND error IS NULL",
            Self::Failed => "due_at IS NOT NULL AND error IS NOT NULL",
        }
    }

    fn of(due_at: Option<&str>, error: Option<&str>) -> Self {
        match (due_at, error) {
            (None, _) => Self::Copied,
            (Some(_), None) => Self::Waiting,
            (Some(_), Some(_)) => Self::Failed,
        }
    }

    /// Of one book, whose row is locked; `None`: nothing is recorded.
    fn of_book(tx: &CatalogTransaction<'_>, book: i64) -> Result<Option<Self>, CatalogError> {
        let sql = "SELECT due_at, error FROM second_copies WHERE book = :book /*pg FOR UPDATE*/";
        tx.conn.first(sql, &arguments! { book: book }, |row| {
            let (due_at, error): (Option<String>, Option<String>) = (row.get("due_at")?, row.get("error")?);
            Ok(Self::of(due_at.as_deref(), error.as_deref()))
        })
    }
}

/// How many books stand how.
pub(super) struct CopyTotals(Vec<(String, u64)>);

impl CopyTotals {
    pub fn read(conn: &SqlConnection) -> Result<Self, CatalogError> {
        counters::read(conn, CounterKind::SecondCopy).map(Self)
    }

    pub fn of(&self, state: CopyState) -> u64 {
        let own = self.0.iter().find(|(word, _)| word == state.as_str());
        own.map_or(0, |(_, books)| *books)
    }
}

/// Counts that so many books stand otherwise now; `None`: nothing was, or is, recorded of them.
pub(super) fn shift(tx: &mut CatalogTransaction<'_>, from: Option<CopyState>, to: Option<CopyState>, books: u64) {
    let books = i64::try_from(books).unwrap_or(i64::MAX);
    for (state, by) in [(from, -books), (to, books)] {
        if let Some(state) = state {
            tx.totals.add(CounterKind::SecondCopy, state.as_str(), by);
        }
    }
}

/// Changes what is recorded of one book; whether anything was changed.
pub(super) fn change(
    tx: &mut CatalogTransaction<'_>,
    book: i64,
    sql: &str,
    given: &[SqlArgument<'_>],
) -> Result<bool, CatalogError> {
    let Some(before) = CopyState::of_book(tx, book)? else {
        return Ok(false);
    };
    let changed = tx.conn.execute(sql, given)?;
    let after = CopyState::of_book(tx, book)?;
    shift(tx, Some(before), after, 1);
    Ok(changed > 0)
}
