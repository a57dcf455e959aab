//! Reads GRIN's lists, all of them or the short ones, once or at intervals.

use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::catalog::SharedTask;
use crate::grin::ListKind;
use crate::log::{CountedNoun, EndedTrouble};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::{TaskFault, TaskServices};
use crate::pipeline::tasks::wait::TaskWait;
use crate::pipeline::tasks::{EndedPass, TaskSchedule, finished, sleep_and_tell, trouble};
use crate::pipeline::workers::{CollectList, CollectResult, MonthlyArrivals};
use crate::vocabulary::{Queue, WaitCause, WaitReason};

const TASK: &str = "collect";

/// Lists read each time, after the list of all books in a full pass.
const SHORT_LISTS: [ListKind; 3] = [ListKind::Converted, ListKind::InProcess, ListKind::Failed];

/// Reads GRIN's lists: all of them at the start and every `collect` interval, the short ones every `refresh` interval.
pub(in crate::pipeline) async fn collect<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if scope.collect {
        CollectTask::new(state, scope).run().await;
        // Also when it was another daemon's to do.
        state.collecting.set(false);
        state.source_dry();
    }
}

struct CollectTask<'a, S> {
    state: &'a SupervisorState<S>,
    scope: &'a RunScope,
    wait: TaskWait<'a, S>,
    schedule: TaskSchedule,
    /// When all lists are read next; the short ones may be read before.
    full_at: Option<Instant>,
    /// What was checked in before is known: when the last full pass began.
    known_to: Timestamp,
    /// The last full pass was complete; one that broke off is resumed, and began when its first part did.
    after_complete: bool,
    /// Lists of which it was said that GRIN does not have them.
    told: BTreeSet<ListKind>,
}

impl<'a, S: TaskServices> CollectTask<'a, S> {
    fn new(state: &'a SupervisorState<S>, scope: &'a RunScope) -> Self {
        let intervals = state.options.borrow().intervals;
        // One delay for both, so that a full pass stays one of those that read the short lists.
        let shorter = intervals.refresh.into_iter().chain(intervals.collect).min();
        Self {
            state,
            scope,
            wait: TaskWait::new(state, TASK, scope),
            schedule: TaskSchedule::spread(TASK, shorter),
            full_at: Some(Instant::now()),
            known_to: Timestamp::now(),
            after_complete: true,
            told: BTreeSet::new(),
        }
    }

    async fn run(&mut self) {
        // A step by hand reads them now, and leaves it to the daemons who does so at intervals.
        let tasks: &[SharedTask] = match self.scope.by_hand {
            true => &[SharedTask::Reading],
            false => &[SharedTask::Lists, SharedTask::Reading],
        };
        while self.wait.leads(tasks).await {
            let is_due = self.full_at.is_some_and(|at| at <= Instant::now());
            // One that broke off is resumed by whichever pass comes next, also before its time.
            let full = is_due || !self.after_complete;
            self.state.progress.active(TASK, true);
            let complete = self.pass(full).await;
            self.state.progress.active(TASK, false);
            self.wait.give_back(SharedTask::Reading).await;
            // The lists have been read once: the other tasks need not wait for a second time.
            self.state.collecting.set(false);
            self.state.wake.send_replace(());
            let next = self.next(full, complete);
            if self.scope.once || !sleep_and_tell(self.state, TASK, next, complete).await {
                return;
            }
        }
        if self.wait.has_left() && self.wait.leads(&[SharedTask::Reading]).await {
            // The member that it is left to is not reading any more: this run knows what there is to know.
            self.wait.give_back(SharedTask::Reading).await;
        }
    }

    async fn pass(&mut self, full: bool) -> bool {
        if !full {
            self.arrivals().await;
        } else if self.after_complete {
            self.known_to = Timestamp::now();
        }
        let complete = self.lists(full).await;
        if full {
            self.after_complete = complete;
        }
        complete
    }

