//! What proves a volume as a whole, and what keeps it from being proven.

use crate::archive::verify::DigestComparison;

/// Is every page file proven by a digest? Never without a source of digests.
pub(in crate::archive) fn has_all_digests(compared: &DigestComparison) -> bool {
    compared.has_source && compared.unlisted_pages == 0 && compared.mismatched.is_empty() && compared.missing.is_empty()
}

/// What keeps a volume whose files are all proven from being proven as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::archive) struct ProofGaps {
    /// Page images without a single byte or of bytes that no image has.
    pub(in crate::archive) empty_images: u64,
    /// Images that may be pages': nothing tells of which, or the number is not believed.
    pub(in crate::archive) unplaced_images: u64,
    /// Pages with a text or hOCR and without an image, where there are images.
    pub(in crate::archive) parts_without_image: u64,
    /// Page numbers of which there is nothing, unless METS and checksum list agree on the volume's pages.
    pub(in crate::archive) unexplained_gaps: u64,
    /// Pages that neither the METS, which names others, nor the volume's list names.
    pub(in crate::archive) unnamed_pages: u64,
    /// Second files of one part of a page whose bytes differ from the first one's: they are not counted, and may be another page.
    pub(in crate::archive) differing_duplicates: u64,
    /// The pages' files have another book's name.
    pub(in crate::archive) have_another_name: bool,
    /// Files that are no page's and differ from their digests: the METS may be another one's.
    pub(in crate::archive) others_differing: u64,
    /// Pages that a METS's map of the volume has beyond those of the archive.
    pub(in crate::archive) undelivered_pages: u64,
    /// Something of a METS or of a checksum list could not be read: it may have named more pages.
    pub(in crate::archive) has_unread: bool,
}

/// Is everything that the volume should have there and proven, as far as can be told?
pub(in crate::archive) fn is_proven_whole(compared: &DigestComparison, gaps: ProofGaps) -> bool {
    has_all_digests(compared) && gaps == ProofGaps::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verified_needs_a_source_and_every_page_in_it() {
        let compared = |has_source, unlisted_pages, mismatched: &[&str], missing: &[&str]| DigestComparison {
            has_source,
            unlisted_pages,
            mismatched: mismatched.iter().map(|name| (*name).to_owned()).collect(),
            missing: missing.iter().map(|name| (*name).to_owned()).collect(),
            proven_files: 3,
            ..DigestComparison::default()
        };
        let cases = [
            (compared(true, 0, &[], &[]), true),
            (compared(false, 0, &[], &[]), false),
            (compared(true, 1, &[], &[]), false),
            (compared(true, 0, &["1.jp2"], &[]), false),
            (compared(true, 0, &[], &["1.jp2"]), false),
        ];
        for (compared, expected) in cases {
            let whole = is_proven_whole(&compared, ProofGaps::default());
            assert_eq!(
                (has_all_digests(&compared), whole),
                (expected, expected),
                "{compared:?}"
            );
        }
        let all: [fn(&mut ProofGaps); 10] = [
            |gaps| gaps.have_another_name = true,
            |gaps| gaps.others_differing = 1,
            |gaps| gaps.empty_images = 1,
            |gaps| gaps.unplaced_images = 1,
            |gaps| gaps.parts_without_image = 1,
            |gaps| gaps.unexplained_gaps = 1,
            |gaps| gaps.unnamed_pages = 1,
            |gaps| gaps.differing_duplicates = 1,
            |gaps| gaps.undelivered_pages = 1,
            |gaps| gaps.has_unread = true,
        ];
        for set in all {
            let mut gaps = ProofGaps::default();
            set(&mut gaps);
            assert!(!is_proven_whole(&compared(true, 0, &[], &[]), gaps), "{gaps:?}");
        }
    }
}
