//! What GRIN said about one book, as values of catalog columns.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::grin::columns::CSV_COLUMNS;
use crate::grin::{BookEnrichment, FieldValue, GrinDate, ListRow};

/// The columns that a list can fill, in the order of [`ColumnValues::values`].
pub(crate) static LIST_COLUMNS: &[&str] = &[
    "grin_state",
    "scanned_date",
    "analyzed_date",
    "converted_date",
    "downloaded_date",
    "processed_date",
    "ocr_date",
    "title",
    "google_books_link",
    "file_name",
    "convert_failed_date",
    "convert_failed_info",
    "detailed_convert_failed_info",
];

/// The columns that a barcode search can fill; the same first seven as in [`LIST_COLUMNS`].
pub(crate) static SEARCH_COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let shared = &LIST_COLUMNS[..=LAST_DATE];
    let others = CSV_COLUMNS
        .iter()
        .filter(|column| column.tsv.is_some() && column.sql != "barcode" && !shared.contains(&column.sql));
    shared.iter().copied().chain(others.map(|column| column.sql)).collect()
});

/// Places in both lists of columns.
pub(crate) const GRIN_STATE: usize = 0;
pub(crate) const CONVERTED_DATE: usize = 3;
/// Up to here a change means that the book should be searched for anew.
pub(crate) const LAST_DATE: usize = 6;
/// Places in [`LIST_COLUMNS`].
pub(crate) const FAILED_DATE: usize = 10;
pub(crate) const FAILED_INFO: usize = 11;

/// One book's values by column; `None` where GRIN was silent. Never an empty text.
#[derive(Debug)]
pub(crate) struct ColumnValues<'a> {
    pub values: Vec<Option<Cow<'a, str>>>,
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
        values.push(row.grin_state.as_ref().map(|state| Cow::Borrowed(state.as_str())));
        for (column, date) in row.dates.by_sql() {
            values.push(date.map(|date| kept.dated(column, date)));
        }
        let failure = row.failure.as_ref();
        values.push(text(row.title.as_deref()));
        values.push(text(row.google_books_link.as_deref()));
        values.push(row.file_name.as_ref().map(|name| Cow::Borrowed(name.as_str())));
        let date = failure.and_then(|failure| failure.date.as_ref());
        values.push(date.map(|date| kept.dated("convert_failed_date", date)));
        values.push(text(failure.and_then(|failure| failure.info.as_deref())));
        values.push(text(failure.and_then(|failure| failure.detail.as_deref())));
        Self {
            values,
            raw: kept.raw,
            plain: kept.plain,
            can_be_requested: row.can_be_requested,
        }
    }

    pub(crate) fn of_search(found: &'a BookEnrichment) -> Self {
        let mut kept = Kept::default();
        let value = |column: &&'static str| match found.get(column)? {
            FieldValue::Text(words) => text(Some(words)),
            FieldValue::Date(date) => Some(kept.dated(column, date)),
        };
        Self {
            values: SEARCH_COLUMNS.iter().map(value).collect(),
            raw: kept.raw,
            plain: kept.plain,
            can_be_requested: false,
        }
    }

    /// One value by its place.
    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        self.values.get(place)?.as_deref()
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
    use crate::grin::{Barcode, ListDates, ListFailure};

    #[test]
    fn places_are_those_of_the_columns() {
        assert_eq!(LIST_COLUMNS[GRIN_STATE], "grin_state");
        assert_eq!(LIST_COLUMNS[CONVERTED_DATE], "converted_date");
        assert_eq!(LIST_COLUMNS[LAST_DATE], "ocr_date");
        assert_eq!(LIST_COLUMNS[FAILED_DATE], "convert_failed_date");
        assert_eq!(LIST_COLUMNS[FAILED_INFO], "convert_failed_info");
        assert_eq!(SEARCH_COLUMNS[..=LAST_DATE], LIST_COLUMNS[..=LAST_DATE]);
        assert_eq!(SEARCH_COLUMNS.len(), 24);
        let dates: Vec<_> = ListDates::default()
            .by_sql()
            .iter()
            .map(|(column, _)| *column)
            .collect();
        assert_eq!(LIST_COLUMNS[1..=LAST_DATE], dates);
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
        assert_eq!(facts.get(7), None);
        assert_eq!(facts.get(1), Some("2011-02-03T04:05:00"));
        assert_eq!(facts.get(2), Some("2011-02-03T00:00:00"));
        assert_eq!(facts.get(LAST_DATE), Some("soon"));
        assert_eq!(facts.get(FAILED_INFO), Some("Bad page"));
        assert_eq!(facts.raw, [("analyzed_date", "2011-02-03")]);
        assert_eq!(facts.plain, ["scanned_date", "ocr_date"]);
    }
}
