//! Running totals, kept with each transaction so that no count ever scans the books.

use std::collections::HashMap;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{ParameterValue, SqlValue, arguments};
use crate::catalog::engine::{BoundStatement, SqlConnection};

/// What is counted; the `kind` column of `tallies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum CounterKind {
    /// Books by our state.
    State,
    /// Books by GRIN's state; unknown is the empty word.
    GrinState,
    /// Books in state `failed`, by reason.
    Failure,
    /// Books that were stored, by day (UTC).
    StoredOn,
    /// Bytes of archives that were stored, by day.
    BytesOn,
    /// Books given up, by day.
    FailedOn,
    /// Books found unchanged by a check, by day.
    UnchangedOn,
    /// Books whose conversion was asked for and granted, by day.
    RequestedOn,
    /// Books that were asked for, or in process, and whose archive is ready now, by day.
    ConvertedOn,
    /// Books of whose second copy something is recorded, by where it stands.
    SecondCopy,
}

impl CounterKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::GrinState => "grin_state",
            Self::Failure => "failure",
            Self::StoredOn => "stored_on",
            Self::BytesOn => "bytes_on",
            Self::FailedOn => "failed_on",
            Self::UnchangedOn => "unchanged_on",
            Self::RequestedOn => "requested_on",
            Self::ConvertedOn => "converted_on",
            Self::SecondCopy => "second_copy",
        }
    }
}

impl ParameterValue for CounterKind {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self.as_str())
    }
}

/// Changes of totals that the running operation has not yet written.
#[derive(Debug, Default)]
pub(crate) struct PendingCounters(HashMap<(CounterKind, Box<str>), i64>);

impl PendingCounters {
    pub(crate) fn add(&mut self, kind: CounterKind, value: &str, by: i64) {
        if by == 0 {
            return;
        }
        *self.0.entry((kind, value.into())).or_default() += by;
    }

    pub(crate) fn shift(&mut self, kind: CounterKind, from: &str, to: &str) {
        if from != to {
            self.add(kind, from, -1);
            self.add(kind, to, 1);
        }
    }

    /// What writes the changes into the running transaction.
    pub(crate) fn statements<'a>(&'a self, conn: &SqlConnection) -> impl Iterator<Item = BoundStatement<'a>> {
        let sql = conn.add_to_counter();
        let changed = self.0.iter().filter(|(_, by)| **by != 0);
        changed.map(move |((kind, value), by)| BoundStatement {
            sql,
            arguments: arguments! { kind: *kind, value: **value, by: *by }.to_vec(),
        })
    }
}

/// All totals of one kind that are not zero, in the order of their values.
pub(crate) fn read(conn: &SqlConnection, kind: CounterKind) -> Result<Vec<(String, u64)>, CatalogError> {
    let sql = "SELECT value, n FROM tallies WHERE kind = :kind AND n > 0 ORDER BY value";
    conn.all(sql, &arguments! { kind: kind }, |row| {
        Ok((row.get("value")?, row.get("n")?))
    })
}
