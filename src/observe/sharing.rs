//! Who shares the catalog, what is done here, and how the state store fares.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dapr::{BreakerState, StateSnapshot};
use crate::observe::family::MetricFamilies;
use crate::observe::names::MetricName as Metric;

/// A program that shares the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its name.
    pub instance: String,
    /// The machine it runs on.
    pub host: String,
    /// `daemon`, or a step by hand.
    pub program: String,
    /// Its version.
    pub version: String,
    /// Since when it is a member.
    pub since: Option<Timestamp>,
    /// When it was heard of last.
    pub seen: Option<Timestamp>,
    /// Its membership has not run out.
    pub live: bool,
    /// It is the one that says this.
    pub this: bool,
}

/// What this daemon does for all that share the library, and where it publishes its status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SharingView {
    /// The tasks of which one member at a time does each, and whether they are this one's.
    pub tasks: Vec<(String, bool)>,
    /// The state store, where the status is published in one.
    pub store: Option<StateSnapshot>,
}

impl MetricFamilies {
    /// Tasks, and the messages to the state store.
    pub fn from_sharing(sharing: &SharingView) -> Self {
        let mut families = Self::new();
        for (task, held) in &sharing.tasks {
            families.flag(Metric::SharedTaskHeld, &[&**task], *held);
        }
        if let Some(store) = &sharing.store {
            families.count(Metric::StateOpenings, &[], store.openings);
            for (outcome, count) in &store.results {
                families.count(Metric::StateMessages, &[&**outcome], *count);
            }
            families.count(Metric::StateInFlight, &[], store.in_flight as u64);
            families.count(Metric::StateRetries, &[], store.retries);
            families.flag(Metric::StateBreakerOpen, &[], store.breaker != BreakerState::Closed);
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_the_store_are_told() {
        let sharing = SharingView {
            tasks: vec![("lists".into(), true), ("plan".into(), false)],
            store: Some(StateSnapshot {
                openings: 1,
                results: [("ok".into(), 7), ("conflict".into(), 1)].into(),
                breaker: BreakerState::Open,
                ..StateSnapshot::default()
            }),
        };
        let text = crate::observe::text::render(&MetricFamilies::from_sharing(&sharing));
        for line in [
            "grind_shared_task_held{task=\"lists\"} 1",
            "grind_shared_task_held{task=\"plan\"} 0",
            "grind_state_store_openings_total 1",
            "grind_state_store_messages_total{outcome=\"conflict\"} 1",
            "grind_state_store_breaker_open 1",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
