//! OpenPGP messages as streams. The own fast path reads what gpg's symmetric mode writes; the rest goes to rpgp.

mod cipher;
mod fallback;
mod head;
mod literal;
mod packet;
mod s2k;
mod secret_key;
mod seipd;
#[cfg(test)]
mod tests;
mod watch;

use std::io::{self, BufRead, BufReader, Cursor, Read};

pub use crate::archive::openpgp::secret_key::{BadSecretKey, SecretKey};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::limits::ArchiveLimits;
use crate::archive::openpgp::fallback::FallbackReader;
use crate::archive::openpgp::head::{DataKind, HeadReader, MessageHead};
use crate::archive::openpgp::literal::LiteralReader;
use crate::archive::openpgp::packet::{PacketBody, tag};
use crate::archive::openpgp::seipd::DecryptingReader;
use crate::archive::openpgp::watch::{BodyState, BodyWatch};
use crate::archive::source::{ArchiveSource, looks_like};
use crate::grin::SecretBytes;

/// Bytes read from the input at a time.
const READ: usize = 64 << 10;

/// What may open an archive.
#[derive(Debug, Clone, Default)]
pub(super) struct ArchiveKeys {
    pub(super) passphrase: Option<SecretBytes>,
    pub(super) secret_key: Option<SecretKey>,
    /// Read also messages without an integrity check.
    pub(super) accept_unauthenticated: bool,
}

/// An opened message.
pub(super) struct OpenedMessage<'a> {
    pub(super) plain: PlainReader<'a>,
    /// Its end proves its content. False: it has no integrity check, and only digests of the files can prove them.
    pub(super) authenticated: bool,
}

/// Who reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageReading {
    /// We, where we can.
    Own,
    /// rpgp, whatever it is, with the session key that is derived here.
    #[cfg(any(test, feature = "lab"))]
    Rpgp,
}

/// The decrypted file as a stream. Its end without an error is the proof of the whole message; nothing before it is.
pub(super) enum PlainReader<'a> {
    Own(Box<LiteralReader<'a>>),
    Rpgp(Box<FallbackReader<'a>>),
}

impl PlainReader<'_> {
    /// Bytes that followed the message, known at its end.
    pub(super) fn trailing(&self) -> u64 {
        match self {
            Self::Own(literal) => literal.trailing(),
            Self::Rpgp(message) => message.trailing(),
        }
    }
}

impl BufRead for OpenedMessage<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.plain {
            PlainReader::Own(literal) => literal.fill_buf(),
            PlainReader::Rpgp(message) => message.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.plain {
            PlainReader::Own(literal) => literal.consume(amount),
            PlainReader::Rpgp(message) => message.consume(amount),
        }
    }
}

impl Read for OpenedMessage<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

/// Reads the head of a message and gives the file inside as a stream.
pub(super) fn open<'a, R>(
    source: &'a mut ArchiveSource<R>,
    keys: &ArchiveKeys,
    limits: &ArchiveLimits,
) -> Result<OpenedMessage<'a>, LayerFault>
where
    R: Read + Send,
{
    open_as(MessageReading::Own, source, keys, limits)
}

fn open_as<'a, R>(
    reading: MessageReading,
    source: &'a mut ArchiveSource<R>,
    keys: &ArchiveKeys,
    limits: &ArchiveLimits,
) -> Result<OpenedMessage<'a>, LayerFault>
where
    R: Read + Send,
{
    let mut reader = BufReader::with_capacity(READ, source);
    let first = reader.fill_buf().map_err(|error| fault(&error))?;
    if first.starts_with(b"-----BEGIN PGP MESSAGE") {
        let message = FallbackReader::open(reader, keys, None, BodyState::default())?;
        return Ok(OpenedMessage {
            plain: by_rpgp(message, limits)?,
            authenticated: true,
        });
    }
    if first.first().is_none_or(|byte| !begins_message(*byte)) {
        return Err(LayerFault::NotAnArchive(looks_like(first)));
    }
    let mut head = HeadReader {
        reader,
        taken: Vec::new(),
    };
    let message = MessageHead::read(&mut head)?;
    if keys.passphrase.is_none() && keys.secret_key.is_none() {
        return Err(LayerFault::NoPassphrase);
    }
    let authenticated = message.data != DataKind::Unprotected;
    if !authenticated && !keys.accept_unauthenticated {
        return Err(LayerFault::Unsupported(
            "encryption without an integrity check; archive.accept_unauthenticated reads it where checksums prove every page"
                .to_owned(),
        ));
    }
    let (ciphers, derived) = message.keys(keys.passphrase.as_ref());
    let plain = if reading == MessageReading::Own && message.data == DataKind::SeipdV1 && !ciphers.is_empty() {
        let decrypting = DecryptingReader::new(PacketBody::after_version(head.reader, message.length), ciphers);
        let layer = Box::new(decrypting.map_err(|error| fault(&error))?);
        PlainReader::Own(Box::new(
            LiteralReader::find(layer, limits).map_err(|error| fault(&error))?,
        ))
    } else {
        message.must_have_a_key_for(keys)?;
        let derived = message.choose(&mut head, derived)?;
        let passed = head.taken.len() - message.body_from;
        let rest = BodyWatch::new(head.reader, message.length, passed as u64);
        let state = rest.state();
        let message = FallbackReader::open(Cursor::new(head.taken).chain(rest), keys, derived, state)?;
        by_rpgp(message, limits)?
    };
    Ok(OpenedMessage { plain, authenticated })
}

/// Reads a whole message and gives nothing of it, to measure one reader beside the other.
#[cfg(feature = "lab")]
pub(crate) fn decrypt_to_nothing(reading: MessageReading, bytes: &[u8], passphrase: &SecretBytes) -> io::Result<u64> {
    let keys = ArchiveKeys {
        passphrase: Some(passphrase.clone()),
        ..ArchiveKeys::default()
    };
    let mut source = ArchiveSource::new(bytes);
    let mut message = open_as(reading, &mut source, &keys, &ArchiveLimits::default())?;
    io::copy(&mut message, &mut io::sink())
}

/// What rpgp decrypted; a compressed packet is unpacked here, with our bounds and every algorithm.
fn by_rpgp<'a>(message: FallbackReader<'a>, limits: &ArchiveLimits) -> Result<PlainReader<'a>, LayerFault> {
    if !message.is_compressed() {
        return Ok(PlainReader::Rpgp(Box::new(message)));
    }
    let literal = LiteralReader::find_compressed(message, limits).map_err(|error| fault(&error))?;
    Ok(PlainReader::Own(Box::new(literal)))
}

/// Can this octet be the first of an encrypted message?
fn begins_message(octet: u8) -> bool {
    let kind = match octet {
        0xc0.. => octet & 0x3f,
        0x80.. => (octet >> 2) & 0x0f,
        _ => return false,
    };
    matches!(
        kind,
        tag::PKESK | tag::SKESK | tag::UNPROTECTED | tag::MARKER | tag::SEIPD | tag::GNUPG_AEAD | tag::PADDING
    )
}

fn fault(error: &io::Error) -> LayerFault {
    LayerFault::of(error, DamageKind::Packets)
}
