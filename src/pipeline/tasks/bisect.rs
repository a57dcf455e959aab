//! Finds the barcodes that spoil a batch: what GRIN does not answer is halved until the rest is answered.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::task_services::TaskFault;
use crate::session::RetryBackoff;

/// So many parts without any answer: GRIN is in trouble, not one of the books.
const MOST_UNANSWERED: usize = 4;
/// Attempts for a part of a batch; the batch itself had all of them.
pub(super) const ATTEMPTS_A_PART: u32 = 2;

/// How long a book that spoils its batch is left out: an hour, doubled each time, at most a week.
const SPOILER_WAIT: RetryBackoff = RetryBackoff {
    base: Duration::from_hours(1),
    cap: Duration::from_hours(7 * 24),
    attempts: u32::MAX,
};

/// So long after its wait was over, a book that spoiled no batch again is no longer remembered.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(7 * 24);
/// Books remembered at most; what is beyond spoils its batch in each pass.
const REMEMBERED: usize = 10_000;

/// A batch, or a part of one, without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailedBatch {
    pub(super) barcodes: Vec<Barcode>,
    pub(super) why: String,
    /// One of its books may be the reason.
    pub(super) parts_may_be_answered: bool,
}

impl FailedBatch {
    pub(super) fn of(barcodes: Vec<Barcode>, fault: TaskFault) -> Self {
        Self {
            barcodes,
            why: fault.why,
            parts_may_be_answered: fault.parts_may_be_answered,
        }
    }
}

/// What came of halving.
#[derive(Debug)]
pub(super) struct BisectResult<T> {
    /// Answers of the parts.
    pub(super) answers: Vec<T>,
    /// Books that have no answer even by themselves, each with the reason.
    pub(super) spoilers: Vec<(Barcode, String)>,
    /// Why the rest was not asked for.
    pub(super) stopped: Option<String>,
}

/// Halves a batch, level by level, up to an answer after which nothing more is to be asked (`ends`). A book is blamed only where
/// others were answered: before (`others_answered`) or here.
pub(super) async fn bisect<T>(
    failed: FailedBatch,
    others_answered: bool,
    mut ask: impl AsyncFnMut(Vec<Barcode>) -> Result<T, FailedBatch>,
    ends: impl Fn(&T) -> bool,
) -> BisectResult<T> {
    let mut result = BisectResult {
        answers: Vec::new(),
        spoilers: Vec::new(),
        stopped: None,
    };
    let mut level = vec![failed];
    while let Some(first) = level.first() {
        let why = first.why.clone();
        let mut next = Vec::new();
        for part in std::mem::take(&mut level) {
            for half in halves(part, &mut result.spoilers) {
                match ask(half).await {
                    Ok(answer) => {
                        let is_last = ends(&answer);
                        result.answers.push(answer);
                        if is_last {
                            return result;
                        }
                    }
                    Err(failed) if failed.parts_may_be_answered => next.push(failed),
                    Err(failed) => {
                        result.stopped = Some(failed.why);
                        return unblamed(result, others_answered);
                    }
                }
            }
        }
        let answered = others_answered || !result.answers.is_empty();
        if !answered && next.len() + result.spoilers.len() >= MOST_UNANSWERED {
            result.stopped = Some(why);
            return unblamed(result, others_answered);
        }
        level = next;
    }
    if result.answers.is_empty() && !others_answered {
        result.stopped = result.spoilers.first().map(|(_, why)| why.clone());
    }
    unblamed(result, others_answered)
}

/// Without any answer nobody is to blame.
fn unblamed<T>(mut result: BisectResult<T>, others_answered: bool) -> BisectResult<T> {
    if result.answers.is_empty() && !others_answered {
        result.spoilers.clear();
    }
    result
}

/// The two halves of a part; a single book is noted as spoiler instead.
fn halves(part: FailedBatch, spoilers: &mut Vec<(Barcode, String)>) -> Vec<Vec<Barcode>> {
    let mut left = part.barcodes;
    if left.len() < 2 {
        spoilers.extend(left.into_iter().map(|barcode| (barcode, part.why.clone())));
        return Vec::new();
    }
    let right = left.split_off(left.len() / 2);
    vec![left, right]
}

/// Books that spoiled their batch, and how long each is left out.
#[derive(Debug, Default)]
pub(super) struct SpoilerWaits(HashMap<Barcode, SpoilerWait>);

#[derive(Debug)]
struct SpoilerWait {
    times: u32,
    until: Instant,
}

impl SpoilerWaits {
    /// Whether the book may be asked for now.
    pub(super) fn is_due(&self, barcode: &Barcode) -> bool {
        self.0.get(barcode).is_none_or(|wait| wait.until <= Instant::now())
    }

