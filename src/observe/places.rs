//! What catalog and storage count, as metrics.

use serde::{Deserialize, Serialize};

use crate::catalog::CatalogFigures;
use crate::observe::family::MetricFamilies;
use crate::observe::names::MetricName as Metric;
use crate::storage::StorageFigures;

/// Where what is known, and what is fetched, is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PlaceFigures {
    /// Transactions.
    pub catalog: CatalogFigures,
    /// Room and uploads.
    pub storage: StorageFigures,
}

impl MetricFamilies {
    /// Transactions of the catalog, room and uploads of the storage.
    pub fn from_places(places: &PlaceFigures) -> Self {
        let PlaceFigures { catalog, storage } = places;
        let mut families = Self::new();
        families.histogram(Metric::StoreWrite, &[], (&catalog.write_seconds).into());
        families.count(Metric::StoreBusy, &[], catalog.busy);
        families.count(Metric::SpoolFree, &[], storage.free_bytes.unwrap_or(0));
        families.count(Metric::SpoolReserved, &[], storage.reserved_bytes);
        families.count(Metric::MultipartOpen, &[], storage.open_uploads);
        families.count(Metric::MultipartAbortFailures, &[], storage.abort_failures);
        families
    }
}
