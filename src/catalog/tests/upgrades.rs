//! Catalogs of earlier versions.

use std::time::Duration;

use crate::catalog::tests::shelf::{TestSchema, only};
use crate::catalog::*;

/// A book that is claimed for as long as can be, by a program that knew no members.
const CLAIMED: &str = "INSERT INTO books (barcode, state, state_at, resume_state, claimed_by, claim_fence, \
    lease_until, lease_from, lease_to, created_at, updated_at) \
    VALUES ('TL0001', 'checking', '2026-01-01T00:00:00.000Z', 'available', 'host:7', 1, \
    '2099-01-01T00:00:00.000Z', 0, 9000000000000000, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')";

/// A catalog of version 3 with that book.
fn version_3(folder: &std::path::Path, schema: Option<&TestSchema>) -> CatalogAddress {
    if let Some(schema) = schema {
        schema.run(include_str!("../engine/postgres/schema/0003.sql"));
        schema.run("INSERT INTO settings (key, value) VALUES ('schema_version', '3')");
        schema.run(CLAIMED);
        return schema.address.clone();
    }
    let path = folder.join("catalog.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    for sql in [
        include_str!("../writer/schema/0001.sql"),
        include_str!("../writer/schema/0002.sql"),
        include_str!("../writer/schema/0003.sql"),
        CLAIMED,
        "; PRAGMA application_id = 0x4752494e; PRAGMA user_version = 3",
    ] {
        conn.execute_batch(sql).unwrap();
    }
    CatalogAddress::Sqlite(path)
}

#[test]
fn a_catalog_of_version_3_gets_members_and_its_claims_end() {
    let (folder, schema) = (tempfile::tempdir().unwrap(), TestSchema::new());
    let address = version_3(folder.path(), schema.as_ref());
    let mut ledger = CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default()).unwrap();
    assert!(ledger.execute(ListMembers).unwrap().is_empty());
    let (turns, every) = (1, Duration::from_secs(1));
    let slice = ledger
        .execute(TakeRateSlice {
            turns,
            every,
            ahead: Duration::ZERO,
            behind: Duration::ZERO,
        })
        .unwrap();
    assert_eq!((slice.begins_in, slice.closed_for), (Duration::ZERO, Duration::ZERO));
    let claim = ClaimBooks {
        selection: only(&["TL0001"]),
        limit: 1,
        owner: "a:1".into(),
        lease: every,
    };
    assert_eq!(ledger.execute(claim).unwrap().len(), 1, "nobody renews the other claim");
}
