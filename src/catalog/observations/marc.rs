//! The catalogue record's columns.

use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::{CatalogError, StoredBook};
use crate::vocabulary::MarcFields;

/// What a repeating column holds: a JSON list; text of another program, which joined its values, counts as one value.
pub(crate) fn read_list(stored: &str) -> Vec<String> {
    serde_json::from_str(stored).unwrap_or_else(|_| vec![stored.to_owned()])
}

/// Writes the columns of one book; the record is taken as a whole, so that no field of an older one is left in between.
pub(crate) fn write(conn: &SqlConnection, id: i64, marc: &MarcFields, extracted_at: &str) -> Result<(), CatalogError> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let sets: Vec<_> = MarcFields::COLUMNS
            .iter()
            .map(|column| format!("{column} = :{column}"))
            .collect();
        format!(
            "UPDATE books SET {}, marc_extraction_timestamp = :extracted_at WHERE id = :id",
            sets.join(", ")
        )
    });
    let stored = marc.stored();
    let fields = MarcFields::COLUMNS.iter().zip(&stored);
    let mut given: Vec<_> = fields.map(|(column, value)| SqlArgument::new(column, value)).collect();
    let own = arguments! { extracted_at: extracted_at, id: id };
    given.extend(own);
    conn.execute(&SQL, &given)?;
    Ok(())
}

/// Writes the columns of a book whose archive is about to be recorded: those of an archive with other bytes do not stay.
pub(crate) fn replace(conn: &SqlConnection, id: i64, stored: &StoredBook, now: &str) -> Result<(), CatalogError> {
    if let Some(record) = &stored.marc {
        return write(conn, id, record, now);
    }
    let sql = "SELECT 1 FROM books WHERE id = :id AND marc_extraction_timestamp IS NOT NULL AND sha256 <> :sha256";
    let other = conn.first(sql, &arguments! { id: id, sha256: stored.sha256 }, |row| {
        row.at::<i64>(0)
    })?;
    other.map_or(Ok(()), |_| write(conn, id, &MarcFields::default(), now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::columns::CSV_COLUMNS;

    #[test]
    fn names_and_order_are_those_of_the_export() {
        let exported: Vec<_> = CSV_COLUMNS
            .iter()
            .map(|column| column.sql)
            .filter(|sql| sql.starts_with("marc_") && *sql != "marc_extraction_timestamp")
            .collect();
        assert_eq!(exported, MarcFields::COLUMNS);
    }

    #[test]
    fn a_list_is_read_in_both_forms() {
        assert_eq!(read_list(r#"["1, 2","3"]"#), ["1, 2", "3"]);
        assert_eq!(read_list("a, b"), ["a, b"]);
    }
}
