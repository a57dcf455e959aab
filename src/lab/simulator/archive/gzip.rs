//! Gzip with stored blocks only, as gzip itself stores page images, and of a length known beforehand.

use std::io::{self, Write};

use flate2::Crc;

/// The longest stored block.
const BLOCK: usize = 65_535;
/// Magic, deflate, no name, no time, unknown system.
const HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

/// Length of `bytes` as raw stored blocks.
pub(crate) fn stored_length(bytes: u64) -> u64 {
    bytes + 5 * bytes.div_ceil(BLOCK as u64).max(1)
}

/// Length of the gzip file that holds `bytes`.
pub(crate) fn gzip_length(bytes: u64) -> u64 {
    HEAD.len() as u64 + stored_length(bytes) + 8
}

/// Writes raw deflate data in stored blocks.
pub(crate) struct StoredDeflate<W> {
    out: W,
    block: Vec<u8>,
}

impl<W: Write> StoredDeflate<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            block: Vec::with_capacity(BLOCK),
        }
    }

    /// Writes the last block and gives the sink back.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_block(true)?;
        Ok(self.out)
    }

    fn flush_block(&mut self, last: bool) -> io::Result<()> {
        let length = u16::try_from(self.block.len()).map_err(io::Error::other)?;
        let mut head = [u8::from(last), 0, 0, 0, 0];
        head[1..3].copy_from_slice(&length.to_le_bytes());
        head[3..5].copy_from_slice(&(!length).to_le_bytes());
        self.out.write_all(&head)?;
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for StoredDeflate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK && !bytes.is_empty() {
            self.flush_block(false)?;
        }
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a gzip file.
pub(crate) struct GzipWriter<W: Write> {
    blocks: StoredDeflate<W>,
    crc: Crc,
}

impl<W: Write> GzipWriter<W> {
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&HEAD)?;
        Ok(Self {
            blocks: StoredDeflate::new(out),
            crc: Crc::new(),
        })
    }

    /// Writes last block and trailer and gives the sink back.
    pub fn finish(self) -> io::Result<W> {
        let mut out = self.blocks.finish()?;
        out.write_all(&self.crc.sum().to_le_bytes())?;
        out.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(out)
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.blocks.write(bytes)?;
        self.crc.update(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_stored_inflates_to_the_same_and_has_the_length_said() {
        for size in [0, 1, 65_534, 65_535, 65_536, 200_000] {
            let content: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
            let mut gzip = GzipWriter::new(Vec::new()).unwrap();
            gzip.write_all(&content).unwrap();
            let file = gzip.finish().unwrap();
            assert_eq!(file.len() as u64, gzip_length(u64::from(size)));
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, content);
        }
    }
}
