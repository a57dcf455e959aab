//! For how long GRIN has answered nothing though it was asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::session::counters::locked;
use crate::session::{RequestKind, SessionCounters};

/// A request that begins so soon after the last one ended without an answer continues its silence: it is another attempt.
const BETWEEN: Duration = Duration::from_secs(60);

/// Requests to GRIN whose head is due, and when something was heard. What only waits for us, as a body that is not read, is no silence.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AnswerSilence {
    /// Requests that wait for their head.
    waiting: usize,
    /// Since when one waits and nothing is heard.
    since: Option<Instant>,
    /// When one ended last without an answer.
    unanswered: Option<Instant>,
}

impl AnswerSilence {
    fn asked(&mut self, now: Instant) {
        if self.waiting == 0 && !self.goes_on(now) {
            self.since = None;
        }
        self.since.get_or_insert(now);
        self.waiting += 1;
    }

    /// A head, or a part of any body.
    fn heard(&mut self, now: Instant) {
        self.since = (self.waiting > 0).then_some(now);
    }

    fn ended(&mut self, now: Instant, is_answered: bool) {
        self.waiting = self.waiting.saturating_sub(1);
        match is_answered {
            true => self.heard(now),
            false => self.unanswered = Some(now),
        }
    }

    /// The next attempt is still to come.
    fn goes_on(&self, now: Instant) -> bool {
        self.unanswered.is_some_and(|ended| now - ended <= BETWEEN)
    }

    fn lasts(&self, now: Instant) -> Option<Duration> {
        let since = self.since.filter(|_| self.waiting > 0 || self.goes_on(now));
        since.map(|since| now - since)
    }
}

/// A request that waits for its head; dropped, it had none.
pub(super) struct AwaitedHead {
    counters: Option<Arc<SessionCounters>>,
    is_answered: bool,
}

impl AwaitedHead {
    /// The head has come.
    pub(super) fn came(mut self) {
        self.is_answered = true;
    }
}

impl Drop for AwaitedHead {
    fn drop(&mut self) {
        if let Some(counters) = &self.counters {
            locked(&counters.silence).ended(Instant::now(), self.is_answered);
        }
    }
}

/// The token service is another, and its answers say nothing of GRIN's.
const fn is_told_by(kind: RequestKind) -> bool {
    kind.is_of_grin() && !matches!(kind, RequestKind::Token)
}

impl SessionCounters {
    /// A request is sent now.
    pub(super) fn await_head(self: &Arc<Self>, kind: RequestKind) -> AwaitedHead {
        let counters = is_told_by(kind).then(|| Arc::clone(self));
        if let Some(counters) = &counters {
            locked(&counters.silence).asked(Instant::now());
        }
        AwaitedHead {
            counters,
            is_answered: false,
        }
    }

    /// A part of a body came.
    pub(super) fn note_heard(&self, kind: RequestKind) {
        if is_told_by(kind) {
            locked(&self.silence).heard(Instant::now());
        }
    }

    /// For how long GRIN has answered nothing; `None` while it is not asked.
    pub(super) fn silent_for(&self) -> Option<Duration> {
        locked(&self.silence).lasts(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Event {
        Asked,
        Heard,
        Answered,
        Unanswered,
    }

    #[test]
    fn silence_lasts_over_attempts_and_ends_with_any_byte() {
        use Event as E;
        let begin = Instant::now();
        for (what, events, at, expected) in [
            ("nothing asked", &[][..], 50, None),
            ("asked once", &[(0, E::Asked)], 50, Some(50)),
            ("answered", &[(0, E::Asked), (1, E::Answered)], 50, None),
            ("a body comes meanwhile", &[(0, E::Asked), (40, E::Heard)], 50, Some(10)),
            (
                "another answer meanwhile",
                &[(0, E::Asked), (0, E::Asked), (40, E::Answered)],
                50,
                Some(10),
            ),
            (
                "given up and asked again",
                &[(0, E::Asked), (30, E::Unanswered), (35, E::Asked)],
                50,
                Some(50),
            ),
            (
                "between two attempts",
                &[(0, E::Asked), (30, E::Unanswered)],
                50,
                Some(50),
            ),
            ("given up for good", &[(0, E::Asked), (30, E::Unanswered)], 100, None),
            (
                "asked again much later",
                &[(0, E::Asked), (30, E::Unanswered), (600, E::Asked)],
                610,
                Some(10),
            ),
            (
                "a body that is not read, and asked again",
                &[(0, E::Asked), (1, E::Answered), (600, E::Asked)],
                610,
                Some(10),
            ),
        ] {
            let mut silence = AnswerSilence::default();
            for (seconds, event) in events {
                let now = begin + Duration::from_secs(*seconds);
                match event {
                    E::Asked => silence.asked(now),
                    E::Heard => silence.heard(now),
                    E::Answered => silence.ended(now, true),
                    E::Unanswered => silence.ended(now, false),
                }
            }
            let lasts = silence.lasts(begin + Duration::from_secs(at));
            assert_eq!(lasts.map(|lasts| lasts.as_secs()), expected, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_grin_is_asked_counts() {
        let counters = Arc::new(SessionCounters::default());
        let others = [RequestKind::State, RequestKind::Hook, RequestKind::Token].map(|kind| counters.await_head(kind));
        tokio::time::advance(BETWEEN).await;
        assert_eq!(counters.silent_for(), None);
        let head = counters.await_head(RequestKind::ArchiveHead);
        tokio::time::advance(BETWEEN).await;
        counters.note_heard(RequestKind::Token);
        drop(others);
        assert_eq!(counters.silent_for(), Some(BETWEEN));
        head.came();
        assert_eq!(counters.silent_for(), None);
    }
}
