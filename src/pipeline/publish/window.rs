//! How long objects may be published.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::SystemClock;
use crate::grin::Barcode;
use crate::pipeline::membership::UnbrokenMembership;
use crate::pipeline::publish::error::PublishError;

/// How often it is looked whether a window is open again: the clock, which ends it, tells nobody.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Until when the objects of a book may be published: as long as its claim surely holds. A process that was stopped in between and
/// wakes up later publishes nothing over what another one has published since.
#[derive(Debug, Clone)]
pub struct PublicationWindow {
    clock: SystemClock,
    shared: Arc<SharedWindow>,
}

#[derive(Debug)]
struct SharedWindow {
    span: Mutex<WindowSpan>,
    changed: Condvar,
}

#[derive(Debug)]
struct WindowSpan {
    /// In milliseconds since the machine started.
    ends_at: i64,
    /// Under which the claim holds.
    membership: Option<UnbrokenMembership>,
    /// Whether it may be opened again when it has ended.
    is_waited_for: bool,
}

impl PublicationWindow {
    /// A window of this length, from now on.
    pub fn of(lease: Duration) -> Self {
        let window = Self::unlimited();
        let ends_at = window.ends_at(lease);
        window.span().ends_at = ends_at;
        window
    }

    /// For a book that nobody else can work on.
    pub fn unlimited() -> Self {
        let span = WindowSpan {
            ends_at: i64::MAX,
            membership: None,
            is_waited_for: false,
        };
        Self {
            clock: SystemClock::system(),
            shared: Arc::new(SharedWindow {
                span: Mutex::new(span),
                changed: Condvar::new(),
            }),
        }
    }

    /// The same, and no longer than this membership: with it all its claims end.
    #[must_use]
    pub fn within(self, membership: UnbrokenMembership) -> Self {
        self.span().membership = Some(membership);
        self
    }

    /// The same, and when it ends its publication waits until it is opened again, or closed: what was fetched is not given up because
    /// a catalog that is away cannot confirm the claim.
    #[must_use]
    pub fn waited_for(self) -> Self {
        self.span().is_waited_for = true;
        self
    }

    /// The claim was confirmed: open for so long from now on, under this membership.
    pub fn open_again(&self, lease: Duration, membership: UnbrokenMembership) {
        let ends_at = self.ends_at(lease);
        let mut span = self.span();
        span.ends_at = ends_at;
        span.membership = Some(membership);
        drop(span);
        self.shared.changed.notify_all();
    }

    /// Whether its publication waits when it ends.
    pub fn is_waited_for(&self) -> bool {
        self.span().is_waited_for
    }

    /// A publication that waits, or would, ends.
    pub fn wait_no_longer(&self) {
        self.span().is_waited_for = false;
        self.shared.changed.notify_all();
    }

    /// The claim is lost: nothing more is published.
    pub fn close(&self) {
        let mut span = self.span();
        (span.ends_at, span.is_waited_for) = (i64::MIN, false);
        drop(span);
        self.shared.changed.notify_all();
    }

    /// Whether objects may be published now.
    pub fn is_open(&self) -> bool {
        self.is_open_in(&self.span())
    }

    fn is_open_in(&self, span: &WindowSpan) -> bool {
        let lasts = span.membership.as_ref().is_none_or(UnbrokenMembership::lasts);
        lasts && self.clock.since_boot() < span.ends_at
    }

    fn ends_at(&self, lease: Duration) -> i64 {
        let millis = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.clock.since_boot().saturating_add(millis)
    }

    fn span(&self) -> MutexGuard<'_, WindowSpan> {
        self.shared.span.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes back when an object may be published; waits for that on this thread, if it is a window to wait for.
    pub(crate) fn check(&self, barcode: &Barcode) -> Result<(), PublishError> {
        let mut span = self.span();
        while !self.is_open_in(&span) {
            if !span.is_waited_for {
                return Err(PublishError::ClaimEnded(barcode.clone()));
            }
            let waited = self.shared.changed.wait_timeout(span, LOOK_AGAIN);
            span = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::MemberStanding;
    use crate::pipeline::membership::LibraryMembership;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_window_is_open_while_claim_and_membership_last() {
        let barcode = Barcode::parse("TL0001").unwrap();
        let member = LibraryMembership::of_tests();
        let window = PublicationWindow::of(LONG).within(member.unbroken());
        assert!(window.check(&barcode).is_ok());
        member.told(Vec::new(), MemberStanding::Kept);
        assert!(window.check(&barcode).is_ok());
        member.told(Vec::new(), MemberStanding::Rejoined);
        assert!(window.check(&barcode).is_err(), "the book may be another's by now");
        let next = PublicationWindow::of(Duration::ZERO).within(member.unbroken());
        assert!(next.check(&barcode).is_err(), "the claim is over");
    }

    /// What comes after a gap in the membership: the claim is confirmed, or it is lost.
    #[test]
    fn a_publication_waits_for_its_claim_to_be_confirmed_or_lost() {
        let barcode = Barcode::parse("TL0001").unwrap();
        for is_confirmed in [true, false] {
            let member = LibraryMembership::of_tests();
            let window = PublicationWindow::of(LONG).within(member.unbroken()).waited_for();
            assert!(window.check(&barcode).is_ok());
            member.told(Vec::new(), MemberStanding::Rejoined);
            let checked = std::thread::scope(|scope| {
                let checking = scope.spawn(|| window.check(&barcode));
                assert!(!window.is_open(), "the gap ended it");
                match is_confirmed {
                    true => window.open_again(LONG, member.unbroken()),
                    false => window.close(),
                }
                checking.join().unwrap()
            });
            assert_eq!(checked.is_ok(), is_confirmed, "{checked:?}");
        }
    }
}
