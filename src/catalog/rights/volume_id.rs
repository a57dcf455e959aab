//! Which barcode a volume's identifier at HathiTrust stands for.

use std::borrow::Cow;

use crate::grin::Barcode;

/// What an identifier means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VolumeMeaning {
    /// A barcode, in capital letters: [`capitals`] of a catalog's barcode is compared with it.
    Barcode(String),
    /// A volume of a namespace that was not asked for.
    LeftOut,
    /// Something else than a barcode, such as an ARK: no scan of Google's is named so.
    NoBarcode,
}

/// An identifier is a namespace, a full stop, and a name. Of a volume that Google scanned the name is the barcode that the library gave it,
/// letters in small; GRIN writes most in capitals. So barcodes are compared without regard to that, and in no other way are they made
/// alike: nothing is added to a name or taken from it.
///
/// `namespaces`: those that are asked for; none: all. The identifier is one that [`is_volume_id`] takes.
pub(super) fn meaning_of(id: &str, namespaces: &[String]) -> VolumeMeaning {
    let (namespace, name) = id.split_once('.').unwrap_or_default();
    if !namespaces.is_empty() && !namespaces.iter().any(|asked| asked == namespace) {
        return VolumeMeaning::LeftOut;
    }
    match Barcode::parse(name) {
        Ok(barcode) => VolumeMeaning::Barcode(capitals(barcode.as_str()).into_owned()),
        Err(_) => VolumeMeaning::NoBarcode,
    }
}

/// Whether a text is an identifier: small letters and digits, a full stop, and something without blanks.
pub(super) fn is_volume_id(text: &str) -> bool {
    let Some((namespace, name)) = text.split_once('.') else {
        return false;
    };
    let is_namespace =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    is_namespace(namespace) && !name.is_empty() && text.len() <= 100 && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A barcode in capital letters.
pub(super) fn capitals(barcode: &str) -> Cow<'_, str> {
    match barcode.bytes().any(|b| b.is_ascii_lowercase()) {
        true => barcode.to_ascii_uppercase().into(),
        false => barcode.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use VolumeMeaning as M;

    #[test]
    fn an_identifier_stands_for_the_barcode_behind_its_namespace() {
        let barcode = |text: &str| M::Barcode(text.into());
        for (id, meaning) in [
            ("mdp.39015018415946", barcode("39015018415946")),
            ("hvd.32044012345678", barcode("32044012345678")),
            ("hvd.hn6kfn", barcode("HN6KFN")),
            ("uc1.$b396528", barcode("$B396528")),
            ("uc1.31822014446801", barcode("31822014446801")),
            ("nnc1.cu01234567", barcode("CU01234567")),
            ("tbrc.w22084-1234", barcode("W22084-1234")),
            // The names of other scans.
            ("uc2.ark:/13960/t0000xw9z", M::NoBarcode),
            ("miun.aaa4356.0001.001", M::NoBarcode),
            ("pur1.ab", M::NoBarcode),
            ("loc.-x12", M::NoBarcode),
        ] {
            assert!(is_volume_id(id), "{id}");
            assert_eq!(meaning_of(id, &[]), meaning, "{id}");
        }
    }

    #[test]
    fn namespaces_that_were_not_asked_for_are_left_out() {
        let asked = ["hvd".to_owned(), "uc1".to_owned()];
        for (id, left_out) in [
            ("hvd.hn6kfn", false),
            ("uc1.$b396528", false),
            ("uc2.ark:/13960/t0000xw9z", true),
            ("hvda.hn6kfn", true),
            ("mdp.39015018415946", true),
        ] {
            assert_eq!(meaning_of(id, &asked) == M::LeftOut, left_out, "{id}");
        }
    }

    #[test]
    fn what_is_no_identifier_is_told() {
        for text in [
            "",
            "39015018415946",
            ".39015018415946",
            "mdp.",
            "MDP.39015018415946",
            "mdp.3901 5018415946",
            "mdp.39015\u{e9}",
            "http://example.org/x.y",
        ] {
            assert!(!is_volume_id(text), "{text:?}");
        }
    }
}
