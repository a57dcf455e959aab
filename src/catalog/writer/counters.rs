//! What the catalog's writer counts, on its own thread; read from any.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actor::{DurationHistogram, HistogramSnapshot};
use crate::catalog::CatalogError;
use crate::catalog::writer::catalog_watch::CatalogWatch;

/// Counters of one writer, over all its connections.
#[derive(Debug, Default)]
pub(crate) struct CatalogCounters {
    write: DurationHistogram,
    busy: AtomicU64,
    pub(super) watch: CatalogWatch,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CatalogFigures {
    /// How long transactions took, from their beginning until they were on the disk or given up.
    pub write_seconds: HistogramSnapshot,
    /// Transactions given up because other programs kept the catalog locked.
    pub busy: u64,
}

impl CatalogCounters {
    /// A transaction is over; `errors`: of the operations in it that failed.
    pub(super) fn note(&self, took: Duration, errors: &[CatalogError]) {
        self.write.observe(took);
        let busy = errors.iter().any(|error| matches!(error, CatalogError::Busy));
        self.busy.fetch_add(busy.into(), Relaxed);
    }

    pub(crate) fn figures(&self) -> CatalogFigures {
        CatalogFigures {
            write_seconds: self.write.snapshot(),
            busy: self.busy.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_busy_once_whatever_of_it_was() {
        let counters = CatalogCounters::default();
        let moment = Duration::from_millis(1);
        for (errors, busy) in [
            (vec![], 0),
            (vec![CatalogError::Fault("x".into())], 0),
            (vec![CatalogError::Busy, CatalogError::Busy], 1),
            (vec![CatalogError::Fault("x".into()), CatalogError::Busy], 2),
        ] {
            counters.note(moment, &errors);
            assert_eq!(counters.figures().busy, busy);
        }
        assert_eq!(counters.figures().write_seconds.count, 4);
    }
}
