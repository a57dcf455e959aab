//! May work be started? One circuit breaker for each thing the work depends on.
//!
//! A breaker is closed while all is well. Trouble opens it: no book is begun before the pause is over, and then one alone, the
//! *probe*. The probe's success closes the breaker, its failure makes the next pause longer. Trouble counts once an incident: books
//! that were already on their way when it began fail too, and lengthen nothing. The probe is a book that had no part in opening the
//! breaker, so that one book that always fails cannot keep the others waiting; only where no other book can be had does one of them
//! serve: the next attempt comes after three seconds at most then.
//!
//! Where GRIN answers, and the answer may concern the book alone (a refusal, a server error, bytes that are no archive), a probe that
//! fails counts against that book: the next book is the next probe after three seconds at most, until 200 different books were refused
//! without one success. Only then GRIN refuses everybody: a run that ends by itself gives up (after ten minutes, with the default
//! back-off), and the daemon probes as seldom as in any outage. A book that was refused before says nothing of others any more: it does
//! not count among the 200, and the next book is tried after the same pause. After 200 such, too, the daemon probes as seldom as in
//! any outage; a run that ends by itself gives up after some of them if no archive was served at all.

mod breaker;
mod early_probe;
mod grin_silence;
mod refused;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::intake::breaker::{
    BreakerTrouble, CircuitBreaker, FailedProbe, ProbeFailures, ProbeNews, is_everybodys,
};
use crate::pipeline::intake::early_probe::EarlyProbes;
use crate::pipeline::intake::refused::RefusalMemory;
use crate::pipeline::intake::series::FailureSeries;
use crate::pipeline::policy::{BookFault, FaultOutlook, longest_wait_once};
use crate::session::RetryBackoff;
use crate::vocabulary::{Blame, BookOutcome, FailureReason, WaitCause, WaitReason};

pub use grin_silence::{GrinSilence, unnoticed_wait};

/// An archive that was served so long ago says nothing of today's refusals.
const SERVED_LATELY: Duration = Duration::from_hours(24);

/// What the intake goes by.
#[derive(Debug, Clone)]
pub struct IntakeConfig {
    /// Waits between probes.
    pub backoff: RetryBackoff,
    /// So many different books must fail in a row before a fault that may be a book's counts as everybody's.
    pub series: usize,
    /// The run ends by itself, so it does not wait for ever.
    pub once: bool,
}

/// Whether a book may be begun now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntakeDecision {
    /// As many as there are places.
    Open,
    /// One, which has to be none of [`BookIntake::openers`] if another can be had.
    Probe,
    /// None before this moment; `None`: before the probe under way has ended.
    Closed(Option<Instant>),
    /// The run gives up waiting (`--once`).
    GiveUp,
}

/// All breakers of a run.
#[derive(Debug)]
pub struct BookIntake {
    config: IntakeConfig,
    breakers: BTreeMap<WaitCause, CircuitBreaker>,
    series: BTreeMap<WaitCause, FailureSeries>,
    refused: RefusalMemory,
    /// The look at the disk found room and was believed; since then nothing was stored.
    disk_was_believed: bool,
    /// What came of a book could not be recorded. Nothing that answers or is stored later shows that more would be.
    unrecordable: Option<CircuitBreaker>,
    /// Books that are worked on, and since when.
    at_work: BTreeMap<Barcode, Instant>,
    probe: Option<Barcode>,
    early: EarlyProbes,
    last_answer: Option<Instant>,
    last_stored: Option<Instant>,
    /// When an archive was last stored, or found to be the one that is stored.
    last_served: Option<Instant>,
}

impl BookIntake {
    /// An intake with all breakers closed.
    pub fn new(config: IntakeConfig) -> Self {
        Self {
            config,
            breakers: BTreeMap::new(),
            series: BTreeMap::new(),
            refused: RefusalMemory::default(),
            disk_was_believed: false,
            unrecordable: None,
            at_work: BTreeMap::new(),
            probe: None,
            early: EarlyProbes::default(),
            last_answer: None,
            last_stored: None,
            last_served: None,
        }
    }

    /// Takes over limits.
    pub fn configure(&mut self, config: IntakeConfig) {
        self.config = config;
    }

