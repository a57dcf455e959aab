//! Markup in a text: a page in place of the text or of its rest, or an odd line.

use crate::grin::text_list::TextListParser;
use crate::grin::{AnswerRefusal, RejectedRow, lines, refusal};

/// What begins a page, and no line of a text; in lower case.
const PAGE_BEGINS: [&str; 6] = ["<!doctype", "<html", "<head", "<body", "<title", "<?xml"];

/// Why a text that begins so is none. Behind a remark the next line tells.
pub(super) fn refused(beginning: &[u8]) -> Option<AnswerRefusal> {
    let is_remark = beginning.trim_ascii_start().starts_with(b"<!--");
    lines::refused(beginning).filter(|refusal| !is_remark || *refusal != AnswerRefusal::Html)
}

/// What markup between the rows of a text means, if a page begins there in place of the rest; else it is an odd line.
fn page_begins(markup: &str) -> Option<AnswerRefusal> {
    let start = markup.trim_start().as_bytes();
    let begins = |known: &str| {
        start
            .get(..known.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(known.as_bytes()))
    };
    let refusal = refusal::refusal_of_html(start);
    (refusal != AnswerRefusal::Html || PAGE_BEGINS.iter().any(|known| begins(known))).then_some(refusal)
}

impl TextListParser {
    /// A page in place of the rest; or a line that is not read: then the list is not known to be whole, and its other lines count.
    pub(super) fn markup(&mut self, markup: &str, rejected: RejectedRow) {
        self.out.refusal = page_begins(markup);
        self.is_interrupted = true;
        self.reject(rejected);
    }
}

#[cfg(test)]
mod tests {
    use crate::grin::text_list::parse_text_list;
    use crate::grin::{AnswerRefusal, LibraryDirectory, ListKind};

    #[test]
    fn a_line_with_markup_is_one_line_that_is_not_read() {
        let library = LibraryDirectory::parse("TESTLIB").unwrap();
        for odd in [
            "<b>TL000001</b>",
            "<!-- made on 2026-11-30 -->",
            "</table>",
            "<p>Some books are left out.</p>",
            "Smith <smith@example.org>",
        ] {
            for place in [0, 5, 10] {
                if place == 0 && !odd.starts_with("<!--") {
                    continue;
                }
                let mut lines: Vec<String> = (0..10).map(|number| format!("TL{number:06}")).collect();
                lines.insert(place, odd.to_owned());
                let list = parse_text_list((lines.join("\n") + "\n").as_bytes(), ListKind::InProcess, &library);
                assert_eq!(list.refusal, Some(AnswerRefusal::Truncated), "{odd} {place}");
                assert_eq!((list.rows.len(), list.rejected.len()), (10, 1), "{odd} {place}");
            }
        }
    }
}
