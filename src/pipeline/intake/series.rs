//! Books that failed one after the other, and when that is no longer the trouble of each of them.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::grin::Barcode;
use crate::pipeline::intake::breaker::ProbeFailures;
use crate::pipeline::policy::BookFault;
use crate::vocabulary::{Blame, FailureReason};

/// Different books that failed since the last success.
#[derive(Debug, Default)]
pub(super) struct FailureSeries {
    books: BTreeSet<Barcode>,
    /// How often they failed.
    attempts: usize,
    /// Kept from a breaker that closed without a book having been stored, so that the next pause is no shorter.
    pub before: Option<(Instant, ProbeFailures)>,
}

impl FailureSeries {
    /// Adds a failure; `false` if it tells nothing: of a book that is not new and had no part in this series.
    pub fn add(&mut self, barcode: &Barcode, is_new: bool) -> bool {
        if !is_new && !self.books.contains(barcode) {
            return false;
        }
        self.books.insert(barcode.clone());
        self.attempts += 1;
        true
    }

    /// The books of a series that has opened a breaker; the next series begins anew.
    pub fn take_books(&mut self) -> BTreeSet<Barcode> {
        self.attempts = 0;
        std::mem::take(&mut self.books)
    }

    /// How many failed, where that is everybody's trouble: so many different books or, where there are fewer, so many attempts at all
    /// that there are. However often one book fails, that is not everybody's, unless GRIN cannot even be reached.
    pub fn everybodys_extent(
        &self,
        fault: &BookFault,
        enough: usize,
        at_work: &BTreeMap<Barcode, Instant>,
    ) -> Option<String> {
        let (books, attempts) = (self.books.len(), self.attempts);
        let is_one_books = fault.blame == Blame::Book || (books == 1 && fault.reason != FailureReason::Connect);
        let are_all = || at_work.keys().all(|other| self.books.contains(other));
        if books >= enough {
            Some(format!("{books} books in a row"))
        } else if attempts >= enough && !is_one_books && are_all() {
            Some(format!("{attempts} attempts in a row at all books that are to be had"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionError;

    #[test]
    fn so_many_books_or_so_many_attempts_at_all_that_there_are_make_it_everybodys() {
        let reset = BookFault::from(&SessionError::Reset);
        let connect = BookFault::from(&SessionError::Connect {
            host: "grin".to_owned(),
            cause: "refused".to_owned(),
        });
        let server = BookFault::from(&SessionError::Server { status: 503 });
        let forbidden = BookFault::from(&SessionError::Forbidden { snippet: String::new() });
        for (fault, books, attempts, others_at_work, expected) in [
            (&reset, 3, 3, false, true),
            (&server, 3, 3, false, true),
            (&forbidden, 3, 3, false, true),
            (&reset, 3, 3, true, true),
            (&reset, 2, 2, false, false),
            // There are fewer.
            (&reset, 2, 3, false, true),
            (&connect, 1, 3, false, true),
            (&reset, 1, 100, false, false),
            (&server, 2, 3, false, true),
            (&server, 1, 100, false, false),
            (&forbidden, 2, 100, false, false),
            // What is on its way may be served.
            (&reset, 2, 100, true, false),
        ] {
            let mut series = FailureSeries::default();
            for attempt in 0..attempts {
                let code = format!("BOOK{}", attempt.min(books - 1));
                assert!(series.add(&Barcode::parse(&code).unwrap(), attempt < books));
            }
            let mut at_work = BTreeMap::from([(Barcode::parse("BOOK0").unwrap(), Instant::now())]);
            if others_at_work {
                at_work.insert(Barcode::parse("OTHER1").unwrap(), Instant::now());
            }
            let told = series.everybodys_extent(fault, 3, &at_work);
            assert_eq!(
                told.is_some(),
                expected,
                "{fault:?} {books} {attempts} {others_at_work}"
            );
        }
    }

    #[test]
    fn a_book_that_was_refused_before_a_series_is_no_part_of_it() {
        let mut series = FailureSeries::default();
        let (old, new) = (Barcode::parse("OLD001").unwrap(), Barcode::parse("NEW001").unwrap());
        assert!(!series.add(&old, false));
        assert!(series.add(&new, true) && series.add(&new, false));
        assert_eq!(series.take_books(), BTreeSet::from([new]));
    }
}
