//! Leases in a Dapr state store, for several machines (PROTOCOL.md, section 10).
//!
//! Two keys a name: one holds the claim, the other the highest fence ever given. Neither ever runs out or is deleted: the
//! versions of a key made anew begin at 1 again, so an ETag of the old one could pass for one of the new one, and whoever
//! read the claim before would overwrite its follower's. A claim ends by the time in it, or by having no owner. Every write of either is a first-write: on Redis one plain write would let every later one pass.

use std::time::Duration;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::actor::AskContext;
use crate::dapr::leases::record::LeaseRecord;
use crate::dapr::leases::{GrantedLease, LeaseAnswers, LeaseError, LeaseGrant, LeaseHolder, LeaseKeeper, LeaseTerms};
use crate::dapr::{
    BulkGet, GetState, ReadConsistency, SaveState, StateError, StateItem, StateStore, StoredValue, ValueTtl,
};
use crate::session::RetryBackoff;

/// Names worked on at a time.
const AT_ONCE: usize = 16;
/// Keys in one bulk get.
const BULK: usize = 256;
/// Tries against others that write the same key at the same time.
const TRIES: u32 = 16;
/// Waits after a race that was lost.
const RACE: RetryBackoff = RetryBackoff {
    base: Duration::from_millis(5),
    cap: Duration::from_millis(200),
    attempts: u32::MAX,
};

/// Leases kept in a Dapr state store.
#[derive(Clone)]
pub struct DaprLeases {
    terms: LeaseTerms,
    store: StateStore,
    prefix: String,
    cx: AskContext,
}

/// The highest fence of a name.
#[derive(Serialize, Deserialize)]
struct Fence {
    fence: u64,
    /// No two raises write the same value: a save whose answer was lost is known by it, and two that raise to the same
    /// number are told apart.
    by: String,
}

/// A record and the ETag under which it was read.
type Tagged = (LeaseRecord, String);

impl DaprLeases {
    /// Keeps leases in `store` under keys that begin with `grind.<library>.`, so that libraries can share a store.
    pub fn new(store: StateStore, terms: LeaseTerms, library: &str) -> Self {
        Self {
            terms,
            store,
            prefix: format!("grind.{library}"),
            cx: AskContext::root("leases"),
        }
    }

    fn claim_key(&self, name: &str) -> String {
        self.key("lease", name)
    }

    fn fence_key(&self, name: &str) -> String {
        self.key("fence", name)
    }

