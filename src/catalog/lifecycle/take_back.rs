//! Claims that ended with a membership, taken back by their holder where nobody has touched the books since.

use std::time::Duration;

use serde::Deserialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimHolder, ClaimToken, take};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeTopic};
use crate::catalog::writer::ledger::CatalogTransaction;

/// How long a claim holds that is taken back by a write of its book; it is renewed with all others.
pub(super) const TAKEN_BACK_FOR: Duration = Duration::from_secs(60);

/// What the history says of the last change of a book's state.
#[derive(Debug, Deserialize)]
struct LastChange {
    cause: Option<ChangeCause>,
    by: Option<String>,
    fence: Option<i64>,
}

impl LastChange {
    /// Whether it is the end of this very claim, and not by its holder's will: then nobody has had the book since.
    fn ends(&self, claim: &ClaimToken) -> bool {
        let is_lost = self.cause.is_some_and(ChangeCause::is_loss);
        is_lost && self.by.as_deref() == Some(&claim.owner) && self.fence == Some(claim.fence)
    }
}

/// Takes a lost claim back, if its holder is a member (again), so that what it fetched under the claim need not be fetched once more;
/// comes back with whether it did.
pub(super) fn take_back(
    tx: &mut CatalogTransaction<'_>,
    claim: &ClaimToken,
    lease: Duration,
) -> Result<bool, CatalogError> {
    let sql = "SELECT id FROM books WHERE barcode = :barcode AND claimed_by IS NULL \
               AND EXISTS (SELECT 1 FROM members WHERE owner = :owner) /*pg FOR UPDATE*/";
    let given = arguments! { barcode: claim.barcode, owner: claim.owner };
    let Some(id) = tx.conn.first(sql, &given, |row| row.at::<i64>(0))? else {
        return Ok(false);
    };
    if !last_change(tx, claim)?.is_some_and(|last| last.ends(claim)) {
        return Ok(false);
    }
    let holder = ClaimHolder {
        owner: &claim.owner,
        fence: claim.fence,
    };
    let books = holder.read(tx.conn, &[id])?;
    take(tx, &books, lease)?;
    tracing::info!(barcode = %claim.barcode, "claimed again: nobody took the book while this program was no member");
    Ok(!books.is_empty())
}

fn last_change(tx: &CatalogTransaction<'_>, claim: &ClaimToken) -> Result<Option<LastChange>, CatalogError> {
    let sql = "SELECT metadata FROM book_status_history WHERE barcode = :barcode AND status_type = :topic ORDER BY id DESC LIMIT 1";
    let given = arguments! { barcode: claim.barcode, topic: ChangeTopic::State };
    let note: Option<Option<String>> = tx.conn.first(sql, &given, |row| row.at(0))?;
    Ok(note.flatten().and_then(|note| serde_json::from_str(&note).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::Barcode;

    #[test]
    fn only_the_end_of_this_very_claim_leaves_the_book_its_holders() {
        let claim = ClaimToken {
            barcode: Barcode::parse("TL0001").unwrap(),
            owner: "a:1".into(),
            fence: 7,
        };
        for (note, ends) in [
            (r#"{"cause":"lease_expired","by":"a:1","fence":7}"#, true),
            (r#"{"from":"checking","cause":"recovered","by":"a:1","fence":7}"#, true),
            (r#"{"cause":"lease_expired","by":"a:1","fence":6}"#, false),
            (r#"{"cause":"lease_expired","by":"a:1"}"#, false),
            (r#"{"cause":"lease_expired","by":"b:1","fence":7}"#, false),
            (r#"{"cause":"handed_back","by":"a:1","fence":7}"#, false),
            (r#"{"cause":"claimed","by":"b:1"}"#, false),
            (r#"{"cause":"stored"}"#, false),
        ] {
            let last: LastChange = serde_json::from_str(note).unwrap();
            assert_eq!(last.ends(&claim), ends, "{note}");
        }
    }
}
