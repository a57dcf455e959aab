//! Messages as rpgp decrypts them.
//!
//! Whether a key is the right one is decided apart from what the message holds, so that a damaged or cut message is never
//! called a wrong passphrase where the key has proven itself.

use std::io::{self, BufRead, Read};

use pgp::composed::{
    DecryptionOptions, Esk, Message, PlainSessionKey, RawSessionKey, TheRing, decrypt_session_key_with_password,
};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{Password, Seipdv1ReadMode};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::openpgp::ArchiveKeys;
use crate::archive::openpgp::secret_key::SecretKey;
use crate::archive::openpgp::watch::BodyState;

/// A session key derived beforehand, which is faster than rpgp's own derivation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DerivedKey {
    pub(super) algorithm: u8,
    pub(super) key: Vec<u8>,
}

impl DerivedKey {
    /// Block size of its cipher in bytes.
    pub(super) fn block(&self) -> usize {
        SymmetricKeyAlgorithm::from(self.algorithm).block_size()
    }

    /// Bytes that were encrypted from their first one on, without an initial vector.
    pub(super) fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut clear = bytes.to_vec();
        let algorithm = SymmetricKeyAlgorithm::from(self.algorithm);
        let decrypted = algorithm.decrypt_with_iv_regular(&self.key, &vec![0; self.block()], &mut clear);
        decrypted.is_ok().then_some(clear)
    }

    /// Do the two repeated octets of the random prefix agree under this key?
    pub(super) fn opens(&self, start: &[u8]) -> bool {
        let block = self.block();
        let clear = start.get(..block + 2).and_then(|prefix| self.decrypt(prefix));
        clear.is_some_and(|clear| clear[block - 2..block] == clear[block..])
    }

    /// Is there a gzip head in the first bytes under this key? Then it is almost surely the right one, and the prefix
    /// is damaged.
    pub(super) fn shows_gzip(&self, start: &[u8]) -> bool {
        let clear = self.decrypt(start).unwrap_or_default();
        clear.windows(3).any(|three| three == [0x1f, 0x8b, 8])
    }
}

/// Key size in bytes of an OpenPGP symmetric algorithm, if there is such an algorithm.
pub(super) fn key_size(algorithm: u8) -> Option<usize> {
    let size = SymmetricKeyAlgorithm::from(algorithm).key_size();
    (size > 0).then_some(size)
}

/// A decrypted message that rpgp reads: the file inside, or the still compressed packet.
pub(in crate::archive) struct DecryptedMessage<'a> {
    message: Message<'a>,
    state: BodyState,
    failed: Option<LayerFault>,
}

impl<'a> DecryptedMessage<'a> {
    /// Opens a message with whatever keys there are. `state` knows where the encrypted packet ends.
    pub(super) fn open<B>(
        input: B,
        keys: &ArchiveKeys,
        derived: Option<DerivedKey>,
        state: BodyState,
    ) -> Result<Self, LayerFault>
    where
        B: BufRead + std::fmt::Debug + Send + 'a,
    {
        let opened = Message::from_reader(input).map_err(|error| broken(&error));
        let opened = opened.and_then(|(message, _)| decrypt(message, keys, derived));
        match opened {
            Ok(message) => Ok(Self {
                message,
                state,
                failed: None,
            }),
            Err(_) if state.is_cut() => Err(LayerFault::Truncated),
            Err(fault) => Err(fault),
        }
    }

    /// Is it a compressed packet, to be read octet by octet as it is?
    pub(super) fn is_compressed(&self) -> bool {
        self.message.is_compressed()
    }

    /// Bytes that followed the message, known at its end.
    pub(super) fn trailing(&self) -> u64 {
        self.state.trailing()
    }
}

