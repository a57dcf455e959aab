//! How messages and actors end, and where an actor stands: closed sets behind metric labels.

use serde::{Deserialize, Serialize};

/// How a message ended; the metric label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageOutcome {
    /// Answered.
    Ok,
    /// Answered with what [`Message::failed`] calls a failure.
    Error,
    /// The asker went away, or the arbiter ended, while it ran.
    Cancelled,
    /// The handler panicked.
    Panicked,
}

impl MessageOutcome {
    /// All outcomes, in the order of their counters.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Error, Self::Cancelled, Self::Panicked];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
        }
    }
}

/// Why an actor ended; a closed set, likened to exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// Every handle was dropped and the queue finished.
    Done,
    /// Closed, and the queue finished.
    Drained,
    /// The worker panicked and its budget allows no restart at all.
    Panicked,
    /// More panics than the restart budget allows.
    BudgetSpent,
    /// Cut off: its arbiter ended.
    Killed,
}

impl ExitReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 5] = [
        Self::Done,
        Self::Drained,
        Self::Panicked,
        Self::BudgetSpent,
        Self::Killed,
    ];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Drained => "drained",
            Self::Panicked => "panicked",
            Self::BudgetSpent => "budget_spent",
            Self::Killed => "killed",
        }
    }

    /// Did the actor end without being told to?
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Panicked | Self::BudgetSpent)
    }
}

/// Where an actor instance stands; the metric label `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ActorState {
    /// Spawned, its worker not yet built.
    Starting,
    /// Takes messages.
    Running,
    /// Refuses new messages and finishes those it has.
    Draining,
    /// Waits before its worker is rebuilt after a panic; the queue is kept.
    Backoff,
    /// Ended by a fault.
    Failed,
    /// Ended as it was told to.
    Stopped,
}

impl ActorState {
    /// All states, in order.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Running,
        Self::Draining,
        Self::Backoff,
        Self::Failed,
        Self::Stopped,
    ];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    pub(super) fn of(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_follow_the_lists_of_all() {
        for (index, state) in ActorState::ALL.into_iter().enumerate() {
            assert_eq!((ActorState::of(state as u8), state as usize), (state, index));
        }
        for (index, reason) in ExitReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, outcome) in MessageOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }
}
