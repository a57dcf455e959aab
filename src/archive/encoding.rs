//! Texts by their byte order mark, or by their zeros: UTF-8 where there is neither.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// A text, and what had to be done to read it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DecodedText<'b> {
    /// Without its byte order mark; bytes that are not valid are replaced by U+FFFD.
    pub(super) text: Cow<'b, str>,
    /// Name of the encoding, if a byte order mark or zeros tell it.
    pub(super) encoding: Option<&'static str>,
    /// Runs of bytes that were replaced.
    pub(super) replaced: usize,
}

/// Decodes UTF-8, UTF-16LE and UTF-16BE by the byte order mark; without one, UTF-16 that begins with two ASCII characters is told by
/// their zeros. Nothing else is changed: line ends stay as they are.
pub(super) fn decoded(bytes: &[u8]) -> DecodedText<'_> {
    let told = Encoding::for_bom(bytes).or_else(|| by_zeros(bytes));
    let (encoding, mark) = told.unwrap_or((UTF_8, 0));
    let rest = &bytes[mark..];
    let (text, replaced) = if encoding == UTF_8 {
        let replaced = rest.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
        (String::from_utf8_lossy(rest), replaced)
    } else {
        let (text, malformed) = encoding.decode_without_bom_handling(rest);
        let replaced = if malformed {
            text.matches(char::REPLACEMENT_CHARACTER).count()
        } else {
            0
        };
        (text, replaced)
    };
    DecodedText {
        text,
        encoding: told.map(|_| encoding.name()),
        replaced,
    }
}

fn by_zeros(bytes: &[u8]) -> Option<(&'static Encoding, usize)> {
    match bytes {
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some((UTF_16BE, 0)),
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => Some((UTF_16LE, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_decides_then_the_zeros() {
        let cases: [(&[u8], &str, Option<&str>, usize); 11] = [
            (b"", "", None, 0),
            (b"a\r\nb\r", "a\r\nb\r", None, 0),
            (b"\xef\xbb\xbfa\n", "a\n", Some("UTF-8"), 0),
            (b"\xff\xfea\0\xe4\0\n\0", "a\u{e4}\n", Some("UTF-16LE"), 0),
            (b"\xfe\xff\0a\0\xe4", "a\u{e4}", Some("UTF-16BE"), 0),
            (b"a\0\xe4\0", "a\0\u{fffd}\0", None, 1),
            (b"a\0b\0\xe4\0", "ab\u{e4}", Some("UTF-16LE"), 0),
            (b"\0a\0b\0\xe4", "ab\u{e4}", Some("UTF-16BE"), 0),
            (b"a\0b", "a\0b", None, 0),
            (b"a\xffb", "a\u{fffd}b", None, 1),
            (b"\xff\xfea\0b", "a\u{fffd}", Some("UTF-16LE"), 1),
        ];
        for (bytes, text, encoding, replaced) in cases {
            let expected = DecodedText {
                text: text.into(),
                encoding,
                replaced,
            };
            assert_eq!(decoded(bytes), expected, "{bytes:x?}");
        }
    }
}
