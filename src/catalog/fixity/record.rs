//! The evidence of a check, and when a book was last checked.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::vocabulary::{FixityLevel, FixityOutcome};

/// What was found when a stored book was read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixityEvidence {
    /// How closely it was looked at.
    pub level: FixityLevel,
    /// What came of it.
    pub outcome: FixityOutcome,
    /// The SHA-256 of the archive as it was read; `None`: it was not read to its end.
    pub sha256: Option<String>,
    /// Bytes read of all objects.
    pub bytes: u64,
    /// Each object that is not as it should be, as JSON.
    pub findings: Option<String>,
    /// Nothing said before which digest the archive should have: the one that was read is recorded, and compared from now on.
    pub is_first: bool,
}

impl FixityEvidence {
    /// Whether the book is not due for a while: something came of the check. What could not be read is looked at again.
    fn counts(&self) -> bool {
        self.is_first || self.outcome != FixityOutcome::CouldNotCheck
    }
}

/// Records a check of the book with this number; `false`, and nothing is recorded, if what is stored of it was replaced since, or
/// something bad was found while it is being replaced.
#[derive(Debug, Clone)]
pub struct RecordCheck {
    /// The book's number in the catalog.
    pub book: i64,
    /// When that was stored which was checked.
    pub stored_at: String,
    /// What was found.
    pub evidence: FixityEvidence,
}

impl CatalogOperation for RecordCheck {
    type Output = bool;
    const KIND: &'static str = "record_check";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let evidence = &self.evidence;
        let sql = "SELECT barcode, publishing_sha256 IS NOT NULL AS is_replaced FROM books \
                   WHERE id = :id AND sync_timestamp = :stored_at /*pg FOR UPDATE*/";
        let given = arguments! { id: self.book, stored_at: self.stored_at };
        let found = tx.conn.first(sql, &given, |row| {
            Ok((row.get::<String>("barcode")?, row.get::<bool>("is_replaced")?))
        })?;
        let is_bad = evidence.outcome > FixityOutcome::CouldNotCheck;
        let Some((barcode, is_replaced)) = found else {
            return Ok(false);
        };
        if is_bad && is_replaced {
            return Ok(false);
        }
        if evidence.counts() {
            tx.conn.execute(
                "UPDATE books SET checked_at = :now, check_outcome = :outcome WHERE id = :id",
                &arguments! { id: self.book, now: tx.stamp, outcome: evidence.outcome.as_str() },
            )?;
        }
        if evidence.is_first {
            // It stays unverified: that the archive was stored whole is proven by nothing.
            let first = "UPDATE books SET sha256 = ifnull(sha256, :sha256) WHERE id = :id";
            tx.conn
                .execute(first, &arguments! { id: self.book, sha256: evidence.sha256 })?;
        }
        let session = tx.session();
        tx.conn.execute(
            "INSERT INTO fixity_checks (barcode, checked_at, level, outcome, sha256, bytes, findings, session_id) \
             VALUES (:barcode, :now, :level, :outcome, :sha256, :bytes, :findings, :session)",
            &arguments! {
                barcode: barcode, now: tx.stamp, level: evidence.level.as_str(), outcome: evidence.outcome.as_str(),
                sha256: evidence.sha256, bytes: evidence.bytes, findings: evidence.findings, session: session,
            },
        )?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FixityOutcome as O;

    #[test]
    fn a_check_counts_where_something_came_of_it() {
        for (what, outcome, is_first, expected) in [
            ("as it was stored", O::Ok, false, true),
            ("damaged", O::Damaged, false, true),
            ("missing", O::Missing, false, true),
            ("could not be read", O::CouldNotCheck, false, false),
            ("adopted unread, read for the first time", O::CouldNotCheck, true, true),
            ("the same, and its pages agree", O::Ok, true, true),
        ] {
            let evidence = FixityEvidence {
                level: FixityLevel::Digest,
                outcome,
                sha256: None,
                bytes: 0,
                findings: None,
                is_first,
            };
            assert_eq!(evidence.counts(), expected, "{what}");
        }
    }
}
