//! So many bytes a second are read and no more, and reading can be cut.

use std::io::{self, Read};
use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// After which a wait looks whether it is cut.
const LOOK: Duration = Duration::from_millis(50);

/// The allowance of all that is read under it.
#[derive(Debug)]
pub(crate) struct ReadPace {
    /// Bytes a second; `None`: no limit.
    limit: Option<NonZeroU64>,
    /// When what was read so far is paid for.
    paid_at: Mutex<Instant>,
    cut: CancellationToken,
}

/// When that is paid for which was read now: time in which nothing was read is not saved up.
fn paid_after(paid_at: Instant, now: Instant, bytes: usize, limit: NonZeroU64) -> Instant {
    let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(limit.get());
    paid_at.max(now) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl ReadPace {
    pub(crate) fn new(limit: Option<NonZeroU64>, cut: CancellationToken) -> Self {
        let paid_at = Mutex::new(Instant::now());
        Self { limit, paid_at, cut }
    }

    /// Whether nothing more is to be read.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// A reader under this pace.
    pub(in crate::pipeline) fn over<R: Read>(&self, inner: R) -> PacedReader<'_, R> {
        PacedReader { inner, pace: self }
    }

    /// Waits until so many bytes that were read now are paid for.
    fn spend(&self, bytes: usize) {
        let Some(limit) = self.limit else { return };
        let due = {
            let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
            *paid_at = paid_after(*paid_at, Instant::now(), bytes, limit);
            *paid_at
        };
        while !self.is_cut() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}

/// Reads at that pace, and fails once it is cut.
pub(in crate::pipeline) struct PacedReader<'a, R> {
    inner: R,
    pace: &'a ReadPace,
}

impl<R: Read> Read for PacedReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pace.is_cut() {
            return Err(io::Error::other("the check was cut"));
        }
        let count = self.inner.read(buffer)?;
        self.pace.spend(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_paid_for_and_no_time_is_saved_up() {
        let now = Instant::now();
        let at = |millis| now + Duration::from_millis(millis);
        let limit = NonZeroU64::new(1_000).unwrap();
        for (paid_at, now, bytes, expected) in [
            (at(0), at(0), 0, at(0)),
            (at(0), at(0), 500, at(500)),
            (at(500), at(100), 500, at(1_000)),
            (at(0), at(60_000), 500, at(60_500)),
        ] {
            assert_eq!(paid_after(paid_at, now, bytes, limit), expected);
        }
    }

    #[test]
    fn a_cut_ends_reading_at_once() {
        let cut = CancellationToken::new();
        let pace = ReadPace::new(NonZeroU64::new(1), cut.clone());
        let mut reader = pace.over(&b"much to read"[..]);
        cut.cancel();
        assert!(reader.read(&mut [0; 8]).is_err());
    }
}
