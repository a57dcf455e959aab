//! One file out of an archive, read from a place before it to its end.

use std::io::{self, BufRead, BufReader, Read, Write};

use md5::{Digest, Md5};

use crate::archive::digest::hex;
use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::inflate::{CompressionWrap, InflateReader, RestartPoint};
use crate::archive::limits::ArchiveLimits;
use crate::archive::member_index::ArchiveMember;
use crate::archive::members::{BLOCK, is_header};

/// What shows that a file is the one that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberProof {
    /// Its MD5 is the one that the archive itself lists.
    #[error("verified: its MD5 is the one that the archive lists for it")]
    Listed,
    /// Its MD5 is the one that was taken of it when the archive was stored, and the archive lists none.
    #[error("verified: its MD5 is the one taken of it when the archive was stored; the archive lists none")]
    Recorded,
    /// No MD5 is known; only its header stands where it was.
    #[error("not verified: no MD5 of it was recorded; its header stands where it was")]
    Placed,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MemberReadError {
    /// The archive, from the storage.
    #[error("the archive cannot be read")]
    Input(#[source] io::Error),
    /// The archive does not inflate there.
    #[error("the archive is damaged before the end of the file: {0}")]
    Damaged(String),
    /// The archive is another one than the index is of, or damaged.
    #[error("no header of a tar stands before the file's place")]
    Misplaced,
    /// Its bytes are not what they were.
    #[error("its MD5 is {found}, and {expected} is recorded")]
    Differs {
        /// Of what was read.
        found: String,
        /// What is recorded.
        expected: String,
    },
    /// What takes the bytes.
    #[error("the file cannot be written")]
    Sink(#[source] io::Error),
}

/// A reader over a part of an archive that keeps the storage's own error, and counts.
struct ArchivePart<R> {
    inner: R,
    bytes: u64,
    failed: Option<io::Error>,
}

impl<R: Read> Read for ArchivePart<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = Some(error);
                Err(LayerFault::Input.into())
            }
        }
    }
}

/// A file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRead {
    /// What shows that it is the one that was stored.
    pub proof: MemberProof,
    /// Its size.
    pub bytes: u64,
    /// Bytes of the archive that were read for it.
    pub packed_bytes: u64,
}

/// Writes a file of an archive to `out`. `packed` are the archive's bytes from `from` on; no more of them is read than is needed.
pub fn read_member(
    packed: impl Read,
    from: RestartPoint,
    member: &ArchiveMember,
    out: &mut impl Write,
) -> Result<MemberRead, MemberReadError> {
    let limits = ArchiveLimits::default();
    let part = ArchivePart {
        inner: packed,
        bytes: 0,
        failed: None,
    };
    let input = BufReader::with_capacity(64 << 10, part);
    let mut tar = match from.packed {
        0 => InflateReader::new(input, CompressionWrap::Gzip, &limits),
        _ => InflateReader::restarted(input, &limits),
    };
    let md5 = copy_member(&mut tar, from, member, out);
    let part = tar.inner_mut().get_mut();
    if let Some(error) = part.failed.take() {
        return Err(MemberReadError::Input(error));
    }
    let (found, packed_bytes) = (md5?, part.bytes);
    let proof = match &member.md5 {
        Some(expected) if *expected != found => {
            let expected = expected.clone();
            return Err(MemberReadError::Differs { found, expected });
        }
        Some(_) if member.listed => MemberProof::Listed,
        Some(_) => MemberProof::Recorded,
        None => MemberProof::Placed,
    };
    Ok(MemberRead {
        proof,
        bytes: member.bytes,
        packed_bytes,
    })
}

/// Gives the MD5 of what it wrote.
fn copy_member(
    tar: &mut impl BufRead,
    from: RestartPoint,
    member: &ArchiveMember,
    out: &mut impl Write,
) -> Result<String, MemberReadError> {
    let header = member.offset.checked_sub(from.unpacked + BLOCK as u64);
    let mut before = tar.take(header.ok_or(MemberReadError::Misplaced)?);
    io::copy(&mut before, &mut io::sink()).map_err(damaged)?;
    let mut block = [0; BLOCK];
    tar.read_exact(&mut block).map_err(damaged)?;
    if !is_header(&block) {
        return Err(MemberReadError::Misplaced);
    }
    let (mut digest, mut left) = (Md5::new(), member.bytes);
    while left > 0 {
        let buffer = tar.fill_buf().map_err(damaged)?;
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if count == 0 {
            return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        digest.update(&buffer[..count]);
        out.write_all(&buffer[..count]).map_err(MemberReadError::Sink)?;
        tar.consume(count);
        left -= count as u64;
    }
    Ok(hex(&digest.finalize()))
}

fn damaged(error: io::Error) -> MemberReadError {
    let why = match LayerFault::of(&error, DamageKind::Gzip) {
        LayerFault::Damaged(kind) => kind.to_string(),
        LayerFault::Hostile(_, detail) => detail,
        _ => "it is cut short".to_owned(),
    };
    MemberReadError::Damaged(why)
}
