//! What GRIN said about one book, as values of catalog columns.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::grin::columns::CSV_COLUMNS;
use crate::grin::{BookEnrichment, FieldValue, GrinDate, ListRow};

pub(crate) const GRIN_STATE: &str = "grin_state";
pub(crate) const CONVERTED_DATE: &str = "converted_date";
pub(crate) const FAILED_DATE: &str = "convert_failed_date";
pub(crate) const FAILED_INFO: &str = "convert_failed_info";

/// A change in one of these means that the book should be searched for anew. Lists and searches fill them.
pub(crate) static WATCHED_COLUMNS: [&str; 7] = [
    GRIN_STATE,
    "scanned_date",
    "analyzed_date",
    CONVERTED_DATE,
    "downloaded_date",
    "processed_date",
    "ocr_date",
];

/// The columns that a list can fill, in the order of [`ColumnValues::values`].
pub(crate) static LIST_COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let others = [
        "title",
        "google_books_link",
        "file_name",
        FAILED_DATE,
        FAILED_INFO,
        "detailed_convert_failed_info",
    ];
    WATCHED_COLUMNS.into_iter().chain(others).collect()
});

/// The columns that a barcode search can fill, in the order of [`ColumnValues::values`].
pub(crate) static SEARCH_COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let others = CSV_COLUMNS
        .iter()
        .filter(|column| column.tsv.is_some() && column.sql != "barcode" && !WATCHED_COLUMNS.contains(&column.sql));
    WATCHED_COLUMNS
        .into_iter()
        .chain(others.map(|column| column.sql))
        .collect()
});

/// The value of one column; `None` where GRIN was silent. Never an empty text.
#[derive(Debug)]
pub(crate) struct FactValue<'a> {
    pub column: &'static str,
    pub value: Option<Cow<'a, str>>,
}

/// One book's values by column.
#[derive(Debug)]
pub(crate) struct ColumnValues<'a> {
    pub values: Vec<FactValue<'a>>,
    /// Dates whose text cannot be got back from what is stored: column, text.
    pub raw: Vec<(&'static str, &'a str)>,
    /// Dates of which nothing more than the value needs to be kept.
    pub plain: Vec<&'static str>,
    /// The row had the box to tick for conversion.
    pub can_be_requested: bool,
}

impl<'a> ColumnValues<'a> {
    pub(crate) fn of_row(row: &'a ListRow) -> Self {
        let mut kept = Kept::default();
        let mut values = Vec::with_capacity(LIST_COLUMNS.len());
        let mut push = |column, value| values.push(FactValue { column, value });
        let state = row.grin_state.as_ref();
        push(GRIN_STATE, state.map(|state| Cow::Borrowed(state.as_str())));
        for (column, date) in row.dates.by_sql() {
            push(column, date.map(|date| kept.dated(column, date)));
        }
        let failure = row.failure.as_ref();
        push("title", text(row.title.as_deref()));
        push("google_books_link", text(row.google_books_link.as_deref()));
        let name = row.file_name.as_ref();
        push("file_name", name.map(|name| Cow::Borrowed(name.as_str())));
        let date = failure.and_then(|failure| failure.date.as_ref());
        push(FAILED_DATE, date.map(|date| kept.dated(FAILED_DATE, date)));
        push(FAILED_INFO, text(failure.and_then(|failure| failure.info.as_deref())));
        let detail = failure.and_then(|failure| failure.detail.as_deref());
        push("detailed_convert_failed_info", text(detail));
        Self {
            values,
            raw: kept.raw,
            plain: kept.plain,
            can_be_requested: row.can_be_requested,
        }
    }

