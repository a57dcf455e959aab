//! A catalog that takes nothing: locked by another program, unusable, or without an answer. Known as soon as the writer meets it, however
//! long books in hand wait to be recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use crate::catalog::writer::lock_holder::lock_holder;
use crate::catalog::{CatalogAddress, CatalogError};
use crate::log::DisplayDuration;
use crate::vocabulary::{WaitCause, WaitReason};

/// A server that is started anew, or a connection that breaks, is no trouble before.
const PASSES_WITHIN: Duration = Duration::from_secs(5);
/// A transaction that lasts longer is told: its server may stand still.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// What the writer met in its last transaction, and not what an operation was about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CatalogTrouble {
    /// Another program keeps it locked, for longer than a transaction waits.
    Locked { since: Timestamp, holder: Option<String> },
    /// It refuses everything, or cannot be reached.
    Refuses {
        since: Timestamp,
        why: String,
        /// It does not end by itself.
        needs_person: bool,
    },
}

impl CatalogTrouble {
    /// For the status: of what is waited for, the catalog. Who holds its lock, and what only a person can mend, is told in place of what is
    /// known of it; else what the run itself says, which may tell until when.
    fn add_to(self, waiting: &mut Vec<WaitReason>) {
        let (replaces, wait) = match self {
            Self::Locked { since, holder } => {
                let holder = holder.as_deref().unwrap_or("another program");
                let why = format!("locked by {holder}; nothing is recorded until it is free");
                (true, WaitReason::new(WaitCause::Catalog, why, since))
            }
            Self::Refuses {
                since,
                why,
                needs_person,
            } => {
                let wait = WaitReason::new(WaitCause::Catalog, why, since);
                (needs_person, WaitReason { needs_person, ..wait })
            }
        };
        add(waiting, replaces, wait);
    }

    fn is_told(&self, now: Timestamp) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::Refuses {
                since, needs_person, ..
            } => *needs_person || age(*since, now) >= PASSES_WITHIN,
        }
    }
}

