//! What is remembered of a lease, and the one decision about it, shared by all keepers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dapr::leases::{GrantedLease, LeaseGrant, LeaseHolder, LeaseTerms};

/// A lease as it is kept. `until` stands in the value: a store may forget to forget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeaseRecord {
    pub owner: String,
    pub fence: u64,
    /// Milliseconds since 1970.
    pub until: i64,
}

impl LeaseRecord {
    pub fn of(lease: &GrantedLease) -> Self {
        Self {
            owner: lease.owner.clone(),
            fence: lease.fence,
            until: lease.until.as_millisecond(),
        }
    }

    pub fn ends(&self) -> Timestamp {
        Timestamp::from_millisecond(self.until).unwrap_or(Timestamp::MIN)
    }

    /// Somebody else's live lease, which stands in the way.
    pub fn in_the_way(&self, terms: &LeaseTerms) -> Option<LeaseGrant> {
        if self.owner == terms.owner {
            return None;
        }
        self.holding(terms).map(|holding| LeaseGrant::HeldBy {
            owner: holding.owner,
            until: holding.until,
        })
    }

    /// Who holds it, unless it may be taken over.
    pub fn holding(&self, terms: &LeaseTerms) -> Option<LeaseHolder> {
        (!self.owner.is_empty() && !terms.is_over(self.ends())).then(|| LeaseHolder {
            owner: self.owner.clone(),
            fence: self.fence,
            until: self.ends(),
        })
    }

    /// It is this very lease, and its holder may still count on it.
    pub fn is(&self, lease: &GrantedLease, terms: &LeaseTerms) -> bool {
        self.owner == lease.owner && self.fence == lease.fence && terms.is_good(lease)
    }
}