    /// May a book be begun?
    pub fn decide(&self, now: Instant) -> IntakeDecision {
        if self.config.once && (self.unrecordable.is_some() || self.breakers.values().any(CircuitBreaker::is_hopeless))
        {
            return IntakeDecision::GiveUp;
        }
        match self.breakers.values().map(|breaker| breaker.until).max() {
            None => IntakeDecision::Open,
            Some(until) if until > now => IntakeDecision::Closed(Some(until)),
            Some(_) if self.probe.is_some() => IntakeDecision::Closed(None),
            Some(_) => IntakeDecision::Probe,
        }
    }

    /// Books whose failures opened a breaker: none of them is the probe while another book can be had.
    pub fn openers(&self) -> Vec<Barcode> {
        let all: BTreeSet<_> = self.breakers.values().flat_map(|breaker| &breaker.openers).collect();
        all.into_iter().cloned().collect()
    }

    /// A breaker of this cause is open.
    pub fn is_open(&self, cause: WaitCause) -> bool {
        self.breakers.contains_key(&cause)
    }

    /// When another book last succeeded in what a book with this fault failed in. A catalog that was away, and a claim lost by that,
    /// is never one book's trouble, however well others fared meanwhile.
    pub fn last_good(&self, fault: &BookFault) -> Option<Instant> {
        match (fault.reason, fault.blame) {
            (FailureReason::Catalog | FailureReason::ClaimLost, _) => None,
            (_, Blame::Book | Blame::Path) => self.last_answer,
            (_, Blame::Operator | Blame::Us) => self.last_stored,
        }
    }

    /// A book is begun. While any breaker is open it is the probe.
    pub fn begun(&mut self, barcode: &Barcode, now: Instant) {
        self.at_work.insert(barcode.clone(), now);
        if !self.breakers.is_empty() {
            self.probe = Some(barcode.clone());
        }
    }

    /// A book's run ended, whatever came of it.
    pub fn ended(&mut self, barcode: &Barcode) {
        self.at_work.remove(barcode);
        if self.probe.as_ref() == Some(barcode) {
            self.probe = None;
        }
    }

    /// A run came to an end that is no fault. Returns the other books that were refused in the same trouble as this one, which is
    /// served now: it was everybody's.
    pub fn succeeded(&mut self, barcode: &Barcode, outcome: BookOutcome, now: Instant) -> Vec<Barcode> {
        let began = self.at_work.get(barcode).copied().unwrap_or(now);
        match outcome {
            BookOutcome::Stored => {
                let cleared = self.archive_served(barcode, began, now);
                self.disk_was_believed = false;
                // Everything was needed for it, and everything worked: what it asks first, when it began.
                self.breakers.retain(|cause, breaker| breaker.stays_open(*cause, began));
                self.series.clear();
                (self.last_answer, self.last_stored) = (Some(now), Some(now));
                cleared
            }
            BookOutcome::UpToDate => {
                self.grin_answered(now);
                self.archive_served(barcode, began, now)
            }
            BookOutcome::NotConverted => {
                self.refused.forget(barcode);
                self.grin_answered(now);
                Vec::new()
            }
            BookOutcome::Retry | BookOutcome::Released | BookOutcome::Failed => Vec::new(),
        }
    }

    fn archive_served(&mut self, barcode: &Barcode, began: Instant, now: Instant) -> Vec<Barcode> {
        self.last_served = Some(now);
        self.refused.served(barcode, began)
    }

    /// When an archive was last stored, or found to be the one that is stored.
    pub fn last_served(&self) -> Option<Instant> {
        self.last_served
    }

    fn are_others_served(&self, now: Instant) -> bool {
        self.last_served.is_some_and(|served| now - served < SERVED_LATELY)
    }

    /// GRIN answered: the way there is open. Of downloads that says nothing, so their series stand.
    fn grin_answered(&mut self, now: Instant) {
        self.last_answer = Some(now);
        for cause in [WaitCause::Grin, WaitCause::Token, WaitCause::SignIn] {
            self.close(cause);
        }
    }

