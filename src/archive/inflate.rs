//! Unpacking as a stream, with its own bounds: gzip (several members), zlib, raw deflate, and bzip2.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

use crate::archive::error::{ArchiveLimit, DamageKind, LayerFault};
use crate::archive::limits::ArchiveLimits;

/// Bytes inflated at a time.
const CHUNK: usize = 64 << 10;

/// How the compressed bytes are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompressionWrap {
    Gzip,
    Zlib,
    Raw,
    Bzip2,
}

/// The decoder of one compressed stream.
enum StreamDecoder {
    Deflate(Decompress),
    Bzip2(bzip2::Decompress),
}

/// What one call of a decoder did.
struct DecodeStep {
    used: u64,
    made: u64,
    ended: bool,
}

impl StreamDecoder {
    fn new(wrap: CompressionWrap) -> Self {
        match wrap {
            CompressionWrap::Gzip => Self::Deflate(Decompress::new_gzip(15)),
            CompressionWrap::Zlib => Self::Deflate(Decompress::new(true)),
            CompressionWrap::Raw => Self::Deflate(Decompress::new(false)),
            CompressionWrap::Bzip2 => Self::Bzip2(bzip2::Decompress::new(false)),
        }
    }

    fn totals(&self) -> (u64, u64) {
        match self {
            Self::Deflate(state) => (state.total_in(), state.total_out()),
            Self::Bzip2(state) => (state.total_in(), state.total_out()),
        }
    }

    fn decode(&mut self, packed: &[u8], out: &mut [u8]) -> io::Result<DecodeStep> {
        let (used, made) = self.totals();
        let ended = match self {
            Self::Deflate(state) => {
                let status = state.decompress(packed, out, FlushDecompress::None);
                status.map_err(|error| broken(error.message().unwrap_or("not a deflate stream")))? == Status::StreamEnd
            }
            Self::Bzip2(state) => {
                let status = state.decompress(packed, out);
                status.map_err(|error| broken(&error.to_string()))? == bzip2::Status::StreamEnd
            }
        };
        let (used_now, made_now) = self.totals();
        Ok(DecodeStep {
            used: used_now - used,
            made: made_now - made,
            ended,
        })
    }
}

/// The inflated bytes of `input`.
pub(crate) struct InflateReader<B> {
    input: B,
    wrap: CompressionWrap,
    state: StreamDecoder,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Packed bytes used and unpacked bytes made, over all gzip members.
    used: u64,
    made: u64,
    members: u32,
    ended: bool,
    trailing: bool,
    bounds: Bounds,
}

/// The limits that concern inflating.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    ratio: u64,
    floor: u64,
    members: u32,
    total: u64,
}

impl<B: BufRead> InflateReader<B> {
    pub(crate) fn new(input: B, wrap: CompressionWrap, limits: &ArchiveLimits) -> Self {
        let bounds = Bounds {
            ratio: limits.expansion_ratio,
            floor: limits.ratio_floor,
            members: limits.gzip_members,
            total: limits.total_bytes,
        };
        Self {
            input,
            wrap,
            state: StreamDecoder::new(wrap),
            buffer: vec![0; CHUNK].into_boxed_slice(),
            start: 0,
            end: 0,
            used: 0,
            made: 0,
            members: 1,
            ended: false,
            trailing: false,
            bounds,
        }
    }

    /// True once something else than a further gzip member or zeros came after the last member.
    pub(super) fn has_trailing_data(&self) -> bool {
        self.trailing
    }

    pub(super) fn inner_mut(&mut self) -> &mut B {
        &mut self.input
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.start == self.end && !self.ended {
            let packed = self.input.fill_buf()?;
            let at_end = packed.is_empty();
            let step = self.state.decode(packed, &mut self.buffer)?;
            self.input.consume(usize::try_from(step.used).unwrap_or(usize::MAX));
            (self.start, self.end) = (0, usize::try_from(step.made).unwrap_or(0));
            self.count(step.used, step.made)?;
            match step.ended {
                true => self.next_member()?,
                false if at_end && step.made == 0 => return Err(broken("it ends too soon")),
                false => {}
            }
        }
        Ok(())
    }

    fn count(&mut self, used: u64, made: u64) -> io::Result<()> {
        self.used += used;
        self.made += made;
        if self.made > self.bounds.floor && self.made / self.bounds.ratio.max(1) > self.used {
            let detail = format!("{} packed bytes unpack to more than {}", self.used, self.made);
            return Err(LayerFault::Hostile(ArchiveLimit::ExpansionRatio, detail).into());
        }
        if self.made > self.bounds.total {
            let detail = format!("it unpacks to more than {} bytes", self.bounds.total);
            return Err(LayerFault::Hostile(ArchiveLimit::TotalSize, detail).into());
        }
        Ok(())
    }

