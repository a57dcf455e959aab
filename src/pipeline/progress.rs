//! What others may see of the run without asking for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::catalog::SecondCopyStanding;
use crate::grin::ListKind;
use crate::log::CountedNoun;
use crate::pipeline::fixity::RereadForecast;
use crate::pipeline::hooks::HookStep;
use crate::pipeline::second_copy::CopyStep;
use crate::vocabulary::{BookOutcome, BookState, FailureReason, FixityOutcome, WaitReason};

/// What a task does just now or did last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskNews {
    /// In words.
    pub words: String,
    /// Something of it is still to be done, after trouble.
    pub is_unfinished: bool,
}

/// Shared figures of a run: written by the supervisor, read by `observe` and by progress bars.
#[derive(Debug, Default)]
pub struct RunProgress {
    claimed: AtomicU64,
    ahead: Mutex<BTreeMap<BookState, u64>>,
    finished: [AtomicU64; BookOutcome::ALL.len()],
    bytes_stored: AtomicU64,
    last_stored_ms: AtomicU64,
    stored: watch::Sender<()>,
    backup_ms: AtomicU64,
    reread: [AtomicU64; FixityOutcome::ALL.len()],
    reread_bytes: AtomicU64,
    fixity: Mutex<Option<RereadForecast>>,
    hooks_told: AtomicU64,
    hooks_failed: AtomicU64,
    hooks_waiting: AtomicU64,
    books_copied: AtomicU64,
    copies_failed: AtomicU64,
    copied_bytes: AtomicU64,
    second_copy: Mutex<Option<SecondCopyStanding>>,
    rows: Arc<AtomicU64>,
    enriched: AtomicU64,
    requested: AtomicU64,
    paused: Mutex<Option<WaitReason>>,
    waiting: Mutex<Option<WaitReason>>,
    unread: Mutex<BTreeMap<ListKind, WaitReason>>,
    tasks: Mutex<BTreeMap<&'static str, TaskNews>>,
    next: Mutex<BTreeMap<&'static str, Timestamp>>,
    active: Mutex<BTreeSet<&'static str>>,
    failures: Mutex<BTreeMap<FailureReason, u64>>,
    is_intake_closed: AtomicBool,
}

/// What the operator's hook was told of stored books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCounts {
    /// Books of which this daemon told it, and it took them.
    pub told: u64,
    /// Attempts of this daemon that failed.
    pub failed: u64,
    /// Books of which it is still to be told, by whichever member.
    pub waiting: u64,
}

impl HookCounts {
    /// There is one, and a book to tell it of.
    pub fn is_used(self) -> bool {
        self != Self::default()
    }
}

impl fmt::Display for HookCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "told of {} in this run, {} waiting",
            CountedNoun(self.told, "book"),
            self.waiting
        )?;
        if self.failed > 0 {
            write!(f, "; {} failed, see the log", CountedNoun(self.failed, "attempt"))?;
        }
        Ok(())
    }
}

/// What was copied to the second place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondCopyCounts {
    /// Books that this daemon copied.
    pub books: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Attempts of this daemon that failed because of the book.
    pub failed: u64,
    /// How far the copying is, by whichever member; `None`: there is no second copy, or it was not counted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<SecondCopyStanding>,
}

/// The progress at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProgressSnapshot {
    /// Books begun and not yet settled.
    pub claimed: u64,
    /// Books claimed and not begun, by where they stood.
    pub ahead: BTreeMap<BookState, u64>,
    /// Settled books of this run, by outcome.
    pub finished: BTreeMap<BookOutcome, u64>,
    /// Bytes of decrypted archives published in this run.
    pub bytes_stored: u64,
    /// When the last book was stored.
    pub last_stored: Option<Timestamp>,
    /// When a backup of the catalog was last read back and found whole, by whichever member.
    pub backup: Option<Timestamp>,
    /// Stored books that were read again in this run, by what came of it.
    pub reread: BTreeMap<FixityOutcome, u64>,
    /// Bytes of them.
    pub reread_bytes: u64,
    /// How far the reading of stored books is, by whichever member.
    pub fixity: Option<RereadForecast>,
    /// What the operator's hook was told.
    pub hooks: HookCounts,
    /// What was copied to the second place.
    pub second_copy: SecondCopyCounts,
    /// Rows collected in this run.
    pub rows: u64,
    /// Books enriched in this run.
    pub enriched: u64,
    /// Conversions asked for in this run.
    pub requested: u64,
    /// Why an operator has nothing begun.
    pub paused: Option<WaitReason>,
    /// What the intake waits for.
    pub waiting: Option<WaitReason>,
    /// Lists that could not be read to their end when they were asked for last.
    pub unread: BTreeMap<ListKind, WaitReason>,
    /// What each task does just now or did last.
    pub tasks: BTreeMap<&'static str, TaskNews>,
    /// When each task that sleeps goes on.
    pub next: BTreeMap<&'static str, Timestamp>,
    /// Tasks that run now.
    pub active: BTreeSet<&'static str>,
    /// Books of this run that failed for good, by reason.
    pub failures: BTreeMap<FailureReason, u64>,
    /// A drain has begun: no book is claimed any more.
    pub is_intake_closed: bool,
}

