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
pub(in crate::pipeline) async fn convert(state: &Rc<SupervisorState>, scope: &RunScope) {
    if !scope.convert {
        return;
    }
    let mut patience = Patience::default();
    while state.leads("convert", scope.once).await {
        // The lists say what is in process already: let them come first, and the blocks that are this daemon's.
        let wait = || state.collecting.get() || state.expects_blocks();
        let (mut news, mut leases) = (state.wake.subscribe(), state.pools.cooperation.changes());
        while wait() && !state.intake.is_cancelled() {
            change(state, (&mut news, &mut leases)).await;
        }
        if !state.may_begin(scope.once).await {
            break;
        }
        state.progress.active("convert", true);
        let whole = convert_round(state, scope).await;
        state.progress.active("convert", false);
        if !patience.again(state, scope, (whole, |every| every.convert)).await {
            break;
        }
    }
    state.source_dry();
}

/// What this daemon may have in GRIN's queue: all that is allowed where the catalog is shared, since that counts for all;
/// else its part, since what others asked for stands in their catalogs until the lists tell of it.
fn queue_limit(state: &Rc<SupervisorState>) -> u64 {
    let (whole, cooperation) = (state.policy.borrow().conversion_queue_limit, &state.pools.cooperation);
    match cooperation.is_strict() {
        true => cooperation.part_of(whole),
        false => whole,
    }
}

/// One round; `false` when something went wrong that may pass.
async fn convert_round(state: &Rc<SupervisorState>, scope: &RunScope) -> bool {
    let limit = scope
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
        .min(CONVERT_AHEAD);
    let now = Timestamp::now();
    let plan = PlanConversions {
        selection: BookSelection {
            blocks: state.blocks(),
            ..scope.selection(now, now)
        },
        limit,
        queue_limit: queue_limit(state),
    };
    let barcodes = match state.pools.catalog.ask(plan, &state.cx()).await {
        Ok(plan) => plan.barcodes,
        Err(error) => {
            trouble(state, "convert", &error.to_string());
            return false;
        }
    };
    let asked = ask_for(state, &barcodes).await;
    if asked == Asked::All {
        state
            .progress
            .tell_task("convert", format!("{} books asked for", barcodes.len()));
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
async fn ask_for(state: &Rc<SupervisorState>, barcodes: &[Barcode]) -> Asked {
    let enough = state.intake.child_token();
    let batch = state.policy.borrow().conversion_batch.max(1);
    let answers = futures::stream::iter(barcodes.chunks(batch))
        .take_until(enough.cancelled())
        .map(|batch| ask_batch(state, batch.to_vec(), None))
        .buffer_unordered(state.pools.converters.size().max(1));
    let mut answers = pin!(answers);
    let (mut asked, mut answered, mut failed) = (Asked::All, false, Vec::new());
    while let Some(answer) = answers.next().await {
        state.wake.send_replace(());
        match answer {
            Ok(answer) => {
                answered = true;
                if answer.queue_full {
                    info!("GRIN's conversion queue is full; the rest is requested in a later round");
                    state.progress.tell_task("convert", "GRIN's queue is full");
                    asked = Asked::Part;
                    enough.cancel();
                } else {
                    state.progress.requested(answer.requested as u64);
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
            answered |= ask_halves(state, batch, answered).await;
        } else {
            trouble(state, "convert", &batch.why);
        }
    }
    if asked == Asked::All && enough.is_cancelled() {
        return Asked::Part;
    }
    asked
}

/// Halves a batch without an answer; `true` if a part of it was answered. A book that has none even by itself is put off by the
/// catalog, longer each time.
async fn ask_halves(state: &Rc<SupervisorState>, batch: FailedBatch, others_answered: bool) -> bool {
    let ask = async |half| {
        let answer = ask_batch(state, half, Some(ATTEMPTS_A_PART)).await;
        answer.map_err(|unanswered| unanswered.batch)
    };
    let found = bisect(batch, others_answered, ask).await;
    for answer in &found.answers {
        state.progress.requested(answer.requested as u64);
    }
    for (barcode, why) in &found.spoilers {
        trouble(
            state,
            "convert",
            &format!("no answer about {barcode}: {why}; requested again later"),
        );
    }
    let put_off = found.spoilers.into_iter();
    let put_off: Vec<_> = put_off
        .map(|(barcode, why)| (barcode, ProcessOutcome::NoAnswer, why))
        .collect();
    if !put_off.is_empty()
        && let Err(error) = state.pools.catalog.ask(RecordConversions(put_off), &state.cx()).await
    {
        trouble(state, "convert", &error.to_string());
    }
    if let Some(why) = &found.stopped {
        trouble(state, "convert", why);
    }
    !found.answers.is_empty()
}

/// A batch without an answer.
struct Unanswered {
    batch: FailedBatch,
    needs_person: bool,
}

async fn ask_batch(
    state: &Rc<SupervisorState>,
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
    match state.pools.converters.ask(ask, &state.cx()).await {
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
