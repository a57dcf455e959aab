//! What is said of images that are none and of texts.

use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::image_head::ImageContent;
use crate::archive::pages::{LineCount, VolumePages};

/// Page numbers named in one finding.
const NAMED: usize = 5;

impl VolumePages {
    pub(super) fn note_void_images(&self, findings: &mut FindingList) {
        let kinds = [
            (
                FindingCode::EmptyPageImage,
                ImageContent::Empty,
                "page images without a single byte, on pages",
            ),
            (
                FindingCode::NotAnImage,
                ImageContent::NotAnImage,
                "page images with bytes that no image has, on pages",
            ),
        ];
        for (code, kind, what) in kinds {
            let of_kind = self.void_images.iter().filter(|(_, content)| **content == kind);
            let pages: Vec<u32> = of_kind.map(|(page, _)| *page).collect();
            if !pages.is_empty() {
                let text = format!("{} {}", pages.len(), listed(what, &pages));
                findings.note(code, None, text);
            }
        }
    }

    pub(super) fn note_texts(&self, findings: &mut FindingList) {
        if self.lines.is_empty() {
            findings.note(FindingCode::NoPages, None, "there is no page in it");
        } else if self.texts.is_empty() {
            findings.note(FindingCode::NoText, None, "there is no page text in it");
        } else if self.nonblank_texts() == 0 {
            findings.note(FindingCode::NoText, None, "all of its page texts are blank");
        }
        let tallies: [(FindingCode, LineCount, &str); 4] = [
            (
                FindingCode::BadUtf8,
                |line| line.replaced,
                "runs of bytes that are not UTF-8, on pages",
            ),
            (
                FindingCode::ControlChars,
                |line| line.control,
                "control characters, on pages",
            ),
            (
                FindingCode::ByteOrderMark,
                |line| line.is_marked.into(),
                "byte order marks, removed, on pages",
            ),
            (
                FindingCode::TextInUtf16,
                |line| line.is_utf16.into(),
                "texts in UTF-16, decoded, on pages",
            ),
        ];
        for (code, count, what) in tallies {
            let found = self.texts.iter().filter(|(_, line)| count(line) > 0);
            let pages: Vec<u32> = found.map(|(page, _)| *page).collect();
            let count: usize = self.texts.values().map(count).sum();
            if count > 0 {
                findings.note(code, None, listed(&format!("{count} {what}"), &pages));
            }
        }
    }
}

pub(super) fn listed(what: &str, pages: &[u32]) -> String {
    let first: Vec<String> = pages.iter().take(NAMED).map(u32::to_string).collect();
    let more = if pages.len() > NAMED {
        format!(" and {} more", pages.len() - NAMED)
    } else {
        String::new()
    };
    format!("{what}: {}{more}", first.join(", "))
}
