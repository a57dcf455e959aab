//! What a member is, by its name (src/grin/PROTOCOL.md, section 9).

use crate::archive::digest::{LIST_NAME, base_name};
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
            Self::ChecksumList | Self::Xml { .. } | Self::Other => None,
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
    let Some((stem, extension)) = base_name.rsplit_once('.') else {
        return MemberRole::Other;
    };
    let page = page_number(stem);
    match (extension.to_ascii_lowercase().as_str(), page) {
        ("jp2" | "tif" | "tiff" | "jpg" | "jpeg" | "png", Some(page)) => MemberRole::Image(page),
        ("txt", Some(page)) => MemberRole::Text(page),
        ("html" | "htm", Some(page)) => MemberRole::Coordinates(page),
        ("xml", None) => MemberRole::Xml {
            named_as_mets: barcode.is_some_and(|barcode| names_mets(stem, barcode)),
        },
        _ => MemberRole::Other,
    }
}

/// A page number: 1 to 8 ASCII digits, not zero.
fn page_number(stem: &str) -> Option<u32> {
    digits(stem).filter(|page| *page > 0)
}

fn digits(stem: &str) -> Option<u32> {
    let is_number = (1..=8).contains(&stem.len()) && stem.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| stem.parse().ok()).flatten()
}

/// Is a file named like one of a page, and the page's number is zero?
pub(super) fn is_page_zero(name: &str) -> bool {
    let as_page = |extension: &str| role(&format!("1.{extension}"), None).page();
    let parts = base_name(name).rsplit_once('.');
    parts.is_some_and(|(stem, extension)| digits(stem) == Some(0) && as_page(extension).is_some())
}

/// `<BARCODE>` or `<LIB>_<BARCODE>`, case and percent-encoding aside.
fn names_mets(stem: &str, barcode: &Barcode) -> bool {
    ends_with_barcode(stem, barcode, |library| {
        library.is_empty() || library.len() > 1 && library.ends_with('_')
    })
}

/// Does an OBJID such as `<LIB>:<BARCODE>` name the barcode?
pub(super) fn object_names(object: &str, barcode: &Barcode) -> bool {
    ends_with_barcode(object.trim(), barcode, |before| {
        before.chars().next_back().is_none_or(|last| !last.is_alphanumeric())
    })
}

/// Does a METS's file name name some book, as `<LIB>_<BARCODE>` does?
pub(super) fn names_some_book(base_name: &str) -> bool {
    let stem = base_name.rsplit_once('.').map_or(base_name, |(stem, _)| stem);
    let barcode = stem.rsplit_once('_').map(|(_, barcode)| barcode);
    barcode.is_some_and(|barcode| barcode.len() > 3 && barcode.bytes().any(|byte| byte.is_ascii_digit()))
}

fn ends_with_barcode(text: &str, barcode: &Barcode, fits: impl Fn(&str) -> bool) -> bool {
    let barcode = barcode.as_str();
    [text, &percent_decoded(text)].into_iter().any(|text| {
        let cut = text
            .len()
            .checked_sub(barcode.len())
            .filter(|cut| text.is_char_boundary(*cut));
        cut.is_some_and(|cut| text[cut..].eq_ignore_ascii_case(barcode) && fits(&text[..cut]))
    })
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
            ("000000001.txt", MemberRole::Other),
            ("٠٠٠٠٠٠٠١.txt", MemberRole::Other),
            ("+0000001.txt", MemberRole::Other),
            ("readme.txt", MemberRole::Other),
            ("noextension", MemberRole::Other),
        ];
        for (name, expected) in cases {
            assert_eq!(role(name, Some(&barcode)), expected, "{name}");
        }
    }

    #[test]
    fn an_objid_names_a_barcode_at_its_end() {
        let barcode = Barcode::parse("TL0000000001").unwrap();
        let cases = [
            ("TESTLIB:TL0000000001", true),
            ("TL0000000001", true),
            (" testlib/tl0000000001 ", true),
            ("TESTLIB:XTL0000000001", false),
            ("TESTLIB:TL0000000002", false),
            ("TL00000000011", false),
            ("", false),
        ];
        for (object, expected) in cases {
            assert_eq!(object_names(object, &barcode), expected, "{object:?}");
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
