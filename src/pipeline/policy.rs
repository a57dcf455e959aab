//! How long to wait and when to stop asking, apart from who is asked.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::session::RetryBackoff;
use crate::vocabulary::{FailureReason, WaitCause, WaitReason};

/// The wait before a book's next attempt: what the error asked for or the back-off, whichever is longer.
pub fn retry_delay(backoff: &RetryBackoff, attempts: u32, asked: Option<Duration>, rng: &mut impl Rng) -> Duration {
    wait(backoff, attempts, rng).max(asked.unwrap_or_default())
}

/// Between half of the back-off's bound and all of it: spread out, and never nothing.
pub fn wait(backoff: &RetryBackoff, attempts: u32, rng: &mut impl Rng) -> Duration {
    backoff.bound(attempts).mul_f64(rng.random_range(0.5..=1.0))
}

/// Notices when GRIN itself is in trouble, so that an outage does not burn every book's attempts.
///
/// Only a book that came home ends a series of failures; a skipped or unavailable one says nothing about the way home.
#[derive(Debug, Default)]
pub struct OutageDetector {
    in_a_row: u32,
    pauses: u32,
}

impl OutageDetector {
    /// A book came home: the way is open.
    pub fn over(&mut self) {
        *self = Self::default();
    }

    /// A passing failure; answers with the pause to make once `limit` of them came in a row.
    pub fn failure(&mut self, limit: u32, backoff: &RetryBackoff, rng: &mut impl Rng) -> Option<Duration> {
        self.in_a_row += 1;
        // Once there was a pause, each failure of the book that is tried after it makes the next, longer one.
        if self.pauses == 0 && self.in_a_row < limit.max(1) {
            return None;
        }
        self.in_a_row = 0;
        self.pauses += 1;
        Some(wait(backoff, self.pauses, rng))
    }
}

/// What the intake waits for after a series of failures of which the last had this reason.
pub fn waiting(in_a_row: u32, last: FailureReason) -> WaitReason {
    let needs_person = last == FailureReason::WrongPassphrase;
    let advice = if needs_person {
        "; see that archive.passphrase_file holds the library's passphrase, then `grind sync --queue failed`"
    } else {
        ""
    };
    let cause = if needs_person {
        WaitCause::Passphrase
    } else {
        WaitCause::Failures
    };
    let why = format!("{in_a_row} downloads failed in a row, the last one with {last}{advice}");
    WaitReason::new(cause, why, jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn backoff() -> RetryBackoff {
        RetryBackoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(600),
            attempts: 5,
        }
    }

    #[test]
    fn what_the_server_asks_for_is_the_least() {
        let mut rng = StdRng::seed_from_u64(1);
        let asked = Some(Duration::from_secs(3_000));
        assert_eq!(retry_delay(&backoff(), 1, asked, &mut rng), Duration::from_secs(3_000));
        assert!(retry_delay(&backoff(), 1, None, &mut rng) <= Duration::from_secs(600));
    }

    #[test]
    fn a_series_of_wrong_passphrases_is_a_persons_business_and_says_what_to_do() {
        let error = crate::archive::ArchiveError::WrongPassphrase;
        let waits = waiting(10, error.reason());
        assert!(waits.needs_person && waits.why.contains("passphrase_file"), "{waits:?}");
        let waits = waiting(10, FailureReason::Timeout);
        assert!(!waits.needs_person && waits.why.contains("timeout"), "{waits:?}");
    }

    #[test]
    fn ten_failures_in_a_row_pause_the_intake_and_a_book_home_ends_the_series() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut outage = OutageDetector::default();
        for _ in 0..9 {
            assert_eq!(outage.failure(10, &backoff(), &mut rng), None);
        }
        outage.over();
        for _ in 0..9 {
            assert_eq!(outage.failure(10, &backoff(), &mut rng), None);
        }
        assert!(outage.failure(10, &backoff(), &mut rng).is_some());
    }
}
