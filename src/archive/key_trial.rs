//! Whether the keys open an archive, by its beginning alone.

use std::io::BufRead as _;

use crate::archive::error::{ArchiveError, DamageKind, LayerFault, SeenArchive};
use crate::archive::openpgp;
use crate::archive::openpgp::ArchiveKeys;
use crate::archive::pass::as_error;
use crate::archive::source::{ArchiveSource, looks_like};
use crate::archive::volume::PassOptions;

/// The first bytes of what is packed inside.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens the beginning of an encrypted archive. `Ok` says that the keys fit, and nothing about what is in the archive: the proof of
/// that stands at its end.
///
/// # Errors
/// As of a pass; [`ArchiveError::Truncated`] where so few bytes do not tell.
pub fn try_keys(beginning: &[u8], options: &PassOptions) -> Result<(), ArchiveError> {
    let mut source = ArchiveSource::new(beginning);
    let keys = ArchiveKeys::of(options);
    let tried = match openpgp::open(&mut source, &keys, &options.limits) {
        Ok(mut message) => match message.fill_buf() {
            Ok(plain) if plain.starts_with(&GZIP) => Ok(()),
            Ok(plain) => Err(LayerFault::NotAnArchive(looks_like(plain))),
            Err(error) => Err(LayerFault::of(&error, DamageKind::Packets)),
        },
        Err(fault) => Err(fault),
    };
    tried.map_err(|fault| {
        let seen = SeenArchive {
            encrypted_bytes: source.count(),
            fingerprint: source.fingerprint(),
            sha256: None,
            bytes: 0,
            findings: Vec::new(),
        };
        as_error(fault, Box::new(seen), source.head())
    })
}
