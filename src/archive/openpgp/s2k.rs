//! A passphrase made into a key (RFC 9580, section 3.7), as fast as the hash goes.
//!
//! gpg hashes about 65 MB for each 20 bytes of key; this is where a small archive spends most of its time.

use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// String-to-key specifier of a kind that can be derived here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct S2kSpecifier {
    hash: Hash,
    /// Empty for the simple kind.
    salt: Vec<u8>,
    /// Bytes to hash; 0 means salt and passphrase once.
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(id: u8) -> Option<Self> {
        Some(match id {
            2 => Self::Sha1,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            11 => Self::Sha224,
            _ => return None,
        })
    }
}

impl S2kSpecifier {
    /// Reads a specifier; gives it and how many bytes it took. `None`: unknown kind or hash, or too short.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let hash = Hash::of(*bytes.get(1)?)?;
        match bytes[0] {
            0 => Some((
                Self {
                    hash,
                    salt: Vec::new(),
                    count: 0,
                },
                2,
            )),
            1 => Some((
                Self {
                    hash,
                    salt: bytes.get(2..10)?.to_vec(),
                    count: 0,
                },
                10,
            )),
            3 => {
                let coded = u64::from(*bytes.get(10)?);
                let count = (16 + (coded & 15)) << ((coded >> 4) + 6);
                Some((
                    Self {
                        hash,
                        salt: bytes[2..10].to_vec(),
                        count,
                    },
                    11,
                ))
            }
            _ => None,
        }
    }

    /// The key of `length` bytes for a passphrase.
    pub(super) fn derive(&self, passphrase: &[u8], length: usize) -> Vec<u8> {
        match self.hash {
            Hash::Sha1 => self.derive_with::<Sha1>(passphrase, length),
            Hash::Sha224 => self.derive_with::<Sha224>(passphrase, length),
            Hash::Sha256 => self.derive_with::<Sha256>(passphrase, length),
            Hash::Sha384 => self.derive_with::<Sha384>(passphrase, length),
            Hash::Sha512 => self.derive_with::<Sha512>(passphrase, length),
        }
    }

    fn derive_with<D: Digest>(&self, passphrase: &[u8], length: usize) -> Vec<u8> {
        let once = [self.salt.as_slice(), passphrase].concat();
        let total = usize::try_from(self.count).unwrap_or(usize::MAX).max(once.len());
        // Many repetitions at a time, so that the hash sees long runs.
        let run = once.repeat((16 << 10) / once.len().max(1) + 1);
        let mut key = Vec::with_capacity(length + <D as Digest>::output_size());
        let mut zeros = 0;
        while key.len() < length {
            let mut hash = D::new_with_prefix(vec![0; zeros]);
            let mut left = total;
            while left >= run.len() && !run.is_empty() {
                hash.update(&run);
                left -= run.len();
            }
            hash.update(&run[..left]);
            key.extend_from_slice(&hash.finalize());
            zeros += 1;
        }
        key.truncate(length);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, byte by byte.
    fn by_the_book(salt: &[u8], passphrase: &[u8], count: usize, length: usize) -> Vec<u8> {
        let once = [salt, passphrase].concat();
        let bytes: Vec<u8> = once.iter().copied().cycle().take(count.max(once.len())).collect();
        let mut key = Vec::new();
        for zeros in 0.. {
            if key.len() >= length {
                break;
            }
            key.extend(Sha1::digest([vec![0; zeros], bytes.clone()].concat()));
        }
        key.truncate(length);
        key
    }

    #[test]
    fn the_fast_way_gives_the_key_of_the_definition() {
        let spec = [3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0x60];
        let (s2k, used) = S2kSpecifier::parse(&spec).unwrap();
        assert_eq!((used, s2k.count), (11, 65_536));
        for passphrase in ["x", "correct horse battery staple", &"long ".repeat(9_000)] {
            for length in [16, 24, 32] {
                let expected = by_the_book(&spec[2..10], passphrase.as_bytes(), 65_536, length);
                assert_eq!(s2k.derive(passphrase.as_bytes(), length), expected, "{length}");
            }
        }
    }

    #[test]
    fn salted_and_simple_kinds_hash_once() {
        let (salted, _) = S2kSpecifier::parse(&[1, 2, 9, 9, 9, 9, 9, 9, 9, 9]).unwrap();
        assert_eq!(salted.derive(b"pass", 16), by_the_book(&[9; 8], b"pass", 0, 16));
        let (simple, _) = S2kSpecifier::parse(&[0, 2]).unwrap();
        assert_eq!(simple.derive(b"pass", 32), by_the_book(&[], b"pass", 0, 32));
        assert_eq!(simple.derive(b"", 20), by_the_book(&[], b"", 0, 20));
    }

    #[test]
    fn unknown_or_cut_specifiers_are_none() {
        for bytes in [
            &[][..],
            &[3],
            &[3, 2, 0],
            &[4, 8],
            &[3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 2, 0],
        ] {
            assert!(S2kSpecifier::parse(bytes).is_none(), "{bytes:?}");
        }
    }
}
