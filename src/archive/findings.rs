//! What was noticed about a volume, each finding with a code of a closed set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::archive::error::shortened;

/// One thing noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFinding {
    /// What it is.
    pub code: FindingCode,
    /// How bad it is.
    pub level: FindingLevel,
    /// The member it is about; `None` for the archive as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// One sentence for a person.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingLevel {
    /// Worth knowing.
    Info,
    /// Something a library will want to look at; the volume is stored.
    Warning,
    /// The volume is not what it should be.
    Error,
}

impl FindingLevel {
    /// The level as it stands in JSON and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Everything that can be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// Neither a checksum list nor MD5 digests in the METS: nothing could be compared.
    PagesUnverified,
    /// The MD5 of a page's file is not the one listed.
    ChecksumMismatch,
    /// The MD5 of a file that is no page's, such as the METS, is not the one listed; the volume is not verified.
    OtherFileDiffers,
    /// A listed page is not in the archive.
    ChecksumMissingMember,
    /// A listed file is not in the archive, and no page depends on it.
    ListedNotDelivered,
    /// A file is listed in another spelling: letter case or percent-encoding.
    ListedNameDiffers,
    /// A page file has no listed digest.
    MemberNotListed,
    /// A line of the checksum list could not be read.
    ChecksumListMalformed,
    /// The checksum list and the METS name different digests for a member.
    MetsDigestDiffers,
    /// The METS gives digests of a kind that is not compared, such as SHA-256: they prove nothing here.
    DigestNotCompared,
    /// The METS names fewer pages than the checksum list.
    MetsLacksPages,
    /// The METS speaks of files without telling where they are, or its map of the volume has more pages than the archive.
    MetsNamesMore,
    /// A page image of 0 bytes.
    EmptyPageImage,
    /// A page image of bytes that no image has: zeros alone, HTML, a message.
    NotAnImage,
    /// A page number is missing in between.
    PageGap,
    /// A second file for the same page, in another folder or spelling; the first one counts.
    DuplicatePage,
    /// The same name twice; the last file counts, as when the archive is unpacked.
    MemberRepeated,
    /// An image, or a file with a number as pages have it, of which nothing tells the page, or a page's text that is too long; it is not
    /// counted.
    UnplacedPageFile,
    /// A folder with another book's METS; its files are not counted.
    AnotherBookBeside,
    /// A folder with pages that the volume's has, too, and with more of them; no METS names them, and they are not counted.
    PagesElsewhere,
    /// A page without a text file.
    ImageWithoutText,
    /// A text file without a page image; beyond the last image its text is left out unless the METS or the list names it, or there is neither.
    TextWithoutImage,
    /// A page with hOCR and without an image.
    HocrWithoutImage,
    /// A page without hOCR, where others have some.
    ImageWithoutHocr,
    /// A page number far beyond the number of pages; the file is left out of the page count.
    PageNumberImplausible,
    /// Page numbers do not start at 1 but far beyond; the text's first line is the first page there is.
    PageNumbersStartLate,
    /// A byte order mark in front of a page's text, removed.
    ByteOrderMark,
    /// A page's text in UTF-16 by its byte order mark, or by its zeros, decoded.
    TextInUtf16,
    /// Bytes that are not UTF-8, each run replaced by U+FFFD.
    BadUtf8,
    /// Control characters other than tab, line feed and carriage return.
    ControlChars,
    /// No page text at all, or none that is not blank.
    NoText,
    /// No page at all.
    NoPages,
    /// No METS.
    NoMets,
    /// The METS names another book.
    AnotherBook,
    /// No METS names a book.
    UnnamedBook,
    /// The METS has the requested book's file name, and the OBJID of another one.
    ObjidDiffers,
    /// The pages' files have another book's name, as far as their form tells; the volume is not verified.
    PagesOfAnotherName,
    /// A METS without a MARC record.
    NoMarc,
    /// The METS is not well-formed.
    MetsMalformed,
    /// The METS holds what is never read: a DTD, or more than the limits allow.
    MetsRefused,
    /// The METS holds texts that are longer than what is read, such as an image; they are passed over.
    MetsTextSkipped,
    /// The METS is in another encoding than the one that it declares; it is read as what it is in.
    MetsEncodingDiffers,
    /// The METS is found by its root element; its name is another one.
    MetsMisnamed,
    /// More than one METS; the first counts.
    MetsRepeated,
    /// More than one MARC record; the first counts.
    MarcRepeated,
    /// Members lie in a folder; at GRIN they lie at the top.
    FolderInArchive,
    /// A hard link to an earlier file of the archive: the same bytes under a second name.
    HardLink,
    /// A name that is not UTF-8, a kind of entry that is skipped, or one that is not known and read as a file.
    OddEntry,
    /// The tar ends without its end mark.
    TarUnterminated,
    /// The message has no integrity check; its pages are proven by their checksums alone.
    Unauthenticated,
    /// Characters that XML 1.0 forbids, removed from the MARC record.
    ForbiddenChars,
    /// A MARC record in a form that is not read.
    MarcUnread,
    /// Bytes after the end of the tar, of the gzip stream or of the OpenPGP message.
    TrailingData,
    /// More findings were made than are kept.
    MoreFindings,
}

