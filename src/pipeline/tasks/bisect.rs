//! Finds the barcodes that spoil a batch: what GRIN does not answer is halved until the rest is answered.

use crate::grin::Barcode;
use crate::log::{CountedNoun, MOST_NAMED};
use crate::pipeline::task_services::TaskFault;

/// So many parts without any answer, of a batch of which no single book is answered either: GRIN is in trouble, not one of the books.
pub(super) const MOST_UNANSWERED: usize = 4;
/// Attempts for a part of a batch; the batch itself had all of them.
pub(super) const ATTEMPTS_A_PART: u32 = 2;
/// Parts asked for in a pass, or in the part of one that is taken from the catalog at a time.
const MOST_PARTS: usize = 128;

/// A batch, or a part of one, without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailedBatch {
    pub(super) barcodes: Vec<Barcode>,
    pub(super) why: String,
    /// One of its books may be the reason.
    pub(super) parts_may_be_answered: bool,
    /// GRIN answered, and named none of them: they wait, whoever is to blame.
    pub(super) unnamed: bool,
    /// It was a request by itself, not the rest of one.
    pub(super) was_asked: bool,
}

impl FailedBatch {
    pub(super) fn of(barcodes: Vec<Barcode>, fault: TaskFault) -> Self {
        Self {
            barcodes,
            why: fault.why,
            parts_may_be_answered: fault.parts_may_be_answered,
            unnamed: fault.unnamed,
            was_asked: true,
        }
    }

    /// The books of which an answer about `asked` says nothing, though it names others.
    fn rest(unnamed: Vec<Barcode>, asked: usize) -> Self {
        Self {
            why: format!("GRIN's answer names {} of {asked} books", asked - unnamed.len()),
            barcodes: unnamed,
            parts_may_be_answered: true,
            unnamed: true,
            was_asked: false,
        }
    }
}

/// An answer about some of the books that were asked for.
#[derive(Debug)]
pub(super) struct PartAnswer<T> {
    pub(super) answer: T,
    /// The others.
    pub(super) rest: Option<FailedBatch>,
}

impl<T> PartAnswer<T> {
    pub(super) fn new(answer: T, unnamed: Vec<Barcode>, asked: usize) -> Self {
        Self {
            answer,
            rest: (!unnamed.is_empty()).then(|| FailedBatch::rest(unnamed, asked)),
        }
    }
}

/// A book without an answer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnansweredBook {
    pub(super) barcode: Barcode,
    pub(super) why: String,
}

/// What came of halving.
#[derive(Debug)]
pub(super) struct BisectResult<T> {
    /// Answers of the parts.
    pub(super) answers: Vec<T>,
    /// Books to be put off: they have no answer by themselves, or there were too many parts to ask for each.
    pub(super) spoilers: Vec<UnansweredBook>,
    /// Why the rest was not asked for.
    pub(super) stopped: Option<String>,
}

impl<T> BisectResult<T> {
    /// What is not answered, in a sentence; `None`: nothing.
    pub(super) fn trouble(&self) -> Option<String> {
        let [first, others @ ..] = &self.spoilers[..] else {
            return self.stopped.clone();
        };
        let (UnansweredBook { barcode, why }, count) = (first, self.spoilers.len());
        if others.is_empty() {
            return Some(format!("no answer about {barcode}: {why}; requested again later"));
        }
        let named: Vec<_> = self
            .spoilers
            .iter()
            .take(MOST_NAMED)
            .map(|book| book.barcode.as_str())
            .collect();
        let more = if count > named.len() { ", …" } else { "" };
        Some(format!(
            "no answer about {} ({}{more}): {why}; requested again later",
            CountedNoun(count as u64, "book"),
            named.join(", ")
        ))
    }

    fn put_off(&mut self, part: FailedBatch) {
        let why = part.why;
        let books = part.barcodes.into_iter().map(|barcode| UnansweredBook {
            barcode,
            why: why.clone(),
        });
        self.spoilers.extend(books);
    }

