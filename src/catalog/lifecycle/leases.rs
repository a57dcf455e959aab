//! Keeping claims alive.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimToken, ExpiredClaims, LeaseSpan, release_expired};
use crate::catalog::lifecycle::take_back::take_back;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// Keeps claims for some time more, and takes back those that ended with a membership; comes back with those that are lost. Claims of the same owner that it does not name, and whose
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

impl CatalogOperation for RenewClaims {
    type Output = Vec<ClaimToken>;
    const KIND: &'static str = "renew";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<ClaimToken>, CatalogError> {
        let span = LeaseSpan::from_now(tx, self.lease);
        let conn = tx.conn;
        let mut update = conn.prepare(
            "UPDATE books SET lease_until = :until, lease_from = :from, lease_to = :to \
             WHERE barcode = :barcode AND claimed_by = :owner AND claim_fence = :fence",
        )?;
        let mut lost = Vec::new();
        for claim in &self.claims {
            let renewed = update.execute(&arguments! {
                until: span.until, from: span.from, to: span.to,
                barcode: claim.barcode, owner: claim.owner, fence: claim.fence,
            })?;
            if renewed == 0 && !take_back(tx, claim, self.lease)? {
                lost.push(claim.clone());
            }
        }
        release_expired(tx, ExpiredClaims::OfOwner(&self.owner))?;
        Ok(lost)
    }
}
