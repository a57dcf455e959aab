//! What each class may take of the permits, leaving the others their shares.

use crate::session::PermitClass;
use crate::session::permits::{CLASSES, HOOKS_AT_ONCE};

/// What a class could take of `limit` now, leaving the others what is left of their shares.
pub(super) fn free(limit: usize, shares: &[usize; CLASSES], held: &[usize; CLASSES], class: PermitClass) -> usize {
    let all: usize = held.iter().sum();
    let kept: usize = (0..CLASSES)
        .filter(|other| *other != class.index())
        .map(|other| shares[other].saturating_sub(held[other]))
        .sum();
    let open = limit.saturating_sub(all).saturating_sub(kept);
    let own = shares[class.index()].saturating_sub(held[class.index()]);
    open.max(own.min(limit.saturating_sub(all)))
}

/// The reserved shares, dealt out one by one until all but one of `limit` are reserved.
pub(super) fn shares(reserved: &[usize; CLASSES], limit: usize) -> [usize; CLASSES] {
    let mut dealt = [0; CLASSES];
    let mut left = limit.saturating_sub(1);
    loop {
        let before = left;
        for class in [
            PermitClass::Auth,
            PermitClass::Check,
            PermitClass::Lists,
            PermitClass::Bulk,
            PermitClass::State,
        ]
        .map(PermitClass::index)
        {
            if left > 0 && dealt[class] < reserved[class] {
                dealt[class] += 1;
                left -= 1;
            }
        }
        if left == before {
            return dealt;
        }
    }
}

/// The limits in force, for those who read the counters.
#[derive(Debug, Default)]
pub(in crate::session) struct PermitView {
    pub limit: usize,
    pub shares: [usize; CLASSES],
    pub bulk_places: usize,
    pub state_limit: usize,
}

impl PermitView {
    /// What each class could take now, hosts apart.
    pub(in crate::session) fn free(&self, held: &[usize; CLASSES]) -> [usize; CLASSES] {
        let mut common = *held;
        common[PermitClass::State.index()] = 0;
        common[PermitClass::Hook.index()] = 0;
        let mut result = PermitClass::ALL.map(|class| free(self.limit, &self.shares, &common, class));
        let bulk = PermitClass::Bulk.index();
        result[bulk] = result[bulk].min(self.bulk_places.saturating_sub(held[bulk]));
        result[PermitClass::State.index()] = self.state_limit.saturating_sub(held[PermitClass::State.index()]);
        result[PermitClass::Hook.index()] = HOOKS_AT_ONCE.saturating_sub(held[PermitClass::Hook.index()]);
        result
    }
}
