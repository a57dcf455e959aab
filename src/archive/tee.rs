//! The decrypted bytes on their way through: digested, counted, written to the sink, passed on.

use std::io::{self, BufRead, Read, Write};

use ring::digest::{Context, SHA256};

use crate::archive::error::LayerFault;

/// Passes `input` on; each byte goes to the digest and the sink exactly once.
pub(super) struct TeeReader<B, W> {
    input: B,
    sink: W,
    digest: Context,
    bytes: u64,
    /// Bytes at the front of the input's buffer that were digested and written, but not yet consumed.
    taken: usize,
    failed: Option<io::Error>,
}

impl<B: BufRead, W: Write> TeeReader<B, W> {
    pub(super) fn new(input: B, sink: W) -> Self {
        Self {
            input,
            sink,
            digest: Context::new(&SHA256),
            bytes: 0,
            taken: 0,
            failed: None,
        }
    }

    /// Reads on to the end of the input, so that all of it is in the digest and the sink and its end is proven.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        loop {
            match self.fill_buf()?.len() {
                0 => return Ok(()),
                have => self.consume(have),
            }
        }
    }

    /// Bytes passed so far.
    pub(super) fn count(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the bytes passed so far.
    pub(super) fn sha256(&self) -> [u8; 32] {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.digest.clone().finish().as_ref());
        sha256
    }

    /// The error of the sink, if it failed.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    pub(super) fn input(&self) -> &B {
        &self.input
    }
}

impl<B: BufRead, W: Write> BufRead for TeeReader<B, W> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failed.is_some() {
            return Err(LayerFault::Sink.into());
        }
        let buffer = self.input.fill_buf()?;
        if self.taken < buffer.len() {
            let fresh = &buffer[self.taken..];
            if let Err(error) = self.sink.write_all(fresh) {
                self.failed = Some(error);
                return Err(LayerFault::Sink.into());
            }
            self.digest.update(fresh);
            self.bytes += fresh.len() as u64;
            self.taken = buffer.len();
        }
        Ok(buffer)
    }

    fn consume(&mut self, amount: usize) {
        self.taken -= amount;
        self.input.consume(amount);
    }
}

impl<B: BufRead, W: Write> Read for TeeReader<B, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn each_byte_is_digested_and_written_once_however_it_is_read() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| (n * 13) as u8).collect();
        let mut copy = Vec::new();
        let mut tee = TeeReader::new(io::BufReader::with_capacity(977, &bytes[..]), &mut copy);
        let mut out = Vec::new();
        (&mut tee).take(40_001).read_to_end(&mut out).unwrap();
        tee.fill_buf().unwrap();
        tee.consume(3);
        tee.drain().unwrap();
        assert_eq!(tee.count(), 100_000);
        assert_eq!(tee.sha256()[..], Sha256::digest(&bytes)[..]);
        assert_eq!(out, bytes[..40_001]);
        assert_eq!(copy, bytes);
    }

    #[test]
    fn a_full_disk_is_the_sink_s_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut tee = TeeReader::new(&b"bytes"[..], Full);
        assert!(tee.drain().is_err());
        assert_eq!(tee.take_failure().unwrap().kind(), io::ErrorKind::StorageFull);
    }
}
