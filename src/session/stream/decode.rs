//! `Content-Encoding: gzip` and `deflate`, undone. We ask for none, but proxies code what nobody asked them to code, and say so.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// Compressed bytes decoded at a time: gzip expands to at most about a thousand times as many.
const PIECE: usize = 8 * 1024;

/// How the bytes of an answer are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum ContentCoding {
    /// As they come.
    Identity,
    /// Packed with gzip.
    Gzip,
    /// Packed as `deflate`: a zlib stream.
    Deflate,
    /// In a way that is not undone here.
    Unknown,
}

impl ContentCoding {
    /// Reads a `Content-Encoding`.
    pub(in crate::session) fn of(header: Option<&str>) -> Self {
        match header.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Self::Identity,
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            _ => Self::Unknown,
        }
    }

    /// What it is by the body's first two bytes: an archive's own name may have been taken for a coding. What only claims to be coded comes as
    /// it is, and no decoder finds out whether it is whole.
    pub(super) fn as_begun(self, first: &[u8]) -> Self {
        match self {
            Self::Gzip if first.starts_with(&[0x1f, 0x8b]) => Self::Gzip,
            Self::Deflate if begins_zlib(first) => Self::Deflate,
            Self::Unknown => Self::Unknown,
            Self::Identity | Self::Gzip | Self::Deflate => Self::Identity,
        }
    }
}

/// Undoes the coding of one body, piece by piece.
pub(in crate::session) struct ContentDecoder {
    state: DecoderState,
    waiting: Bytes,
}

enum DecoderState {
    Identity,
    /// Said to be coded; the first two bytes tell whether it is.
    Undecided(ContentCoding),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zlib(ZlibDecoder),
}

impl ContentDecoder {
    pub(in crate::session) fn new(coding: ContentCoding) -> Self {
        let state = match coding {
            ContentCoding::Gzip | ContentCoding::Deflate => DecoderState::Undecided(coding),
            ContentCoding::Identity | ContentCoding::Unknown => DecoderState::Identity,
        };
        Self {
            state,
            waiting: Bytes::new(),
        }
    }

    /// Takes the next bytes as they came; to be called when [`ContentDecoder::next`] gives none.
    pub(in crate::session) fn put(&mut self, bytes: Bytes) {
        if self.waiting.is_empty() {
            self.waiting = bytes;
        } else {
            self.waiting = [&self.waiting[..], &bytes[..]].concat().into();
        }
    }

    /// The next decoded bytes of what was put; `None`: more has to be put.
    ///
    /// # Errors
    /// The bytes are not what they are said to be.
    pub(in crate::session) fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let DecoderState::Undecided(coding) = self.state {
            if self.waiting.len() < 2 {
                return Ok(None);
            }
            self.state = match coding.as_begun(&self.waiting) {
                ContentCoding::Gzip => DecoderState::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
                ContentCoding::Deflate => DecoderState::Zlib(ZlibDecoder::new()),
                ContentCoding::Identity | ContentCoding::Unknown => DecoderState::Identity,
            };
        }
        let decoder = match &mut self.state {
            DecoderState::Gzip(decoder) => decoder,
            DecoderState::Zlib(decoder) => return decoder.next(&mut self.waiting),
            DecoderState::Identity | DecoderState::Undecided(_) => {
                return Ok(Some(std::mem::take(&mut self.waiting)).filter(|bytes| !bytes.is_empty()));
            }
        };
        while !self.waiting.is_empty() {
            let piece = self.waiting.len().min(PIECE);
            decoder.write_all(&self.waiting[..piece])?;
            self.waiting.advance(piece);
            let decoded = std::mem::take(decoder.get_mut());
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
        }
        Ok(None)
    }

    /// What is left at the body's end.
    ///
    /// # Errors
    /// The coded bytes were cut or damaged.
    pub(in crate::session) fn finish(&mut self) -> io::Result<Bytes> {
        match &mut self.state {
            DecoderState::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            DecoderState::Zlib(decoder) if !decoder.ended => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(std::mem::take(&mut self.waiting)),
        }
    }
}

/// Does a zlib stream begin so (RFC 1950, 2.2)? Other bytes said to be `deflate` are left as they are.
fn begins_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 15 == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// Undoes one zlib stream; what follows it is passed over.
struct ZlibDecoder {
    inflate: Decompress,
    /// The last output filled its room, so that more may be there without more input.
    full: bool,
    ended: bool,
}

impl ZlibDecoder {
    /// Room for the output of one call.
    const ROOM: usize = 64 * 1024;

    fn new() -> Self {
        Self {
            inflate: Decompress::new(true),
            full: false,
            ended: false,
        }
    }

