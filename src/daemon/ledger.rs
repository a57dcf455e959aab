//! The ledger at exit: for each actor what it handled, what it released unanswered, and why it ended.

use std::fmt;

use serde::Serialize;

use crate::actor::{ActorName, LedgerEntry};
use crate::session::{SessionCloseReport, SessionSnapshot};

/// The books are closed: nothing runs any more.
#[derive(Debug, Serialize)]
pub struct ShutdownLedger {
    /// How each actor ended, in the order of ending.
    pub entries: Vec<LedgerEntry>,
    /// The session's figures over its whole life.
    pub session: SessionSnapshot,
    /// What closing the session found, if it answered.
    pub closed: Option<SessionCloseReport>,
    /// What became of the catalog's file before it was closed, if it is gone: what was recorded last is lost.
    pub catalog_fault: Option<String>,
}

impl ShutdownLedger {
    /// The session owner ended after everybody else.
    pub fn session_owner_was_last(&self) -> bool {
        self.entries
            .last()
            .is_some_and(|entry| entry.actor == ActorName::SessionOwner)
    }

    /// Nobody ended by a fault, nothing was left unanswered, and the catalog was there to its end.
    pub fn is_clean(&self) -> bool {
        self.catalog_fault.is_none() && self.entries.iter().all(|entry| !entry.reason.is_fault())
    }
}

/// A line for each actor and each way in which it ended: the members of a pool count together.
impl fmt::Display for ShutdownLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<(ActorName, &str, [u64; 2])> = Vec::new();
        for entry in &self.entries {
            let (actor, reason) = (entry.actor, entry.reason.as_str());
            let found = lines.iter_mut().find(|line| (line.0, line.1) == (actor, reason));
            match found {
                Some((_, _, [handled, released])) => {
                    *handled += entry.handled;
                    *released += entry.handed_back;
                }
                None => lines.push((actor, reason, [entry.handled, entry.handed_back])),
            }
        }
        for (actor, reason, [handled, released]) in lines {
            writeln!(f, "{actor}: handled {handled}, released {released}, {reason}")?;
        }
        Ok(())
    }
}