    /// What a breaker waits for answers again (a call to the catalog).
    pub fn answered(&mut self, cause: WaitCause) {
        self.breakers.remove(&cause);
    }

    /// A look at the disk finds room, where there was none before. That is believed once: where books fail all the same, for a
    /// quota or for a file too large for what is free, only one that is stored shows that there is room.
    pub fn disk_has_room(&mut self) {
        if self.disk_was_believed {
            return;
        }
        self.disk_was_believed = true;
        self.close(WaitCause::Disk);
    }

    /// A book's run ended by a fault.
    pub fn failed(&mut self, barcode: &Barcode, fault: &BookFault, now: Instant, rng: &mut impl Rng) {
        if fault.blame == Blame::Book || fault.cause == Some(WaitCause::Failures) {
            self.grin_answered(now);
        }
        if fault.was_not_sent() {
            self.asked_to_wait(fault, now);
            return;
        }
        self.gate_was_passed(fault, now);
        if fault.cause.is_some_and(|cause| self.is_open(cause)) {
            self.failed_while_open(barcode, fault, now, rng);
        } else {
            self.add_to_series(barcode, fault, now, rng);
        }
    }

    /// A book failed by that for which a breaker is open already.
    fn failed_while_open(&mut self, barcode: &Barcode, fault: &BookFault, now: Instant, rng: &mut impl Rng) {
        let failure = FailedProbe {
            may_be_one_books: fault.may_be_one_books(),
            refused_before: fault.may_be_one_books() && self.refused.was_refused(barcode, fault.reason),
            others_served: self.are_others_served(now),
            once: self.config.once,
        };
        let is_probe = self.probe.as_ref() == Some(barcode);
        let open = fault
            .cause
            .and_then(|cause| Some((cause, self.breakers.get_mut(&cause)?)));
        let Some((cause, breaker)) = open else { return };
        breaker.only_a_write_tells |= cause == WaitCause::Disk && self.disk_was_believed;
        let was_opener = breaker.add_opener(barcode, fault);
        let backoff = &self.config.backoff;
        match is_probe
            .then(|| breaker.note_probe(failure, barcode, was_opener))
            .flatten()
        {
            None => {}
            Some(ProbeNews::StillSo) => breaker.pause_briefly(backoff, now, rng),
            Some(_) => {
                breaker.give_up_after(longest_wait_once(backoff), now);
                breaker.lengthen(cause, backoff, now, rng);
            }
        }
        let began = self.at_work.get(barcode).filter(|_| is_probe);
        if began.is_some_and(|began| self.early.are_wanted_since(*began)) {
            self.probe_early(now);
        }
    }

    /// A book failed by that for which no breaker is open yet: one that was refused before this series tells nothing new.
    fn add_to_series(&mut self, barcode: &Barcode, fault: &BookFault, now: Instant, rng: &mut impl Rng) {
        let Some(cause) = fault.cause else { return };
        let is_new = !fault.may_be_one_books() || !self.refused.was_refused(barcode, fault.reason);
        let others_served = self.are_others_served(now);
        let series = self.series.entry(cause).or_default();
        if !series.add(barcode, is_new) {
            return;
        }
        if is_everybodys(fault, cause) {
            self.open(cause, BreakerTrouble::of(fault), now, rng);
        } else if let Some(how_many) = series.everybodys_extent(fault, self.config.series.max(1), &self.at_work) {
            let (reason, detail) = (fault.reason, &fault.detail);
            let needs_person = match cause {
                WaitCause::Passphrase => true,
                WaitCause::SignIn => fault.needs_person || !others_served,
                _ => fault.needs_person,
            };
            let trouble = BreakerTrouble {
                why: format!("{how_many} failed, the last one with {reason}: {detail}"),
                needs_person,
                ..BreakerTrouble::of(fault)
            };
            self.open(cause, trouble, now, rng);
        }
    }

    /// GRIN wants no request for so long: nothing is begun before, and a run that ends by itself gives up if that takes longer than
    /// any wait of such a run.
    fn asked_to_wait(&mut self, fault: &BookFault, now: Instant) {
        let wait = fault.asked_wait.unwrap_or_default();
        let longest = longest_wait_once(&self.config.backoff);
        let gate = self.breakers.entry(WaitCause::Gate);
        let gate = gate.or_insert_with(|| CircuitBreaker::new(BreakerTrouble::of(fault), now));
        gate.until = gate.until.max(now + wait);
        gate.hopeless |= wait > longest || fault.outlook == FaultOutlook::Same;
    }

