//! Where the numbers of a volume's pages begin, and which of them are believed.

use std::collections::BTreeSet;

use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::pages::VolumePages;
use crate::archive::pages::noted::listed;

/// How far a page number may lie beyond the number of pages: `factor * pages + slack`.
const FACTOR: u64 = 2;
const SLACK: u64 = 1_000;
/// Where the METS or the list begins beyond this number, the book does; up to it, the first pages may be missing in both.
const LATE: u32 = 100;
/// Lines that a text has at most because of a page that is named by the METS or the list; as many as an archive has files.
const MOST_LINES: u64 = 65_536;

/// Where the numbers of a volume begin, and how far they may reach.
pub(super) struct PageNumbering {
    pub(super) first: u32,
    /// Numbers up to here are believed without being named.
    plausible: u64,
    /// Numbers beyond it are never counted, named or not: there would be a line for each number in between.
    most: u64,
    named: BTreeSet<u32>,
}

impl PageNumbering {
    /// Numbers begin at 1, unless the lowest one is out of reach of 1, or the METS or the list, too, begins there and well
    /// beyond 1.
    pub(super) fn of(all: &BTreeSet<u32>, named: &BTreeSet<u32>) -> Self {
        let reach = FACTOR * all.len() as u64 + SLACK;
        let lowest = all.first().copied().unwrap_or(1);
        let begins_late = u64::from(lowest) > reach || lowest > LATE && named.first() == Some(&lowest);
        let first = if begins_late { lowest } else { 1 };
        let before = u64::from(first) - 1;
        Self {
            first,
            plausible: before + reach,
            most: before + MOST_LINES,
            named: named.clone(),
        }
    }

    pub(super) fn holds(&self, page: u32) -> bool {
        let number = u64::from(page);
        number <= self.plausible || number <= self.most && self.named.contains(&page)
    }
}

impl VolumePages {
    /// Numbers between the first and the last page of which there is nothing.
    pub(super) fn gaps(&self) -> Vec<u32> {
        self.lines.clone().filter(|page| !self.has_any(*page)).collect()
    }

    /// Says which pages have a text or hOCR and no image, where there are images, and which images have no text or no hOCR, where there is
    /// some. Gives how many pages lack their image.
    pub(super) fn compare_parts(&self, findings: &mut FindingList) -> usize {
        let texts: BTreeSet<u32> = self.texts.keys().copied().collect();
        let mut without_image = BTreeSet::new();
        for (parts, what, codes) in [
            (
                &texts,
                "text",
                [FindingCode::TextWithoutImage, FindingCode::ImageWithoutText],
            ),
            (
                &self.coordinates,
                "hOCR",
                [FindingCode::HocrWithoutImage, FindingCode::ImageWithoutHocr],
            ),
        ] {
            if self.images.is_empty() || parts.is_empty() {
                continue;
            }
            let [surplus, lacking]: [Vec<u32>; 2] = [
                parts.difference(&self.images).copied().collect(),
                self.images.difference(parts).copied().collect(),
            ];
            if !surplus.is_empty() {
                let text = listed(&format!("pages with {what} and without an image"), &surplus);
                findings.note(codes[0], None, text);
            }
            if !lacking.is_empty() {
                findings.note(codes[1], None, listed(&format!("pages without {what}"), &lacking));
            }
            without_image.extend(surplus);
        }
        without_image.len()
    }

    pub(super) fn note_gaps(&self, findings: &mut FindingList) {
        let missing = self.gaps();
        if !missing.is_empty() {
            let text = listed("page numbers missing in between", &missing);
            findings.note(FindingCode::PageGap, None, text);
        }
    }
}
