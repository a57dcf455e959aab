//! OpenPGP messages as streams. The own fast path reads what gpg's symmetric mode writes; the rest goes to rpgp.

mod cipher;
mod fallback;
mod literal;
mod packet;
mod s2k;
mod seipd;
#[cfg(test)]
mod tests;
mod watch;

use std::io::{self, BufRead, BufReader, Cursor, Read};

pub use crate::archive::openpgp::fallback::SecretKey;

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::limits::ArchiveLimits;
use crate::archive::openpgp::cipher::CfbCipher;
use crate::archive::openpgp::fallback::{DerivedKey, FallbackReader};
use crate::archive::openpgp::literal::LiteralReader;
use crate::archive::openpgp::packet::{PacketBody, PacketHeader, PacketLength, tag};
use crate::archive::openpgp::s2k::S2kSpecifier;
use crate::archive::openpgp::seipd::DecryptingReader;
use crate::archive::openpgp::watch::{BodyState, BodyWatch};
use crate::archive::source::{ArchiveSource, looks_like};
use crate::grin::SecretBytes;

/// Bytes read from the input at a time.
const READ: usize = 64 << 10;
/// Bytes before the encrypted data: a few session key packets.
const HEAD: usize = 64 << 10;

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
enum MessageReading {
    /// We, where we can.
    Own,
    /// rpgp, whatever it is.
    #[cfg(test)]
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
    let mut head = Head {
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

/// The head of a message is read through this, so that rpgp can be given it again.
struct Head<B> {
    reader: B,
    taken: Vec<u8>,
}

impl<B: Read> Read for Head<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buf)?;
        if self.taken.len() + got > HEAD {
            return Err(LayerFault::packets("its head is too long").into());
        }
        self.taken.extend_from_slice(&buf[..got]);
        Ok(got)
    }
}

/// What stands before the encrypted data.
struct MessageHead {
    by_passphrase: Vec<Skesk>,
    /// Session keys by passphrase of another version, which rpgp may know.
    other_passphrase: bool,
    by_public_key: bool,
    data: DataKind,
    /// Length of the data packet, its version octet included.
    length: PacketLength,
    /// Where its body begins among the bytes that were taken.
    body_from: usize,
}

/// The kind of encrypted data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataKind {
    /// With a SHA-1 at the end; its version octet is read.
    SeipdV1,
    /// Without any integrity check.
    Unprotected,
    /// Authenticated chunk by chunk.
    Aead,
}

impl MessageHead {
    fn read(head: &mut Head<impl BufRead>) -> Result<Self, LayerFault> {
        let (mut by_passphrase, mut other_passphrase, mut by_public_key) = (Vec::new(), false, false);
        loop {
            let header = PacketHeader::read(head)
                .map_err(|error| fault(&error))?
                .ok_or(LayerFault::Truncated)?;
            let body_from = head.taken.len();
            match header.tag {
                tag::SKESK => match Skesk::parse(&packet_body(head, header)?) {
                    Some(skesk) => by_passphrase.push(skesk),
                    None => other_passphrase = true,
                },
                tag::PKESK => {
                    packet_body(head, header)?;
                    by_public_key = true;
                }
                tag::MARKER | tag::PADDING => drop(packet_body(head, header)?),
                _ => {
                    return Ok(Self {
                        by_passphrase,
                        other_passphrase,
                        by_public_key,
                        data: DataKind::read(header.tag, head)?,
                        length: header.length,
                        body_from,
                    });
                }
            }
        }
    }

    /// AES ciphers for the own path, and all session keys for rpgp.
    fn keys(&self, passphrase: Option<&SecretBytes>) -> (Vec<CfbCipher>, Vec<DerivedKey>) {
        let Some(passphrase) = passphrase else {
            return (Vec::new(), Vec::new());
        };
        let skesks = self.by_passphrase.iter().take(MOST_PASSPHRASES);
        let derived: Vec<DerivedKey> = skesks
            .filter_map(|skesk| skesk.session_key(passphrase.expose()))
            .collect();
        let cipher = |derived: &DerivedKey| CfbCipher::new(derived.algorithm, &derived.key);
        (derived.iter().filter_map(cipher).collect(), derived)
    }

