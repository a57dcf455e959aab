//! Asks GRIN to make archives, at intervals, as many as its queue takes.

use std::pin::pin;
use std::rc::Rc;

use futures::StreamExt;
use tracing::info;

use crate::catalog::{PlanConversions, RecordConversions, SharedTask};
use crate::grin::{Barcode, ProcessOutcome};
use crate::log::CountedNoun;
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::bisect::{ATTEMPTS_A_PART, BatchBisection, FailedBatch, MOST_UNANSWERED, PartAnswer};
use crate::pipeline::tasks::wait::TaskWait;
use crate::pipeline::tasks::{EndedPass, TaskSchedule, finished, trouble};
use crate::pipeline::workers::{ConvertBatch, ConvertResult};

const TASK: &str = "convert";

/// Barcodes taken from the catalog at a time for conversion: what GRIN converts in ten days.
const CONVERT_AHEAD: usize = 50_000;

/// Asks GRIN to make archives, as many as its queue takes.
pub(in crate::pipeline) async fn convert<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if !scope.convert {
        return;
    }
    let mut schedule = TaskSchedule::spread(TASK, state.options.borrow().intervals.convert);
    let mut wait = TaskWait::new(&**state, TASK, scope);
    // Who reads the lists plans: they say what is in process already, so they come first.
    let lists: &[SharedTask] = if scope.by_hand { &[] } else { &[SharedTask::Lists] };
    while wait.leads(lists).await {
        wait.until_books_are_known().await;
        if !wait.may_begin().await || !wait.leads(&[SharedTask::Plan]).await {
            break;
        }
        state.progress.active(TASK, true);
        let complete = pass(state, scope).await;
        state.progress.active(TASK, false);
        wait.give_back(SharedTask::Plan).await;
        if complete {
            finished(state, TASK);
        }
        let interval = state.options.borrow().intervals.convert;
        if !schedule.again(state, scope, EndedPass { complete, interval }).await {
            break;
        }
    }
    state.source_dry();
}

/// One pass; `false` when something went wrong that may pass.
async fn pass<S: TaskServices>(state: &SupervisorState<S>, scope: &RunScope) -> bool {
    let limit = scope
        .limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
        .min(CONVERT_AHEAD);
    let now = state.services.membership().now();
    let plan = PlanConversions {
        selection: scope.selection(now, now),
        limit,
        queue_limit: state.options.borrow().conversion_queue_limit,
    };
    let barcodes = match state.services.plan_conversions(plan, &state.cx()).await {
        Ok(barcodes) => barcodes,
        Err(error) => {
            trouble(state, TASK, &error.to_string());
            return false;
        }
    };
    let before = state.progress.snapshot().requested;
    let reach = ask_for(state, &barcodes).await;
    let requested = state.progress.snapshot().requested - before;
    if !barcodes.is_empty() {
        info!(
            task = TASK,
            asked = barcodes.len(),
            requested,
            "conversions were requested"
        );
    }
    if reach == PassReach::All {
        let words = format!("{} requested", CountedNoun(barcodes.len() as u64, "book"));
        state.progress.tell_task(TASK, words);
    }
    reach != PassReach::Trouble
}

/// How far a pass came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PassReach {
    All,
    /// GRIN's queue is full, or the intake is closed.
    Part,
    /// An answer is missing.
    Trouble,
}

