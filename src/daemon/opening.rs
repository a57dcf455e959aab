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

/// Whether the start waits `after` so long. Ended, a daemon would be started again into the same lock; a step by hand (`waits` is false)
/// tells it. A server that does not answer may as well have a wrong name, so that is told at once.
fn is_waited_for(error: &CatalogError, waits: bool, after: Duration) -> bool {
    waits && matches!(error, CatalogError::Busy) && after < LONGEST_LOCK
}

/// Opens the catalog. Each attempt has a time-out of its own, so none follows the one before at once.
pub(super) fn open_catalog(
    hub: &ActorRegistry,
    url: &str,
    waits: bool,
) -> Result<(Catalog, CatalogThread), CatalogError> {
    let began = Instant::now();
    loop {
        match Catalog::open(hub, url, SystemClock::system(), CatalogPolicy::default()) {
            Err(error) if is_waited_for(&error, waits, began.elapsed()) => {
                notify::status("starting: waits for the catalog, which another program holds locked");
                notify::wait_longer(NEXT_LOOK);
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_waits_for_a_lock_and_for_nothing_else() {
        let (soon, late) = (Duration::from_secs(15), LONGEST_LOCK);
        let away = || CatalogError::Unreachable("x".to_owned());
        for (error, waits, after, expected) in [
            (CatalogError::Busy, true, soon, true),
            (CatalogError::Busy, true, late, false),
            (CatalogError::Busy, false, soon, false),
            (away(), true, soon, false),
        ] {
            assert_eq!(is_waited_for(&error, waits, after), expected, "{error} after {after:?}");
        }
    }
}
