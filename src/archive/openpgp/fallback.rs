//! Messages that gpg's symmetric mode does not write (public keys, AEAD, other ciphers), read by rpgp.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use pgp::composed::{
    DecryptionOptions, Deserializable, Message, PlainSessionKey, RawSessionKey, SignedSecretKey, TheRing,
};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{Password, Seipdv1ReadMode};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::openpgp::ArchiveKeys;

/// A secret key for archives that are encrypted to a public key; the passphrase unlocks it.
#[derive(Clone)]
pub struct SecretKey(Arc<SignedSecretKey>);

/// A secret key file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("this is no OpenPGP secret key: {0}")]
pub struct BadSecretKey(String);

impl SecretKey {
    /// Reads an exported secret key, armoured or binary.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadSecretKey> {
        let (key, _) = SignedSecretKey::from_reader_single(bytes).map_err(|error| BadSecretKey(error.to_string()))?;
        Ok(Self(Arc::new(key)))
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A session key derived beforehand, which is faster than rpgp's own derivation.
pub(super) struct DerivedKey {
    pub(super) algorithm: u8,
    pub(super) key: Vec<u8>,
}

/// The file inside a message that rpgp reads.
pub(in crate::archive) struct FallbackReader<'a> {
    message: Message<'a>,
    failed: Option<LayerFault>,
}

impl<'a> FallbackReader<'a> {
    /// Opens a message with whatever keys there are.
    pub(super) fn open<B>(input: B, keys: &ArchiveKeys, derived: Option<DerivedKey>) -> Result<Self, LayerFault>
    where
        B: BufRead + std::fmt::Debug + Send + 'a,
    {
        let (message, _) = Message::from_reader(input).map_err(|error| structure(&error))?;
        if !message.is_encrypted() {
            return Err(LayerFault::Unsupported("a message that is not encrypted".to_owned()));
        }
        let mut message = decrypt(message, keys, derived)?;
        while message.is_compressed() {
            message = message.decompress().map_err(|error| structure(&error))?;
        }
        Ok(Self { message, failed: None })
    }
}

fn decrypt<'a>(
    message: Message<'a>,
    keys: &ArchiveKeys,
    derived: Option<DerivedKey>,
) -> Result<Message<'a>, LayerFault> {
    let password = keys.passphrase.as_ref().map(|secret| Password::from(secret.expose()));
    let passwords: Vec<&Password> = password.iter().collect();
    let session_key = derived.map(|derived| PlainSessionKey::V3_4 {
        sym_alg: SymmetricKeyAlgorithm::from(derived.algorithm),
        key: RawSessionKey::from(derived.key),
    });
    let ring = TheRing {
        secret_keys: keys.secret_key.iter().map(|key| key.0.as_ref()).collect(),
        key_passwords: passwords.clone(),
        message_password: passwords,
        session_keys: session_key.into_iter().collect(),
        decrypt_options: DecryptionOptions::new()
            .enable_gnupg_aead()
            .set_seipdv1_read_mode(Seipdv1ReadMode::Streaming),
    };
    // What follows a wrong key is noise, which rpgp meets as a broken packet.
    let (message, _) = message
        .decrypt_the_ring(ring, true)
        .map_err(|_| LayerFault::WrongPassphrase)?;
    Ok(message)
}

fn structure(error: &pgp::errors::Error) -> LayerFault {
    LayerFault::packets(error.to_string())
}

impl BufRead for FallbackReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // rpgp's readers must not be asked again after an error.
        if let Some(fault) = &self.failed {
            return Err(fault.clone().into());
        }
        if let Err(error) = self.message.fill_buf() {
            let fault = LayerFault::of(&error, |_| DamageKind::Integrity);
            self.failed = Some(fault.clone());
            return Err(fault.into());
        }
        self.message.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.message.consume(amount);
    }
}

impl Read for FallbackReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
