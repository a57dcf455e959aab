//! What keeps books from being begun, beside what those wait for that are on their way.

use serde::{Deserialize, Serialize};

use crate::actor::ActorName;
use crate::observe::chain::{BlockingChain, ChainInputs, ChainLink, link, told};
use crate::vocabulary::{BookState, WaitCause, WaitReason};

/// What a chain holds back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldWork {
    /// Messages between actors: work that was begun. Chains of an earlier version count nothing else.
    #[default]
    Message,
    /// Books that are ready at GRIN, and not begun.
    Book,
}

impl HeldWork {
    /// One of them.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Book => "book",
        }
    }
}

impl ChainInputs<'_> {
    /// The chain of the intake, or the one found among those who ask, whichever holds more back. An operator holds back nothing that was
    /// begun; what all work needs is waited for by what was begun, too. In a drain nothing is to be begun, so that nothing holds it back.
    pub(super) fn with_intake(&self, found: Option<BlockingChain>) -> Option<BlockingChain> {
        if self.daemon.shutdown.is_some() {
            return found;
        }
        let Some(intake) = self.intake() else { return found };
        found
            .filter(|found| intake.unit == HeldWork::Book && found.held_back > intake.held_back)
            .or(Some(intake))
    }

    fn intake(&self) -> Option<BlockingChain> {
        let seconds = |since| self.daemon.taken_at.duration_since(since).as_secs_f64().max(0.0);
        let (end, cause) = match (&self.daemon.signed_out, self.daemon.waiting.first()) {
            (Some(out), _) => {
                let cause = WaitCause::SignIn;
                let longest_seconds = seconds(out.since);
                let end = ChainLink {
                    longest_seconds,
                    ..told(cause.label(), out.why.clone())
                };
                (end, cause)
            }
            (None, Some(wait)) => (end_of(wait, seconds(wait.since)), wait.cause),
            (None, None) => return None,
        };
        let (held_back, unit) = match cause {
            WaitCause::Operator => (self.ready(), HeldWork::Book),
            _ => (self.begun(), HeldWork::Message),
        };
        let links = vec![link("supervisor", 0, 0.0), end];
        Some(BlockingChain { held_back, unit, links })
    }

    /// Books that could be begun.
    fn ready(&self) -> u64 {
        let ready = self.daemon.barcodes.get(BookState::Available.as_str());
        ready.copied().unwrap_or_default()
    }

    /// Messages of those that nobody asks.
    fn begun(&self) -> u64 {
        let starts = self.starts();
        let begun = self.hub.waits.iter().filter(|edge| edge.to != ActorName::Supervisor);
        let begun = begun.filter(|edge| starts.contains(&&*edge.from));
        begun.map(|edge| u64::from(edge.waiting)).sum()
    }
}

fn end_of(wait: &WaitReason, seconds: f64) -> ChainLink {
    let node = match wait.cause {
        WaitCause::Disk => "disk reserve",
        WaitCause::Gate => "gate",
        cause => cause.label(),
    };
    ChainLink {
        longest_seconds: seconds,
        until: wait.until,
        ..told(node, wait.why.clone())
    }
}
