//! What the catalog records of a published volume.

use crate::archive::{ArchiveFinding, BookManifest};
use crate::catalog::{StoredBook, StoredFinding};
use crate::storage::ObjectKey;

/// What the catalog is to know of a volume whose manifest is published.
pub(crate) fn record_of(manifest: BookManifest, archive: &ObjectKey) -> StoredBook {
    StoredBook {
        encrypted_etag: manifest.encrypted_etag,
        encrypted_bytes: Some(manifest.encrypted_bytes).filter(|bytes| *bytes > 0),
        sha256: manifest.sha256,
        archive_bytes: manifest.archive_bytes,
        page_count: Some(manifest.pages),
        text_pages: Some(manifest.text_pages),
        verified: Some(manifest.verified),
        worst_finding: worst(&manifest.findings),
        storage_path: archive.to_string(),
        marc: manifest.marc,
    }
}

/// The first of the worst findings.
fn worst(findings: &[ArchiveFinding]) -> Option<StoredFinding> {
    let level = findings.iter().map(|finding| finding.level).max()?;
    let finding = findings.iter().find(|finding| finding.level == level)?;
    Some(StoredFinding {
        code: finding.code.as_str().to_owned(),
        level: level.as_str().to_owned(),
    })
}
