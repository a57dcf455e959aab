//! OpenPGP packet headers and bodies, old and new format, partial lengths (RFC 9580, section 4.2).

use std::io::{self, BufRead, Read};

use crate::archive::error::LayerFault;

/// Packet types that are looked at here.
pub(super) mod tag {
    pub(in crate::archive) const PKESK: u8 = 1;
    pub(in crate::archive) const SIGNATURE: u8 = 2;
    pub(in crate::archive) const SKESK: u8 = 3;
    pub(in crate::archive) const ONE_PASS_SIGNATURE: u8 = 4;
    pub(in crate::archive) const COMPRESSED: u8 = 8;
    pub(in crate::archive) const UNPROTECTED: u8 = 9;
    pub(in crate::archive) const MARKER: u8 = 10;
    pub(in crate::archive) const LITERAL: u8 = 11;
    pub(in crate::archive) const SEIPD: u8 = 18;
    pub(in crate::archive) const GNUPG_AEAD: u8 = 20;
    pub(in crate::archive) const PADDING: u8 = 21;
}

/// How long a packet, or its next part, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketLength {
    /// So many bytes, then it ends.
    Whole(u64),
    /// So many bytes, then another length.
    Part(u64),
    /// To the end of the enclosing bytes (old format).
    ToEnd,
}

/// Type and length of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketHeader {
    pub(super) tag: u8,
    pub(super) length: PacketLength,
}

impl PacketHeader {
    /// Reads a header; `None` at the end of the bytes.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut first = [0];
        if input.read(&mut first)? == 0 {
            return Ok(None);
        }
        match first[0] {
            byte if byte & 0xc0 == 0xc0 => Ok(Some(Self {
                tag: byte & 0x3f,
                length: new_length(input)?,
            })),
            byte if byte & 0x80 != 0 => Ok(Some(Self {
                tag: (byte >> 2) & 0x0f,
                length: old_length(byte & 3, input)?,
            })),
            _ => Err(LayerFault::packets("a packet header has its first bit clear").into()),
        }
    }
}

fn byte(input: &mut impl Read) -> io::Result<u64> {
    let mut one = [0];
    input.read_exact(&mut one)?;
    Ok(u64::from(one[0]))
}

fn four_bytes(input: &mut impl Read) -> io::Result<u64> {
    let mut four = [0; 4];
    input.read_exact(&mut four)?;
    Ok(u64::from(u32::from_be_bytes(four)))
}

pub(super) fn new_length(input: &mut impl Read) -> io::Result<PacketLength> {
    Ok(match byte(input)? {
        short @ 0..192 => PacketLength::Whole(short),
        high @ 192..224 => PacketLength::Whole(((high - 192) << 8) + byte(input)? + 192),
        power @ 224..255 => PacketLength::Part(1 << (power & 0x1f)),
        _ => PacketLength::Whole(four_bytes(input)?),
    })
}

fn old_length(kind: u8, input: &mut impl Read) -> io::Result<PacketLength> {
    Ok(match kind {
        0 => PacketLength::Whole(byte(input)?),
        1 => PacketLength::Whole((byte(input)? << 8) + byte(input)?),
        2 => PacketLength::Whole(four_bytes(input)?),
        _ => PacketLength::ToEnd,
    })
}

/// The body of one packet, its parts joined. Its end is an error if the enclosing bytes end first.
#[derive(Debug)]
pub(super) struct PacketBody<B> {
    inner: B,
    left: u64,
    then: Then,
}

/// What follows when the bytes of the current part are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    NextPart,
    Inner,
}

impl<B: BufRead> PacketBody<B> {
    pub(super) fn new(inner: B, length: PacketLength) -> Self {
        let mut body = Self {
            inner,
            left: 0,
            then: Then::End,
        };
        body.begin(length);
        body
    }

    fn begin(&mut self, length: PacketLength) {
        (self.left, self.then) = match length {
            PacketLength::Whole(bytes) => (bytes, Then::End),
            PacketLength::Part(bytes) => (bytes, Then::NextPart),
            PacketLength::ToEnd => (u64::MAX, Then::Inner),
        };
    }

    /// Makes sure that `left` is the rest of the current part, and 0 only at the end.
    fn advance(&mut self) -> io::Result<()> {
        while self.left == 0 && self.then == Then::NextPart {
            let next = new_length(&mut self.inner)?;
            self.begin(next);
        }
        Ok(())
    }

    pub(super) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

fn at_most(left: u64, have: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(have)
}

impl<B: BufRead> BufRead for PacketBody<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.advance()?;
        if self.left == 0 {
            return Ok(&[]);
        }
        let buffer = self.inner.fill_buf()?;
        if buffer.is_empty() && self.then != Then::Inner {
            return Err(LayerFault::Truncated.into());
        }
        Ok(&buffer[..at_most(self.left, buffer.len())])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount as u64;
        self.inner.consume(amount);
    }
}

impl<B: BufRead> Read for PacketBody<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.advance()?;
        let room = at_most(self.left, buf.len());
        if room == 0 {
            return Ok(0);
        }
        let got = self.inner.read(&mut buf[..room])?;
        if got == 0 && self.then != Then::Inner {
            return Err(LayerFault::Truncated.into());
        }
        self.left -= got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::error::DamageKind;

    #[test]
    fn every_form_of_header_is_read() {
        let cases: [(&[u8], u8, PacketLength); 8] = [
            (&[0xcb, 5], 11, PacketLength::Whole(5)),
            (&[0xcb, 192, 0], 11, PacketLength::Whole(192)),
            (&[0xcb, 223, 255], 11, PacketLength::Whole(8_383)),
            (&[0xd2, 255, 0, 1, 0, 0], 18, PacketLength::Whole(65_536)),
            (&[0xd2, 0xed], 18, PacketLength::Part(8_192)),
            (&[0x8c, 13], 3, PacketLength::Whole(13)),
            (&[0x85, 1, 0], 1, PacketLength::Whole(256)),
            (&[0xa3], 8, PacketLength::ToEnd),
        ];
        for (bytes, tag, length) in cases {
            let header = PacketHeader::read(&mut &bytes[..]).unwrap().unwrap();
            assert_eq!(header, PacketHeader { tag, length }, "{bytes:x?}");
        }
        assert!(PacketHeader::read(&mut io::empty()).unwrap().is_none());
        assert!(PacketHeader::read(&mut &[0x1f, 0x8b][..]).is_err());
        assert!(PacketHeader::read(&mut &[0xcb, 255, 0][..]).is_err());
    }

    #[test]
    fn parts_are_joined_and_the_rest_is_left() {
        let bytes = [1, 2, 0xe0, 3, 1, 4, 99];
        let mut rest = &bytes[..];
        let mut body = PacketBody::new(&mut rest, PacketLength::Part(2));
        let mut all = Vec::new();
        body.read_to_end(&mut all).unwrap();
        assert_eq!(all, [1, 2, 3, 4]);
        assert_eq!(rest, [99]);
    }

    #[test]
    fn a_body_that_ends_too_soon_is_truncated() {
        for length in [PacketLength::Whole(4), PacketLength::Part(3), PacketLength::Part(4)] {
            let mut body = PacketBody::new(&[1u8, 2, 3][..], length);
            let error = body.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(
                LayerFault::of(&error, DamageKind::Packets),
                LayerFault::Truncated,
                "{length:?}"
            );
        }
        let mut all = Vec::new();
        PacketBody::new(&[1u8, 2, 3][..], PacketLength::ToEnd)
            .read_to_end(&mut all)
            .unwrap();
        assert_eq!(all, [1, 2, 3]);
    }
}
