//! Asks GRIN to make archives, round after round, as many as its queue takes.

use std::pin::pin;
use std::rc::Rc;

use futures::StreamExt;
use jiff::Timestamp;
use tracing::info;

use crate::catalog::{BookSelection, PlanConversions};
use crate::grin::Barcode;
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::{Patience, change, trouble};
use crate::pipeline::workers::ConvertBatch;

/// Barcodes taken from the catalog at a time for conversion: what GRIN converts in ten days.
const CONVERT_AHEAD: usize = 50_000;

/// Asks GRIN to make archives, as many as its queue takes.
pub(in crate::pipeline) async fn convert(office: &Rc<SupervisorState>, errand: &RunScope) {
    if !errand.convert {
        return;
    }
    let mut patience = Patience::default();
    while office.leads("convert", errand.once).await {
        // The lists say what is in process already: let them come first, and the blocks that are this daemon's.
        let wait = || office.collecting.get() || office.expects_blocks();
        let (mut news, mut leases) = (office.wake.subscribe(), office.crew.cooperation.changes());
        while wait() && !office.intake.is_cancelled() {
            change(office, (&mut news, &mut leases)).await;
        }
        if !office.may_begin(errand.once).await {
            break;
        }
        office.board.active("convert", true);
        let whole = convert_round(office, errand).await;
        office.board.active("convert", false);
        if !patience.again(office, errand, (whole, |every| every.convert)).await {
            break;
        }
    }
    office.source_dry();
}

/// What this daemon may have in GRIN's queue: all that is allowed where the catalog is shared, since that counts for all;
/// else its part, since what others asked for stands in their catalogs until the lists tell of it.
fn queue_limit(office: &Rc<SupervisorState>) -> u64 {
    let (whole, cooperation) = (office.terms.borrow().conversion_queue_limit, &office.crew.cooperation);
    match cooperation.is_strict() {
        true => cooperation.part_of(whole),
        false => whole,
    }
}

/// One round; `false` when something went wrong that may pass.
async fn convert_round(office: &Rc<SupervisorState>, errand: &RunScope) -> bool {
    let limit = errand
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
        .min(CONVERT_AHEAD);
    let now = Timestamp::now();
    let plan = PlanConversions {
        selection: BookSelection {
            blocks: office.blocks(),
            ..errand.selection(now, now)
        },
        limit,
        queue_limit: queue_limit(office),
    };
    let barcodes = match office.crew.catalog.ask(plan, &office.cx()).await {
        Ok(plan) => plan.barcodes,
        Err(error) => {
            trouble(office, "convert", &error.to_string());
            return false;
        }
    };
    let asked = ask_for(office, &barcodes).await;
    if asked == Asked::All {
        office
            .board
            .duty("convert", format!("{} books asked for", barcodes.len()));
    }
    asked != Asked::Trouble
}

/// How far a round came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    All,
    /// GRIN's queue is full, or the intake is closed.
    Part,
    /// An answer is missing.
    Trouble,
}

/// Asks batch by batch, as many at a time as there are converters; whatever kept it from the end, the board tells.
async fn ask_for(office: &Rc<SupervisorState>, barcodes: &[Barcode]) -> Asked {
    let (cx, enough) = (office.cx(), office.intake.child_token());
    let batch = office.terms.borrow().conversion_batch.max(1);
    let answers = futures::stream::iter(barcodes.chunks(batch))
        .take_until(enough.cancelled())
        .map(|batch| {
            let barcodes = batch.to_vec();
            office.crew.converters.ask(ConvertBatch { barcodes }, &cx)
        })
        .buffer_unordered(office.crew.converters.size().max(1));
    let mut answers = pin!(answers);
    let mut asked = Asked::All;
    while let Some(answer) = answers.next().await {
        office.wake.send_replace(());
        match answer {
            Ok(Ok(answer)) if answer.queue_full => {
                info!("GRIN's conversion queue is full; the rest is asked for in a later round");
                office.board.duty("convert", "GRIN's queue is full");
                asked = Asked::Part;
                enough.cancel();
            }
            Ok(Ok(answer)) => office.board.requested(answer.requested as u64),
            Ok(Err(error)) => {
                trouble(office, "convert", &error.to_string());
                asked = Asked::Trouble;
                // What a person must see to would meet each further batch.
                if error.needs_person() {
                    enough.cancel();
                }
            }
            Err(error) => {
                trouble(office, "convert", &error.to_string());
                asked = Asked::Trouble;
            }
        }
    }
    if asked == Asked::All && enough.is_cancelled() {
        return Asked::Part;
    }
    asked
}