    /// When lists are read next.
    fn next(&mut self, full: bool, complete: bool) -> Option<Instant> {
        let (intervals, backoff) = {
            let options = self.state.options.borrow();
            (options.intervals, options.retry.backoff)
        };
        let ended = |interval| EndedPass { complete, interval };
        if full {
            self.full_at = self.schedule.next(&backoff, ended(intervals.collect));
        }
        // A full pass that broke off is resumed; a short one in between would only ask for the same lists.
        let refresh_at = if full && !complete {
            None
        } else {
            self.schedule.next(&backoff, ended(intervals.refresh))
        };
        self.full_at.into_iter().chain(refresh_at).min()
    }

    /// Reads the lists of one pass, or those before one that only a person can get; `false` when one of them is not complete.
    async fn lists(&mut self, full: bool) -> bool {
        let mut complete = true;
        for list in lists(self.scope, full) {
            if !self.wait.may_begin().await {
                break;
            }
            let read = match self.wait.has_lost(SharedTask::Reading) {
                true => ListRead::Incomplete,
                false => self.list(list).await,
            };
            self.state.wake.send_replace(());
            complete &= read == ListRead::Complete;
            if read == ListRead::NeedsPerson {
                // The other lists would meet it too.
                break;
            }
        }
        complete
    }

    /// Between full passes: what was checked in since the last one began. The days overlap, which costs nothing.
    async fn arrivals(&mut self) {
        if !self.state.options.borrow().monthly_report || !self.wait.may_begin().await {
            return;
        }
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let since = day(self.known_to).yesterday();
        let until = day(Timestamp::now()).tomorrow().and_then(|day| day.tomorrow());
        let (Ok(since), Ok(until)) = (since, until) else { return };
        let ask = MonthlyArrivals { since, until };
        match self.state.services.arrivals(ask, &self.state.reading_cx()).await {
            Ok(new) => {
                finished(self.state, TASK);
                let words = format!("{} checked in since {since}", CountedNoun(new, "volume"));
                self.state.progress.tell_task(TASK, words);
            }
            Err(fault) => trouble(self.state, TASK, &fault.why),
        }
        self.state.wake.send_replace(());
    }

    /// Asks a worker for a list; cut where another member may have taken over meanwhile, which then reads it.
    async fn read(&self, ask: CollectList) -> Result<CollectResult, TaskFault> {
        let cx = self.state.reading_cx();
        tokio::select! {
            read = self.state.services.collect(ask, &cx) => read,
            () = self.wait.lost(SharedTask::Reading) => {
                cx.cancel();
                Err(TaskFault::lost("this program stood still for too long, and another member may read the lists by now"))
            }
        }
    }

    async fn list(&mut self, list: ListKind) -> ListRead {
        let tell = |words: String| self.state.progress.tell_task(TASK, words);
        tell(format!("reading {list}"));
        let ask = CollectList {
            list,
            limit: self.scope.limit.filter(|_| list == ListKind::AllBooks),
            afresh: self.scope.force,
            fence: Some(self.wait.fence()),
        };
        let read = self.read(ask).await;
        let needs_person = read.as_ref().is_err_and(|fault| fault.needs_person);
        // What a list says of itself, in pass after pass, is no reason to wait for GRIN.
        let is_waited_for = match &read {
            Ok(collected) => collected.is_interrupted,
            Err(_) => true,
        };
        let is_limited = read.as_ref().is_ok_and(|collected| collected.limited);
        let problem = match read {
            Ok(CollectResult {
                unavailable: Some(why), ..
            }) if !is_needed(list, self.scope) => {
                // Nothing waits for it. Said once, so that an administrator can ask for the right.
                if self.told.insert(list) {
                    warn!(%list, why, "GRIN does not have this list for this account; working without it");
                }
                tell(format!("{list} cannot be had"));
                self.state.progress.list_read(list, None);
                return ListRead::Complete;
            }
            Ok(collected) => collected.incomplete.or(collected.unavailable),
            Err(fault) => Some(fault.why),
        };
        let Some(why) = problem else {
            self.list_ends(list, is_limited);
            return ListRead::Complete;
        };
        self.list_incomplete(list, &why);
        let unread = WaitReason {
            needs_person,
            ..WaitReason::new(
                WaitCause::Grin,
                format!("{list} was not read to its end: {why}"),
                Timestamp::now(),
            )
        };
        let is_waited_for = is_waited_for && !self.state.intake.is_cancelled();
        self.state.progress.list_read(list, is_waited_for.then_some(unread));
        match needs_person {
            true => ListRead::NeedsPerson,
            false => ListRead::Incomplete,
        }
    }

