//! A book as a row of the dataset.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::observations::marc::read_list;
use crate::catalog::queries::dataset::language::iso_639_3;

/// The columns of the catalog that are read.
pub(super) const READ: [&str; 25] = [
    "barcode",
    "title",
    "marc_title",
    "marc_title_remainder",
    "marc_author_personal",
    "marc_author_corporate",
    "marc_author_meeting",
    "marc_date_1",
    "marc_date_2",
    "marc_date_type",
    "page_count",
    "marc_language",
    "marc_subjects",
    "marc_genres",
    "marc_general_note",
    "grin_ocr_analysis_score",
    "marc_lccn",
    "marc_isbn",
    "marc_oclc_numbers",
    "hathitrust_id",
    "rights_code",
    "rights_reason",
    "rights_access",
    "rights_timestamp",
    "rights_recorded_at",
];

/// A row of the dataset; what is not known is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DatasetRow {
    pub barcode: String,
    pub title: Option<String>,
    pub author: Option<String>,
    pub first_date: Option<String>,
    pub second_date: Option<String>,
    pub date_type: Option<String>,
    pub pages: Option<i32>,
    pub language: Option<String>,
    pub subjects: Option<String>,
    pub genres: Option<String>,
    pub note: Option<String>,
    pub ocr_score: Option<i32>,
    pub lccn: Vec<String>,
    pub isbn: Vec<String>,
    pub ocolc: Vec<String>,
    pub rights: Option<DatasetRights>,
}

/// What HathiTrust says of the rights in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DatasetRights {
    pub url: String,
    pub code: Option<String>,
    pub reason: Option<String>,
    /// The day on which this was recorded.
    pub recorded_on: Option<String>,
    pub access: Option<String>,
    pub determined_at: Option<String>,
}

impl DatasetRow {
    /// Makes a row of what was read by [`READ`].
    pub(super) fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        let text = |name: &str| row.get::<Option<String>>(name);
        let list = |name: &str| Ok::<_, CatalogError>(text(name)?.map(|text| read_list(&text)).unwrap_or_default());
        let pages: Option<i64> = row.get("page_count")?;
        Ok(Self {
            barcode: row.get("barcode")?,
            title: joined([text("marc_title")?, text("marc_title_remainder")?], '/').or(one(text("title")?)),
            author: joined(
                [
                    text("marc_author_personal")?,
                    text("marc_author_corporate")?,
                    text("marc_author_meeting")?,
                ],
                ',',
            ),
            first_date: one(text("marc_date_1")?),
            second_date: one(text("marc_date_2")?),
            date_type: one(text("marc_date_type")?),
            pages: pages.and_then(|pages| pages.try_into().ok()),
            language: text("marc_language")?.as_deref().and_then(iso_639_3).map(str::to_owned),
            subjects: one(Some(list("marc_subjects")?.join(", "))),
            genres: one(Some(list("marc_genres")?.join(", "))),
            note: one(Some(list("marc_general_note")?.join(", "))),
            ocr_score: text("grin_ocr_analysis_score")?.and_then(|score| score.trim().parse().ok()),
            lccn: identifiers(text("marc_lccn")?),
            isbn: identifiers(list("marc_isbn")?),
            ocolc: identifiers(list("marc_oclc_numbers")?),
            rights: rights(row)?,
        })
    }
}

fn rights(row: &SqlRow<'_>) -> Result<Option<DatasetRights>, CatalogError> {
    let Some(volume) = row.get::<Option<String>>("hathitrust_id")? else {
        return Ok(None);
    };
    let recorded_at: Option<String> = row.get("rights_recorded_at")?;
    Ok(Some(DatasetRights {
        url: format!("https://hdl.handle.net/2027/{volume}"),
        code: row.get("rights_code")?,
        reason: row.get("rights_reason")?,
        recorded_on: recorded_at.map(|at| at.chars().take(10).collect()),
        access: row.get("rights_access")?,
        determined_at: row.get("rights_timestamp")?,
    }))
}

/// Parts of a name or title with a blank between, without the mark that a catalogue record puts before what follows.
fn joined<const N: usize>(parts: [Option<String>; N], closing: char) -> Option<String> {
    let known: Vec<_> = parts.into_iter().filter_map(one).collect();
    let whole = known.join(" ");
    one(Some(whole.strip_suffix(closing).unwrap_or(&whole).to_owned()))
}

/// A text without blanks around it; `None` if nothing is left.
fn one(text: Option<String>) -> Option<String> {
    let text = text?;
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// Numbers one by one, as the catalog holds them: a remark behind one may have a comma of its own.
fn identifiers(stored: impl IntoIterator<Item = String>) -> Vec<String> {
    stored.into_iter().filter_map(|number| one(Some(number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_titles_are_joined_without_the_marks_of_a_record() {
        for (parts, closing, whole) in [
            (
                [Some("Egypt and Cromer;"), Some("a study /")],
                '/',
                Some("Egypt and Cromer; a study"),
            ),
            ([Some("Beer /"), None], '/', Some("Beer")),
            ([None, Some(" a study ")], '/', Some("a study")),
            ([Some("/"), None], '/', None),
            ([Some("  "), None], '/', None),
            ([None, None], '/', None),
            ([Some("Sommer, Robert,"), None], ',', Some("Sommer, Robert")),
            (
                [Some("Sommer, Robert."), Some("Society,")],
                ',',
                Some("Sommer, Robert. Society"),
            ),
        ] {
            let known = parts.map(|part| part.map(str::to_owned));
            assert_eq!(joined(known, closing).as_deref(), whole, "{parts:?}");
        }
    }

    #[test]
    fn numbers_stand_one_by_one_with_their_remarks() {
        let stored = ["8081281584 (v. 1, cloth)", " 9788081281587", " "].map(str::to_owned);
        assert_eq!(identifiers(stored), ["8081281584 (v. 1, cloth)", "9788081281587"]);
    }
}
