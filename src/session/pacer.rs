//! So many requests a second to GRIN and no more, one after another through one gate.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

use crate::session::gate::RequestGate;
use crate::session::turns::{CLOCK_UNSURE, LATENESS, NextTurn, SharedTurns};
use crate::session::{SessionCounters, SessionError, TimeoutPhase};

/// No time of this length has more requests than the rate allows in it.
const WINDOW: Duration = Duration::from_secs(5);
/// One request may take so much longer to GRIN than another.
const UNEVEN_WAY: Duration = Duration::from_millis(50);
/// Two requests may come nearer to each other by so much than their turns are: one uses its turn late, another comes quickly, and
/// clocks of several members are known only so well.
const UNEVENNESS: Duration = LATENESS.saturating_add(CLOCK_UNSURE).saturating_add(UNEVEN_WAY);

/// Spaces requests evenly (burst 1) and keeps the gate. Who is cancelled while waiting uses up nothing.
pub(super) struct RequestPacer {
    /// Held by the one whose turn is next; fair, so turns are taken in order.
    turn: Mutex<Option<Instant>>,
    interval: Cell<Duration>,
    changed: Notify,
    gate: RequestGate,
    /// Where others ask GRIN too, the turns granted to this program; `None`: the pace is its own.
    shared: Option<Rc<SharedTurns>>,
    /// Longest wait at the gate, in all pauses that follow one another; `None`: as long as GRIN asks.
    longest_pause: Cell<Option<Duration>>,
    counters: Arc<SessionCounters>,
}

impl RequestPacer {
    pub(super) fn new(
        requests_per_second: f64,
        shared: Option<Rc<SharedTurns>>,
        counters: &Arc<SessionCounters>,
    ) -> Self {
        Self {
            turn: Mutex::new(None),
            interval: Cell::new(interval(requests_per_second)),
            changed: Notify::new(),
            gate: RequestGate::default(),
            shared,
            longest_pause: Cell::new(None),
            counters: Arc::clone(counters),
        }
    }

    /// Waits for the gate and for the pace.
    ///
    /// # Errors
    /// The gate stays closed, or nobody grants a turn, for longer than anybody is to wait.
    pub(super) async fn pass(&self) -> Result<(), SessionError> {
        if self.interval.get().is_zero() && self.gate.closed_until().is_none() {
            return Ok(());
        }
        let began = Instant::now();
        let _waiting = self.paced_by_others().map(SharedTurns::wait);
        let mut last = self.turn.lock().await;
        loop {
            let next = self.next_turn(*last);
            self.check_pause()?;
            let due = match next {
                NextTurn::Now => break,
                NextTurn::At(due) => Some(due),
                NextTurn::Asked => None,
            };
            let patience = self.check_source()?;
            let held_back = self.is_held_back(next).then(Instant::now);
            tokio::select! {
                () = until(due.or(patience)) => {}
                () = self.changed.notified() => {}
                () = answered(self.shared.as_deref()) => {}
            }
            if let Some(since) = held_back {
                self.counters.held_back(since.elapsed());
            }
        }
        if let Some(shared) = self.paced_by_others() {
            shared.take();
        }
        *last = Some(Instant::now());
        self.counters.pace_wait.observe(began.elapsed());
        Ok(())
    }

    /// Whether the first of all that wait has nothing to wait for but its turn.
    fn is_held_back(&self, next: NextTurn) -> bool {
        let is_kept = self.gate.closed_until().is_some() || self.counters.turns_missing.load(Relaxed);
        matches!(next, NextTurn::At(_)) && !is_kept
    }

    /// # Errors
    /// As [`RequestPacer::pass`].
    pub(super) fn check_pause(&self) -> Result<(), SessionError> {
        let held_back = self.gate.held_back();
        match self.longest_pause.get() {
            Some(longest) if held_back.is_some_and(|held| held > longest) => Err(SessionError::Throttled {
                status: self.gate.closed_by(),
                retry_after: self.gate.closed_until().map(|until| until - Instant::now()),
                longest: Some(longest),
            }),
            _ => Ok(()),
        }
    }

