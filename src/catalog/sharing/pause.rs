//! A daemon's pause that an operator asked for: it outlives a restart, and is that daemon's alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic};
use crate::catalog::notes;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::stamp;

/// A pause of one daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorPause {
    /// When it was asked for.
    pub since: Timestamp,
    /// When it ends by itself; `None`: somebody ends it.
    pub until: Option<Timestamp>,
}

impl OperatorPause {
    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The row of a daemon's pause.
fn key(instance: &str) -> String {
    format!("pause/{instance}")
}

/// What happened to a pause, in the history of no book.
fn record(tx: &mut CatalogTransaction<'_>, value: &str, note: ChangeNote<'_>) -> Result<(), CatalogError> {
    tx.append_history("", ChangeTopic::Operator, value, &note.text())
}

/// Pauses a daemon; another pause that it has is over.
#[derive(Debug, Clone)]
pub struct BeginPause {
    /// The daemon's name among the members.
    pub instance: String,
    /// The pause.
    pub pause: OperatorPause,
}

impl CatalogOperation for BeginPause {
    type Output = ();
    const KIND: &'static str = "begin_pause";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let text = serde_json::to_string(&self.pause).unwrap_or_default();
        notes::write(tx.conn, &key(&self.instance), &text)?;
        let until = self.pause.until.map(stamp);
        let note = ChangeNote {
            by: Some(&self.instance),
            next: until.as_deref(),
            ..ChangeNote::of(ChangeCause::Operator)
        };
        record(tx, "paused", note)
    }
}

/// Ends a daemon's pause; `false` if it has none, or if another one began before the end of the last was recorded.
#[derive(Debug, Clone)]
pub struct EndPause {
    /// The daemon's name among the members.
    pub instance: String,
    /// Its time was over, and nobody had to ask for it.
    pub by_itself: bool,
}

impl CatalogOperation for EndPause {
    type Output = bool;
    const KIND: &'static str = "end_pause";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let pause = AskPause {
            instance: self.instance.clone(),
        }
        .run(tx)?;
        if self.by_itself && pause.is_some_and(|pause| !pause.is_over(tx.now)) {
            return Ok(false);
        }
        let sql = "DELETE FROM settings WHERE key = :key";
        if tx.conn.execute(sql, &arguments! { key: key(&self.instance) })? == 0 {
            return Ok(false);
        }
        let cause = match self.by_itself {
            true => ChangeCause::PauseOver,
            false => ChangeCause::Operator,
        };
        let note = ChangeNote {
            by: Some(&self.instance),
            ..ChangeNote::of(cause)
        };
        record(tx, "resumed", note)?;
        Ok(true)
    }
}

/// Asks for a daemon's pause.
#[derive(Debug, Clone)]
pub struct AskPause {
    /// The daemon's name among the members.
    pub instance: String,
}

impl CatalogOperation for AskPause {
    type Output = Option<OperatorPause>;
    const KIND: &'static str = "ask_pause";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Option<OperatorPause>, CatalogError> {
        let text = notes::read(tx.conn, &key(&self.instance))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}
