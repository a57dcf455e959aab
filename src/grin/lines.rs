//! Bytes of a text answer as lines.

use std::borrow::Cow;

use encoding_rs::{Decoder, UTF_16BE, UTF_16LE};

use crate::grin::{AnswerRefusal, refusal};

/// Cuts bytes that come in pieces into lines of UTF-8 text. Lines end by LF or CRLF; if the first line ends by a CR alone, so
/// do all. A byte order mark is removed; what has the one of UTF-16 is read as that, and of other text bytes that are not UTF-8 are
/// replaced.
pub(super) struct LineCutter {
    /// The first bytes, as long as they may be half of a byte order mark; `None`: they were looked at.
    first: Option<Vec<u8>>,
    /// Reads UTF-16.
    wide: Option<Decoder>,
    /// The beginning of a line whose end has not come yet.
    open: Vec<u8>,
    /// The line's end is still awaited, but it is longer than allowed: it will be skipped.
    skipping: bool,
    /// Lines end by a CR alone; `None` as long as no line has ended.
    by_cr: Option<bool>,
    limit: usize,
    started: bool,
    bad: u64,
    too_long: u64,
}

impl LineCutter {
    /// `limit` is the longest line taken, in bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            first: Some(Vec::new()),
            wide: None,
            open: Vec::new(),
            skipping: false,
            by_cr: None,
            limit,
            started: false,
            bad: 0,
            too_long: 0,
        }
    }

    /// Takes the next bytes and calls `each` with the lines that they end.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        match self.first.take() {
            None => self.read(bytes, false, &mut each),
            Some(mut first) => {
                first.extend_from_slice(bytes);
                if first.len() < 2 {
                    self.first = Some(first);
                    return;
                }
                self.wide = match first[..2] {
                    [0xff, 0xfe] => Some(UTF_16LE.new_decoder_with_bom_removal()),
                    [0xfe, 0xff] => Some(UTF_16BE.new_decoder_with_bom_removal()),
                    _ => None,
                };
                self.read(&first, false, &mut each);
            }
        }
    }

    fn read(&mut self, bytes: &[u8], is_last: bool, each: &mut impl FnMut(&str)) {
        let Some(wide) = &mut self.wide else {
            return self.lines(bytes, each);
        };
        let room = wide.max_utf8_buffer_length(bytes.len()).unwrap_or_default();
        let mut text = String::with_capacity(room);
        let (_, _, had_errors) = wide.decode_to_string(bytes, &mut text, is_last);
        self.bad += u64::from(had_errors);
        self.lines(text.as_bytes(), each);
    }

    fn lines(&mut self, bytes: &[u8], each: &mut impl FnMut(&str)) {
        if self.by_cr.is_none() && !self.open.is_empty() {
            // How lines end is told by the whole first line and the byte after it.
            let mut first = std::mem::take(&mut self.open);
            first.extend_from_slice(bytes);
            self.cut(&first, each);
        } else {
            self.cut(bytes, each);
        }
    }

    fn cut(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&str)) {
        while let Some(at) = self.end_of_line(bytes) {
            let (line, rest) = (&bytes[..at], &bytes[at + 1..]);
            if self.skipping || self.open.len() + line.len() > self.limit {
                self.too_long += 1;
            } else if self.open.is_empty() {
                self.give(line, each);
            } else {
                let mut whole = std::mem::take(&mut self.open);
                whole.extend_from_slice(line);
                self.give(&whole, each);
            }
            self.open.clear();
            self.skipping = false;
            bytes = rest;
        }
        if self.open.len() + bytes.len() > self.limit {
            self.skipping = true;
            self.open.clear();
        } else if !self.skipping {
            self.open.extend_from_slice(bytes);
        }
    }

    /// Where the line ends that `bytes` begins with or goes on with.
    fn end_of_line(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.by_cr.is_none() {
            let at = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
            self.by_cr = match (bytes[at], bytes.get(at + 1)) {
                (b'\r', Some(b'\n')) | (b'\n', _) => Some(false),
                (_, Some(_)) => Some(true),
                // It may be half of a CRLF.
                (_, None) => return None,
            };
        }
        let by_cr = self.by_cr == Some(true);
        bytes
            .iter()
            .position(|byte| *byte == b'\n' || (by_cr && *byte == b'\r'))
    }

    /// A line was longer than allowed, or is so already.
    pub(super) fn has_skipped(&self) -> bool {
        self.skipping || self.too_long > 0
    }

    /// The bytes are over; a last line without line feed is a line.
    pub(super) fn finish(mut self, mut each: impl FnMut(&str)) -> Vec<String> {
        let first = self.first.take().unwrap_or_default();
        self.read(&first, true, &mut each);
        let open = std::mem::take(&mut self.open);
        if self.skipping {
            self.too_long += 1;
        } else if !open.is_empty() {
            self.give(&open, &mut each);
        }
        let notes = [
            (self.bad, "lines had bytes that are not UTF-8, which were replaced"),
            (self.too_long, "lines were longer than allowed and skipped"),
        ];
        notes
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect()
    }

    fn give(&mut self, line: &[u8], each: &mut impl FnMut(&str)) {
        let mut line = line.strip_suffix(b"\r").unwrap_or(line);
        if !self.started {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            self.started = true;
        }
        let text = String::from_utf8_lossy(line);
        self.bad += u64::from(matches!(text, Cow::Owned(_)));
        each(&text);
    }
}

