//! Probes before their time: who has mended something, or says so, does not wait for the end of a pause.

use std::time::Duration;

use tokio::time::Instant;

use crate::pipeline::intake::BookIntake;
use crate::vocabulary::WaitCause;

/// Between two such probes at least: a config that is read again and again does not turn a pause into a stream of requests.
const APART: Duration = Duration::from_secs(10);

/// Who wanted probes before their time, and when.
#[derive(Debug, Default)]
pub(super) struct EarlyProbes {
    /// When they were wanted last.
    wanted: Option<Instant>,
    /// When the last one may begin or might have begun.
    last: Option<Instant>,
}

impl EarlyProbes {
    /// A probe that began then knows nothing of what was mended since.
    pub fn are_wanted_since(&self, began: Instant) -> bool {
        self.wanted.is_some_and(|wanted| wanted > began)
    }
}

/// When the probe that was to come at `until` comes now that it is wanted; `None`: no earlier. What GRIN itself asked for stands.
fn early_moment(cause: WaitCause, until: Instant, last: Option<Instant>, now: Instant) -> Option<Instant> {
    let at = last.map_or(now, |last| now.max(last + APART));
    (cause != WaitCause::Gate && at < until).then_some(at)
}

/// Whether another secret in a file may end the wait. The keys of a storage are read at the start alone.
fn is_mended_by_secret(cause: WaitCause) -> bool {
    use WaitCause as C;
    match cause {
        // An account without the right to a library is refused, and another one may have it.
        C::Passphrase | C::SignIn | C::Token | C::Failures => true,
        C::Grin | C::Gate | C::Storage | C::Mount | C::Disk | C::Catalog | C::Operator | C::Members => false,
    }
}

impl BookIntake {
    /// Something may have been mended: the pauses of all open breakers are over, and the next book is a probe. If it fails, the pauses
    /// are as long as before.
    pub fn probe_early(&mut self, now: Instant) {
        self.early.wanted = Some(now);
        let last = self.early.last;
        for (cause, breaker) in &mut self.breakers {
            if let Some(at) = early_moment(*cause, breaker.until, last, now) {
                breaker.probe_early(at);
                self.early.last = Some(at);
            }
        }
    }

    /// What is waited for may be mended by another secret in a file.
    pub fn waits_for_secret(&self) -> bool {
        self.breakers.keys().any(|cause| is_mended_by_secret(*cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_early_but_not_grins_and_not_again_and_again() {
        use WaitCause::{Gate, Grin, Passphrase, Storage};
        let now = Instant::now() + Duration::from_hours(1);
        let (soon, late) = (now + Duration::from_secs(4), now + Duration::from_hours(6));
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        let after = |seconds| Some(now + Duration::from_secs(seconds));
        for (cause, until, last, early) in [
            (Passphrase, late, None, after(0)),
            (Storage, late, None, after(0)),
            (Grin, late, ago(60), after(0)),
            (Gate, late, None, None),
            // It is time already.
            (Grin, now, None, None),
            // One was probed just before.
            (Grin, late, ago(3), after(7)),
            (Grin, soon, ago(3), None),
            (Grin, late, ago(0), after(10)),
        ] {
            assert_eq!(early_moment(cause, until, last, now), early, "{cause} {last:?}");
        }
    }
}