    /// Until when a source that grants nothing is waited for, if there is a bound.
    ///
    /// # Errors
    /// It has been waited for long enough.
    fn check_source(&self) -> Result<Option<Instant>, SessionError> {
        let away = self.paced_by_others().and_then(|shared| shared.away_since());
        let Some(until) = away
            .zip(self.longest_pause.get())
            .map(|(since, longest)| since + longest)
        else {
            return Ok(None);
        };
        if until <= Instant::now() {
            return Err(SessionError::Timeout {
                phase: TimeoutPhase::Wait,
            });
        }
        Ok(Some(until))
    }

    /// Nobody waits longer at the gate from now on.
    pub(super) fn set_longest_pause(&self, longest: Duration) {
        self.longest_pause.set(Some(longest));
        self.changed.notify_waiters();
    }

    /// Another pace from now on, also for those who wait already.
    pub(super) fn set_rate(&self, requests_per_second: f64) {
        if self.interval.replace(interval(requests_per_second)) != self.interval.get()
            && let Some(shared) = &self.shared
        {
            shared.forget();
        }
        self.changed.notify_waiters();
    }

    /// Closes the gate after a refusal that speaks for all of GRIN.
    pub(super) fn refused(&self, sent: Instant, status: u16, retry_after: Option<Duration>) -> Duration {
        let pause = self.closed_for(self.gate.refused(sent, status, retry_after));
        if let Some(shared) = &self.shared {
            shared.tell_closed(pause);
        }
        pause
    }

    /// Tells everybody for how long the gate is closed now.
    fn closed_for(&self, wait: Duration) -> Duration {
        self.counters.set_gate(wait, self.gate.closed_by());
        self.changed.notify_waiters();
        wait
    }

    /// Notes that GRIN answers again.
    pub(super) fn accepted(&self, sent: Instant) {
        self.gate.accepted(sent);
    }

    /// When the next request may be sent. Nobody is asked for turns while the gate is closed.
    fn next_turn(&self, last: Option<Instant>) -> NextTurn {
        let shared = self.paced_by_others();
        if let Some(until) = shared.and_then(|shared| shared.take_pause()) {
            self.closed_for(self.gate.closed_elsewhere(until));
        }
        if let Some(until) = self.gate.closed_until() {
            return NextTurn::At(until);
        }
        if let Some(shared) = shared {
            return shared.next(self.interval.get());
        }
        let due = last.map(|last| last + self.interval.get());
        due.filter(|due| *due > Instant::now())
            .map_or(NextTurn::Now, NextTurn::At)
    }

