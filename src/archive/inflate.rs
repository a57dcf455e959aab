//! Unpacking as a stream, with its own bounds: gzip (several members), zlib, raw deflate, and bzip2.

mod restarts;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};

use zlib_rs::{Inflate, InflateError, InflateFlush, Status};

use crate::archive::error::{ArchiveLimit, DamageKind, LayerFault};
pub use crate::archive::inflate::restarts::RestartPoint;
use crate::archive::inflate::restarts::RestartSearch;
use crate::archive::limits::ArchiveLimits;

/// Bytes inflated at a time.
const CHUNK: usize = 64 << 10;

/// What the decoder says in the place of the cause, where its fast loop met it: a code that stands for nothing there.
const NO_CAUSE: &str = "repeated call with bad state";
const BAD_CODE: &str = "invalid code or distance";

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
    Deflate(Inflate),
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
            // 16 more than the window's bits: the head and the tail of gzip, and no other.
            CompressionWrap::Gzip => Self::Deflate(Inflate::new(true, 16 + 15)),
            CompressionWrap::Zlib => Self::Deflate(Inflate::new(true, 15)),
            CompressionWrap::Raw => Self::Deflate(Inflate::new(false, 15)),
            CompressionWrap::Bzip2 => Self::Bzip2(bzip2::Decompress::new(false)),
        }
    }

    fn totals(&self) -> (u64, u64) {
        match self {
            Self::Deflate(state) => (state.total_in(), state.total_out()),
            Self::Bzip2(state) => (state.total_in(), state.total_out()),
        }
    }

    fn decode(&mut self, packed: &[u8], out: &mut [u8], flush: InflateFlush) -> Result<DecodeStep, String> {
        let (used, made) = self.totals();
        let ended = match self {
            Self::Deflate(state) => match state.decompress(packed, out, flush) {
                Ok(status) => status == Status::StreamEnd,
                Err(error) => {
                    return Err(match state.error_message() {
                        Some(NO_CAUSE) => BAD_CODE.to_owned(),
                        message => message.unwrap_or_else(|| InflateError::as_str(error)).to_owned(),
                    });
                }
            },
            Self::Bzip2(state) => {
                let status = state.decompress(packed, out);
                status.map_err(|error| error.to_string())? == bzip2::Status::StreamEnd
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
    /// What was wrong with the packed bytes first.
    fault: Option<String>,
    bounds: Bounds,
    restarts: Option<RestartSearch>,
    /// Begun inside a gzip member: nobody looks at its tail, of so many bytes.
    tail: usize,
}

/// Bytes of the tail of a gzip member.
const GZIP_TAIL: usize = 8;

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
            fault: None,
            bounds,
            restarts: None,
            tail: 0,
        }
    }

    /// The same for gzip, with a search for places from which it can be inflated again.
    pub(super) fn with_restarts(input: B, limits: &ArchiveLimits) -> Self {
        Self {
            restarts: Some(RestartSearch::default()),
            ..Self::new(input, CompressionWrap::Gzip, limits)
        }
    }

    /// The bytes of a gzip file from a [`RestartPoint`] on, where `input` stands.
    pub(super) fn restarted(input: B, limits: &ArchiveLimits) -> Self {
        Self {
            state: StreamDecoder::new(CompressionWrap::Raw),
            tail: GZIP_TAIL,
            ..Self::new(input, CompressionWrap::Gzip, limits)
        }
    }

    /// The places that were found, once all is read.
    pub(super) fn take_restarts(&mut self) -> Vec<RestartPoint> {
        self.restarts.take().map(RestartSearch::finish).unwrap_or_default()
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
            let wants_block = self
                .restarts
                .as_ref()
                .is_some_and(|search| search.wants_block(self.used));
            let flush = if wants_block && !at_end {
                InflateFlush::Block
            } else {
                InflateFlush::NoFlush
            };
            let step = self.state.decode(packed, &mut self.buffer, flush);
            // Called once more, a decoder tells no longer what was wrong.
            let step = step.map_err(|what| broken(self.fault.get_or_insert(what)))?;
            let used = usize::try_from(step.used).unwrap_or(usize::MAX);
            (self.start, self.end) = (0, usize::try_from(step.made).unwrap_or(0));
            if let Some(search) = &mut self.restarts {
                search.passed(&packed[..used], &self.buffer[..self.end]);
            }
            // With input and room left, only the beginning of a block makes the decoder stop.
            let stopped = flush == InflateFlush::Block && used < packed.len() && self.end < CHUNK && !step.ended;
            self.input.consume(used);
            self.count(step.used, step.made)?;
            if let Some(search) = self.restarts.as_mut().filter(|_| stopped) {
                search.block_begins(RestartPoint {
                    packed: self.used,
                    unpacked: self.made,
                });
            }
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
        while self.tail > 0 {
            let step = self.input.fill_buf()?.len().min(self.tail);
            if step == 0 {
                return Err(broken("it ends too soon"));
            }
            self.input.consume(step);
            self.tail -= step;
        }
        loop {
            let next = self.input.fill_buf()?;
            let zeros = next.iter().take_while(|byte| **byte == 0).count();
            match next {
                [] => break self.ended = true,
                [0x1f, ..] => break self.begin_member_or_end()?,
                _ if zeros > 0 => {
                    self.input.consume(zeros);
                    self.used += zeros as u64;
                }
                _ => break (self.ended, self.trailing) = (true, true),
            }
        }
        Ok(())
    }

    /// Another member begins with 1f 8b; 1f and something else is foreign. The buffer may end between the two.
    fn begin_member_or_end(&mut self) -> io::Result<()> {
        self.input.consume(1);
        self.used += 1;
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
        let begun = self.state.decode(&[0x1f], &mut [], InflateFlush::NoFlush);
        begun.map(drop).map_err(|what| broken(&what))
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