impl FindingCode {
    /// The code as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PagesUnverified => "pages_unverified",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::OtherFileDiffers => "other_file_differs",
            Self::ChecksumMissingMember => "checksum_missing_member",
            Self::ListedNotDelivered => "listed_not_delivered",
            Self::ListedNameDiffers => "listed_name_differs",
            Self::MemberNotListed => "member_not_listed",
            Self::ChecksumListMalformed => "checksum_list_malformed",
            Self::MetsDigestDiffers => "mets_digest_differs",
            Self::DigestNotCompared => "digest_not_compared",
            Self::MetsLacksPages => "mets_lacks_pages",
            Self::MetsNamesMore => "mets_names_more",
            Self::EmptyPageImage => "empty_page_image",
            Self::NotAnImage => "not_an_image",
            Self::PageGap => "page_gap",
            Self::DuplicatePage => "duplicate_page",
            Self::MemberRepeated => "member_repeated",
            Self::UnplacedPageFile => "unplaced_page_file",
            Self::AnotherBookBeside => "another_book_beside",
            Self::PagesElsewhere => "pages_elsewhere",
            Self::ImageWithoutText => "image_without_text",
            Self::TextWithoutImage => "text_without_image",
            Self::HocrWithoutImage => "hocr_without_image",
            Self::ImageWithoutHocr => "image_without_hocr",
            Self::HardLink => "hard_link",
            Self::PageNumberImplausible => "page_number_implausible",
            Self::PageNumbersStartLate => "page_numbers_start_late",
            Self::ByteOrderMark => "byte_order_mark",
            Self::TextInUtf16 => "text_in_utf16",
            Self::BadUtf8 => "bad_utf8",
            Self::ControlChars => "control_chars",
            Self::NoText => "no_text",
            Self::NoPages => "no_pages",
            Self::NoMets => "no_mets",
            Self::AnotherBook => "another_book",
            Self::UnnamedBook => "unnamed_book",
            Self::ObjidDiffers => "objid_differs",
            Self::PagesOfAnotherName => "pages_of_another_name",
            Self::NoMarc => "no_marc",
            Self::MetsMalformed => "mets_malformed",
            Self::MetsRefused => "mets_refused",
            Self::MetsTextSkipped => "mets_text_skipped",
            Self::MetsEncodingDiffers => "mets_encoding_differs",
            Self::MetsMisnamed => "mets_misnamed",
            Self::MetsRepeated => "mets_repeated",
            Self::MarcRepeated => "marc_repeated",
            Self::FolderInArchive => "folder_in_archive",
            Self::OddEntry => "odd_entry",
            Self::TarUnterminated => "tar_unterminated",
            Self::Unauthenticated => "unauthenticated",
            Self::ForbiddenChars => "forbidden_chars",
            Self::MarcUnread => "marc_unread",
            Self::TrailingData => "trailing_data",
            Self::MoreFindings => "more_findings",
        }
    }

    /// How bad it is.
    pub fn level(self) -> FindingLevel {
        match self {
            Self::ChecksumMismatch
            | Self::ChecksumMissingMember
            | Self::EmptyPageImage
            | Self::NotAnImage
            | Self::NoPages
            | Self::AnotherBook
            | Self::UnnamedBook
            | Self::TarUnterminated => FindingLevel::Error,
            Self::NoText
            | Self::NoMarc
            | Self::MetsMisnamed
            | Self::MetsTextSkipped
            | Self::MarcRepeated
            | Self::FolderInArchive
            | Self::ImageWithoutText
            | Self::ImageWithoutHocr
            | Self::HardLink
            | Self::ByteOrderMark
            | Self::DigestNotCompared
            | Self::ListedNotDelivered
            | Self::ListedNameDiffers => FindingLevel::Info,
            _ => FindingLevel::Warning,
        }
    }
}

