//! How several daemons share one library: each its blocks of books, its share of GRIN's rate, and one
//! of them the lists.
//!
//! Members know of each other by leases alone: each holds one of [`SEATS`] seats, and who counts the taken seats knows how
//! many share the work. Everybody takes a fair part of what is free and releases what is more than fair; a member that
//! dies loses its seat with its lease, and the others' parts grow.

mod portion;
mod rounds;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use crate::dapr::cooperation::rounds::LeaseRounds;

use crate::clock::SystemClock;
use crate::dapr::leases::{GrantedLease, LeaseTerms};
use crate::grin::{BLOCKS, BlockSet, block_of};

/// Shares of GRIN's rate; divides evenly among 2, 3, 4, 6, 8 and 12.
pub const SHARES: usize = 24;
/// Members at most: each needs a share of the rate.
pub const SEATS: usize = SHARES;

/// How leases are kept for the cooperation.
#[derive(Debug, Clone)]
pub struct CooperationConfig {
    /// This process; no other process ever had this name.
    pub owner: String,
    /// The wall clock.
    pub clock: SystemClock,
    /// How long a lease lives without renewal.
    pub lease: Duration,
    /// Catalogs are not shared: a book of somebody else's block must not be taken, and everybody reads the lists itself.
    pub apart: bool,
}

impl CooperationConfig {
    /// How often leases are renewed.
    pub fn every(&self) -> Duration {
        self.lease / 4
    }

    /// Half of what the members' clocks may differ by.
    pub fn margin(&self) -> Duration {
        self.lease / 12
    }

    /// What a keeper of leases goes by.
    pub fn terms(&self) -> LeaseTerms {
        LeaseTerms {
            owner: self.owner.clone(),
            clock: self.clock.clone(),
            margin: self.margin(),
        }
    }
}

/// What this daemon may do now. Clones show the same.
#[derive(Clone)]
pub struct WorkShare {
    shared: Arc<Shared>,
}

struct Shared {
    /// `None`: alone, everything is mine.
    config: Option<(CooperationConfig, LeaseTerms)>,
    held: Mutex<Held>,
    changed: watch::Sender<()>,
    /// Claimed books by block.
    uses: Vec<AtomicU32>,
}

/// What is held after the last round.
#[derive(Debug, Default)]
struct Held {
    blocks: Vec<(u8, GrantedLease)>,
    /// Blocks that are released when their last book is done.
    leaving: Vec<(u8, GrantedLease)>,
    lists: Option<GrantedLease>,
    /// Another member has the lists, and renewed its lease since this one first saw it.
    another_leads: bool,
    shares: Vec<GrantedLease>,
    members: usize,
    settled: bool,
    trouble: Option<String>,
}

/// The cooperation at one moment, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CooperationSnapshot {
    /// Daemons that share the work.
    pub members: usize,
    /// Blocks of books that this one may take.
    pub blocks: usize,
    /// Its share of GRIN's rate, 0 to 1.
    pub rate_share: f64,
    /// It reads the lists: alone of all where the catalog is shared, like all others where each has a catalog of its own.
    pub collects: bool,
    /// Why the last round was not complete.
    pub trouble: Option<String>,
}

impl WorkShare {
    /// One daemon that shares with nobody: everything is its own.
    pub fn alone() -> Self {
        Self::of(None)
    }

    fn of(config: Option<CooperationConfig>) -> Self {
        Self {
            shared: Arc::new(Shared {
                config: config.map(|config| {
                    let terms = config.terms();
                    (config, terms)
                }),
                held: Mutex::default(),
                changed: watch::Sender::new(()),
                uses: std::iter::repeat_with(AtomicU32::default).take(BLOCKS).collect(),
            }),
        }
    }

    /// The blocks whose books may be claimed now.
    pub fn blocks(&self) -> BlockSet {
        let Some((_, terms)) = &self.shared.config else {
            return BlockSet::ALL;
        };
        let held = self.held();
        let leaves = |block: u8| held.leaving.iter().any(|(leaving, _)| *leaving == block);
        let good = |(block, lease): &&(u8, GrantedLease)| terms.is_good(lease) && !leaves(*block);
        held.blocks.iter().filter(good).map(|(block, _)| *block).collect()
    }

    /// May this book be worked on: is its block held still, if only to be released when its last book is done? Always
    /// where the catalog's claims keep members apart.
    pub fn holds(&self, barcode: &str) -> bool {
        let Some((CooperationConfig { apart: true, .. }, terms)) = &self.shared.config else {
            return true;
        };
        let (held, own) = (self.held(), block_of(barcode));
        let mut leases = held.blocks.iter().chain(&held.leaving);
        leases.any(|(block, lease)| *block == own && terms.is_good(lease))
    }

