//! The wait that GRIN asked for: it holds for every request to GRIN.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use httpdate::parse_http_date;
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

/// Closed until some moment for every request to GRIN, whatever its class, after a refusal that speaks for all of GRIN
/// ([`crate::session::status_policy::refusal_scope`]).
#[derive(Debug, Default)]
pub(super) struct RequestGate {
    until: Cell<Option<Instant>>,
    closed_at: Cell<Option<Instant>>,
    refusals: Cell<u32>,
    /// The pauses since a request was accepted last.
    row: Cell<Option<ClosingRow>>,
    /// The status of the refusal that closed it; `None`: another program was refused.
    status: Cell<Option<u16>>,
}

/// Pauses with no accepted request between them.
#[derive(Debug, Clone, Copy)]
struct ClosingRow {
    /// When the last one began.
    began: Instant,
    /// All others together; the gate was open between them.
    before: Duration,
}

impl RequestGate {
    /// How long the gate is closed: from now on or, where it closed again after a pause was over, in all these pauses together.
    pub(super) fn held_back(&self) -> Option<Duration> {
        let until = self.closed_until()?;
        Some(match self.row.get() {
            Some(ClosingRow { began, before }) if !before.is_zero() => before + (until - began),
            _ => until - Instant::now(),
        })
    }

    fn note_closing(&self, now: Instant) {
        let before = match (self.row.get(), self.until.get()) {
            (Some(row), Some(until)) => row.before + (until.min(now) - row.began),
            _ => Duration::ZERO,
        };
        self.row.set(Some(ClosingRow { began: now, before }));
    }

    /// When the gate opens, if it is closed.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        self.until.get().filter(|until| *until > Instant::now())
    }

    /// The status that closed the gate, where it is known.
    pub(super) fn closed_by(&self) -> Option<u16> {
        self.status.get()
    }

    /// Closes the gate after a refusal of a request sent at `sent`; says for how long it is closed now.
    ///
    /// Refusals of requests that were under way when the gate closed are one refusal, so the wait does not grow by them.
    pub(super) fn refused(&self, sent: Instant, status: u16, retry_after: Option<Duration>) -> Duration {
        let now = Instant::now();
        self.status.set(Some(status));
        let is_new = self.closed_at.get().is_none_or(|closed| sent > closed);
        if is_new {
            self.refusals.set(self.refusals.get().saturating_add(1));
            self.closed_at.set(Some(now));
        }
        if is_new || self.closed_until().is_none() {
            self.note_closing(now);
        }
        let own = GROWTH.bound(self.refusals.get());
        let asked = retry_after.unwrap_or_default();
        let until = self.until.get().max(Some(now + own.max(asked)));
        self.until.set(until);
        until.map_or(Duration::ZERO, |until| until - now)
    }

    /// Closes the gate till `until`, because GRIN asked another program for a pause; says for how long it is closed now.
    pub(super) fn closed_elsewhere(&self, until: Instant) -> Duration {
        if self.closed_until().is_none() {
            self.status.set(None);
            self.note_closing(Instant::now());
        }
        self.until.set(self.until.get().max(Some(until)));
        self.closed_until()
            .map_or(Duration::ZERO, |until| until - Instant::now())
    }

    /// Forgets refusals after an answer to a request sent since the last one.
    pub(super) fn accepted(&self, sent: Instant) {
        if self.closed_at.get().is_none_or(|closed| sent > closed) {
            self.refusals.set(0);
            self.row.set(None);
        }
    }
}

