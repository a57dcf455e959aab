//! The number of a page in a file's name.

use std::ops::Range;

use crate::archive::book_names::SEPARATORS;
use crate::archive::names::MemberRole;

/// The highest number that a page can have.
const LAST_PAGE: u32 = 99_999_999;
/// Bytes of a name in which a number is looked for: the series of each are kept for a while.
const LONGEST: usize = 128;
/// Numbers of one name that are looked at.
const MOST_NUMBERS: usize = 4;
/// Words for the sides of a leaf, in the order of its pages.
const SIDES: [[&str; 2]; 5] = [
    ["r", "v"],
    ["recto", "verso"],
    ["a", "b"],
    ["l", "r"],
    ["left", "right"],
];
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
            | "jfif" | "gif" | "bmp" | "webp" | "pdf" => Self::Image,
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
    /// What stands behind the digits; empty in GRIN's own form.
    pub(super) suffix: &'s str,
}

/// A series that a name may be of, and the number that it then has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeriesNumber {
    /// What the names of the series have in common, in lower case.
    pub(super) series: String,
    pub(super) number: u32,
    pub(super) form: NumberForm,
}

/// Where a name has its number, the most usual form first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NumberForm {
    /// At its end: `scan_0001`.
    Last,
    /// At its beginning: `0001_scan`, `1_of_5`.
    First,
    /// In between: `scan_0001_ocr`.
    Inner,
    /// A leaf's number with a word for one of its sides: `0001r`, `0001v`.
    Leaf,
}

impl<'s> NumberedStem<'s> {
    /// The number of a name by itself: the first of [`NumberedStem::all`].
    pub(super) fn of(stem: &'s str) -> Option<Self> {
        Self::all(stem).into_iter().next()
    }

    /// The numbers of a name: ASCII digits at the end, at the beginning, then those in between from the last on, each with any number of
    /// zeros before them. A second extension, as in `00000001.tif.jp2`, is put aside.
    pub(super) fn all(stem: &'s str) -> Vec<Self> {
        let stem = without_inner_extension(stem);
        let runs = if stem.len() > LONGEST {
            Vec::new()
        } else {
            digit_runs(stem)
        };
        let mut all: Vec<Self> = runs.into_iter().rev().filter_map(|run| Self::at(stem, &run)).collect();
        all.sort_by_key(Self::form);
        all.truncate(MOST_NUMBERS);
        all
    }

    fn at(stem: &'s str, run: &Range<usize>) -> Option<Self> {
        let number = match stem[run.clone()].trim_start_matches('0') {
            "" => 0,
            number => number.parse().ok().filter(|number| *number <= LAST_PAGE)?,
        };
        Some(Self {
            prefix: &stem[..run.start],
            number,
            suffix: &stem[run.end..],
        })
    }

    fn form(&self) -> NumberForm {
        match (self.prefix, self.suffix) {
            (_, "") => NumberForm::Last,
            ("", _) => NumberForm::First,
            _ => NumberForm::Inner,
        }
    }

    /// The series that a name with this number may be of: names that differ in the number only, and leaves of two sides.
    pub(super) fn series(&self) -> Vec<SeriesNumber> {
        let Self { prefix, number, suffix } = *self;
        let plain = SeriesNumber {
            series: format!("{prefix}\0{suffix}").to_lowercase(),
            number,
            form: self.form(),
        };
        let side = suffix.trim_start_matches(SEPARATORS);
        let between = &suffix[..suffix.len() - side.len()];
        let leaf = |[first, second]: &[&str; 2]| {
            let is_second = side.eq_ignore_ascii_case(second);
            let page = (2 * number).checked_sub(u32::from(!is_second))?;
            (is_second || side.eq_ignore_ascii_case(first)).then(|| SeriesNumber {
                series: format!("{prefix}\0{between}\0{first}").to_lowercase(),
                number: page,
                form: NumberForm::Leaf,
            })
        };
        let leaves = SIDES.iter().filter_map(leaf);
        let all = std::iter::once(plain).chain(leaves);
        all.filter(|place| (1..=LAST_PAGE).contains(&place.number)).collect()
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

/// Where a name has digits.
fn digit_runs(stem: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in stem.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
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

/// Extensions of images in forms that no page of GRIN's has.
const OTHER_IMAGES: [&str; 22] = [
    "avif", "cr2", "djv", "djvu", "dng", "eps", "heic", "heif", "jls", "jng", "jxl", "jxr", "nef", "pbm", "pgm", "pnm",
    "ppm", "psd", "raw", "svg", "tga", "wdp",
];

/// Is it the extension of an image in a form that no page of GRIN's has?
pub(super) fn is_other_image(extension: &str) -> bool {
    OTHER_IMAGES.iter().any(|known| known.eq_ignore_ascii_case(extension))
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
            ("1_of_5", Some(("1_of_", 5, ""))),
            ("1_x_39015012345678", Some(("", 1, "_x_39015012345678"))),
            ("scan_0002_ocr", Some(("scan_", 2, "_ocr"))),
            ("a1_b2_c", Some(("a1_b", 2, "_c"))),
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

    /// A name, and what its series have in common with the number in each.
    type SeriesCase = (&'static str, &'static [(&'static str, u32, NumberForm)]);

    #[test]
    fn a_name_may_be_of_several_series() {
        use NumberForm::{First, Inner, Last, Leaf};
        let cases: [SeriesCase; 9] = [
            ("Scan_0003", &[("scan_\0", 3, Last)]),
            ("1_of_5", &[("1_of_\0", 5, Last), ("\0_of_5", 1, First)]),
            ("x_2_y", &[("x_\0_y", 2, Inner)]),
            ("0003R", &[("\0r", 3, First), ("\0\0r", 5, Leaf), ("\0\0l", 6, Leaf)]),
            ("f3 verso", &[("f\0 verso", 3, Inner), ("f\0 \0recto", 6, Leaf)]),
            ("3-b", &[("\0-b", 3, First), ("\0-\0a", 6, Leaf)]),
            ("0v", &[]),
            ("99999999v", &[("\0v", LAST_PAGE, First)]),
            ("cover", &[]),
        ];
        for (stem, expected) in cases {
            let all = NumberedStem::all(stem);
            let places = all.iter().flat_map(NumberedStem::series);
            let found: Vec<_> = places.map(|place| (place.series, place.number, place.form)).collect();
            let found: Vec<_> = found
                .iter()
                .map(|(series, number, form)| (series.as_str(), *number, *form))
                .collect();
            assert_eq!(found, expected, "{stem}");
        }
        assert_eq!(NumberedStem::all("1_2_3_4_5_6").len(), MOST_NUMBERS);
        assert!(NumberedStem::of(&format!("{:0>128}", 1)).is_some());
        assert_eq!(NumberedStem::of(&format!("{:0>129}", 1)), None);
    }
}