    pub(crate) fn of_search(found: &'a BookEnrichment) -> Self {
        let mut kept = Kept::default();
        let mut value = |column: &'static str| match found.get(column)? {
            FieldValue::Text(words) => text(Some(words)),
            FieldValue::Date(date) => Some(kept.dated(column, date)),
        };
        let values = SEARCH_COLUMNS.iter().map(|column| FactValue {
            column,
            value: value(column),
        });
        Self {
            values: values.collect(),
            raw: kept.raw,
            plain: kept.plain,
            can_be_requested: false,
        }
    }

    /// The value of a column.
    pub(crate) fn get(&self, column: &str) -> Option<&str> {
        let found = self.values.iter().find(|fact| fact.column == column);
        found?.value.as_deref()
    }

    /// The texts of dates as they are kept from now on, where these were: none of a date that was replaced.
    pub(crate) fn kept_texts(&self, before: Option<&str>, is_replaced: bool) -> Option<String> {
        // Most rows have none and bring none.
        if self.raw.is_empty() && (before.is_none() || !is_replaced) {
            return before.map(str::to_owned);
        }
        let before = before.and_then(|text| serde_json::from_str(text).ok());
        let mut texts: serde_json::Map<String, serde_json::Value> = before.unwrap_or_default();
        texts.retain(|column, _| !self.plain.contains(&column.as_str()));
        texts.extend(self.raw.iter().map(|(column, text)| ((*column).into(), (*text).into())));
        Some(serde_json::Value::Object(texts).to_string())
    }
}

/// An empty text is no value: it must never take the place of one.
fn text(words: Option<&str>) -> Option<Cow<'_, str>> {
    words.filter(|words| !words.trim().is_empty()).map(Cow::Borrowed)
}

/// What is to be kept of the texts of dates, beside their values.
#[derive(Default)]
struct Kept<'a> {
    raw: Vec<(&'static str, &'a str)>,
    plain: Vec<&'static str>,
}

impl<'a> Kept<'a> {
    fn dated(&mut self, column: &'static str, date: &'a GrinDate) -> Cow<'a, str> {
        let iso = date.iso();
        if iso.is_some() && !is_grins_form(date.raw()) {
            self.raw.push((column, date.raw()));
        } else {
            self.plain.push(column);
        }
        iso.map_or(Cow::Borrowed(date.raw()), Cow::Owned)
    }
}

/// `YYYY/MM/DD HH:MM`, which can be made again from what is stored.
fn is_grins_form(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes.len() == 16 && bytes[4] == b'/' && bytes[7] == b'/' && bytes[10] == b' '
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::{Barcode, ListFailure};

    #[test]
    fn values_stand_in_the_order_of_their_columns() {
        let columns = |facts: ColumnValues<'_>| facts.values.iter().map(|fact| fact.column).collect::<Vec<_>>();
        let row = ListRow::bare(Barcode::parse("TL0001").unwrap());
        assert_eq!(columns(ColumnValues::of_row(&row)), *LIST_COLUMNS);
        let searched = columns(ColumnValues::of_search(&BookEnrichment::default()));
        assert_eq!(searched, *SEARCH_COLUMNS);
        assert_eq!((LIST_COLUMNS.len(), SEARCH_COLUMNS.len()), (13, 24));
    }

    #[test]
    fn blank_texts_are_no_values_and_odd_dates_keep_their_text() {
        let mut row = ListRow::bare(Barcode::parse("TL0001").unwrap());
        row.title = Some("  ".into());
        row.dates.scanned = GrinDate::read("2011/02/03 04:05");
        row.dates.analyzed = GrinDate::read("2011-02-03");
        row.dates.ocr = GrinDate::read("soon");
        row.failure = Some(ListFailure {
            info: Some("Bad page".into()),
            ..ListFailure::default()
        });
        let facts = ColumnValues::of_row(&row);
        assert_eq!(facts.get("title"), None);
        assert_eq!(facts.get("scanned_date"), Some("2011-02-03T04:05:00"));
        assert_eq!(facts.get("analyzed_date"), Some("2011-02-03T00:00:00"));
        assert_eq!(facts.get("ocr_date"), Some("soon"));
        assert_eq!(facts.get(FAILED_INFO), Some("Bad page"));
        assert_eq!(facts.raw, [("analyzed_date", "2011-02-03")]);
        assert_eq!(facts.plain, ["scanned_date", "ocr_date"]);
    }
}
