//! The columns of the catalog, as the CSV export, grin-transfer's SQLite and the TSV of `_barcode_search` name them.

/// One column of the export (PROTOCOL.md, section 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportColumn {
    /// Name in the header of the CSV export.
    pub csv: &'static str,
    /// Name in `SQLite` and in JSON.
    pub sql: &'static str,
    /// Name in the TSV of `_barcode_search` (PROTOCOL.md, section 6), where it comes from there.
    pub tsv: Option<&'static str>,
    /// What its values are.
    pub kind: ColumnKind,
}

/// What the values of a column are; the text is kept in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Words, codes, identifiers.
    Text,
    /// A date of GRIN's, stored as ISO 8601 without zone.
    Date,
    /// `true` or `false` as GRIN writes them.
    Flag,
    /// A percentage such as `0%`.
    Percent,
    /// A whole number.
    Number,
    /// Whole numbers with commas between.
    Codes,
    /// An instant of our own, ISO 8601 in UTC.
    Timestamp,
}

const fn own(csv: &'static str, sql: &'static str, kind: ColumnKind) -> ExportColumn {
    ExportColumn {
        csv,
        sql,
        tsv: None,
        kind,
    }
}

const fn grin(csv: &'static str, sql: &'static str, tsv: &'static str, kind: ColumnKind) -> ExportColumn {
    ExportColumn {
        csv,
        sql,
        tsv: Some(tsv),
        kind,
    }
}

/// All columns of the CSV export, in its order, which users' programs rely on.
pub const CSV_COLUMNS: &[ExportColumn] = &[
    grin("Barcode", "barcode", "Barcode", ColumnKind::Text),
    own("Title", "title", ColumnKind::Text),
    grin("Scanned Date", "scanned_date", "Scanned Date", ColumnKind::Date),
    grin("Converted Date", "converted_date", "Converted Date", ColumnKind::Date),
    grin(
        "Downloaded Date",
        "downloaded_date",
        "Downloaded Date",
        ColumnKind::Date,
    ),
    grin("Processed Date", "processed_date", "Processed Date", ColumnKind::Date),
    grin("Analyzed Date", "analyzed_date", "Analyzed Date", ColumnKind::Date),
    grin("OCR Date", "ocr_date", "OCR'd Date", ColumnKind::Date),
    own("Google Books Link", "google_books_link", ColumnKind::Text),
    own(
        "Processing Request Timestamp",
        "processing_request_timestamp",
        ColumnKind::Timestamp,
    ),
    grin("GRIN State", "grin_state", "State", ColumnKind::Text),
    grin("GRIN Viewability", "grin_viewability", "Viewability", ColumnKind::Text),
    grin(
        "GRIN Opted Out",
        "grin_opted_out",
        "Opted-Out (post-scan)",
        ColumnKind::Flag,
    ),
    grin("GRIN Conditions", "grin_conditions", "Conditions", ColumnKind::Codes),
    grin("GRIN Scannable", "grin_scannable", "Scannable", ColumnKind::Flag),
    grin("GRIN Tagging", "grin_tagging", "Tagging", ColumnKind::Flag),
    grin("GRIN Audit", "grin_audit", "Audit", ColumnKind::Percent),
    grin(
        "GRIN Material Error %",
        "grin_material_error_percent",
        "Material Error%",
        ColumnKind::Percent,
    ),
    grin(
        "GRIN Overall Error %",
        "grin_overall_error_percent",
        "Overall Error%",
        ColumnKind::Percent,
    ),
    grin("GRIN Claimed", "grin_claimed", "Claimed", ColumnKind::Flag),
    grin(
        "GRIN OCR Analysis Score",
        "grin_ocr_analysis_score",
        "OCR Analysis Score",
        ColumnKind::Number,
    ),
    grin(
        "GRIN OCR GTD Score",
        "grin_ocr_gtd_score",
        "OCR GTD Score",
        ColumnKind::Number,
    ),
    grin(
        "GRIN Digitization Method",
        "grin_digitization_method",
        "Digitization Method",
        ColumnKind::Text,
    ),
    grin(
        "GRIN Check-In Date",
        "grin_check_in_date",
        "Check-In Date",
        ColumnKind::Date,
    ),
    grin(
        "GRIN Source Library Bibkey",
        "grin_source_library_bibkey",
        "Source Library Bibkey",
        ColumnKind::Text,
    ),
    grin("GRIN Rubbish", "grin_rubbish", "Rubbish", ColumnKind::Flag),
    grin(
        "GRIN Allow Download Updated Date",
        "grin_allow_download_updated_date",
        "Allow Download Updated Date",
        ColumnKind::Date,
    ),
    grin(
        "GRIN Viewability Updated Date",
        "grin_viewability_updated_date",
        "Viewability Updated Date",
        ColumnKind::Date,
    ),
    own("Enrichment Timestamp", "enrichment_timestamp", ColumnKind::Timestamp),
    own("MARC Control Number", "marc_control_number", ColumnKind::Text),
    own("MARC Date Type", "marc_date_type", ColumnKind::Text),
    own("MARC Date 1", "marc_date_1", ColumnKind::Text),
    own("MARC Date 2", "marc_date_2", ColumnKind::Text),
    own("MARC Language", "marc_language", ColumnKind::Text),
    own("MARC LCCN", "marc_lccn", ColumnKind::Text),
    own("MARC LC Call Number", "marc_lc_call_number", ColumnKind::Text),
    own("MARC ISBN", "marc_isbn", ColumnKind::Text),
    own("MARC OCLC Numbers", "marc_oclc_numbers", ColumnKind::Text),
    own("MARC Title", "marc_title", ColumnKind::Text),
    own("MARC Title Remainder", "marc_title_remainder", ColumnKind::Text),
    own("MARC Author Personal", "marc_author_personal", ColumnKind::Text),
    own("MARC Author Corporate", "marc_author_corporate", ColumnKind::Text),
    own("MARC Author Meeting", "marc_author_meeting", ColumnKind::Text),
    own("MARC Subjects", "marc_subjects", ColumnKind::Text),
    own("MARC Genres", "marc_genres", ColumnKind::Text),
    own("MARC General Note", "marc_general_note", ColumnKind::Text),
    own(
        "MARC Extraction Timestamp",
        "marc_extraction_timestamp",
        ColumnKind::Timestamp,
    ),
    own("Storage Path", "storage_path", ColumnKind::Text),
    own("Last ETag Check", "last_etag_check", ColumnKind::Timestamp),
    own("Encrypted ETag", "encrypted_etag", ColumnKind::Text),
    own("Is Decrypted", "is_decrypted", ColumnKind::Flag),
    own("Sync Timestamp", "sync_timestamp", ColumnKind::Timestamp),
    own("Created At", "created_at", ColumnKind::Timestamp),
    own("Updated At", "updated_at", ColumnKind::Timestamp),
];