impl std::fmt::Debug for LineCutter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineCutter")
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// Tells from the beginning of an answer whether it is a page or a refusal in place of text.
pub(super) fn refused(beginning: &[u8]) -> Option<AnswerRefusal> {
    let first = beginning
        .split(|b| *b == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    if refusal::looks_like_html(beginning) {
        Some(refusal::refusal_of_html(beginning))
    } else if refusal::says_unavailable(&String::from_utf8_lossy(&first[..first.len().min(512)])) {
        Some(AnswerRefusal::Unavailable)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], size: usize, limit: usize) -> (Vec<String>, Vec<String>) {
        let mut lines = LineCutter::new(limit);
        let mut out = Vec::new();
        bytes
            .chunks(size)
            .for_each(|piece| lines.push(piece, |line| out.push(line.to_owned())));
        let warnings = lines.finish(|line| out.push(line.to_owned()));
        (out, warnings)
    }

    #[test]
    fn line_ends_marks_and_bad_bytes() {
        let bytes = "\u{feff}a\r\n\nbé\tc\r\n海".as_bytes();
        for size in 1..=bytes.len() {
            let (out, warnings) = lines(bytes, size, 100);
            assert_eq!(out, ["a", "", "bé\tc", "海"], "{size}");
            assert!(warnings.is_empty());
        }
        let (out, warnings) = lines(b"a\xff\nb\n", 3, 100);
        assert_eq!((out, warnings.len()), (vec!["a\u{fffd}".to_owned(), "b".to_owned()], 1));
    }

    #[test]
    fn utf_16_is_read_by_its_mark() {
        let wide = |big: bool| -> Vec<u8> {
            let units = "\u{feff}TL0001\té\r\nTL0002\t海".encode_utf16();
            units
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        for bytes in [wide(true), wide(false)] {
            for size in 1..=bytes.len() {
                let (out, warnings) = lines(&bytes, size, 100);
                assert_eq!(out, ["TL0001\té", "TL0002\t海"], "{size}");
                assert!(warnings.is_empty());
            }
            let (out, warnings) = lines(&bytes[..bytes.len() - 1], 7, 100);
            assert_eq!((out[1].as_str(), warnings.len()), ("TL0002\t\u{fffd}", 1));
        }
        assert_eq!(lines(b"T", 1, 100).0, ["T"]);
    }

    #[test]
    fn lines_that_end_by_cr_alone() {
        for (bytes, expected) in [
            (&b"a\tb\rc\r\rd"[..], &["a\tb", "c", "", "d"][..]),
            (b"a\r", &["a"]),
            (b"a\r\nb\rc\n", &["a", "b\rc"]),
            (b"a\nb\rc\n", &["a", "b\rc"]),
        ] {
            for size in 1..=bytes.len() {
                assert_eq!(lines(bytes, size, 100).0, expected, "{size}: {}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory_and_hides_no_other() {
        let bytes = format!("a\n{}\nb\n{}", "x".repeat(1_000), "y".repeat(1_000));
        for size in [1, 7, 64, 4_096] {
            let (out, warnings) = lines(bytes.as_bytes(), size, 10);
            assert_eq!(out, ["a", "b"], "{size}");
            assert_eq!(warnings, ["2 lines were longer than allowed and skipped"]);
        }
    }

    #[test]
    fn pages_in_place_of_text() {
        assert_eq!(refused(b" <html><p>hello"), Some(AnswerRefusal::Html));
        assert_eq!(
            refused(b"\n\nYour request is unavailable.\n"),
            Some(AnswerRefusal::Unavailable)
        );
        assert_eq!(refused(b"TL0001\n"), None);
        assert_eq!(refused(b""), None);
    }
}