impl RunProgress {
    pub(super) fn taken(&self) {
        self.claimed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn settled(&self, verdict: BookOutcome, bytes: u64) {
        self.claimed.fetch_sub(1, Ordering::Relaxed);
        self.finished[verdict as usize].fetch_add(1, Ordering::Relaxed);
        if verdict == BookOutcome::Stored {
            self.bytes_stored.fetch_add(bytes, Ordering::Relaxed);
            let now = Timestamp::now().as_millisecond().unsigned_abs();
            self.last_stored_ms.store(now, Ordering::Relaxed);
            self.stored.send_replace(());
        }
    }

    /// Which books are claimed and not begun.
    pub(super) fn tell_ahead(&self, books: impl Iterator<Item = BookState>) {
        let mut ahead = BTreeMap::new();
        books.for_each(|state| *ahead.entry(state).or_default() += 1);
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }

    /// Changes with each book that this program stores.
    pub(super) fn stored_books(&self) -> watch::Receiver<()> {
        self.stored.subscribe()
    }

    pub(super) fn backup_verified(&self, at: Option<Timestamp>) {
        let at = at.map_or(0, |at| at.as_millisecond().unsigned_abs());
        self.backup_ms.store(at, Ordering::Relaxed);
    }

    /// A stored book was read again.
    pub(super) fn reread(&self, outcome: FixityOutcome, bytes: u64) {
        self.reread[outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.reread_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How far the reading of stored books is.
    pub(super) fn tell_fixity(&self, forecast: RereadForecast) {
        *self.fixity.lock().unwrap_or_else(PoisonError::into_inner) = Some(forecast);
    }

    /// The hook is still to be told of so many books.
    pub(super) fn hooks_waiting(&self, waiting: u64) {
        self.hooks_waiting.store(waiting, Ordering::Relaxed);
    }

    /// The hook was told of a book, or was not.
    pub(super) fn hook_step(&self, step: &HookStep) {
        match step {
            HookStep::Stopped => {}
            HookStep::Told => {
                self.hooks_told.fetch_add(1, Ordering::Relaxed);
            }
            HookStep::Failed(_) => {
                self.hooks_failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How far the copying to the second place is.
    pub(super) fn tell_second_copy(&self, standing: SecondCopyStanding) {
        *self.second_copy.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    /// A book was copied to the second place, or was not.
    pub(super) fn copy_step(&self, step: &CopyStep) {
        match step {
            CopyStep::Copied { bytes } => {
                self.books_copied.fetch_add(1, Ordering::Relaxed);
                self.copied_bytes.fetch_add(*bytes, Ordering::Relaxed);
            }
            CopyStep::Failed(_) => {
                self.copies_failed.fetch_add(1, Ordering::Relaxed);
            }
            CopyStep::Left => {}
        }
    }

    pub(super) fn failure(&self, reason: FailureReason) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry(reason).or_default() += 1;
    }

    /// Where collectors count the rows they have recorded.
    pub fn rows_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.rows)
    }

    pub(super) fn enriched(&self, count: u64) {
        self.enriched.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn requested(&self, count: u64) {
        self.requested.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn pause(&self, paused: Option<WaitReason>) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = paused;
    }

    pub(super) fn wait_for(&self, waiting: Option<WaitReason>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// A list was asked for: it was read to its end, or was not for this reason, which may last since an earlier time.
    pub(super) fn list_read(&self, list: ListKind, trouble: Option<WaitReason>) {
        let mut unread = self.unread();
        let Some(trouble) = trouble else {
            unread.remove(&list);
            return;
        };
        let since = unread.get(&list).map_or(trouble.since, |before| before.since);
        unread.insert(list, WaitReason { since, ..trouble });
    }

    /// Another member reads the lists now, and knows what came of it.
    pub(super) fn lists_left(&self) {
        self.unread().clear();
    }

    pub(super) fn unread(&self) -> MutexGuard<'_, BTreeMap<ListKind, WaitReason>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn active(&self, task: &'static str, active: bool) {
        let mut tasks = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if active {
            tasks.insert(task);
        } else {
            tasks.remove(task);
        }
    }

    /// Says what a task does just now or did last.
    pub fn tell_task(&self, name: &'static str, words: impl Into<String>) {
        let words = words.into();
        let is_unfinished = false;
        self.insert(name, TaskNews { words, is_unfinished });
    }

    /// Says why something of a task is still to be done.
    pub(super) fn tell_trouble(&self, name: &'static str, why: &str) {
        let words = format!("not finished: {why}");
        let is_unfinished = true;
        self.insert(name, TaskNews { words, is_unfinished });
    }

    /// Says when a task goes on that sleeps from now on; `None`: it does not sleep, or nobody can tell.
    pub(super) fn tell_next(&self, name: &'static str, at: Option<Timestamp>) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match at {
            Some(at) => next.insert(name, at),
            None => next.remove(name),
        };
    }

    fn insert(&self, name: &'static str, news: TaskNews) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(name, news);
    }

    /// Settled books of this run with an outcome that made them fail for good.
    pub fn failed(&self) -> u64 {
        self.finished[BookOutcome::Failed as usize].load(Ordering::Relaxed)
    }

    /// No book is claimed from now on.
    pub(super) fn close_intake(&self) {
        self.is_intake_closed.store(true, Ordering::Relaxed);
    }

    /// A copy to show.
    pub fn snapshot(&self) -> ProgressSnapshot {
        let finished = BookOutcome::ALL
            .iter()
            .zip(&self.finished)
            .map(|(outcome, n)| (*outcome, n.load(Ordering::Relaxed)))
            .collect();
        let reread = FixityOutcome::ALL.iter().zip(&self.reread);
        let moment = |ms: &AtomicU64| {
            let ms = ms.load(Ordering::Relaxed);
            (ms > 0)
                .then(|| Timestamp::from_millisecond(ms.cast_signed()).ok())
                .flatten()
        };
        ProgressSnapshot {
            is_intake_closed: self.is_intake_closed.load(Ordering::Relaxed),
            claimed: self.claimed.load(Ordering::Relaxed),
            finished,
            bytes_stored: self.bytes_stored.load(Ordering::Relaxed),
            last_stored: moment(&self.last_stored_ms),
            backup: moment(&self.backup_ms),
            reread: reread
                .map(|(outcome, n)| (*outcome, n.load(Ordering::Relaxed)))
                .collect(),
            reread_bytes: self.reread_bytes.load(Ordering::Relaxed),
            fixity: *self.fixity.lock().unwrap_or_else(PoisonError::into_inner),
            hooks: HookCounts {
                told: self.hooks_told.load(Ordering::Relaxed),
                failed: self.hooks_failed.load(Ordering::Relaxed),
                waiting: self.hooks_waiting.load(Ordering::Relaxed),
            },
            second_copy: SecondCopyCounts {
                books: self.books_copied.load(Ordering::Relaxed),
                bytes: self.copied_bytes.load(Ordering::Relaxed),
                failed: self.copies_failed.load(Ordering::Relaxed),
                standing: *self.second_copy.lock().unwrap_or_else(PoisonError::into_inner),
            },
            rows: self.rows.load(Ordering::Relaxed),
            enriched: self.enriched.load(Ordering::Relaxed),
            requested: self.requested.load(Ordering::Relaxed),
            paused: self.paused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ahead: self.ahead.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            waiting: self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            unread: self.unread().clone(),
            tasks: self.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            next: self.next.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            active: self.active.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            failures: self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_claimed_until_it_is_settled() {
        let progress = RunProgress::default();
        progress.taken();
        progress.taken();
        progress.settled(BookOutcome::Stored, 70);
        progress.settled(BookOutcome::Failed, 0);
        let shown = progress.snapshot();
        assert_eq!((shown.claimed, shown.bytes_stored, progress.failed()), (0, 70, 1));
        assert_eq!(shown.finished[&BookOutcome::Stored], 1);
        assert!(shown.last_stored.is_some());
    }
}