/// Other spellings of TSV columns that may be met; left the spelling, right the name in [`ExportColumn::tsv`].
const TSV_VARIANTS: &[(&str, &str)] = &[
    ("OCR Date", "OCR'd Date"),
    ("OCRed Date", "OCR'd Date"),
    ("Analysed Date", "Analyzed Date"),
    ("Opted-Out", "Opted-Out (post-scan)"),
    ("Opted Out (post scan)", "Opted-Out (post-scan)"),
    ("Digitisation Method", "Digitization Method"),
    ("GRIN State", "State"),
    ("Status", "State"),
];

/// The column with this name in `SQLite`.
pub fn by_sql(name: &str) -> Option<&'static ExportColumn> {
    CSV_COLUMNS.iter().find(|column| column.sql == name)
}

/// The column that a TSV calls by this name. The whole name counts, never a part of it: `OCR Analysis Score` is no
/// OCR date. Case, blanks and kinds of apostrophe do not count.
pub fn by_tsv(name: &str) -> Option<&'static ExportColumn> {
    let wanted = folded(name);
    let standard = TSV_VARIANTS
        .iter()
        .find(|(variant, _)| folded(variant) == wanted)
        .map_or(wanted, |(_, standard)| folded(standard));
    CSV_COLUMNS
        .iter()
        .find(|column| column.tsv.is_some_and(|tsv| folded(tsv) == standard))
}

/// A column's name in the form in which names are compared: lower case, apostrophes dropped, `%` a word, everything
/// else between words one underscore.
pub fn folded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.chars() {
        match c {
            '\'' | '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' => {}
            '%' => {
                push_word_start(&mut out, true);
                out.push_str("percent");
                gap = true;
            }
            c if c.is_alphanumeric() => {
                push_word_start(&mut out, gap);
                gap = false;
                out.extend(c.to_lowercase());
            }
            _ => gap = true,
        }
    }
    out
}

fn push_word_start(out: &mut String, gap: bool) {
    if gap && !out.is_empty() {
        out.push('_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_names_follow_from_csv_names() {
        for column in CSV_COLUMNS {
            assert_eq!(folded(column.csv), column.sql, "{}", column.csv);
        }
    }

    #[test]
    fn tsv_names_follow_the_rule_of_section_13() {
        let process = ["Scanned", "Converted", "Downloaded", "Processed", "Analyzed"];
        for column in CSV_COLUMNS {
            let Some(tsv) = column.tsv else { continue };
            let expected = match tsv {
                "Barcode" => "Barcode".to_owned(),
                "OCR'd Date" => "OCR Date".to_owned(),
                "Opted-Out (post-scan)" => "GRIN Opted Out".to_owned(),
                "Material Error%" => "GRIN Material Error %".to_owned(),
                "Overall Error%" => "GRIN Overall Error %".to_owned(),
                date if process.iter().any(|p| date == format!("{p} Date")) => date.to_owned(),
                other => format!("GRIN {other}"),
            };
            assert_eq!(column.csv, expected);
        }
        assert_eq!(CSV_COLUMNS.iter().filter(|c| c.tsv.is_some()).count(), 25);
        assert_eq!(CSV_COLUMNS.len(), 54);
    }

    #[test]
    fn whole_names_are_compared() {
        let cases = [
            ("OCR Analysis Score", Some("grin_ocr_analysis_score")),
            ("OCR\u{2019}d Date", Some("ocr_date")),
            (" ocr'd  date ", Some("ocr_date")),
            ("Material Error%", Some("grin_material_error_percent")),
            ("Opted-Out (post-scan)", Some("grin_opted_out")),
            ("OCR", None),
            ("Date", None),
            ("", None),
        ];
        for (name, sql) in cases {
            assert_eq!(by_tsv(name).map(|c| c.sql), sql, "{name}");
        }
    }
}
