//! METS in whatever encoding it declares, as UTF-8.

use std::io::{self, BufRead, Chain, Cursor, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes in which the XML declaration stands.
const HEAD: usize = 256;
/// Bytes decoded at a time.
const CHUNK: usize = 16 << 10;

type Input<B> = Chain<Cursor<Vec<u8>>, B>;

/// An XML document's bytes as UTF-8. What is not valid in the encoding is replaced by U+FFFD if it is decoded here; UTF-8
/// goes through as it is.
pub(super) enum AsUtf8<B> {
    Through(Input<B>),
    Decoded(Box<DecodedReader<B>>),
}

pub(super) struct DecodedReader<B> {
    input: Input<B>,
    decoder: Decoder,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

/// The declared encoding is not known.
#[derive(Debug)]
pub(super) struct UnknownEncoding(pub(super) String);

impl<B: BufRead> AsUtf8<B> {
    /// Looks at byte order mark and XML declaration. The inner error says that the encoding is not known.
    pub(super) fn of(mut input: B) -> io::Result<Result<Self, UnknownEncoding>> {
        let mut head = Vec::new();
        (&mut input).take(HEAD as u64).read_to_end(&mut head)?;
        let (encoding, mark) = match encoding_of(&head) {
            Ok(found) => found,
            Err(unknown) => return Ok(Err(unknown)),
        };
        let mut head = Cursor::new(head);
        head.set_position(mark as u64);
        let input = head.chain(input);
        if encoding == UTF_8 {
            return Ok(Ok(Self::Through(input)));
        }
        let decoder = encoding.new_decoder_without_bom_handling();
        let buffer = vec![0; CHUNK];
        Ok(Ok(Self::Decoded(Box::new(DecodedReader {
            input,
            decoder,
            buffer,
            start: 0,
            end: 0,
            ended: false,
        }))))
    }
}

/// The encoding, and the length of the byte order mark.
fn encoding_of(head: &[u8]) -> Result<(&'static Encoding, usize), UnknownEncoding> {
    if let Some((encoding, mark)) = Encoding::for_bom(head) {
        return Ok((encoding, mark));
    }
    match head {
        [b'<', 0, ..] => return Ok((UTF_16LE, 0)),
        [0, b'<', ..] => return Ok((UTF_16BE, 0)),
        _ => {}
    }
    match declared(head) {
        None => Ok((UTF_8, 0)),
        // A document whose declaration can be read byte by byte is not in UTF-16, whatever it says.
        Some(label) => match Encoding::for_label(label) {
            Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok((UTF_8, 0)),
            Some(encoding) => Ok((encoding, 0)),
            None => Err(UnknownEncoding(String::from_utf8_lossy(label).into_owned())),
        },
    }
}

/// The value of `encoding` in the XML declaration.
fn declared(head: &[u8]) -> Option<&[u8]> {
    let end = head.windows(2).position(|two| two == b"?>")?;
    let declaration = head[..end].trim_ascii_start().strip_prefix(b"<?xml")?;
    let at = declaration.windows(8).position(|word| word == b"encoding")?;
    let value = declaration[at + 8..]
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let end = value.iter().position(|byte| byte == quote)?;
    Some(&value[..end])
}

impl<B: BufRead> DecodedReader<B> {
    fn refill(&mut self) -> io::Result<()> {
        while self.start == self.end && !self.ended {
            let raw = self.input.fill_buf()?;
            let last = raw.is_empty();
            let (result, read, written, _) = self.decoder.decode_to_utf8(raw, &mut self.buffer, last);
            self.input.consume(read);
            (self.start, self.end) = (0, written);
            self.ended = last && result == CoderResult::InputEmpty;
        }
        Ok(())
    }
}

impl<B: BufRead> BufRead for AsUtf8<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Through(input) => input.fill_buf(),
            Self::Decoded(decoded) => {
                decoded.refill()?;
                Ok(&decoded.buffer[decoded.start..decoded.end])
            }
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Through(input) => input.consume(amount),
            Self::Decoded(decoded) => decoded.start += amount,
        }
    }
}

impl<B: BufRead> Read for AsUtf8<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> String {
        let mut text = String::new();
        AsUtf8::of(bytes)
            .unwrap()
            .map_err(|unknown| unknown.0)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn every_encoding_comes_out_as_utf_8() {
        let utf16 = |text: &str, low_first: bool| -> Vec<u8> {
            let unit = |unit: u16| {
                if low_first {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                }
            };
            text.encode_utf16().flat_map(unit).collect()
        };
        assert_eq!(read("<a>é</a>".as_bytes()), "<a>é</a>");
        assert_eq!(read("\u{feff}<a>é</a>".as_bytes()), "<a>é</a>");
        let latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>\xe9</a>";
        assert!(read(latin).ends_with("<a>é</a>"));
        for low_first in [true, false] {
            assert_eq!(read(&utf16("\u{feff}<a>é</a>", low_first)), "<a>é</a>");
            assert_eq!(read(&utf16("<a>é</a>", low_first)), "<a>é</a>");
        }
        let long = format!("<?xml encoding=\"latin1\"?>{}", "x".repeat(100_000));
        assert_eq!(read(long.as_bytes()), long);
    }

    #[test]
    fn an_unknown_encoding_is_named() {
        let bytes = b"<?xml version='1.0' encoding='x-klingon'?><a/>";
        assert!(
            AsUtf8::of(&bytes[..])
                .unwrap()
                .is_err_and(|unknown| unknown.0 == "x-klingon")
        );
    }
}
