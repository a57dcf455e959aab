//! What of the library is this daemon's, and how the state store fares, as metrics.

use serde::{Deserialize, Serialize};

use crate::dapr::{BreakerState, CooperationSnapshot, StateSnapshot};
use crate::observe::family::MetricFamilies;
use crate::observe::names::MetricName as Metric;

/// How the library is shared with other daemons (`work.leases`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SharingView {
    /// This daemon's part.
    pub part: CooperationSnapshot,
    /// The state store, where the leases are kept in one.
    pub store: Option<StateSnapshot>,
}

impl MetricFamilies {
    /// Leases, and the messages to the state store.
    pub fn from_sharing(sharing: &SharingView) -> Self {
        let mut families = Self::new();
        let part = &sharing.part;
        families.count(Metric::SharingDaemons, &[], part.members as u64);
        families.count(Metric::LeasedBlocks, &[], part.blocks as u64);
        families.number(Metric::RateShare, &[], part.rate_share);
        families.flag(Metric::LeaseTrouble, &[], part.trouble.is_some());
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
    fn leases_and_the_store_are_told() {
        let sharing = SharingView {
            part: CooperationSnapshot {
                members: 2,
                blocks: 128,
                rate_share: 0.5,
                collects: true,
                trouble: None,
            },
            store: Some(StateSnapshot {
                openings: 1,
                results: [("ok".into(), 7), ("conflict".into(), 1)].into(),
                breaker: BreakerState::Open,
                ..StateSnapshot::default()
            }),
        };
        let text = crate::observe::text::render(&MetricFamilies::from_sharing(&sharing));
        for line in [
            "grind_sharing_daemons 2",
            "grind_leased_blocks 128",
            "grind_rate_share_ratio 0.5",
            "grind_lease_trouble 0",
            "grind_state_store_openings_total 1",
            "grind_state_store_messages_total{outcome=\"conflict\"} 1",
            "grind_state_store_breaker_open 1",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
