//! Rows of lists as `grind parse` shows them.

use serde_json::{Map, Value, json};

use crate::grin::{FileName, GrinDate, GrinState, ListRow, RejectedRow, columns};

/// Rows that were not taken.
pub(super) fn rejections(rejected: &[RejectedRow]) -> Vec<Value> {
    rejected
        .iter()
        .map(|row| json!({"barcode": row.barcode, "because": row.because.to_string()}))
        .collect()
}

/// A row by the catalog's column names; what is not known is absent.
pub(super) fn row(row: &ListRow) -> Value {
    let mut out = Map::new();
    let mut text = |key: &str, value: Option<&str>| {
        debug_assert!(
            columns::by_sql(key).is_some() || EXTRA.contains(&key),
            "{key} is no column"
        );
        if let Some(value) = value {
            out.insert(key.to_owned(), value.into());
        }
    };
    text("barcode", Some(row.barcode.as_str()));
    text("file_name", row.file_name.as_ref().map(FileName::as_str));
    text("title", row.title.as_deref());
    text("grin_state", row.grin_state.as_ref().map(GrinState::as_str));
    for (sql, date) in row.dates.by_sql() {
        text(sql, date.map(GrinDate::stored).as_deref());
    }
    text("google_books_link", row.google_books_link.as_deref());
    if let Some(failure) = &row.failure {
        text(
            "convert_failed_date",
            failure.date.as_ref().map(GrinDate::stored).as_deref(),
        );
        text("convert_failed_info", failure.info.as_deref());
        text("detailed_convert_failed_info", failure.detail.as_deref());
    }
    out.into()
}

/// Keys of a row that the export has no column for.
const EXTRA: &[&str] = &[
    "file_name",
    "convert_failed_date",
    "convert_failed_info",
    "detailed_convert_failed_info",
];