fn decrypt<'a>(
    message: Message<'a>,
    keys: &ArchiveKeys,
    derived: Option<DerivedKey>,
) -> Result<Message<'a>, LayerFault> {
    if !message.is_encrypted() {
        return Err(LayerFault::Unsupported("a message that is not encrypted".to_owned()));
    }
    let password = keys.passphrase.as_ref().map(|secret| Password::from(secret.expose()));
    let accepted = match derived {
        Some(derived) => Some(PlainSessionKey::V3_4 {
            sym_alg: SymmetricKeyAlgorithm::from(derived.algorithm),
            key: RawSessionKey::from(derived.key),
        }),
        None => password.as_ref().and_then(|password| by_passphrase(&message, password)),
    };
    let key_is_known = accepted.is_some();
    let recipients = recipients(&message);
    let ring = TheRing {
        secret_keys: keys.secret_key.iter().flat_map(SecretKey::keys).collect(),
        session_keys: accepted.into_iter().collect(),
        decrypt_options: DecryptionOptions::new()
            .enable_gnupg_aead()
            .enable_legacy()
            .set_seipdv1_read_mode(Seipdv1ReadMode::Streaming),
        ..TheRing::default()
    };
    match message.decrypt_the_ring(ring, true) {
        Ok((message, _)) => Ok(message),
        Err(pgp::errors::Error::Unsupported { message, .. }) => Err(LayerFault::Unsupported(message)),
        Err(pgp::errors::Error::MissingKey) => match recipients {
            Some(recipients) => Err(LayerFault::NoSecretKey(format!(
                "it is encrypted to the public keys {}, and no secret key that is given opens it (one of ElGamal is not read)",
                recipients.join(", ")
            ))),
            None => Err(LayerFault::WrongPassphrase),
        },
        Err(_) if key_is_known || recipients.is_some() => Err(DamageKind::Integrity.into()),
        Err(_) => Err(LayerFault::WrongPassphrase),
    }
}

/// The public keys that a message is encrypted to, where no passphrase can open it.
fn recipients(message: &Message<'_>) -> Option<Vec<String>> {
    let Message::Encrypted { esk, .. } = message else {
        return None;
    };
    let named = |esk: &Esk| match esk {
        Esk::PublicKeyEncryptedSessionKey(esk) => Some(esk.id().map_or_else(|_| "?".to_owned(), ToString::to_string)),
        Esk::SymKeyEncryptedSessionKey(_) => None,
    };
    esk.iter().map(named).collect()
}

/// The session key that the passphrase opens. In versions 5 and 6 it is authenticated: that it opens is the proof.
fn by_passphrase(message: &Message<'_>, password: &Password) -> Option<PlainSessionKey> {
    let Message::Encrypted { esk, .. } = message else {
        return None;
    };
    esk.iter().find_map(|esk| match esk {
        Esk::SymKeyEncryptedSessionKey(esk) => decrypt_session_key_with_password(esk, password).ok(),
        Esk::PublicKeyEncryptedSessionKey(_) => None,
    })
}

fn broken(error: &pgp::errors::Error) -> LayerFault {
    match error {
        pgp::errors::Error::Unsupported { message, .. } => LayerFault::Unsupported(message.clone()),
        pgp::errors::Error::IO { source, .. } => LayerFault::of(source, DamageKind::Packets),
        error => LayerFault::packets(error.to_string()),
    }
}

impl BufRead for DecryptedMessage<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // rpgp's readers must not be asked again after an error.
        if let Some(fault) = &self.failed {
            return Err(fault.clone().into());
        }
        let fault = match self.message.fill_buf() {
            Ok(buffer) if !buffer.is_empty() => None,
            Ok(_) if self.state.is_cut() => Some(LayerFault::Truncated),
            Ok(_) => None,
            Err(_) if self.state.is_cut() => Some(LayerFault::Truncated),
            Err(error) => Some(LayerFault::of(&error, |_| DamageKind::Integrity)),
        };
        if let Some(fault) = fault {
            self.failed = Some(fault.clone());
            return Err(fault.into());
        }
        self.message.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.message.consume(amount);
    }
}

impl Read for DecryptedMessage<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
