//! Turns of a rate that several programs share: asked for in short slices, each a little ahead of its use.
//!
//! A turn is used from its time on, by the clock of whoever grants it, and until a little later; then it is lost. That clock is known here
//! only so well, so what it may be wrong by is kept free behind each slice: nobody else's turn is in it. So no two turns come nearer to
//! each other than the pace by more than [`LATENESS`] and [`CLOCK_UNSURE`], whichever member has them, however slow the source is, and
//! wherever a process stood still.

mod held_slice;
mod source_clock;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::actor::ActorRegistry;
use crate::actor::tasks::{self, TaskHandle};
use crate::log::{EndedTrouble, LastingTrouble};
use crate::session::SessionCounters;
use crate::session::turns::held_slice::{HeldSlice, TurnMoment};
use crate::session::turns::source_clock::SourceClock;

pub(super) use crate::session::turns::held_slice::{CLOCK_UNSURE, LATENESS};

/// How long one slice lasts, where the next one comes quickly.
const SLICE: Duration = Duration::from_millis(500);
/// No slice is asked for that begins later than this, and nothing longer is kept free behind one, however slow the source is.
const MOST_AHEAD: Duration = Duration::from_secs(10);
/// After which a source that gave nothing is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is shown that requests wait, while an answer of the source is out.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

/// After so much time without a request, it is not a source's silence of before that the next one waits for.
const IDLE: Duration = Duration::from_secs(60);

/// Turns granted to this program alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantedSlice {
    /// When they were granted, by the clock of whoever grants them.
    pub given_at: Duration,
    /// From then until the first of them.
    pub begins_in: Duration,
    /// How many.
    pub turns: u32,
    /// From one to the next.
    pub every: Duration,
    /// For how long nobody is to ask GRIN anything.
    pub closed_for: Duration,
}

/// Turns to be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedSlice {
    /// How many.
    pub turns: u32,
    /// From one to the next.
    pub every: Duration,
    /// The first of them is to be no sooner than so long after they are granted: the answer takes its time.
    pub ahead: Duration,
    /// For so long behind them nobody is to have a turn.
    pub behind: Duration,
}

/// Who divides the rate among all programs that ask GRIN for one library.
pub trait RateSource: Send + Sync {
    /// The next turns; else why it cannot tell now, in words.
    fn slice(&self, wanted: WantedSlice) -> LocalBoxFuture<'_, Result<GrantedSlice, String>>;
    /// GRIN asks everybody to pause for so long.
    fn closed(&self, pause: Duration) -> LocalBoxFuture<'_, ()>;
}

/// When the next request may be sent, as far as its turn goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextTurn {
    /// At once.
    Now,
    /// At this moment.
    At(Instant),
    /// The source has been asked; its answer is told by [`SharedTurns::answered`].
    Asked,
}

/// The turns this program holds.
pub(super) struct SharedTurns {
    source: Arc<dyn RateSource>,
    hub: ActorRegistry,
    counters: Arc<SessionCounters>,
    held: RefCell<VecDeque<HeldSlice>>,
    asking: Cell<bool>,
    /// How long the last two answers that granted turns took.
    trips: Cell<[Duration; 2]>,
    ask: RefCell<Option<TaskHandle<()>>>,
    telling: RefCell<Option<TaskHandle<()>>>,
    again_at: Cell<Option<Instant>>,
    trouble: RefCell<LastingTrouble>,
    /// Since when the source has given no turn that could be used.
    away_since: Cell<Option<Instant>>,
    demand: Cell<TurnDemand>,
    /// A pause that other programs were told of, not yet taken up.
    closed_until: Cell<Option<Instant>>,
    clock: RefCell<SourceClock>,
    answered: Notify,
}

/// Requests that wait for their turns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct TurnDemand {
    waiting: usize,
    /// When the first of them came, or one before it after which there was no long time without any.
    since: Option<Instant>,
    /// When there was none any more.
    ended: Option<Instant>,
}

