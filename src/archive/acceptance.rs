//! Is this a volume, and how well is it proven? Decided once, for a download, a re-fetch, an import and `grind parse`.

mod proof;

use serde::{Deserialize, Serialize};

pub(super) use crate::archive::acceptance::proof::{ProofGaps, has_all_digests, is_proven_whole};
use crate::archive::findings::FindingLevel;
use crate::archive::mets::RecordParts;
use crate::archive::page_numbers::PageNumbers;
use crate::vocabulary::FailureReason;

/// Why an archive is not the volume that was requested. Such an archive is kept in quarantine and never published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum VolumeRefusal {
    /// Neither a page image nor a page text nor hOCR; or only empty ones; or page images that are all empty or none.
    #[error("there is no page in it, or nothing in its pages")]
    NoPages,
    /// Its METS names another book, by its file name and by its OBJID.
    #[error("its METS belongs to another book")]
    AnotherBook,
    /// The tar has no end mark, so it may be cut between two files.
    #[error("its tar has no end mark and may be cut short")]
    TarUnterminated,
    /// There is no METS, or one that names no book.
    #[error("no METS says that it is this book")]
    UnnamedBook,
    /// A page's file that is there is not the one that the checksum list or the METS names. Of other files that is a finding.
    #[error("files of pages differ from their checksums")]
    ChecksumMismatch,
    /// A page that the checksum list or the METS names is not in the archive.
    #[error("pages that its checksum list or its METS names are missing")]
    PagesMissing,
    /// Its encryption has no integrity check, and not every page is proven by a checksum.
    #[error("its encryption has no integrity check, and checksums do not prove every page")]
    Unauthenticated,
}

impl VolumeRefusal {
    /// The reason in the catalog, in logs and in JSON.
    pub const fn reason(self) -> FailureReason {
        match self {
            Self::NoPages => FailureReason::NoPages,
            Self::AnotherBook => FailureReason::AnotherBook,
            Self::TarUnterminated => FailureReason::TarUnterminated,
            Self::UnnamedBook => FailureReason::UnnamedBook,
            Self::ChecksumMismatch => FailureReason::ChecksumMismatch,
            Self::PagesMissing => FailureReason::PagesMissing,
            Self::Unauthenticated => FailureReason::Unauthenticated,
        }
    }
}

/// What the decision came to. Its counts are the ones of catalog, manifest and exports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeAcceptance {
    /// Why it is no volume; `None` for a volume.
    pub refusal: Option<VolumeRefusal>,
    /// Every page file was compared with every digest given for it and is equal, no listed page is missing, and nothing speaks against it: see `ProofGaps`.
    pub verified: bool,
    /// Pages, as many as the text has lines.
    pub pages: u64,
    /// The pages of which there is anything.
    #[serde(default)]
    pub page_numbers: PageNumbers,
    /// Pages that have a text file.
    pub text_pages: u64,
    /// Those of them whose text has at least one character to read.
    #[serde(default)]
    pub nonblank_texts: u64,
    /// Those of them whose text has so many letters and digits that it may be more than dirt on the page.
    #[serde(default)]
    pub worded_texts: u64,
    /// Characters of all texts.
    #[serde(default)]
    pub text_characters: u64,
    /// How much its MARC record says; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_parts: Option<RecordParts>,
    /// Pages that have an image, by its first bytes.
    #[serde(default)]
    pub images: u64,
    /// Those pages.
    #[serde(default)]
    pub image_numbers: PageNumbers,
    /// Images of which nothing tells the page, or whose number is not believed: a leaf put in later, a map, a cover.
    #[serde(default)]
    pub further_images: u64,
    /// Pages that have hOCR with bytes in it.
    #[serde(default)]
    pub hocr_pages: u64,
    /// Those pages.
    #[serde(default)]
    pub hocr_numbers: PageNumbers,
    /// Pages that have a file of ALTO, or another one in XML, with bytes in it.
    #[serde(default)]
    pub alto_numbers: PageNumbers,
    /// Number of the first page, which is the text's first line; 0 without pages.
    pub first_page: u64,
    /// Bytes of the images that are pages'.
    #[serde(default)]
    pub image_bytes: u64,
    /// Bytes of the hOCR.
    #[serde(default)]
    pub hocr_bytes: u64,
    /// Page files that were compared with a digest and are equal.
    pub proven_files: u64,
    /// The level of the worst finding; `None` without findings.
    pub worst_finding: Option<FindingLevel>,
}

/// Which book the METS of an archive names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum BookIdentity {
    /// No barcode was requested, so none can differ.
    NotRequested,
    /// The requested one, by the file name of its METS or by its OBJID.
    Requested,
    /// Another one.
    Another,
    /// There is no METS, or it names no book.
    #[default]
    Unnamed,
}

/// All that the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VolumeFacts {
    pub(super) pages: u64,
    /// There is a page image that can be one.
    pub(super) has_images: bool,
    /// Page images without a single byte, or of bytes that no image has.
    pub(super) empty_images: u64,
    /// There is a text that is not blank, or hOCR with bytes in it.
    pub(super) has_words: bool,
    pub(super) terminated: bool,
    pub(super) identity: BookIdentity,
    /// The message's integrity check was good, or every page is equal to its digest.
    pub(super) proven: bool,
    /// Files of pages that differ from their listed digests.
    pub(super) mismatched: usize,
    /// Listed pages that are not in the archive.
    pub(super) missing: usize,
}

