//! Reads GRIN's lists, all of them or the short ones, once or round after round.

use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::warn;

use crate::grin::ListKind;
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::{Patience, sleep_till, trouble};
use crate::pipeline::workers::{CollectList, CollectResult, MonthlyArrivals};
use crate::vocabulary::Queue;

/// Lists read in each round, after the list of all books in a full one.
const SHORT_LISTS: [ListKind; 3] = [ListKind::Converted, ListKind::InProcess, ListKind::Failed];

/// Reads GRIN's lists: all of them at the start and every `collect` round, the short ones every `refresh` round.
pub(in crate::pipeline) async fn collect(state: &Rc<SupervisorState>, scope: &RunScope) {
    if !scope.collect {
        return;
    }
    let mut full_at = Some(Instant::now());
    let mut patience = Patience::default();
    let (mut known_to, mut after_whole) = (Timestamp::now(), true);
    let mut told = BTreeSet::new();
    while state.leads("collect", scope.once).await {
        let full = full_at.is_some_and(|at| at <= Instant::now());
        state.progress.active("collect", true);
        if full {
            // A pass that is resumed began when its first part did.
            if after_whole {
                known_to = Timestamp::now();
            }
        } else {
            arrivals(state, known_to).await;
        }
        let whole = round(state, scope, full, &mut told).await;
        if full {
            after_whole = whole;
        }
        state.progress.active("collect", false);
        // The first round is over: the others need not wait for a second.
        state.collecting.set(false);
        state.wake.send_replace(());
        let every = state.policy.borrow().every;
        if full {
            full_at = patience.next(state, whole, every.collect);
        }
        // A full round that broke off is resumed; a short one in between would only ask for the same lists.
        let refresh_at = if full && !whole {
            None
        } else {
            patience.next(state, whole, every.refresh)
        };
        if scope.once || !sleep_till(state, full_at.into_iter().chain(refresh_at).min()).await {
            break;
        }
    }
    // Also when it was another's to do.
    state.collecting.set(false);
    state.source_dry();
}

/// Reads the lists of one round; `false` when one of them is not complete.
async fn round(state: &Rc<SupervisorState>, scope: &RunScope, full: bool, told: &mut BTreeSet<ListKind>) -> bool {
    let mut whole = true;
    for list in lists(scope, full) {
        if !state.may_begin(scope.once).await {
            break;
        }
        whole &= collect_list(state, scope, list, told).await;
        state.wake.send_replace(());
    }
    whole
}

/// Between full passes: what was checked in since the last one began. The days overlap, which costs nothing.
async fn arrivals(state: &Rc<SupervisorState>, known_to: Timestamp) {
    if !state.policy.borrow().monthly_report || !state.may_begin(false).await {
        return;
    }
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let since = day(known_to).yesterday();
    let until = day(Timestamp::now()).tomorrow().and_then(|day| day.tomorrow());
    let (Ok(since), Ok(until)) = (since, until) else { return };
    match state
        .pools
        .collectors
        .ask(MonthlyArrivals { since, until }, &state.reading_cx())
        .await
    {
        Ok(Ok(new)) => state
            .progress
            .tell_task("collect", format!("{new} volumes checked in since {since}")),
        Ok(Err(error)) => drop(trouble(state, "collect", &error.to_string())),
        Err(error) => drop(trouble(state, "collect", &error.to_string())),
    }
    state.wake.send_replace(());
}

/// The lists of a round.
fn lists(scope: &RunScope, full: bool) -> Vec<ListKind> {
    if !scope.lists.is_empty() {
        return scope.lists.clone();
    }
    let mut lists = Vec::new();
    if full {
        lists.push(ListKind::AllBooks);
        // Long, and of use only to who asks for first conversions.
        let first = |queue: &Queue| matches!(queue, Queue::Unconverted | Queue::All);
        lists.extend(scope.queues.iter().any(first).then_some(ListKind::Available));
    }
    lists.extend(SHORT_LISTS);
    lists
}

/// Reads one list; `false` when it is not complete.
async fn collect_list(
    state: &Rc<SupervisorState>,
    scope: &RunScope,
    list: ListKind,
    told: &mut BTreeSet<ListKind>,
) -> bool {
    state.progress.tell_task("collect", format!("reading {list}"));
    let ask = CollectList {
        list,
        limit: scope.limit.filter(|_| list == ListKind::AllBooks),
        afresh: scope.force,
    };
    let problem = match state.pools.collectors.ask(ask, &state.reading_cx()).await {
        Ok(Ok(CollectResult {
            unavailable: Some(why), ..
        })) if !is_needed(list, scope) => {
            // Nothing waits for it. Said once, so that an administrator can ask for the right.
            if told.insert(list) {
                warn!(%list, why, "GRIN does not have this list for this account; working without it");
            }
            state.progress.tell_task("collect", format!("{list} cannot be had"));
            return true;
        }
        Ok(Ok(collected)) => collected.incomplete.or(collected.unavailable),
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    match &problem {
        None => state.progress.tell_task("collect", format!("{list} complete")),
        Some(_) if state.intake.is_cancelled() => {
            state
                .progress
                .tell_task("collect", format!("{list}: stopped; the next pass resumes there"));
        }
        Some(why) => {
            warn!(%list, why, "list is incomplete");
            state.progress.tell_task("collect", format!("{list} incomplete: {why}"));
            state.incomplete(format!("{list}: {why}"));
        }
    }
    problem.is_none()
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
    fn the_lists_of_a_round_are_those_that_something_depends_on() {
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