/// Collects findings; of each code at most [`FindingList::PER_CODE`] are kept, the rest is counted.
#[derive(Debug, Default)]
pub(super) struct FindingList {
    kept: Vec<ArchiveFinding>,
    count: BTreeMap<FindingCode, u64>,
}

impl FindingList {
    /// How many of one code are kept.
    pub(super) const PER_CODE: u64 = 20;

    pub(super) fn note(&mut self, code: FindingCode, member: Option<&str>, text: impl Into<String>) {
        let count = self.count.entry(code).or_default();
        *count += 1;
        if *count <= Self::PER_CODE {
            let finding = ArchiveFinding {
                code,
                level: code.level(),
                member: member.map(shortened),
                text: shortened(text),
            };
            self.kept.push(finding);
        }
    }

    /// All kept findings, and one more for each code of which some were left out.
    pub(super) fn finish(self) -> Vec<ArchiveFinding> {
        let mut kept = self.kept;
        for (code, count) in self.count.into_iter().filter(|(_, count)| *count > Self::PER_CODE) {
            kept.push(ArchiveFinding {
                code: FindingCode::MoreFindings,
                level: code.level(),
                member: None,
                text: format!(
                    "{count} findings of {}, the first {} are listed",
                    code.as_str(),
                    Self::PER_CODE
                ),
            });
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_code_is_counted_not_kept() {
        let mut findings = FindingList::default();
        for page in 0..1_000 {
            findings.note(FindingCode::PageGap, None, format!("page {page}"));
        }
        findings.note(FindingCode::NoMets, None, "no METS");
        let list = findings.finish();
        assert_eq!(list.len(), 22);
        assert!(list.last().unwrap().text.starts_with("1000 findings of page_gap"));
    }

    #[test]
    fn json_and_display_name_the_same_code() {
        for code in [
            FindingCode::PagesUnverified,
            FindingCode::BadUtf8,
            FindingCode::MetsDigestDiffers,
            FindingCode::OddEntry,
            FindingCode::TextInUtf16,
            FindingCode::DigestNotCompared,
            FindingCode::MetsLacksPages,
            FindingCode::MetsNamesMore,
            FindingCode::EmptyPageImage,
            FindingCode::NotAnImage,
            FindingCode::MemberRepeated,
            FindingCode::UnplacedPageFile,
            FindingCode::AnotherBookBeside,
            FindingCode::PagesElsewhere,
            FindingCode::MetsTextSkipped,
            FindingCode::MetsEncodingDiffers,
            FindingCode::HocrWithoutImage,
            FindingCode::ImageWithoutHocr,
            FindingCode::HardLink,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