    /// Is there nobody to share with?
    pub fn is_alone(&self) -> bool {
        self.shared.config.is_none()
    }

    /// Must books of other blocks be left alone? Where the catalog is shared, its claims keep members apart, and blocks only
    /// spread them.
    pub fn is_strict(&self) -> bool {
        self.shared.config.as_ref().is_some_and(|(config, _)| config.apart)
    }

    /// May GRIN's lists be read, facts and conversions be asked for? Where each member has a catalog of its own, each must.
    pub fn may_collect(&self) -> bool {
        match &self.shared.config {
            None => true,
            Some((config, terms)) => {
                config.apart || self.held().lists.as_ref().is_some_and(|lease| terms.is_good(lease))
            }
        }
    }

    /// Does another member that is known to live read the lists? A lease alone says little: its holder may be dead.
    pub fn another_leads(&self) -> bool {
        !self.may_collect() && self.held().another_leads
    }

    /// How long it may take until it is known who reads the lists, if the leases can be asked for: whoever has them renews
    /// its lease within that time, or loses it.
    pub fn election(&self) -> Duration {
        let of = |config: &CooperationConfig| config.lease + config.margin() * 2 + config.every() * 2;
        self.shared
            .config
            .as_ref()
            .map_or(Duration::ZERO, |(config, _)| of(config))
    }

    /// The part of all blocks that may be claimed now, applied to `whole`: what of a limit that all members share is
    /// this one's.
    pub fn part_of(&self, whole: u64) -> u64 {
        let (blocks, all) = (self.blocks().count() as u128, BLOCKS as u128);
        u64::try_from(u128::from(whole) * blocks / all).unwrap_or(whole)
    }

    /// The part of GRIN's rate that may be used now, 0 to 1.
    pub fn rate_share(&self) -> f64 {
        let Some((_, terms)) = &self.shared.config else {
            return 1.0;
        };
        let good = self.held().shares.iter().filter(|lease| terms.is_good(lease)).count();
        good as f64 / SHARES as f64
    }

    /// The requests a second of `rate` that may be used now; never nothing, since that would mean "not paced".
    pub fn rate(&self, rate: f64) -> f64 {
        rate * self.rate_share().max(1.0 / SHARES as f64)
    }

    /// How long until the first of the shares held is over, unless renewed; `None`: none is held.
    pub fn shares_last(&self) -> Option<Duration> {
        let (_, terms) = self.shared.config.as_ref()?;
        let held = self.held();
        let good = held.shares.iter().filter(|lease| terms.is_good(lease));
        good.map(|lease| terms.good_for(lease)).min()
    }

    /// May anything be begun? Not without a share of the rate.
    pub fn may_work(&self) -> bool {
        self.rate_share() > 0.0
    }

    /// Everything that is this member's due is held, and still good: what is free now will not become its own by waiting.
    pub fn is_settled(&self) -> bool {
        let Some((_, terms)) = &self.shared.config else {
            return true;
        };
        let held = self.held();
        let blocks = held.blocks.iter().map(|(_, lease)| lease);
        held.settled && blocks.chain(&held.shares).all(|lease| terms.is_good(lease))
    }

    /// How long a member that has nothing left to do should wait before it takes the work for done: one that died may hold
    /// its part for so long. Nothing when there is no other.
    pub fn patience(&self) -> Duration {
        match &self.shared.config {
            Some((config, _)) if self.held().members > 1 => config.lease + config.margin() * 2,
            _ => Duration::ZERO,
        }
    }

    /// Told after every round.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }

    /// Notes that a book is claimed until the guard is dropped; its block is not released before.
    pub fn begin(&self, barcode: &str) -> InHand {
        let block = block_of(barcode);
        self.shared.uses[usize::from(block)].fetch_add(1, Relaxed);
        InHand {
            shared: Arc::clone(&self.shared),
            block,
        }
    }

    /// How it stands; `None` alone.
    pub fn snapshot(&self) -> Option<CooperationSnapshot> {
        self.shared.config.as_ref()?;
        let (blocks, rate_share, collects) = (self.blocks().count(), self.rate_share(), self.may_collect());
        let held = self.held();
        Some(CooperationSnapshot {
            members: held.members,
            blocks,
            rate_share,
            collects,
            trouble: held.trouble.clone(),
        })
    }

    fn in_use(&self, block: u8) -> bool {
        self.shared.uses[usize::from(block)].load(Relaxed) > 0
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.shared.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for WorkShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cooperation").field(&self.snapshot()).finish()
    }
}

/// A claimed book.
pub struct InHand {
    shared: Arc<Shared>,
    block: u8,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.shared.uses[usize::from(self.block)].fetch_sub(1, Relaxed);
    }
}

impl std::fmt::Debug for InHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("InHand").field(&self.block).finish()
    }
}
