//! OpenPGP messages as streams: the head is read and the key derived here, rpgp decrypts, compressed packets are unpacked here.

mod armour;
mod decrypted;
mod head;
mod literal;
mod packet;
mod s2k;
mod secret_key;
#[cfg(test)]
mod tests;
mod watch;

use std::io::{self, BufRead, BufReader, Cursor, Read};

pub use crate::archive::openpgp::secret_key::{BadSecretKey, SecretKey};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::limits::ArchiveLimits;
use crate::archive::openpgp::armour::{ARMOUR_WITHIN, ArmourReader, TrimmedLines, armour_begin};
use crate::archive::openpgp::decrypted::DecryptedMessage;
use crate::archive::openpgp::head::{DataKind, HeadReader, MessageHead};
use crate::archive::openpgp::literal::LiteralReader;
use crate::archive::openpgp::packet::tag;
use crate::archive::openpgp::watch::BodyWatch;
use crate::archive::source::{ArchiveSource, looks_like};
use crate::archive::volume::PassOptions;
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

impl ArchiveKeys {
    pub(super) fn of(options: &PassOptions) -> Self {
        Self {
            passphrase: options.passphrase.clone(),
            secret_key: options.secret_key.clone(),
            accept_unauthenticated: options.accept_unauthenticated,
        }
    }
}

/// An opened message.
pub(super) struct OpenedMessage<'a> {
    pub(super) plain: PlainReader<'a>,
    /// Its end proves its content. False: it has no integrity check, and only digests of the files can prove them.
    pub(super) authenticated: bool,
}

/// The decrypted file as a stream. Its end without an error is the proof of the whole message; nothing before it is.
pub(super) enum PlainReader<'a> {
    Plain(Box<DecryptedMessage<'a>>),
    Unpacked(Box<LiteralReader<'a>>),
}

impl PlainReader<'_> {
    /// Bytes that followed the message, known at its end.
    pub(super) fn trailing(&self) -> u64 {
        match self {
            Self::Plain(message) => message.trailing(),
            Self::Unpacked(literal) => literal.trailing(),
        }
    }
}

impl BufRead for OpenedMessage<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.plain {
            PlainReader::Plain(message) => message.fill_buf(),
            PlainReader::Unpacked(literal) => literal.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.plain {
            PlainReader::Plain(message) => message.consume(amount),
            PlainReader::Unpacked(literal) => literal.consume(amount),
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
    let mut reader = BufReader::with_capacity(READ, source);
    let first = reader.fill_buf().map_err(|error| fault(&error))?;
    if first.first().is_none_or(|byte| begins_message(*byte)) {
        return open_packets(reader, keys, limits);
    }
    let mut head = Vec::new();
    let within = reader.by_ref().take(ARMOUR_WITHIN).read_to_end(&mut head);
    within.map_err(|error| fault(&error))?;
    let Some(at) = armour_begin(&head) else {
        return Err(LayerFault::NotAnArchive(looks_like(&head)));
    };
    let lines = TrimmedLines::new(Cursor::new(head.split_off(at)).chain(reader));
    let mut reader = BufReader::with_capacity(READ, ArmourReader::new(lines));
    if reader.fill_buf().map_err(|error| fault(&error))?.is_empty() {
        return Err(LayerFault::Truncated);
    }
    open_packets(reader, keys, limits)
}

/// The same of its packets, which may have come in armour.
fn open_packets<'a, B>(
    mut reader: B,
    keys: &ArchiveKeys,
    limits: &ArchiveLimits,
) -> Result<OpenedMessage<'a>, LayerFault>
where
    B: BufRead + std::fmt::Debug + Send + 'a,
{
    let first = reader.fill_buf().map_err(|error| fault(&error))?;
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
        return Err(LayerFault::NoIntegrityCheck);
    }
    let derived = message.keys(keys.passphrase.as_ref());
    message.must_have_a_key_for(keys)?;
    let derived = message.choose(&mut head, derived)?;
    let passed = head.taken.len() - message.body_from;
    let rest = BodyWatch::new(head.reader, message.length, passed as u64);
    let state = rest.state();
    let message = DecryptedMessage::open(Cursor::new(head.taken).chain(rest), keys, derived, state)?;
    let plain = unpacked(message, limits)?;
    Ok(OpenedMessage { plain, authenticated })
}

/// What rpgp decrypted; a compressed packet is unpacked here, with our bounds and every algorithm.
fn unpacked<'a>(message: DecryptedMessage<'a>, limits: &ArchiveLimits) -> Result<PlainReader<'a>, LayerFault> {
    if !message.is_compressed() {
        return Ok(PlainReader::Plain(Box::new(message)));
    }
    let literal = LiteralReader::find_compressed(message, limits).map_err(|error| fault(&error))?;
    Ok(PlainReader::Unpacked(Box::new(literal)))
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
