//! The number of a page in a file's name.

use crate::archive::names::MemberRole;

/// The highest number that a page can have.
const LAST_PAGE: u32 = 99_999_999;
/// Digits of a page's number as GRIN writes it.
const DIGITS: usize = 8;

/// What a page's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PageKind {
    Image,
    Text,
    Coordinates,
}

impl PageKind {
    pub(super) const ALL: [Self; 3] = [Self::Image, Self::Text, Self::Coordinates];

    /// The kind of files with this extension, in any letter case.
    pub(super) fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "jp2" | "jpx" | "jpf" | "jpm" | "j2k" | "j2c" | "jpc" | "tif" | "tiff" | "jpg" | "jpeg" | "jpe" | "png"
            | "gif" | "bmp" | "webp" | "pdf" => Self::Image,
            "txt" => Self::Text,
            "html" | "htm" | "xhtml" | "hocr" => Self::Coordinates,
            _ => return None,
        })
    }

    /// The role of such a file of this page.
    pub(super) fn of_page(self, page: u32) -> MemberRole {
        match self {
            Self::Image => MemberRole::Image(page),
            Self::Text => MemberRole::Text(page),
            Self::Coordinates => MemberRole::Coordinates(page),
        }
    }
}

/// A name without its extension that has a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberedStem<'s> {
    /// What stands before the digits; empty in GRIN's own form.
    pub(super) prefix: &'s str,
    /// The number; zero, too.
    pub(super) number: u32,
    /// What stands behind digits that the name begins with, where it does not end with any.
    pub(super) suffix: &'s str,
}

impl<'s> NumberedStem<'s> {
    /// ASCII digits at the end, else at the beginning, with any number of zeros before them. A second extension, as in
    /// `00000001.tif.jp2`, is put aside.
    pub(super) fn of(stem: &'s str) -> Option<Self> {
        let is_digit = |c: char| c.is_ascii_digit();
        let stem = without_inner_extension(stem);
        let prefix = stem.trim_end_matches(is_digit);
        let (prefix, digits, suffix) = if prefix.len() < stem.len() {
            (prefix, &stem[prefix.len()..], "")
        } else {
            let suffix = stem.trim_start_matches(is_digit);
            ("", &stem[..stem.len() - suffix.len()], suffix)
        };
        let number = match (digits, digits.trim_start_matches('0')) {
            ("", _) => return None,
            (_, "") => 0,
            (_, number) => number.parse().ok().filter(|number| *number <= LAST_PAGE)?,
        };
        Some(Self { prefix, number, suffix })
    }

    /// Is the number written as GRIN writes a page's, and is there nothing behind it?
    pub(super) fn is_in_full(&self, stem: &str) -> bool {
        let digits = &without_inner_extension(stem)[self.prefix.len()..];
        self.number > 0 && self.suffix.is_empty() && digits.len() == DIGITS && digits.starts_with('0')
    }

    /// Is there nothing but the number?
    pub(super) fn is_bare(&self) -> bool {
        self.prefix.is_empty() && self.suffix.is_empty()
    }
}

fn without_inner_extension(stem: &str) -> &str {
    match stem.rsplit_once('.') {
        Some((inner, extension)) if PageKind::of_extension(extension).is_some() => inner,
        _ => stem,
    }
}

/// Extensions of files that stand beside a page and are none of its parts.
const COMPANIONS: [&str; 19] = [
    "alto", "asc", "coord", "coords", "csv", "db", "json", "log", "md5", "mets", "sha", "sha1", "sha256", "sha512",
    "sig", "tsv", "xml", "yaml", "yml",
];

/// Is it an extension of no kind, which an image may have?
pub(super) fn is_unknown_extension(extension: &str) -> bool {
    let is_companion = COMPANIONS.iter().any(|known| known.eq_ignore_ascii_case(extension));
    PageKind::of_extension(extension).is_none() && !is_companion
}

/// Has the stem a number as GRIN writes those of pages: eight digits at its beginning, or at its end with a zero in front?
pub(super) fn is_page_like(stem: &str) -> bool {
    let begins = stem.bytes().take_while(u8::is_ascii_digit).count() >= DIGITS;
    let inner = without_inner_extension(stem);
    let digits = &inner[inner.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
    begins || digits.len() >= DIGITS && digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_at_the_end_of_a_name_or_at_its_beginning() {
        let cases = [
            ("00000001_ocr", Some(("", 1, "_ocr"))),
            ("00000001", Some(("", 1, ""))),
            ("1", Some(("", 1, ""))),
            ("000000000012", Some(("", 12, ""))),
            ("00000000", Some(("", 0, ""))),
            ("99999999", Some(("", LAST_PAGE, ""))),
            ("100000000", None),
            ("39015012345678", None),
            ("TESTLIB_TL0000000001_00000003", Some(("TESTLIB_TL0000000001_", 3, ""))),
            ("page3", Some(("page", 3, ""))),
            ("00000003.tif", Some(("", 3, ""))),
            ("00000003.v2", Some(("00000003.v", 2, ""))),
            ("00000002a", Some(("", 2, "a"))),
            ("٠٠١", None),
            ("", None),
        ];
        for (stem, expected) in cases {
            let numbered = NumberedStem::of(stem).map(|numbered| (numbered.prefix, numbered.number, numbered.suffix));
            assert_eq!(numbered, expected, "{stem}");
        }
        for (stem, expected) in [
            ("00000001", true),
            ("00000002a", true),
            ("00000002 copy", true),
            ("scan_00000002", true),
            ("scan_20240101", false),
            ("page_0003", false),
            ("readme", false),
        ] {
            assert_eq!(is_page_like(stem), expected, "{stem}");
        }
    }
}
