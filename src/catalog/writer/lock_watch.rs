//! A catalog that another program keeps locked: said once, with who holds it, and once when it is free again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::catalog::CatalogAddress;
use crate::catalog::writer::lock_holder::lock_holder;
use crate::clock::earlier;
use crate::vocabulary::{WaitCause, WaitReason};

/// Another program keeps the catalog locked, for longer than a transaction waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogLock {
    /// Since when this program has waited.
    pub since: Timestamp,
    /// Who holds the lock, if that is known.
    pub holder: Option<String>,
}

impl CatalogLock {
    /// For the status: of what is waited for, the catalog with who holds it.
    pub(crate) fn add_to(&self, waiting: &mut Vec<WaitReason>) {
        let holder = self.holder.as_deref().unwrap_or("another program");
        let why = format!("locked by {holder}; nothing is recorded until it is free");
        match waiting.iter_mut().find(|wait| wait.cause == WaitCause::Catalog) {
            Some(wait) => wait.why = why,
            None => waiting.push(WaitReason::new(WaitCause::Catalog, why, self.since)),
        }
    }
}

/// What a transaction that is over tells of the lock.
#[derive(Debug, PartialEq, Eq)]
enum LockNews {
    Nothing,
    Begun,
    Over,
}

fn lock_news(was_locked: bool, is_locked: bool) -> LockNews {
    match (was_locked, is_locked) {
        (false, true) => LockNews::Begun,
        (true, false) => LockNews::Over,
        (true, true) | (false, false) => LockNews::Nothing,
    }
}

/// Whether the catalog is locked now; told by the writer's thread, and read from any.
#[derive(Debug, Default)]
pub(crate) struct LockWatch(Mutex<Option<CatalogLock>>);

impl LockWatch {
    /// A transaction that took so long is over; `is_locked`: it was given up because another program kept the catalog locked.
    pub(super) fn note(&self, is_locked: bool, took: Duration, address: &CatalogAddress) {
        let mut lock = self.lock();
        match lock_news(lock.is_some(), is_locked) {
            LockNews::Nothing => {}
            LockNews::Begun => {
                let holder = address.file().and_then(lock_holder);
                let (held_by, seconds) = (holder.as_deref(), took.as_secs());
                warn!(
                    held_by,
                    seconds, "the catalog is locked by another program; nothing is recorded until it is free"
                );
                let since = earlier(Timestamp::now(), took);
                *lock = Some(CatalogLock { since, holder });
            }
            LockNews::Over => {
                let over = lock.take();
                let seconds = over.map(|over| Timestamp::now().duration_since(over.since).as_secs());
                info!(seconds, "the catalog is free again");
            }
        }
    }

    pub(crate) fn now(&self) -> Option<CatalogLock> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<CatalogLock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_said_once_and_its_end_once() {
        for (was_locked, is_locked, news) in [
            (false, false, LockNews::Nothing),
            (false, true, LockNews::Begun),
            (true, true, LockNews::Nothing),
            (true, false, LockNews::Over),
        ] {
            assert_eq!(lock_news(was_locked, is_locked), news, "{was_locked} {is_locked}");
        }
    }

    #[test]
    fn the_status_names_who_holds_the_lock_whatever_else_waits_for_the_catalog() {
        let (now, error) = (Timestamp::UNIX_EPOCH, "nothing was written");
        let lock = CatalogLock {
            since: now,
            holder: Some("sqlite3 (process 7)".to_owned()),
        };
        let wait = |cause| WaitReason::new(cause, error, now);
        for (mut waiting, expected) in [
            (vec![], vec![WaitCause::Catalog]),
            (vec![wait(WaitCause::Catalog)], vec![WaitCause::Catalog]),
            (vec![wait(WaitCause::Grin)], vec![WaitCause::Grin, WaitCause::Catalog]),
        ] {
            lock.add_to(&mut waiting);
            assert_eq!(waiting.iter().map(|wait| wait.cause).collect::<Vec<_>>(), expected);
            let told = waiting.iter().find(|wait| wait.cause == WaitCause::Catalog).unwrap();
            assert!(
                told.why.contains("sqlite3 (process 7)") && told.resumes_by_itself,
                "{told:?}"
            );
        }
    }
}
