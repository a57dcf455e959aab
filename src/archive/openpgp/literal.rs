//! From the decrypted packets to the file inside, and the proof that nothing else follows.

use std::io::{self, BufRead, Read};

use crate::archive::error::LayerFault;
use crate::archive::inflate::{CompressionWrap, InflateReader};
use crate::archive::limits::ArchiveLimits;
use crate::archive::openpgp::decrypted::DecryptedMessage;
use crate::archive::openpgp::packet::{PacketBody, PacketHeader, tag};

/// How deep compressed packets may lie in each other; gpg makes one.
const DEPTH: usize = 3;
/// Bytes of a packet that is skipped (signature, marker, padding).
const MOST_SKIPPED: u64 = 64 << 10;

/// Bytes that hold packets and know how to prove their own end.
pub(super) trait PacketLayer: BufRead {
    /// Called at the last packet's end: reads to the layer's end and checks it.
    /// Gives how many bytes followed the whole message.
    fn finish(&mut self) -> io::Result<u64>;
}

/// The body of a compressed packet, in whatever it lies.
trait CompressedBody: BufRead {
    /// Called at the body's end: reads on to the end of the message and gives how many bytes followed it.
    fn finish(&mut self) -> io::Result<u64>;
}

impl CompressedBody for PacketBody<Box<dyn PacketLayer + '_>> {
    fn finish(&mut self) -> io::Result<u64> {
        self.inner_mut().finish()
    }
}

impl CompressedBody for DecryptedMessage<'_> {
    fn finish(&mut self) -> io::Result<u64> {
        Ok(self.trailing())
    }
}

impl<B: CompressedBody> PacketLayer for InflateReader<B> {
    fn finish(&mut self) -> io::Result<u64> {
        skip_packets(self)?;
        let body = self.inner_mut();
        if io::copy(body, &mut io::sink())? > 0 {
            return Err(LayerFault::packets("bytes follow the compressed data").into());
        }
        body.finish()
    }
}

/// Skips what may stand after a literal: a signature (integrity is proven by other means), padding, markers.
fn skip_packets(mut layer: &mut impl BufRead) -> io::Result<()> {
    while let Some(header) = PacketHeader::read(&mut layer)? {
        match header.tag {
            tag::SIGNATURE | tag::MARKER | tag::PADDING => skip(&mut layer, header)?,
            other => return Err(LayerFault::packets(format!("packet {other} follows the file")).into()),
        }
    }
    Ok(())
}

fn skip(layer: &mut impl BufRead, header: PacketHeader) -> io::Result<()> {
    let skipped = io::copy(
        &mut PacketBody::new(layer, header.length).take(MOST_SKIPPED + 1),
        &mut io::sink(),
    )?;
    if skipped > MOST_SKIPPED {
        return Err(LayerFault::packets(format!("packet {} is too long", header.tag)).into());
    }
    Ok(())
}

/// The file inside a message. Its end is reached without an error only if the whole message was proven.
pub(in crate::archive) struct LiteralReader<'a> {
    body: PacketBody<Box<dyn PacketLayer + 'a>>,
    trailing: Option<u64>,
}

impl<'a> LiteralReader<'a> {
    /// Looks for the literal packet, through compressed packets if need be.
    fn find(mut layer: Box<dyn PacketLayer + 'a>, limits: &ArchiveLimits) -> io::Result<Self> {
        let mut depth = 0;
        loop {
            let header =
                PacketHeader::read(&mut layer)?.ok_or_else(|| LayerFault::packets("there is no file inside"))?;
            match header.tag {
                tag::ONE_PASS_SIGNATURE | tag::SIGNATURE | tag::MARKER | tag::PADDING => {
                    skip(&mut layer, header)?;
                }
                tag::LITERAL => return Self::open(PacketBody::new(layer, header.length)),
                tag::COMPRESSED if depth < DEPTH => {
                    depth += 1;
                    layer = uncompress(PacketBody::new(layer, header.length), limits)?;
                }
                other => return Err(LayerFault::packets(format!("packet {other} where a file was expected")).into()),
            }
        }
    }

    /// The same in a compressed packet that rpgp decrypted.
    pub(super) fn find_compressed(body: DecryptedMessage<'a>, limits: &ArchiveLimits) -> io::Result<Self> {
        Self::find(uncompress(body, limits)?, limits)
    }

    /// Skips the literal's own head: format, name, date (RFC 9580, section 5.9).
    fn open(mut body: PacketBody<Box<dyn PacketLayer + 'a>>) -> io::Result<Self> {
        let mut start = [0; 2];
        body.read_exact(&mut start)?;
        if !b"btul1m".contains(&start[0]) {
            return Err(LayerFault::packets("unknown format of the file inside").into());
        }
        let mut name_and_date = [0; 255 + 4];
        body.read_exact(&mut name_and_date[..usize::from(start[1]) + 4])?;
        Ok(Self { body, trailing: None })
    }

    /// Bytes after the message, known once the end was reached.
    pub(super) fn trailing(&self) -> u64 {
        self.trailing.unwrap_or(0)
    }
}

fn uncompress<'a>(mut body: impl CompressedBody + 'a, limits: &ArchiveLimits) -> io::Result<Box<dyn PacketLayer + 'a>> {
    let mut algorithm = [0];
    body.read_exact(&mut algorithm)?;
    let wrap = match algorithm[0] {
        1 => CompressionWrap::Raw,
        2 => CompressionWrap::Zlib,
        3 => CompressionWrap::Bzip2,
        other => return Err(LayerFault::packets(format!("unknown compression {other}")).into()),
    };
    Ok(Box::new(InflateReader::new(body, wrap, limits)))
}

impl BufRead for LiteralReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.trailing.is_none() && self.body.fill_buf()?.is_empty() {
            self.trailing = Some(self.body.inner_mut().finish()?);
        }
        if self.trailing.is_some() {
            Ok(&[])
        } else {
            self.body.fill_buf()
        }
    }

    fn consume(&mut self, amount: usize) {
        self.body.consume(amount);
    }
}

impl Read for LiteralReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
