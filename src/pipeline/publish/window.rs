//! How long objects may be published.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::SystemClock;
use crate::grin::Barcode;
use crate::pipeline::membership::UnbrokenMembership;
use crate::pipeline::publish::error::PublishError;

/// Until when the objects of a book may be published: as long as its claim surely holds. A process that was stopped in between and
/// wakes up later publishes nothing over what another one has published since.
#[derive(Debug, Clone)]
pub struct PublicationWindow {
    clock: SystemClock,
    /// In milliseconds since the machine started.
    ends_at: Arc<AtomicI64>,
    /// Under which the book was claimed.
    membership: Option<UnbrokenMembership>,
}

impl PublicationWindow {
    /// A window of this length, from now on.
    pub fn of(lease: Duration) -> Self {
        let window = Self::unlimited();
        window.extend(lease);
        window
    }

    /// For a book that nobody else can work on.
    pub fn unlimited() -> Self {
        Self {
            clock: SystemClock::system(),
            ends_at: Arc::new(AtomicI64::new(i64::MAX)),
            membership: None,
        }
    }

    /// The same, and no longer than this membership: with it all its claims end.
    #[must_use]
    pub fn within(self, membership: UnbrokenMembership) -> Self {
        Self {
            membership: Some(membership),
            ..self
        }
    }

    /// The claim was renewed: open for so long from now on.
    pub fn extend(&self, lease: Duration) {
        let millis = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let ends_at = self.clock.since_boot().saturating_add(millis);
        self.ends_at.store(ends_at, Ordering::Relaxed);
    }

    /// The claim is lost: nothing more is published.
    pub fn close(&self) {
        self.ends_at.store(i64::MIN, Ordering::Relaxed);
    }

    /// Whether objects may be published now.
    pub fn is_open(&self) -> bool {
        let lasts = self.membership.as_ref().is_none_or(UnbrokenMembership::lasts);
        lasts && self.clock.since_boot() < self.ends_at.load(Ordering::Relaxed)
    }

    pub(super) fn check(&self, barcode: &Barcode) -> Result<(), PublishError> {
        let is_open = self.is_open();
        is_open
            .then_some(())
            .ok_or_else(|| PublishError::ClaimEnded(barcode.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::MemberStanding;
    use crate::pipeline::membership::LibraryMembership;

    #[test]
    fn a_window_is_open_while_claim_and_membership_last() {
        let barcode = Barcode::parse("TL0001").unwrap();
        let member = LibraryMembership::of_tests();
        let window = PublicationWindow::of(Duration::from_secs(600)).within(member.unbroken());
        assert!(window.check(&barcode).is_ok());
        member.told(Vec::new(), MemberStanding::Kept);
        assert!(window.check(&barcode).is_ok());
        member.told(Vec::new(), MemberStanding::Rejoined);
        assert!(window.check(&barcode).is_err(), "the book may be another's by now");
        let next = PublicationWindow::of(Duration::ZERO).within(member.unbroken());
        assert!(next.check(&barcode).is_err(), "the claim is over");
    }
}
