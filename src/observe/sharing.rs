//! Room `observe`: what of the library is this daemon's, and how the state store fares, as metrics.

use serde::Serialize;

use super::family::Families;
use super::names::MetricName as Metric;
use crate::state_store::{BreakerState, CooperationSnapshot, StateSnapshot};

/// How the library is shared with other daemons (`work.leases`).
#[derive(Debug, Clone, Serialize)]
pub struct Sharing {
    /// This daemon's part.
    pub part: CooperationSnapshot,
    /// The state store, where the leases are kept in one.
    pub store: Option<StateSnapshot>,
}

impl Families {
    /// Leases, and the messages to the state store.
    pub fn from_sharing(sharing: &Sharing) -> Self {
        let mut families = Self::new();
        let part = &sharing.part;
        families.count(Metric::SharingDaemons, &[], part.members as u64);
        families.count(Metric::LeasedBlocks, &[], part.blocks as u64);
        families.number(Metric::RateShare, &[], part.rate_share);
        families.flag(Metric::LeaseTrouble, &[], part.trouble.is_some());
        if let Some(store) = &sharing.store {
            families.count(Metric::StateOpenings, &[], store.openings);
            for (outcome, count) in &store.results {
                families.count(Metric::StateMessages, &[outcome], *count);
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
        let sharing = Sharing {
            part: CooperationSnapshot {
                members: 2,
                blocks: 128,
                rate_share: 0.5,
                collects: true,
                trouble: None,
            },
            store: Some(StateSnapshot {
                openings: 1,
                results: [("ok", 7), ("conflict", 1)].into(),
                breaker: BreakerState::Open,
                ..StateSnapshot::default()
            }),
        };
        let text = super::super::text::render(&Families::from_sharing(&sharing));
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
