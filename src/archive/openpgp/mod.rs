//! OpenPGP messages as streams. The own fast path reads what gpg's symmetric mode writes; the rest goes to rpgp.

mod cipher;
mod fallback;
mod literal;
mod packet;
mod s2k;
mod seipd;

use std::io::{self, BufRead, BufReader, Cursor, Read};

pub use crate::archive::openpgp::fallback::{BadSecretKey, SecretKey};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::limits::ArchiveLimits;
use crate::archive::openpgp::cipher::CfbCipher;
use crate::archive::openpgp::fallback::{DerivedKey, FallbackReader};
use crate::archive::openpgp::literal::LiteralReader;
use crate::archive::openpgp::packet::{PacketBody, PacketHeader, tag};
use crate::archive::openpgp::s2k::S2kSpecifier;
use crate::archive::openpgp::seipd::DecryptingReader;
use crate::archive::source::{ArchiveSource, looks_like};
use crate::grin::Secret;

/// Bytes read from the input at a time.
const READ: usize = 64 << 10;
/// Bytes before the encrypted data: a few session key packets.
const HEAD: usize = 64 << 10;

/// What may open an archive.
#[derive(Debug, Clone, Default)]
pub(super) struct ArchiveKeys {
    pub(super) passphrase: Option<Secret>,
    pub(super) secret_key: Option<SecretKey>,
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
            Self::Rpgp(_) => 0,
        }
    }
}

impl BufRead for PlainReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Own(literal) => literal.fill_buf(),
            Self::Rpgp(message) => message.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Own(literal) => literal.consume(amount),
            Self::Rpgp(message) => message.consume(amount),
        }
    }
}

impl Read for PlainReader<'_> {
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
) -> Result<PlainReader<'a>, LayerFault>
where
    R: Read + Send,
{
    let mut reader = BufReader::with_capacity(READ, source);
    let first = reader.fill_buf().map_err(|error| fault(&error))?;
    if first.starts_with(b"-----BEGIN PGP MESSAGE") {
        return FallbackReader::open(reader, keys, None).map(|message| PlainReader::Rpgp(Box::new(message)));
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
    let (ciphers, derived) = message.keys(keys.passphrase.as_ref());
    match message.data {
        Data::SeipdV1(length) if !ciphers.is_empty() => {
            let decrypting = DecryptingReader::new(PacketBody::after_version(head.reader, length), ciphers);
            let layer = Box::new(decrypting.map_err(|error| fault(&error))?);
            let literal = LiteralReader::find(layer, limits).map_err(|error| fault(&error))?;
            Ok(PlainReader::Own(Box::new(literal)))
        }
        _ => {
            message.must_have_a_key_for(keys)?;
            let input = Cursor::new(head.taken).chain(head.reader);
            FallbackReader::open(input, keys, derived).map(|message| PlainReader::Rpgp(Box::new(message)))
        }
    }
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
    data: Data,
}

/// The kind of encrypted data.
enum Data {
    /// With its length including the version octet, which was read already.
    SeipdV1(packet::PacketLength),
    Other,
}

impl MessageHead {
    fn read(head: &mut Head<impl BufRead>) -> Result<Self, LayerFault> {
        let (mut by_passphrase, mut other_passphrase, mut by_public_key) = (Vec::new(), false, false);
        loop {
            let header = PacketHeader::read(head)
                .map_err(|error| fault(&error))?
                .ok_or(LayerFault::Truncated)?;
            let data = match header.tag {
                tag::SKESK => {
                    let body = packet_body(head, header)?;
                    match Skesk::parse(&body) {
                        Some(skesk) => by_passphrase.push(skesk),
                        None => other_passphrase = true,
                    }
                    continue;
                }
                tag::PKESK => {
                    packet_body(head, header)?;
                    by_public_key = true;
                    continue;
                }
                tag::MARKER | tag::PADDING => {
                    packet_body(head, header)?;
                    continue;
                }
                tag::SEIPD => match version(head)? {
                    1 => Data::SeipdV1(header.length),
                    _ => Data::Other,
                },
                tag::GNUPG_AEAD => Data::Other,
                tag::UNPROTECTED => {
                    return Err(LayerFault::Unsupported(
                        "encryption without an integrity check".to_owned(),
                    ));
                }
                other => return Err(LayerFault::packets(format!("packet {other} in its head"))),
            };
            return Ok(Self {
                by_passphrase,
                other_passphrase,
                by_public_key,
                data,
            });
        }
    }

    /// AES ciphers for the own path, and the session key of another cipher for rpgp.
    fn keys(&self, passphrase: Option<&Secret>) -> (Vec<CfbCipher>, Option<DerivedKey>) {
        let Some(passphrase) = passphrase else {
            return (Vec::new(), None);
        };
        let mut ciphers = Vec::new();
        let mut derived = None;
        for skesk in self.by_passphrase.iter().take(MOST_PASSPHRASES) {
            let Some((algorithm, key)) = skesk.session_key(passphrase.expose().as_bytes()) else {
                continue;
            };
            match CfbCipher::new(algorithm, &key) {
                Some(cipher) => ciphers.push(cipher),
                None => derived = Some(DerivedKey { algorithm, key }),
            }
        }
        (ciphers, derived)
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
    let packet::PacketLength::Whole(length) = header.length else {
        return Err(LayerFault::packets("a key packet without a length"));
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= HEAD);
    let mut body = vec![0; length.ok_or_else(|| LayerFault::packets("its head is too long"))?];
    head.read_exact(&mut body).map_err(|error| fault(&error))?;
    Ok(body)
}

fn version(head: &mut Head<impl BufRead>) -> Result<u8, LayerFault> {
    let mut version = [0];
    head.read_exact(&mut version).map_err(|error| fault(&error))?;
    Ok(version[0])
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
    fn session_key(&self, passphrase: &[u8]) -> Option<(u8, Vec<u8>)> {
        let key = self.s2k.derive(passphrase, cipher::key_size(self.algorithm)?);
        if self.encrypted.is_empty() {
            return Some((self.algorithm, key));
        }
        let mut cfb = CfbCipher::new(self.algorithm, &key)?;
        let mut clear = self.encrypted.clone();
        let whole = clear.len() / cipher::BLOCK * cipher::BLOCK;
        cfb.decrypt_blocks(&mut clear);
        cfb.decrypt_rest(&mut clear[whole..]);
        let (algorithm, key) = clear.split_first()?;
        (cipher::key_size(*algorithm) == Some(key.len())).then(|| (*algorithm, key.to_vec()))
    }
}
