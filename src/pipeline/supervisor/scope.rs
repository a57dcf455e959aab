//! What a run is to do: everything (the daemon) or one step by hand.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::{BookSelection, RENEW_FACTS_AFTER, ToEnrich, WantedBooks};
use crate::grin::{Barcode, ListKind};
use crate::vocabulary::Queue;

/// What is stored is compared with GRIN's archive this often, where the queue `changed` is served: an archive may be another
/// although no date says so.
const COMPARE_AFTER: Duration = Duration::from_hours(30 * 24);

/// How long after it was compared last a stored book is looked at again, where these queues are served.
pub fn compare_after(queues: &[Queue]) -> Option<Duration> {
    Queue::resolve(queues)
        .contains(&Queue::Changed)
        .then_some(COMPARE_AFTER)
}

/// What to do: all of it (the daemon) or one step by hand.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a step the user may choose by itself"
)]
pub struct RunScope {
    /// Read GRIN's lists.
    pub collect: bool,
    /// Ask for facts.
    pub enrich: bool,
    /// Ask for archives.
    pub convert: bool,
    /// Check and download.
    pub sync: bool,
    /// Keep copies of the catalog in the storage.
    pub copies: bool,
    /// Stop by itself when nothing more can be done now.
    pub once: bool,
    /// A person wants it now: it takes over no task that daemons do at intervals, and waits for a member that does the same just now.
    pub by_hand: bool,
    /// Download whatever CHECK would say; enrich again; read lists from their first page.
    pub force: bool,
    /// Look again at what is stored and was last compared longer ago than this, also where no list says that it changed:
    /// books that a person named (at once), and those of the queue `changed`.
    pub recheck: Option<Duration>,
    /// Of conversions, ask only for those that were ready once and left GRIN's pool before they were fetched.
    pub lost_only: bool,
    /// At most so many books in each step.
    pub limit: Option<u64>,
    /// Only these.
    pub only: Option<Arc<[Barcode]>>,
    /// Which books are served.
    pub queues: Vec<Queue>,
    /// Books of which queues are asked for facts; empty: all.
    pub enrich_queues: Vec<Queue>,
    /// Which lists are read; empty: all of them.
    pub lists: Vec<ListKind>,
}

impl RunScope {
    /// The books meant, as the catalog is asked for them. What is looked at again at once is so once in each run.
    pub fn selection(&self, began: Timestamp, now: Timestamp) -> BookSelection {
        let before = |age: Duration| {
            let from = if age.is_zero() { began } else { now };
            from.checked_sub(age).ok()
        };
        BookSelection {
            queues: self.queues.clone(),
            only: self.only.as_ref().map(|only| only.to_vec()),
            force: self.force,
            recheck_before: self.recheck.and_then(before),
            lost_only: self.lost_only,
            ..BookSelection::default()
        }
    }

    /// The books that a forecast is of.
    pub fn wanted_books(&self) -> WantedBooks {
        WantedBooks {
            queues: self.queues.clone(),
            only: self.only.clone(),
            limit: self.limit,
        }
    }

    /// What enrichment takes from the catalog, `limit` books at most; `now` is when the run began.
    pub fn to_enrich(&self, limit: usize, now: Timestamp) -> ToEnrich {
        ToEnrich {
            limit,
            older_than: if self.force {
                Some(now)
            } else {
                now.checked_sub(RENEW_FACTS_AFTER).ok()
            },
            queues: self.enrich_queues.clone(),
            after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_compared_where_the_queue_of_changed_books_is_served() {
        for (queues, compared) in [
            (&[][..], false),
            (&[Queue::Converted, Queue::Failed], false),
            (&[Queue::Converted, Queue::Changed], true),
            (&[Queue::All], true),
        ] {
            assert_eq!(compare_after(queues).is_some(), compared, "{queues:?}");
        }
    }

    #[test]
    fn facts_are_renewed_by_age_and_at_once_by_force() {
        let now: Timestamp = "2026-03-31T00:00:00Z".parse().unwrap();
        let forced = RunScope {
            force: true,
            ..RunScope::default()
        };
        assert_eq!(forced.to_enrich(5, now).older_than, Some(now));
        assert_eq!(
            RunScope::default().to_enrich(5, now).older_than,
            Some("2026-03-01T00:00:00Z".parse().unwrap())
        );
    }
}
