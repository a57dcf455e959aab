//! The books that failed, for whoever watches: how many by reason, and the last ones by name.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::counters;
use crate::catalog::lifecycle::counters::CounterKind;

/// So many are named.
const MOST_NAMED: usize = 50;
/// Characters of what happened to one; the catalog has all of it.
const LONGEST_DETAIL: usize = 300;
/// They are listed no oftener than this.
const LISTED_EVERY: Duration = Duration::from_secs(10);
/// Where the counts stay the same, another book may have failed in the place of one that was tried again.
const LISTED_AT_LEAST_EVERY: Duration = Duration::from_mins(1);
pub(in crate::catalog) const LAST_FAILED: &str = "SELECT barcode, failure_reason, failure_detail, state_at, next_attempt_at FROM books \
                           WHERE state = 'failed' ORDER BY state_at DESC, id DESC LIMIT :most";

/// Books in state `failed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FailedBooks {
    /// How many by reason, the most frequent first.
    pub by_reason: Vec<FailureCount>,
    /// The last ones, the last first.
    pub recent: Vec<FailedBook>,
    /// When these were listed.
    pub listed_at: Option<Timestamp>,
    /// How many had failed then.
    pub listed_of: u64,
}

/// How many failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// The reason's word; empty where none was noted.
    pub reason: String,
    /// How many.
    pub books: u64,
}

/// One that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBook {
    /// The book.
    pub barcode: String,
    /// The reason's word.
    pub reason: Option<String>,
    /// What happened, shortened.
    pub detail: Option<String>,
    /// Since when it is failed: ISO 8601 in UTC.
    pub since: String,
    /// When it is tried again, if it is.
    pub next_attempt: Option<String>,
}

impl FailedBooks {
    /// Counts them, and lists them anew where that is due.
    pub(super) fn read(conn: &SqlConnection, now: Timestamp, last: Option<&Self>) -> Result<Self, CatalogError> {
        let counts = counters::read(conn, CounterKind::Failure)?.into_iter();
        let mut by_reason: Vec<_> = counts.map(|(reason, books)| FailureCount { reason, books }).collect();
        by_reason.sort_by(|one, other| other.books.cmp(&one.books).then_with(|| one.reason.cmp(&other.reason)));
        let failed = by_reason.iter().map(|count| count.books).sum();
        if let Some(last) = last.filter(|last| !last.is_to_be_listed(now, failed)) {
            let last = last.clone();
            return Ok(Self { by_reason, ..last });
        }
        let recent = conn.all(LAST_FAILED, &arguments! { most: MOST_NAMED }, |row| {
            let detail: Option<String> = row.get("failure_detail")?;
            Ok(FailedBook {
                barcode: row.get("barcode")?,
                reason: row.get("failure_reason")?,
                detail: detail.map(|text| text.chars().take(LONGEST_DETAIL).collect()),
                since: row.get("state_at")?,
                next_attempt: row.get("next_attempt_at")?,
            })
        })?;
        Ok(Self {
            by_reason,
            recent,
            listed_at: Some(now),
            listed_of: failed,
        })
    }

    /// A clock that was set back makes the list old, too.
    fn is_to_be_listed(&self, now: Timestamp, failed: u64) -> bool {
        let age = self.listed_at.map(|at| Duration::try_from(now.duration_since(at)));
        let Some(Ok(age)) = age else { return true };
        age >= LISTED_AT_LEAST_EVERY || (age >= LISTED_EVERY && self.listed_of != failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_are_listed_anew_after_others_failed_and_not_all_the_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let last = FailedBooks {
            listed_at: Some(at(1_000)),
            listed_of: 3,
            ..FailedBooks::default()
        };
        for (age, books, is_due) in [
            (0, 3, false),
            (9, 4, false),
            (10, 4, true),
            (10, 3, false),
            (60, 3, true),
            (-1, 3, true),
        ] {
            let told = last.is_to_be_listed(at(1_000 + age), books);
            assert_eq!(told, is_due, "{age} s, {books} books");
        }
        assert!(FailedBooks::default().is_to_be_listed(at(0), 0));
    }
}
