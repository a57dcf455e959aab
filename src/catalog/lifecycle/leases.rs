//! Keeping claims alive, and taking back those of a holder that started anew.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimToken, ExpiredClaims, LeaseSpan, release, release_expired};
use crate::catalog::lifecycle::history::ChangeCause;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// Keeps claims for some time more; comes back with those that are lost. Claims of the same owner that it does not name, and whose
/// lease ran out, are released: nobody works on them.
#[derive(Debug, Clone)]
pub struct RenewClaims {
    /// Who renews.
    pub owner: String,
    /// The claims.
    pub claims: Vec<ClaimToken>,
    /// How long they hold from now on.
    pub lease: Duration,
}

/// Takes back all claims of an owner that starts anew and works on none of them; comes back with their number.
#[derive(Debug, Clone)]
pub struct RecoverClaims {
    /// The owner.
    pub owner: String,
}

impl CatalogOperation for RenewClaims {
    type Output = Vec<ClaimToken>;
    const KIND: &'static str = "renew";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<ClaimToken>, CatalogError> {
        let span = LeaseSpan::from_now(tx, self.lease);
        let mut update = tx.conn.prepare(
            "UPDATE books SET lease_until = :until, lease_from = :from, lease_to = :to \
             WHERE barcode = :barcode AND claimed_by = :owner AND claim_fence = :fence",
        )?;
        let mut lost = Vec::new();
        for claim in &self.claims {
            let renewed = update.execute(&arguments! {
                until: span.until, from: span.from, to: span.to,
                barcode: claim.barcode, owner: claim.owner, fence: claim.fence,
            })?;
            if renewed == 0 {
                lost.push(claim.clone());
            }
        }
        release_expired(tx, ExpiredClaims::OfOwner(&self.owner))?;
        Ok(lost)
    }
}

impl CatalogOperation for RecoverClaims {
    type Output = u64;
    const KIND: &'static str = "recover";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        // The partial index holds what is claimed and nothing else, so looking through it is cheap.
        let sql = "SELECT id FROM books WHERE claimed_by IS NOT NULL AND claimed_by = :owner /*pg FOR UPDATE*/";
        let own = tx.conn.all(sql, &arguments! { owner: self.owner }, |row| row.at(0))?;
        for id in &own {
            release(tx, *id, ChangeCause::Recovered)?;
        }
        Ok(own.len() as u64)
    }
}

/// Asks who holds claims at present.
#[derive(Debug, Clone, Copy)]
pub struct ClaimHolders;

impl CatalogOperation for ClaimHolders {
    type Output = Vec<String>;
    const KIND: &'static str = "holders";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT DISTINCT claimed_by FROM books WHERE claimed_by IS NOT NULL ORDER BY 1";
        tx.conn.all(sql, &[], |row| row.at(0))
    }
}
