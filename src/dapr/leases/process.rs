//! Leases within one process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use tokio::time::Instant;

use crate::dapr::leases::record::LeaseRecord;
use crate::dapr::leases::{GrantedLease, LeaseAnswers, LeaseError, LeaseGrant, LeaseHolder, LeaseKeeper, LeaseTerms};

/// Leases kept in memory; members that share them are made by [`ProcessLeases::member`].
#[derive(Debug, Clone)]
pub struct ProcessLeases {
    terms: LeaseTerms,
    records: Arc<Mutex<HashMap<String, LeaseRecord>>>,
}

impl ProcessLeases {
    /// The first member.
    pub fn new(terms: LeaseTerms) -> Self {
        Self {
            terms,
            records: Arc::default(),
        }
    }

    /// Another member that shares the same leases.
    #[must_use]
    pub fn member(&self, terms: LeaseTerms) -> Self {
        Self {
            terms,
            records: Arc::clone(&self.records),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, LeaseRecord>) -> T) -> T {
        work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, records: &mut HashMap<String, LeaseRecord>, name: &str, ttl: Duration) -> LeaseGrant {
        let before = records.get(name);
        if let Some(held) = before.and_then(|record| record.in_the_way(&self.terms)) {
            return held;
        }
        // The record stays when the lease is released, and with it the fence.
        let fence = before.map_or(0, |record| record.fence) + 1;
        let times = (self.terms.until(ttl), Instant::now(), ttl);
        let lease = self.terms.lease(name, fence, times);
        records.insert(name.to_owned(), LeaseRecord::of(&lease));
        LeaseGrant::Mine(lease)
    }

    fn prolong(
        &self,
        records: &mut HashMap<String, LeaseRecord>,
        lease: &GrantedLease,
        ttl: Duration,
    ) -> Result<GrantedLease, LeaseError> {
        let lost = || LeaseError::Lost {
            name: lease.name.clone(),
        };
        let record = records.get_mut(&lease.name).ok_or_else(lost)?;
        if !record.is(lease, &self.terms) {
            return Err(lost());
        }
        let times = (self.terms.until(ttl), Instant::now(), ttl);
        let longer = self.terms.lease(&lease.name, lease.fence, times);
        *record = LeaseRecord::of(&longer);
        Ok(longer)
    }
}

impl LeaseKeeper for ProcessLeases {
    fn terms(&self) -> &LeaseTerms {
        &self.terms
    }

    fn acquire<'a>(&'a self, names: &'a [String], ttl: Duration) -> LeaseAnswers<'a, LeaseGrant> {
        let all = self.with(|records| names.iter().map(|name| Ok(self.take(records, name, ttl))).collect());
        Box::pin(std::future::ready(all))
    }

    fn renew<'a>(&'a self, leases: &'a [GrantedLease], ttl: Duration) -> LeaseAnswers<'a, GrantedLease> {
        let all = self.with(|records| leases.iter().map(|lease| self.prolong(records, lease, ttl)).collect());
        Box::pin(std::future::ready(all))
    }

    fn release<'a>(&'a self, leases: &'a [GrantedLease]) -> LocalBoxFuture<'a, Result<(), LeaseError>> {
        self.with(|records| {
            for lease in leases {
                let held = records.get_mut(&lease.name);
                if let Some(record) = held.filter(|record| record.owner == lease.owner && record.fence == lease.fence) {
                    record.owner.clear();
                }
            }
        });
        Box::pin(std::future::ready(Ok(())))
    }

    fn look<'a>(&'a self, names: &'a [String]) -> LocalBoxFuture<'a, Result<Vec<Option<LeaseHolder>>, LeaseError>> {
        let seen = self.with(|records| {
            let holding = |name: &String| records.get(name)?.holding(&self.terms);
            names.iter().map(holding).collect()
        });
        Box::pin(std::future::ready(Ok(seen)))
    }
}
