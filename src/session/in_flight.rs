//! Counts requests and bodies in progress, so that a close can wait for them.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::Notify;

use crate::session::SessionCounters;

/// Requests and bodies in progress.
#[derive(Default)]
pub(super) struct InFlight {
    count: Cell<usize>,
    idle: Notify,
}

/// Counts one request or body as in progress until dropped.
pub(super) struct InFlightGuard {
    in_flight: Rc<InFlight>,
    counters: Arc<SessionCounters>,
}

impl InFlightGuard {
    pub(super) fn begin(in_flight: &Rc<InFlight>, counters: &Arc<SessionCounters>) -> Self {
        in_flight.count.set(in_flight.count.get() + 1);
        counters.in_flight.fetch_add(1, Relaxed);
        Self {
            in_flight: Rc::clone(in_flight),
            counters: Arc::clone(counters),
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.in_flight.count.set(self.in_flight.count.get() - 1);
        self.counters.in_flight.fetch_sub(1, Relaxed);
        if self.in_flight.count.get() == 0 {
            self.in_flight.idle.notify_waiters();
        }
    }
}

impl InFlight {
    pub(super) fn count(&self) -> usize {
        self.count.get()
    }

    /// Completes when nothing is in progress.
    pub(super) async fn wait_idle(&self) {
        while self.count.get() > 0 {
            self.idle.notified().await;
        }
    }
}
