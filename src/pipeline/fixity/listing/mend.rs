//! The catalog is mended where the storage proves what it should say. No object is changed.

use std::time::Duration;

use tracing::info;

use crate::catalog::{FetchAgain, MendRecord, RecordedBook};
use crate::grin::Barcode;
use crate::pipeline::fixity::judge::{ManifestRead, ObjectRead};
use crate::pipeline::fixity::listing::finding::ListingRepair;
use crate::pipeline::fixity::listing::{ListingStop, StoreListing};
use crate::pipeline::publish::record_of;
use crate::storage::ObjectKey;

impl StoreListing<'_> {
    /// What is not there is to be fetched again; `None`: the book changed meanwhile.
    pub(super) fn record_loss(&mut self, book: &RecordedBook) -> Result<Option<ListingRepair>, ListingStop> {
        let Some(barcode) = book.barcode.clone() else {
            return Ok(None);
        };
        let mend = MendRecord {
            barcode,
            stored_at: Some(book.stored_at.clone()),
            found: None,
        };
        let is_done = self.ledger.execute(mend)?;
        Ok(is_done.then_some(ListingRepair::FetchedAgain))
    }

    /// Records an archive that is the one which its manifest names; `None`: it is not, or the book changed meanwhile.
    pub(super) fn record_again(
        &mut self,
        barcode: &Barcode,
        key: &ObjectKey,
        stored_at: Option<String>,
    ) -> Result<Option<ListingRepair>, ListingStop> {
        let ManifestRead::Found(manifest) = self.checker.manifest(&self.checker.layout.manifest(barcode))? else {
            return Ok(None);
        };
        if manifest.barcode != *barcode || !self.has_digest(key, &manifest.sha256)? {
            return Ok(None);
        }
        let mend = MendRecord {
            barcode: barcode.clone(),
            stored_at,
            found: Some(record_of(*manifest, key)),
        };
        if !self.ledger.execute(mend)? {
            return Ok(None);
        }
        info!(%barcode, "archive and manifest agree; the book is recorded as stored");
        Ok(Some(ListingRepair::Recorded))
    }

    /// What is missing beside an archive is made anew from it by whoever claims the book; `None`: the archive is not the recorded one
    /// either, or the book changed meanwhile.
    pub(super) fn make_anew(&mut self, book: &RecordedBook) -> Result<Option<ListingRepair>, ListingStop> {
        let (Some(sha256), Ok(key)) = (&book.stored.sha256, ObjectKey::parse(&book.path)) else {
            return Ok(None);
        };
        if !self.has_digest(&key, sha256)? {
            return Ok(None);
        }
        let fetch = FetchAgain {
            book: book.id,
            stored_at: book.stored_at.clone(),
            keeps: Some(sha256.clone()),
            wait: Duration::ZERO,
        };
        let is_done = self.ledger.execute(fetch)?;
        Ok(is_done.then_some(ListingRepair::MadeAnew))
    }

    fn has_digest(&self, key: &ObjectKey, sha256: &str) -> Result<bool, ListingStop> {
        let (read, _) = self.checker.digest(key)?;
        Ok(matches!(read, ObjectRead::Whole(Some(found)) if found == sha256))
    }
}