/// Reads `Retry-After`: seconds, or a date in one of the three forms of RFC 9110, 5.6.7. A date that is past means no wait, and nothing
/// means a longer one than [`LONGEST`], for the gate as for a book.
///
/// `date`: the answer's `Date`, against which a date is measured, so that a wrong clock of ours does not matter; `now` where there is none.
pub(super) fn retry_after(text: &str, date: Option<&str>, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let until = parse_http_date(text).ok()?;
    let now = date.and_then(|date| parse_http_date(date).ok()).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_every_form() {
        let now = parse_http_date("Thu, 01 Jan 2026 00:00:00 GMT").unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("86399", Some(86_399)),
            ("86401", Some(LONGEST.as_secs())),
            ("99999999999", Some(LONGEST.as_secs())),
            ("99999999999999999999999", Some(LONGEST.as_secs())),
            ("Thu, 01 Jan 2099 00:00:00 GMT", Some(LONGEST.as_secs())),
            ("Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
            ("Thursday, 01-Jan-26 00:01:00 GMT", Some(60)),
            ("Thu Jan  1 00:01:00 2026", Some(60)),
            ("Wed, 31 Dec 2025 00:01:00 GMT", Some(0)),
            ("soon", None),
            ("", None),
            ("-5", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(text, None, now), seconds.map(Duration::from_secs), "{text}");
        }
        // The server's own clock counts, whatever ours says.
        let date = Some("Thu, 01 Jan 2026 00:00:30 GMT");
        let wrong = now + Duration::from_hours(9_000);
        let wait = retry_after("Thu, 01 Jan 2026 00:01:00 GMT", date, wrong);
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }

    #[test]
    fn the_recorded_dates_give_one_wait() {
        let at = parse_http_date("Tue, 07 Oct 2031 08:49:37 GMT").unwrap();
        // Within the longest wait.
        let (expected, now) = (Duration::from_hours(1), at - Duration::from_hours(1));
        for name in ["429-date-asctime.answer", "429-date-rfc850.answer"] {
            let answer = String::from_utf8(crate::session::tests::support::case(name)).unwrap();
            let text = answer
                .lines()
                .find_map(|line| line.strip_prefix("Retry-After: "))
                .unwrap();
            assert_eq!(retry_after(text, None, now), Some(expected), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_no_wait_gets_ours() {
        let gate = RequestGate::default();
        let wait = gate.refused(Instant::now(), 429, Some(Duration::ZERO));
        assert_eq!(wait.as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_wait_from_the_server_ours_grows_until_an_answer_comes() {
        let gate = RequestGate::default();
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.push(gate.refused(Instant::now(), 429, None).as_secs());
            tokio::time::sleep_until(gate.closed_until().unwrap()).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(waits, [2, 4, 8]);
        assert_eq!(gate.closed_until(), None);
        gate.accepted(Instant::now());
        assert_eq!(gate.refused(Instant::now(), 429, None).as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_one_after_the_other_are_one_until_a_request_is_accepted() {
        let gate = RequestGate::default();
        let held = || gate.held_back().map(|held| held.as_secs());
        assert_eq!(held(), None);
        let refuse = async |seconds| {
            tokio::time::sleep(Duration::from_millis(1)).await;
            gate.refused(Instant::now(), 503, Some(Duration::from_secs(seconds)))
        };
        refuse(100).await;
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!(held(), Some(60), "what is left of the only one");
        tokio::time::sleep(Duration::from_secs(60)).await;
        refuse(50).await;
        assert_eq!(held(), Some(150));
        tokio::time::sleep(Duration::from_secs(50)).await;
        gate.closed_elsewhere(Instant::now() + Duration::from_secs(30));
        assert_eq!(held(), Some(180));
        // While it is open nobody waits, however long the bodies take that come meanwhile.
        tokio::time::sleep(Duration::from_mins(20)).await;
        refuse(20).await;
        assert_eq!(held(), Some(200));
        let before = Instant::now() - Duration::from_millis(1);
        tokio::time::sleep(Duration::from_mins(20)).await;
        gate.refused(before, 503, Some(Duration::from_secs(30)));
        assert_eq!(held(), Some(230), "it came late");
        tokio::time::sleep(Duration::from_secs(30)).await;
        gate.accepted(Instant::now());
        refuse(50).await;
        assert_eq!(held(), Some(50));
    }

    #[tokio::test(start_paused = true)]
    async fn many_refusals_at_once_are_one() {
        let gate = RequestGate::default();
        let sent = Instant::now();
        tokio::time::sleep(Duration::from_millis(10)).await;
        for _ in 0..20 {
            assert_eq!(gate.refused(sent, 429, None).as_secs(), 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_status_is_that_of_the_refusal_which_closed_the_gate() {
        let gate = RequestGate::default();
        let soon = || Instant::now() + Duration::from_secs(5);
        gate.closed_elsewhere(soon());
        assert_eq!(gate.closed_by(), None, "another program was refused");
        gate.refused(Instant::now(), 429, Some(Duration::from_secs(9)));
        gate.closed_elsewhere(soon());
        assert_eq!(gate.closed_by(), Some(429), "it is closed by that still");
        tokio::time::sleep(Duration::from_secs(10)).await;
        gate.closed_elsewhere(soon());
        assert_eq!(gate.closed_by(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_wait_does_not_open_the_gate() {
        let gate = RequestGate::default();
        gate.refused(Instant::now(), 429, Some(Duration::from_secs(60)));
        assert_eq!(
            gate.refused(Instant::now(), 429, Some(Duration::from_secs(1)))
                .as_secs(),
            60
        );
    }
}