/// A volume has at least one page, something in its page images or, without any, in its texts or hOCR, its METS names the requested barcode, every page that the checksum list or the METS
/// names is present and equal, and its tar is terminated. The first fault in this order is the reason.
pub(super) fn decide(facts: VolumeFacts) -> Option<VolumeRefusal> {
    match facts {
        VolumeFacts { pages: 0, .. } => Some(VolumeRefusal::NoPages),
        VolumeFacts {
            has_images: false,
            empty_images: 1..,
            ..
        }
        | VolumeFacts {
            has_images: false,
            has_words: false,
            ..
        } => Some(VolumeRefusal::NoPages),
        VolumeFacts {
            identity: BookIdentity::Another,
            ..
        } => Some(VolumeRefusal::AnotherBook),
        VolumeFacts { terminated: false, .. } => Some(VolumeRefusal::TarUnterminated),
        VolumeFacts {
            identity: BookIdentity::Unnamed,
            ..
        } => Some(VolumeRefusal::UnnamedBook),
        VolumeFacts { mismatched: 1.., .. } => Some(VolumeRefusal::ChecksumMismatch),
        VolumeFacts { missing: 1.., .. } => Some(VolumeRefusal::PagesMissing),
        VolumeFacts { proven: false, .. } => Some(VolumeRefusal::Unauthenticated),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: VolumeFacts = VolumeFacts {
        pages: 5,
        has_images: true,
        empty_images: 0,
        has_words: true,
        terminated: true,
        identity: BookIdentity::Requested,
        proven: true,
        mismatched: 0,
        missing: 0,
    };

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn a_volume_is_what_has_no_fault() {
        use VolumeRefusal as Refusal;
        let cut = VolumeFacts {
            terminated: false,
            ..VOLUME
        };
        let another = VolumeFacts {
            identity: BookIdentity::Another,
            ..VOLUME
        };
        let unnamed = VolumeFacts {
            identity: BookIdentity::Unnamed,
            ..VOLUME
        };
        let cases = [
            ("a whole volume", VOLUME, None),
            ("one page", VolumeFacts { pages: 1, ..VOLUME }, None),
            (
                "no barcode was requested",
                VolumeFacts {
                    identity: BookIdentity::NotRequested,
                    ..VOLUME
                },
                None,
            ),
            (
                "page images that are all empty, with texts",
                VolumeFacts {
                    has_images: false,
                    empty_images: 5,
                    ..VOLUME
                },
                Some(Refusal::NoPages),
            ),
            (
                "texts alone",
                VolumeFacts {
                    has_images: false,
                    ..VOLUME
                },
                None,
            ),
            (
                "blank texts alone",
                VolumeFacts {
                    has_images: false,
                    has_words: false,
                    ..VOLUME
                },
                Some(Refusal::NoPages),
            ),
            (
                "images with blank texts",
                VolumeFacts {
                    has_words: false,
                    ..VOLUME
                },
                None,
            ),
            (
                "one empty page image of five",
                VolumeFacts {
                    empty_images: 1,
                    ..VOLUME
                },
                None,
            ),
            (
                "an empty tar",
                VolumeFacts { pages: 0, ..VOLUME },
                Some(Refusal::NoPages),
            ),
            (
                "gzip of nothing",
                VolumeFacts {
                    pages: 0,
                    identity: BookIdentity::Unnamed,
                    ..cut
                },
                Some(Refusal::NoPages),
            ),
            (
                "a METS alone",
                VolumeFacts {
                    pages: 0,
                    missing: 3,
                    ..VOLUME
                },
                Some(Refusal::NoPages),
            ),
            ("another book", another, Some(Refusal::AnotherBook)),
            (
                "another book, cut",
                VolumeFacts {
                    terminated: false,
                    ..another
                },
                Some(Refusal::AnotherBook),
            ),
            (
                "cut behind a page",
                VolumeFacts { missing: 2, ..cut },
                Some(Refusal::TarUnterminated),
            ),
            (
                "cut before the METS",
                VolumeFacts {
                    terminated: false,
                    ..unnamed
                },
                Some(Refusal::TarUnterminated),
            ),
            ("pages alone", unnamed, Some(Refusal::UnnamedBook)),
            (
                "a changed page",
                VolumeFacts {
                    mismatched: 1,
                    ..VOLUME
                },
                Some(Refusal::ChecksumMismatch),
            ),
            (
                "a changed and a missing page",
                VolumeFacts {
                    mismatched: 1,
                    missing: 1,
                    ..VOLUME
                },
                Some(Refusal::ChecksumMismatch),
            ),
            (
                "no integrity check, and a page without a digest",
                VolumeFacts {
                    proven: false,
                    ..VOLUME
                },
                Some(Refusal::Unauthenticated),
            ),
            (
                "a missing page",
                VolumeFacts { missing: 1, ..VOLUME },
                Some(Refusal::PagesMissing),
            ),
        ];
        for (what, facts, expected) in cases {
            assert_eq!(decide(facts), expected, "{what}");
        }
    }

    #[test]
    fn reason_words_are_the_ones_of_the_json() {
        for refusal in [
            VolumeRefusal::NoPages,
            VolumeRefusal::AnotherBook,
            VolumeRefusal::UnnamedBook,
        ] {
            assert_eq!(serde_json::to_value(refusal).unwrap(), refusal.reason().as_str());
        }
    }
}
