//! Everything one session owner works with, and what goes on in it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::actor::ActorRegistry;
use crate::actor::tasks::TaskHandle;
use crate::clock::SystemClock;
use crate::session::bandwidth::BandwidthLimiter;
use crate::session::bulk_window::{BulkSign, BulkWindow};
use crate::session::in_flight::{InFlight, InFlightGuard};
use crate::session::net::SessionNet;
use crate::session::pacer::RequestPacer;
use crate::session::permits::RequestPermits;
use crate::session::token::TokenKeeper;
use crate::session::turns::SharedTurns;
use crate::session::{MinimumSpeed, RateSource, SessionConfig, SessionCounters, SessionError};

/// Everything one session owner works with; lives on its thread.
pub(super) struct SessionEngine {
    config: SessionConfig,
    minimum_speed: Cell<MinimumSpeed>,
    pub(super) net: SessionNet,
    pub(super) permits: RequestPermits,
    pub(super) pacer: RequestPacer,
    pub(super) bandwidth: BandwidthLimiter,
    window: Cell<BulkWindow>,
    pub(super) keeper: TokenKeeper,
    pub(super) counters: Arc<SessionCounters>,
    hub: ActorRegistry,
    pumps: RefCell<HashMap<u64, TaskHandle<()>>>,
    next_pump: Cell<u64>,
    housekeeping: RefCell<Option<TaskHandle<()>>>,
    in_flight: Rc<InFlight>,
    /// Closes going on.
    closing: Cell<usize>,
    cut: RefCell<CancellationToken>,
}

impl SessionEngine {
    pub(super) fn new(
        config: SessionConfig,
        rate: Option<Arc<dyn RateSource>>,
        hub: &ActorRegistry,
        counters: &Arc<SessionCounters>,
    ) -> Result<Rc<Self>, SessionError> {
        let turns = rate.map(|rate| SharedTurns::new(rate, hub, counters));
        let window = BulkWindow::new(config.bulk_most.min(config.limits.limit));
        let engine = Rc::new(Self {
            minimum_speed: Cell::new(config.minimum_speed),
            net: SessionNet::new(&config, counters)?,
            permits: RequestPermits::new(&config.limits, &config.state_limits, counters),
            pacer: RequestPacer::new(config.requests_per_second, turns, counters),
            bandwidth: BandwidthLimiter::new(config.bandwidth.clone(), SystemClock::system(), counters),
            window: Cell::new(window),
            keeper: TokenKeeper::new(config.tokens.clone(), counters),
            counters: Arc::clone(counters),
            hub: hub.clone(),
            pumps: RefCell::default(),
            next_pump: Cell::new(0),
            housekeeping: RefCell::default(),
            in_flight: Rc::default(),
            closing: Cell::new(0),
            cut: RefCell::default(),
            config,
        });
        engine.set_window(window);
        Ok(engine)
    }

    /// Takes a sign of how GRIN copes with the archives that are asked for; whether it has narrowed the window.
    pub(super) fn note_bulk(&self, sign: BulkSign) -> bool {
        let before = self.window.get();
        if sign == BulkSign::Bytes && !before.is_narrowed() {
            return false;
        }
        let after = before.after(sign, Instant::now());
        if after == before {
            return false;
        }
        self.set_window(after);
        let is_narrower = after.is_narrower_than(before);
        let (before, places) = (before.places(), after.places());
        if places < before {
            tracing::warn!(
                before,
                places,
                "GRIN cannot keep up: fewer archives are fetched at once"
            );
        } else if places > before {
            tracing::info!(before, places, "GRIN keeps up: more archives are fetched at once");
        }
        is_narrower
    }

    pub(super) fn resize_window(&self, most: usize) {
        self.set_window(self.window.get().resized(most.min(self.config.limits.limit)));
    }

    fn set_window(&self, window: BulkWindow) {
        self.window.set(window);
        self.permits.set_bulk_places(window.places());
        self.counters.set_window(window);
    }

    pub(super) fn minimum_speed(&self) -> MinimumSpeed {
        self.minimum_speed.get()
    }

    pub(super) fn set_minimum_speed(&self, speed: MinimumSpeed) {
        self.minimum_speed.set(speed);
    }

    pub(super) fn resume_attempts(&self) -> u32 {
        self.config.resume_attempts
    }

    pub(super) fn config(&self) -> &SessionConfig {
        &self.config
    }

    pub(super) fn in_flight(&self) -> &Rc<InFlight> {
        &self.in_flight
    }

    /// Cancelled when the grace of a close is over.
    pub(super) fn cut_token(&self) -> CancellationToken {
        self.cut.borrow().clone()
    }

    /// Cuts what goes on now; what begins later is not concerned.
    pub(super) fn cut_all(&self) {
        self.cut.take().cancel();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get() > 0
    }

    /// Lets nothing new in from here on, until the last close has ended.
    pub(super) fn begin_closing(&self) {
        self.closing.set(self.closing.get() + 1);
    }

    pub(super) fn end_closing(&self) {
        self.closing.set(self.closing.get() - 1);
    }

    /// Takes part in what goes on, unless the session is closing.
    pub(super) fn begin_request(&self) -> Result<InFlightGuard, SessionError> {
        if self.is_closing() {
            return Err(SessionError::Closed);
        }
        Ok(InFlightGuard::begin(&self.in_flight, &self.counters))
    }

    /// Runs a body's pump until it has ended.
    pub(super) fn run_pump(self: &Rc<Self>, pump: crate::session::stream::BodyPump) {
        let number = self.next_pump.get();
        self.next_pump.set(number + 1);
        let engine = Rc::clone(self);
        let task = crate::actor::tasks::spawn(&self.hub, "body_pump", async move {
            pump.run().await;
            engine.pumps.borrow_mut().remove(&number);
        });
        self.pumps.borrow_mut().insert(number, task);
    }

    /// Runs what goes on as long as the engine does.
    pub(super) fn run_in_background(&self, work: impl Future<Output = ()> + 'static) {
        self.housekeeping
            .borrow_mut()
            .replace(crate::actor::tasks::spawn(&self.hub, "session_housekeeping", work));
    }
}
