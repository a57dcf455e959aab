//! The heading row of a list page, which says what its columns are.

use crate::grin::columns::folded;

/// What a column of a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::grin) enum ListField {
    Barcode,
    FileName,
    Title,
    State,
    Scanned,
    Analyzed,
    Converted,
    Downloaded,
    Processed,
    Ocr,
    Link,
    FailedDate,
    FailedInfo,
    FailedDetail,
    /// No name, a name that is not known, or one that an earlier column has.
    Ignored,
}

/// Names of columns in lists, folded (PROTOCOL.md, sections 4 and 5), with variant spellings.
const NAMES: &[(&str, ListField)] = &[
    ("barcode", ListField::Barcode),
    ("filename", ListField::FileName),
    ("file_name", ListField::FileName),
    ("title", ListField::Title),
    ("state", ListField::State),
    ("status", ListField::State),
    ("grin_state", ListField::State),
    ("scanned_date", ListField::Scanned),
    ("analyzed_date", ListField::Analyzed),
    ("analysed_date", ListField::Analyzed),
    ("converted_date", ListField::Converted),
    ("downloaded_date", ListField::Downloaded),
    ("processed_date", ListField::Processed),
    ("ocrd_date", ListField::Ocr),
    ("ocr_date", ListField::Ocr),
    ("google_books", ListField::Link),
    ("google_books_link", ListField::Link),
    ("convert_failed_date", ListField::FailedDate),
    ("convert_failed_info", ListField::FailedInfo),
    ("detailed_convert_failed_info", ListField::FailedDetail),
    ("detailed_conversion_info", ListField::FailedDetail),
];

/// The field of a column with this name; `None` if the name is not known.
pub(in crate::grin) fn field_of(name: &str) -> Option<ListField> {
    let name = folded(name);
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

/// The columns of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::grin) struct ListHeading {
    /// One a column, in their order.
    pub(in crate::grin) fields: Vec<ListField>,
    /// Whether the first column has no name, so that it holds the boxes to tick.
    pub(in crate::grin) box_column: bool,
    /// Names that are not known.
    pub(in crate::grin) unknown: Vec<String>,
    /// Names that came twice.
    pub(in crate::grin) twice: Vec<String>,
}

impl ListHeading {
    /// Reads the names of the columns.
    pub(in crate::grin) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut heading = Self::default();
        for name in names {
            let field = heading.place(name.trim());
            heading.fields.push(field);
        }
        heading
    }

    fn place(&mut self, name: &str) -> ListField {
        if name.is_empty() {
            self.box_column |= self.fields.is_empty();
            return ListField::Ignored;
        }
        let Some(field) = field_of(name) else {
            self.unknown.push(name.to_owned());
            return ListField::Ignored;
        };
        if self.fields.contains(&field) {
            self.twice.push(name.to_owned());
            return ListField::Ignored;
        }
        field
    }

    /// Whether there is a column that names the volume; without one a table is no list.
    pub(in crate::grin) fn names_volumes(&self) -> bool {
        self.fields
            .iter()
            .any(|field| matches!(field, ListField::Barcode | ListField::FileName))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_name_wherever_they_stand() {
        let heading = ListHeading::of(["", "OCR'd Date", "Barcode", "New Thing", "barcode", " Title "]);
        let none = ListField::Ignored;
        assert_eq!(
            heading.fields,
            [none, ListField::Ocr, ListField::Barcode, none, none, ListField::Title]
        );
        assert_eq!(
            (heading.unknown, heading.twice),
            (vec!["New Thing".to_owned()], vec!["barcode".to_owned()])
        );
        assert!(heading.box_column);
    }

    #[test]
    fn no_part_of_a_name_is_taken_for_the_name() {
        for name in [
            "OCR Analysis Score",
            "Title Remainder",
            "Barcodes",
            "Date",
            "Viewability Updated Date",
        ] {
            assert_eq!(field_of(name), None, "{name}");
        }
        assert!(!ListHeading::of(["Menu", "Title"]).names_volumes());
        assert!(ListHeading::of(["Filename"]).names_volumes());
    }
}
