//! How well stored books are proven, and which are not known to be verified.

use std::io;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::queries::export::ExportError;
use crate::catalog::queries::reader::CatalogReader;
use crate::vocabulary::BookState;

/// Stored books by how well they are proven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerificationCounts {
    /// Every page agreed with its listed checksum.
    pub verified: u64,
    /// Not every page could be compared.
    pub unverified: u64,
    /// Stored before this was recorded, or adopted unread.
    pub unknown: u64,
}

/// A stored book that is not known to be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnverifiedBook {
    /// The book.
    pub barcode: String,
    /// `false`: not every page could be compared; absent: not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u64>,
    /// Code of the worst finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_finding: Option<String>,
    /// When it was stored.
    pub stored_at: String,
}

/// A stored book that its last check found damaged or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsoundBook {
    /// The book.
    pub barcode: String,
    /// `damaged` or `missing`.
    pub check_outcome: String,
    /// When it was checked; absent: what was begun about it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
}

impl VerificationCounts {
    /// From the index of those not known to be verified. A stored book that a worker has claimed is counted where it stands among these
    /// two, and not among the verified.
    pub(crate) fn read(conn: &SqlConnection, states: &StateCounts) -> Result<Self, CatalogError> {
        let (unverified, unknown) = conn.one(
            "SELECT count(*) FILTER (WHERE verified IS NOT NULL) AS unverified, \
             count(*) FILTER (WHERE verified IS NULL) AS unknown \
             FROM books WHERE sync_timestamp IS NOT NULL AND verified IS DISTINCT FROM 1",
            &[],
            |row| Ok((row.get("unverified")?, row.get("unknown")?)),
        )?;
        Ok(Self {
            verified: states.of(BookState::Stored).saturating_sub(unverified + unknown),
            unverified,
            unknown,
        })
    }
}

impl CatalogReader {
    /// Calls `each` for every stored book that its last check found damaged or missing, in the order in which they became known.
    pub fn unsound(&self, mut each: impl FnMut(UnsoundBook) -> io::Result<()>) -> Result<(), ExportError> {
        let sql = "SELECT barcode, check_outcome, checked_at FROM books \
                   WHERE check_outcome IN ('damaged', 'missing') ORDER BY id";
        self.conn().each(sql, &[], |row| {
            each(UnsoundBook {
                barcode: row.get("barcode")?,
                check_outcome: row.get("check_outcome")?,
                checked_at: row.get("checked_at")?,
            })?;
            Ok::<_, ExportError>(ControlFlow::Continue(()))
        })
    }

    /// Calls `each` for every stored book that is not known to be verified, in the order in which they became known.
    pub fn unverified(&self, mut each: impl FnMut(UnverifiedBook) -> io::Result<()>) -> Result<(), ExportError> {
        let sql = "SELECT barcode, verified, page_count, worst_finding, sync_timestamp FROM books \
                   WHERE sync_timestamp IS NOT NULL AND verified IS DISTINCT FROM 1 ORDER BY id";
        self.conn().each(sql, &[], |row| {
            each(UnverifiedBook {
                barcode: row.get("barcode")?,
                verified: row.get("verified")?,
                page_count: row.get("page_count")?,
                worst_finding: row.get("worst_finding")?,
                stored_at: row.get("sync_timestamp")?,
            })?;
            Ok::<_, ExportError>(ControlFlow::Continue(()))
        })
    }
}
