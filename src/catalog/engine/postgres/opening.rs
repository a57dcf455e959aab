//! Opening a catalog on a server, for writing and for reading.

use crate::catalog::CatalogError;
use crate::catalog::address::PostgresAddress;
use crate::catalog::engine::postgres::{PostgresEngine, identity, schema};

impl PostgresEngine {
    /// Connects for writing; makes or upgrades the schema where needed. With the id of a catalog that was opened before it makes nothing, and
    /// refuses any other.
    pub(crate) fn open_writer(address: &PostgresAddress, known: Option<&str>) -> Result<Self, CatalogError> {
        let mut engine = Self::connect(address)?;
        engine.catalog_id = Some(match known {
            Some(id) => identity::check(&engine, address, id).map(|()| id.to_owned())?,
            None => {
                schema::prepare(&engine, address)?;
                identity::id_of(&engine)?
            }
        });
        engine.batch(
            "SET idle_in_transaction_session_timeout = '15s'; SET lock_timeout = '60s'; \
             SET default_transaction_isolation = 'read committed'",
        )?;
        engine.take_part()?;
        Ok(engine)
    }

    /// Connects for reading only; the catalog must be there.
    pub(crate) fn open_reader(address: &PostgresAddress) -> Result<Self, CatalogError> {
        let mut engine = Self::connect(address)?;
        engine.is_reader = true;
        schema::check_readable(&engine, address)?;
        engine.batch("SET default_transaction_read_only = on")?;
        Ok(engine)
    }
}
