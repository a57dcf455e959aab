//! The evidence of checks as PREMIS 3 events, streamed: an object a book, an event a check, an agent a version of this program.

mod document;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Write;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::fixity::premis::document::PremisDocument;
use crate::catalog::queries::export::ExportError;
use crate::catalog::queries::reader::CatalogReader;
use crate::grin::{Barcode, LibraryDirectory};

/// Whose evidence is written.
#[derive(Debug, Clone)]
pub struct PremisSelection {
    /// Whose books they are; part of each object's identifier.
    pub library: LibraryDirectory,
    /// Only these books.
    pub barcodes: Option<Vec<Barcode>>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PremisCounts {
    /// Books of which there is evidence. Without any, nothing was written: such a document would not be valid.
    pub objects: u64,
    /// Checks.
    pub events: u64,
    /// Named books of which there is none.
    pub without: BTreeSet<Barcode>,
}

/// The condition of both queries.
const MEANT: &str = "(:all OR barcode IN (SELECT value FROM json_each(:barcodes)))";

impl CatalogReader {
    /// Writes the evidence of all checks that are meant, in the order in which they were made.
    pub fn export_premis(&self, selection: &PremisSelection, out: impl Write) -> Result<PremisCounts, ExportError> {
        let without = selection.barcodes.iter().flatten().cloned().collect();
        let mut document = PremisDocument::new(out, &selection.library, without);
        let barcodes = json_list(selection.barcodes.iter().flatten().map(Barcode::as_str));
        let all = selection.barcodes.is_none();
        let meant = arguments! { all: all, barcodes: barcodes };
        // Objects stand before events: both are to be of one moment.
        self.in_one_view(|tx| {
            let objects = format!(
                "SELECT barcode, storage_path, sha256, archive_bytes FROM books WHERE {MEANT} \
                 AND EXISTS (SELECT 1 FROM fixity_checks WHERE fixity_checks.barcode = books.barcode) ORDER BY id"
            );
            let events = format!(
                "SELECT fixity_checks.id, barcode, checked_at, level, outcome, sha256, bytes, findings, program, version \
                 FROM fixity_checks LEFT JOIN sessions ON sessions.id = session_id WHERE {MEANT} ORDER BY fixity_checks.id"
            );
            tx.conn.each(&objects, &meant, |row| document.object(&CheckedArchive::read(row)?))?;
            if document.counts.objects == 0 {
                return Ok(());
            }
            tx.conn.each(&events, &meant, |row| document.event(&CheckRow::read(row)?))?;
            document.end()
        })?;
        Ok(document.counts)
    }
}

/// What is recorded of a book now.
struct CheckedArchive {
    barcode: String,
    path: Option<String>,
    sha256: Option<String>,
    bytes: Option<u64>,
}

impl CheckedArchive {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            barcode: row.get("barcode")?,
            path: row.get("storage_path")?,
            sha256: row.get("sha256")?,
            bytes: row.get("archive_bytes")?,
        })
    }
}

/// A check.
struct CheckRow {
    id: i64,
    barcode: String,
    checked_at: String,
    level: String,
    outcome: String,
    sha256: Option<String>,
    bytes: u64,
    findings: Option<String>,
    /// Program and version that made it.
    agent: Option<AgentVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AgentVersion {
    program: String,
    version: String,
}

impl AgentVersion {
    fn identifier(&self) -> String {
        format!("{} {}", self.program, self.version)
    }
}

impl CheckRow {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        let (program, version): (Option<String>, Option<String>) = (row.get("program")?, row.get("version")?);
        Ok(Self {
            id: row.get("id")?,
            barcode: row.get("barcode")?,
            checked_at: row.get("checked_at")?,
            level: row.get("level")?,
            outcome: row.get("outcome")?,
            sha256: row.get("sha256")?,
            bytes: row.get("bytes")?,
            findings: row.get("findings")?,
            agent: program
                .zip(version)
                .map(|(program, version)| AgentVersion { program, version }),
        })
    }
}
