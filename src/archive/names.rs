//! What a member is, by its name (src/grin/PROTOCOL.md, section 9).

use crate::archive::book_names::{SEPARATORS, behind_book, names_book};
use crate::archive::digest::{LIST_NAME, base_name, unquoted};
use crate::archive::page_number::{NumberedStem, PageKind, is_other_image, is_page_like, is_unknown_extension};
use crate::grin::Barcode;

/// What a file of the archive is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MemberRole {
    /// A page image, with the page's number.
    Image(u32),
    /// A page's plain text.
    Text(u32),
    /// A page's hOCR.
    Coordinates(u32),
    /// A file of a page's kind with a number behind other words than the book's name: whether it is a page depends on the other files.
    Candidate(PageKind, u32),
    /// An image, or a file with a number as pages have it, of which nothing tells the page.
    Unplaced { page_like: bool },
    /// The list of MD5 digests.
    ChecksumList,
    /// An XML file, by its name the METS or not.
    Xml { named_as_mets: bool },
    /// Anything else.
    Other,
}

impl MemberRole {
    /// The number of the page that the file is part of.
    pub(super) fn page(self) -> Option<u32> {
        match self {
            Self::Image(page) | Self::Text(page) | Self::Coordinates(page) => Some(page),
            Self::Candidate(..) | Self::Unplaced { .. } | Self::ChecksumList | Self::Xml { .. } | Self::Other => None,
        }
    }

    /// Is the file part of a page, or one that looks so and of which it is not known?
    pub(super) fn may_be_page(self) -> bool {
        match self {
            Self::Image(_) | Self::Text(_) | Self::Coordinates(_) | Self::Candidate(..) => true,
            Self::Unplaced { page_like } => page_like,
            Self::ChecksumList | Self::Xml { .. } | Self::Other => false,
        }
    }

    /// The role itself if the file is part of a page.
    pub(super) fn page_part(self) -> Option<Self> {
        self.page().map(|_| self)
    }
}

/// Files that desktops leave in folders: macOS's `._NAME` beside each NAME, thumbnails, folder settings. They are never a
/// page and never a METS, whatever the rest of their name says.
pub(super) fn is_desktop_litter(name: &str) -> bool {
    let base_name = base_name(name);
    let known = [".DS_Store", "Thumbs.db", "desktop.ini"];
    base_name.starts_with("._")
        || name.split('/').any(|folder| folder == "__MACOSX")
        || known.iter().any(|known| base_name.eq_ignore_ascii_case(known))
}

/// Says what a file is by its name; `barcode` tells how the METS is named.
pub(super) fn role(name: &str, barcode: Option<&Barcode>) -> MemberRole {
    if is_desktop_litter(name) {
        return MemberRole::Other;
    }
    let base_name = base_name(name);
    if base_name.eq_ignore_ascii_case(LIST_NAME) {
        return MemberRole::ChecksumList;
    }
    let (stem, extension) = base_name.rsplit_once('.').unwrap_or((base_name, ""));
    let named_as_mets = barcode.is_some_and(|barcode| names_book(stem, barcode));
    match (
        extension.to_ascii_lowercase().as_str(),
        PageKind::of_extension(extension),
    ) {
        // A barcode of a few digits looks like a page number.
        ("xml" | "mets", _) if named_as_mets || !is_bare_number(stem) => MemberRole::Xml { named_as_mets },
        // The whole book in one file.
        ("pdf", _) if named_as_mets => MemberRole::Other,
        (_, Some(kind)) => page_role(stem, kind, barcode),
        _ if unknown_form(name, barcode).is_some() => MemberRole::Unplaced { page_like: true },
        _ if is_other_image(extension) => MemberRole::Unplaced {
            page_like: is_page_like(behind_book(stem, barcode)),
        },
        _ => MemberRole::Other,
    }
}

