//! Bytes on their way out of the storage, with their SHA-256.

use std::io::{self, Read, Write};

use ring::digest::{Context, SHA256, digest};

use crate::archive::hex;

/// Read at once.
const BUFFER: usize = 256 << 10;

/// What has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DigestedBytes {
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// How much it was.
    pub bytes: u64,
}

/// Which side broke off.
#[derive(Debug)]
pub(crate) enum TransferFault {
    /// Reading.
    Source(io::Error),
    /// Writing.
    Target(io::Error),
}

/// Reads to the end, digests what is read and writes it.
pub(crate) fn copy_digested(mut from: impl Read, to: &mut impl Write) -> Result<DigestedBytes, TransferFault> {
    let (mut digest, mut buffer, mut bytes) = (Context::new(&SHA256), vec![0; BUFFER], 0);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(TransferFault::Source(error)),
        };
        digest.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(TransferFault::Target)?;
        bytes += count as u64;
    }
    let sha256 = hex(digest.finish().as_ref());
    Ok(DigestedBytes { sha256, bytes })
}

/// The SHA-256 of what is held in memory, in hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}
