//! What the catalog is told of a publication before it is complete, so that a kill in the middle leaves no doubt.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
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

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let book = ClaimedRow::read(tx, &self.claim)?;
        let span = LeaseSpan::from_now(tx, self.lease);
        tx.conn.execute(
            "UPDATE books SET publishing_sha256 = :sha256, publishing_etag = :etag, \
             lease_until = CASE WHEN lease_until > :until THEN lease_until ELSE :until END, \
             lease_to = CASE WHEN lease_to > :to THEN lease_to ELSE :to END WHERE id = :id",
            &arguments! {
                sha256: self.archive.sha256, etag: self.archive.etag, until: span.until, to: span.to, id: book.id,
            },
        )?;
        Ok(())
    }
}

impl CatalogOperation for RecordDoubtfulPublication {
    type Output = bool;
    const KIND: &'static str = "doubtful_publication";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let known = tx.conn.execute(
            "UPDATE books SET publishing_sha256 = :sha256, publishing_etag = :etag WHERE barcode = :barcode",
            &arguments! {
                sha256: self.archive.sha256, etag: self.archive.etag, barcode: self.barcode,
            },
        )?;
        Ok(known == 1)
    }
}
