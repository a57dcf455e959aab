//! A last look at the storage that ended a run, for the code that the shell shall see.

use std::time::Duration;

use crate::pipeline::{RunReport, WorkerPools};
use crate::storage::StorageError;
use crate::vocabulary::WaitCause;

/// It has refused what it was given by then, so it answers soon.
const LONGEST: Duration = Duration::from_secs(10);

/// Why the storage takes nothing, where it ended the run and a person must act. `None`: another part of it refuses than the one that is tried, or
/// it was mended meanwhile.
pub(super) async fn storage_fault(pools: &WorkerPools, report: &RunReport) -> Option<StorageError> {
    let stopped = report.stopped_by.as_ref()?;
    if stopped.cause != WaitCause::Storage || !stopped.needs_person {
        return None;
    }
    let storage = pools.storage.clone();
    let look = actix_rt::task::spawn_blocking(move || storage.check());
    tokio::time::timeout(LONGEST, look).await.ok()?.ok()?.err()
}
