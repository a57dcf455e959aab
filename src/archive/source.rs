//! The input with a count, a fingerprint, and its error kept for the caller.

use std::fmt;
use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3Default;

use crate::archive::error::LayerFault;
use crate::grin::looks_like_html;

/// The bytes as they come in.
pub(super) struct ArchiveSource<R> {
    inner: R,
    bytes: u64,
    print: Xxh3Default,
    failed: Option<io::Error>,
    head: Vec<u8>,
    is_head_full: bool,
}

/// How many of the first bytes are kept, to say what they look like if they are no archive.
const HEAD: usize = 512;
/// How many of a page: what tells GRIN's refusals from other pages may stand after scripts and styles.
pub(super) const PAGE: usize = 64 << 10;

impl<R: Read> ArchiveSource<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            bytes: 0,
            print: Xxh3Default::new(),
            failed: None,
            head: Vec::new(),
            is_head_full: false,
        }
    }

    /// Bytes read so far.
    pub(super) fn count(&self) -> u64 {
        self.bytes
    }

    /// XXH3-128 over the bytes read so far.
    pub(super) fn fingerprint(&self) -> [u8; 16] {
        self.print.digest128().to_be_bytes()
    }

    /// The error that the reader gave, if it gave one.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads on to the end, so that the fingerprint covers everything.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }

    fn take_note(&mut self, got: &[u8]) {
        self.bytes += got.len() as u64;
        self.print.update(got);
        if self.is_head_full {
            return;
        }
        let beginning = if self.head.is_empty() { got } else { &self.head };
        let kept = if looks_like_html(beginning) { PAGE } else { HEAD };
        let room = kept.saturating_sub(self.head.len());
        self.head.extend_from_slice(&got[..got.len().min(room)]);
        self.is_head_full = self.head.len() >= kept;
    }
}

impl<R: Read> Read for ArchiveSource<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(LayerFault::Input.into());
        }
        loop {
            match self.inner.read(buf) {
                Ok(got) => {
                    self.take_note(&buf[..got]);
                    return Ok(got);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    return Err(LayerFault::Input.into());
                }
            }
        }
    }
}

impl<R> fmt::Debug for ArchiveSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// What the first bytes of something that is no archive look like.
pub(super) fn looks_like(head: &[u8]) -> &'static str {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts = |word: &[u8]| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word);
    match head {
        [] => "empty",
        [0x1f, 0x8b, ..] => "gzip",
        [b'P', b'K', 3, 4, ..] => "zip",
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => "bzip2",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        // A session key by a passphrase, or to a public key.
        [0x8c | 0xc3, _, 4..=6, ..]
        | [0x84 | 0xc1, _, 3 | 6, ..]
        | [0x85, _, _, 3, ..]
        | [0xc1, 192..=223, _, 3 | 6, ..] => "openpgp",
        _ if starts(b"-----BEGIN PGP MESSAGE") => "openpgp",
        _ if head.get(257..262) == Some(b"ustar") => "tar",
        _ if starts(b"<?xml") && !has_word(head, b"<html") => "xml",
        _ if starts(b"<") => "html",
        _ if starts(b"{") || starts(b"[") => "json",
        _ if !text.is_empty()
            && head
                .iter()
                .all(|byte| (32..127).contains(byte) || byte.is_ascii_whitespace()) =>
        {
            "text"
        }
        _ => "unknown",
    }
}

/// The same for people, of what stands where a `tar.gz` should.
pub(super) fn in_words(look: &'static str) -> &'static str {
    match look {
        "empty" => "nothing",
        "gzip" => "cut behind its first byte",
        "zip" => "a zip archive",
        "xz" => "compressed with xz (perhaps a tar.xz)",
        "bzip2" => "compressed with bzip2 (perhaps a tar.bz2)",
        "zstd" => "compressed with zstd (perhaps a tar.zst)",
        "openpgp" => "another OpenPGP message",
        "tar" => "a tar that is not compressed",
        "xml" => "XML",
        "html" => "a page in HTML",
        "json" => "JSON",
        "text" => "plain text",
        _ => "of a form that is not known",
    }
}

fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_it_is() {
        let cases: [(&[u8], &str); 17] = [
            (b"", "empty"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"\xef\xbb\xbf \r\n<!DOCTYPE html><p>", "html"),
            (b"<?xml version='1.0'?><html>", "html"),
            (b"<?xml version='1.0'?><Error>", "xml"),
            (b"{\"error\": 1}", "json"),
            (b"Your request is unavailable", "text"),
            (b"PK\x03\x04....", "zip"),
            (b"\x8c\x0d\x04\x09", "openpgp"),
            (b"\xc3\x0d\x04\x09", "openpgp"),
            (b"\x85\x01\x0c\x03", "openpgp"),
            (b"\x84\x5e\x03\x01", "openpgp"),
            (b"-----BEGIN PGP MESSAGE-----\n\n", "openpgp"),
            (b"\x8c\x0d", "unknown"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
        ];
        for (head, expected) in cases {
            assert_eq!(looks_like(head), expected, "{head:?}");
        }
    }

    #[test]
    fn the_reader_s_own_error_is_kept_for_the_caller() {
        struct Cut;
        impl Read for Cut {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("cut after 5 bytes"))
            }
        }
        let mut source = ArchiveSource::new(Cut);
        assert!(source.read(&mut [0; 8]).is_err());
        assert_eq!(source.take_failure().unwrap().to_string(), "cut after 5 bytes");
    }

    #[test]
    fn the_fingerprint_does_not_depend_on_how_the_bytes_came() {
        let bytes: Vec<u8> = (0..5_000u32).map(|n| (n * 7) as u8).collect();
        let mut whole = ArchiveSource::new(&bytes[..]);
        whole.drain().unwrap();
        let (front, back) = bytes.split_at(1_234);
        let mut parts = ArchiveSource::new(front.chain(back));
        parts.drain().unwrap();
        assert_eq!(whole.fingerprint(), parts.fingerprint());
        assert_eq!(whole.count(), 5_000);
    }
}
