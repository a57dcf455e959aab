//! What the beginning of a list is understood to be, by the parsers that the daemon uses.

use std::fmt;

use url::Url;

use crate::diagnostics::ListReview;
use crate::grin::{
    AnswerRefusal, EndDoubt, LibraryDirectory, ListForm, ListKind, ListPageParser, ListRow, RejectedRow, TextListParser,
};
use crate::log::CountedNoun;

/// The beginning of a list as it came.
pub struct ServedList {
    /// Which list.
    pub kind: ListKind,
    /// In which form it was asked for.
    pub form: ListForm,
    /// Where it came from.
    pub url: Url,
    /// What it is, as its head says.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// More would have come.
    pub is_cut: bool,
}

/// How a sample ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleEnd {
    /// A page that leads to another one.
    Next(Url),
    /// The list's last page, or the end of a text.
    Last,
    /// It is not sure that the list ends here.
    Doubt(EndDoubt),
    /// The page ends in its middle.
    Torn,
    /// No more was looked at.
    Cut,
}

/// What was understood of it.
#[derive(Debug)]
pub struct ListSample {
    /// Which list.
    pub kind: ListKind,
    /// In which form.
    pub form: ListForm,
    /// Bytes looked at.
    pub bytes: usize,
    /// Rows that were read.
    pub rows: Vec<ListRow>,
    /// Rows that were not.
    pub rejected: Vec<RejectedRow>,
    /// Further ones.
    pub rejected_more: u64,
    /// Why it is not what was asked for.
    pub refusal: Option<AnswerRefusal>,
    /// Columns with names that are not known.
    pub unknown_columns: Vec<String>,
    /// Whatever else was noticed.
    pub warnings: Vec<String>,
    /// How it ends.
    pub end: SampleEnd,
}

impl ServedList {
    /// Reads it.
    pub fn read(&self, library: &LibraryDirectory) -> ListSample {
        match self.form {
            ListForm::Html => self.read_page(library),
            ListForm::Text | ListForm::TextAll => self.read_text(library),
        }
    }

    fn read_page(&self, library: &LibraryDirectory) -> ListSample {
        let mut parser = ListPageParser::served_as(library, &self.url, &self.content_type);
        // A refusal is repeated when the parser finishes.
        let mut rows = parser.push(&self.bytes).unwrap_or_default();
        let (rest, page) = parser.finish();
        rows.extend(rest);
        let end = match (page.next, page.doubt) {
            _ if self.is_cut => SampleEnd::Cut,
            (Some(next), _) => SampleEnd::Next(next),
            (None, Some(doubt)) => SampleEnd::Doubt(doubt),
            (None, None) if page.complete => SampleEnd::Last,
            (None, None) => SampleEnd::Torn,
        };
        ListSample {
            kind: self.kind,
            form: self.form,
            bytes: self.bytes.len(),
            rows,
            rejected: page.rejected,
            rejected_more: page.rejected_more,
            refusal: page.refusal,
            unknown_columns: page.unknown_columns,
            warnings: page.warnings,
            end,
        }
    }

    fn read_text(&self, library: &LibraryDirectory) -> ListSample {
        let mut bytes = &self.bytes[..];
        if self.is_cut {
            // What follows the last line end is half a line.
            let end = bytes.iter().rposition(|byte| *byte == b'\n');
            bytes = &bytes[..end.map_or(0, |at| at + 1)];
        }
        let mut parser = TextListParser::new(self.kind, library);
        let mut rows = parser.push(bytes).unwrap_or_default();
        let list = parser.finish();
        rows.extend(list.rows);
        ListSample {
            kind: self.kind,
            form: self.form,
            bytes: bytes.len(),
            rows,
            rejected: list.rejected,
            rejected_more: list.rejected_more,
            refusal: list.refusal,
            unknown_columns: list.unknown_columns,
            warnings: list.warnings,
            end: if self.is_cut { SampleEnd::Cut } else { SampleEnd::Last },
        }
    }
}

impl ListSample {
    /// Nothing of it was left unread.
    pub fn is_recognised(&self) -> bool {
        let is_whole = !matches!(self.end, SampleEnd::Doubt(_) | SampleEnd::Torn);
        self.refusal.is_none() && self.rejected.is_empty() && self.unknown_columns.is_empty() && is_whole
    }

    /// What of it is reported as not recognised.
    pub fn review(&self) -> ListReview<'_> {
        let mut words = Vec::new();
        for row in &self.rows {
            ListReview::note(&mut words, row);
        }
        ListReview {
            refusal: self.refusal,
            doubt: match &self.end {
                SampleEnd::Doubt(doubt) => Some(doubt),
                _ => None,
            },
            unknown_columns: &self.unknown_columns,
            rejected: &self.rejected,
            words,
        }
    }

    /// What of it was not recognised, in words; empty where nothing was left unread.
    pub fn trouble(&self) -> String {
        let mut trouble = Vec::new();
        trouble.extend(
            self.refusal
                .map(|refusal| format!("the answer is not what was asked for: {refusal}")),
        );
        let rejected = self.rejected.len() as u64 + self.rejected_more;
        trouble.extend(self.rejected.first().map(|row| {
            format!(
                "{} cannot be read, the first is {:?}: {}",
                CountedNoun(rejected, "row"),
                row.barcode,
                row.because
            )
        }));
        if !self.unknown_columns.is_empty() {
            trouble.push(format!(
                "columns that are not known: {}",
                self.unknown_columns.join(", ")
            ));
        }
        trouble.extend(self.warnings.iter().cloned());
        match &self.end {
            SampleEnd::Doubt(doubt) => trouble.push(format!("it is not sure that the list ends here: {doubt}")),
            SampleEnd::Torn if self.refusal.is_none() => trouble.push("the page ends in its middle".to_owned()),
            SampleEnd::Torn | SampleEnd::Next(_) | SampleEnd::Last | SampleEnd::Cut => {}
        }
        trouble.join("; ")
    }
}

impl fmt::Display for ListSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            form,
            bytes,
            rows,
            ..
        } = self;
        let rows = CountedNoun(rows.len() as u64, "row");
        write!(f, "{kind} as {form}, {rows} in {bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(form: ListForm, text: &str, is_cut: bool) -> ListSample {
        let library = LibraryDirectory::parse("TESTLIB").unwrap();
        ServedList {
            kind: ListKind::AllBooks,
            form,
            url: Url::parse("https://books.example/libraries/TESTLIB/_all_books").unwrap(),
            content_type: String::new(),
            bytes: text.as_bytes().to_vec(),
            is_cut,
        }
        .read(&library)
    }

    #[test]
    fn the_half_line_at_a_cut_is_no_book() {
        let text = "39015000000001\n39015000000002\n390150000";
        let cut = served(ListForm::Text, text, true);
        let names: Vec<_> = cut.rows.iter().map(|row| row.barcode.as_str()).collect();
        assert_eq!(names, ["39015000000001", "39015000000002"]);
        assert_eq!(cut.end, SampleEnd::Cut);
        assert!(cut.is_recognised());
    }

    #[test]
    fn what_is_no_list_is_not_recognised() {
        for (form, text) in [
            (ListForm::Html, "<html><body><p>Welcome</p></body></html>"),
            (ListForm::Html, "<table><tr><th>Barcode</th></tr><tr><td>39015"),
            (ListForm::TextAll, "<html>Your request is unavailable</html>"),
        ] {
            assert!(!served(form, text, false).is_recognised(), "{text}");
        }
    }
}