    /// Tells of a list that was read to its end, or as far as the run's limit asks.
    fn list_ends(&self, list: ListKind, is_limited: bool) {
        let ended = self.state.said.borrow_mut().over(list.path());
        if let Some(EndedTrouble { cause, seconds }) = ended {
            warn!(%list, cause, seconds, "list complete again");
        }
        let end = if is_limited {
            "read as far as the limit"
        } else {
            "complete"
        };
        self.state.progress.tell_task(TASK, format!("{list} {end}"));
        self.state.progress.list_read(list, None);
    }

    /// Tells of a list that is not complete. Each round asks for it again; the log names a reason once.
    fn list_incomplete(&self, list: ListKind, why: &str) {
        let tell = |words: String| self.state.progress.tell_task(TASK, words);
        if self.state.intake.is_cancelled() {
            return tell(format!("{list}: stopped; the next pass resumes there"));
        }
        if self.state.said.borrow_mut().is_news(list.path(), why) {
            warn!(%list, why, "list incomplete; nothing is concluded from what is missing");
        } else {
            debug!(%list, why, "list still incomplete");
        }
        tell(format!("{list} incomplete: {why}"));
        self.state.incomplete(format!("{list}: {why}"));
    }
}

/// What came of reading a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListRead {
    /// Complete, or nothing depends on it.
    Complete,
    Incomplete,
    /// Incomplete, and so will be the others before a person has acted.
    NeedsPerson,
}

/// The lists of a pass.
fn lists(scope: &RunScope, full: bool) -> Vec<ListKind> {
    if !scope.lists.is_empty() {
        return scope.lists.clone();
    }
    let mut lists = Vec::new();
    if full {
        lists.push(ListKind::AllBooks);
        // Long, and of use only to who asks for first conversions.
        lists.extend(Queue::ask_for_conversions(&scope.queues).then_some(ListKind::Available));
    }
    lists.extend(SHORT_LISTS);
    lists
}

/// Whether work depends on a list: books are known from the list of all, archives are found through that of converted books,
/// and a list that a person named is wanted. What the others say is told by these two and by `_barcode_search` as well.
fn is_needed(list: ListKind, scope: &RunScope) -> bool {
    matches!(list, ListKind::AllBooks | ListKind::Converted) || scope.lists.contains(&list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_a_pass_are_those_that_something_depends_on() {
        let all = RunScope::default();
        assert_eq!(
            lists(&all, true),
            [
                ListKind::AllBooks,
                ListKind::Converted,
                ListKind::InProcess,
                ListKind::Failed
            ]
        );
        assert_eq!(lists(&all, false), SHORT_LISTS);
        let first_conversions = RunScope {
            queues: vec![Queue::Unconverted],
            ..RunScope::default()
        };
        assert!(lists(&first_conversions, true).contains(&ListKind::Available));
        let named = RunScope {
            lists: vec![ListKind::InProcess],
            ..RunScope::default()
        };
        assert_eq!(lists(&named, true), [ListKind::InProcess]);
        for (list, needed, when_named) in [
            (ListKind::AllBooks, true, true),
            (ListKind::Converted, true, true),
            (ListKind::InProcess, false, true),
            (ListKind::Failed, false, false),
        ] {
            assert_eq!(
                (is_needed(list, &all), is_needed(list, &named)),
                (needed, when_named),
                "{list}"
            );
        }
    }
}
