//! Which books GRIN refused, and whether others were refused with them.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::intake::BookIntake;
use crate::pipeline::policy::{BookFault, MOST_ALIKE, RefusalEvidence};
use crate::vocabulary::FailureReason;

/// Books that were refused, remembered over incidents; what is beyond counts each time.
const MOST_REFUSED: usize = 10_000;

impl BookIntake {
    /// So many books were refused in this way, and none was served since, that it is everybody's trouble.
    pub fn is_refused_by_all(&self, reason: FailureReason) -> bool {
        self.refused.is_everybodys(reason)
    }

    /// Whose the fault of a book with so many charged attempts is, as others fared so far.
    pub fn judged(&mut self, barcode: &Barcode, attempts: u32, fault: BookFault, now: Instant) -> BookFault {
        let evidence = RefusalEvidence {
            alike: self.refused.alike_with(barcode, fault.reason, now),
            others_opened: self.last_stored.is_some(),
            others_served: self.are_others_served(now),
            was_charged: attempts > 0,
        };
        let (was, reason) = (fault.blame, fault.reason);
        let fault = fault.among_others(evidence);
        if fault.blame != was {
            self.refused.note_everybodys(reason);
        }
        fault
    }
}

/// Refusals since each book was served last.
#[derive(Debug, Default)]
pub(super) struct RefusalMemory {
    /// Books that were refused, by an answer that may concern them alone. `Some`: with others that were refused in the same way since then, so
    /// that it may have been everybody's trouble; `None`: so few were that it was their own.
    books: BTreeMap<Barcode, Option<Instant>>,
    /// Books that failed, by the way in which they did.
    alike: BTreeMap<FailureReason, RefusalRow>,
}

impl RefusalMemory {
    /// How many books failed in this way, this one included. One that was refused before, when others were served since, says nothing
    /// of others.
    pub fn alike_with(&mut self, barcode: &Barcode, reason: FailureReason, now: Instant) -> usize {
        if !self.books.contains_key(barcode) {
            let row = self.alike.entry(reason);
            row.or_insert_with(|| RefusalRow::new(now)).add(barcode);
        }
        self.alike(reason)
    }

    fn alike(&self, reason: FailureReason) -> usize {
        self.alike.get(&reason).map_or(0, RefusalRow::len)
    }

    /// What books failed in this way by was judged to be everybody's trouble.
    pub fn note_everybodys(&mut self, reason: FailureReason) {
        if let Some(row) = self.alike.get_mut(&reason) {
            row.is_everybodys = true;
        }
    }

    /// It was judged so, and no archive was served since.
    pub fn is_everybodys(&self, reason: FailureReason) -> bool {
        self.alike.get(&reason).is_some_and(|row| row.is_everybodys)
    }

    /// Whether the book was refused before; it was from now on.
    pub fn was_refused(&mut self, barcode: &Barcode, reason: FailureReason) -> bool {
        if self.books.contains_key(barcode) {
            return true;
        }
        if self.books.len() < MOST_REFUSED {
            let since = self.alike.get(&reason).map(|row| row.since);
            self.books.insert(barcode.clone(), since);
        }
        false
    }

    pub fn forget(&mut self, barcode: &Barcode) {
        self.books.remove(barcode);
    }

    /// The book's archive is served, in a run that began then. If it was refused with many others, it was everybody's trouble: these
    /// others are forgotten too, and returned.
    pub fn served(&mut self, barcode: &Barcode, began: Instant) -> Vec<Barcode> {
        let Self { books, alike } = self;
        alike.retain(|_, row| {
            let goes_on = !row.is_ended_by(began);
            if !goes_on && row.len() < MOST_ALIKE && !row.is_everybodys {
                // So few are refused for what they are.
                for book in &row.books {
                    books.entry(book.clone()).and_modify(|since| *since = None);
                }
            }
            goes_on
        });
        let Some(Some(trouble)) = books.remove(barcode) else {
            return Vec::new();
        };
        let was_in_it = |_: &Barcode, since: &mut Option<Instant>| *since == Some(trouble);
        books.extract_if(.., was_in_it).map(|(book, _)| book).collect()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.books.len()
    }
}

/// Different books that failed in the same way, and no archive was served whose run began later than the first of them failed.
#[derive(Debug)]
struct RefusalRow {
    since: Instant,
    /// No more than the policy asks for.
    books: BTreeSet<Barcode>,
    /// It was judged to be everybody's trouble, as others fared then.
    is_everybodys: bool,
}

impl RefusalRow {
    fn new(since: Instant) -> Self {
        Self {
            since,
            books: BTreeSet::new(),
            is_everybodys: false,
        }
    }

    fn add(&mut self, barcode: &Barcode) {
        if self.books.len() < MOST_ALIKE {
            self.books.insert(barcode.clone());
        }
    }

    fn len(&self) -> usize {
        self.books.len()
    }

    /// Whether an archive that was served, in a run that began then, shows that others are served.
    fn is_ended_by(&self, began: Instant) -> bool {
        began >= self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_archive_that_was_asked_for_later_ends_a_row() {
        let now = Instant::now();
        let row = RefusalRow::new(now);
        let second = std::time::Duration::from_secs(1);
        assert!(row.is_ended_by(now + second) && !row.is_ended_by(now.checked_sub(second).unwrap()));
    }
}
