//! The wait GRIN asked for, kept by all together.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::time::Instant;

use crate::session::RetryBackoff;

/// No server is obeyed for longer than this; the next answer may say so again.
const LONGEST: Duration = Duration::from_hours(24);

/// Growth of the wait when the server says 429 or 503 but not for how long.
const GROWTH: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(2),
    cap: Duration::from_mins(10),
    attempts: u32::MAX,
};

/// Closed until some moment for every request to GRIN, whatever its class: one `Retry-After` holds for all workers.
#[derive(Debug, Default)]
pub(super) struct RequestGate {
    until: Cell<Option<Instant>>,
    closed_at: Cell<Option<Instant>>,
    refusals: Cell<u32>,
}

impl RequestGate {
    /// When the gate opens, if it is closed.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        let until = self.until.get()?;
        if until > Instant::now() {
            return Some(until);
        }
        self.until.set(None);
        None
    }

    /// Closes the gate after a refusal of a request sent at `sent`; says for how long it is closed now.
    ///
    /// Refusals of requests that were under way when the gate closed are one refusal, so the wait does not grow by them.
    pub(super) fn refused(&self, sent: Instant, retry_after: Option<Duration>) -> Duration {
        let now = Instant::now();
        if self.closed_at.get().is_none_or(|closed| sent > closed) {
            self.refusals.set(self.refusals.get().saturating_add(1));
            self.closed_at.set(Some(now));
        }
        let wait = match retry_after {
            Some(wait) => wait.min(LONGEST),
            None => GROWTH.bound(self.refusals.get()),
        };
        let until = self.until.get().unwrap_or(now).max(now + wait);
        self.until.set(Some(until));
        until - now
    }

    /// Forgets refusals after an answer to a request sent since the last one.
    pub(super) fn accepted(&self, sent: Instant) {
        if self.refusals.get() > 0 && self.closed_at.get().is_none_or(|closed| sent > closed) {
            self.refusals.set(0);
        }
    }
}

/// Reads `Retry-After`: seconds or a date (RFC 9110, 10.2.3). A date that is past means no wait.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(LONGEST, Duration::from_secs));
    }
    let until = rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(LONGEST.as_secs())),
            ("Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
            ("Wed, 31 Dec 2025 00:01:00 GMT", Some(0)),
            ("soon", None),
            ("", None),
            ("-5", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_wait_from_the_server_ours_grows_until_an_answer_comes() {
        let gate = RequestGate::default();
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.push(gate.refused(Instant::now(), None).as_secs());
            tokio::time::sleep_until(gate.closed_until().unwrap()).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(waits, [2, 4, 8]);
        assert_eq!(gate.closed_until(), None);
        gate.accepted(Instant::now());
        assert_eq!(gate.refused(Instant::now(), None).as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn many_refusals_at_once_are_one() {
        let gate = RequestGate::default();
        let sent = Instant::now();
        tokio::time::sleep(Duration::from_millis(10)).await;
        for _ in 0..20 {
            assert_eq!(gate.refused(sent, None).as_secs(), 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_wait_does_not_open_the_gate_and_a_long_one_is_bounded() {
        let gate = RequestGate::default();
        gate.refused(Instant::now(), Some(Duration::from_secs(60)));
        assert_eq!(gate.refused(Instant::now(), Some(Duration::from_secs(1))).as_secs(), 60);
        assert_eq!(
            gate.refused(Instant::now(), Some(Duration::from_secs(u64::MAX))),
            LONGEST
        );
    }
}
