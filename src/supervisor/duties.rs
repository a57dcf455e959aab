//! Room `supervisor`: the duties beside downloading: read GRIN's lists, ask for facts, ask for archives; once or round after round.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::actor::{Errand, Office, Rounds};
use crate::catalog::{CatalogError, PlanConversions, ToEnrich};
use crate::grin::{Barcode, ListKind, SEARCH_ADDRESS_LIMIT, batches};
use crate::workers::{Collect, Convert, Enrich};
use jiff::Timestamp;

/// Lists read in a full round; the smaller ones alone make a refresh.
const ALL_LISTS: [ListKind; 4] = [
    ListKind::AllBooks,
    ListKind::Converted,
    ListKind::InProcess,
    ListKind::Failed,
];
/// Barcodes taken from the catalog at a time for enrichment.
const ENRICH_AHEAD: usize = 5_000;
/// Barcodes taken from the catalog at a time for conversion: what GRIN converts in ten days.
const CONVERT_AHEAD: usize = 50_000;
/// Barcodes a `_process` request (`grin-interface`, section 3: 200 "based on testing").
const CONVERT_BATCH: usize = 200;

/// Reads GRIN's lists: all of them at the start and every `collect` round, the short ones every `refresh` round.
pub(super) async fn collect(office: &Rc<Office>, errand: &Errand) {
    if !errand.collect {
        return;
    }
    let mut full_at = Some(Instant::now());
    loop {
        let full = full_at.is_some_and(|at| at <= Instant::now());
        office.board.active("collect", true);
        for list in lists(errand, full) {
            if !office.may_begin(errand.once).await {
                break;
            }
            collect_list(office, errand, *list).await;
            office.wake.send_replace(());
        }
        office.board.active("collect", false);
        // The first round is over: the others need not wait for a second.
        office.collecting.set(false);
        office.wake.send_replace(());
        let every = office.terms.borrow().every;
        if full {
            full_at = every.collect.map(|every| Instant::now() + every);
        }
        let refresh_at = every.refresh.map(|every| Instant::now() + every);
        if errand.once || !sleep_till(office, full_at.into_iter().chain(refresh_at).min()).await {
            break;
        }
    }
    office.source_dry();
}

/// The lists of a round.
fn lists(errand: &Errand, full: bool) -> &[ListKind] {
    match (&errand.lists[..], full) {
        ([], true) => &ALL_LISTS,
        ([], false) => &ALL_LISTS[1..],
        (wished, _) => wished,
    }
}

