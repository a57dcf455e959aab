//! So many bytes of bodies a second and no more, by the timetable `session.bandwidth`.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

use crate::clock::SystemClock;
use crate::session::SessionCounters;
use crate::settings::{BandwidthNow, BandwidthTimetable};

/// What may come at once after a time in which nothing came, as a time at the allowed speed.
const BURST: Duration = Duration::from_millis(250);
/// The timetable is looked at so often at the least: the clock may be set, or the zone changed.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// Timers are no finer than this.
const TICK: Duration = Duration::from_millis(1);

/// Holds bodies back; all of them share one allowance, and take turns of it in order.
pub(super) struct BandwidthLimiter {
    timetable: RefCell<BandwidthTimetable>,
    in_force: Cell<LimitInForce>,
    bucket: Cell<ByteBucket>,
    /// Held by the body whose turn is next; fair, so that none is forgotten.
    turn: Mutex<()>,
    changed: Notify,
    clock: SystemClock,
    counters: Arc<SessionCounters>,
}

#[derive(Debug, Clone, Copy)]
struct LimitInForce {
    limit: Option<NonZeroU64>,
    look_again: Instant,
}

/// Bytes that may come now; below 0: that came too early.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ByteBucket {
    left: f64,
    at: Instant,
}

impl BandwidthLimiter {
    pub(super) fn new(timetable: BandwidthTimetable, clock: SystemClock, counters: &Arc<SessionCounters>) -> Self {
        let now = Instant::now();
        let limiter = Self {
            timetable: RefCell::new(timetable),
            in_force: Cell::new(LimitInForce {
                limit: None,
                look_again: now,
            }),
            bucket: Cell::new(ByteBucket { left: 0.0, at: now }),
            turn: Mutex::new(()),
            changed: Notify::new(),
            clock,
            counters: Arc::clone(counters),
        };
        limiter.limit(now);
        limiter
    }

    /// Another timetable from now on, also for those who wait already.
    pub(super) fn set(&self, timetable: BandwidthTimetable) {
        self.timetable.replace(timetable);
        self.look(Instant::now());
        self.changed.notify_waiters();
    }

    /// Looks whether the timetable says something else by now: where no body moves, nobody else would.
    pub(super) fn refresh(&self) {
        self.limit(Instant::now());
    }

    /// Whether the next bytes have to wait.
    pub(super) fn is_used_up(&self) -> bool {
        self.due(Instant::now()).is_some()
    }

    /// Waits until the next bytes may come. Who is dropped meanwhile uses up nothing.
    pub(super) async fn wait(&self) {
        let _waiter = BandwidthWaiter::of(&self.counters);
        let _turn = self.turn.lock().await;
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let Some(due) = self.due(now) else { return };
            let look_again = self.in_force.get().look_again;
            tokio::select! {
                () = sleep_until(due.min(look_again)) => {}
                () = changed => {}
            }
        }
    }

    /// So many bytes have come.
    pub(super) fn spend(&self, bytes: usize) {
        let now = Instant::now();
        if let Some(limit) = self.limit(now) {
            self.bucket.set(self.bucket.get().filled(limit, now).spent(bytes));
        }
    }

    /// When the next bytes may come, if not now.
    fn due(&self, now: Instant) -> Option<Instant> {
        let limit = self.limit(now)?;
        let bucket = self.bucket.get().filled(limit, now);
        self.bucket.set(bucket);
        bucket.due(limit)
    }

    fn limit(&self, now: Instant) -> Option<NonZeroU64> {
        if now >= self.in_force.get().look_again {
            self.look(now);
        }
        self.in_force.get().limit
    }

    fn look(&self, now: Instant) {
        let local = self.clock.now().to_zoned(TimeZone::system());
        let BandwidthNow { limit, until } = self.timetable.borrow().at(&local);
        let left = until.map(|until| until.duration_since(&local).unsigned_abs());
        self.in_force.set(LimitInForce {
            limit: limit.0,
            look_again: now + left.unwrap_or(LOOK_AGAIN).clamp(TICK, LOOK_AGAIN),
        });
        self.counters
            .bandwidth
            .store(limit.0.map_or(0, NonZeroU64::get), Relaxed);
    }
}

/// A body is counted among those that the limit holds back for as long as this lives.
struct BandwidthWaiter<'a>(&'a SessionCounters);

impl<'a> BandwidthWaiter<'a> {
    fn of(counters: &'a SessionCounters) -> Self {
        counters.bandwidth_waiting.fetch_add(1, Relaxed);
        Self(counters)
    }
}

impl Drop for BandwidthWaiter<'_> {
    fn drop(&mut self) {
        self.0.bandwidth_waiting.fetch_sub(1, Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "speeds need no 53 bits")]
impl ByteBucket {
    fn filled(self, limit: NonZeroU64, now: Instant) -> Self {
        let a_second = limit.get() as f64;
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        let left = (self.left + a_second * since).min(a_second * BURST.as_secs_f64());
        Self { left, at: now }
    }

    fn spent(self, bytes: usize) -> Self {
        Self {
            left: self.left - bytes as f64,
            ..self
        }
    }

