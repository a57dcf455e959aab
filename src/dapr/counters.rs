//! What the client counts, readable from any thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::actor::SnapshotLabel;
use crate::dapr::StateError;
use crate::dapr::breaker::BreakerState;

/// Counters of one client over all its openings.
#[derive(Debug, Default)]
pub struct StateCounters {
    pub(super) openings: AtomicU64,
    pub(super) in_flight: AtomicUsize,
    pub(super) most_in_flight: AtomicUsize,
    pub(super) retries: AtomicU64,
    results: Mutex<BTreeMap<SnapshotLabel, u64>>,
    breaker: Mutex<BreakerState>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSnapshot {
    /// How often the client began to be used: at its first message, and at the first after a close.
    pub openings: u64,
    /// Messages under way.
    pub in_flight: usize,
    /// Most messages under way at one moment.
    pub most_in_flight: usize,
    /// Requests sent again.
    pub retries: u64,
    /// Ended messages by result: `ok`, or the error's reason.
    pub results: BTreeMap<SnapshotLabel, u64>,
    /// How the breaker stood after the last message.
    pub breaker: BreakerState,
}

impl StateCounters {
    pub(super) fn begun(&self) {
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Relaxed);
    }

    pub(super) fn ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    pub(super) fn note<T>(&self, result: &Result<T, StateError>, breaker: BreakerState) {
        let label = result.as_ref().map_or_else(StateError::reason, |_| "ok");
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        *results.entry(label.into()).or_default() += 1;
        *self.breaker.lock().unwrap_or_else(PoisonError::into_inner) = breaker;
    }

    /// Everything counted so far. Connections, waits for a place and times of answers are the session's, class `state`.
    pub fn snapshot(&self) -> StateSnapshot {
        StateSnapshot {
            openings: self.openings.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            most_in_flight: self.most_in_flight.load(Relaxed),
            retries: self.retries.load(Relaxed),
            results: self.results.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            breaker: *self.breaker.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