/// The page whose number a file has in full, with an extension of no kind or none: perhaps an image in a form that is not known.
pub(super) fn unknown_form(name: &str, barcode: Option<&Barcode>) -> Option<u32> {
    let base_name = base_name(name);
    let (stem, extension) = base_name.rsplit_once('.').unwrap_or((base_name, ""));
    let is_book = |text: &str| barcode.is_some_and(|barcode| names_book(text, barcode));
    let numbered = NumberedStem::of(stem).filter(|numbered| numbered.is_in_full(stem) && !is_book(stem))?;
    let is_page = numbered.prefix.is_empty() || is_book(numbered.prefix.trim_end_matches(SEPARATORS));
    (is_page && is_unknown_extension(extension) && !is_desktop_litter(name)).then_some(numbered.number)
}

fn is_bare_number(stem: &str) -> bool {
    NumberedStem::of(stem).is_some_and(|numbered| numbered.is_bare())
}

/// The numbers that a name has behind the book's own.
pub(super) fn numbers_of_name<'s>(stem: &'s str, barcode: Option<&Barcode>) -> Vec<NumberedStem<'s>> {
    let book = stem.len() - behind_book(stem, barcode).len();
    let mut numbers = NumberedStem::all(stem);
    numbers.retain(|numbered| numbered.prefix.len() >= book);
    numbers
}

fn page_role(stem: &str, kind: PageKind, barcode: Option<&Barcode>) -> MemberRole {
    let is_book = |text: &str| barcode.is_some_and(|barcode| names_book(text, barcode));
    let page_like = is_page_like(behind_book(stem, barcode));
    let numbers = numbers_of_name(stem, barcode);
    match NumberedStem::of(stem) {
        // Page zero is spoken of elsewhere.
        Some(bare) if bare.is_bare() && bare.number == 0 && kind != PageKind::Image => MemberRole::Other,
        Some(bare) if bare.is_bare() && bare.number == 0 => MemberRole::Unplaced { page_like: true },
        Some(bare) if bare.is_bare() => kind.of_page(bare.number),
        // The digits are the barcode's; it may have more than a page's number.
        _ if is_book(stem) && kind != PageKind::Image => MemberRole::Other,
        _ if is_book(stem) => MemberRole::Unplaced { page_like: false },
        Some(NumberedStem {
            prefix,
            number: number @ 1..,
            suffix: "",
        }) if is_book(prefix.trim_end_matches(SEPARATORS)) => kind.of_page(number),
        _ => match numbers
            .iter()
            .map(|numbered| numbered.number)
            .find(|number| *number > 0)
        {
            Some(number) => MemberRole::Candidate(kind, number),
            None if kind == PageKind::Image || page_like => MemberRole::Unplaced { page_like },
            None => MemberRole::Other,
        },
    }
}

/// What a file of page zero would be with another number; `None` for any other file.
pub(super) fn page_zero(name: &str) -> Option<MemberRole> {
    let (stem, extension) = base_name(name).rsplit_once('.')?;
    let is_zero = NumberedStem::of(stem).is_some_and(|numbered| numbered.is_bare() && numbered.number == 0);
    PageKind::of_extension(extension)
        .filter(|_| is_zero)
        .map(|kind| kind.of_page(1))
}

/// The name of a file as a METS or a checksum list may decorate it: without percent-encoding and quotes, with slashes, without what an
/// address has behind `?` and `#`.
pub(super) fn plain_name(name: &str) -> String {
    let bare = name.split(['?', '#']).next().unwrap_or(name);
    unquoted(&percent_decoded(bare).replace('\\', "/")).to_owned()
}