    /// No part is answered: only books of which an answer said nothing are put off.
    fn stop(&mut self, parts: Vec<FailedBatch>, why: String) {
        self.stopped = Some(why);
        for part in parts.into_iter().filter(|part| part.unnamed) {
            self.put_off(part);
        }
    }
}

/// Halving the batches of one pass. A book is blamed only where others are answered.
#[derive(Debug)]
pub(super) struct BatchBisection {
    /// Some book was answered.
    answered: bool,
    /// Parts that may still be asked for.
    left: usize,
    /// GRIN answers nobody.
    everybodys: bool,
}

impl BatchBisection {
    /// Before anything is halved; `answered`: another batch was.
    pub(super) fn new(answered: bool) -> Self {
        Self {
            answered,
            left: MOST_PARTS,
            everybodys: false,
        }
    }

    /// Whether some book was answered.
    pub(super) fn answered(&self) -> bool {
        self.answered
    }

    /// Halves a batch, level by level, up to an answer after which nothing more is to be asked (`ends`).
    pub(super) async fn run<T>(
        &mut self,
        failed: FailedBatch,
        mut ask: impl AsyncFnMut(Vec<Barcode>) -> Result<PartAnswer<T>, FailedBatch>,
        ends: impl Fn(&T) -> bool,
    ) -> BisectResult<T> {
        let mut result = BisectResult {
            answers: Vec::new(),
            spoilers: Vec::new(),
            stopped: None,
        };
        let mut alone = Vec::new();
        let mut level = vec![failed];
        while let Some(first) = level.first() {
            let why = first.why.clone();
            if self.everybodys || !first.parts_may_be_answered {
                result.stop(level, why);
                return result;
            }
            let mut next = Vec::new();
            for part in std::mem::take(&mut level) {
                for half in self.halves(part, &mut alone) {
                    self.left = self.left.saturating_sub(1);
                    match ask(half).await {
                        Ok(PartAnswer { answer, rest }) => {
                            self.answered = true;
                            let is_last = ends(&answer);
                            result.answers.push(answer);
                            if is_last {
                                return result;
                            }
                            next.extend(rest);
                        }
                        Err(failed) if failed.parts_may_be_answered => next.push(failed),
                        Err(failed) => {
                            next.extend(alone);
                            result.stop(next, failed.why);
                            return result;
                        }
                    }
                }
            }
            if !self.answered && next.len() + alone.len() >= MOST_UNANSWERED {
                self.controls(&mut next, &mut ask, &mut result).await;
                self.everybodys = !self.answered;
            }
            if self.everybodys {
                next.append(&mut alone);
            }
            level = next;
        }
        if self.answered {
            alone.into_iter().for_each(|book| result.put_off(book));
        } else if let Some(why) = alone.first().map(|book| book.why.clone()) {
            result.stop(alone, why);
        }
        result
    }

    /// Asks for a single book of the first part and of the last: whether GRIN answers anybody.
    async fn controls<T>(
        &mut self,
        parts: &mut [FailedBatch],
        ask: &mut impl AsyncFnMut(Vec<Barcode>) -> Result<PartAnswer<T>, FailedBatch>,
        result: &mut BisectResult<T>,
    ) {
        let last = parts.len().saturating_sub(1);
        for (at, part) in parts.iter_mut().enumerate() {
            if (at != 0 && at != last) || part.barcodes.len() < 2 {
                continue;
            }
            let single = if at == 0 { 0 } else { part.barcodes.len() - 1 };
            if let Ok(answer) = ask(vec![part.barcodes[single].clone()]).await {
                self.answered = true;
                result.answers.push(answer.answer);
                part.barcodes.remove(single);
                part.was_asked = false;
            }
        }
    }

    /// The two halves of a part. A single book that was asked for, and what is beyond the parts that may be asked for, is noted instead.
    fn halves(&self, part: FailedBatch, noted: &mut Vec<FailedBatch>) -> Vec<Vec<Barcode>> {
        let is_last = part.barcodes.len() < 2 && part.was_asked;
        if is_last || self.left == 0 {
            noted.push(part);
            return Vec::new();
        }
        let mut left = part.barcodes;
        let right = left.split_off(left.len().div_ceil(2));
        [left, right].into_iter().filter(|half| !half.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