impl TurnDemand {
    fn joined(self, now: Instant) -> Self {
        let goes_on = self.waiting > 0 || self.ended.is_some_and(|ended| now - ended < IDLE);
        Self {
            waiting: self.waiting + 1,
            since: self.since.filter(|_| goes_on).or(Some(now)),
            ended: None,
        }
    }

    fn left(self, now: Instant) -> Self {
        let waiting = self.waiting.saturating_sub(1);
        Self {
            waiting,
            ended: (waiting == 0).then_some(now),
            ..self
        }
    }
}

/// A request that waits for its turn.
pub(super) struct WaitingRequest(Rc<SharedTurns>);

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        let demand = self.0.demand.get().left(Instant::now());
        self.0.demand.set(demand);
        if demand.waiting == 0 {
            // Nobody waits, so nobody misses a turn.
            self.0.counters.turns_missing.store(false, Relaxed);
        }
    }
}

/// How long is kept free behind a slice: what the source's clock will be unsure by when it comes, and a little more. That is no more than
/// it is now, nor than answers take.
fn behind(unsure: Duration, [before, last]: [Duration; 2]) -> Duration {
    let unsure = unsure.min(before.max(last));
    (unsure * 9 / 8).saturating_sub(CLOCK_UNSURE).min(MOST_AHEAD)
}

/// How far ahead the next slice is asked for, by how long the last two answers took: so that a source that is always slow does not
/// grant what is over when its answer comes, and one that was slow once keeps nobody waiting.
fn ahead([before, last]: [Duration; 2]) -> Duration {
    before.min(last).min(MOST_AHEAD)
}

impl SharedTurns {
    pub(super) fn new(source: Arc<dyn RateSource>, hub: &ActorRegistry, counters: &Arc<SessionCounters>) -> Rc<Self> {
        Rc::new(Self {
            source,
            hub: hub.clone(),
            counters: Arc::clone(counters),
            held: RefCell::default(),
            asking: Cell::default(),
            trips: Cell::default(),
            ask: RefCell::default(),
            telling: RefCell::default(),
            again_at: Cell::default(),
            trouble: RefCell::default(),
            away_since: Cell::default(),
            demand: Cell::default(),
            closed_until: Cell::default(),
            clock: RefCell::new(SourceClock::new()),
            answered: Notify::new(),
        })
    }

    /// When the next turn is; asks for more where few are left. To be called only by who has a request to send.
    pub(super) fn next(self: &Rc<Self>, every: Duration) -> NextTurn {
        let now = TurnMoment::now();
        let (next, is_low) = self.look(now);
        let now = now.at;
        if is_low {
            match self.again_at.get().filter(|at| *at > now) {
                Some(again) if next.is_none() => return NextTurn::At(again),
                Some(_) => {}
                None => self.ask(every),
            }
        }
        match next {
            Some(at) if at > now => NextTurn::At(at),
            Some(_) => NextTurn::Now,
            None => NextTurn::Asked,
        }
    }

    /// Uses the turn that [`SharedTurns::next`] told of.
    pub(super) fn take(&self) {
        if let Some(slice) = self.held.borrow_mut().front_mut() {
            slice.pass_one();
        }
    }

    /// Completes at the next answer of the source.
    pub(super) async fn answered(&self) {
        self.answered.notified().await;
    }

    /// Counts a request that waits for its turn, until what is returned is dropped.
    pub(super) fn wait(self: &Rc<Self>) -> WaitingRequest {
        self.demand.set(self.demand.get().joined(Instant::now()));
        WaitingRequest(Rc::clone(self))
    }

    /// Since when requests wait for a source that gives nothing.
    pub(super) fn away_since(&self) -> Option<Instant> {
        let away_since = self.away_since.get()?;
        Some(away_since).max(self.demand.get().since)
    }

    /// Until when other programs were told to pause, once for each answer.
    pub(super) fn take_pause(&self) -> Option<Instant> {
        self.closed_until.take()
    }

