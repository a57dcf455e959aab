//! Leases: who may do something alone for a while, and the number by which a late one is known.
//!
//! Two keepers behind one trait: [`SqliteLeases`] (several processes of one machine), [`DaprLeases`]
//! (several machines). Both keep the same rules:
//!
//! - A lease is somebody's until `until`, by the clock of whoever granted it. It is taken over only at `until + margin`,
//!   and its holder counts on it only until `until - margin`: two clocks may differ by twice the margin.
//! - Every acquisition raises the fence of the name; it never falls. A holder that slept past its end has an older fence
//!   than its follower, and is refused by [`LeaseKeeper::renew`].
//! - A lease that ran out is never renewed, only acquired anew.

mod dapr;
#[cfg(test)]
mod process;
mod record;
mod sqlite;

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

pub use crate::dapr::leases::dapr::DaprLeases;
#[cfg(test)]
pub(crate) use crate::dapr::leases::process::ProcessLeases;
pub use crate::dapr::leases::sqlite::SqliteLeases;

use crate::clock::SystemClock;
use crate::dapr::StateError;

/// A lease that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedLease {
    /// Of what.
    pub name: String,
    /// Whose.
    pub owner: String,
    /// Greater than that of every earlier lease of this name.
    pub fence: u64,
    /// When it ends, by the granter's clock.
    pub until: Timestamp,
    /// When it ends by a clock that nobody sets; guards against a wall clock that is turned back.
    ends: Instant,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseGrant {
    /// It is the asker's.
    Mine(GrantedLease),
    /// It is somebody else's.
    HeldBy {
        /// Whose.
        owner: String,
        /// Until when, unless renewed.
        until: Timestamp,
    },
}

impl LeaseGrant {
    /// The lease, if it is the asker's.
    #[cfg(test)]
    pub fn mine(self) -> Option<GrantedLease> {
        match self {
            Self::Mine(lease) => Some(lease),
            Self::HeldBy { .. } => None,
        }
    }
}

/// Who holds a name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Whose.
    pub owner: String,
    /// By which fence.
    pub fence: u64,
    /// Until when, unless renewed.
    pub until: Timestamp,
}

/// Why there is no answer about a lease.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LeaseError {
    /// It ran out, or somebody else has it.
    #[error("the lease of {name:?} is lost")]
    Lost {
        /// Of what.
        name: String,
    },
    /// The store of leases does not answer as it should.
    #[error("leases cannot be kept: {0}")]
    Store(String),
}

impl From<StateError> for LeaseError {
    fn from(error: StateError) -> Self {
        Self::Store(error.to_string())
    }
}

/// What becomes of several leases, each by itself, in the order in which they were asked for.
pub type LeaseAnswers<'a, T> = LocalBoxFuture<'a, Vec<Result<T, LeaseError>>>;

/// Keeps leases. Names given together are worked on together, as cheaply as the keeper can.
pub trait LeaseKeeper {
    /// How far clocks may be apart, and when is now.
    fn terms(&self) -> &LeaseTerms;

    /// Asks for leases of `names`, each for `ttl` from now; one answer a name, in their order.
    fn acquire<'a>(&'a self, names: &'a [String], ttl: Duration) -> LeaseAnswers<'a, LeaseGrant>;

    /// Keeps leases for `ttl` from now; one answer a lease, in their order.
    ///
    /// # Errors
    /// [`LeaseError::Lost`]: it ran out or was taken over.
    fn renew<'a>(&'a self, leases: &'a [GrantedLease], ttl: Duration) -> LeaseAnswers<'a, GrantedLease>;

    /// Releases leases; those that are lost already are skipped.
    fn release<'a>(&'a self, leases: &'a [GrantedLease]) -> LocalBoxFuture<'a, Result<(), LeaseError>>;

    /// Who holds each of `names`, in their order; leases that may be taken over are nobody's.
    fn look<'a>(&'a self, names: &'a [String]) -> LocalBoxFuture<'a, Result<Vec<Option<LeaseHolder>>, LeaseError>>;
}

/// What all keepers go by.
#[derive(Debug, Clone)]
pub struct LeaseTerms {
    /// Who asks: one name a process, never used twice.
    pub owner: String,
    /// The wall clock.
    pub clock: SystemClock,
    /// Half of what two clocks may differ by.
    pub margin: Duration,
}

impl LeaseTerms {
    /// May its holder still count on it?
    pub fn is_good(&self, lease: &GrantedLease) -> bool {
        let ends = earlier(lease.until, self.margin);
        let steady = lease.ends.checked_sub(self.margin);
        self.clock.now() < ends && steady.is_some_and(|ends| Instant::now() < ends)
    }

    /// When its holder can count on it no more.
    pub fn good_for(&self, lease: &GrantedLease) -> Duration {
        let wall = earlier(lease.until, self.margin).duration_since(self.clock.now());
        let wall = Duration::try_from(wall).unwrap_or_default();
        let steady = lease.ends.saturating_duration_since(Instant::now() + self.margin);
        wall.min(steady)
    }

    /// Is what stands in a record nobody's by now?
    fn is_over(&self, until: Timestamp) -> bool {
        let over = until.checked_add(self.margin).unwrap_or(Timestamp::MAX);
        self.clock.now() >= over
    }

    fn until(&self, ttl: Duration) -> Timestamp {
        self.clock.now().checked_add(ttl).unwrap_or(Timestamp::MAX)
    }

    /// `asked`: when the request for it was sent, so that a slow answer shortens the lease rather than prolonging it.
    fn lease(&self, name: &str, fence: u64, (until, asked, ttl): (Timestamp, Instant, Duration)) -> GrantedLease {
        GrantedLease {
            name: name.to_owned(),
            owner: self.owner.clone(),
            fence,
            until,
            ends: asked + ttl,
        }
    }
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
