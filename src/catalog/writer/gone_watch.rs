//! A catalog whose file is gone: known as soon as the writer meets it, however long books in hand wait to be recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::vocabulary::{WaitCause, WaitReason};

/// The file was deleted, moved or replaced, and only a person can put it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogGone {
    /// Since when that is known.
    since: Timestamp,
    /// In a sentence.
    why: String,
}

impl CatalogGone {
    /// For the status: of what is waited for, the catalog with what became of its file.
    pub(crate) fn add_to(&self, waiting: &mut Vec<WaitReason>) {
        waiting.retain(|wait| wait.cause != WaitCause::Catalog);
        waiting.push(WaitReason {
            needs_person: true,
            ..WaitReason::new(WaitCause::Catalog, self.why.clone(), self.since)
        });
    }
}

/// Whether the file was gone when the writer looked last.
#[derive(Debug, Default)]
pub(crate) struct GoneWatch(Mutex<Option<CatalogGone>>);

impl GoneWatch {
    /// The writer looked at the file before a transaction, and found this.
    pub(super) fn note(&self, error: Option<&CatalogError>, now: Timestamp) {
        let mut gone = self.lock();
        *gone = error.map(|error| CatalogGone {
            since: gone.as_ref().map_or(now, |before| before.since),
            why: error.to_string(),
        });
    }

    pub(super) fn now(&self) -> Option<CatalogGone> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<CatalogGone>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_needs_a_person_until_it_is_put_back() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let gone = CatalogError::Gone {
            path: "/srv/catalog.db".into(),
        };
        let busy = WaitReason::new(WaitCause::Catalog, "locked", at(0));
        let disk = WaitReason::new(WaitCause::Disk, "full", at(0));
        let watch = GoneWatch::default();
        for (second, error, since) in [
            (1, None, None),
            (2, Some(&gone), Some(2)),
            (3, Some(&gone), Some(2)),
            (4, None, None),
            (5, Some(&gone), Some(5)),
        ] {
            watch.note(error, at(second));
            let told = watch.now();
            assert_eq!(told.as_ref().map(|told| told.since), since.map(at), "{second}");
            let Some(told) = told else { continue };
            let mut waiting = vec![busy.clone(), disk.clone()];
            told.add_to(&mut waiting);
            let causes: Vec<_> = waiting.iter().map(|wait| wait.cause).collect();
            assert_eq!(causes, [WaitCause::Disk, WaitCause::Catalog], "said once");
            assert!(
                waiting[1].needs_person && waiting[1].why.contains("/srv/catalog.db"),
                "{waiting:?}"
            );
        }
    }
}