/// A name with `%24` and the like decoded; as it is if that gives no UTF-8.
pub(super) fn percent_decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_roles() {
        let barcode = Barcode::parse("TL0000000001").unwrap();
        let cases = [
            ("00000001.jp2", MemberRole::Image(1)),
            ("00000012.TIF", MemberRole::Image(12)),
            ("00000001.txt", MemberRole::Text(1)),
            ("00000001.html", MemberRole::Coordinates(1)),
            ("checksum.md5", MemberRole::ChecksumList),
            ("TESTLIB_TL0000000001.xml", MemberRole::Xml { named_as_mets: true }),
            ("tl0000000001.xml", MemberRole::Xml { named_as_mets: true }),
            ("_TL0000000001.xml", MemberRole::Xml { named_as_mets: false }),
            ("notes.xml", MemberRole::Xml { named_as_mets: false }),
            ("TESTLIB_%54L0000000001.xml", MemberRole::Xml { named_as_mets: true }),
            ("._TESTLIB_TL0000000001.xml", MemberRole::Other),
            ("._00000001.jp2", MemberRole::Other),
            ("00000001.xml", MemberRole::Other),
            ("00000000.txt", MemberRole::Other),
            ("000000001.txt", MemberRole::Text(1)),
            ("1000000000.txt", MemberRole::Unplaced { page_like: true }),
            ("٠٠٠٠٠٠٠١.txt", MemberRole::Other),
            ("+0000001.txt", MemberRole::Candidate(PageKind::Text, 1)),
            ("00000003.jpx", MemberRole::Image(3)),
            ("00000003.J2K", MemberRole::Image(3)),
            ("00000003.gif", MemberRole::Image(3)),
            ("00000003.pdf", MemberRole::Image(3)),
            ("00000003.tif.jp2", MemberRole::Image(3)),
            ("TESTLIB_TL0000000001_00000003.jp2", MemberRole::Image(3)),
            ("TESTLIB_TL0000000001-00000003.html", MemberRole::Coordinates(3)),
            ("TL0000000001_0003.txt", MemberRole::Text(3)),
            ("TL0000000002_0003.txt", MemberRole::Candidate(PageKind::Text, 3)),
            ("page_0003.jp2", MemberRole::Candidate(PageKind::Image, 3)),
            ("page_0000.jp2", MemberRole::Unplaced { page_like: false }),
            ("00000002a.jp2", MemberRole::Candidate(PageKind::Image, 2)),
            ("00000002a.txt", MemberRole::Candidate(PageKind::Text, 2)),
            ("cover.jpg", MemberRole::Unplaced { page_like: false }),
            ("1000000000.jp2", MemberRole::Unplaced { page_like: true }),
            ("TESTLIB_TL0000000001.pdf", MemberRole::Other),
            ("TESTLIB_TL0000000001.txt", MemberRole::Other),
            ("TESTLIB_TL0000000001.jp2", MemberRole::Unplaced { page_like: false }),
            ("1_of_5.jp2", MemberRole::Candidate(PageKind::Image, 5)),
            ("5_of_0.jp2", MemberRole::Candidate(PageKind::Image, 5)),
            ("0001v.jp2", MemberRole::Candidate(PageKind::Image, 1)),
            ("scan_0003_ocr.txt", MemberRole::Candidate(PageKind::Text, 3)),
            ("TL0000000001_0003v.jp2", MemberRole::Candidate(PageKind::Image, 3)),
            (
                "TESTLIB_TL0000000001_cover.jp2",
                MemberRole::Unplaced { page_like: false },
            ),
            ("00000000.jp2", MemberRole::Unplaced { page_like: true }),
            ("0003.HEIC", MemberRole::Unplaced { page_like: false }),
            ("0003.JFIF", MemberRole::Image(3)),
            ("000000012.xml", MemberRole::Other),
            ("TESTLIB_TL0000000001.mets.xml", MemberRole::Xml { named_as_mets: true }),
            ("TL0000000001_mets.xml", MemberRole::Xml { named_as_mets: true }),
            ("TL0000000001.METS", MemberRole::Xml { named_as_mets: true }),
            ("readme.txt", MemberRole::Other),
            ("noextension", MemberRole::Other),
        ];
        for (name, expected) in cases {
            assert_eq!(role(name, Some(&barcode)), expected, "{name}");
        }
    }

    #[test]
    fn a_number_in_full_in_an_unknown_form_may_be_a_page() {
        let barcode = Barcode::parse("TL0000000001").unwrap();
        let cases = [
            ("00000003.heic", MemberRole::Unplaced { page_like: true }),
            ("00000003", MemberRole::Unplaced { page_like: true }),
            ("00000003.jp2.gz", MemberRole::Unplaced { page_like: true }),
            (
                "TESTLIB_TL0000000001_00000003.jxl",
                MemberRole::Unplaced { page_like: true },
            ),
            ("scan_00000003.jxl", MemberRole::Unplaced { page_like: true }),
            ("00000003.json", MemberRole::Other),
            ("00000003.jp2.md5", MemberRole::Other),
            ("00000003a.heic", MemberRole::Unplaced { page_like: true }),
            ("0000003a.heic", MemberRole::Unplaced { page_like: false }),
            ("00000003a.zip", MemberRole::Other),
            ("20240101.zip", MemberRole::Other),
            ("0003.heic", MemberRole::Unplaced { page_like: false }),
            ("0003.dat", MemberRole::Other),
            ("._00000003.heic", MemberRole::Other),
        ];
        for (name, expected) in cases {
            assert_eq!(role(name, Some(&barcode)), expected, "{name}");
        }
    }

    #[test]
    fn a_name_of_few_digits_is_a_mets_where_it_is_the_barcode() {
        let named = |name: &str, barcode: &str| role(name, Some(&Barcode::parse(barcode).unwrap()));
        let mets = MemberRole::Xml { named_as_mets: true };
        for barcode in ["123", "12345678", "1000123"] {
            assert_eq!(named(&format!("{barcode}.xml"), barcode), mets);
            assert_eq!(named(&format!("TESTLIB_{barcode}.xml"), barcode), mets);
            assert_eq!(named("00000001.xml", barcode), MemberRole::Other);
        }
    }

    #[test]
    fn the_digits_of_a_barcode_are_no_page() {
        let barcode = Barcode::parse("39015012345678").unwrap();
        let cases = [
            ("39015012345678.txt", MemberRole::Other),
            ("39015012345678.html", MemberRole::Other),
            ("TESTLIB_39015012345678.txt", MemberRole::Other),
            ("39015012345678.jp2", MemberRole::Unplaced { page_like: false }),
            ("39015012345678_cover.jp2", MemberRole::Unplaced { page_like: false }),
            ("39015012345678_notes.txt", MemberRole::Other),
            (
                "39015012345678_00000002a.jp2",
                MemberRole::Candidate(PageKind::Image, 2),
            ),
            ("39015012345678_00000002.jp2", MemberRole::Image(2)),
            ("39015012345679.txt", MemberRole::Unplaced { page_like: true }),
            ("39015012345679_cover.jp2", MemberRole::Unplaced { page_like: true }),
        ];
        for (name, expected) in cases {
            assert_eq!(role(name, Some(&barcode)), expected, "{name}");
        }
    }

    #[test]
    fn a_decorated_name_of_a_page_is_a_page() {
        let cases = [
            ("00000004.jp2", MemberRole::Image(4)),
            ("00000004%2Ejp2", MemberRole::Image(4)),
            ("%30%30000004.jp2", MemberRole::Image(4)),
            ("images%2F00000004.jp2", MemberRole::Image(4)),
            ("images%5C00000004.txt", MemberRole::Text(4)),
            ("images\\00000004.html", MemberRole::Coordinates(4)),
            ("00000004.jp2?v=1", MemberRole::Image(4)),
            ("http://example.org/x/00000004.jp2#p", MemberRole::Image(4)),
            ("00000004.jp2 ", MemberRole::Image(4)),
            ("%2200000004.jp2%22", MemberRole::Image(4)),
            ("notes%2Etxt", MemberRole::Other),
            ("#", MemberRole::Other),
        ];
        for (name, expected) in cases {
            assert_eq!(role(&plain_name(name), None), expected, "{name}");
        }
        let cases = [
            ("00000000.jp2", Some(MemberRole::Image(1))),
            ("0.txt", Some(MemberRole::Text(1))),
            ("00000000.xml", None),
            ("00000001.jp2", None),
            ("0", None),
        ];
        for (name, expected) in cases {
            assert_eq!(page_zero(name), expected, "{name}");
        }
    }

    #[test]
    fn litter_is_known_by_its_name() {
        for name in [
            "._a.xml",
            "x/.DS_Store",
            "thumbs.db",
            "__MACOSX/00000001.jp2",
            "Desktop.ini",
        ] {
            assert!(is_desktop_litter(name), "{name}");
        }
        for name in ["00000001.jp2", "a._b", "DS_Store"] {
            assert!(!is_desktop_litter(name), "{name}");
        }
        for (name, expected) in [
            ("a%20b", "a b"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%ff", "%ff"),
            ("%+1", "%+1"),
        ] {
            assert_eq!(percent_decoded(name), expected);
        }
    }
}