    /// What follows the end of a member: another one, zeros, nothing, or something foreign.
    fn next_member(&mut self) -> io::Result<()> {
        if self.wrap != CompressionWrap::Gzip {
            self.ended = true;
            return Ok(());
        }
        loop {
            let next = self.input.fill_buf()?;
            let zeros = next.iter().take_while(|byte| **byte == 0).count();
            match next {
                [] => break self.ended = true,
                [0x1f, ..] => break self.begin_member_or_end()?,
                _ if zeros > 0 => self.input.consume(zeros),
                _ => break (self.ended, self.trailing) = (true, true),
            }
        }
        Ok(())
    }

    /// Another member begins with 1f 8b; 1f and something else is foreign. The buffer may end between the two.
    fn begin_member_or_end(&mut self) -> io::Result<()> {
        self.input.consume(1);
        if self.input.fill_buf()?.first() != Some(&0x8b) {
            (self.ended, self.trailing) = (true, true);
            return Ok(());
        }
        self.members += 1;
        if self.members > self.bounds.members {
            let detail = format!("more than {} gzip members", self.bounds.members);
            return Err(LayerFault::Hostile(ArchiveLimit::GzipMembers, detail).into());
        }
        self.state = StreamDecoder::new(self.wrap);
        self.state.decode(&[0x1f], &mut []).map(drop)
    }
}

fn broken(what: &str) -> io::Error {
    LayerFault::Damaged(DamageKind::Gzip(what.to_owned())).into()
}

impl<B: BufRead> BufRead for InflateReader<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.refill()?;
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}

impl<B: BufRead> Read for InflateReader<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(bytes: &[u8], limits: &ArchiveLimits) -> (io::Result<Vec<u8>>, bool) {
        let mut inflate = InflateReader::new(bytes, CompressionWrap::Gzip, limits);
        let mut out = Vec::new();
        let result = inflate.read_to_end(&mut out).map(|_| out);
        (result, inflate.has_trailing_data())
    }

    #[test]
    fn members_and_padding_and_foreign_bytes() {
        let limits = ArchiveLimits::default();
        let two = [gz(b"one "), gz(b"two"), vec![0; 300]].concat();
        let (out, trailing) = inflate(&two, &limits);
        assert_eq!((out.unwrap(), trailing), (b"one two".to_vec(), false));
        let byte_by_byte = io::BufReader::with_capacity(1, &two[..]);
        let mut out = Vec::new();
        InflateReader::new(byte_by_byte, CompressionWrap::Gzip, &limits)
            .read_to_end(&mut out)
            .unwrap();
        assert_eq!(out, b"one two");
        for junk in [&b"garbage"[..], b"\x1f", b"\x1f garbage", b"\0\x1f\x1f\x8b"] {
            let foreign = [gz(b"one"), junk.to_vec()].concat();
            let (out, trailing) = inflate(&foreign, &limits);
            assert_eq!((out.unwrap(), trailing), (b"one".to_vec(), true), "{junk:x?}");
        }
        let broken = [gz(b"one"), b"\x1f\x8bgarbage".to_vec()].concat();
        assert!(inflate(&broken, &limits).0.is_err(), "another member, and damaged");
    }

    #[test]
    fn damage_and_truncation_are_errors() {
        let bytes = gz(&(0..20_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
        for end in [0, 1, 9, 10, bytes.len() / 2, bytes.len() - 1] {
            assert!(inflate(&bytes[..end], &ArchiveLimits::default()).0.is_err(), "{end}");
        }
        for at in [0, bytes.len() / 2, bytes.len() - 6, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert!(inflate(&flipped, &ArchiveLimits::default()).0.is_err(), "{at}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_has_unpacked() {
        let limits = ArchiveLimits {
            ratio_floor: 1 << 20,
            ..ArchiveLimits::default()
        };
        let (out, _) = inflate(&gz(&vec![0; 64 << 20]), &limits);
        let fault = LayerFault::of(&out.unwrap_err(), DamageKind::Gzip);
        assert!(
            matches!(fault, LayerFault::Hostile(ArchiveLimit::ExpansionRatio, _)),
            "{fault:?}"
        );
    }

    #[test]
    fn endless_empty_members_are_refused() {
        let many = gz(b"").repeat(1_001);
        let fault = LayerFault::of(
            &inflate(&many, &ArchiveLimits::default()).0.unwrap_err(),
            DamageKind::Gzip,
        );
        assert!(
            matches!(fault, LayerFault::Hostile(ArchiveLimit::GzipMembers, _)),
            "{fault:?}"
        );
    }
}