    fn next(&mut self, waiting: &mut Bytes) -> io::Result<Option<Bytes>> {
        while !self.ended && (self.full || !waiting.is_empty()) {
            let mut decoded = Vec::with_capacity(Self::ROOM);
            let before = self.inflate.total_in();
            let status = self
                .inflate
                .decompress_vec(waiting, &mut decoded, FlushDecompress::None)?;
            let read = usize::try_from(self.inflate.total_in() - before).unwrap_or(usize::MAX);
            waiting.advance(read.min(waiting.len()));
            self.ended = status == Status::StreamEnd;
            self.full = decoded.len() == decoded.capacity();
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
            if read == 0 && !self.ended && !waiting.is_empty() {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if self.ended {
            waiting.clear();
        }
        Ok(None)
    }
}

/// A whole body decoded; `None`: it would be larger than `limit`.
pub(in crate::session) fn decode_all(body: Bytes, coding: ContentCoding, limit: usize) -> io::Result<Option<Bytes>> {
    let mut decoder = ContentDecoder::new(coding);
    decoder.put(body);
    let mut decoded = Vec::new();
    while let Some(bytes) = decoder.next()? {
        decoded.extend_from_slice(&bytes);
        if decoded.len() > limit {
            return Ok(None);
        }
    }
    decoded.extend_from_slice(&decoder.finish()?);
    Ok((decoded.len() <= limit).then(|| decoded.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(coding: ContentCoding, pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut decoder = ContentDecoder::new(coding);
        let mut decoded = Vec::new();
        for piece in pieces {
            decoder.put(Bytes::copy_from_slice(piece));
            while let Some(bytes) = decoder.next()? {
                decoded.extend_from_slice(&bytes);
            }
        }
        decoded.extend_from_slice(&decoder.finish()?);
        Ok(decoded)
    }

    #[test]
    fn a_coding_is_undone_however_it_comes_in_pieces() {
        let text: Vec<u8> = (0..300_000_u32).map(|place| (place / 7 % 251) as u8).collect();
        for (coding, coded) in [
            (ContentCoding::Gzip, gzip(&text)),
            (ContentCoding::Deflate, zlib(&text)),
            (ContentCoding::Deflate, [zlib(&text), b"more".to_vec()].concat()),
        ] {
            for size in [1, 2, 1_000, coded.len()] {
                let pieces: Vec<&[u8]> = coded.chunks(size).collect();
                assert!(decode(coding, &pieces).unwrap() == text, "{coding:?} {size}");
            }
        }
    }

    #[test]
    fn a_cut_is_an_error_at_every_place_behind_the_magic() {
        let list = b"Barcode\tTitle\nTL7700000001\tOn tides\n";
        for (coding, coded) in [(ContentCoding::Gzip, gzip(list)), (ContentCoding::Deflate, zlib(list))] {
            for length in 2..coded.len() {
                assert!(decode(coding, &[&coded[..length]]).is_err(), "{coding:?} {length}");
            }
        }
    }

    #[test]
    fn what_only_claims_to_be_coded_is_left_as_it_is() {
        for text in [&b""[..], b"\x1f", b"\x8c\x0d", b"plain"] {
            for coding in [ContentCoding::Gzip, ContentCoding::Deflate] {
                assert_eq!(decode(coding, &[text]).unwrap(), text);
                assert_eq!(coding.as_begun(text), ContentCoding::Identity);
            }
        }
    }

    #[test]
    fn a_body_that_decodes_to_too_much_is_stopped() {
        let zeros = vec![0; 10_000_000];
        for (coding, coded) in [
            (ContentCoding::Gzip, gzip(&zeros)),
            (ContentCoding::Deflate, zlib(&zeros)),
        ] {
            let decoded = |limit| decode_all(coded.clone().into(), coding, limit).unwrap();
            assert_eq!(decoded(1_000), None);
            assert_eq!(decoded(10_000_000).unwrap().len(), 10_000_000);
        }
    }

    #[test]
    fn codings_are_read_by_their_names() {
        for (header, coding) in [
            (None, ContentCoding::Identity),
            (Some("identity"), ContentCoding::Identity),
            (Some(" GZIP "), ContentCoding::Gzip),
            (Some("x-gzip"), ContentCoding::Gzip),
            (Some("Deflate"), ContentCoding::Deflate),
            (Some("br"), ContentCoding::Unknown),
            (Some("gzip, gzip"), ContentCoding::Unknown),
        ] {
            assert_eq!(ContentCoding::of(header), coding, "{header:?}");
        }
    }
}
