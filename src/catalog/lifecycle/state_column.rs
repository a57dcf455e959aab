//! [`BookState`] as a column of SQLite.

use crate::vocabulary::{BookState, NoState};

impl rusqlite::types::FromSql for BookState {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value
            .as_str()?
            .parse()
            .map_err(|error: NoState| rusqlite::types::FromSqlError::Other(Box::new(error)))
    }
}

impl rusqlite::ToSql for BookState {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}
