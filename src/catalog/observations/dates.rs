//! What GRIN's dates decide about a stored book, as SQL; the indexes of schema version 2 have the same words.
//!
//! Only dates that could be read decide (`????-??-??T??:??:??`): a raw text such as "pending" is later than any date.

/// GRIN may have another archive than the one that is stored: converted after what was judged last; or nothing was judged yet.
pub(crate) const NEWER: &str = "listed_converted = 1 \
     AND ((judged_converted_date IS NULL AND last_etag_check IS NULL) \
       OR (converted_date GLOB '????-??-??T??:??:??' AND converted_date > ifnull(judged_converted_date, '')))";

/// A newer archive could be had, but GRIN has none ready: it worked on the book after its last conversion, or what it
/// converted anew left the pool before it was fetched.
pub(crate) const OUTDATED: &str = "converted_date GLOB '????-??-??T??:??:??' \
     AND ((listed_converted = 0 AND converted_date > judged_converted_date) \
       OR (processed_date GLOB '????-??-??T??:??:??' AND processed_date > converted_date) \
       OR (analyzed_date GLOB '????-??-??T??:??:??' AND analyzed_date > converted_date) \
       OR (ocr_date GLOB '????-??-??T??:??:??' AND ocr_date > converted_date))";

/// The conversion's date, if it could be read: what a settled book was judged by.
pub(crate) const READABLE: &str = "CASE WHEN converted_date GLOB '????-??-??T??:??:??' THEN converted_date END";

/// Whether `date`, as it stands in the catalog, could be read; the same rule as in the SQL here.
pub(crate) fn is_readable(date: &str) -> bool {
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    date.len() == 19 && date.is_ascii() && marks.iter().all(|(at, mark)| date.as_bytes()[*at] == *mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::GrinDate;

    #[test]
    fn dates_that_were_read_are_told_from_texts_that_were_not() {
        for (text, readable) in [
            ("2011/02/03 04:05", true),
            ("2011-02-03", true),
            ("2011/02/30 04:05", false),
            ("pending", false),
            ("zzzz", false),
        ] {
            assert_eq!(is_readable(&GrinDate::read(text).unwrap().stored()), readable, "{text}");
        }
    }
}
