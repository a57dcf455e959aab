//! What stands before the encrypted data: session keys by passphrase and by public key, and the kind of data that follows.

use std::io::{self, BufRead, Read};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::openpgp::decrypted::{DerivedKey, key_size};
use crate::archive::openpgp::packet::{PacketHeader, PacketLength, tag};
use crate::archive::openpgp::s2k::S2kSpecifier;
use crate::archive::openpgp::{ArchiveKeys, fault};
use crate::grin::SecretBytes;

/// Bytes before the encrypted data: a few session key packets.
const HEAD: usize = 64 << 10;
/// A message may be encrypted to several passphrases; each one tried costs a derivation.
const MOST_PASSPHRASES: usize = 4;
/// What is looked through for a gzip head if the repeated octets differ.
const GLANCE: u64 = 512;

/// The head of a message is read through this, so that rpgp can be given it again.
pub(super) struct HeadReader<B> {
    pub(super) reader: B,
    pub(super) taken: Vec<u8>,
}

impl<B: Read> Read for HeadReader<B> {
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
pub(super) struct MessageHead {
    by_passphrase: Vec<Skesk>,
    /// Session keys by passphrase of another version, which rpgp may know.
    other_passphrase: bool,
    by_public_key: bool,
    pub(super) data: DataKind,
    /// Length of the data packet, its version octet included.
    pub(super) length: PacketLength,
    /// Where its body begins among the bytes that were taken.
    pub(super) body_from: usize,
}

/// The kind of encrypted data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataKind {
    /// With a SHA-1 at the end; its version octet is read.
    SeipdV1,
    /// Without any integrity check.
    Unprotected,
    /// Authenticated chunk by chunk.
    Aead,
}

impl MessageHead {
    pub(super) fn read(head: &mut HeadReader<impl BufRead>) -> Result<Self, LayerFault> {
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

    /// The session keys that a passphrase gives.
    pub(super) fn keys(&self, passphrase: Option<&SecretBytes>) -> Vec<DerivedKey> {
        let Some(passphrase) = passphrase else {
            return Vec::new();
        };
        let skesks = self.by_passphrase.iter().take(MOST_PASSPHRASES);
        let derived = skesks.filter_map(|skesk| skesk.session_key(passphrase.expose()));
        derived.collect()
    }

    /// The session key under which the repeated octets of the random prefix agree; none where the data has no such prefix
    /// or no key could be derived.
    pub(super) fn choose(
        &self,
        head: &mut HeadReader<impl BufRead>,
        derived: Vec<DerivedKey>,
    ) -> Result<Option<DerivedKey>, LayerFault> {
        if self.data == DataKind::Aead {
            return Ok(derived.into_iter().next());
        }
        let Some(longest) = derived.iter().map(DerivedKey::block).max() else {
            return Ok(None);
        };
        let start = self.start(head)?;
        if start.len() < longest + 2 {
            return Err(LayerFault::Truncated);
        }
        let is_damaged = derived.iter().any(|derived| derived.shows_gzip(&start));
        match derived.into_iter().find(|derived| derived.opens(&start)) {
            None if self.by_public_key || self.other_passphrase => Ok(None),
            None if is_damaged => Err(DamageKind::Integrity.into()),
            None => Err(LayerFault::WrongPassphrase),
            chosen => Ok(chosen),
        }
    }

    /// The first bytes of the encrypted data, as far as they lie in its first part.
    fn start(&self, head: &mut HeadReader<impl BufRead>) -> Result<Vec<u8>, LayerFault> {
        let passed = (head.taken.len() - self.body_from) as u64;
        let most = match self.length {
            PacketLength::Whole(bytes) | PacketLength::Part(bytes) => bytes.saturating_sub(passed).min(GLANCE),
            PacketLength::ToEnd => GLANCE,
        };
        let mut start = Vec::new();
        let read = head.by_ref().take(most).read_to_end(&mut start);
        read.map_err(|error| fault(&error))?;
        Ok(start)
    }

    pub(super) fn must_have_a_key_for(&self, keys: &ArchiveKeys) -> Result<(), LayerFault> {
        let by_passphrase = self.other_passphrase || !self.by_passphrase.is_empty();
        match keys {
            ArchiveKeys {
                secret_key: Some(_), ..
            } if self.by_public_key => Ok(()),
            ArchiveKeys {
                passphrase: Some(_), ..
            } if by_passphrase => Ok(()),
            _ if self.by_public_key => Err(LayerFault::NoSecretKey(
                "it is encrypted to a public key, and no secret key is given".to_owned(),
            )),
            _ => Err(LayerFault::packets("it names no key")),
        }
    }
}

fn packet_body(head: &mut HeadReader<impl BufRead>, header: PacketHeader) -> Result<Vec<u8>, LayerFault> {
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
    fn read(tag: u8, head: &mut HeadReader<impl BufRead>) -> Result<Self, LayerFault> {
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

fn octet(head: &mut HeadReader<impl BufRead>) -> Result<u8, LayerFault> {
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
        let derived = DerivedKey {
            algorithm: self.algorithm,
            key: self.s2k.derive(passphrase, key_size(self.algorithm)?),
        };
        if self.encrypted.is_empty() {
            return Some(derived);
        }
        let clear = derived.decrypt(&self.encrypted)?;
        let (algorithm, key) = clear.split_first()?;
        (key_size(*algorithm) == Some(key.len())).then(|| DerivedKey {
            algorithm: *algorithm,
            key: key.to_vec(),
        })
    }
}
