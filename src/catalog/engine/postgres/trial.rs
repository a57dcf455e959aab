//! Whether the catalog's user may do what a daemon does: tried, and undone.

use crate::catalog::CatalogError;
use crate::catalog::address::PostgresAddress;
use crate::catalog::copy::TABLES;
use crate::catalog::engine::postgres::PostgresEngine;
use crate::catalog::engine::postgres::dialect::written_table;
use crate::catalog::engine::postgres::schema;

/// Tables of the database itself, which no copy has.
const OWN_TABLES: [&str; 3] = ["members", "task_leases", "request_rate"];

/// What fails only where the daemon would, and changes nothing: no row is written.
const WITH_CATALOG: &str = "UPDATE books SET state = state WHERE FALSE; \
    DO $$ BEGIN IF NOT has_sequence_privilege('claim_fences', 'USAGE') THEN \
    RAISE insufficient_privilege USING MESSAGE = 'permission denied for sequence claim_fences'; END IF; END $$";
const WITHOUT_CATALOG: &str = "CREATE TABLE grind_check_config (n BIGINT)";

impl PostgresEngine {
    /// Tries to write, or to make a table where there is no catalog yet, and undoes it. Last it asks whether the database can hold all
    /// characters.
    pub(crate) fn try_writing(address: &PostgresAddress) -> Result<(), CatalogError> {
        let engine = Self::connect(address)?;
        let version = schema::version_of(&engine, address)?;
        engine.batch("BEGIN; SET LOCAL lock_timeout = '10s'")?;
        let tried = match version {
            0 => engine.batch(WITHOUT_CATALOG),
            _ => write_nothing(&engine),
        };
        // The end of the connection undoes it as well.
        drop(engine.batch("ROLLBACK"));
        tried?;
        schema::check_encoding(&engine, address)
    }
}

fn write_nothing(engine: &PostgresEngine) -> Result<(), CatalogError> {
    let copied = TABLES.iter().map(|table| written_table(table.name).name);
    for name in copied.chain(OWN_TABLES) {
        engine.batch(&format!("INSERT INTO {name} SELECT * FROM {name} WHERE FALSE"))?;
    }
    engine.batch(WITH_CATALOG)
}