    fn due(self, limit: NonZeroU64) -> Option<Instant> {
        if self.left >= 0.0 {
            return None;
        }
        // A debt of years, by a limit of a few bytes, is no time that an `Instant` could not hold.
        let seconds = (-self.left / limit.get() as f64).min(LOOK_AGAIN.as_secs_f64());
        Some(self.at + Duration::from_secs_f64(seconds) + TICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces that one body takes in this time at this limit, as fast as it may.
    async fn taken(limiter: &BandwidthLimiter, piece: usize, during: Duration) -> usize {
        let end = Instant::now() + during;
        let mut bytes = 0;
        loop {
            tokio::select! {
                () = limiter.wait() => {}
                () = sleep_until(end) => return bytes,
            }
            limiter.spend(piece);
            bytes += piece;
        }
    }

    fn limiter(bytes_per_second: u64) -> BandwidthLimiter {
        BandwidthLimiter::new(
            BandwidthTimetable::always(bytes_per_second),
            SystemClock::system(),
            &Arc::default(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn all_bodies_together_get_what_is_allowed_and_each_gets_its_share() {
        for (limit, piece) in [(1 << 20, 16 << 10), (100 << 10, 256 << 10), (3, 1)] {
            let limiter = limiter(limit);
            let minute = Duration::from_mins(1);
            let each = futures::future::join_all((0..4).map(|_| taken(&limiter, piece, minute))).await;
            let all: usize = each.iter().sum();
            let allowed = usize::try_from(limit).unwrap() * 60;
            // Nobody knows how long a piece is before it is there, and each body may bring one.
            let most = allowed + allowed / 200 + 5 * piece;
            assert!(
                (allowed * 98 / 100..=most).contains(&(all + piece)),
                "{limit} {piece}: {each:?}"
            );
            let [least, most] = [each.iter().min().unwrap(), each.iter().max().unwrap()];
            assert!(most - least <= 2 * piece, "{limit} {piece}: {each:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rest_saves_no_more_than_a_moment() {
        let limiter = limiter(1_000);
        tokio::time::advance(Duration::from_hours(1)).await;
        let all = taken(&limiter, 10, Duration::from_secs(10)).await;
        assert!((9_900..=10_300).contains(&all), "{all}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_limit_counts_at_once_for_those_who_wait() {
        let limiter = limiter(10);
        limiter.spend(10_000);
        assert!(limiter.is_used_up());
        let began = Instant::now();
        let wait = async {
            limiter.wait().await;
            began.elapsed()
        };
        let change = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            limiter.set(BandwidthTimetable::OFF);
        };
        let (waited, ()) = tokio::join!(wait, change);
        assert_eq!(waited, Duration::from_secs(1));
        assert!(!limiter.is_used_up());
        limiter.spend(usize::MAX);
        assert!(!limiter.is_used_up(), "without a limit nothing is counted");
    }

    /// 10 bytes a second for ten minutes more, and no limit then.
    fn for_ten_minutes(clock: &SystemClock) -> BandwidthTimetable {
        let in_minutes = |minutes: i64| {
            let at = clock.now() + jiff::SignedDuration::from_mins(minutes);
            at.to_zoned(TimeZone::system()).strftime("%H:%M").to_string()
        };
        let timetable = format!("{}-{} 10B, else off", in_minutes(-10), in_minutes(10));
        timetable.parse().unwrap()
    }

    fn noon() -> SystemClock {
        SystemClock::manual("2026-11-28T12:00:00Z".parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_figures_tell_of_a_change_of_the_timetable_while_no_body_moves() {
        let (clock, counters) = (noon(), Arc::<SessionCounters>::default());
        let limiter = BandwidthLimiter::new(for_ten_minutes(&clock), clock.clone(), &counters);
        for (minute, limit) in [(0, Some(10)), (9, Some(10)), (2, None)] {
            let pass = Duration::from_mins(minute);
            clock.advance(pass);
            tokio::time::advance(pass).await;
            limiter.refresh();
            assert_eq!(counters.snapshot().bandwidth, limit, "{minute}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_timetable_is_kept_while_bodies_wait() {
        let clock = noon();
        let limiter = BandwidthLimiter::new(for_ten_minutes(&clock), clock.clone(), &Arc::default());
        limiter.spend(1_000_000);
        let pass = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_mins(1)).await;
                assert!(limiter.is_used_up());
                clock.advance(Duration::from_mins(1));
            }
        };
        let began = Instant::now();
        let wait = async {
            limiter.wait().await;
            began.elapsed()
        };
        let (waited, ()) = tokio::join!(wait, pass);
        assert!((10..=11).contains(&(waited.as_secs() / 60)), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_no_longer_waits_uses_up_nothing() {
        let limiter = limiter(1_000);
        limiter.spend(1_000);
        let second = Duration::from_millis(500);
        assert!(tokio::time::timeout(second, limiter.wait()).await.is_err());
        assert!(tokio::time::timeout(second * 2, limiter.wait()).await.is_ok());
    }

    /// Before, whoever looked took a limit that is set for one that holds back.
    #[tokio::test(start_paused = true)]
    async fn only_who_waits_now_is_counted_as_held_back() {
        let limiter = limiter(1_000);
        let waiting = || limiter.counters.snapshot().bandwidth_waiting;
        assert_eq!(waiting(), 0, "a limit that nothing comes near");
        limiter.spend(1_000);
        let mut waits = [Box::pin(limiter.wait()), Box::pin(limiter.wait())];
        for wait in &mut waits {
            assert!(futures::poll!(wait).is_pending());
        }
        assert_eq!(waiting(), 2);
        let [first, second] = waits;
        drop(first);
        assert_eq!(waiting(), 1, "who gave up waits no more");
        second.await;
        assert_eq!(waiting(), 0);
    }
}
