//! Rows as they are, read from one database to be written into another.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::catalog::CatalogError;
use crate::catalog::engine::postgres::dialect;
use crate::catalog::engine::value::{SqlArgument, SqlValue, kept_text};
use crate::catalog::engine::{SqlConnection, SqlRow};

/// A value of a row that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeptValue {
    Null,
    Integer(i64),
    Text(String),
}

impl KeptValue {
    pub(crate) fn as_sql(&self) -> SqlValue<'_> {
        match self {
            Self::Null => SqlValue::Null,
            Self::Integer(n) => SqlValue::Integer(*n),
            Self::Text(text) => SqlValue::Text(text),
        }
    }

    fn of(value: SqlValue<'_>) -> Result<Self, CatalogError> {
        match value {
            SqlValue::Null => Ok(Self::Null),
            SqlValue::Flag(flag) => Ok(Self::Integer(i64::from(flag))),
            SqlValue::Integer(n) => Ok(Self::Integer(n)),
            // SQLite may have a NUL from before.
            SqlValue::Text(text) => Ok(Self::Text(kept_text(text).into_owned())),
            SqlValue::Real(n) => Err(CatalogError::Fault(format!("no column is expected to hold {n}"))),
        }
    }
}

impl Serialize for KeptValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_none(),
            Self::Integer(n) => to.serialize_i64(*n),
            Self::Text(text) => to.serialize_str(text),
        }
    }
}

/// Rows with the names of their columns, which are in the order of the alphabet: that of a table differs between databases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeptRows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<KeptValue>>,
}

impl KeptRows {
    /// The place of a column.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// A list of objects; columns without a value are left out.
    fn json(&self) -> Result<String, CatalogError> {
        let rows: Vec<_> = self.rows.iter().map(|row| KeptRow { kept: self, row }).collect();
        serde_json::to_string(&rows).map_err(|error| CatalogError::Fault(error.to_string()))
    }
}

struct KeptRow<'k> {
    kept: &'k KeptRows,
    row: &'k [KeptValue],
}

impl Serialize for KeptRow<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        let named = self.kept.columns.iter().zip(self.row);
        for (name, value) in named.filter(|(_, value)| **value != KeptValue::Null) {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

impl SqlConnection {
    /// All rows of an answer as they are.
    pub(crate) fn kept_rows(&self, sql: &str, arguments: &[SqlArgument<'_>]) -> Result<KeptRows, CatalogError> {
        let (mut columns, mut places) = (Vec::new(), Vec::new());
        let rows = self.all(sql, arguments, |row| {
            if places.is_empty() {
                (columns, places) = sorted_columns(row);
            }
            places.iter().map(|place| KeptValue::of(row.value(*place)?)).collect()
        })?;
        Ok(KeptRows { columns, rows })
    }

    /// Adds rows to a table.
    pub(crate) fn append_rows(&self, table: &str, kept: &KeptRows) -> Result<(), CatalogError> {
        if kept.rows.is_empty() {
            return Ok(());
        }
        let columns = kept.columns.join(", ");
        if self.is_remote() {
            let sql = dialect::append_rows(table, &columns);
            self.execute(&sql, &[SqlArgument::new("rows", &kept.json()?)])?;
            return Ok(());
        }
        let values = format!(":{}", kept.columns.join(", :"));
        let mut insert = self.prepare(&format!("INSERT INTO {table} ({columns}) VALUES ({values})"))?;
        for row in &kept.rows {
            let named = kept.columns.iter().zip(row);
            let given: Vec<_> = named
                .map(|(name, value)| SqlArgument {
                    name,
                    value: value.as_sql(),
                })
                .collect();
            insert.execute(&given)?;
        }
        Ok(())
    }
}

fn sorted_columns(row: &SqlRow<'_>) -> (Vec<String>, Vec<usize>) {
    let mut named: Vec<_> = row.names().into_iter().map(str::to_owned).zip(0..).collect();
    named.sort();
    named.into_iter().unzip()
}
