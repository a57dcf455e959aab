//! What a member is, by its name (src/grin/PROTOCOL.md, section 9).

use crate::grin::Barcode;

/// What a file of the archive is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Says what a file is; `barcode` tells how the METS is named.
pub(super) fn role(base_name: &str, barcode: Option<&Barcode>) -> MemberRole {
    if base_name.eq_ignore_ascii_case("checksum.md5") {
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
    if stem.is_empty() || stem.len() > 8 || !stem.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    stem.parse().ok().filter(|page| *page > 0)
}

/// `<BARCODE>` or `<LIB>_<BARCODE>`, case aside.
fn names_mets(stem: &str, barcode: &Barcode) -> bool {
    let barcode = barcode.as_str();
    let Some(cut) = stem
        .len()
        .checked_sub(barcode.len())
        .filter(|cut| stem.is_char_boundary(*cut))
    else {
        return false;
    };
    let (library, name) = stem.split_at(cut);
    name.eq_ignore_ascii_case(barcode) && (library.is_empty() || library.len() > 1 && library.ends_with('_'))
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
}