async fn collect_list(office: &Rc<Office>, errand: &Errand, list: ListKind) {
    office.board.duty("collect", format!("reading {list}"));
    let ask = Collect {
        list,
        limit: errand.limit.filter(|_| list == ListKind::AllBooks),
        afresh: errand.force,
    };
    let problem = match office.crew.collectors.ask(ask, &office.reading_cx()).await {
        Ok(Ok(collected)) => collected.incomplete,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
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
}

/// Asks for the facts of books that have none, or old ones.
pub(super) async fn enrich(office: &Rc<Office>, errand: &Errand) {
    if !errand.enrich {
        return;
    }
    loop {
        let mut left = errand.limit.unwrap_or(u64::MAX);
        let mut place = Place::begin(errand);
        office.board.active("enrich", true);
        while left > 0 && office.may_begin(errand.once).await {
            let mut changes = office.wake.subscribe();
            // With COLLECT in the same errand: go on until the lists bring nothing new.
            let more_may_come = office.collecting.get();
            match enrich_some(office, left, &mut place).await {
                Some(0) if more_may_come => {
                    change(office, &mut changes).await;
                    place.look_again();
                }
                Some(0) | None => break,
                Some(count) => left = left.saturating_sub(count),
            }
        }
        office.board.active("enrich", false);
        if !again(office, errand, |every| every.enrich).await {
            break;
        }
    }
    office.source_dry();
}

/// One helping; `None` when it failed as a whole (the reason is on the board and in the log).
async fn enrich_some(office: &Rc<Office>, left: u64, place: &mut Place) -> Option<u64> {
    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(ENRICH_AHEAD);
    let barcodes = match place.next(office, limit).await {
        Ok(barcodes) => barcodes,
        Err(error) => return trouble(office, "enrich", &error.to_string()),
    };
    if barcodes.is_empty() {
        return Some(0);
    }
    let cx = office.cx();
    let mut asks: FuturesUnordered<_> = batches(&barcodes, &office.crew.addresses, SEARCH_ADDRESS_LIMIT)
        .map(|batch| {
            office.crew.enrichers.ask(
                Enrich {
                    barcodes: batch.to_vec(),
                },
                &cx,
            )
        })
        .collect();
    let mut failed = None;
    while let Some(answer) = asks.next().await {
        match answer {
            Ok(Ok(enriched)) => office.board.enriched(enriched.answered),
            Ok(Err(error)) => failed = Some(error.to_string()),
            Err(error) => failed = Some(error.to_string()),
        }
    }
    office
        .board
        .duty("enrich", format!("{} books asked for", barcodes.len()));
    match failed {
        Some(why) => trouble(office, "enrich", &why),
        None => Some(barcodes.len() as u64),
    }
}

/// Where a pass of enrichment stands, so that it sees each book once although answers are still out.
enum Place {
    /// Through the catalog: those never answered, then those last asked for before a moment.
    Catalog { wanted: ToEnrich, over: bool },
    /// Through the books named.
    Named(Arc<[Barcode]>, usize),
}

impl Place {
    fn begin(errand: &Errand) -> Self {
        match &errand.only {
            Some(only) => Self::Named(Arc::clone(only), 0),
            None => Self::Catalog {
                wanted: errand.to_enrich(0, Timestamp::now()),
                over: false,
            },
        }
    }

    /// The lists may have brought more; books that were named, and books asked for since, are not asked for again.
    fn look_again(&mut self) {
        if let Self::Catalog { wanted, over } = self {
            (wanted.after, *over) = (None, false);
        }
    }

    async fn next(&mut self, office: &Rc<Office>, limit: usize) -> Result<Vec<Barcode>, CatalogError> {
        match self {
            Self::Named(only, at) => {
                let part: Vec<_> = only[*at..].iter().take(limit).cloned().collect();
                *at += part.len();
                Ok(part)
            }
            Self::Catalog { over: true, .. } => Ok(Vec::new()),
            Self::Catalog { wanted, over } => {
                wanted.limit = limit;
                let batch = office.crew.catalog.ask(wanted.clone(), &office.cx()).await?;
                *over = batch.next.is_none();
                wanted.after = batch.next;
                Ok(batch.barcodes)
            }
        }
    }
}

fn trouble(office: &Rc<Office>, duty: &'static str, why: &str) -> Option<u64> {
    warn!(duty, why, "not finished; asked again in the next round");
    office.board.duty(duty, format!("not finished: {why}"));
    office.incomplete(format!("{duty}: {why}"));
    None
}

/// Asks GRIN to make archives, as many as its queue takes.
pub(super) async fn convert(office: &Rc<Office>, errand: &Errand) {
    if !errand.convert {
        return;
    }
    loop {
        // The lists say what is in process already: let them come first.
        while office.collecting.get() && !office.intake.is_cancelled() {
            let mut changes = office.wake.subscribe();
            change(office, &mut changes).await;
        }
        if !office.may_begin(errand.once).await {
            break;
        }
        office.board.active("convert", true);
        convert_round(office, errand).await;
        office.board.active("convert", false);
        if !again(office, errand, |every| every.convert).await {
            break;
        }
    }
    office.source_dry();
}

async fn convert_round(office: &Rc<Office>, errand: &Errand) {
    let queue_limit = office.terms.borrow().conversion_queue_limit;
    let limit = errand
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
        .min(CONVERT_AHEAD);
    let plan = PlanConversions {
        selection: errand.selection(Timestamp::now()),
        limit,
        queue_limit,
    };
    let barcodes = match office.crew.catalog.ask(plan, &office.cx()).await {
        Ok(plan) => plan.barcodes,
        Err(error) => {
            trouble(office, "convert", &error.to_string());
            return;
        }
    };
    if !ask_for(office, &barcodes).await {
        return;
    }
    office
        .board
        .duty("convert", format!("{} books asked for", barcodes.len()));
}

/// Asks batch by batch, as many at a time as there are converters; `false` when it ended early, which the board tells.
async fn ask_for(office: &Rc<Office>, barcodes: &[Barcode]) -> bool {
    let (cx, enough) = (office.cx(), office.intake.child_token());
    let answers = futures::stream::iter(barcodes.chunks(CONVERT_BATCH))
        .take_until(enough.cancelled())
        .map(|batch| {
            let barcodes = batch.to_vec();
            office.crew.converters.ask(Convert { barcodes }, &cx)
        })
        .buffer_unordered(office.crew.converters.size().max(1));
    let mut answers = pin!(answers);
    while let Some(answer) = answers.next().await {
        office.wake.send_replace(());
        match answer {
            Ok(Ok(answer)) if answer.queue_full => {
                info!("GRIN's conversion queue is full; the rest is asked for in a later round");
                office.board.duty("convert", "GRIN's queue is full");
                enough.cancel();
            }
            Ok(Ok(answer)) => office.board.requested(answer.requested as u64),
            Ok(Err(error)) => {
                trouble(office, "convert", &error.to_string());
                // What a person must see to would meet each further batch.
                if error.needs_person() {
                    enough.cancel();
                }
            }
            Err(error) => drop(trouble(office, "convert", &error.to_string())),
        }
    }
    !enough.is_cancelled()
}

async fn change(office: &Rc<Office>, changes: &mut watch::Receiver<()>) {
    tokio::select! {
        _ = changes.changed() => {}
        () = office.intake.cancelled() => {}
    }
}

/// Waits for the next round; `false` when there is none.
async fn again(office: &Rc<Office>, errand: &Errand, which: impl Fn(&Rounds) -> Option<Duration>) -> bool {
    let every = which(&office.terms.borrow().every);
    !errand.once && sleep_till(office, every.map(|every| Instant::now() + every)).await
}

/// Sleeps till `at`, or for good when there is no such moment; `false` when the drain came first.
async fn sleep_till(office: &Rc<Office>, at: Option<Instant>) -> bool {
    let moment = async {
        match at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = office.intake.cancelled() => false,
        () = moment => true,
    }
}
