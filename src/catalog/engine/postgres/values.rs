//! Values in PostgreSQL's types, which the statement's text decides.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlValue, kept_text};

/// A value as a parameter of a statement.
pub(super) fn as_parameter<'v>(value: &'v SqlValue<'_>) -> &'v (dyn ToSql + Sync) {
    value
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Flag(flag) if *kind == Type::BOOL => flag.to_sql(kind, out),
            Self::Flag(flag) => integer(i64::from(flag), kind, out),
            Self::Integer(n) => integer(n, kind, out),
            Self::Real(n) => n.to_sql(kind, out),
            Self::Text(text) => kept_text(text).as_ref().to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn integer(n: i64, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
    match *kind {
        Type::INT8 => n.to_sql(kind, out),
        Type::INT4 => i32::try_from(n)?.to_sql(kind, out),
        Type::BOOL => (n != 0).to_sql(kind, out),
        Type::TEXT => n.to_string().to_sql(kind, out),
        _ => Err(format!("an integer is given where {kind} is expected").into()),
    }
}

/// A value of a row.
pub(in crate::catalog::engine) fn value(row: &Row, place: usize) -> Result<SqlValue<'_>, CatalogError> {
    let column = row.columns().get(place);
    let kind = column.ok_or_else(|| CatalogError::Fault(format!("an answer has no column {place}")))?;
    let value = match *kind.type_() {
        Type::BOOL => row.try_get::<_, Option<bool>>(place)?.map(SqlValue::Flag),
        Type::INT8 => row.try_get::<_, Option<i64>>(place)?.map(SqlValue::Integer),
        Type::INT4 => row
            .try_get::<_, Option<i32>>(place)?
            .map(|n| SqlValue::Integer(i64::from(n))),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(place)?.map(SqlValue::Real),
        Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<&str>>(place)?.map(SqlValue::Text),
        ref other => return Err(CatalogError::Fault(format!("a column of type {other} is not read"))),
    };
    Ok(value.unwrap_or(SqlValue::Null))
}
