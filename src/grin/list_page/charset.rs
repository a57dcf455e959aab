//! Which encoding a page's text is in: as its header says, else as its `<meta>` does, else UTF-8.

use encoding_rs::Encoding;
use lol_html::AsciiCompatibleEncoding;

/// The encoding in `text/html; charset=iso-8859-1`, if it is one whose markup can be read as ASCII.
pub(super) fn charset_of(content_type: &str) -> Option<AsciiCompatibleEncoding> {
    let (_, value) = content_type
        .split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    charset(value.trim().trim_matches(['"', '\'']))
}

/// The encoding of this name.
pub(super) fn charset(name: &str) -> Option<AsciiCompatibleEncoding> {
    AsciiCompatibleEncoding::new(Encoding::for_label_no_replacement(name.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_of_content_types() {
        for (content_type, expected) in [
            ("text/html; charset=ISO-8859-1", Some("windows-1252")),
            ("text/html;Charset=\"windows-1252\"", Some("windows-1252")),
            ("text/html; a=b; charset=utf-8", Some("UTF-8")),
            ("text/html; charset=utf-16", None),
            ("text/html; charset=nonsense", None),
            ("text/html", None),
            ("", None),
        ] {
            let found = charset_of(content_type).map(|charset| <&Encoding>::from(charset).name());
            assert_eq!(found, expected, "{content_type}");
        }
    }
}
