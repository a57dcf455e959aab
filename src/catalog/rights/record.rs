//! Writing rights into the catalog.

use std::collections::HashMap;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::rights::hathifile::RightsFacts;
use crate::catalog::rights::report::RightsCounts;
use crate::catalog::rights::volume_id::capitals;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// What a file says of one book.
pub(super) struct VolumeRights {
    /// Number of the book.
    pub book: i64,
    /// Its barcode in capitals.
    pub barcode: String,
    pub facts: RightsFacts,
}

/// What becomes of what a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RightsChange {
    /// It is recorded in place of what was known.
    Recorded,
    /// It is known already.
    Unchanged,
    /// A later determination is known; that stays.
    Older,
}

/// What is imported later counts, unless it says itself that it is older: of two determinations with a time the later one stays, whichever file is
/// read first. What has no time replaces, and is replaced.
fn change_of(known: Option<&RightsFacts>, told: &RightsFacts) -> RightsChange {
    let Some(known) = known else {
        return RightsChange::Recorded;
    };
    if known == told {
        return RightsChange::Unchanged;
    }
    match (&known.timestamp, &told.timestamp) {
        (Some(before), Some(now)) if now < before => RightsChange::Older,
        _ => RightsChange::Recorded,
    }
}

/// Records rights; a book of which nothing is said keeps what is known of it.
pub(super) struct RecordRights(pub Vec<VolumeRights>);

const KNOWN: &str = "SELECT id, barcode, hathitrust_id, rights_code, rights_access, rights_reason, rights_timestamp, rights_date_used \
     FROM books WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids)) ORDER BY id /*pg FOR UPDATE*/";

const RECORD: &str = "UPDATE books SET hathitrust_id = :volume, rights_code = :code, rights_access = :access, rights_reason = :reason, \
     rights_timestamp = :timestamp, rights_date_used = :date_used, rights_recorded_at = :now, updated_at = :now WHERE id = :id";

impl CatalogOperation for RecordRights {
    type Output = RightsCounts;
    const KIND: &'static str = "record_rights";

    fn rows(&self) -> usize {
        self.0.len()
    }

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<RightsCounts, CatalogError> {
        let known = known(tx, &self.0)?;
        let (mut counts, mut recorded) = (RightsCounts::default(), Vec::new());
        for told in &self.0 {
            // The book itself is asked for its name: only a digest of it was compared.
            let Some(book) = known.get(&told.book).filter(|book| book.barcode == told.barcode) else {
                continue;
            };
            match change_of(book.facts.as_ref(), &told.facts) {
                RightsChange::Recorded => recorded.push(told),
                RightsChange::Unchanged => counts.unchanged += 1,
                RightsChange::Older => counts.older += 1,
            }
        }
        counts.recorded = recorded.len() as u64;
        let now = tx.stamp.clone();
        let each = recorded.into_iter().map(|told| {
            let facts = &told.facts;
            arguments! {
                volume: facts.volume, code: facts.code, access: facts.access, reason: facts.reason, timestamp: facts.timestamp,
                date_used: facts.date_used, now: now, id: told.book
            }
            .to_vec()
        });
        tx.conn.execute_each(RECORD, each)?;
        Ok(counts)
    }
}

struct RecordedRights {
    /// In capitals.
    barcode: String,
    facts: Option<RightsFacts>,
}

fn known(tx: &CatalogTransaction<'_>, told: &[VolumeRights]) -> Result<HashMap<i64, RecordedRights>, CatalogError> {
    let ids: Vec<_> = told.iter().map(|told| told.book.to_string()).collect();
    let ids = json_list(ids.iter().map(String::as_str));
    let rows = tx.conn.all(KNOWN, &arguments! { ids: ids }, |row| {
        let barcode: String = row.get("barcode")?;
        let recorded = RecordedRights {
            barcode: capitals(&barcode).into_owned(),
            facts: recorded_facts(row)?,
        };
        Ok((row.get("id")?, recorded))
    })?;
    Ok(rows.into_iter().collect())
}

fn recorded_facts(row: &SqlRow<'_>) -> Result<Option<RightsFacts>, CatalogError> {
    let Some(volume) = row.get("hathitrust_id")? else {
        return Ok(None);
    };
    Ok(Some(RightsFacts {
        volume,
        code: row.get("rights_code")?,
        access: row.get("rights_access")?,
        reason: row.get("rights_reason")?,
        timestamp: row.get("rights_timestamp")?,
        date_used: row.get("rights_date_used")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(code: &str, timestamp: Option<&str>) -> RightsFacts {
        RightsFacts {
            volume: "hvd.hn6kfn".into(),
            code: code.into(),
            access: "allow".into(),
            reason: None,
            timestamp: timestamp.map(str::to_owned),
            date_used: None,
        }
    }

    #[test]
    fn what_is_newer_replaces_and_what_is_older_does_not() {
        use RightsChange as C;
        let (before, now) = (Some("2019-01-01T00:00:00"), Some("2020-01-01T00:00:00"));
        for (known, told, change) in [
            (None, facts("pd", None), C::Recorded),
            (Some(facts("ic", before)), facts("pd", now), C::Recorded),
            (Some(facts("ic", now)), facts("pd", now), C::Recorded),
            (Some(facts("pd", now)), facts("pd", now), C::Unchanged),
            (Some(facts("pd", before)), facts("pd", now), C::Recorded),
            (Some(facts("pd", now)), facts("ic", before), C::Older),
            (Some(facts("pd", now)), facts("pd", before), C::Older),
            (Some(facts("ic", None)), facts("pd", before), C::Recorded),
            (Some(facts("ic", now)), facts("pd", None), C::Recorded),
            (Some(facts("pd", None)), facts("pd", None), C::Unchanged),
        ] {
            assert_eq!(change_of(known.as_ref(), &told), change, "{known:?}, then {told:?}");
        }
    }
}
