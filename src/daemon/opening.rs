//! The catalog is opened, and waited for where another program holds it locked.

use std::time::{Duration, Instant};

use crate::actor::ActorRegistry;
use crate::catalog::{Catalog, CatalogError, CatalogPolicy, CatalogThread};
use crate::clock::SystemClock;
use crate::daemon::notify;

/// A lock on the catalog is not waited for longer than this at the start.
const LONGEST_LOCK: Duration = Duration::from_mins(10);

/// An attempt to open it ends long before this.
const NEXT_LOOK: Duration = Duration::from_mins(1);

/// From the beginning of an attempt to the next one at least: a server refuses at once, where a file's lock is waited for.
const BETWEEN: Duration = Duration::from_secs(2);

/// The pause before the next attempt, if the start waits `after` so long; the last attempt `took` so long. Ended, a daemon would be started
/// again into the same lock; a step by hand (`waits` is false) tells it. A server that does not answer may as well have a wrong name, so that is
/// told at once.
fn next_attempt(error: &CatalogError, waits: bool, after: Duration, took: Duration) -> Option<Duration> {
    let is_waited_for = waits && matches!(error, CatalogError::Busy) && after < LONGEST_LOCK;
    is_waited_for.then(|| BETWEEN.saturating_sub(took))
}

/// Opens the catalog, in as many attempts as it takes.
pub(super) fn open_catalog(
    hub: &ActorRegistry,
    url: &str,
    waits: bool,
) -> Result<(Catalog, CatalogThread), CatalogError> {
    let began = Instant::now();
    loop {
        let attempt = Instant::now();
        let opened = Catalog::open(hub, url, SystemClock::system(), CatalogPolicy::default());
        let Some(error) = opened.as_ref().err() else {
            return opened;
        };
        let Some(pause) = next_attempt(error, waits, began.elapsed(), attempt.elapsed()) else {
            return opened;
        };
        notify::status("starting: waits for the catalog, which another program holds locked");
        notify::wait_longer(NEXT_LOOK);
        std::thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_waits_for_a_lock_and_for_nothing_else() {
        let seconds = Duration::from_secs;
        let (soon, late) = (seconds(15), LONGEST_LOCK);
        let away = || CatalogError::Unreachable("x".to_owned());
        for (error, waits, after, took, pause) in [
            // The file's lock was waited for.
            (CatalogError::Busy, true, soon, seconds(5), Some(seconds(0))),
            // A server refused at once.
            (CatalogError::Busy, true, soon, seconds(0), Some(BETWEEN)),
            (CatalogError::Busy, true, soon, seconds(1), Some(BETWEEN - seconds(1))),
            (CatalogError::Busy, true, late, seconds(0), None),
            (CatalogError::Busy, false, soon, seconds(0), None),
            (away(), true, soon, seconds(0), None),
        ] {
            let next = next_attempt(&error, waits, after, took);
            assert_eq!(next, pause, "{error} after {after:?}, {took:?}");
        }
    }
}
