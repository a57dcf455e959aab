//! Secret keys for archives that are encrypted to a public key, unlocked once at the start.

use std::sync::Arc;

use pgp::composed::{Deserializable, SignedSecretKey};
use pgp::types::Password;

use crate::grin::SecretBytes;

/// The secret keys of one file, unlocked.
#[derive(Clone)]
pub struct SecretKey(Arc<[SignedSecretKey]>);

/// Why a file gives no secret key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecretKey {
    /// It is something else, or broken.
    #[error("there is no OpenPGP secret key in it ({0}); export one with gpg --export-secret-keys")]
    NotAKey(String),
    /// A passphrase is needed.
    #[error("its secret key is protected by a passphrase, and none is given")]
    Locked,
    /// The passphrase is another one.
    #[error("the passphrase does not unlock its secret key")]
    WrongPassphrase,
}

impl SecretKey {
    /// Reads exported secret keys, armoured or binary, and unlocks those that the passphrase opens. A part that stays locked, such as
    /// a primary key that is kept elsewhere, does no harm as long as one part is open.
    ///
    /// # Errors
    /// No secret key is there, or none can be unlocked.
    pub fn unlock(bytes: &[u8], passphrase: Option<&SecretBytes>) -> Result<Self, BadSecretKey> {
        let not_a_key = |error: pgp::errors::Error| BadSecretKey::NotAKey(error.to_string());
        let (keys, _) = SignedSecretKey::from_reader_many(bytes).map_err(not_a_key)?;
        let mut keys: Vec<SignedSecretKey> = keys.collect::<Result<_, _>>().map_err(not_a_key)?;
        if keys.is_empty() {
            return Err(BadSecretKey::NotAKey("it holds none".to_owned()));
        }
        let password = passphrase.map(|passphrase| Password::from(passphrase.expose()));
        let open = keys.iter_mut().map(|key| unlock(key, password.as_ref())).sum::<usize>();
        match (open, passphrase) {
            (1.., _) => Ok(Self(keys.into())),
            (0, None) => Err(BadSecretKey::Locked),
            (0, Some(_)) => Err(BadSecretKey::WrongPassphrase),
        }
    }

    pub(super) fn keys(&self) -> &[SignedSecretKey] {
        &self.0
    }
}

/// Unlocks what it can; gives the number of parts that are open.
fn unlock(key: &mut SignedSecretKey, password: Option<&Password>) -> usize {
    if let Some(password) = password {
        // What stays locked is counted below.
        let _ = key.primary_key.remove_password(password);
        for subkey in &mut key.secret_subkeys {
            let _ = subkey.key.remove_password(password);
        }
    }
    let subkeys = key.secret_subkeys.iter().map(|subkey| subkey.key.secret_params());
    let all = subkeys.chain([key.primary_key.secret_params()]);
    all.filter(|secret| !secret.is_encrypted()).count()
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
