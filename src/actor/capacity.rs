//! The hard bound of a mailbox or a pool: places for so many queued messages, and an end to taking more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::actor::AskError;

/// Why nobody gets in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Door {
    Open,
    Draining,
    Closed,
}

/// Room for queued messages; shared by the members of a pool.
#[derive(Debug)]
pub(super) struct MailboxCapacity {
    places: Arc<Semaphore>,
    capacity: AtomicUsize,
    /// Places to be taken away as soon as they come free (a pool that shrank).
    debt: AtomicUsize,
    door: AtomicU8,
}

/// One place, held from sending until handling begins.
#[derive(Debug)]
pub(super) struct CapacityPlace {
    places: Arc<MailboxCapacity>,
    permit: Option<OwnedSemaphorePermit>,
}

impl MailboxCapacity {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            places: Arc::new(Semaphore::new(capacity)),
            capacity: AtomicUsize::new(capacity),
            debt: AtomicUsize::new(0),
            door: AtomicU8::new(Door::Open as u8),
        })
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity.load(SeqCst)
    }

    /// A place at once, or why there is none.
    pub(super) fn try_take(self: &Arc<Self>) -> Result<CapacityPlace, AskError> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(CapacityPlace {
                places: Arc::clone(self),
                permit: Some(permit),
            }),
            Err(TryAcquireError::NoPermits) => Err(AskError::Full),
            Err(TryAcquireError::Closed) => Err(self.refusal()),
        }
    }

    /// A place as soon as there is one, first come first served.
    pub(super) async fn take(self: &Arc<Self>) -> Result<CapacityPlace, AskError> {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(permit) => Ok(CapacityPlace {
                places: Arc::clone(self),
                permit: Some(permit),
            }),
            Err(_) => Err(self.refusal()),
        }
    }

    /// Refuses everyone from now on, those who wait included.
    pub(super) fn drain(&self) {
        let _ = self
            .door
            .compare_exchange(Door::Open as u8, Door::Draining as u8, SeqCst, SeqCst);
        self.places.close();
    }

    /// As [`MailboxCapacity::drain`], for good: the actor has ended.
    pub(super) fn shut(&self) {
        self.door.store(Door::Closed as u8, SeqCst);
        self.places.close();
    }

    pub(super) fn refusal(&self) -> AskError {
        if self.door.load(SeqCst) == Door::Draining as u8 {
            AskError::Draining
        } else {
            AskError::Closed
        }
    }

    /// Makes the capacity larger.
    pub(super) fn grow(&self, places: usize) {
        self.capacity.fetch_add(places, SeqCst);
        let paid = self.pay(places);
        self.places.add_permits(places - paid);
    }

    /// Makes the capacity smaller: free places at once, taken ones as they come free.
    pub(super) fn shrink(&self, places: usize) {
        self.capacity.fetch_sub(places, SeqCst);
        let forgotten = self.places.forget_permits(places);
        self.debt.fetch_add(places - forgotten, SeqCst);
    }

    /// Settles up to `places` of the debt and says how many.
    fn pay(&self, places: usize) -> usize {
        let before = self
            .debt
            .fetch_update(SeqCst, SeqCst, |debt| Some(debt.saturating_sub(places)));
        before.map_or(0, |debt| debt.min(places))
    }
}

impl Drop for CapacityPlace {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.places.debt.load(SeqCst) > 0
            && self.places.pay(1) == 1
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_room_takes_back_places_as_they_come_free() {
        let places = MailboxCapacity::new(3);
        let held: Vec<_> = (0..3).map(|_| places.try_take().unwrap()).collect();
        places.shrink(2);
        assert_eq!(places.capacity(), 1);
        drop(held);
        let _one = places.try_take().unwrap();
        assert_eq!(places.try_take().unwrap_err(), AskError::Full);
    }

    #[test]
    fn growing_pays_the_debt_first() {
        let places = MailboxCapacity::new(2);
        let held: Vec<_> = (0..2).map(|_| places.try_take().unwrap()).collect();
        places.shrink(1);
        places.grow(1);
        assert_eq!(places.try_take().unwrap_err(), AskError::Full);
        drop(held);
        let _two = (places.try_take().unwrap(), places.try_take().unwrap());
        assert_eq!(places.try_take().unwrap_err(), AskError::Full);
    }

    #[test]
    fn the_door_says_why() {
        let places = MailboxCapacity::new(1);
        places.drain();
        assert_eq!(places.try_take().unwrap_err(), AskError::Draining);
        places.shut();
        places.drain();
        assert_eq!(places.try_take().unwrap_err(), AskError::Closed);
    }
}
