//! What the OBJID of a METS says beside a barcode, and whether it names another book.

use crate::archive::book_names::{SEPARATORS, is_formed_as, names_book, names_book_of};
use crate::archive::digest::unquoted;
use crate::grin::{Barcode, LibraryDirectory};

/// What ends an address, and each of the things asked for behind it.
const ENDS: [char; 4] = ['?', '&', '#', ';'];
/// Extensions of what an OBJID may be called after.
const EXTENSIONS: [&str; 4] = [".gpg", ".tar.gz", ".xml", ".mets"];

/// Does an OBJID name the book once quotes, extensions and what an address has behind it are put aside?
pub(super) fn object_names_book(object: &str, barcode: &Barcode, library: Option<&LibraryDirectory>) -> bool {
    let mut parts = unquoted(object).split(ENDS).map(without_extensions);
    parts.any(|part| names_book(part, barcode) || names_book_of(part, barcode, library))
}

/// Has an OBJID the barcode as a word of its own, wherever it stands? What stands beside it may be a library, or a part of another barcode.
pub(super) fn object_holds(object: &str, barcode: &Barcode) -> bool {
    let (object, word) = (object.to_ascii_lowercase(), barcode.as_str().to_ascii_lowercase());
    let is_of_word = |c: char| c.is_alphanumeric() || "$+=%".contains(c);
    object
        .match_indices(&word)
        .any(|(at, _)| !object[..at].ends_with(is_of_word) && !object[at + word.len()..].starts_with(is_of_word))
}

/// May an OBJID name another book? With a word that is formed as the barcode is, or with any name and number behind a library's; not with
/// nothing but an identifier of another kind.
pub(super) fn may_name_another(object: &str, barcode: &Barcode) -> bool {
    let is_end = |c: char| !(c.is_alphanumeric() || "-_$+=%.".contains(c));
    let parts = object.split(is_end);
    let mut words = parts.flat_map(|part| {
        let behind = part.match_indices(SEPARATORS).map(|(at, _)| &part[at + 1..]);
        std::iter::once(part).chain(behind).map(without_extensions)
    });
    let is_of_library = |(_, name): (&str, &str)| name.contains(|c: char| c.is_ascii_digit());
    words.any(|word| is_formed_as(word, barcode))
        || !object_holds(object, barcode) && object.rsplit_once([':', '_', '/']).is_some_and(is_of_library)
}

fn without_extensions(text: &str) -> &str {
    let is_one = |text: &&str| {
        let lower = text.to_ascii_lowercase();
        EXTENSIONS
            .iter()
            .find(|extension| lower.ends_with(**extension))
            .map(|extension| extension.len())
    };
    let mut rest = text.trim();
    while let Some(length) = is_one(&rest) {
        rest = &rest[..rest.len() - length];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_objid_says_of_the_book() {
        // By name, by a word, and perhaps another book's.
        for (barcode, object, expected) in [
            ("TL7800000001", "EXAMPLE:TL7800000001", [true, true, false]),
            ("TL7800000001", "EXAMPLE_TL7800000001.xml", [true, true, false]),
            ("TL7800000001", "EXAMPLE_TL7800000001.tar.gz.gpg", [true, true, false]),
            ("TL7800000001", "\"EXAMPLE:TL7800000001\"", [true, true, false]),
            ("TL7800000001", "EXAMPLE:TL7800000001;", [true, true, false]),
            (
                "TL7800000001",
                "http://books.example/books?vid=EXAMPLE:TL7800000001&printsec=frontcover",
                [true, true, false],
            ),
            ("TL7800000001", "EX_AMPLE_TL7800000001", [true, true, false]),
            ("TL7800000001", "EX_AMPLE_TL7800000001.xml", [true, true, false]),
            ("TL7800000001", "EX_AMPLE_TL7800000002", [false, false, true]),
            ("TL7800000001", "GOOGLE:EXAMPLE_TL7800000001", [false, true, false]),
            ("TL7800000001", "EXAMPLE-TL7800000001", [false, true, false]),
            ("TL7800000001", "TL7800000001_v1", [false, true, false]),
            ("TL7800000001", "qQaAAAAAZZ51", [false, false, false]),
            ("TL7800000001", "EXAMPLE:TL7800000002", [false, false, true]),
            ("TL7800000001", "GOOGLE:EXAMPLE_TL7800000002.xml", [false, false, true]),
            ("TL7800000001", "EXAMPLE-TL7800000002?x", [false, false, true]),
            ("TL7800000001", "EXAMPLE:XTL7800000001", [false, false, true]),
            ("123456", "TESTLIB:AB_123456", [false, true, false]),
            ("B123456", "TESTLIB:$B123456", [false, false, true]),
            ("123456", "TESTLIB:654321", [false, false, true]),
        ] {
            let barcode = Barcode::parse(barcode).unwrap();
            let named = object_names_book(object, &barcode, None);
            let said = [
                named,
                object_holds(object, &barcode),
                may_name_another(object, &barcode),
            ];
            assert_eq!(said, expected, "{object:?} for {barcode}");
        }
    }
}