    /// Without slashes: whether a sidecar finds `%2F` in a key is nothing to rely on.
    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}.{kind}.{}", self.prefix, name.replace('/', "."))
    }

    async fn read(&self, key: String) -> Result<Option<StoredValue>, StateError> {
        Ok(self.store.ask(GetState::strong(key), &self.cx).await?.value())
    }

    async fn claim(&self, name: &str) -> Result<Option<Tagged>, LeaseError> {
        match self.read(self.claim_key(name)).await? {
            None => Ok(None),
            Some(stored) => Ok(Some((stored.json()?, etag(stored)?))),
        }
    }

    /// One first-write, with the ETag of what was read, or without one where nothing was.
    async fn write(&self, key: String, value: &impl Serialize, etag: Option<&str>) -> Result<(), StateError> {
        let item = StateItem {
            etag: etag.map(str::to_owned),
            ttl: Some(ValueTtl::Never),
            first_write: true,
            consistency: Some(ReadConsistency::Strong),
            ..StateItem::json(key, value)?
        };
        self.store.ask(SaveState::one(item), &self.cx).await
    }

    /// Raises the fence of a name; the number is nobody else's. `None`: somebody else wrote at the same moment, or so it
    /// may be; whatever happened, the next number is free.
    async fn raise(&self, name: &str) -> Result<Option<u64>, LeaseError> {
        let (fence, tag) = match self.read(self.fence_key(name)).await? {
            None => (1, None),
            Some(stored) => (stored.json::<Fence>()?.fence + 1, Some(etag(stored)?)),
        };
        let by = format!("{} {:016x}", self.terms.owner, rand::random::<u64>());
        let raised = Fence { fence, by };
        match self.write(self.fence_key(name), &raised, tag.as_deref()).await {
            Ok(()) => Ok(Some(fence)),
            Err(StateError::Conflict) => Ok(None),
            // On Redis the second of two first writes hears of a failure.
            Err(error @ (StateError::Failed { .. } | StateError::Unavailable { .. })) => {
                match self.read(self.fence_key(name)).await? {
                    Some(stored) if stored.json::<Fence>()?.fence >= fence => Ok(None),
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn take(&self, name: &str, ttl: Duration) -> Result<LeaseGrant, LeaseError> {
        for attempt in 1..=TRIES {
            let before = self.claim(name).await?;
            if let Some(held) = before.as_ref().and_then(|(record, _)| record.in_the_way(&self.terms)) {
                return Ok(held);
            }
            let placed = match self.next_lease(name, ttl).await? {
                Some(lease) => {
                    let etag = before.as_ref().map(|(_, etag)| etag.as_str());
                    self.place(&lease, etag).await?.then_some(lease)
                }
                None => None,
            };
            if let Some(lease) = placed
                && let Some(lease) = self.highest(lease, ttl).await?
            {
                return Ok(LeaseGrant::Mine(lease));
            }
            // Whoever was faster has it now, or will have in a moment.
            let pause = RACE.delay(attempt, &mut rand::rng()).unwrap_or_default();
            tokio::time::sleep(pause).await;
        }
        Err(LeaseError::Store(format!("{name:?} is fought for by too many")))
    }

    async fn next_lease(&self, name: &str, ttl: Duration) -> Result<Option<GrantedLease>, LeaseError> {
        let asked = Instant::now();
        let until = self.terms.until(ttl);
        let fence = self.raise(name).await?;
        Ok(fence.map(|fence| self.terms.lease(name, fence, (until, asked, ttl))))
    }

    /// Writes the claim; `false`: somebody else was faster. A refusal and a broken store look alike on Redis, and an
    /// answer may be lost, so after either the key is read: it says whose claim it is.
    async fn place(&self, lease: &GrantedLease, etag: Option<&str>) -> Result<bool, LeaseError> {
        let record = LeaseRecord::of(lease);
        match self.write(self.claim_key(&lease.name), &record, etag).await {
            Ok(()) => Ok(true),
            Err(error @ (StateError::Conflict | StateError::Failed { .. } | StateError::Unavailable { .. })) => {
                match self.claim(&lease.name).await? {
                    Some((found, _)) if found == record => Ok(true),
                    Some((found, _)) if found.in_the_way(&self.terms).is_some() => Ok(false),
                    _ if error == StateError::Conflict => Ok(false),
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that no other acquisition, begun earlier and ended meanwhile, had a higher fence: the claim is held now,
    /// so a fence that is still the highest is greater than that of every lease granted before.
    async fn highest(&self, mut lease: GrantedLease, ttl: Duration) -> Result<Option<GrantedLease>, LeaseError> {
        for _ in 0..TRIES {
            let fence = self.read(self.fence_key(&lease.name)).await?;
            let highest = fence.map(|stored| stored.json::<Fence>()).transpose()?;
            if highest.is_some_and(|highest| highest.fence == lease.fence) {
                return Ok(Some(lease));
            }
            let Some((record, etag)) = self.claim(&lease.name).await? else {
                return Ok(None);
            };
            if record != LeaseRecord::of(&lease) {
                return Ok(None);
            }
            if let Some(next) = self.next_lease(&lease.name, ttl).await? {
                if !self.place(&next, Some(&etag)).await? {
                    return Ok(None);
                }
                lease = next;
            }
        }
        Ok(None)
    }

    async fn prolong(&self, lease: &GrantedLease, ttl: Duration) -> Result<GrantedLease, LeaseError> {
        let lost = || LeaseError::Lost {
            name: lease.name.clone(),
        };
        let asked = Instant::now();
        let until = self.terms.until(ttl);
        let Some((record, etag)) = self.claim(&lease.name).await? else {
            return Err(lost());
        };
        if !record.is(lease, &self.terms) {
            return Err(lost());
        }
        let longer = self.terms.lease(&lease.name, lease.fence, (until, asked, ttl));
        match self.place(&longer, Some(&etag)).await? {
            true => Ok(longer),
            false => Err(lost()),
        }
    }

    async fn give_back(&self, lease: &GrantedLease) -> Result<(), LeaseError> {
        let Some((record, etag)) = self.claim(&lease.name).await? else {
            return Ok(());
        };
        if record.owner != lease.owner || record.fence != lease.fence {
            return Ok(());
        }
        let free = LeaseRecord {
            owner: String::new(),
            ..record
        };
        match self.write(self.claim_key(&lease.name), &free, Some(&etag)).await {
            // Run out and taken over in this very moment: not ours to release any more.
            Ok(()) | Err(StateError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn seen(&self, names: &[String]) -> Result<Vec<Option<LeaseHolder>>, LeaseError> {
        let keys = names.iter().map(|name| self.claim_key(name)).collect();
        let items = self.store.ask(BulkGet::of(keys), &self.cx).await?;
        let mut by_key = std::collections::HashMap::new();
        for item in items {
            let found = item.found.map_err(LeaseError::Store)?;
            by_key.insert(item.key, found.value());
        }
        let holding = |name: &String| match by_key.get(&self.claim_key(name)) {
            Some(Some(stored)) => Ok(stored.json::<LeaseRecord>()?.holding(&self.terms)),
            _ => Ok(None),
        };
        names.iter().map(holding).collect()
    }
}

fn etag(stored: StoredValue) -> Result<String, LeaseError> {
    let missing = || LeaseError::Store("the state store gives no ETags, so nothing can be claimed in it".to_owned());
    stored.etag.ok_or_else(missing)
}

impl LeaseKeeper for DaprLeases {
    fn terms(&self) -> &LeaseTerms {
        &self.terms
    }

    fn acquire<'a>(&'a self, names: &'a [String], ttl: Duration) -> LeaseAnswers<'a, LeaseGrant> {
        let all = futures::stream::iter(names).map(move |name| self.take(name, ttl));
        Box::pin(all.buffered(AT_ONCE).collect())
    }

    fn renew<'a>(&'a self, leases: &'a [GrantedLease], ttl: Duration) -> LeaseAnswers<'a, GrantedLease> {
        let all = futures::stream::iter(leases).map(move |lease| self.prolong(lease, ttl));
        Box::pin(all.buffered(AT_ONCE).collect())
    }

    fn release<'a>(&'a self, leases: &'a [GrantedLease]) -> LocalBoxFuture<'a, Result<(), LeaseError>> {
        let all = futures::stream::iter(leases).map(move |lease| self.give_back(lease));
        Box::pin(async move {
            let all: Vec<_> = all.buffered(AT_ONCE).collect().await;
            all.into_iter().collect()
        })
    }

    fn look<'a>(&'a self, names: &'a [String]) -> LocalBoxFuture<'a, Result<Vec<Option<LeaseHolder>>, LeaseError>> {
        Box::pin(async move {
            let mut seen = Vec::with_capacity(names.len());
            for part in names.chunks(BULK) {
                seen.extend(self.seen(part).await?);
            }
            Ok(seen)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::dapr::leases::tests::world::{MARGIN, TTL, World};

    /// Somebody was slow between reading a claim and writing its own.
    #[actix_rt::test]
    async fn a_claim_made_anew_is_not_taken_for_the_one_that_was_read_before() {
        let world = World::dapr();
        let (slow, gone, quick) = (world.dapr_leases("slow"), world.member("gone"), world.member("quick"));
        gone.acquire("n").await.unwrap();
        world.pass(TTL + MARGIN);
        let seen = slow.claim("n").await.unwrap().unwrap().1;
        // By then everything is gone that has a time of its own.
        world.pass(TTL * 10);
        let second = quick.acquire("n").await.unwrap();
        let late = slow.next_lease("n", TTL).await.unwrap().unwrap();
        assert!(!slow.place(&late, Some(&seen)).await.unwrap(), "it ran out in between");
        assert!(quick.holds(&second).await);

        let seen = slow.claim("n").await.unwrap().unwrap().1;
        quick.release(&second).await;
        let third = quick.acquire("n").await.unwrap();
        let late = slow.next_lease("n", TTL).await.unwrap().unwrap();
        assert!(
            !slow.place(&late, Some(&seen)).await.unwrap(),
            "it was released in between"
        );
        assert!(quick.holds(&third).await);
    }
}
