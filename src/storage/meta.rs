//! User metadata of an object: `barcode`, `encrypted_etag`, `sha256`, `acquisition_date`.

use crate::storage::error::StorageError;

/// S3 bounds all user metadata of an object to 2 KiB.
const LONGEST: usize = 1024;

/// What object stores keep beside an object; any part may become known only while the object is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The volume.
    pub barcode: Option<String>,
    /// GRIN's validator of the encrypted archive.
    pub encrypted_etag: Option<String>,
    /// Digest of the stored bytes, in hex.
    pub sha256: Option<String>,
    /// When it was fetched.
    pub acquisition_date: Option<String>,
}

impl ObjectMeta {
    /// Name and value of each part that is known.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("barcode", &self.barcode),
            ("encrypted_etag", &self.encrypted_etag),
            ("sha256", &self.sha256),
            ("acquisition_date", &self.acquisition_date),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Takes one part by its name; others are none of ours.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let part = match name {
            "barcode" => &mut self.barcode,
            "encrypted_etag" => &mut self.encrypted_etag,
            "sha256" => &mut self.sha256,
            "acquisition_date" => &mut self.acquisition_date,
            _ => return,
        };
        *part = Some(value.to_owned());
    }

    /// Refuses what cannot travel in a header.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let visible = |value: &str| value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let right = |value: &str| value.len() <= LONGEST && visible(value) && value.trim() == value;
        match self.pairs().find(|(_, value)| !right(value)) {
            Some((name, _)) => Err(StorageError::Meta { name }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_header_can_carry_is_refused() {
        for bad in ["a\nb", "ä", " a", "a\0", &"x".repeat(1025)] {
            let meta = ObjectMeta {
                encrypted_etag: Some(bad.into()),
                ..ObjectMeta::default()
            };
            assert!(
                matches!(meta.check(), Err(StorageError::Meta { name: "encrypted_etag" })),
                "{bad:?}"
            );
        }
        let meta = ObjectMeta {
            encrypted_etag: Some("W/\"a b\"".into()),
            ..ObjectMeta::default()
        };
        assert!(meta.check().is_ok());
    }
}
