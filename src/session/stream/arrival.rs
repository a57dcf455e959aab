//! How much of a body has come, and when the last of it did.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// What has come of one body, read or not; written by its pump, read by whoever shows it.
#[derive(Debug)]
pub struct BodyArrival {
    bytes: AtomicU64,
    began: Instant,
    /// After the beginning.
    heard_nanos: AtomicU64,
}

impl Default for BodyArrival {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            began: Instant::now(),
            heard_nanos: AtomicU64::new(0),
        }
    }
}

impl BodyArrival {
    /// So many bytes have come now.
    pub(crate) fn note(&self, bytes: usize) {
        let heard = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.heard_nanos.store(heard, Relaxed);
    }

    /// Bytes that have come so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// How long ago the last of them came; without any, how long ago the body began.
    pub fn silent_for(&self) -> Duration {
        let heard = Duration::from_nanos(self.heard_nanos.load(Relaxed));
        self.began.elapsed().saturating_sub(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_is_silent_from_its_last_byte_on() {
        let arrival = BodyArrival::default();
        for (waits, comes, silent) in [(3, 0, 3), (2, 7, 0), (4, 0, 4), (1, 1, 0)] {
            tokio::time::advance(Duration::from_secs(waits)).await;
            if comes > 0 {
                arrival.note(comes);
            }
            assert_eq!(arrival.silent_for(), Duration::from_secs(silent));
        }
        assert_eq!(arrival.bytes(), 8);
    }
}
