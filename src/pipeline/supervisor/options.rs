//! What the work goes by; all of it may change while running.

use std::time::Duration;

use crate::catalog::OperatorPause;
use crate::pipeline::fixity::RereadPlan;
use crate::pipeline::second_copy::SecondCopyPlan;
use crate::session::RetryBackoff;

/// What the work goes by; [`super::ChangeOptions`] replaces it while running.
#[derive(Debug, Clone)]
pub struct WorkOptions {
    /// Whose claims they are: this process.
    pub owner: String,
    /// How long a claim lives without renewal.
    pub lease: Duration,
    /// What is done after failures.
    pub retry: RetryPolicy,
    /// Books in GRIN's conversion queue at most.
    pub conversion_queue_limit: u64,
    /// Barcodes in one request for conversion.
    pub conversion_batch: usize,
    /// Ask for volumes checked in between full passes.
    pub monthly_report: bool,
    /// No book is begun, as the config says.
    pub paused: bool,
    /// No book is begun, as an operator said; none of the config's.
    pub pause: Option<OperatorPause>,
    /// Download whatever CHECK would say.
    pub force: bool,
    /// How often each task is begun.
    pub intervals: TaskIntervals,
    /// How stored books are read again.
    pub reread: RereadPlan,
    /// How they are copied to a second place, if there is one.
    pub second_copy: Option<SecondCopyPlan>,
}

/// How often a book is attempted, how long the waits are, and when failures pause the intake.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts before a book fails for good.
    pub attempts: u32,
    /// Waits between attempts.
    pub backoff: RetryBackoff,
    /// Failures in a row that make the intake pause.
    pub max_sequential_failures: u32,
}

/// How often each task is begun; `None`: only at the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskIntervals {
    /// Reading the list of all books.
    pub collect: Option<Duration>,
    /// Reading the lists of converted, in-process and failed books.
    pub refresh: Option<Duration>,
    /// Asking for facts of books.
    pub enrich: Option<Duration>,
    /// Requesting conversions.
    pub convert: Option<Duration>,
    /// A backup of the catalog.
    pub backup: Option<Duration>,
    /// The export of the catalog.
    pub export: Option<Duration>,
}

#[cfg(test)]
impl WorkOptions {
    /// Few attempts and short waits.
    pub(in crate::pipeline) fn of_tests() -> Self {
        Self {
            owner: "test".into(),
            lease: Duration::from_secs(600),
            retry: RetryPolicy {
                attempts: 4,
                backoff: RetryBackoff {
                    base: Duration::from_secs(1),
                    cap: Duration::from_secs(600),
                    attempts: 6,
                },
                max_sequential_failures: 3,
            },
            conversion_queue_limit: 1_000,
            conversion_batch: 10,
            monthly_report: false,
            paused: false,
            pause: None,
            force: false,
            intervals: TaskIntervals::default(),
            reread: RereadPlan::NEVER,
            second_copy: None,
        }
    }
}