    /// The session key under which the repeated octets of the random prefix agree; none where the data has no such prefix
    /// or no key could be derived.
    fn choose(
        &self,
        head: &mut Head<impl BufRead>,
        derived: Vec<DerivedKey>,
    ) -> Result<Option<DerivedKey>, LayerFault> {
        if self.data == DataKind::Aead {
            return Ok(derived.into_iter().next());
        }
        let Some(longest) = derived.iter().map(DerivedKey::block).max() else {
            return Ok(None);
        };
        let mut prefix = vec![0; longest + 2];
        head.read_exact(&mut prefix).map_err(|error| fault(&error))?;
        let chosen = derived.into_iter().find(|derived| derived.opens(&prefix));
        match chosen {
            None if !self.by_public_key && !self.other_passphrase => Err(LayerFault::WrongPassphrase),
            chosen => Ok(chosen),
        }
    }

    fn must_have_a_key_for(&self, keys: &ArchiveKeys) -> Result<(), LayerFault> {
        let by_passphrase = self.other_passphrase || !self.by_passphrase.is_empty();
        match keys {
            ArchiveKeys {
                secret_key: Some(_), ..
            } if self.by_public_key => Ok(()),
            ArchiveKeys {
                passphrase: Some(_), ..
            } if by_passphrase => Ok(()),
            _ if self.by_public_key => Err(LayerFault::Unsupported(
                "encrypted to a public key, and no secret key is given".to_owned(),
            )),
            _ => Err(LayerFault::packets("it names no key")),
        }
    }
}

/// A message may be encrypted to several passphrases; each one tried costs a derivation.
const MOST_PASSPHRASES: usize = 4;

fn packet_body(head: &mut Head<impl BufRead>, header: PacketHeader) -> Result<Vec<u8>, LayerFault> {
    let PacketLength::Whole(length) = header.length else {
        return Err(LayerFault::packets("a key packet without a length"));
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= HEAD);
    let mut body = vec![0; length.ok_or_else(|| LayerFault::packets("its head is too long"))?];
    head.read_exact(&mut body).map_err(|error| fault(&error))?;
    Ok(body)
}

impl DataKind {
    /// The kind of a data packet, by its tag and its first octets.
    fn read(tag: u8, head: &mut Head<impl BufRead>) -> Result<Self, LayerFault> {
        let unsupported = |what: String| Err(LayerFault::Unsupported(what));
        match tag {
            tag::SEIPD => match octet(head)? {
                1 => Ok(Self::SeipdV1),
                2 => Ok(Self::Aead),
                other => unsupported(format!("encrypted data (packet 18) of version {other}")),
            },
            tag::GNUPG_AEAD => match [octet(head)?, octet(head)?, octet(head)?] {
                [1, _, 2] => Ok(Self::Aead),
                [1, _, 1] => unsupported("EAX encryption in gpg's own form (packet 20)".to_owned()),
                [1, _, mode] => unsupported(format!("encryption mode {mode} in gpg's own form (packet 20)")),
                [other, ..] => unsupported(format!("encrypted data (packet 20) of version {other}")),
            },
            tag::UNPROTECTED => Ok(Self::Unprotected),
            other => Err(LayerFault::packets(format!("packet {other} in its head"))),
        }
    }
}

fn octet(head: &mut Head<impl BufRead>) -> Result<u8, LayerFault> {
    let mut octet = [0];
    head.read_exact(&mut octet).map_err(|error| fault(&error))?;
    Ok(octet[0])
}

/// A session key encrypted with, or simply derived from, a passphrase (SKESK version 4, RFC 9580, section 5.3.1).
struct Skesk {
    algorithm: u8,
    s2k: S2kSpecifier,
    encrypted: Vec<u8>,
}

impl Skesk {
    fn parse(body: &[u8]) -> Option<Self> {
        let [4, algorithm, rest @ ..] = body else { return None };
        let (s2k, used) = S2kSpecifier::parse(rest)?;
        Some(Self {
            algorithm: *algorithm,
            s2k,
            encrypted: rest[used..].to_vec(),
        })
    }

    /// Algorithm and key of the data. `None` if the cipher is unknown or the encrypted key makes no sense.
    fn session_key(&self, passphrase: &[u8]) -> Option<DerivedKey> {
        let key = self.s2k.derive(passphrase, cipher::key_size(self.algorithm)?);
        if self.encrypted.is_empty() {
            return Some(DerivedKey {
                algorithm: self.algorithm,
                key,
            });
        }
        let mut cfb = CfbCipher::new(self.algorithm, &key)?;
        let mut clear = self.encrypted.clone();
        let whole = clear.len() / cipher::BLOCK * cipher::BLOCK;
        cfb.decrypt_blocks(&mut clear);
        cfb.decrypt_rest(&mut clear[whole..]);
        let (algorithm, key) = clear.split_first()?;
        (cipher::key_size(*algorithm) == Some(key.len())).then(|| DerivedKey {
            algorithm: *algorithm,
            key: key.to_vec(),
        })
    }
}
