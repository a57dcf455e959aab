//! What goes on, counted, so that a close can wait for it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::Notify;

use crate::session::SessionCounters;

/// Requests and bodies going on.
#[derive(Default)]
pub(super) struct InFlight {
    count: Cell<usize>,
    landed: Notify,
}

/// Counts one request or body as going on until dropped.
pub(super) struct InFlightGuard {
    flight: Rc<InFlight>,
    counters: Arc<SessionCounters>,
}

impl InFlightGuard {
    pub(super) fn begin(flight: &Rc<InFlight>, counters: &Arc<SessionCounters>) -> Self {
        flight.count.set(flight.count.get() + 1);
        counters.in_flight.fetch_add(1, Relaxed);
        Self {
            flight: Rc::clone(flight),
            counters: Arc::clone(counters),
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.flight.count.set(self.flight.count.get() - 1);
        self.counters.in_flight.fetch_sub(1, Relaxed);
        if self.flight.count.get() == 0 {
            self.flight.landed.notify_waiters();
        }
    }
}

impl InFlight {
    pub(super) fn count(&self) -> usize {
        self.count.get()
    }

    /// Completes when nothing goes on.
    pub(super) async fn all_landed(&self) {
        while self.count.get() > 0 {
            self.landed.notified().await;
        }
    }
}