    /// A fault that a request met shows that the wait that GRIN asked for is over.
    fn gate_was_passed(&mut self, fault: &BookFault, now: Instant) {
        let is_over = |gate: &CircuitBreaker| gate.until <= now;
        if matches!(fault.blame, Blame::Book | Blame::Path) && self.breakers.get(&WaitCause::Gate).is_some_and(is_over)
        {
            self.breakers.remove(&WaitCause::Gate);
        }
    }

    /// What came of a book could not be recorded in all its time: a run that ends by itself begins no other one.
    pub fn gave_up_recording(&mut self, fault: &BookFault, now: Instant) {
        self.unrecordable = Some(CircuitBreaker::new(BreakerTrouble::of(fault), now));
    }

    /// A call that every book needs failed (the catalog), or a look at what a breaker waits for (the disk).
    pub fn call_failed(&mut self, fault: &BookFault, now: Instant, rng: &mut impl Rng) {
        let Some(cause) = fault.cause else { return };
        if cause == WaitCause::Disk {
            // A look that says so itself is believed again when it finds room.
            self.disk_was_believed = false;
        }
        let is_new = !self.is_open(cause);
        if is_new {
            self.open(cause, BreakerTrouble::of(fault), now, rng);
        }
        let backoff = &self.config.backoff;
        let Some(breaker) = self.breakers.get_mut(&cause) else {
            return;
        };
        breaker.only_a_write_tells = false;
        // Several calls of one moment are one incident.
        if !is_new && breaker.until <= now {
            breaker.note_failed_probe(false);
            breaker.give_up_after(longest_wait_once(backoff), now);
            breaker.lengthen(cause, backoff, now, rng);
        }
        breaker.hopeless |= fault.outlook == FaultOutlook::Same;
    }

    /// What the intake waits for, or gives up for: the breaker that opens last, unless nothing can be recorded.
    pub fn waiting(&self, now: Instant, wall: Timestamp) -> Option<WaitReason> {
        let unrecordable = self.unrecordable.as_ref().filter(|_| self.config.once);
        let last = || self.breakers.iter().max_by_key(|(_, breaker)| breaker.until);
        let (cause, breaker) = unrecordable.map(|why| (&WaitCause::Catalog, why)).or_else(last)?;
        let since = wall.checked_sub(now.duration_since(breaker.since)).unwrap_or(wall);
        Some(WaitReason {
            until: wall.checked_add(breaker.until.saturating_duration_since(now)).ok(),
            needs_person: breaker.needs_person,
            ..WaitReason::new(*cause, breaker.why.clone(), since)
        })
    }

    /// No book is left of which GRIN could refuse the archive: nothing waits for it, and nothing would ever show that it is over.
    pub fn no_book_is_left(&mut self) {
        self.close(WaitCause::Failures);
    }

    fn close(&mut self, cause: WaitCause) {
        if let Some(breaker) = self.breakers.remove(&cause) {
            self.series.entry(cause).or_default().before = Some((breaker.since, breaker.failures));
        }
    }

    fn open(&mut self, cause: WaitCause, trouble: BreakerTrouble, now: Instant, rng: &mut impl Rng) {
        let series = self.series.entry(cause).or_default();
        let (since, failures) = series.before.take().unwrap_or((now, ProbeFailures::default()));
        let may_be_one_books = trouble.may_be_one_books;
        let mut breaker = CircuitBreaker::new(trouble, now);
        breaker.since = since;
        breaker.failures = failures;
        breaker.openers = series.take_books();
        breaker.only_a_write_tells = cause == WaitCause::Disk && self.disk_was_believed;
        breaker.note_failed_probe(may_be_one_books);
        breaker.lengthen(cause, &self.config.backoff, now, rng);
        self.breakers.insert(cause, breaker);
    }
}

#[cfg(test)]
mod tests;
