//! The clock by which leases and due times are judged, and how a moment is written down.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Tells the time; the system's, or one that a test turns by hand.
#[derive(Clone, Default)]
pub struct SystemClock(Option<Arc<ManualClock>>);

/// What a test has set: both in milliseconds.
struct ManualClock {
    wall: AtomicI64,
    since_boot: AtomicI64,
}

impl SystemClock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`SystemClock::advance`] moves it.
    #[cfg(test)]
    pub fn manual(start: Timestamp) -> Self {
        Self(Some(Arc::new(ManualClock {
            wall: AtomicI64::new(start.as_millisecond()),
            since_boot: AtomicI64::new(1_000_000),
        })))
    }

    /// Moves a manual clock on; the system's clock does not listen.
    #[cfg(test)]
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            manual.wall.fetch_add(millis, Ordering::SeqCst);
            manual.since_boot.fetch_add(millis, Ordering::SeqCst);
        }
    }

    /// Sets the wall clock of a manual clock forwards or backwards, as an administrator or NTP does; no time passes.
    #[cfg(test)]
    pub fn step(&self, millis: i64) {
        if let Some(manual) = &self.0 {
            manual.wall.fetch_add(millis, Ordering::SeqCst);
        }
    }

    /// Starts a manual clock's machine anew.
    #[cfg(test)]
    pub fn reboot(&self) {
        if let Some(manual) = &self.0 {
            manual.since_boot.store(0, Ordering::SeqCst);
        }
    }

    /// Whether a test turns it by hand.
    pub fn is_manual(&self) -> bool {
        self.0.is_some()
    }

    /// Now, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Some(manual) => manual.wall.load(Ordering::SeqCst),
            None => Timestamp::now().as_millisecond(),
        };
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Milliseconds since the machine started, time asleep included: the same for all its processes, and no step of the wall
    /// clock changes it.
    pub fn since_boot(&self) -> i64 {
        match &self.0 {
            Some(manual) => manual.since_boot.load(Ordering::SeqCst),
            None => {
                let now = clock_gettime(ClockId::Boottime);
                now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
            }
        }
    }
}

/// How long this machine has slept since it started: the time that [`std::time::Instant`] leaves out.
pub(crate) fn time_asleep() -> Duration {
    let [with, without] = [ClockId::Boottime, ClockId::Monotonic].map(|clock| {
        let time = clock_gettime(clock);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    });
    with.saturating_sub(without)
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "manual clock"
        } else {
            "system clock"
        })
    }
}

/// A moment as the catalog writes it: ISO 8601 in UTC with milliseconds, always of the same width, so that text order is
/// time order.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Writes a moment into JSON as [`stamp`] does.
#[expect(clippy::ref_option, reason = "the form in which serde calls it")]
pub(crate) fn serialize_stamp<S: serde::Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&at.map(stamp), to)
}

/// `at` and some time more; the end of time if that is beyond it.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at` and some time less.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Reads what [`stamp`] wrote, or any other ISO 8601 moment.
pub fn read_stamp(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_one_width_and_sort_as_time_does() {
        let times = [0, 1, 10, 999, 1_000, 1_700_000_000_000].map(|ms| Timestamp::from_millisecond(ms).unwrap());
        let stamps = times.map(stamp);
        assert_eq!(stamps[1], "1970-01-01T00:00:00.001Z");
        assert!(stamps.is_sorted());
        assert!(stamps.iter().all(|text| text.len() == 24));
        assert_eq!(stamps.map(|text| read_stamp(&text).unwrap()), times);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
        let twin = clock.clone();
        twin.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now().as_millisecond(), 1_500);
    }
}
