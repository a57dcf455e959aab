//! Asks for the facts of books, in helpings out of the catalog.

use std::rc::Rc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;

use crate::catalog::{CatalogError, ToEnrich};
use crate::grin::{Barcode, SEARCH_ADDRESS_LIMIT, batches};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::bisect::{ATTEMPTS_A_PART, FailedBatch, SpoilerWaits, bisect};
use crate::pipeline::tasks::{Patience, change, trouble};
use crate::pipeline::workers::EnrichBarcodes;

/// Barcodes taken from the catalog at a time for enrichment.
const ENRICH_AHEAD: usize = 5_000;

/// Asks for the facts of books that have none, or old ones.
pub(in crate::pipeline) async fn enrich(state: &Rc<SupervisorState>, scope: &RunScope) {
    if !scope.enrich {
        return;
    }
    let mut patience = Patience::default();
    let mut waits = SpoilerWaits::default();
    while state.leads("enrich", scope.once).await {
        let mut whole = true;
        let mut left = scope.limit.unwrap_or(u64::MAX);
        let mut place = Place::begin(scope);
        state.progress.active("enrich", true);
        while left > 0 && state.may_begin(scope.once).await {
            let (mut news, mut leases) = (state.wake.subscribe(), state.pools.cooperation.changes());
            // With COLLECT in the same scope: go on until the lists bring nothing new; and until all blocks are here.
            let more_may_come = state.collecting.get() || state.expects_blocks();
            let part = enrich_part(state, left, &mut place, &mut waits).await;
            whole &= part.complete;
            left = left.saturating_sub(part.taken);
            match (part.goes_on, part.taken) {
                (false, _) => break,
                (true, 0) if more_may_come => {
                    change(state, (&mut news, &mut leases)).await;
                    place.look_again();
                }
                (true, 0) => break,
                (true, _) => {}
            }
        }
        state.progress.active("enrich", false);
        if !patience.again(state, scope, (whole, |every| every.enrich)).await {
            break;
        }
    }
    state.source_dry();
}

/// What came of one part of a pass.
struct PartResult {
    /// Books taken from the catalog.
    taken: u64,
    /// Each was answered.
    complete: bool,
    /// GRIN answers: the next part may be asked for.
    goes_on: bool,
}

/// One part of a pass. What has no answer is on the progress and in the log.
async fn enrich_part(
    state: &Rc<SupervisorState>,
    left: u64,
    place: &mut Place,
    waits: &mut SpoilerWaits,
) -> PartResult {
    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(ENRICH_AHEAD);
    let mut part = PartResult {
        taken: 0,
        complete: true,
        goes_on: true,
    };
    let mut barcodes = match place.next(state, limit).await {
        Ok(barcodes) => barcodes,
        Err(error) => {
            trouble(state, "enrich", &error.to_string());
            (part.complete, part.goes_on) = (false, false);
            return part;
        }
    };
    part.taken = barcodes.len() as u64;
    barcodes.retain(|barcode| waits.is_due(barcode));
    if barcodes.is_empty() {
        return part;
    }
    let mut asks: FuturesUnordered<_> = batches(&barcodes, &state.pools.addresses, SEARCH_ADDRESS_LIMIT)
        .map(|batch| ask_batch(state, batch.to_vec(), None))
        .collect();
    let (mut answered, mut failed) = (false, Vec::new());
    while let Some(answer) = asks.next().await {
        match answer {
            Ok(count) => {
                answered = true;
                state.progress.enriched(count);
            }
            Err(batch) => failed.push(batch),
        }
    }
    drop(asks);
    state
        .progress
        .tell_task("enrich", format!("{} books requested", barcodes.len()));
    part.complete = failed.is_empty();
    // One batch in trouble while others are answered, or the only one: a book may be the reason. All of several: GRIN is.
    let halves = answered || failed.len() == 1;
    for batch in failed {
        if halves && batch.may_be_one_book {
            answered |= enrich_halves(state, batch, answered, waits).await;
        } else {
            trouble(state, "enrich", &batch.why);
        }
    }
    part.goes_on = answered;
    part
}

/// Halves a batch without an answer; `true` if a part of it was answered.
async fn enrich_halves(
    state: &Rc<SupervisorState>,
    batch: FailedBatch,
    others_answered: bool,
    waits: &mut SpoilerWaits,
) -> bool {
    let ask = async |half| ask_batch(state, half, Some(ATTEMPTS_A_PART)).await;
    let found = bisect(batch, others_answered, ask).await;
    state.progress.enriched(found.answers.iter().sum());
    for (barcode, why) in &found.spoilers {
        let wait = waits.note(barcode);
        trouble(
            state,
            "enrich",
            &format!("no answer about {barcode}: {why}; requested again in {wait:?}"),
        );
    }
    if let Some(why) = &found.stopped {
        trouble(state, "enrich", why);
    }
    !found.answers.is_empty()
}

/// Asks for one batch; returns how many of its books were answered.
async fn ask_batch(
    state: &Rc<SupervisorState>,
    barcodes: Vec<Barcode>,
    attempts: Option<u32>,
) -> Result<u64, FailedBatch> {
    let ask = EnrichBarcodes {
        barcodes: barcodes.clone(),
        attempts,
    };
    let (why, may_be_one_book) = match state.pools.enrichers.ask(ask, &state.cx()).await {
        Ok(Ok(enriched)) => return Ok(enriched.answered),
        Ok(Err(error)) => (error.to_string(), error.may_be_one_book()),
        Err(error) => (error.to_string(), false),
    };
    Err(FailedBatch {
        barcodes,
        why,
        may_be_one_book,
    })
}

/// Where a pass of enrichment stands, so that it sees each book once although answers are still out.
enum Place {
    /// Through the catalog: those never answered, then those last asked for before a moment.
    Catalog { wanted: ToEnrich, over: bool },
    /// Through the books named, of which these are left.
    Named(Vec<Barcode>),
}

impl Place {
    fn begin(scope: &RunScope) -> Self {
        match &scope.only {
            Some(only) => Self::Named(only.to_vec()),
            None => Self::Catalog {
                wanted: scope.to_enrich(0, Timestamp::now()),
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

    async fn next(&mut self, state: &Rc<SupervisorState>, limit: usize) -> Result<Vec<Barcode>, CatalogError> {
        let blocks = state.blocks();
        match self {
            Self::Named(left) => {
                let mut room = limit;
                let taken = left.extract_if(.., |barcode| {
                    let takes = room > 0 && blocks.is_none_or(|blocks| blocks.has(barcode.as_str()));
                    room -= usize::from(takes);
                    takes
                });
                Ok(taken.collect())
            }
            Self::Catalog { over: true, .. } => Ok(Vec::new()),
            Self::Catalog { wanted, over } => {
                (wanted.limit, wanted.blocks) = (limit, blocks);
                let batch = state.pools.catalog.ask(wanted.clone(), &state.cx()).await?;
                *over = batch.next.is_none();
                wanted.after = batch.next;
                Ok(batch.barcodes)
            }
        }
    }
}
