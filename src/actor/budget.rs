//! How often a worker may be rebuilt after a panic, and how long to wait first.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// At most `max_restarts` within `window`; the wait doubles from `base` to `cap` with each restart still in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartBudget {
    /// Restarts allowed within the window; 0 allows none.
    pub max_restarts: u32,
    /// How long a restart counts.
    pub window: Duration,
    /// Wait before the first restart in a window.
    pub base: Duration,
    /// Longest wait.
    pub cap: Duration,
}

impl Default for RestartBudget {
    /// Five in ten minutes, from 100 ms to 10 s: one bad book costs nothing, a broken worker ends the daemon soon.
    fn default() -> Self {
        Self {
            max_restarts: 5,
            window: Duration::from_mins(10),
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
        }
    }
}

/// The restarts spent so far; shared by the members of a pool.
#[derive(Debug)]
pub(super) struct RestartsSpent {
    budget: RestartBudget,
    times: VecDeque<Instant>,
}

impl RestartsSpent {
    pub(super) fn new(budget: RestartBudget) -> Self {
        Self {
            budget,
            times: VecDeque::new(),
        }
    }

    /// Does the budget allow any restart at all?
    pub(super) fn none_allowed(&self) -> bool {
        self.budget.max_restarts == 0
    }

    /// Spends one restart and says how long to wait before it; `None` when the budget is spent.
    pub(super) fn spend(&mut self, now: Instant) -> Option<Duration> {
        while self
            .times
            .front()
            .is_some_and(|first| now.duration_since(*first) >= self.budget.window)
        {
            self.times.pop_front();
        }
        let earlier = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        if earlier >= self.budget.max_restarts {
            return None;
        }
        self.times.push_back(now);
        Some(
            self.budget
                .base
                .saturating_mul(2_u32.saturating_pow(earlier))
                .min(self.budget.cap),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: RestartBudget = RestartBudget {
        max_restarts: 3,
        window: Duration::from_mins(1),
        base: Duration::from_secs(1),
        cap: Duration::from_secs(3),
    };

    #[test]
    fn waits_double_to_the_cap_and_the_budget_ends() {
        let mut restarts = RestartsSpent::new(BUDGET);
        let now = Instant::now();
        let waits: Vec<_> = (0..4).map(|_| restarts.spend(now).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(3), None]);
    }

    #[test]
    fn old_restarts_are_forgiven() {
        let mut restarts = RestartsSpent::new(BUDGET);
        let start = Instant::now();
        for _ in 0..3 {
            restarts.spend(start);
        }
        assert_eq!(restarts.spend(start + Duration::from_secs(59)), None);
        assert_eq!(
            restarts.spend(start + Duration::from_mins(1)),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        let mut restarts = RestartsSpent::new(RestartBudget {
            max_restarts: 0,
            ..BUDGET
        });
        assert!(restarts.none_allowed());
        assert_eq!(restarts.spend(Instant::now()), None);
    }

    #[test]
    fn a_huge_budget_does_not_overflow_the_wait() {
        let mut restarts = RestartsSpent::new(RestartBudget {
            max_restarts: 100,
            ..BUDGET
        });
        let now = Instant::now();
        let last = (0..100).filter_map(|_| restarts.spend(now)).last();
        assert_eq!(last, Some(BUDGET.cap));
    }
}
