//! The catalogue record's columns.

use rusqlite::ToSql;

use crate::vocabulary::MarcFields;

/// What a repeating column holds: a JSON list; text of another program, which joined its values, counts as one value.
pub(crate) fn read_list(stored: &str) -> Vec<String> {
    serde_json::from_str(stored).unwrap_or_else(|_| vec![stored.to_owned()])
}

/// Writes the columns of one book; the record is taken as a whole, so that no field of an older one is left in between.
pub(crate) fn write(
    conn: &rusqlite::Connection,
    id: i64,
    marc: &MarcFields,
    extracted_at: &str,
) -> Result<(), crate::catalog::CatalogError> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let sets: Vec<_> = MarcFields::COLUMNS
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{column} = ?{}", at + 3))
            .collect();
        format!(
            "UPDATE books SET marc_extraction_timestamp = ?2, {} WHERE id = ?1",
            sets.join(", ")
        )
    });
    let mut statement = conn.prepare_cached(&SQL)?;
    statement.raw_bind_parameter(1, id)?;
    statement.raw_bind_parameter(2, extracted_at)?;
    for (at, value) in marc.stored().iter().enumerate() {
        statement.raw_bind_parameter(at + 3, value as &dyn ToSql)?;
    }
    statement.raw_execute()?;
    Ok(())
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
