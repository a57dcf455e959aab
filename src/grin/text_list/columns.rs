//! Which cell of a line holds what, where no heading says it: only the place of a cell does, and its text has to fit.

use crate::grin::list_page::{ListField, ListHeading};
use crate::grin::{GrinDate, ListKind};

/// Whether a cell's text may be what its column holds.
pub(super) fn fits(field: ListField, cell: &str) -> bool {
    use ListField::{Analyzed, Converted, Downloaded, FailedDate, Link, Ocr, Processed, Scanned};
    match field {
        Scanned | Processed | Analyzed | Converted | Downloaded | Ocr | FailedDate => {
            GrinDate::read(cell).is_none_or(|date| date.when().is_some())
        }
        Link => cell.is_empty() || cell.contains("://"),
        _ => true,
    }
}

/// The columns of a line without header (PROTOCOL.md, section 5). Of one with more cells only the first is known.
pub(super) fn columns(kind: ListKind, count: usize, line: &str) -> &'static [ListField] {
    use ListField::{
        Analyzed, Barcode, Converted, Downloaded, FailedDate, FailedDetail, FailedInfo, FileName, Link, Ocr, Processed,
        Scanned,
    };
    const PLAIN: &[ListField] = &[Barcode];
    const ALL: &[ListField] = &[Barcode, Scanned, Processed, Analyzed, Converted, Ocr, Link];
    const ALL_WITHOUT_LINK: &[ListField] = &[Barcode, Scanned, Processed, Analyzed, Converted, Downloaded];
    const WAITING: &[ListField] = &[Barcode, Scanned, Processed, Analyzed, Ocr, Link];
    const CONVERTED: &[ListField] = &[FileName, Scanned, Converted, Downloaded, Link];
    const FAILED: &[ListField] = &[
        Barcode,
        Scanned,
        Processed,
        Analyzed,
        FailedDate,
        FailedInfo,
        Ocr,
        FailedDetail,
        Link,
    ];
    let columns = match kind {
        _ if count == 1 => PLAIN,
        // Two forms have been seen; only one has a link, be it empty, and only the other ends with the sixth column.
        ListKind::AllBooks if line.split('\t').count() <= 6 && !line.contains("http") => ALL_WITHOUT_LINK,
        ListKind::AllBooks => ALL,
        ListKind::Available | ListKind::InProcess => WAITING,
        ListKind::Converted => CONVERTED,
        ListKind::Failed => FAILED,
    };
    if count > columns.len() { PLAIN } else { columns }
}

/// A first line that names columns instead of a volume, in whatever order.
pub(super) fn header(line: &str) -> Option<ListHeading> {
    let heading = ListHeading::of(line.split('\t'));
    heading.names_volumes().then_some(heading)
}

pub(super) fn names_volume(field: ListField) -> bool {
    matches!(field, ListField::Barcode | ListField::FileName)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::LibraryDirectory;
    use crate::grin::text_list::{TextList, parse_text_list};

    fn parse(kind: ListKind, text: impl AsRef<[u8]>) -> TextList {
        parse_text_list(text.as_ref(), kind, &LibraryDirectory::parse("TESTLIB").unwrap())
    }

    #[test]
    fn columns_by_list() {
        let link = "https://books.google.com/books?id=x";
        let converted = format!("TL0001.tar.gz.gpg\t2009/03/12 10:30\t2025/06/01 00:00\t\t{link}\n");
        let row = parse(ListKind::Converted, converted).rows.remove(0);
        assert_eq!(row.dates.converted.unwrap().raw(), "2025/06/01 00:00");
        assert_eq!(
            (row.dates.downloaded, row.google_books_link.as_deref()),
            (None, Some(link))
        );

        let all = format!("TL0001\t2001/01/01\t2002/01/01\t2003/01/01\t2004/01/01\t2005/01/01\t{link}\n");
        let row = parse(ListKind::AllBooks, all).rows.remove(0);
        assert_eq!(
            (row.dates.ocr.unwrap().raw(), row.dates.downloaded),
            ("2005/01/01", None)
        );

        let all = "TL0001\t2001-01-01\t2002-01-01\t2003-01-01\t2004-01-01\t2005-01-01\n";
        let row = parse(ListKind::AllBooks, all).rows.remove(0);
        assert_eq!(
            (row.dates.downloaded.unwrap().raw(), row.dates.ocr),
            ("2005-01-01", None)
        );

        let waiting = format!("TL0001\t2001/01/01\t2002/01/01\t2003/01/01\t2004/01/01\t{link}\n");
        let row = parse(ListKind::InProcess, waiting).rows.remove(0);
        assert_eq!(
            (row.dates.ocr.unwrap().raw(), row.dates.converted),
            ("2004/01/01", None)
        );

        let failed = format!("TL0001\t\t\t\t2020/01/02 03:04\tE12\t\tpage 7 missing\t{link}\n");
        let failure = parse(ListKind::Failed, failed).rows.remove(0).failure.unwrap();
        assert_eq!(
            (failure.info.as_deref(), failure.detail.as_deref()),
            (Some("E12"), Some("page 7 missing"))
        );
    }

    #[test]
    fn cells_that_do_not_fit_their_columns_are_left_out() {
        let link = "https://books.google.com/books?id=x";
        let dates = "2001/01/01\t2002/01/01\t2003/01/01\t2004/01/01\t2005/01/01";
        for (line, scanned, has_link, warned) in [
            (format!("TL0001\t{dates}\t{link}"), Some("2001/01/01"), true, false),
            (format!("TL0001\t{dates}\t{link}\t\t"), Some("2001/01/01"), true, false),
            (format!("TL0001\t{dates}\t2006/01/01"), Some("2001/01/01"), false, true),
            (format!("TL0001\t{dates}\t2006/01/01\t{link}"), None, false, true),
            ("TL0001\tan error occurred".to_owned(), None, false, true),
            ("TL0001\t\t".to_owned(), None, false, false),
        ] {
            let list = parse(ListKind::AllBooks, &line);
            let row = &list.rows[0];
            let scanned_at = row.dates.scanned.as_ref().map(GrinDate::raw);
            assert_eq!(
                (scanned_at, row.google_books_link.is_some()),
                (scanned, has_link),
                "{line}"
            );
            assert_eq!(!list.warnings.is_empty(), warned, "{line}: {:?}", list.warnings);
        }
    }

    #[test]
    fn a_link_that_is_empty_is_a_column_all_the_same() {
        let dates = "2005/01/01 00:00\t".repeat(5);
        let dates = dates.trim_end();
        for (line, ocr, downloaded) in [
            (format!("TL0001\t{dates}\thttp://books.google.com/x"), true, false),
            (format!("TL0001\t{dates}\t"), true, false),
            (format!("TL0001\t{dates}"), false, true),
        ] {
            let list = parse(ListKind::AllBooks, format!("{line}\n"));
            let dates = &list.rows[0].dates;
            assert_eq!(
                (dates.ocr.is_some(), dates.downloaded.is_some()),
                (ocr, downloaded),
                "{line}"
            );
        }
    }
}
