//! A catalog that takes nothing: known as soon as the writer meets it, however long books in hand wait to be recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::vocabulary::{WaitCause, WaitReason};

/// A server that is started anew, or a connection that breaks, is no trouble before.
const PASSES_WITHIN: Duration = Duration::from_secs(5);

/// What the writer met last, and not what an operation was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogTrouble {
    /// Since when that is so.
    since: Timestamp,
    /// In a sentence.
    why: String,
    /// It does not end by itself.
    needs_person: bool,
}

impl CatalogTrouble {
    /// For the status: of what is waited for, the catalog with what became of it. Where the run waits for it by now, it says until when.
    pub(crate) fn add_to(&self, waiting: &mut Vec<WaitReason>) {
        if self.needs_person {
            waiting.retain(|wait| wait.cause != WaitCause::Catalog);
        }
        if waiting.iter().all(|wait| wait.cause != WaitCause::Catalog) {
            waiting.push(WaitReason {
                needs_person: self.needs_person,
                ..WaitReason::new(WaitCause::Catalog, self.why.clone(), self.since)
            });
        }
    }

    fn is_told(&self, now: Timestamp) -> bool {
        let lasts = Duration::try_from(now.duration_since(self.since)).unwrap_or_default();
        self.needs_person || lasts >= PASSES_WITHIN
    }
}

/// What the writer met in its last transaction.
#[derive(Debug, Default)]
pub(crate) struct TroubleWatch(Mutex<Option<CatalogTrouble>>);

impl TroubleWatch {
    /// A transaction is over, or could not be begun; `error`: what of the catalog kept it.
    pub(super) fn note(&self, error: Option<&CatalogError>, now: Timestamp) {
        let mut trouble = self.lock();
        *trouble = error.map(|error| CatalogTrouble {
            since: trouble.as_ref().map_or(now, |before| before.since),
            why: error.to_string(),
            needs_person: error.needs_person(),
        });
    }

    pub(super) fn told(&self, now: Timestamp) -> Option<CatalogTrouble> {
        self.lock().clone().filter(|trouble| trouble.is_told(now))
    }

    fn lock(&self) -> MutexGuard<'_, Option<CatalogTrouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn trouble_is_told_at_once_where_a_person_must_mend_it_and_else_when_it_lasts() {
        let gone = CatalogError::Gone {
            path: "/srv/catalog.db".into(),
        };
        let away = CatalogError::Unreachable("connection refused".into());
        let watch = TroubleWatch::default();
        for (second, error, since) in [
            (1, None, None),
            (2, Some(&gone), Some(2)),
            (3, Some(&gone), Some(2)),
            (4, None, None),
            (5, Some(&away), None),
            (9, Some(&away), None),
            (10, Some(&away), Some(5)),
            (11, Some(&gone), Some(5)),
            (12, None, None),
            (13, Some(&CatalogError::ReadOnly("standby".into())), Some(13)),
        ] {
            watch.note(error, at(second));
            assert_eq!(watch.told(at(second)).map(|told| told.since), since.map(at), "{second}");
        }
    }

    #[test]
    fn the_catalog_is_said_once_and_by_whoever_knows_most() {
        let busy = WaitReason::new(WaitCause::Catalog, "locked", at(0));
        let disk = WaitReason::new(WaitCause::Disk, "full", at(0));
        for (needs_person, waiting, why) in [
            (true, vec![busy.clone(), disk.clone()], "gone"),
            (false, vec![busy.clone(), disk.clone()], "locked"),
            (false, vec![disk.clone()], "gone"),
        ] {
            let trouble = CatalogTrouble {
                since: at(1),
                why: "gone".to_owned(),
                needs_person,
            };
            let mut told = waiting.clone();
            trouble.add_to(&mut told);
            let of_catalog: Vec<_> = told.iter().filter(|wait| wait.cause == WaitCause::Catalog).collect();
            assert_eq!((told.len(), of_catalog.len()), (2, 1), "{told:?}");
            assert_eq!(of_catalog[0].why, why, "{told:?}");
        }
    }
}
