//! Second files for one part of a page.

use std::collections::BTreeMap;

use crate::archive::digest::Md5Digest;
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::names::MemberRole;
use crate::archive::scan::FileSeen;

/// A file for a part of a page of which there is one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct DuplicatePart {
    /// Its number.
    pub(super) file: usize,
    /// The number of the one that was there before it.
    pub(super) first: usize,
}

/// Says which files are second ones, and how many of them are certainly no copies: what they hold is nowhere in the volume's pages.
pub(in crate::archive) fn note_duplicates(
    duplicates: &[DuplicatePart],
    files: &[FileSeen],
    digests: &BTreeMap<usize, Md5Digest>,
    findings: &mut FindingList,
) -> u64 {
    // A second name of a file has the file's digest.
    let digest_of = |id: usize| digests.get(&files[id].same_as.unwrap_or(id));
    let mut differing = 0;
    for DuplicatePart { file, first } in duplicates {
        let (what, page) = match files[*file].role {
            MemberRole::Image(page) => ("an image", page),
            MemberRole::Text(page) => ("a text", page),
            MemberRole::Coordinates(page) => ("hOCR", page),
            _ => continue,
        };
        let (own, other) = (digest_of(*file), digest_of(*first));
        let text = match (own.is_some(), own == other) {
            (true, true) => format!(
                "page {page} has {what} already, {}, of the same bytes",
                files[*first].name
            ),
            (true, false) => {
                differing += 1;
                let first = &files[*first].name;
                format!("page {page} has {what} already, {first}, of other bytes; the volume is not verified")
            }
            (false, _) => format!("page {page} has {what} already, {}", files[*first].name),
        };
        findings.note(FindingCode::DuplicatePage, Some(&files[*file].name), text);
    }
    differing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::scan::seen;

    #[test]
    fn a_second_file_of_other_bytes_is_told_from_a_copy() {
        let mut files = seen(&["a/1.jp2", "b/1.jp2", "1.txt", "01.txt"], None);
        let part = |file, first| DuplicatePart { file, first };
        let digest = |id: usize, byte: u8| (id, [byte; 16]);
        let differing = |files: &[FileSeen], digests: &[(usize, Md5Digest)]| {
            let digests = digests.iter().copied().collect();
            let mut findings = FindingList::default();
            let count = note_duplicates(&[part(1, 0), part(3, 2)], files, &digests, &mut findings);
            let said = findings.finish();
            let other = said.iter().filter(|finding| finding.text.contains("of other bytes"));
            assert_eq!((said.len(), other.count() as u64), (2, count));
            count
        };
        let same = [digest(0, 1), digest(1, 1), digest(2, 2), digest(3, 2)];
        let text = [digest(0, 1), digest(1, 1), digest(2, 2), digest(3, 3)];
        let both = [digest(0, 1), digest(1, 2), digest(2, 2), digest(3, 3)];
        let cases = [(&same[..], 0), (&text, 1), (&both, 2), (&[], 0)];
        for (digests, expected) in cases {
            assert_eq!(differing(&files, digests), expected, "{digests:?}");
        }
        files[1].same_as = Some(0);
        assert_eq!(
            differing(&files, &[digest(0, 1), digest(2, 2), digest(3, 2)]),
            0,
            "a link"
        );
    }
}
