//! Reads GRIN's lists, all of them or the short ones, once or round after round.

use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::warn;

use crate::grin::ListKind;
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::{Patience, sleep_till, trouble};
use crate::pipeline::workers::{CollectList, MonthlyArrivals};
use crate::vocabulary::Queue;

/// Lists read in each round, after the list of all books in a full one.
const SHORT_LISTS: [ListKind; 3] = [ListKind::Converted, ListKind::InProcess, ListKind::Failed];

/// Reads GRIN's lists: all of them at the start and every `collect` round, the short ones every `refresh` round.
pub(in crate::pipeline) async fn collect(office: &Rc<SupervisorState>, errand: &RunScope) {
    if !errand.collect {
        return;
    }
    let mut full_at = Some(Instant::now());
    let mut patience = Patience::default();
    let (mut known_to, mut after_whole) = (Timestamp::now(), true);
    while office.leads("collect", errand.once).await {
        let full = full_at.is_some_and(|at| at <= Instant::now());
        office.board.active("collect", true);
        if full {
            // A pass that is gone on with began when its first part did.
            if after_whole {
                known_to = Timestamp::now();
            }
        } else {
            arrivals(office, known_to).await;
        }
        let whole = round(office, errand, full).await;
        if full {
            after_whole = whole;
        }
        office.board.active("collect", false);
        // The first round is over: the others need not wait for a second.
        office.collecting.set(false);
        office.wake.send_replace(());
        let every = office.terms.borrow().every;
        if full {
            full_at = patience.next(office, whole, every.collect);
        }
        // A full round that broke off is gone on with; a short one in between would only ask for the same lists.
        let refresh_at = if full && !whole {
            None
        } else {
            patience.next(office, whole, every.refresh)
        };
        if errand.once || !sleep_till(office, full_at.into_iter().chain(refresh_at).min()).await {
            break;
        }
    }
    // Also when it was another's to do.
    office.collecting.set(false);
    office.source_dry();
}

/// Reads the lists of one round; `false` when one of them was not read to its end.
async fn round(office: &Rc<SupervisorState>, errand: &RunScope, full: bool) -> bool {
    let mut whole = true;
    for list in lists(errand, full) {
        if !office.may_begin(errand.once).await {
            break;
        }
        whole &= collect_list(office, errand, list).await;
        office.wake.send_replace(());
    }
    whole
}

/// Between full passes: what was checked in since the last one began. The days overlap, which costs nothing.
async fn arrivals(office: &Rc<SupervisorState>, known_to: Timestamp) {
    if !office.terms.borrow().monthly_report || !office.may_begin(false).await {
        return;
    }
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let since = day(known_to).yesterday();
    let until = day(Timestamp::now()).tomorrow().and_then(|day| day.tomorrow());
    let (Ok(since), Ok(until)) = (since, until) else { return };
    match office
        .crew
        .collectors
        .ask(MonthlyArrivals { since, until }, &office.reading_cx())
        .await
    {
        Ok(Ok(new)) => office
            .board
            .duty("collect", format!("{new} volumes checked in since {since}")),
        Ok(Err(error)) => drop(trouble(office, "collect", &error.to_string())),
        Err(error) => drop(trouble(office, "collect", &error.to_string())),
    }
    office.wake.send_replace(());
}

/// The lists of a round.
fn lists(errand: &RunScope, full: bool) -> Vec<ListKind> {
    if !errand.lists.is_empty() {
        return errand.lists.clone();
    }
    let mut lists = Vec::new();
    if full {
        lists.push(ListKind::AllBooks);
        // Long, and of use only to who asks for first conversions.
        let first = |queue: &Queue| matches!(queue, Queue::Unconverted | Queue::All);
        lists.extend(errand.queues.iter().any(first).then_some(ListKind::Available));
    }
    lists.extend(SHORT_LISTS);
    lists
}

async fn collect_list(office: &Rc<SupervisorState>, errand: &RunScope, list: ListKind) -> bool {
    office.board.duty("collect", format!("reading {list}"));
    let ask = CollectList {
        list,
        limit: errand.limit.filter(|_| list == ListKind::AllBooks),
        afresh: errand.force,
    };
    let problem = match office.crew.collectors.ask(ask, &office.reading_cx()).await {
        Ok(Ok(collected)) => collected.incomplete,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let whole = problem.is_none();
    match problem {
        None => office.board.duty("collect", format!("{list} read to its end")),
        Some(_) if office.intake.is_cancelled() => {
            office
                .board
                .duty("collect", format!("{list}: stopped; the next pass goes on from there"));
        }
        Some(why) => {
            warn!(%list, why, "list is incomplete");
            office.board.duty("collect", format!("{list} incomplete: {why}"));
            office.incomplete(format!("{list}: {why}"));
        }
    }
    whole
}
