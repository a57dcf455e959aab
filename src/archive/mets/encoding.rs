//! METS in whatever encoding it declares, as UTF-8.

use std::io::{self, BufRead, Chain, Cursor, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, ISO_8859_15, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

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
    decoder: DocumentDecoder,
    decoded: Vec<u8>,
    start: usize,
    ended: bool,
    oddity: EncodingOddity,
}

/// What was odd about a document's encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EncodingOddity {
    /// It has UTF-8 where another encoding is declared.
    pub(super) has_utf8: bool,
    /// Something was not valid in its encoding and was replaced.
    pub(super) replaced: bool,
}

enum DocumentDecoder {
    Declared(Decoder),
    /// A Western encoding of one byte a character, or ASCII, is declared: what is valid UTF-8 is read as such all the same, because
    /// hardly any text of these encodings has such a sequence.
    Western {
        encoding: &'static Encoding,
        /// A character that is not whole yet.
        rest: Vec<u8>,
    },
}

impl DocumentDecoder {
    fn of(encoding: &'static Encoding) -> Self {
        if encoding == WINDOWS_1252 || encoding == ISO_8859_15 {
            return Self::Western {
                encoding,
                rest: Vec::new(),
            };
        }
        Self::Declared(encoding.new_decoder_without_bom_handling())
    }

    /// Decodes some bytes; none are the end.
    fn decode(&mut self, raw: &[u8], out: &mut Vec<u8>, oddity: &mut EncodingOddity) -> DecodedBytes {
        let is_last = raw.is_empty();
        match self {
            Self::Declared(decoder) => {
                out.resize(CHUNK, 0);
                let (result, read, written, replaced) = decoder.decode_to_utf8(raw, out, is_last);
                out.truncate(written);
                oddity.replaced |= replaced;
                DecodedBytes {
                    read,
                    is_end: is_last && result == CoderResult::InputEmpty,
                }
            }
            Self::Western { encoding, rest } => {
                let raw = &raw[..raw.len().min(CHUNK)];
                rest.extend_from_slice(raw);
                let taken = decode_western(rest, encoding, is_last, out, oddity);
                rest.drain(..taken);
                DecodedBytes {
                    read: raw.len(),
                    is_end: is_last,
                }
            }
        }
    }
}

/// How far a decoder came.
struct DecodedBytes {
    read: usize,
    is_end: bool,
}

/// Adds the text of bytes that are in this encoding, or in UTF-8, or here in one and there in the other, to `out`; gives how many
/// bytes were taken. A character that may go on behind the bytes is left unless they are the last ones.
fn decode_western(
    bytes: &[u8],
    encoding: &'static Encoding,
    is_last: bool,
    out: &mut Vec<u8>,
    oddity: &mut EncodingOddity,
) -> usize {
    let mut taken = 0;
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        oddity.has_utf8 |= !chunk.valid().is_ascii();
        taken += chunk.valid().len();
        let invalid = chunk.invalid();
        let may_go_on = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
        if may_go_on && !is_last && taken + invalid.len() == bytes.len() {
            break;
        }
        out.extend_from_slice(encoding.decode_without_bom_handling(invalid).0.as_bytes());
        taken += invalid.len();
    }
    taken
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
        Ok(Ok(Self::Decoded(Box::new(DecodedReader {
            input,
            decoder: DocumentDecoder::of(encoding),
            decoded: Vec::new(),
            start: 0,
            ended: false,
            oddity: EncodingOddity::default(),
        }))))
    }

    /// What was odd in what was read so far.
    pub(super) fn oddity(&self) -> EncodingOddity {
        match self {
            Self::Through(_) => EncodingOddity::default(),
            Self::Decoded(decoded) => decoded.oddity,
        }
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
        Some(label) => match by_label(label) {
            Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok((UTF_8, 0)),
            Some(encoding) => Ok((encoding, 0)),
            None => Err(UnknownEncoding(String::from_utf8_lossy(label).into_owned())),
        },
    }
}

/// An encoding by its name, also where hyphens stand in it that the name has not.
fn by_label(label: &[u8]) -> Option<&'static Encoding> {
    let joined: Vec<u8> = label.iter().copied().filter(|byte| !b"-_ ".contains(byte)).collect();
    Encoding::for_label(label).or_else(|| Encoding::for_label(&joined))
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
        while self.start == self.decoded.len() && !self.ended {
            self.start = 0;
            self.decoded.clear();
            let raw = self.input.fill_buf()?;
            let DecodedBytes { read, is_end } = self.decoder.decode(raw, &mut self.decoded, &mut self.oddity);
            self.input.consume(read);
            self.ended = is_end;
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
                Ok(&decoded.decoded[decoded.start..])
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
    fn utf_8_is_read_where_another_encoding_is_declared() {
        let cases: [(&str, &[u8], &str, bool); 8] = [
            (
                "US-ASCII",
                "M\u{fc}ller \u{2014} \u{1f4d6}".as_bytes(),
                "M\u{fc}ller \u{2014} \u{1f4d6}",
                true,
            ),
            ("ISO-8859-1", "M\u{fc}ller".as_bytes(), "M\u{fc}ller", true),
            ("ISO-8859-1", b"M\xfcller", "M\u{fc}ller", false),
            ("ISO-8859-15", b"\xa4 \xe9", "\u{20ac} \u{e9}", false),
            (
                "windows-1252",
                b"\x93\xe9\xe8\x94",
                "\u{201c}\u{e9}\u{e8}\u{201d}",
                false,
            ),
            ("latin1", b"\xc3\xbc and \xfc", "\u{fc} and \u{fc}", true),
            ("Latin-1", b"\xe9\xc3", "\u{e9}\u{c3}", false),
            ("windows-1251", b"\xc0\xe1", "\u{410}\u{431}", false),
        ];
        for (label, bytes, expected, has_utf8) in cases {
            let document = [
                format!("<?xml version=\"1.0\" encoding=\"{label}\"?>").as_bytes(),
                bytes,
            ]
            .concat();
            // However the bytes come.
            for size in [1, 2, 3, 1_000] {
                let reader = io::BufReader::with_capacity(size, &document[..]);
                let mut text = String::new();
                let mut as_utf8 = AsUtf8::of(reader).unwrap().map_err(|unknown| unknown.0).unwrap();
                as_utf8.read_to_string(&mut text).unwrap();
                assert!(text.ends_with(&format!("?>{expected}")), "{label} {size}: {text}");
                assert_eq!(as_utf8.oddity().has_utf8, has_utf8, "{label} {size}");
            }
            let long = [&document[..], &vec![b'x'; 100_000], bytes].concat();
            assert!(read(&long).ends_with(&format!("x{expected}")), "{label}");
        }
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