    fn paced_by_others(&self) -> Option<&Rc<SharedTurns>> {
        self.shared.as_ref().filter(|_| !self.interval.get().is_zero())
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn answered(shared: Option<&SharedTurns>) {
    match shared {
        Some(shared) => shared.answered().await,
        None => std::future::pending().await,
    }
}

/// Time between two turns; zero when they are not paced. Turns are a little further apart than the rate's reciprocal, so that a
/// [`WINDOW`] holds no more requests than the rate allows although some come later after their turn than others.
fn interval(requests_per_second: f64) -> Duration {
    if requests_per_second > 0.0 && requests_per_second.is_finite() {
        let stretch = 1.0 + UNEVENNESS.as_secs_f64() / WINDOW.as_secs_f64();
        Duration::try_from_secs_f64(stretch / requests_per_second).unwrap_or(Duration::from_hours(1))
    } else {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn pacer(rate: f64) -> RequestPacer {
        RequestPacer::new(rate, None, &Arc::default())
    }

    async fn millis_of(passes: usize, pacer: &RequestPacer) -> u128 {
        let began = Instant::now();
        let passed = futures::future::join_all((0..passes).map(|_| pacer.pass())).await;
        assert!(passed.iter().all(Result::is_ok));
        began.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced_evenly_with_no_burst_after_a_pause() {
        let pacer = pacer(5.0);
        assert_eq!(millis_of(6, &pacer).await, 1_030);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(millis_of(6, &pacer).await, 1_030);
        assert_eq!(pacer.counters.snapshot().pace_wait_seconds.count, 12);
    }

    /// The rate, and how many turns there may be in a window and the unevenness: those of the rate, also when the first one is at the
    /// very beginning.
    #[test]
    fn a_window_holds_no_more_than_the_rate_allows_however_uneven_requests_come() {
        for (rate, most) in [(0.2, 1), (1.0, 5), (5.0, 25), (10.0, 50), (25.0, 125), (1_000.0, 5_000)] {
            let apart = interval(rate).as_secs_f64();
            let last = (WINDOW + UNEVENNESS).as_secs_f64() / apart;
            assert!(((last - 1e-3).ceil() - f64::from(most)).abs() < 0.5, "{rate}");
            assert!(apart * rate <= 1.03 + 1e-6, "hardly slower than the rate");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_rate_means_no_wait() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(millis_of(1_000, &pacer(rate)).await, 0, "{rate}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_uses_up_no_turn() {
        let pacer = pacer(1.0);
        pacer.pass().await.unwrap();
        for _ in 0..10 {
            assert!(pacer.pass().now_or_never().is_none());
        }
        assert_eq!(millis_of(1, &pacer).await, 1_030);
    }

    #[tokio::test(start_paused = true)]
    async fn another_rate_counts_at_once_for_who_waits() {
        let pacer = pacer(0.001);
        pacer.pass().await.unwrap();
        let began = Instant::now();
        let change = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            pacer.set_rate(0.5);
        };
        tokio::join!(pacer.pass(), change).0.unwrap();
        assert_eq!(began.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_holds_everyone_back_even_without_a_pace() {
        for rate in [0.0, 100.0] {
            let pacer = pacer(rate);
            pacer.refused(Instant::now(), 429, Some(Duration::from_secs(7)));
            assert!(pacer.counters.snapshot().gate_closed_until.is_some());
            assert!(millis_of(2, &pacer).await >= 7_000, "{rate}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_that_closes_meanwhile_holds_back_who_waits_for_the_pace() {
        let pacer = pacer(1.0);
        pacer.pass().await.unwrap();
        let began = Instant::now();
        let refuse = async { pacer.refused(Instant::now(), 429, Some(Duration::from_secs(9))) };
        tokio::join!(pacer.pass(), refuse).0.unwrap();
        assert_eq!(began.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_bound_and_shorter_pauses_are_waited_for() {
        let pacer = pacer(1.0);
        pacer.set_longest_pause(Duration::from_secs(600));
        pacer.refused(Instant::now(), 503, Some(Duration::from_secs(3_600)));
        let refused = SessionError::Throttled {
            status: Some(503),
            retry_after: Some(Duration::from_secs(3_600)),
            longest: Some(Duration::from_secs(600)),
        };
        assert_eq!(pacer.pass().await, Err(refused));
        tokio::time::sleep(Duration::from_secs(3_000)).await;
        assert!(pacer.pass().await.is_ok());
        // Also who waits already when the gate closes.
        let began = Instant::now();
        let refuse = async { pacer.refused(Instant::now(), 429, Some(Duration::from_secs(3_600))) };
        let (passed, _) = tokio::join!(pacer.pass(), refuse);
        assert!(passed.is_err() && began.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_again_and_again_waits_no_longer_than_the_bound_in_all() {
        let pacer = pacer(1.0);
        pacer.set_longest_pause(Duration::from_secs(600));
        let began = Instant::now();
        let mut requests = 0;
        let end = loop {
            if let Err(error) = pacer.pass().await {
                break error;
            }
            requests += 1;
            pacer.refused(Instant::now(), 503, None);
        };
        assert_eq!(requests, 9, "after 2, 4, 8 … 256 seconds");
        let too_long = SessionError::Throttled {
            status: Some(503),
            retry_after: Some(Duration::from_secs(512)),
            longest: Some(Duration::from_secs(600)),
        };
        assert_eq!(end, too_long, "what is waited for already is not asked for again");
        assert!(began.elapsed() <= Duration::from_secs(600), "{:?}", began.elapsed());
    }
}