    /// Turns at another pace are asked for from now on.
    pub(super) fn forget(&self) {
        self.held.borrow_mut().clear();
        self.ask.take();
        self.asking.set(false);
        self.answered.notify_waiters();
    }

    /// Tells all others of a pause.
    pub(super) fn tell_closed(self: &Rc<Self>, pause: Duration) {
        let source = Arc::clone(&self.source);
        let telling = tasks::spawn(&self.hub, "rate_closed", async move { source.closed(pause).await });
        self.telling.replace(Some(telling));
    }

    /// The time of the next turn, and whether half of what was granted last is used.
    fn look(&self, now: TurnMoment) -> (Option<Instant>, bool) {
        let mut held = self.held.borrow_mut();
        while let Some(slice) = held.front_mut() {
            slice.forget_lost(now);
            if slice.left > 0 {
                break;
            }
            held.pop_front();
        }
        let is_low = held.len() < 2 && held.front().is_none_or(HeldSlice::is_low);
        (held.front().map(|slice| slice.next), is_low)
    }

    fn ask(self: &Rc<Self>, every: Duration) {
        if self.asking.replace(true) {
            return;
        }
        let (ahead, behind) = (
            ahead(self.trips.get()),
            behind(self.clock.borrow().unsure(), self.trips.get()),
        );
        let lasts = SLICE.max(ahead * 2).max(behind * 2);
        let turns = lasts.as_nanos().div_ceil(every.as_nanos().max(1));
        let turns = u32::try_from(turns).unwrap_or(u32::MAX).max(1);
        let wanted = WantedSlice {
            turns,
            every,
            ahead,
            behind,
        };
        let (this, source) = (Rc::downgrade(self), Arc::clone(&self.source));
        let asked = TurnMoment::now();
        self.away_since.set(self.away_since.get().or(Some(asked.at)));
        let asking = tasks::spawn(&self.hub, "rate_slice", async move {
            let mut answer = source.slice(wanted);
            let slice = loop {
                if let Ok(slice) = timeout(SHOWN_EVERY, &mut answer).await {
                    break slice;
                }
                this.upgrade().inspect(|this| this.show());
            };
            this.upgrade().inspect(|this| this.note(slice, behind, asked));
        });
        self.ask.replace(Some(asking));
    }

    fn note(&self, slice: Result<GrantedSlice, String>, behind: Duration, asked: TurnMoment) {
        let now = TurnMoment::now();
        let answered = now.at;
        self.asking.set(false);
        match slice {
            Ok(slice) => {
                self.again_at.take();
                let ended = self.trouble.borrow_mut().over();
                if let Some(EndedTrouble { cause, seconds }) = ended {
                    tracing::warn!(
                        cause,
                        seconds,
                        "the catalog grants turns of grin.requests_per_second again"
                    );
                }
                let [_, before] = self.trips.get();
                self.trips.set([before, answered - asked.at]);
                let given = self.clock.borrow_mut().moment(slice.given_at, asked.at, answered);
                let held = HeldSlice::new(slice, behind, given, [asked, now]);
                self.held.borrow_mut().extend((held.left > 0).then_some(held));
                // Turns that were over before they came are none.
                if self.look(now).0.is_some() {
                    self.away_since.set(None);
                }
                if !slice.closed_for.is_zero() {
                    self.closed_until.set(Some(answered + slice.closed_for));
                }
            }
            Err(cause) => {
                self.again_at.set(Some(answered + ASK_AGAIN));
                if self.trouble.borrow_mut().met(&cause) {
                    tracing::warn!(
                        cause,
                        "the catalog grants no turns of grin.requests_per_second: requests to GRIN wait for it"
                    );
                }
            }
        }
        self.show();
        self.answered.notify_waiters();
    }

    /// Shows whether requests wait and there is no turn for any.
    fn show(&self) {
        let is_missed = self.demand.get().waiting > 0 && self.look(TurnMoment::now()).0.is_none();
        self.counters.turns_missing.store(is_missed, Relaxed);
    }
}

#[cfg(test)]
mod tests;