/// Asks batch by batch, as many at a time as there are converters; what has no answer is halved when the others are done.
async fn ask_for<S: TaskServices>(state: &SupervisorState<S>, barcodes: &[Barcode]) -> PassReach {
    let enough = state.intake.child_token();
    let batch = state.options.borrow().conversion_batch.max(1);
    let answers = futures::stream::iter(barcodes.chunks(batch))
        .take_until(enough.cancelled())
        .map(|batch| ask_batch(state, batch.to_vec(), None))
        .buffer_unordered(state.services.converters().max(1));
    let mut answers = pin!(answers);
    let (mut reach, mut answered, mut failed) = (PassReach::All, false, Vec::new());
    while let Some(answer) = answers.next().await {
        state.wake.send_replace(());
        match answer {
            Ok(PartAnswer { answer, rest }) => {
                answered = true;
                note_answer(state, &answer);
                failed.extend(rest);
                if answer.queue_full {
                    reach = PassReach::Part;
                    enough.cancel();
                }
            }
            Err(UnansweredBatch { batch, needs_person }) => {
                reach = PassReach::Trouble;
                failed.push(batch);
                // What a person must see to, or everybody meets, would meet each further batch.
                if needs_person || (!answered && failed.len() >= MOST_UNANSWERED) {
                    enough.cancel();
                }
            }
        }
    }
    let mut bisection = BatchBisection::new(answered);
    for batch in failed {
        if reach == PassReach::Part {
            // What was left out of an answer may be what the queue had no room for.
            if batch.was_asked {
                trouble(state, TASK, &batch.why);
            }
            continue;
        }
        reach = ask_halves(state, batch, &mut bisection).await.unwrap_or(reach);
    }
    if reach == PassReach::All && enough.is_cancelled() {
        return PassReach::Part;
    }
    reach
}

/// Counts what was newly requested, and says when GRIN's queue is full.
fn note_answer<S>(state: &SupervisorState<S>, answer: &ConvertResult) {
    state.progress.requested(answer.requested as u64);
    if answer.queue_full {
        info!("GRIN's conversion queue is full; the rest is requested later");
        state.progress.tell_task(TASK, "GRIN's queue is full");
    }
}

/// Halves a batch without an answer, until GRIN's queue is full. A book that has no answer even by itself is put off by the catalog,
/// longer each time. `None`: each part was answered.
async fn ask_halves<S: TaskServices>(
    state: &SupervisorState<S>,
    batch: FailedBatch,
    bisection: &mut BatchBisection,
) -> Option<PassReach> {
    let ask = async |half| {
        let answer = ask_batch(state, half, Some(ATTEMPTS_A_PART)).await;
        answer.map_err(|unanswered| unanswered.batch)
    };
    let found = bisection.run(batch, ask, |answer| answer.queue_full).await;
    for answer in &found.answers {
        note_answer(state, answer);
    }
    let put_off = found.spoilers.iter();
    let put_off: Vec<_> = put_off
        .map(|book| (book.barcode.clone(), ProcessOutcome::NoAnswer, book.why.clone()))
        .collect();
    if !put_off.is_empty()
        && let Err(error) = state
            .services
            .record_conversions(RecordConversions(put_off), &state.cx())
            .await
    {
        trouble(state, TASK, &error.to_string());
    }
    let why = found.trouble();
    if let Some(why) = &why {
        trouble(state, TASK, why);
    }
    if found.answers.iter().any(|answer| answer.queue_full) {
        return Some(PassReach::Part);
    }
    why.map(|_| PassReach::Trouble)
}

/// A batch without an answer.
struct UnansweredBatch {
    batch: FailedBatch,
    needs_person: bool,
}

async fn ask_batch<S: TaskServices>(
    state: &SupervisorState<S>,
    barcodes: Vec<Barcode>,
    attempts: Option<u32>,
) -> Result<PartAnswer<ConvertResult>, UnansweredBatch> {
    let (ask, asked) = (barcodes.clone(), barcodes.len());
    let ask = ConvertBatch {
        barcodes: ask,
        attempts,
        stop: state.intake.clone(),
    };
    match state.services.convert(ask, &state.cx()).await {
        Ok(answer) => Ok(PartAnswer::new(answer.result, answer.unnamed, asked)),
        Err(fault) => Err(UnansweredBatch {
            needs_person: fault.needs_person,
            batch: FailedBatch::of(barcodes, fault),
        }),
    }
}
