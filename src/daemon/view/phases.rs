//! How far each step of the run is, out of what the run has done and what the catalog counted last.

use std::collections::BTreeMap;

use crate::catalog::StateCounts;
use crate::observe::{PhaseProgress, ShutdownPhase, WorkPhase};
use crate::pipeline::{ProgressSnapshot, RunScope};
use crate::vocabulary::{BookOutcome, BookState, Queue};

/// What the catalog counted last, and how many books this run had finished then.
#[derive(Default)]
pub(super) struct CountedBooks {
    pub(super) counts: StateCounts,
    pub(super) finished: u64,
}

impl CountedBooks {
    /// How many books there are to store in a run that stores at most so many, as far as known: a count that is older than what was
    /// finished since, or that knows of no book yet, says nothing.
    pub(super) fn total(&self, finished: u64, most: u64) -> Option<u64> {
        let total = (self.finished + left(&self.counts)).min(most);
        (self.counts.total > 0 && total >= finished).then_some(total)
    }
}

/// So many books in each state, as the work stands: the catalog calls a book checked from its claim on, and books are claimed ahead, also
/// in a pause. Those of this daemon that are not begun count where they stood.
pub(super) fn as_they_run(counts: &StateCounts, ahead: &BTreeMap<BookState, u64>) -> BTreeMap<BookState, u64> {
    let mut by_state = counts.by_state.clone();
    for (stood, books) in ahead {
        // Counted at another moment.
        let books = (*books).min(by_state.get(&BookState::Checking).copied().unwrap_or_default());
        *by_state.entry(BookState::Checking).or_default() -= books;
        *by_state.entry(*stood).or_default() += books;
    }
    by_state
}

/// Books that are ready at GRIN and not stored yet.
fn left(counts: &StateCounts) -> u64 {
    use crate::vocabulary::BookState::{Available, Checking, Downloading};
    [Available, Checking, Downloading]
        .into_iter()
        .map(|state| counts.of(state))
        .sum()
}

/// The phase of the shutdown: `told` as far as the daemon goes through it; that the supervisor has closed the intake, it says itself.
pub(super) fn reached(told: Option<ShutdownPhase>, is_intake_closed: bool) -> Option<ShutdownPhase> {
    match told {
        Some(ShutdownPhase::IntakeClosed) if is_intake_closed => Some(ShutdownPhase::WorkersDraining),
        told => told,
    }
}

/// How many of the books that the catalog counts as ready at GRIN a run stores at most; `None` where it does not store all kinds of
/// them, or others too.
pub(super) fn most_books(scope: &RunScope) -> Option<u64> {
    let is_of_ready = scope.only.is_none() && !scope.force && scope.queues.contains(&Queue::Converted);
    is_of_ready.then(|| scope.limit.unwrap_or(u64::MAX))
}

/// Books with which this run is done.
pub(super) fn finished(progress: &ProgressSnapshot) -> u64 {
    let finals = BookOutcome::ALL.iter().filter(|outcome| outcome.is_final());
    finals.map(|outcome| of(progress, *outcome)).sum()
}

/// `total`: how many books there are to store.
pub(super) fn phases(
    progress: &ProgressSnapshot,
    counts: &StateCounts,
    total: Option<u64>,
) -> BTreeMap<WorkPhase, PhaseProgress> {
    let download = PhaseProgress {
        done: finished(progress),
        total,
        active: progress.claimed > 0,
    };
    let open = |done, total, active| PhaseProgress { done, total, active };
    let active = |task: &str| progress.active.contains(task);
    BTreeMap::from([
        (WorkPhase::Collect, open(progress.rows, None, active("collect"))),
        (
            WorkPhase::Enrich,
            open(
                progress.enriched,
                Some(counts.total.max(progress.enriched)),
                active("enrich"),
            ),
        ),
        (WorkPhase::Convert, open(progress.requested, None, active("convert"))),
        (WorkPhase::Download, download),
    ])
}

pub(super) fn of(progress: &ProgressSnapshot, outcome: BookOutcome) -> u64 {
    progress.finished.get(&outcome).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_drain_from_when_the_intake_is_closed() {
        use ShutdownPhase::{Flushing, IntakeClosed, WorkersDraining};
        for (told, is_intake_closed, expected) in [
            (None, false, None),
            (None, true, None),
            (Some(IntakeClosed), false, Some(IntakeClosed)),
            (Some(IntakeClosed), true, Some(WorkersDraining)),
            (Some(Flushing), true, Some(Flushing)),
        ] {
            assert_eq!(reached(told, is_intake_closed), expected, "{told:?} {is_intake_closed}");
        }
    }

    #[test]
    fn the_counts_tell_of_a_run_as_far_as_it_stores_what_is_ready() {
        let whole = RunScope {
            queues: vec![Queue::Converted],
            ..RunScope::default()
        };
        let only: Vec<crate::grin::Barcode> = Vec::new();
        let cases = [
            (whole.clone(), Some(200)),
            (
                RunScope {
                    queues: vec![Queue::Previous, Queue::Converted],
                    ..whole.clone()
                },
                Some(200),
            ),
            (
                RunScope {
                    limit: Some(3),
                    ..whole.clone()
                },
                Some(3),
            ),
            (
                RunScope {
                    only: Some(only.into()),
                    ..whole.clone()
                },
                None,
            ),
            (
                RunScope {
                    queues: vec![Queue::Failed],
                    ..whole.clone()
                },
                None,
            ),
            (RunScope { force: true, ..whole }, None),
        ];
        let counted = CountedBooks {
            counts: StateCounts {
                by_state: [(BookState::Available, 200)].into(),
                total: 200,
            },
            finished: 0,
        };
        for (scope, total) in cases {
            let told = most_books(&scope).and_then(|most| counted.total(0, most));
            assert_eq!(told, total, "{scope:?}");
        }
    }

    #[test]
    fn books_that_are_only_claimed_are_not_being_checked() {
        use BookState::{Available, Checking, Failed};
        let counts = StateCounts {
            by_state: [(Available, 100), (Checking, 40), (Failed, 2)].into(),
            total: 142,
        };
        for (ahead, told) in [
            (vec![], [100, 40, 2]),
            (vec![(Available, 32)], [132, 8, 2]),
            (vec![(Available, 30), (Failed, 2)], [130, 8, 4]),
            (vec![(Available, 40)], [140, 0, 2]),
            // Some of them were settled before the books were counted.
            (vec![(Available, 41)], [140, 0, 2]),
        ] {
            let by_state = as_they_run(&counts, &ahead.iter().copied().collect());
            assert_eq!(
                [by_state[&Available], by_state[&Checking], by_state[&Failed]],
                told,
                "{ahead:?}"
            );
        }
    }

    #[test]
    fn the_total_is_of_one_moment_and_untold_where_the_count_is_too_old() {
        let counted = |finished, available, total| CountedBooks {
            counts: StateCounts {
                by_state: [(BookState::Available, available)].into(),
                total,
            },
            finished,
        };
        assert_eq!(
            counted(0, 200, 200).total(16, u64::MAX),
            Some(200),
            "stored since the count"
        );
        assert_eq!(counted(150, 50, 200).total(195, u64::MAX), Some(200));
        assert_eq!(counted(0, 0, 0).total(0, u64::MAX), None, "before the first count");
        assert_eq!(
            counted(0, 0, 60).total(23, u64::MAX),
            None,
            "counted before the lists were read"
        );
    }
}
