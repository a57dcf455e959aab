//! Beginning a pass over one of GRIN's lists, or going on with one that was interrupted.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::observations::lists;
use crate::catalog::observations::passes::{PassId, check_task};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::read_stamp;
use crate::grin::ListKind;

/// How the note of a pass begins that trouble kept from being compared with the list's text form.
pub const NOT_COMPARED: &str = "it could not be compared with its text form";

/// Begins a pass over a list, or goes on with one that was interrupted.
#[derive(Debug, Clone, Copy)]
pub struct BeginPass {
    /// The list.
    pub list: ListKind,
    /// Whether an interrupted pass may be resumed; else it ends as incomplete.
    pub resume: bool,
    /// The fence of the task under which lists are read; `None`: nobody else can read lists.
    pub fence: Option<i64>,
}

/// A running pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPass {
    /// Goes with every part that is recorded.
    pub id: PassId,
    /// Where an interrupted pass goes on; `None`: from the list's first page.
    pub next: Option<String>,
    /// When it began, as text.
    pub started_at: String,
    /// Books that it has named so far, each counted once.
    pub rows: u64,
    /// Books that the last complete pass over this list named; `None`: none was ever complete.
    pub last_rows: Option<u64>,
    /// Passes since then that trouble kept from being compared ([`NOT_COMPARED`]).
    pub uncompared: u64,
}

/// An interrupted pass is resumed within a day of its beginning: later, what its first part saw says too little about now.
const RESUMED_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

impl CatalogOperation for BeginPass {
    type Output = ListPass;
    const KIND: &'static str = "begin_pass";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<ListPass, CatalogError> {
        check_task(tx, self.fence)?;
        let list = lists::name(self.list);
        let last_rows = tx.conn.first(
            "SELECT rows FROM list_passes WHERE list = :list AND complete = 1 ORDER BY id DESC LIMIT 1",
            &arguments! { list: list },
            |row| row.at(0),
        )?;
        let uncompared = tx.conn.one(
            "SELECT count(*) FROM list_passes WHERE list = :list AND note LIKE :note AND id > \
             (SELECT ifnull(max(id), 0) FROM list_passes WHERE list = :list AND complete = 1)",
            &arguments! { list: list, note: format!("{NOT_COMPARED}%") },
            |row| row.at(0),
        )?;
        if self.resume
            && let Some(pass) = self.interrupted(tx, list)?
            && is_recent(&pass.started_at, &tx.stamp)
        {
            return Ok(ListPass {
                last_rows,
                uncompared,
                ..pass
            });
        }
        tx.conn.execute(
            "UPDATE list_passes SET ended_at = :now, note = 'interrupted' WHERE list = :list AND ended_at IS NULL",
            &arguments! { now: tx.stamp, list: list },
        )?;
        let id = tx.conn.one(
            "INSERT INTO list_passes (list, started_at) VALUES (:list, :now) RETURNING id",
            &arguments! { list: list, now: tx.stamp },
            |row| row.at(0),
        )?;
        Ok(ListPass {
            id: self.pass(id),
            next: None,
            started_at: tx.stamp.clone(),
            rows: 0,
            last_rows,
            uncompared,
        })
    }
}

impl BeginPass {
    fn pass(&self, number: i64) -> PassId {
        let fence = self.fence;
        PassId { number, fence }
    }

    /// The list's last pass, if it was interrupted after a page that led on.
    fn interrupted(&self, tx: &CatalogTransaction<'_>, list: &str) -> Result<Option<ListPass>, CatalogError> {
        tx.conn.first(
            "SELECT id, next_url, started_at, rows FROM list_passes \
             WHERE list = :list AND ended_at IS NULL AND next_url IS NOT NULL ORDER BY id DESC LIMIT 1",
            &arguments! { list: list },
            |row| {
                Ok(ListPass {
                    id: self.pass(row.get("id")?),
                    next: row.get("next_url")?,
                    started_at: row.get("started_at")?,
                    rows: row.get("rows")?,
                    last_rows: None,
                    uncompared: 0,
                })
            },
        )
    }
}

/// Whether a pass began recently enough to be resumed.
fn is_recent(started_at: &str, now: &str) -> bool {
    match (read_stamp(started_at), read_stamp(now)) {
        (Some(started), Some(now)) => now.duration_since(started) <= RESUMED_WITHIN,
        _ => false,
    }
}