    /// Notes that the book spoiled its batch once more; returns how long it is left out.
    pub(super) fn note(&mut self, barcode: &Barcode) -> Duration {
        let times = self.0.get(barcode).map_or(0, |wait| wait.times) + 1;
        let wait = SPOILER_WAIT.bound(times);
        let now = Instant::now();
        let until = now + wait;
        self.0.retain(|_, wait| wait.until + FORGOTTEN_AFTER > now);
        if self.0.len() < REMEMBERED || self.0.contains_key(barcode) {
            self.0.insert(barcode.clone(), SpoilerWait { times, until });
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(size: usize) -> FailedBatch {
        FailedBatch {
            barcodes: (0..size)
                .map(|n| Barcode::parse(&format!("TL{n:04}")).unwrap())
                .collect(),
            why: "server error 500".to_owned(),
            parts_may_be_answered: true,
        }
    }

    /// Halves a batch of `size` in which these books have no answer; returns spoilers, books answered, requests, and whether it
    /// stopped.
    async fn run(size: usize, bad: &[usize], others_answered: bool) -> (Vec<String>, usize, usize, bool) {
        let all = batch(size);
        let bad: Vec<_> = bad.iter().map(|at| all.barcodes[*at].clone()).collect();
        let mut requests = 0;
        let ask = async |barcodes: Vec<Barcode>| {
            requests += 1;
            match barcodes.iter().any(|barcode| bad.contains(barcode)) {
                false => Ok(barcodes.len()),
                true => Err(FailedBatch { barcodes, ..batch(0) }),
            }
        };
        let result = bisect(all, others_answered, ask, |_| false).await;
        let spoilers = result.spoilers.iter().map(|(barcode, _)| barcode.to_string()).collect();
        (
            spoilers,
            result.answers.iter().sum(),
            requests,
            result.stopped.is_some(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn the_books_that_spoil_a_batch_are_found_and_the_others_answered() {
        for (size, bad, others_answered) in [
            (400, &[7][..], true),
            (400, &[7], false),
            (400, &[0, 399], false),
            (2, &[1], false),
            (1, &[0], true),
            (5, &[0, 1, 2, 3, 4], true),
        ] {
            let (spoilers, answered, requests, stopped) = run(size, bad, others_answered).await;
            let expected: Vec<_> = bad.iter().map(|at| format!("TL{at:04}")).collect();
            assert_eq!(spoilers, expected, "{size} {bad:?}");
            assert_eq!((answered, stopped), (size - bad.len(), false), "{size} {bad:?}");
            assert!(requests <= 20 * bad.len(), "{size} {bad:?}: {requests}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_answer_no_book_is_blamed() {
        let everyone: Vec<_> = (0..400).collect();
        let (spoilers, answered, requests, stopped) = run(400, &everyone, false).await;
        assert_eq!((spoilers.len(), answered, requests, stopped), (0, 0, 6, true));
        assert_eq!(run(1, &[0], false).await, (Vec::new(), 0, 0, true));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_is_no_books_fault_stops_the_search() {
        let ask = async |barcodes: Vec<Barcode>| -> Result<(), _> {
            let why = "connection refused".to_owned();
            Err(FailedBatch {
                barcodes,
                why,
                parts_may_be_answered: false,
            })
        };
        let result = bisect(batch(8), true, ask, |()| false).await;
        assert_eq!(result.stopped.as_deref(), Some("connection refused"));
        assert!(result.spoilers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_spoiler_waits_longer_each_time() {
        let (mut waits, book) = (SpoilerWaits::default(), Barcode::parse("TL0001").unwrap());
        assert!(waits.is_due(&book));
        assert_eq!(waits.note(&book), Duration::from_hours(1));
        assert!(!waits.is_due(&book));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(waits.is_due(&book));
        assert_eq!(waits.note(&book), Duration::from_hours(2));
        for _ in 0..20 {
            waits.note(&book);
        }
        assert_eq!(waits.note(&book), Duration::from_hours(7 * 24));
        tokio::time::advance(Duration::from_hours(14 * 24)).await;
        waits.note(&Barcode::parse("TL0002").unwrap());
        assert_eq!(waits.0.len(), 1, "a wait that ended long ago is forgotten");
        assert_eq!(waits.note(&book), Duration::from_hours(1));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_spoilers_are_remembered_than_there_is_place_for() {
        let mut waits = SpoilerWaits::default();
        let until = Instant::now();
        let all = batch(REMEMBERED).barcodes.into_iter();
        waits
            .0
            .extend(all.map(|barcode| (barcode, SpoilerWait { times: 1, until })));
        assert_eq!(waits.note(&Barcode::parse("MORE01").unwrap()), Duration::from_hours(1));
        assert_eq!(waits.0.len(), REMEMBERED);
        let first = &batch(1).barcodes[0];
        assert_eq!(waits.note(first), Duration::from_hours(2), "who has a place keeps it");
    }
}
