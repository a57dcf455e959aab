//! Whether a connection that is made anew leads to the catalog that was opened. A database may be dropped and made again, a name may lead to
//! another server: what is recorded there from then on would be missed in the one, and wrong in the other.

use crate::catalog::CatalogError;
use crate::catalog::address::PostgresAddress;
use crate::catalog::engine::postgres::PostgresEngine;
use crate::catalog::engine::postgres::schema;
use crate::catalog::engine::value::arguments;
use crate::catalog::writer::schema::readable;

/// The key under which the id stands. It is the database's own: a copy has another.
const KEY: &str = "catalog_id";

/// What is where the catalog was, unless it is the one.
fn replaced_by(expected: &str, version: i64, found: Option<&str>) -> Option<&'static str> {
    match (version, found) {
        (0, _) => Some("an empty database"),
        (_, Some(id)) if id == expected => None,
        _ => Some("another catalog"),
    }
}

/// The id of the catalog, which gets one when it is first opened.
pub(super) fn id_of(engine: &PostgresEngine) -> Result<String, CatalogError> {
    if let Some(id) = read(engine)? {
        return Ok(id);
    }
    let id = format!("{:032x}", rand::random::<u128>());
    let sql = "INSERT INTO settings (key, value) VALUES (:key, :id) ON CONFLICT (key) DO NOTHING";
    engine.prepare(sql)?.execute(&arguments! { key: KEY, id: id })?;
    // Another program may have been faster.
    Ok(read(engine)?.unwrap_or(id))
}

/// Refuses a database that is not the catalog with this id; makes nothing in it.
pub(super) fn check(engine: &PostgresEngine, address: &PostgresAddress, expected: &str) -> Result<(), CatalogError> {
    let version = schema::version_of(engine, address)?;
    let found = match version {
        0 => None,
        _ => read(engine)?,
    };
    match replaced_by(expected, version, found.as_deref()) {
        Some(by) => Err(CatalogError::Replaced {
            catalog: address.shown().to_owned(),
            by,
        }),
        None => readable(version, address.shown().as_ref()),
    }
}

fn read(engine: &PostgresEngine) -> Result<Option<String>, CatalogError> {
    let sql = "SELECT value FROM settings WHERE key = :key";
    engine.prepare(sql)?.first(&arguments! { key: KEY }, |row| row.at(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_catalog_that_was_opened_is_the_one() {
        for (version, found, by) in [
            (10, Some("a"), None),
            // That is for the versions to refuse.
            (9, Some("a"), None),
            (10, Some("b"), Some("another catalog")),
            (10, None, Some("another catalog")),
            (0, None, Some("an empty database")),
        ] {
            assert_eq!(replaced_by("a", version, found), by, "{version} {found:?}");
        }
    }
}
