//! Removes from the storage what an earlier run left half-written.

use std::sync::mpsc;
use std::time::Duration;

use tracing::{info, warn};

use crate::storage::{Storage, SweepResult};

/// A storage that does not answer, or has much to remove, delays the start no longer.
const AT_THE_START: Duration = Duration::from_secs(5);

/// Removes it on a thread of its own, for which the start waits a while; the rest is done beside the work.
pub(super) fn sweep(storage: &Storage) {
    let (storage, (sender, swept)) = (storage.clone(), mpsc::channel::<()>());
    let sweep = move || {
        tell(&storage.sweep());
        drop(sender);
    };
    if std::thread::Builder::new().name("sweep".into()).spawn(sweep).is_ok() {
        swept.recv_timeout(AT_THE_START).ok();
    }
}

fn tell(swept: &SweepResult) {
    if swept.removed > 0 {
        info!(swept.removed, "leftovers of an earlier run removed from the storage");
    }
    for failure in &swept.failures {
        warn!(
            failure,
            "leftovers of an earlier run could not be looked for in the storage, or one of them not removed; it is tried again at the next start"
        );
    }
}
