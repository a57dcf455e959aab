//! Questions that are answered from totals and indexes: counts, what is left, when the next is due.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::counters;
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::planning::convert;
use crate::catalog::planning::select::{BookSelection, PutOffBook, RowLock, SelectionTimes, next_due};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// How many books there are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StateCounts {
    /// Every state, also those with none.
    pub by_state: BTreeMap<BookState, u64>,
    /// All books.
    pub total: u64,
}

impl StateCounts {
    pub(crate) fn read(conn: &SqlConnection) -> Result<Self, CatalogError> {
        let mut by_state: BTreeMap<_, _> = BookState::ALL.into_iter().map(|state| (state, 0)).collect();
        for (word, n) in counters::read(conn, CounterKind::State)? {
            let state = word
                .parse()
                .map_err(|error| CatalogError::Fault(format!("in the totals: {error}")))?;
            by_state.insert(state, n);
        }
        let total = by_state.values().sum();
        Ok(Self { by_state, total })
    }

    /// Books in one state.
    pub fn of(&self, state: BookState) -> u64 {
        self.by_state.get(&state).copied().unwrap_or(0)
    }
}

/// Asks for [`StateCounts`].
#[derive(Debug, Clone, Copy)]
pub struct CountBooks;

/// Asks which books of a selection are put off, the first to come due first. Books that wait for GRIN are not meant: their time is no
/// time of ours.
#[derive(Debug, Clone, Default)]
pub struct ListPutOff {
    /// Which books.
    pub selection: BookSelection,
    /// How many at most.
    pub limit: usize,
}

impl CatalogOperation for ListPutOff {
    type Output = Vec<PutOffBook>;
    const KIND: &'static str = "put_off";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError> {
        let times = SelectionTimes {
            now: &tx.stamp,
            opened_at: tx.opened_at,
        };
        self.selection.put_off(tx.conn, times, self.limit)
    }
}

/// Asks what is left to do of a selection, so that a run which is to end knows when.
#[derive(Debug, Clone, Default)]
pub struct AskRemaining(pub BookSelection);

/// Asks which books of a selection may be taken now, in the order in which they would be taken; nothing is taken.
#[derive(Debug, Clone, Default)]
pub struct ListReady {
    /// Which books.
    pub selection: BookSelection,
    /// How many at most.
    pub limit: usize,
}

/// What is left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RemainingWork {
    /// At least one book may be taken now.
    pub ready: bool,
    /// At least one conversion may be requested now (room in GRIN's queue not considered).
    pub to_convert: bool,
    /// Books that workers hold.
    pub claimed: u64,
    /// Books that wait for GRIN to convert them.
    pub waiting_for_grin: u64,
    /// When the next waiting book comes due.
    #[serde(serialize_with = "crate::clock::serialize_stamp")]
    pub next_due: Option<Timestamp>,
}

impl CatalogOperation for CountBooks {
    type Output = StateCounts;
    const KIND: &'static str = "counts";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<StateCounts, CatalogError> {
        StateCounts::read(tx.conn)
    }
}

impl CatalogOperation for ListReady {
    type Output = Vec<Barcode>;
    const KIND: &'static str = "list_ready";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<Barcode>, CatalogError> {
        let times = SelectionTimes {
            now: &tx.stamp,
            opened_at: tx.opened_at,
        };
        let ids = self.selection.ready(tx.conn, times, self.limit, RowLock::Unlocked)?;
        let mut barcodes = Vec::with_capacity(ids.len());
        for id in ids {
            let sql = "SELECT barcode FROM books WHERE id = :id";
            let text: String = tx.conn.one(sql, &arguments! { id: id }, |row| row.at(0))?;
            barcodes.extend(Barcode::parse(&text));
        }
        Ok(barcodes)
    }
}

impl CatalogOperation for AskRemaining {
    type Output = RemainingWork;
    const KIND: &'static str = "remaining";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<RemainingWork, CatalogError> {
        tx.write_pending()?;
        let counts = StateCounts::read(tx.conn)?;
        let times = SelectionTimes {
            now: &tx.stamp,
            opened_at: tx.opened_at,
        };
        Ok(RemainingWork {
            ready: !self.0.ready(tx.conn, times, 1, RowLock::Unlocked)?.is_empty(),
            to_convert: !convert::candidates(tx, &self.0, 1)?.is_empty(),
            claimed: counts.of(BookState::Checking) + counts.of(BookState::Downloading),
            waiting_for_grin: counts.of(BookState::Requested) + counts.of(BookState::InProcess),
            next_due: next_due(tx.conn, &tx.stamp)?,
        })
    }
}
