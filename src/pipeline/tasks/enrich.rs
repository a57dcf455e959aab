//! Asks for the facts of books, in helpings out of the catalog.

use std::rc::Rc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tracing::info;

use crate::catalog::{CatalogError, RecordEnrichment, SharedTask, ToEnrich};
use crate::grin::{Barcode, SEARCH_ADDRESS_LIMIT, batches};
use crate::log::CountedNoun;
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::bisect::{ATTEMPTS_A_PART, BatchBisection, FailedBatch, PartAnswer};
use crate::pipeline::tasks::wait::TaskWait;
use crate::pipeline::tasks::{EndedPass, TaskSchedule, finished, trouble};
use crate::pipeline::workers::EnrichBarcodes;

const TASK: &str = "enrich";

/// Barcodes taken from the catalog at a time for enrichment.
const ENRICH_AHEAD: usize = 5_000;

/// Asks for the facts of books that have none, or old ones.
pub(in crate::pipeline) async fn enrich<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if !scope.enrich {
        return;
    }
    let mut task = EnrichTask {
        state: &**state,
        wait: TaskWait::new(&**state, TASK, scope),
    };
    let mut schedule = TaskSchedule::spread(TASK, state.options.borrow().intervals.enrich);
    // Who reads the lists asks for facts.
    let tasks: &[SharedTask] = if scope.by_hand { &[] } else { &[SharedTask::Lists] };
    while task.wait.leads(tasks).await {
        state.progress.active(TASK, true);
        let complete = task.pass(scope).await;
        task.wait.give_back(SharedTask::Facts).await;
        state.progress.active(TASK, false);
        if complete {
            finished(state, TASK);
        }
        let interval = state.options.borrow().intervals.enrich;
        if !schedule.again(state, scope, EndedPass { complete, interval }).await {
            break;
        }
    }
    state.source_dry();
}

struct EnrichTask<'a, S> {
    state: &'a SupervisorState<S>,
    wait: TaskWait<'a, S>,
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

impl<S: TaskServices> EnrichTask<'_, S> {
    /// Through the books part by part; `false` when some have no answer.
    async fn pass(&mut self, scope: &RunScope) -> bool {
        let mut complete = true;
        let mut left = scope.limit.unwrap_or(u64::MAX);
        let mut place = EnrichPlace::begin(self.state, scope);
        let (mut has_turn, mut asked) = (false, 0);
        while left > 0 && self.wait.may_begin().await {
            has_turn = has_turn || self.wait.leads(&[SharedTask::Facts]).await;
            if !has_turn {
                break;
            }
            // With COLLECT in the same run: go on until the lists bring nothing new.
            let more_may_come = self.wait.more_may_come();
            let part = self.part(left, &mut place).await;
            complete &= part.complete;
            asked += part.taken;
            left = left.saturating_sub(part.taken);
            match (part.goes_on, part.taken) {
                (false, _) => break,
                (true, 0) if more_may_come => {
                    self.wait.give_back(SharedTask::Facts).await;
                    has_turn = false;
                    self.wait.wait_for_books().await;
                    place.look_again();
                }
                (true, 0) => break,
                (true, _) => {}
            }
        }
        if asked > 0 {
            info!(task = TASK, asked, complete, "facts of books were requested");
        }
        complete
    }

    /// One part of a pass. What has no answer is shown and logged.
    async fn part(&mut self, left: u64, place: &mut EnrichPlace) -> PartResult {
        let state = self.state;
        let limit = usize::try_from(left).unwrap_or(usize::MAX).min(ENRICH_AHEAD);
        let mut part = PartResult {
            taken: 0,
            complete: true,
            goes_on: true,
        };
        let barcodes = match place.next(state, limit).await {
            Ok(barcodes) => barcodes,
            Err(error) => {
                trouble(state, TASK, &error.to_string());
                (part.complete, part.goes_on) = (false, false);
                return part;
            }
        };
        part.taken = barcodes.len() as u64;
        if barcodes.is_empty() {
            return part;
        }
        let mut asks: FuturesUnordered<_> = batches(&barcodes, state.services.addresses(), SEARCH_ADDRESS_LIMIT)
            .map(|batch| ask_batch(state, batch.to_vec(), None))
            .collect();
        let (mut answered, mut failed) = (false, Vec::new());
        while let Some(answer) = asks.next().await {
            match answer {
                Ok(part) => {
                    answered = true;
                    state.progress.enriched(part.answer);
                    failed.extend(part.rest);
                }
                Err(batch) => failed.push(batch),
            }
        }
        drop(asks);
        state.progress.tell_task(
            TASK,
            format!("{} requested", CountedNoun(barcodes.len() as u64, "book")),
        );
        let mut bisection = BatchBisection::new(answered);
        for batch in failed {
            part.complete &= self.halves(batch, &mut bisection).await;
        }
        part.goes_on = bisection.answered();
        part
    }

    /// Halves a batch without an answer; `true` if each part of it was answered. Books without an answer are put off by the catalog,
    /// longer each time.
    async fn halves(&mut self, batch: FailedBatch, bisection: &mut BatchBisection) -> bool {
        let state = self.state;
        let ask = async |half| ask_batch(state, half, Some(ATTEMPTS_A_PART)).await;
        let found = bisection.run(batch, ask, |_| false).await;
        state.progress.enriched(found.answers.iter().sum());
        let put_off = RecordEnrichment {
            asked: found.spoilers.iter().map(|book| book.barcode.clone()).collect(),
            answered: Vec::new(),
        };
        if !put_off.asked.is_empty()
            && let Err(error) = state.services.record_enrichment(put_off, &state.cx()).await
        {
            trouble(state, TASK, &error.to_string());
        }
        let why = found.trouble();
        match &why {
            Some(_) if state.intake.is_cancelled() => {
                state
                    .progress
                    .tell_task(TASK, "stopped; the rest is requested later".to_owned());
            }
            Some(why) => trouble(state, TASK, why),
            None => {}
        }
        why.is_none()
    }
}

