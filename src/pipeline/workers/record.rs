//! The MARC record of an archive as columns of the catalog; neither of the two modules knows the other.

use crate::archive::MarcFields;
use crate::catalog::MarcColumns;

/// The same fields, under the same names.
pub(in crate::pipeline) fn columns(marc: MarcFields) -> MarcColumns {
    MarcColumns {
        marc_control_number: marc.marc_control_number,
        marc_date_type: marc.marc_date_type,
        marc_date_1: marc.marc_date_1,
        marc_date_2: marc.marc_date_2,
        marc_language: marc.marc_language,
        marc_lccn: marc.marc_lccn,
        marc_lc_call_number: marc.marc_lc_call_number,
        marc_isbn: marc.marc_isbn,
        marc_oclc_numbers: marc.marc_oclc_numbers,
        marc_title: marc.marc_title,
        marc_title_remainder: marc.marc_title_remainder,
        marc_author_personal: marc.marc_author_personal,
        marc_author_corporate: marc.marc_author_corporate,
        marc_author_meeting: marc.marc_author_meeting,
        marc_subjects: marc.marc_subjects,
        marc_genres: marc.marc_genres,
        marc_general_note: marc.marc_general_note,
    }
}
