//! Text of pages and lists, made fit for one line of a catalog.

use std::borrow::Cow;

/// Text out of HTML: character references read, then as [`one_line`].
pub(super) fn from_html(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return one_line(raw);
    }
    match html_escape::decode_html_entities(raw) {
        Cow::Borrowed(text) => one_line(text),
        Cow::Owned(text) => Cow::Owned(one_line(&as_windows_1252(text)).into_owned()),
    }
}

/// A part of an address with its percent-encoding read.
pub(super) fn percent_decoded(part: &str) -> String {
    // As the value of a parameter is read, but for the characters that mean something only there.
    let part = part.replace('+', "%2B").replace(['&', '='], "%00");
    let read = url::form_urlencoded::parse(part.as_bytes()).next();
    read.map(|(part, _)| part.into_owned()).unwrap_or_default()
}

/// Blanks of any kind and control characters become one blank where they stand between words, nothing at the ends.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let text = text.trim_matches(is_blank);
    if !needs_change(text) {
        return Cow::Borrowed(text);
    }
    let words = text.split(is_blank).filter(|word| !word.is_empty());
    let mut out = String::with_capacity(text.len());
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    Cow::Owned(out)
}

/// Printable ASCII with single blanks between words, as nearly all cells are: known without looking at characters.
fn is_plain(text: &str) -> bool {
    let mut after_blank = true;
    let printable = text.bytes().all(|b| {
        let doubled = b == b' ' && after_blank;
        after_blank = b == b' ';
        (b' '..=b'~').contains(&b) && !doubled
    });
    printable && (!after_blank || text.is_empty())
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn needs_change(text: &str) -> bool {
    let mut after_blank = false;
    text.chars().any(|c| {
        let blank = is_blank(c);
        let change = blank && (after_blank || c != ' ');
        after_blank = blank;
        change
    })
}

/// References such as `&#150;` name a character of Windows-1252, as all browsers take them.
fn as_windows_1252(text: String) -> String {
    if !text.contains(|c| matches!(c, '\u{80}'..='\u{9f}')) {
        return text;
    }
    let fix = |c: char| match u8::try_from(u32::from(c)) {
        Ok(byte @ 0x80..=0x9f) => encoding_rs::WINDOWS_1252
            .decode_without_bom_handling(&[byte])
            .0
            .chars()
            .next(),
        _ => None,
    };
    text.chars().map(|c| fix(c).unwrap_or(c)).collect()
}

/// Counts what is not UTF-8 in bytes that come in pieces: as many as a lossy decoder puts replacement characters.
#[derive(Debug, Default)]
pub(super) struct Utf8Check {
    /// Beginning of a character that the last piece left unfinished.
    tail: Vec<u8>,
    bad: u64,
}

impl Utf8Check {
    /// Looks at the next piece.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !self.tail.is_empty() {
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            self.tail.push(*first);
            match std::str::from_utf8(&self.tail) {
                Ok(_) => self.tail.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    // The new byte belongs to what follows, not to the broken character.
                    self.bad += 1;
                    self.tail.clear();
                    break;
                }
            }
            bytes = rest;
        }
        self.check(bytes);
    }

    fn check(&mut self, mut bytes: &[u8]) {
        while let Err(error) = std::str::from_utf8(bytes) {
            let rest = &bytes[error.valid_up_to()..];
            let Some(length) = error.error_len() else {
                self.tail = rest.to_vec();
                return;
            };
            self.bad += 1;
            bytes = &rest[length..];
        }
    }

    /// How many there were in all.
    pub(super) fn finish(self) -> u64 {
        self.bad + u64::from(!self.tail.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_a_browser_shows_it() {
        let cases = [
            ("On Tides", "On Tides"),
            ("  On\n\t Tides ", "On Tides"),
            ("&lt;On&gt; &amp;amp; Tides&nbsp;", "<On> &amp; Tides"),
            ("&#1058;&#x438;", "Ти"),
            ("caf&eacute; &#150; bar", "café – bar"),
            ("AT&T; &nosuch; &#xD800; &", "AT&T; &nosuch; &#xD800; &"),
            ("a\u{0}b\u{7}\u{7}c", "a b c"),
            ("\u{a0}\u{3000}", ""),
            ("海の\u{3000}本", "海の 本"),
            ("كتاب", "كتاب"),
        ];
        for (raw, text) in cases {
            assert_eq!(from_html(raw), text, "{raw:?}");
        }
    }

    #[test]
    fn percent_encoding_is_read() {
        for (part, read) in [
            ("%24B123.tar.gz.gpg", "$B123.tar.gz.gpg"),
            ("%2BZ1+Z2", "+Z1+Z2"),
            ("a%2Fb", "a/b"),
            ("%zz%", "%zz%"),
            ("", ""),
        ] {
            assert_eq!(percent_decoded(part), read);
        }
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(from_html(" On Tides "), Cow::Borrowed(_)));
    }

    #[test]
    fn bad_bytes_are_counted_the_same_in_any_pieces() {
        let bytes = b"a\xffb\xc3\xa9\xe2\x82x\xf0\x9f\x98\x80\xc3\xc3\xa9\xe2\x82";
        let expected = String::from_utf8_lossy(bytes).matches('\u{fffd}').count() as u64;
        for size in 1..=bytes.len() {
            let mut check = Utf8Check::default();
            bytes.chunks(size).for_each(|piece| check.push(piece));
            assert_eq!(check.finish(), expected, "{size}");
        }
    }
}
