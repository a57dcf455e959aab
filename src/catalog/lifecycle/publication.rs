//! What the catalog is told of a publication before it is complete, so that a kill in the middle leaves no doubt.

use std::time::Duration;

use rusqlite::named_params;

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::claim::{BegunPublication, ClaimToken, LeaseSpan};
use crate::catalog::lifecycle::settle::ClaimedRow;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::Barcode;

/// Records, before the first object of a claimed book is published, which archive it is: whoever has lost the claim is refused here,
/// and after a kill the store is compared with what is recorded. Also makes sure that the claim holds for `lease` from now on.
#[derive(Debug, Clone)]
pub struct BeginPublication {
    /// The claim.
    pub claim: ClaimToken,
    /// The archive.
    pub archive: BegunPublication,
    /// For how long the claim holds at least.
    pub lease: Duration,
}

/// Records that objects of a book may have been published after its claim was lost: the store is compared with the catalog when the
/// book is claimed next. Comes back with whether the catalog knows the book.
#[derive(Debug, Clone)]
pub struct RecordDoubtfulPublication {
    /// The book.
    pub barcode: Barcode,
    /// The archive whose objects may be in the store.
    pub archive: BegunPublication,
}

impl CatalogOperation for BeginPublication {
    type Output = ();
    const KIND: &'static str = "begin_publication";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let book = ClaimedRow::read(tx, &self.claim)?;
        let span = LeaseSpan::from_now(tx, self.lease);
        tx.conn
            .prepare_cached(
                "UPDATE books SET publishing_sha256 = :sha256, publishing_etag = :etag, \
                 lease_until = max(lease_until, :until), lease_to = max(ifnull(lease_to, 0), :to) WHERE id = :id",
            )?
            .execute(named_params! {
                ":id": book.id,
                ":sha256": self.archive.sha256,
                ":etag": self.archive.etag,
                ":until": span.until,
                ":to": span.to,
            })?;
        Ok(())
    }
}

impl CatalogOperation for RecordDoubtfulPublication {
    type Output = bool;
    const KIND: &'static str = "doubtful_publication";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let known = tx
            .conn
            .prepare_cached("UPDATE books SET publishing_sha256 = ?2, publishing_etag = ?3 WHERE barcode = ?1")?
            .execute((self.barcode.as_str(), &self.archive.sha256, &self.archive.etag))?;
        Ok(known == 1)
    }
}
