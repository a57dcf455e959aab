//! A member's part of a set of leases: renewed, filled up to what is fair, the rest released.

use std::time::Duration;

use crate::dapr::leases::{GrantedLease, LeaseError, LeaseGrant, LeaseKeeper};

/// Leases of some of these names.
pub(super) struct LeasePortion {
    names: Vec<String>,
    pub held: Vec<GrantedLease>,
}

/// The fair part of `total` for the member of this rank among `members`: parts differ by one at most and add up to all.
pub(super) fn fair(total: usize, rank: usize, members: usize) -> usize {
    let members = members.max(1);
    total / members + usize::from(rank < total % members)
}

impl LeasePortion {
    pub fn new(kind: &str, count: usize) -> Self {
        Self {
            names: (0..count).map(|number| format!("{kind}/{number}")).collect(),
            held: Vec::new(),
        }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Keeps what is held; what is lost is dropped. A keeper that does not answer takes nothing away before its time.
    pub async fn renew(&mut self, leases: &dyn LeaseKeeper, ttl: Duration) -> Result<(), LeaseError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let answers = leases.renew(&self.held, ttl).await;
        let mut trouble = Ok(());
        let mut kept = Vec::with_capacity(self.held.len());
        for (lease, answer) in self.held.drain(..).zip(answers) {
            match answer {
                Ok(longer) => kept.push(longer),
                Err(LeaseError::Lost { name }) => tracing::warn!(name, "a lease was lost"),
                Err(error) => {
                    trouble = Err(error);
                    if leases.terms().is_good(&lease) {
                        kept.push(lease);
                    }
                }
            }
        }
        self.held = kept;
        trouble
    }

    /// Takes what is free until there are `wanted`, beginning at a place of its own so that members do not meet.
    pub async fn fill(
        &mut self,
        leases: &dyn LeaseKeeper,
        (wanted, start): (usize, usize),
        ttl: Duration,
    ) -> Result<(), LeaseError> {
        let missing = wanted.saturating_sub(self.held.len());
        if missing == 0 {
            return Ok(());
        }
        let seen = leases.look(&self.names).await?;
        let own = &leases.terms().owner;
        let count = self.names.len();
        let free: Vec<String> = (0..count)
            .map(|step| (start + step) % count)
            .filter(|place| seen[*place].as_ref().is_none_or(|holding| holding.owner == *own))
            .map(|place| self.names[place].clone())
            .filter(|name| !self.held.iter().any(|lease| lease.name == *name))
            .take(missing)
            .collect();
        if free.is_empty() {
            return Ok(());
        }
        let mut trouble = Ok(());
        for answer in leases.acquire(&free, ttl).await {
            match answer {
                Ok(LeaseGrant::Mine(lease)) => self.held.push(lease),
                Ok(LeaseGrant::HeldBy { .. }) => {}
                Err(error) => trouble = Err(error),
            }
        }
        trouble
    }

    /// Takes out what is more than `wanted`, those first that `prefer` names.
    pub fn surplus(&mut self, wanted: usize, prefer: impl Fn(&GrantedLease) -> bool) -> Vec<GrantedLease> {
        let more = self.held.len().saturating_sub(wanted);
        if more == 0 {
            return Vec::new();
        }
        self.held.sort_by_key(|lease| prefer(lease));
        self.held.split_off(self.held.len() - more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fair_parts_add_up_and_differ_by_one_at_most() {
        for total in [1, 24, 256] {
            for members in 1..=30 {
                let parts: Vec<_> = (0..members).map(|rank| fair(total, rank, members)).collect();
                assert_eq!(parts.iter().sum::<usize>(), total);
                assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1);
            }
        }
        assert_eq!(fair(256, 0, 0), 256);
    }
}
