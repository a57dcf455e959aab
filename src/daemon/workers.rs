//! The end of the workers.

use std::time::Duration;

use crate::pipeline::WorkerPools;

/// How long workers may take to end once nobody asks anything of them.
pub(super) const WORKERS_GRACE: Duration = Duration::from_secs(20);

/// Lets the workers finish what they have, within a time.
pub(super) async fn stop_workers(pools: &WorkerPools) {
    pools.collectors.close();
    pools.enrichers.close();
    pools.converters.close();
    pools.checkers.close();
    pools.downloaders.close();
    let drained = async {
        futures::join!(
            pools.collectors.drained(),
            pools.enrichers.drained(),
            pools.converters.drained(),
            pools.checkers.drained(),
            pools.downloaders.drained(),
        )
    };
    if tokio::time::timeout(WORKERS_GRACE, drained).await.is_err() {
        // A blocking pass that does not come back: its book is claimed again at the next start.
        tracing::error!(grace = ?WORKERS_GRACE, "workers do not end; stopping without them");
    }
}
