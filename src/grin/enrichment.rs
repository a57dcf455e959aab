//! What `_barcode_search` says about one volume.

use crate::grin::GrinDate;
use crate::grin::columns::ColumnKind;

/// The columns that GRIN filled for one volume, by their names in the catalog; empty ones are absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BookEnrichment {
    /// At most one value a column, in the order of GRIN's answer.
    values: Vec<(&'static str, FieldValue)>,
}

/// One value: the text as GRIN gave it, dates also read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Anything but a date.
    Text(Box<str>),
    /// A date.
    Date(GrinDate),
}

/// A value as a type, for sums and comparisons; where the text does not fit its column's type there is none. (Dates are stored in
/// a form that compares as it is.)
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum TypedValue {
    /// `true` or `false`.
    Flag(bool),
    /// A percentage, `2.5%` as 2.5.
    Percent(f64),
    /// A whole number.
    Number(i64),
    /// Whole numbers that stood with commas between.
    Codes(Vec<u32>),
}

impl TypedValue {
    /// The text as the type of its column.
    pub fn read(kind: ColumnKind, text: &str) -> Option<Self> {
        match kind {
            ColumnKind::Flag => flag(text).map(Self::Flag),
            ColumnKind::Percent => percent(text).map(Self::Percent),
            ColumnKind::Number => text.parse().ok().map(Self::Number),
            ColumnKind::Codes => text
                .split(',')
                .map(|code| code.trim().parse().ok())
                .collect::<Option<_>>()
                .map(Self::Codes),
            ColumnKind::Date | ColumnKind::Text | ColumnKind::Timestamp => None,
        }
    }
}

impl FieldValue {
    /// Reads one cell of a column; `None` if it is blank.
    pub fn read(kind: ColumnKind, text: &str) -> Option<Self> {
        let text = text.trim();
        match kind {
            ColumnKind::Date => GrinDate::read(text).map(Self::Date),
            _ => (!text.is_empty()).then(|| Self::Text(text.into())),
        }
    }

    /// What the catalog and the export hold.
    pub fn stored(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Date(date) => date.stored(),
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn percent(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%').unwrap_or(text).trim().parse().ok()?;
    number.is_finite().then_some(number)
}

impl BookEnrichment {
    /// Sets a column, unless it is set already.
    pub(super) fn set(&mut self, sql: &'static str, value: FieldValue) {
        if self.get(sql).is_none() {
            self.values.push((sql, value));
        }
    }

    /// The value of a column by its name in the catalog, such as `grin_viewability`.
    pub fn get(&self, sql: &str) -> Option<&FieldValue> {
        self.values
            .iter()
            .find(|(name, _)| *name == sql)
            .map(|(_, value)| value)
    }

    /// All that GRIN filled: column's name in the catalog, value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &FieldValue)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::columns;

    fn one(sql: &'static str, text: &str) -> BookEnrichment {
        let mut enrichment = BookEnrichment::default();
        if let Some(value) = FieldValue::read(columns::by_sql(sql).unwrap().kind, text) {
            enrichment.set(sql, value);
        }
        enrichment
    }

    #[test]
    fn typed_values_stand_beside_the_text() {
        let cases = [
            ("grin_scannable", "true", Some(TypedValue::Flag(true))),
            ("grin_claimed", "FALSE", Some(TypedValue::Flag(false))),
            ("grin_rubbish", "maybe", None),
            ("grin_audit", "2.5%", Some(TypedValue::Percent(2.5))),
            ("grin_material_error_percent", "0%", Some(TypedValue::Percent(0.0))),
            ("grin_overall_error_percent", "nan", None),
            ("grin_ocr_gtd_score", "97", Some(TypedValue::Number(97))),
            ("grin_conditions", "31, 7", Some(TypedValue::Codes(vec![31, 7]))),
            ("grin_conditions", "31,x", None),
            ("grin_state", "NEW", None),
        ];
        for (sql, text, typed) in cases {
            let enrichment = one(sql, text);
            assert_eq!(enrichment.get(sql).unwrap().stored(), text);
            assert_eq!(
                TypedValue::read(columns::by_sql(sql).unwrap().kind, text),
                typed,
                "{sql} {text}"
            );
        }
    }

    #[test]
    fn blank_cells_are_absent() {
        assert_eq!(one("grin_state", "  ").iter().count(), 0);
        assert_eq!(one("scanned_date", "").iter().count(), 0);
    }

    #[test]
    fn dates_are_stored_as_iso_and_kept_as_they_came() {
        let enrichment = one("scanned_date", "2011/02/03 04:05");
        let value = enrichment.get("scanned_date").unwrap();
        assert_eq!(value.stored(), "2011-02-03T04:05:00");
        assert!(matches!(value, FieldValue::Date(date) if date.raw() == "2011/02/03 04:05"));
    }
}
