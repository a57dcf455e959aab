//! Messages in ASCII armour: the packets inside, as if they had come without it.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pgp::armor::Dearmor;

use crate::archive::error::{DamageKind, LayerFault};

/// How a message in armour begins.
pub(super) const ARMOUR: &[u8] = b"-----BEGIN PGP MESSAGE";
/// How far the beginning of the armour is looked for behind other lines.
pub(super) const ARMOUR_WITHIN: u64 = 4 << 10;
/// Blanks that are kept until it is known whether their line goes on.
const BLANKS: usize = 1 << 10;

/// Where armour begins among the first bytes, found as gpg finds it: at the beginning of a line, perhaps behind lines of text. A page of
/// HTML that quotes a message is none.
pub(super) fn armour_begin(head: &[u8]) -> Option<usize> {
    let at = head.windows(ARMOUR.len()).position(|part| part == ARMOUR)?;
    let before = std::str::from_utf8(&head[..at]).ok()?.trim_start_matches('\u{feff}');
    let is_page = before.trim_start().starts_with('<');
    let begins_line = before.is_empty() || before.ends_with(['\n', '\r']);
    (begins_line && !is_page).then_some(at)
}

/// Armour without the blanks at the ends of its lines, which gpg passes over and rpgp does not.
#[derive(Debug)]
pub(super) struct TrimmedLines<B> {
    inner: B,
    /// Blanks of a line that may go on.
    blanks: Vec<u8>,
    trimmed: Vec<u8>,
    read: usize,
}

impl<B: BufRead> TrimmedLines<B> {
    pub(super) fn new(inner: B) -> Self {
        Self {
            inner,
            blanks: Vec::new(),
            trimmed: Vec::new(),
            read: 0,
        }
    }

    fn trim(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' if self.blanks.len() < BLANKS => self.blanks.push(byte),
            b' ' | b'\t' => {}
            b'\n' | b'\r' => {
                self.blanks.clear();
                self.trimmed.push(byte);
            }
            _ => {
                self.trimmed.append(&mut self.blanks);
                self.trimmed.push(byte);
            }
        }
    }
}

impl<B: BufRead> BufRead for TrimmedLines<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.trimmed.len() {
            self.trimmed.clear();
            self.read = 0;
            let bytes = self.inner.fill_buf()?.to_vec();
            if bytes.is_empty() {
                break;
            }
            self.inner.consume(bytes.len());
            bytes.into_iter().for_each(|byte| self.trim(byte));
        }
        Ok(&self.trimmed[self.read..])
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

impl<B: BufRead> Read for TrimmedLines<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

/// Decodes the armour. Where the bytes end before it does, the packets end; who reads them knows whether that is too soon.
#[derive(Debug)]
pub(super) struct ArmourReader<B: BufRead> {
    inner: Dearmor<EndWatch<B>>,
    ended: Arc<AtomicBool>,
    /// rpgp's reader must not be asked again after an error.
    failed: Option<LayerFault>,
}

impl<B: BufRead> ArmourReader<B> {
    pub(super) fn new(inner: B) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let watch = EndWatch {
            inner,
            ended: Arc::clone(&ended),
        };
        Self {
            inner: Dearmor::new(watch),
            ended,
            failed: None,
        }
    }
}

impl<B: BufRead> Read for ArmourReader<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = &self.failed {
            return match fault {
                LayerFault::Truncated => Ok(0),
                fault => Err(fault.clone().into()),
            };
        }
        self.inner.read(buf).or_else(|error| {
            let fault = match LayerFault::of(&error, DamageKind::Packets) {
                LayerFault::Damaged(_) if self.ended.load(Ordering::Relaxed) => LayerFault::Truncated,
                fault => fault,
            };
            self.failed = Some(fault);
            self.read(buf)
        })
    }
}

/// Knows whether the bytes have ended.
#[derive(Debug)]
struct EndWatch<B> {
    inner: B,
    ended: Arc<AtomicBool>,
}

impl<B: BufRead> BufRead for EndWatch<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffer = self.inner.fill_buf()?;
        if buffer.is_empty() {
            self.ended.store(true, Ordering::Relaxed);
        }
        Ok(buffer)
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<B: BufRead> Read for EndWatch<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_begins_at_a_line() {
        let cases = [
            ("-----BEGIN PGP MESSAGE-----\n", Some(0)),
            ("\n-----BEGIN PGP MESSAGE-----\n", Some(1)),
            ("\r\n\r\n-----BEGIN PGP MESSAGE-----\n", Some(4)),
            ("Dear all,\n-----BEGIN PGP MESSAGE-----\n", Some(10)),
            ("\u{feff}-----BEGIN PGP MESSAGE-----\n", Some(3)),
            ("see -----BEGIN PGP MESSAGE-----\n", None),
            ("<pre>\n-----BEGIN PGP MESSAGE-----\n", None),
            ("-----BEGIN PGP MESS", None),
            ("", None),
        ];
        for (head, expected) in cases {
            assert_eq!(armour_begin(head.as_bytes()), expected, "{head:?}");
        }
        assert_eq!(armour_begin(b"\xff\n-----BEGIN PGP MESSAGE-----\n"), None);
    }

    #[test]
    fn blanks_at_the_ends_of_lines_are_left_out() {
        let cases = [
            ("a \t\nb\r\n", "a\nb\r\n"),
            ("Comment: a b  \r\n \n", "Comment: a b\r\n\n"),
            (" a", " a"),
            ("a ", "a"),
            ("", ""),
        ];
        for (given, expected) in cases {
            for room in 1..4 {
                let mut out = String::new();
                let input = io::BufReader::with_capacity(room, given.as_bytes());
                TrimmedLines::new(input).read_to_string(&mut out).unwrap();
                assert_eq!(out, expected, "{given:?}");
            }
        }
    }
}
