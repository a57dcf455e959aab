//! The schema's versions on PostgreSQL; one number says the same in both engines.

use std::path::Path;

use crate::catalog::CatalogError;
use crate::catalog::address::PostgresAddress;
use crate::catalog::engine::postgres::PostgresEngine;
use crate::catalog::writer::schema::{self, VERSION};

/// Held by whoever changes the schema: `GRIN` in ASCII.
const UPGRADE_LOCK: i64 = 0x4752_494e;
/// The version that the first of the steps makes.
const FIRST: i64 = 3;
/// The first makes all; each other is the step to its version. A step that was released is never changed again.
const STEPS: &[&str] = &[
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
];

const _: () = assert!(
    FIRST + STEPS.len() as i64 - 1 == VERSION,
    "both engines have all versions"
);

/// Makes the schema, or brings an older one up to date, in one transaction; of several programs that begin at once, one does it.
pub(super) fn prepare(engine: &PostgresEngine, address: &PostgresAddress) -> Result<(), CatalogError> {
    if version_of(engine, address)? == VERSION {
        return Ok(());
    }
    // Taken before the transaction begins: one that began earlier might not see what the other made meanwhile.
    engine.batch(&format!("SELECT pg_advisory_lock({UPGRADE_LOCK})"))?;
    engine.begin()?;
    let done = upgrade(engine, address).and_then(|()| engine.commit());
    if done.is_err() {
        let _ = engine.roll_back();
    }
    let unlocked = engine.batch(&format!("SELECT pg_advisory_unlock({UPGRADE_LOCK})"));
    done.and(unlocked)
}

fn upgrade(engine: &PostgresEngine, address: &PostgresAddress) -> Result<(), CatalogError> {
    let found = version_of(engine, address)?;
    if found == 0 {
        check_encoding(engine, address)?;
    }
    let done = if found == 0 { 0 } else { found - FIRST + 1 };
    for step in STEPS.iter().skip(usize::try_from(done).unwrap_or(0)) {
        engine.batch(step)?;
    }
    engine.batch(&format!(
        "INSERT INTO settings (key, value) VALUES ('schema_version', '{VERSION}') \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    ))
}

/// Refuses a database that a reader cannot understand, and an empty one in which nobody could make a catalog.
pub(super) fn check_readable(engine: &PostgresEngine, address: &PostgresAddress) -> Result<(), CatalogError> {
    let found = version_of(engine, address)?;
    if found == 0 {
        let may_make = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_make";
        let may_make: Option<bool> = engine.prepare(may_make)?.first(&[], |row| row.get("may_make"))?;
        if may_make != Some(true) {
            let shown = address.shown();
            let why = format!("there is no catalog in {shown} yet, and this user may not make tables there");
            return Err(CatalogError::NotPermitted(why));
        }
    }
    schema::readable(found, Path::new(address.shown()))
}

/// Whether a database with this encoding can hold what GRIN says of books. One without an encoding takes any bytes.
fn holds_all_characters(encoding: &str) -> bool {
    matches!(encoding, "UTF8" | "SQL_ASCII")
}

/// Refuses a database in which titles of some books could not be written. A catalog that is in such a one already can be copied out of it.
pub(super) fn check_encoding(engine: &PostgresEngine, address: &PostgresAddress) -> Result<(), CatalogError> {
    let asked = "SELECT current_setting('server_encoding') AS encoding";
    let found: Option<String> = engine.prepare(asked)?.first(&[], |row| row.get("encoding"))?;
    match found.filter(|encoding| !holds_all_characters(encoding)) {
        Some(encoding) => Err(CatalogError::Encoding(format!(
            "{} has the encoding {encoding}",
            address.shown()
        ))),
        None => Ok(()),
    }
}

/// The version in the database, 0 for an empty one; refuses other programs' tables and later versions.
pub(super) fn version_of(engine: &PostgresEngine, address: &PostgresAddress) -> Result<i64, CatalogError> {
    let tables = "SELECT to_regclass('settings') IS NOT NULL AS settings, to_regclass('books') IS NOT NULL AS books";
    let found = engine
        .prepare(tables)?
        .first(&[], |row| Ok((row.get::<bool>("settings")?, row.get::<bool>("books")?)))?;
    let path = || address.shown().into();
    match found {
        Some((true, true)) => {}
        Some((false, false)) => return Ok(0),
        _ => return Err(CatalogError::Foreign { path: path() }),
    }
    let sql = "SELECT value FROM settings WHERE key = 'schema_version'";
    let version: Option<String> = engine.prepare(sql)?.first(&[], |row| row.get("value"))?;
    let version = version.and_then(|text| text.parse().ok());
    match version {
        // No catalog on a server has a version before the first.
        None | Some(..FIRST) => Err(CatalogError::Foreign { path: path() }),
        Some(found) if found > VERSION => Err(CatalogError::Newer {
            path: path(),
            found,
            known: VERSION,
        }),
        Some(found) => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unicode_and_no_encoding_at_all_hold_every_title() {
        for (encoding, holds) in [
            ("UTF8", true),
            ("SQL_ASCII", true),
            ("LATIN1", false),
            ("WIN1252", false),
            ("EUC_JP", false),
        ] {
            assert_eq!(holds_all_characters(encoding), holds, "{encoding}");
        }
    }
}
