//! Asks for the facts of books, in helpings out of the catalog.

use std::rc::Rc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;

use crate::catalog::{CatalogError, ToEnrich};
use crate::grin::{Barcode, SEARCH_ADDRESS_LIMIT, batches};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::{Patience, change, trouble};
use crate::pipeline::workers::EnrichBarcodes;

/// Barcodes taken from the catalog at a time for enrichment.
const ENRICH_AHEAD: usize = 5_000;

/// Asks for the facts of books that have none, or old ones.
pub(in crate::pipeline) async fn enrich(office: &Rc<SupervisorState>, errand: &RunScope) {
    if !errand.enrich {
        return;
    }
    let mut patience = Patience::default();
    while office.leads("enrich", errand.once).await {
        let mut whole = true;
        let mut left = errand.limit.unwrap_or(u64::MAX);
        let mut place = Place::begin(errand);
        office.board.active("enrich", true);
        while left > 0 && office.may_begin(errand.once).await {
            let (mut news, mut leases) = (office.wake.subscribe(), office.crew.cooperation.changes());
            // With COLLECT in the same errand: go on until the lists bring nothing new; and until all blocks are here.
            let more_may_come = office.collecting.get() || office.expects_blocks();
            match enrich_some(office, left, &mut place).await {
                Some(0) if more_may_come => {
                    change(office, (&mut news, &mut leases)).await;
                    place.look_again();
                }
                Some(0) => break,
                None => {
                    whole = false;
                    break;
                }
                Some(count) => left = left.saturating_sub(count),
            }
        }
        office.board.active("enrich", false);
        if !patience.again(office, errand, (whole, |every| every.enrich)).await {
            break;
        }
    }
    office.source_dry();
}

/// One helping; `None` when it failed as a whole (the reason is on the board and in the log).
async fn enrich_some(office: &Rc<SupervisorState>, left: u64, place: &mut Place) -> Option<u64> {
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
                EnrichBarcodes {
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
    /// Through the books named, of which these are left.
    Named(Vec<Barcode>),
}

impl Place {
    fn begin(errand: &RunScope) -> Self {
        match &errand.only {
            Some(only) => Self::Named(only.to_vec()),
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

    async fn next(&mut self, office: &Rc<SupervisorState>, limit: usize) -> Result<Vec<Barcode>, CatalogError> {
        let blocks = office.blocks();
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
                let batch = office.crew.catalog.ask(wanted.clone(), &office.cx()).await?;
                *over = batch.next.is_none();
                wanted.after = batch.next;
                Ok(batch.barcodes)
            }
        }
    }
}