fn add(waiting: &mut Vec<WaitReason>, replaces: bool, wait: WaitReason) {
    let known = waiting.iter_mut().find(|known| known.cause == wait.cause);
    match known {
        Some(known) if replaces => *known = wait,
        Some(_) => {}
        None => waiting.push(wait),
    }
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// What is known of the catalog.
#[derive(Debug, Default)]
struct WatchedCatalog {
    /// Since when the transaction lasts that is under way.
    began: Option<Timestamp>,
    trouble: Option<CatalogTrouble>,
}

/// Whether the catalog takes anything now; told by the writer's thread, and read from any.
#[derive(Debug, Default)]
pub(crate) struct CatalogWatch(Mutex<WatchedCatalog>);

impl CatalogWatch {
    /// A transaction begins.
    pub(super) fn begun(&self, now: Timestamp) {
        self.lock().began = Some(now);
    }

    /// It is over, or could not be begun; `error`: what of the catalog kept it.
    pub(super) fn ended(&self, error: Option<&CatalogError>, address: &CatalogAddress, now: Timestamp) {
        let mut watched = self.lock();
        let began = watched.began.take().unwrap_or(now);
        let before = watched.trouble.take();
        watched.trouble = match (error, &before) {
            (Some(CatalogError::Busy), Some(CatalogTrouble::Locked { .. })) => before,
            (Some(CatalogError::Busy), _) => Some(locked(address, began, now)),
            (error, before) => {
                if let Some(CatalogTrouble::Locked { since, .. }) = before {
                    warn!(seconds = age(*since, now).as_secs(), "the catalog is free again");
                }
                error.map(|error| refuses(error, before.as_ref(), now))
            }
        };
    }

    /// Adds to what is waited for that the catalog takes nothing, and why.
    pub(super) fn add_to(&self, waiting: &mut Vec<WaitReason>, now: Timestamp) {
        let watched = self.lock();
        if let Some(trouble) = watched.trouble.clone().filter(|trouble| trouble.is_told(now)) {
            trouble.add_to(waiting);
        }
        let waited = watched.began.map(|began| (began, age(began, now)));
        if let Some((began, waited)) = waited.filter(|(_, waited)| *waited >= ANSWERS_WITHIN) {
            let waited = DisplayDuration(waited.as_secs_f64());
            let why = format!("it has not answered for {waited}; nothing is recorded until it does");
            add(waiting, false, WaitReason::new(WaitCause::Catalog, why, began));
        }
    }

    fn lock(&self) -> MutexGuard<'_, WatchedCatalog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn locked(address: &CatalogAddress, since: Timestamp, now: Timestamp) -> CatalogTrouble {
    let holder = address.file().and_then(lock_holder);
    let (held_by, seconds) = (holder.as_deref(), age(since, now).as_secs());
    warn!(
        held_by,
        seconds, "the catalog is locked by another program; nothing is recorded until it is free"
    );
    CatalogTrouble::Locked { since, holder }
}

fn refuses(error: &CatalogError, before: Option<&CatalogTrouble>, now: Timestamp) -> CatalogTrouble {
    let since = match before {
        Some(CatalogTrouble::Refuses { since, .. }) => *since,
        Some(CatalogTrouble::Locked { .. }) | None => now,
    };
    CatalogTrouble::Refuses {
        since,
        why: error.to_string(),
        needs_person: error.needs_person(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(watch: &CatalogWatch, second: i64) -> Option<(i64, String)> {
        let mut waiting = Vec::new();
        watch.add_to(&mut waiting, at(second));
        assert!(waiting.len() < 2, "{waiting:?}");
        waiting.pop().map(|wait| (wait.since.as_second(), wait.why))
    }

    #[test]
    fn what_the_writer_meets_is_told_at_once_where_it_does_not_end_soon_and_else_when_it_lasts() {
        let gone = CatalogError::Gone {
            path: "/srv/catalog.db".into(),
        };
        let away = CatalogError::Unreachable("connection refused".into());
        let read_only = CatalogError::ReadOnly("standby".into());
        let busy = CatalogError::Busy;
        let nowhere = CatalogAddress::Sqlite("/nowhere/catalog.db".into());
        let watch = CatalogWatch::default();
        // When it ends, what it met, and since when what is told.
        for (second, error, expected) in [
            (1, None, None),
            (2, Some(&gone), Some((2, "was deleted"))),
            (3, Some(&gone), Some((2, "was deleted"))),
            (4, None, None),
            (5, Some(&away), None),
            (9, Some(&away), None),
            (10, Some(&away), Some((5, "connection refused"))),
            (11, Some(&gone), Some((5, "was deleted"))),
            (12, None, None),
            (13, Some(&read_only), Some((13, "standby"))),
            // It is waited for.
            (30, Some(&busy), Some((29, "locked by another program"))),
            (45, Some(&busy), Some((29, "locked by another program"))),
            (46, Some(&away), None),
            (47, None, None),
        ] {
            watch.begun(at(second - 1));
            watch.ended(error, &nowhere, at(second));
            let told = told(&watch, second);
            assert_eq!(
                told.as_ref().map(|told| told.0),
                expected.map(|told| told.0),
                "{second}"
            );
            let words = expected.map_or("", |told| told.1);
            assert!(told.is_none_or(|told| told.1.contains(words)), "{second}");
        }
    }

    #[test]
    fn an_answer_that_does_not_come_is_told_after_half_a_minute() {
        let nowhere = CatalogAddress::Sqlite("/nowhere/catalog.db".into());
        let watch = CatalogWatch::default();
        watch.begun(at(10));
        for (second, expected) in [(11, None), (39, None), (40, Some(10)), (100, Some(10))] {
            let told = told(&watch, second);
            assert_eq!(told.as_ref().map(|told| told.0), expected, "{second}");
            assert!(told.is_none_or(|told| told.1.contains("has not answered for")));
        }
        watch.ended(None, &nowhere, at(101));
        assert_eq!(told(&watch, 200), None, "nothing is under way");
    }

    #[test]
    fn the_catalog_is_said_once_and_by_whoever_knows_most() {
        let refuses = |needs_person| CatalogTrouble::Refuses {
            since: at(1),
            why: "gone".to_owned(),
            needs_person,
        };
        let locked = CatalogTrouble::Locked {
            since: at(1),
            holder: Some("sqlite3 (process 7)".to_owned()),
        };
        let busy = WaitReason::new(WaitCause::Catalog, "not written", at(0));
        let disk = WaitReason::new(WaitCause::Disk, "full", at(0));
        for (trouble, waiting, why) in [
            (refuses(true), vec![busy.clone(), disk.clone()], "gone"),
            (refuses(false), vec![busy.clone(), disk.clone()], "not written"),
            (refuses(false), vec![disk.clone()], "gone"),
            (locked.clone(), vec![busy.clone(), disk.clone()], "sqlite3 (process 7)"),
            (locked, vec![disk.clone()], "sqlite3 (process 7)"),
        ] {
            let mut told = waiting.clone();
            trouble.add_to(&mut told);
            let of_catalog: Vec<_> = told.iter().filter(|wait| wait.cause == WaitCause::Catalog).collect();
            assert_eq!((told.len(), of_catalog.len()), (2, 1), "{told:?}");
            assert!(of_catalog[0].why.contains(why), "{told:?}");
        }
    }
}
