//! What is kept of an answer while it passes: all of a short one; of a long one its beginning, its end, and rows in between that matter.

use std::borrow::Cow;

/// Bytes of each of the three.
const PART: usize = 32 << 10;
/// Bytes that are kept at most.
const MOST: usize = 3 * PART;

/// The answer so far.
#[derive(Debug, Default)]
pub(crate) struct AnswerSample {
    head: Vec<u8>,
    /// Rows after the head that matter.
    rows: Vec<u8>,
    /// What came last, behind the head.
    tail: Vec<u8>,
    /// Bytes between head and tail were dropped.
    has_gap: bool,
}

impl AnswerSample {
    /// Of a whole answer, or of such a sample, which stays as it is.
    pub(super) fn of(bytes: &[u8]) -> Cow<'_, [u8]> {
        if bytes.len() <= MOST {
            return Cow::Borrowed(bytes);
        }
        let mut sample = Self::default();
        sample.push(bytes);
        Cow::Owned(sample.finish())
    }

    /// The next bytes.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let (first, rest) = chunk.split_at(chunk.len().min(PART - self.head.len()));
        self.head.extend_from_slice(first);
        self.shorten();
        self.tail.extend_from_slice(rest);
    }

    fn shorten(&mut self) {
        if self.tail.len() > PART {
            self.tail.drain(..self.tail.len() - PART);
            self.has_gap = true;
        }
    }

    /// The row with this name, which is in what was pushed last, matters.
    pub(crate) fn mark(&mut self, name: &str) {
        let Some(at) = find(&self.tail, name.as_bytes()) else {
            return;
        };
        let row = &self.tail[row_start(&self.tail[..at])..row_end(&self.tail, at)];
        if self.rows.len() + row.len() <= PART {
            self.rows.extend_from_slice(row);
        }
    }

    /// What is kept. Where something was left out, head and tail are cut between rows.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.shorten();
        let mut kept = self.head;
        if self.has_gap {
            kept.truncate(row_start(&kept));
            kept.extend(self.rows);
            self.tail.drain(..row_end(&self.tail, 0));
        }
        kept.extend(self.tail);
        kept
    }
}

/// Where the last row of these bytes begins: at a `<tr` of a page, or after a line end.
fn row_start(bytes: &[u8]) -> usize {
    let tag = bytes.windows(3).rposition(|three| three.eq_ignore_ascii_case(b"<tr"));
    let line = || bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    tag.or_else(line).unwrap_or(bytes.len())
}

/// Where the row that holds `at` ends.
fn row_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let tag = rest.windows(3).position(|three| three.eq_ignore_ascii_case(b"<tr"));
    let line = || rest.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
    at + tag.or_else(line).unwrap_or(rest.len())
}

fn find(bytes: &[u8], name: &[u8]) -> Option<usize> {
    bytes.windows(name.len().max(1)).position(|window| window == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32) -> String {
        format!("<tr><td>TL{number:06}</td><td>Title {number}</td></tr>\n")
    }

    #[test]
    fn a_short_answer_is_kept_whole() {
        let page = format!("<table>{}{}</table>", row(1), row(2));
        let mut sample = AnswerSample::default();
        for chunk in page.as_bytes().chunks(7) {
            sample.push(chunk);
            sample.mark("TL000001");
        }
        assert_eq!(sample.finish(), page.as_bytes());
        assert_eq!(AnswerSample::of(&vec![b'x'; MOST]).len(), MOST);
        assert!(AnswerSample::of(&b"x\n".repeat(MOST)).len() <= 2 * PART);
    }

    #[test]
    fn of_a_long_one_beginning_end_and_the_rows_that_matter_are_kept() {
        for chunk in [1_000, 100_000, 10_000_000] {
            let mut page = "<table><tr><th>Barcode</th></tr>".to_owned();
            (0..20_000).for_each(|number| page += &row(number));
            page += "</table><a href=next>Next</a>";
            let end_of_row = page.find(&row(10_000)).unwrap() + row(10_000).len();
            let (mut sample, mut pushed) = (AnswerSample::default(), 0);
            for chunk in page.as_bytes().chunks(chunk) {
                sample.push(chunk);
                if pushed < end_of_row && pushed + chunk.len() >= end_of_row {
                    sample.mark("TL010000");
                }
                pushed += chunk.len();
            }
            let kept = String::from_utf8(sample.finish()).unwrap();
            assert!(kept.len() <= MOST, "{}", kept.len());
            assert!(kept.starts_with("<table><tr><th>Barcode") && kept.ends_with("Next</a>"));
            assert_eq!(kept.matches(&row(10_000)).count(), 1, "{chunk}");
            assert_eq!(kept.matches("<tr").count(), kept.matches("</tr>").count(), "{chunk}");
        }
    }
}
