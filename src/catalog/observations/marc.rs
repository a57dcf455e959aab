//! The catalogue record's columns.

use rusqlite::ToSql;
use serde::{Deserialize, Serialize};

/// The seventeen MARC columns of the catalog (src/grin/PROTOCOL.md, section 13) by name. Repeating fields are
/// lists; the catalog keeps them as JSON, the CSV export joins them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the MARC field of that name")]
pub struct MarcColumns {
    pub marc_control_number: Option<String>,
    pub marc_date_type: Option<String>,
    pub marc_date_1: Option<String>,
    pub marc_date_2: Option<String>,
    pub marc_language: Option<String>,
    pub marc_lccn: Option<String>,
    pub marc_lc_call_number: Vec<String>,
    pub marc_isbn: Vec<String>,
    pub marc_oclc_numbers: Vec<String>,
    pub marc_title: Option<String>,
    pub marc_title_remainder: Option<String>,
    pub marc_author_personal: Option<String>,
    pub marc_author_corporate: Option<String>,
    pub marc_author_meeting: Option<String>,
    pub marc_subjects: Vec<String>,
    pub marc_genres: Vec<String>,
    pub marc_general_note: Vec<String>,
}

/// Columns that hold a JSON list.
pub(crate) const REPEATING: [&str; 6] = [
    "marc_lc_call_number",
    "marc_isbn",
    "marc_oclc_numbers",
    "marc_subjects",
    "marc_genres",
    "marc_general_note",
];

/// The columns in the order of [`MarcColumns::values`].
pub(crate) const COLUMNS: [&str; 17] = [
    "marc_control_number",
    "marc_date_type",
    "marc_date_1",
    "marc_date_2",
    "marc_language",
    "marc_lccn",
    "marc_lc_call_number",
    "marc_isbn",
    "marc_oclc_numbers",
    "marc_title",
    "marc_title_remainder",
    "marc_author_personal",
    "marc_author_corporate",
    "marc_author_meeting",
    "marc_subjects",
    "marc_genres",
    "marc_general_note",
];

impl MarcColumns {
    /// The values as they are stored, in the order of [`COLUMNS`].
    pub(crate) fn values(&self) -> [Option<String>; 17] {
        let list = |values: &[String]| {
            let values: Vec<_> = values.iter().filter(|value| !value.is_empty()).collect();
            (!values.is_empty()).then(|| serde_json::json!(values).to_string())
        };
        let one = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        [
            one(&self.marc_control_number),
            one(&self.marc_date_type),
            one(&self.marc_date_1),
            one(&self.marc_date_2),
            one(&self.marc_language),
            one(&self.marc_lccn),
            list(&self.marc_lc_call_number),
            list(&self.marc_isbn),
            list(&self.marc_oclc_numbers),
            one(&self.marc_title),
            one(&self.marc_title_remainder),
            one(&self.marc_author_personal),
            one(&self.marc_author_corporate),
            one(&self.marc_author_meeting),
            list(&self.marc_subjects),
            list(&self.marc_genres),
            list(&self.marc_general_note),
        ]
    }
}

/// What a repeating column holds: a JSON list; text of another program, which joined its values, counts as one value.
pub(crate) fn read_list(stored: &str) -> Vec<String> {
    serde_json::from_str(stored).unwrap_or_else(|_| vec![stored.to_owned()])
}

/// Writes the columns of one book; the record is taken as a whole, so that no field of an older one is left in between.
pub(crate) fn write(
    conn: &rusqlite::Connection,
    id: i64,
    marc: &MarcColumns,
    extracted_at: &str,
) -> Result<(), crate::catalog::CatalogError> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let sets: Vec<_> = COLUMNS
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
    for (at, value) in marc.values().iter().enumerate() {
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
        assert_eq!(exported, COLUMNS);
        let json = serde_json::to_value(MarcColumns::default()).unwrap();
        assert!(COLUMNS.iter().all(|column| json.get(column).is_some()));
        assert!(REPEATING.iter().all(|column| json[column].is_array()));
    }

    #[test]
    fn lists_stay_lists_and_empty_ones_are_nothing() {
        let marc = MarcColumns {
            marc_isbn: vec!["1, 2".into(), String::new(), "3".into()],
            marc_title: Some(String::new()),
            ..MarcColumns::default()
        };
        let values = marc.values();
        assert_eq!(values[7].as_deref(), Some(r#"["1, 2","3"]"#));
        assert_eq!(values[9], None);
        assert_eq!(read_list(values[7].as_deref().unwrap()), ["1, 2", "3"]);
        assert_eq!(read_list("a, b"), ["a, b"]);
    }
}
