//! Asks GRIN to make archives, round after round, as many as its queue takes.

use std::pin::pin;
use std::rc::Rc;

use futures::StreamExt;
use jiff::Timestamp;
use tracing::info;

use crate::catalog::{BookSelection, PlanConversions, RecordConversions};
use crate::grin::{Barcode, ProcessOutcome};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::bisect::{ATTEMPTS_A_PART, FailedBatch, bisect};
use crate::pipeline::tasks::{Patience, change, trouble};
use crate::pipeline::workers::{ConvertBatch, ConvertResult};

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

/// Asks batch by batch, as many at a time as there are converters; what has no answer is halved when the others are done.
async fn ask_for(office: &Rc<SupervisorState>, barcodes: &[Barcode]) -> Asked {
    let enough = office.intake.child_token();
    let batch = office.terms.borrow().conversion_batch.max(1);
    let answers = futures::stream::iter(barcodes.chunks(batch))
        .take_until(enough.cancelled())
        .map(|batch| ask_batch(office, batch.to_vec(), None))
        .buffer_unordered(office.crew.converters.size().max(1));
    let mut answers = pin!(answers);
    let (mut asked, mut answered, mut failed) = (Asked::All, false, Vec::new());
    while let Some(answer) = answers.next().await {
        office.wake.send_replace(());
        match answer {
            Ok(answer) => {
                answered = true;
                if answer.queue_full {
                    info!("GRIN's conversion queue is full; the rest is requested in a later round");
                    office.board.duty("convert", "GRIN's queue is full");
                    asked = Asked::Part;
                    enough.cancel();
                } else {
                    office.board.requested(answer.requested as u64);
                }
            }
            Err(Unanswered { batch, needs_person }) => {
                asked = Asked::Trouble;
                // What a person must see to would meet each further batch.
                if needs_person {
                    enough.cancel();
                }
                failed.push(batch);
            }
        }
    }
    let halves = !enough.is_cancelled() && (answered || failed.len() == 1);
    for batch in failed {
        if halves && batch.may_be_one_book {
            answered |= ask_halves(office, batch, answered).await;
        } else {
            trouble(office, "convert", &batch.why);
        }
    }
    if asked == Asked::All && enough.is_cancelled() {
        return Asked::Part;
    }
    asked
}

/// Halves a batch without an answer; `true` if a part of it was answered. A book that has none even by itself is put off by the
/// catalog, longer each time.
async fn ask_halves(office: &Rc<SupervisorState>, batch: FailedBatch, others_answered: bool) -> bool {
    let ask = async |half| {
        let answer = ask_batch(office, half, Some(ATTEMPTS_A_PART)).await;
        answer.map_err(|unanswered| unanswered.batch)
    };
    let found = bisect(batch, others_answered, ask).await;
    for answer in &found.answers {
        office.board.requested(answer.requested as u64);
    }
    for (barcode, why) in &found.spoilers {
        trouble(
            office,
            "convert",
            &format!("no answer about {barcode}: {why}; requested again later"),
        );
    }
    let put_off = found.spoilers.into_iter();
    let put_off: Vec<_> = put_off
        .map(|(barcode, why)| (barcode, ProcessOutcome::NoAnswer, why))
        .collect();
    if !put_off.is_empty()
        && let Err(error) = office.crew.catalog.ask(RecordConversions(put_off), &office.cx()).await
    {
        trouble(office, "convert", &error.to_string());
    }
    if let Some(why) = &found.stopped {
        trouble(office, "convert", why);
    }
    !found.answers.is_empty()
}

/// A batch without an answer.
struct Unanswered {
    batch: FailedBatch,
    needs_person: bool,
}

async fn ask_batch(
    office: &Rc<SupervisorState>,
    barcodes: Vec<Barcode>,
    attempts: Option<u32>,
) -> Result<ConvertResult, Unanswered> {
    let ask = ConvertBatch {
        barcodes: barcodes.clone(),
        attempts,
    };
    let failed = |why: String, may_be_one_book| FailedBatch {
        barcodes,
        why,
        may_be_one_book,
    };
    match office.crew.converters.ask(ask, &office.cx()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Unanswered {
            batch: failed(error.to_string(), error.may_be_one_book()),
            needs_person: error.needs_person(),
        }),
        Err(error) => Err(Unanswered {
            batch: failed(error.to_string(), false),
            needs_person: false,
        }),
    }
}
