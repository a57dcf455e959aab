//! How much room the storage's disk has, for whoever watches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::{Storage, StorageSpace};

/// A disk does not fill faster than that matters to a person.
const MEASURED_EVERY: Duration = Duration::from_secs(10);

/// Measures on a thread of its own: a network file system that is away keeps whoever asks it.
#[derive(Debug, Clone)]
pub(super) struct SpaceGauge {
    storage: Storage,
    last: Arc<Mutex<GaugeReading>>,
}

#[derive(Debug, Default)]
struct GaugeReading {
    begun: Option<Instant>,
    /// A measurement has not come back.
    is_open: bool,
    space: Option<StorageSpace>,
}

impl GaugeReading {
    /// Begins a measurement where one is due; there is never more than one.
    fn begin(&mut self, now: Instant) -> bool {
        let is_recent = self
            .begun
            .is_some_and(|begun| now.saturating_duration_since(begun) < MEASURED_EVERY);
        if self.is_open || is_recent {
            return false;
        }
        (self.begun, self.is_open) = (Some(now), true);
        true
    }

    fn end(&mut self, space: Option<StorageSpace>) {
        (self.space, self.is_open) = (space, false);
    }
}

impl SpaceGauge {
    pub(super) fn of(storage: Storage) -> Self {
        let last = Arc::default();
        Self { storage, last }
    }

    /// Measures in the background where that is due.
    pub(super) fn look(&self) {
        if !self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .begin(Instant::now())
        {
            return;
        }
        let (storage, last) = (self.storage.clone(), Arc::clone(&self.last));
        let end = move |space| last.lock().unwrap_or_else(PoisonError::into_inner).end(space);
        let failed = end.clone();
        // What is wrong with the storage is told by those who write to it.
        let measure = move || end(storage.space().ok().flatten());
        let thread = std::thread::Builder::new().name("disk space".into()).spawn(measure);
        if thread.is_err() {
            failed(None);
        }
    }

    /// As it was measured last.
    pub(super) fn space(&self) -> Option<StorageSpace> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).space
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_not_answer_is_not_asked_again() {
        let (mut reading, start) = (GaugeReading::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert!(reading.begin(at(0)));
        assert!(!reading.begin(at(60)), "the first has not come back");
        reading.end(None);
        assert!(reading.begin(at(61)));
        reading.end(None);
        assert!(!reading.begin(at(62)), "it was measured just now");
        assert!(reading.begin(at(71)));
    }
}