/// Asks for one batch; returns how many of its books were answered.
async fn ask_batch<S: TaskServices>(
    state: &SupervisorState<S>,
    barcodes: Vec<Barcode>,
    attempts: Option<u32>,
) -> Result<PartAnswer<u64>, FailedBatch> {
    let (ask, asked) = (barcodes.clone(), barcodes.len());
    let ask = EnrichBarcodes {
        barcodes: ask,
        attempts,
        adds: false,
        stop: state.intake.clone(),
    };
    match state.services.enrich(ask, &state.cx()).await {
        Ok(answer) => Ok(PartAnswer::new(answer.answered, answer.unnamed, asked)),
        Err(fault) => Err(FailedBatch::of(barcodes, fault)),
    }
}

/// Where a pass of enrichment stands, so that it sees each book once although answers are still out.
enum EnrichPlace {
    /// Through the catalog: those never answered, then those last asked for before a moment.
    Catalog { wanted: ToEnrich, over: bool },
    /// Through the books named, of which these are left.
    Named(Vec<Barcode>),
}

impl EnrichPlace {
    fn begin<S: TaskServices>(state: &SupervisorState<S>, scope: &RunScope) -> Self {
        let looked_up = state.looked_up.borrow();
        match &scope.only {
            Some(only) => Self::Named(
                only.iter()
                    .filter(|barcode| !looked_up.contains(*barcode))
                    .cloned()
                    .collect(),
            ),
            None => Self::Catalog {
                wanted: scope.to_enrich(0, state.services.membership().now()),
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

    async fn next<S: TaskServices>(
        &mut self,
        state: &SupervisorState<S>,
        limit: usize,
    ) -> Result<Vec<Barcode>, CatalogError> {
        match self {
            Self::Named(left) => Ok(left.drain(..limit.min(left.len())).collect()),
            Self::Catalog { over: true, .. } => Ok(Vec::new()),
            Self::Catalog { wanted, over } => {
                wanted.limit = limit;
                let batch = state.services.to_enrich(wanted.clone(), &state.cx()).await?;
                *over = batch.next.is_none();
                wanted.after = batch.next;
                Ok(batch.barcodes)
            }
        }
    }
}
